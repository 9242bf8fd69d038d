//! Trying, and what to do about what cannot be done.
//!
//! A store that is away is nobody's fault: it is tried again until it is back. What the store refuses while it is well, and
//! what panics, is the fault of a record, or of a lead: the records of the batch are then tried one by one, and the one that
//! fails five times goes to [`quarantine`](crate::quarantine), so that those behind it are applied.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use store::StoreError;
use store::log::Position;

use super::attempted::Attempted;
use super::batch::Pass;
use super::{batch, merging};
use crate::app::App;
use crate::log_record::LogRecord;
use crate::metric::Metric;
use crate::outcome::{Merged, Outcome};
use crate::quarantine::Kept;

/// How often a record is tried before it is put aside.
pub(super) const TRIES: u32 = 5;
/// Failures in a row after which a store that is away is opened anew.
const PATIENCE: u32 = 5;
/// The pause after a first failure, and the longest after more of them.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Records of the log, each with its position.
#[derive(Debug, Default)]
pub(super) struct Records {
    positions: Vec<Position>,
    records: Vec<LogRecord>,
}

impl Records {
    pub(super) fn push(&mut self, position: Position, record: LogRecord) {
        self.positions.push(position);
        self.records.push(record);
    }

    /// In runs, in the order of the log: merges each alone, so that what stands before one in the log is in the lead that is
    /// merged, and what stands behind it goes to the other.
    fn runs(&self) -> impl Iterator<Item = Range<usize>> {
        let is_merge = |record: &LogRecord| matches!(record, LogRecord::Merge(_));
        let runs = self.records.chunk_by(move |left, right| !is_merge(left) && !is_merge(right));
        runs.scan(0, |begin, run| {
            let range = *begin..*begin + run.len();
            *begin = range.end;
            Some(range)
        })
    }
}

/// How a batch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The store has it, or it is in quarantine.
    Applied,
    /// The store was opened anew, or is another one: the log is to be applied again, from where that store stands.
    Anew,
}

/// Applies records, until the store has taken each or it is in quarantine. `identity` is the store's. Whatever comes of it,
/// `reached` says before which position all of them are applied and counted.
pub(super) async fn apply(
    app: &App,
    records: &Records,
    pass: Pass,
    identity: &str,
    attempted: &mut Attempted,
    reached: &mut Position,
) -> Ended {
    for run in records.runs() {
        let ended = until_applied(app, records, run.clone(), pass, identity, attempted, reached).await;
        if ended == Run::Anew {
            return Ended::Anew;
        }
        *reached = records.positions[run].last().map_or(*reached, |last| last.next());
        if ended == Run::AppliedToAnother {
            return Ended::Anew;
        }
    }
    Ended::Applied
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    /// The store has it, or it is in quarantine.
    Applied,
    /// The same, and the store is another one than before: what was applied earlier it may lack.
    AppliedToAnother,
    /// The store was opened anew, or is another one, and does not have it.
    Anew,
}

/// Why records could not be applied.
enum Failure {
    /// The store is away: nobody's fault.
    Away(StoreError),
    /// It is the fault of one of them.
    Record(String),
}

