//! Time travel, for tests of a running collector: from one instant at which something is due to the next, as if the time
//! had passed.

use std::time::Duration;

use engine::Millis;
use store::{Partitions, StoreError};
use thiserror::Error;
use tokio::time::Instant;

use super::waking;
use crate::app::App;
use crate::clock::TestClock;

/// How long what is due may take, without any progress.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at what another thread does.
const PAUSE: Duration = Duration::from_millis(2);

/// Why the clock was not moved to the end.
#[derive(Debug, Error)]
pub enum AdvanceError {
    /// The store is away.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The data folder does not take the clock's offset.
    #[error("the clock's offset cannot be kept: {0}")]
    Clock(#[from] std::io::Error),
    /// What is due does not get applied.
    #[error("what is due was not applied within {} s: {unapplied} events are on their way", PATIENCE.as_secs())]
    Stuck {
        /// Events in the tail.
        unapplied: u64,
    },
}

/// Moves a test's clock to `to`, and stops on the way wherever a lead is to wake. When this returns, everything that was
/// acknowledged before and everything due until `to` is in the store.
///
/// # Errors
/// See [`AdvanceError`]; the clock then stands where it came to.
pub async fn advance(app: &App, clock: &TestClock, to: Millis) -> Result<(), AdvanceError> {
    let mut progress = Instant::now();
    loop {
        if progress.elapsed() > PATIENCE {
            return Err(AdvanceError::Stuck { unapplied: app.tail.len() });
        }
        if !app.tail.is_empty() || !app.merges.is_empty() {
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        // All of them, whoever holds them: a test does not wait for other collectors.
        if waking::wake(app, &Partitions::ALL, app.clock.now()).await? > 0 {
            progress = Instant::now();
            continue;
        }
        // Nothing is due at the clock's own instant: on to the next.
        match app.store.due(&Partitions::ALL, to.0, 1).await?.first() {
            Some(due) => clock.move_to(Millis(due.at))?,
            None => break,
        }
    }
    clock.move_to(to)?;
    Ok(())
}
