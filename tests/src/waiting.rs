//! Waiting for what sends no event, with a deadline.

use std::time::{Duration, Instant};

use crate::Fault;

/// How often a condition is looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks again and again until `look` gives `Ok`, at most for `limit`.
///
/// `look` says with `Err` what it saw instead; the last of these is part of the fault. It is asked at least once, and
/// once more after the time is up.
///
/// # Errors
/// [`Fault::Deadline`] with what was seen last.
pub async fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Result<T, String>,
) -> Result<T, Fault> {
    let begin = Instant::now();
    loop {
        let late = begin.elapsed() >= limit;
        match look().await {
            Ok(found) => return Ok(found),
            Err(last) if late => return Err(Fault::Deadline { what: what.to_owned(), limit, last }),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
