//! One connection to one server, shared by all callers and made anew when it breaks.
//!
//! Nobody waits for a server that is away: while an attempt to connect has failed and the next is not due, calls fail at
//! once. A connection that did not answer in time is given up, since nothing sent after it would be answered sooner.
//! What was sent is never sent again from here: whether it took effect is not known, and the caller decides.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ConnectionInfo, Pipeline, RedisError, Value};
use tokio::runtime::Handle;

use super::address::host_and_port;
use super::settings::Settings;
use crate::BoxError;

/// The pause after the first failure to connect; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Requests that may wait to be written; more wait for a place, within their time.
const WAITING_TO_BE_WRITTEN: usize = 256;

/// Why a call got no answer from its server.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    /// Nothing was sent: there is no connection.
    #[error("{place}: {reason}")]
    NotConnected {
        /// Host and port.
        place: String,
        /// Why, without secrets.
        reason: String,
    },
    /// It was sent, and whether it took effect is not known.
    #[error("{place}: {reason}")]
    NoAnswer {
        /// Host and port.
        place: String,
        /// Why.
        reason: String,
    },
}

/// A server and the connection to it.
pub(super) struct Link {
    client: Client,
    place: String,
    settings: Settings,
    /// Where connections live, whoever asks first: the caller's own runtime may not run all the time.
    runtime: Handle,
    state: Mutex<State>,
    /// Held by who connects; the others wait for what comes of it.
    connecting: tokio::sync::Mutex<()>,
}

/// The connection and how often it was made, or how connecting goes.
struct State {
    connection: Option<MultiplexedConnection>,
    /// Counts connections: who used an older one does not close a newer one.
    generation: u64,
    failures: u32,
    not_before: Option<Instant>,
    last: String,
}

impl fmt::Debug for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Link").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Link {
    pub(super) fn new(info: ConnectionInfo, settings: &Settings, runtime: Handle) -> Result<Self, BoxError> {
        let (host, port) = host_and_port(&info);
        Ok(Self {
            client: Client::open(info)?,
            place: format!("{host}:{port}"),
            settings: settings.clone(),
            runtime,
            state: Mutex::new(State {
                connection: None,
                generation: 0,
                failures: 0,
                not_before: None,
                last: "never connected".to_owned(),
            }),
            connecting: tokio::sync::Mutex::new(()),
        })
    }

    /// Host and port.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Sends commands in one round trip. The answers stand in their order; an error of the server's is an answer.
    pub(super) async fn send(&self, commands: &Pipeline) -> Result<Vec<Value>, LinkError> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let (mut connection, generation) = self.connection().await?;
        match connection.send_packed_commands(commands, 0, commands.len()).await {
            Ok(values) => Ok(values),
            Err(error) => Err(self.broken(generation, &error)),
        }
    }

    /// Sends one command.
    pub(super) async fn send_one(&self, command: Cmd) -> Result<Value, LinkError> {
        let mut commands = Pipeline::with_capacity(1);
        commands.add_command(command);
        Ok(self.send(&commands).await?.pop().unwrap_or_default())
    }

    // Nothing here panics while it holds the lock, so a poisoned one is as good as another.
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection there is, or that can be had now.
    fn ready(&self) -> Result<Option<(MultiplexedConnection, u64)>, LinkError> {
        let state = self.state();
        if let Some(connection) = &state.connection {
            return Ok(Some((connection.clone(), state.generation)));
        }
        if state.not_before.is_some_and(|not_before| Instant::now() < not_before) {
            return Err(LinkError::NotConnected { place: self.place.clone(), reason: state.last.clone() });
        }
        Ok(None)
    }

    async fn connection(&self) -> Result<(MultiplexedConnection, u64), LinkError> {
        if let Some(ready) = self.ready()? {
            return Ok(ready);
        }
        let _turn = self.connecting.lock().await;
        // Somebody else may have tried meanwhile.
        if let Some(ready) = self.ready()? {
            return Ok(ready);
        }
        let result = self.connect().await;
        let mut state = self.state();
        match result {
            Ok(connection) => {
                state.connection = Some(connection.clone());
                state.generation += 1;
                state.failures = 0;
                state.not_before = None;
                Ok((connection, state.generation))
            }
            Err(reason) => {
                let pause = FIRST_PAUSE.saturating_mul(1 << state.failures.min(8)).min(LONGEST_PAUSE);
                state.failures = state.failures.saturating_add(1);
                state.not_before = Some(Instant::now() + with_jitter(pause));
                state.last.clone_from(&reason);
                Err(LinkError::NotConnected { place: self.place.clone(), reason })
            }
        }
    }

    async fn connect(&self) -> Result<MultiplexedConnection, String> {
        let client = self.client.clone();
        let limits = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.settings.connect_timeout))
            .set_response_timeout(Some(self.settings.response_timeout))
            .set_pipeline_buffer_size(WAITING_TO_BE_WRITTEN);
        let limit = self.settings.connect_timeout;
        let attempt = self.runtime.spawn(async move {
            // The whole of it: a server that hangs accepts connections and says nothing.
            tokio::time::timeout(limit, client.get_multiplexed_async_connection_with_config(&limits)).await
        });
        match attempt.await {
            Ok(Ok(Ok(connection))) => Ok(connection),
            Ok(Ok(Err(error))) => Err(said(&error)),
            Ok(Err(_)) => Err(format!("no connection within {} ms", limit.as_millis())),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Gives up the connection of that generation.
    fn broken(&self, generation: u64, error: &RedisError) -> LinkError {
        let reason = said(error);
        let mut state = self.state();
        if state.generation == generation && state.connection.take().is_some() {
            tracing::warn!(place = self.place, reason, "the connection to the store is given up");
            state.last.clone_from(&reason);
        }
        LinkError::NoAnswer { place: self.place.clone(), reason }
    }
}

/// What a fault says. Its texts come from the system or the server and repeat no credentials.
fn said(error: &RedisError) -> String {
    error.to_string()
}

/// Between half of a pause and all of it, so that many collectors do not come back at the same instant.
fn with_jitter(pause: Duration) -> Duration {
    let part = RandomState::new().hash_one(()) % 512;
    pause / 2 + pause.mul_f64(part as f64 / 1024.0)
}
