//! The two listeners: accept, serve, drain.
//!
//! `axum::serve` has no time limit for a request's header, and holds a silent connection for ever; so the accept loop is
//! our own, on hyper's HTTP/1 with a header timeout, which also closes a connection that never says anything. At the
//! cap (`connections.rs`) the one goes that has been waited for longest.
//!
//! **Drain**, after the shutdown signal: `/readyz` says 503 → no new connections → requests in flight end, at most
//! `drain_timeout` → the log is closed (everything taken in is durable) → it is applied → the store is made durable.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::app::App;
use crate::connections::{Awaited, Connection, Connections};
use crate::metric::Metric;
use crate::router;

/// Most bytes of a request's line and headers: what is read of a connection before it has said what it wants. hyper asks for
/// 8 KiB at least.
const HEADER_BYTES: usize = 16 * 1024;

/// Connections that the kernel holds until they are accepted; no more than its own limit (`net.core.somaxconn`). With the 128
/// that are usual, a burst overflows it: those who speak are then a second late, and those who do not are told nothing.
const BACKLOG: u32 = 4_096;

/// A listener on this address, with room for a burst.
///
/// # Errors
/// When the system refuses the address.
pub fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // As the standard library does, so that a restart need not wait for the connections of before.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `shutdown` resolves, then drains.
///
/// The caller binds the listeners, so that tests choose free ports and know them.
pub async fn serve(
    app: Arc<App>,
    public: TcpListener,
    private: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let (stop, stopped) = watch::channel(false);
    let routes = [(public, router::public(app.clone())), (private, router::private(app.clone()))];
    let listeners: Vec<_> = routes
        .into_iter()
        .map(|(listener, router)| {
            let limits = Limits {
                header: app.config.header_timeout.duration(),
                drain: app.config.drain_timeout.duration(),
                connections: app.config.connections,
            };
            tokio::spawn(listen(listener, router, limits, stopped.clone()))
        })
        .collect();
    shutdown.await;
    tracing::info!("stopping: requests in flight are finished");
    app.draining.store(true, Ordering::Relaxed);
    stop.send_replace(true);
    for listener in listeners {
        if let Err(error) = listener.await {
            tracing::error!(%error, "a listener ended early");
        }
    }
}

#[derive(Clone, Copy)]
struct Limits {
    header: Duration,
    drain: Duration,
    connections: usize,
}

async fn listen(listener: TcpListener, router: Router, limits: Limits, mut stopped: watch::Receiver<bool>) {
    let connections = Connections::new(limits.connections);
    let graceful = GracefulShutdown::new();
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.header).max_headers(64).max_buf_size(HEADER_BYTES);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: others must close first.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            _ = stopped.changed() => break,
        };
        let open = tokio::select! {
            open = connections.room() => open,
            _ = stopped.changed() => break,
        };
        // Only a hint to the kernel; small answers are late without it.
        drop(stream.set_nodelay(true));
        let service = connection_service(router.clone(), peer, open.clone());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            tokio::select! {
                ended = connection => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "connection ended");
                    }
                }
                () = open.closed() => Metric::ConnectionClosed.count("no_room"),
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still in flight at the end of the drain timeout");
    }
}

/// One connection's requests, each with its peer's address.
fn connection_service(
    router: Router,
    peer: SocketAddr,
    connection: Arc<Connection>,
) -> impl hyper::service::Service<
    hyper::Request<Incoming>,
    Response = axum::response::Response,
    Error = Infallible,
    Future = impl Future<Output = Result<axum::response::Response, Infallible>> + Send,
> {
    hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let connection = connection.clone();
        let answering = router.clone().oneshot(request.map(|body| Body::new(Awaited::new(body, connection.clone()))));
        async move {
            let answer = answering.await;
            connection.wait();
            answer
        }
    })
}

/// Resolves on SIGTERM or ctrl-c.
///
/// # Errors
/// When the system takes no signal handler.
pub fn signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Asks a running collector whether it is ready; for health checks of service managers.
///
/// # Errors
/// Says what was answered, or that nothing was.
pub async fn health(address: SocketAddr) -> Result<(), String> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let asked = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.take(8192).read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    match tokio::time::timeout(Duration::from_secs(2), asked).await {
        Err(_) => Err(format!("{address} does not answer within 2 s")),
        Ok(Err(error)) => Err(format!("{address}: {error}")),
        Ok(Ok(answer)) if answer.starts_with("HTTP/1.1 200") => Ok(()),
        Ok(Ok(answer)) => Err(answer.lines().next().unwrap_or("no answer").to_owned()),
    }
}
