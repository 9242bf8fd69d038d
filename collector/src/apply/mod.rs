//! Apply: what the log holds becomes leads in the store.
//!
//! ```text
//! log ─ Feed ─► LogRecord ─ record ─► Lead' ─ bound, announce ─► Change ─► store.commit ─► out of the tail
//!                      └─ merge ─► fence, join, let go (`merging`)
//! ```
//!
//! One thread applies, in the order of the log. Recording is idempotent, so after any failure the batch is applied
//! again, and after a crash the log is, from the checkpoint on. The checkpoint lies in the store and is written after
//! what it covers: it can be too old, never too new.
//!
//! The same thread wakes leads: every second it looks again at those of this collector's partitions whose wake time has
//! come, once every collector has applied what it received before that.

mod advance;
mod batch;
mod feed;
mod merging;
mod sweep;

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use engine::{Millis, Span};
use store::log::{LogError, Position, Record};
use store::{Document, DocumentName, Durability, StoreError, Version};
use thiserror::Error;
use tokio::time::MissedTickBehavior;

use crate::app::App;
use crate::log_record::LogRecord;
use crate::metric::Metric;
use batch::Pass;

pub(crate) use sweep::begin as sweep;

pub use advance::{AdvanceError, advance};
pub use feed::{Feed, FeedSender, feed};

/// How long after a failure applying begins again.
const BEGIN_AGAIN: Duration = Duration::from_secs(1);
/// Records in one batch.
const BATCH: usize = 512;
/// How often the store is made durable and old segments go.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(15);
/// A pause after a small batch. The next one is then larger, costs less an event, and leaves the disk to the log; decisions
/// of this collector see the tail meanwhile.
const GATHER: Duration = Duration::from_millis(15);
/// The log keeps at least this much, whatever the store says.
const RETAIN: Span = Span::seconds(60);
/// How often leads are looked for that are to wake: a transition is announced within about this time. With none due it
/// costs one look at the head of an index.
const WAKE_EVERY: Duration = Duration::from_secs(1);

/// Why applying cannot begin.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// The store is away.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The checkpoint is not ours.
    #[error("the checkpoint in the store does not read: {0} bytes")]
    Checkpoint(usize),
}

/// Where applying stands.
struct Checkpoint {
    name: DocumentName,
    version: Version,
    position: Position,
}

const CHECKPOINT_FORMAT: u8 = 1;

impl Checkpoint {
    async fn load(app: &App) -> Result<Self, ApplyError> {
        let named = |name: &str| DocumentName::parse(name).map_err(|_| ApplyError::Checkpoint(0));
        // Every collector has a log of its own.
        let name = named(&format!("log/{}", app.fleet.id()))?;
        if let Some(document) = app.store.document(&name).await? {
            return Ok(Self { name, version: document.version, position: Self::read(&document)? });
        }
        // As it was called when a store had one collector.
        let before = app.store.document(&named("log/checkpoint")?).await?;
        let position = before.map_or(Ok(Position::FIRST), |document| Self::read(&document))?;
        Ok(Self { name, version: Version::ABSENT, position })
    }

    fn read(document: &Document) -> Result<Position, ApplyError> {
        let position = match document.bytes.split_first() {
            Some((&CHECKPOINT_FORMAT, rest)) => <[u8; 8]>::try_from(rest).ok().map(u64::from_be_bytes),
            _ => None,
        };
        position.map(Position).ok_or(ApplyError::Checkpoint(document.bytes.len()))
    }

    async fn write(&mut self, app: &App, position: Position) -> Result<(), StoreError> {
        if position == self.position && self.version != Version::ABSENT {
            return Ok(());
        }
        let mut bytes = vec![CHECKPOINT_FORMAT];
        bytes.extend_from_slice(&position.0.to_be_bytes());
        self.version = app.store.put_document(&self.name, self.version, bytes).await?;
        self.position = position;
        Ok(())
    }
}

