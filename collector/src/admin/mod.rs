//! The admin socket: how commands of this machine reach the running collector, which alone has log and store open.
//!
//! A Unix socket `admin.sock` in the data folder, for this user only. One JSON object a line in, one JSON object a line
//! out, in order:
//!
//! | in | out |
//! | --- | --- |
//! | `{"command": "outbox", "site": …, "after": …, "limit": …}`, all but the first optional | `{"messages": […], "next": …}` |
//! | `{"command": "advance", "by": "90m"}`, with a test clock only | `{"now": …}`, once all that is due by then is applied |
//! | `{"command": "model_list", "site": …}` | `{"editions": […]}` |
//! | `{"command": "model_import", "site": …, "text": …, "by": …}` | `{"number": …, "new": …}` |
//! | `{"command": "model_publish", "site": …, "number": …, "by": …, "notify": …}` | `{"number": …, "unseen": …}`: folded events that its conditions cannot see |
//! | `{"command": "model_explain", "site": …, "model": …, "visitor": …}` | see [`Explained`](crate::models::Explained) |
//! | `{"command": "model_backtest", "site": …, "old": …, "new": …, "since": "30d"}` | see [`BacktestReport`](crate::study::BacktestReport) |
//! | `{"command": "model_calibrate", "site": …, "model": …}` | see [`CalibrationReport`](crate::study::CalibrationReport) |
//! | `{"command": "geo_reload"}` | see [`InUse`](crate::geo::InUse) |
//! | `{"command": "report_stages", "site": …, "since": "120d"}` | see [`StagesReport`](crate::study::StagesReport) |
//! | `{"command": "report_funnel", "site": …, "since": …, "steps": […]}` | see [`FunnelReport`](crate::study::FunnelReport) |
//! | `{"command": "report_carts", "site": …, "since": …}` | see [`CartsReport`](crate::study::CartsReport) |
//! | `{"command": "report_touchpoints", "site": …, "since": …}` | see [`TouchpointsReport`](crate::study::TouchpointsReport) |
//! | `{"command": "log_replay", "from": …}`, `from` optional | see [`Reapplied`](crate::apply::Reapplied), once all is applied |
//! | `{"command": "quarantine_replay", "id": …}` | `{"became": …}`, see [`Replayed`](crate::quarantine::Replayed) |
//! | `{"command": "quarantine_drop", "id": …}` | `{"dropped": …}` |
//! | anything else | `{"error": {"code": …, "detail": …}}` |

mod client;
mod command;

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::app::App;
use crate::clock::TestClock;

pub use client::Client;
use command::{Refusal, answer};

/// Connections at once.
const CONNECTIONS: usize = 16;
/// Bytes of one command: two models and what stands around them, escaped.
const LINE_BYTES: u64 = 4 * 1024 * 1024;

/// The socket's place in a data folder.
#[must_use]
pub fn path(data: &Path) -> PathBuf {
    data.join("admin.sock")
}

/// An open admin socket. Dropping it closes it and removes its file.
pub struct AdminSocket {
    path: PathBuf,
    listening: JoinHandle<()>,
}

impl AdminSocket {
    /// Opens the socket of a collector that has its store open: so a file that lies there is left over from a crash.
    ///
    /// # Errors
    /// When the system refuses. A path of more than about a hundred bytes is too long for a socket.
    pub fn open(app: Arc<App>, clock: Option<TestClock>) -> io::Result<Self> {
        let path = path(app.data());
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let socket = UnixSocket::new_stream()?;
        socket.bind(&path)?;
        // Before it listens: nobody can have connected until then.
        std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        let listener = socket.listen(16)?;
        Ok(Self { path, listening: tokio::spawn(listen(listener, app, clock)) })
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        self.listening.abort();
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, "the admin socket could not be removed");
        }
    }
}

async fn listen(listener: UnixListener, app: Arc<App>, clock: Option<TestClock>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(room) = room.clone().acquire_owned().await else { break };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection to the admin socket could not be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            }
        };
        let (app, clock) = (app.clone(), clock.clone());
        tokio::spawn(async move {
            if let Err(error) = converse(stream, &app, clock.as_ref()).await {
                tracing::debug!(%error, "a connection to the admin socket ended");
            }
            drop(room);
        });
    }
}

/// Answers line by line until the other side is done.
async fn converse(stream: UnixStream, app: &Arc<App>, clock: Option<&TestClock>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut read).take(LINE_BYTES).read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let whole = line.last() == Some(&b'\n') || (line.len() as u64) < LINE_BYTES;
        let answered = if whole { answer(app, clock, &line).await } else { Err(Refusal::too_long(LINE_BYTES)) };
        let mut answer = answered.unwrap_or_else(Refusal::into_json).to_string();
        answer.push('\n');
        write.write_all(answer.as_bytes()).await?;
        if !whole {
            return Ok(());
        }
    }
}
