//! Looking after the log while it is written: what failed is opened anew, and how it stands is measured.
//!
//! Apart from the thread that applies, which may be waiting for the store.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use store::log::{LogError, Position, Stats};

use crate::app::App;
use crate::metric::Metric;

/// Between two looks. A log that has failed takes events again within about this time of the disk's being well.
const EVERY: Duration = Duration::from_millis(250);
/// Between two measurements, in looks.
const MEASURE_EVERY: u32 = 4;
/// Failures to open it anew that are said aloud: the first of so many.
const SAID: u32 = 40;

/// Looks after the log until the process ends.
pub(crate) async fn watch(app: Arc<App>) {
    let mut interval = tokio::time::interval(EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut unapplied = Unapplied::default();
    let (mut looks, mut failures) = (0u32, 0u32);
    loop {
        interval.tick().await;
        let stats = app.log.stats();
        if stats.failed {
            match reopen(&app).await {
                Ok(()) => failures = 0,
                Err(LogError::Closed) => return,
                Err(error) => {
                    if failures.is_multiple_of(SAID) {
                        tracing::error!(%error, "the log could not be opened anew; it is tried again");
                    }
                    failures += 1;
                }
            }
        }
        unapplied.note(stats.end, app.progress.applied());
        if looks.is_multiple_of(MEASURE_EVERY) {
            measure(&app, &stats, &unapplied).await;
        }
        looks = looks.wrapping_add(1);
    }
}

async fn reopen(app: &Arc<App>) -> Result<(), LogError> {
    let reopening = app.clone();
    let opened = tokio::task::spawn_blocking(move || reopening.log.reopen()).await;
    opened.unwrap_or(Err(LogError::Closed))?;
    Metric::LogReopened.add(1);
    Ok(())
}

async fn measure(app: &Arc<App>, stats: &Stats, unapplied: &Unapplied) {
    let applied = app.progress.applied();
    Metric::LogBytes.level(stats.bytes);
    Metric::LogSyncSeconds.seconds(stats.last_sync);
    Metric::LogRetained.level(u64::try_from(app.progress.retained().0 / 1000).unwrap_or_default());
    Metric::Unapplied.level(app.tail.len());
    Metric::UnappliedRecords.level(stats.end.0.saturating_sub(applied.0));
    Metric::UnappliedBytes.level(app.log.bytes_from(applied));
    Metric::UnappliedSeconds.level(unapplied.age().as_secs());
    Metric::InQuarantine.level(quarantined(app).await as u64);
}

/// How many records are in quarantine.
pub(crate) async fn quarantined(app: &Arc<App>) -> usize {
    let quarantine = app.quarantine.clone();
    let listed = tokio::task::spawn_blocking(move || quarantine.list().map(|ids| ids.len())).await;
    match listed {
        Ok(Ok(count)) => count,
        Ok(Err(error)) => {
            tracing::error!(%error, "the quarantine cannot be read");
            0
        }
        Err(_) => 0,
    }
}

/// Where the log ended when, as far as it is not applied.
#[derive(Debug, Default)]
struct Unapplied(VecDeque<(Instant, Position)>);

impl Unapplied {
    fn note(&mut self, end: Position, applied: Position) {
        if end > applied && self.0.back().is_none_or(|(_, last)| end > *last) {
            self.0.push_back((Instant::now(), end));
        }
        while self.0.front().is_some_and(|(_, end)| *end <= applied) {
            self.0.pop_front();
        }
    }

    /// For how long the oldest record has waited, to the nearest look.
    fn age(&self) -> Duration {
        self.0.front().map_or(Duration::ZERO, |(at, _)| at.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_that_of_the_oldest_record_that_waits() {
        let mut unapplied = Unapplied::default();
        assert_eq!(unapplied.age(), Duration::ZERO);
        unapplied.note(Position(5), Position(1));
        unapplied.note(Position(9), Position(1));
        let oldest = unapplied.0[0].0;
        assert_eq!(unapplied.0.len(), 2);
        // when some of the first wait still, it counts; when only later ones do, those count
        unapplied.note(Position(9), Position(4));
        assert_eq!(unapplied.0[0].0, oldest);
        unapplied.note(Position(9), Position(5));
        assert_eq!(unapplied.0.len(), 1);
        unapplied.note(Position(9), Position(9));
        assert_eq!(unapplied.age(), Duration::ZERO);
    }
}