/// Applies the log from its checkpoint to its end, before the first request is answered.
///
/// # Errors
/// See [`ApplyError`].
pub async fn replay(app: &App, feed: &mut Feed) -> Result<u64, ApplyError> {
    let mut checkpoint = Checkpoint::load(app).await?;
    let stats = app.log.stats();
    // A checkpoint beyond the log belongs to another log: apply all there is.
    let from = if checkpoint.position > stats.end { stats.start } else { checkpoint.position };
    let mut records = Vec::with_capacity(BATCH);
    let mut replayed = 0;
    for record in app.log.read(from) {
        match record {
            Ok(record) => records.push(record),
            Err(LogError::Corrupt(_)) => continue,
            Err(error) => return Err(error.into()),
        }
        if records.len() == BATCH {
            replayed += records.len() as u64;
            apply(app, &decoded(app, &records), Pass::Replay).await?;
            records.clear();
        }
    }
    replayed += records.len() as u64;
    apply(app, &decoded(app, &records), Pass::Replay).await?;
    feed.start_at(stats.end);
    checkpoint.write(app, stats.end).await?;
    Ok(replayed)
}

/// Starts the thread that applies; it ends when the log is closed and everything in it is applied.
///
/// # Errors
/// When the system gives no thread.
pub fn start(app: Arc<App>, mut feed: Feed) -> std::io::Result<std::thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    // A thread of its own: the embedded store works in place, and must not hold up answers.
    std::thread::Builder::new().name("apply".to_owned()).spawn(move || {
        // Nothing may end this for good but the log's end: what is not applied now is tried again from the checkpoint.
        loop {
            let ended = std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(run(&app, &mut feed))));
            match ended {
                Ok(Ok(())) => break,
                Ok(Err(error)) => tracing::error!(%error, "applying failed; it begins again at the checkpoint"),
                Err(_) => tracing::error!("applying panicked; it begins again at the checkpoint"),
            }
            app.applying.store(false, Ordering::Relaxed);
            std::thread::sleep(BEGIN_AGAIN);
        }
    })
}

async fn run(app: &App, feed: &mut Feed) -> Result<(), ApplyError> {
    let mut checkpoint = Checkpoint::load(app).await?;
    let mut upkeep = tokio::time::interval(CHECKPOINT_EVERY);
    let mut waking = tokio::time::interval(WAKE_EVERY);
    waking.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut applied: VecDeque<(Millis, Position)> = VecDeque::new();
    // What was handed out before and is not under the checkpoint is applied again: the store may have some of it.
    let mut reapply_until = feed.position();
    feed.start_at(checkpoint.position.min(feed.position()));
    loop {
        tokio::select! {
            biased;
            _ = upkeep.tick() => {
                applied.push_back((app.clock.now(), feed.position()));
                if let Err(error) = keep_up(app, &mut checkpoint, &mut applied).await {
                    tracing::warn!(%error, "the store could not be made durable; the log is kept");
                }
            }
            _ = waking.tick() => {
                let horizon = app.fleet.horizon(app.clock.now());
                if let Err(error) = batch::wake(app, &app.fleet.held(), horizon).await {
                    tracing::warn!(%error, "leads that are due could not be looked at");
                }
            }
            records = feed.next(&app.log, BATCH) => {
                let Some(records) = records? else { break };
                let pass = if feed.position() > reapply_until { Pass::First } else { Pass::Replay };
                if all_applied(app, &decoded(app, &records), pass).await == Ended::Reopened {
                    // What the store had not made durable may be gone: go back to what it says it has.
                    checkpoint = Checkpoint::load(app).await?;
                    reapply_until = reapply_until.max(feed.position());
                    feed.start_at(checkpoint.position);
                    applied.clear();
                }
                app.applying.store(true, Ordering::Relaxed);
                Metric::Unapplied.level(app.tail.len());
                if records.len() < BATCH {
                    tokio::time::sleep(GATHER).await;
                }
            }
        }
    }
    checkpoint.write(app, feed.position()).await?;
    app.store.persist().await?;
    Ok(())
}

