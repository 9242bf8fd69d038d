//! Accepting connections, and stopping.

use std::pin::pin;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;

use crate::router::router;
use crate::settings::Settings;

/// Time that a client has to send a request's head, a connection that says nothing included.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// Time that requests under way have to end after the shutdown.
const DRAIN_TIME: Duration = Duration::from_secs(3);
/// Pause after a failed accept: when file descriptors have run out, trying at once only burns the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves the shop on `listener` until `shutdown` resolves. Then it accepts nothing more, closes idle connections, lets
/// requests under way end for at most three seconds, and returns.
pub async fn serve(listener: TcpListener, settings: Settings, shutdown: impl Future<Output = ()> + Send) {
    let service = TowerToHyperService::new(router(settings));
    let graceful = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .serve_connection(TokioIo::new(stream), service.clone());
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIME, graceful.shutdown()).await.is_err() {
        tracing::warn!("stopped with requests still under way");
    }
}