async fn until_applied(
    app: &App,
    records: &Records,
    run: Range<usize>,
    pass: Pass,
    identity: &str,
    attempted: &mut Attempted,
    reached: &mut Position,
) -> Run {
    let mut pause = PAUSES.0;
    let (mut away, mut tries) = (0, 0);
    loop {
        let applied = attempt(app, &records.records[run.clone()], pass, attempted).await;
        let failure = match applied {
            Ok(()) if away == 0 => return Run::Applied,
            // It is back before anybody gave it up: it may have come back without what it had. If it is away again, upkeep
            // finds out.
            Ok(()) if is_another(app, identity).await => return Run::AppliedToAnother,
            Ok(()) => return Run::Applied,
            Err(failure) => failure,
        };
        match failure {
            Failure::Away(error) => {
                Metric::ApplyRetried.count(error.code());
                away += 1;
                tracing::warn!(%error, failures = away, "the store did not take a batch; trying again");
                if is_another(app, identity).await || (away >= PATIENCE && reopened(app).await) {
                    return Run::Anew;
                }
            }
            Failure::Record(reason) if run.len() > 1 => {
                tracing::error!(%reason, records = run.len(), "a batch cannot be applied; its records are tried one by one");
                let mut ended = Run::Applied;
                for one in run {
                    // A run of one does not come here again.
                    let alone = one..one + 1;
                    match Box::pin(until_applied(app, records, alone, pass, identity, attempted, reached)).await {
                        Run::Applied => {}
                        Run::AppliedToAnother => ended = Run::AppliedToAnother,
                        Run::Anew => return Run::Anew,
                    }
                    // What is counted is not to be counted again if one of those behind it begins anew.
                    *reached = records.positions[one].next();
                }
                return ended;
            }
            Failure::Record(reason) => {
                Metric::ApplyRetried.count("record");
                tries += 1;
                let (position, record) = (records.positions[run.start], &records.records[run.start]);
                if tries >= TRIES {
                    match put_aside(app, record, Some(position), tries, &reason) {
                        Ok(()) => return Run::Applied,
                        // Until there is room for it: nobody may lose it.
                        Err(error) => tracing::error!(%error, "a record that cannot be applied is waited with"),
                    }
                }
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Whether the store answers, and is another one.
async fn is_another(app: &App, identity: &str) -> bool {
    app.store.health().await.is_ok_and(|health| health.identity != identity)
}

async fn reopened(app: &App) -> bool {
    match app.store.reopen().await {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(%error, "the store could not be opened anew");
            false
        }
    }
}

/// Applies a run once.
async fn attempt(app: &App, run: &[LogRecord], pass: Pass, attempted: &mut Attempted) -> Result<(), Failure> {
    let applied = contained(async {
        match run {
            [LogRecord::Merge(merge)] => merging::apply(app, merge).await,
            _ => batch::apply(app, run, pass, attempted).await,
        }
    });
    match applied.await {
        None => Err(Failure::Record("applying it panicked, which is a fault of ours".to_owned())),
        Some(Ok(())) => Ok(()),
        Some(Err(error)) if error.is_transient() => Err(Failure::Away(error)),
        // What a store that is well refuses is the fault of what it was given.
        Some(Err(error)) => match app.store.health().await {
            Ok(_) => Err(Failure::Record(error.to_string())),
            Err(_) => Err(Failure::Away(error)),
        },
    }
}

/// What `work` gives; `None` when it panics. It may do so every time, and hold up everybody's events behind these.
async fn contained<Output>(work: impl Future<Output = Output>) -> Option<Output> {
    let mut work = pin!(work);
    // What a panic may leave half done is dropped with it: nothing of it is polled again.
    std::future::poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Some(output)),
        Err(_) => Poll::Ready(None),
    })
    .await
}

/// Puts a record into quarantine: durable when this returns, counted, and out of everybody's way.
///
/// # Errors
/// When it cannot be kept there; to be tried again.
pub(super) fn put_aside(
    app: &App,
    record: &LogRecord,
    position: Option<Position>,
    tries: u32,
    reason: &str,
) -> Result<(), StoreError> {
    let unkept = |source: store::BoxError| StoreError::Unavailable { doing: "keep a record in quarantine", source };
    let payload = record.encode().map_err(|error| unkept(error.into()))?;
    let kept = Kept {
        at: app.clock.now(),
        position: position.map(|position| position.0),
        tries,
        reason: reason.to_owned(),
        payload,
    };
    let id = app.quarantine.put(&kept).map_err(|error| unkept(error.into()))?;
    tracing::error!(id = id.as_str(), position = kept.position, reason, "a record could not be applied: quarantine");
    match record {
        LogRecord::Touches(touches) => {
            for _ in &touches.touches {
                Metric::EventOutcome.count(Outcome::PutAside.as_str());
                app.progress.tally.event(Outcome::PutAside);
            }
            if let Ok(key) = touches.whose.key() {
                app.tail.remove(&key, touches.touches.iter().map(|touch| &touch.id));
            }
        }
        LogRecord::Merge(merge) => {
            Metric::MergeOutcome.count(Merged::Quarantined.as_str());
            app.progress.tally.merge(Merged::Quarantined);
            if let Ok((from, into)) = merge.keys() {
                app.merges.applied(&from, &into, None);
            }
        }
        // Whoever was to be erased is unreadable since it was asked for.
        LogRecord::Erasure(_) => {}
    }
    // Whoever waits for them need not wait any longer.
    app.applied.notify_waiters();
    Ok(())
}

/// Puts what does not even read into quarantine. There is nothing to try again.
///
/// # Errors
/// When it cannot be kept there; to be tried again.
pub(super) fn put_aside_unread(
    app: &App,
    position: Position,
    payload: &[u8],
    reason: &str,
) -> Result<(), crate::quarantine::QuarantineError> {
    let kept = Kept {
        at: app.clock.now(),
        position: Some(position.0),
        tries: 1,
        reason: reason.to_owned(),
        payload: payload.to_vec(),
    };
    let id = app.quarantine.put(&kept)?;
    tracing::error!(id = id.as_str(), position = position.0, reason, "a record does not read: quarantine");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_panics_is_held_and_what_does_not_is_handed_on() {
        let panics = async {
            tokio::task::yield_now().await;
            [1, 2, 3][std::hint::black_box(3)]
        };
        assert_eq!(contained(async { 7 }).await, Some(7));
        assert_eq!(contained(panics).await, None);
    }
}