/// How a batch ended.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    /// The store has it.
    Applied,
    /// The store was opened anew, and the log is to be applied again from its checkpoint.
    Reopened,
}

/// Records in runs, in the order of the log: merges each alone, so that what stands before one in the log is in the lead
/// that is merged, and what stands behind it goes to the other.
fn runs(records: &[LogRecord]) -> impl Iterator<Item = &[LogRecord]> {
    let is_merge = |record: &LogRecord| matches!(record, LogRecord::Merge(_));
    records.chunk_by(move |left, right| !is_merge(left) && !is_merge(right))
}

/// Applies records, in runs.
async fn apply(app: &App, records: &[LogRecord], pass: Pass) -> Result<(), StoreError> {
    for run in runs(records) {
        one_run(app, run, pass).await?;
    }
    Ok(())
}

async fn one_run(app: &App, run: &[LogRecord], pass: Pass) -> Result<(), StoreError> {
    match run {
        [LogRecord::Merge(merge)] => merging::apply(app, merge).await,
        _ => batch::apply(app, run, pass).await,
    }
}

/// Applies records, in runs, until the store has taken each.
async fn all_applied(app: &App, records: &[LogRecord], pass: Pass) -> Ended {
    for run in runs(records) {
        if until_applied(app, run, pass).await == Ended::Reopened {
            return Ended::Reopened;
        }
    }
    Ended::Applied
}

/// Failures in a row after which the store is opened anew.
const PATIENCE: u32 = 5;

/// Tries until the store takes it, or was opened anew: everything is in the log, and nothing is dropped.
async fn until_applied(app: &App, records: &[LogRecord], pass: Pass) -> Ended {
    let mut wait = Duration::from_millis(50);
    for failures in 1.. {
        let Err(error) = one_run(app, records, pass).await else { break };
        Metric::ApplyRetried.count(error.code());
        tracing::warn!(%error, failures, wait_ms = wait.as_millis(), "the store did not take a batch; trying again");
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(5));
        if failures % PATIENCE == 0 {
            match app.store.reopen().await {
                Ok(()) => return Ended::Reopened,
                Err(error) => tracing::error!(%error, "the store could not be opened anew"),
            }
        }
    }
    Ended::Applied
}

/// Writes the checkpoint, makes the store durable, and lets go of segments that nobody needs any more.
async fn keep_up(
    app: &App,
    checkpoint: &mut Checkpoint,
    applied: &mut VecDeque<(Millis, Position)>,
) -> Result<(), ApplyError> {
    let stats = app.log.stats();
    Metric::LogBytes.level(stats.bytes);
    Metric::LogSyncSeconds.seconds(stats.last_sync);
    let Some(&(_, newest)) = applied.back() else { return Ok(()) };
    checkpoint.write(app, newest).await?;
    if app.store.persist().await? != Durability::Durable {
        return Ok(());
    }
    let old_enough = app.clock.now() - RETAIN;
    let mut retire = None;
    while let Some(&(at, position)) = applied.front().filter(|(at, _)| *at <= old_enough) {
        retire = Some((at, position));
        applied.pop_front();
    }
    if let Some((_, position)) = retire {
        app.log.retire(position)?;
    }
    Ok(())
}

/// Keeps what cannot be applied in a file of its own.
fn quarantine(app: &App, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let folder = app.data().join("quarantine");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(format!("{name}.record")), bytes)
}

/// Records as they were written. One that does not read is put aside and said aloud: it must not block the others.
fn decoded(app: &App, records: &[Record]) -> Vec<LogRecord> {
    let read = |record: &Record| match LogRecord::decode(&record.payload) {
        Ok(decoded) => Some(decoded),
        Err(error) => {
            let kept = quarantine(app, &format!("{:020}", record.position.0), &record.payload).is_ok();
            tracing::error!(position = record.position.0, %error, kept, "a record does not read; it is put aside");
            None
        }
    };
    records.iter().filter_map(read).collect()
}
