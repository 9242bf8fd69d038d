//! Apply: what the log holds becomes leads in the store.
//!
//! ```text
//! log ─ Feed ─► LogRecord ─ record ─► Lead' ─ bound, announce ─► Change ─► store.commit ─► out of the tail
//!                      └─ merge ─► fence, join, let go (`merging`)
//! ```
//!
//! One thread applies, in the order of the log. Recording is idempotent, so after any failure the batch is applied
//! again (`poison` says how often, and what becomes of a record that cannot be), and after a crash the log is, from the
//! `checkpoint` on. When the store turns out to be another one than before, all of the log that is kept is (`retention`).
//!
//! The same thread wakes leads: every second it looks again at those of this collector's partitions whose wake time has
//! come, once every collector has applied what it received before that.

mod advance;
mod attempted;
mod batch;
mod budgets;
mod checkpoint;
mod codes;
mod commit;
mod contention;
mod coupons;
mod feed;
mod merging;
mod places;
mod poison;
mod progress;
mod retention;
mod sweep;
mod tally;
mod waking;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use engine::Span;
use store::StoreError;
use store::log::{LogError, Position, Record, Stats};
use thiserror::Error;
use tokio::sync::oneshot;
use tokio::time::MissedTickBehavior;

use crate::app::App;
use crate::log_record::LogRecord;
use crate::metric::Metric;
use crate::quarantine::QuarantineError;
use attempted::Attempted;
use batch::Pass;
use checkpoint::Checkpoint;
use poison::{Ended, Records};
use progress::Wish;
use retention::Retention;
use tally::Counted;

pub(crate) use sweep::begin as sweep;

pub use advance::{AdvanceError, advance};
pub use checkpoint::NotedCheckpoint;
pub use feed::{Feed, FeedSender, feed};
pub use progress::{Progress, Reapplied};

/// How long after a failure applying begins again.
const BEGIN_AGAIN: Duration = Duration::from_secs(1);
/// Records in one batch.
const BATCH: usize = 4096;
/// How often it is noted how far applying is.
const UPKEEP_EVERY: Duration = Duration::from_secs(1);
/// How often the store is made durable and old segments go, in upkeeps; in each of them while the log is over half full.
const CHECKPOINT_EVERY: u64 = 15;
/// A pause after a small batch. The next one is then larger, costs less an event, and leaves the disk to the log; decisions
/// of this collector see the tail meanwhile.
const GATHER: Duration = Duration::from_millis(15);
/// How often leads are looked for that are to wake: a transition is announced within about this time. With none due it
/// costs one look at the head of an index.
const WAKE_EVERY: Duration = Duration::from_secs(1);

/// Why applying cannot go on.
#[derive(Debug, Error)]
pub enum ApplyError {
    /// The store is away.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A record that does not read cannot be put aside either.
    #[error(transparent)]
    Quarantine(#[from] QuarantineError),
    /// The checkpoint is not ours.
    #[error("the checkpoint in the store does not read: {0} bytes")]
    Checkpoint(usize),
    /// The store has changed under our hands.
    #[error("the store was opened anew or is another one while the log was applied at start")]
    Changed,
}

/// Applies the log from its checkpoint to its end, before the first request is answered.
///
/// # Errors
/// See [`ApplyError`].
pub async fn replay(app: &App, feed: &mut Feed) -> Result<u64, ApplyError> {
    let identity = app.store.health().await?.identity;
    let mut checkpoint = Checkpoint::load(app).await?;
    let stats = app.log.stats();
    if !checkpoint.is_of(&identity) {
        app.fleet.starts_on_another(app.clock.now());
    }
    app.progress.goes_on_in(&identity);
    let mut records = Vec::with_capacity(BATCH);
    let (mut replayed, mut bytes, mut attempted) = (0, 0, Attempted::default());
    let mut apply = async |records: &mut Vec<Record>| {
        let read = read(app, records)?;
        records.clear();
        let mut reached = Position::FIRST;
        match poison::apply(app, &read, Pass::Replay, &identity, &mut attempted, &mut reached).await {
            Ended::Applied => Ok(()),
            Ended::Anew => Err(ApplyError::Changed),
        }
    };
    for record in app.log.read(checkpoint.go_on_at(&stats, &identity)) {
        match record {
            Ok(record) => {
                bytes += record.payload.len();
                records.push(record);
            }
            Err(LogError::Corrupt(_)) => continue,
            Err(error) => return Err(error.into()),
        }
        replayed += 1;
        if records.len() == BATCH || bytes >= feed::MOST_BYTES {
            apply(&mut records).await?;
            bytes = 0;
        }
    }
    apply(&mut records).await?;
    feed.start_at(stats.end);
    app.progress.reached(stats.end);
    if replayed > 0 {
        app.store.persist().await?;
    }
    checkpoint.write(app, stats.end, &identity).await?;
    Ok(replayed)
}

/// Starts the thread that applies; it ends when the log is closed and everything in it is applied.
///
/// # Errors
/// When the system gives no thread.
pub fn start(app: Arc<App>, feed: Feed) -> std::io::Result<std::thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let mut applier = Applier::new(app, feed);
    // A thread of its own: the embedded store works in place, and must not hold up answers.
    std::thread::Builder::new().name("apply".to_owned()).spawn(move || {
        // Nothing may end this for good but the log's end: what is not applied now is tried again from the checkpoint.
        loop {
            let ended = std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(applier.run())));
            match ended {
                Ok(Ok(())) => break,
                Ok(Err(error)) => tracing::error!(%error, "applying failed; it begins again at the checkpoint"),
                Err(_) => tracing::error!("applying panicked; it begins again at the checkpoint"),
            }
            applier.app.applying.store(false, Ordering::Relaxed);
            std::thread::sleep(BEGIN_AGAIN);
        }
    })
}

/// What the thread that applies knows.
struct Applier {
    app: Arc<App>,
    feed: Feed,
    /// Everything before it was applied by this process, and what became of it counted.
    counted: Position,
    /// Everything before it was handed out: the store may have it.
    handed_out: Position,
    /// Of what was handed out and is not counted, all that is known.
    attempted: Attempted,
    retention: Retention,
    /// The store that was applied to last.
    known: Option<String>,
    /// Of the records before it the store may lack some that it had, until they are applied again: the tail does not know them
    /// any more.
    missing: Option<Position>,
    upkeeps: u64,
}

/// The store as it is now, and where applying stands in it.
struct Standing {
    identity: String,
    checkpoint: Checkpoint,
}

/// A wish that is being carried out.
struct Granted {
    from: Position,
    end: Position,
    before: Counted,
    done: oneshot::Sender<Reapplied>,
}

impl Applier {
    fn new(app: Arc<App>, feed: Feed) -> Self {
        let least = i64::try_from(app.config.log_retain.duration().as_millis()).unwrap_or(i64::MAX);
        let retention = Retention::new(Span(least), app.config.log_cap.0);
        let (counted, handed_out) = (feed.position(), feed.position());
        Self {
            counted,
            handed_out,
            app,
            feed,
            retention,
            known: None,
            missing: None,
            attempted: Attempted::default(),
            upkeeps: 0,
        }
    }

    async fn run(&mut self) -> Result<(), ApplyError> {
        let app = self.app.clone();
        let mut standing = self.stand().await?;
        let mut wishes = app.progress.wishes().await;
        let mut granted: Option<Granted> = None;
        let mut upkeep = tokio::time::interval(UPKEEP_EVERY);
        upkeep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut waking = tokio::time::interval(WAKE_EVERY);
        waking.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = upkeep.tick() => match self.keep_up(&mut standing).await {
                    Ok(Ended::Applied) => {}
                    Ok(Ended::Anew) => standing = self.stand().await?,
                    Err(error) => tracing::warn!(%error, "the store could not be made durable; the log is kept"),
                },
                _ = waking.tick() => {
                    let horizon = app.fleet.horizon(app.clock.now());
                    if let Err(error) = waking::wake(&app, &app.fleet.held(), horizon).await {
                        tracing::warn!(%error, "leads that are due could not be looked at");
                    }
                }
                Some(wish) = wishes.recv(), if granted.is_none() => granted = Some(self.grant(wish)),
                records = self.feed.next(&app.log, BATCH) => {
                    let Some(records) = records? else { break };
                    let few = records.len() < BATCH && !self.feed.has_backlog();
                    if self.apply(&records, &standing).await? == Ended::Anew {
                        standing = self.stand().await?;
                    }
                    app.applying.store(true, Ordering::Relaxed);
                    if few && granted.is_none() {
                        tokio::time::sleep(GATHER).await;
                    }
                }
            }
            self.catch_up();
            if let Some(granted) = granted.take_if(|granted| self.feed.position() >= granted.end) {
                granted.carried_out(&app);
            }
        }
        app.store.persist().await?;
        standing.checkpoint.write(&app, self.feed.position(), &standing.identity).await?;
        // The checkpoint too, or the next start would apply again what it covers.
        app.store.persist().await?;
        Ok(())
    }

    /// Finds out which store there is and where applying stands in it, and goes on there.
    async fn stand(&mut self) -> Result<Standing, ApplyError> {
        let identity = self.app.store.health().await?.identity;
        let checkpoint = Checkpoint::load(&self.app).await?;
        let stats = self.app.log.stats();
        let mut from = checkpoint.go_on_at(&stats, &identity).min(self.feed.position());
        if self.known.as_ref().is_some_and(|known| *known != identity) {
            // Nobody knows what it holds, whatever its checkpoint says.
            from = stats.start;
            self.app.store.bury(&self.app.erased.all()).await?;
            self.app.fleet.store_is_another(self.app.clock.now());
            Metric::StoreChanged.add(1);
            tracing::warn!(
                from = from.0,
                end = stats.end.0,
                "the store is another one: all of the log is applied to it"
            );
        }
        self.begin_at(from, &stats);
        if from < self.handed_out {
            // Nobody's timers are to overtake what is applied again, and what was remembered may be of versions to come.
            self.app.fleet.falls_behind(self.app.clock.now());
            self.app.leads.forget_all();
            self.missing = Some(self.handed_out);
            self.app.progress.lacks(true);
        }
        self.app.progress.reached(from);
        // Last: whoever finds this store to be the one that applying is on knows what it lacks.
        self.app.progress.goes_on_in(&identity);
        self.known = Some(identity.clone());
        Ok(Standing { identity, checkpoint })
    }

    /// Notes when the store has again what it lacked. What is behind may be no record: an erasure may have taken the last one.
    fn catch_up(&mut self) {
        if self.missing.take_if(|missing| self.feed.position() >= *missing).is_some() {
            self.app.fleet.caught_up();
            self.app.progress.lacks(false);
        }
    }

    fn begin_at(&mut self, from: Position, stats: &Stats) {
        self.handed_out = self.handed_out.max(self.feed.position());
        if from < self.handed_out.min(stats.end) {
            self.feed.read_from(from, &self.app.log);
        } else {
            self.feed.start_at(from);
        }
        self.retention.back_to(self.app.clock.now(), from);
    }

    fn grant(&mut self, Wish { from, done }: Wish) -> Granted {
        let stats = self.app.log.stats();
        let from = from.unwrap_or(stats.start).clamp(stats.start, stats.end);
        tracing::warn!(from = from.0, end = stats.end.0, "the log is applied again, as it was asked for");
        let before = self.app.progress.tally.counted();
        self.begin_at(from.min(self.feed.position()), &stats);
        Granted { from, end: stats.end, before, done }
    }

    /// Applies what was handed out, each record as one that is new, or that this process or the one before it may have applied.
    async fn apply(&mut self, records: &[Record], standing: &Standing) -> Result<Ended, ApplyError> {
        let until = |end: Position| records.partition_point(|record| record.position < end);
        let (counted, handed_out) = (until(self.counted), until(self.handed_out));
        let handed_out = handed_out.max(counted);
        let passes = [
            (&records[..counted], Pass::Again),
            (&records[counted..handed_out], Pass::Replay),
            (&records[handed_out..], Pass::First),
        ];
        for (records, pass) in passes {
            let read = read(&self.app, records)?;
            let (attempted, mut reached) = (&mut self.attempted, self.counted);
            let ended = poison::apply(&self.app, &read, pass, &standing.identity, attempted, &mut reached).await;
            self.counted = self.counted.max(reached);
            if ended == Ended::Anew {
                return Ok(Ended::Anew);
            }
        }
        let position = self.feed.position();
        if position >= self.handed_out {
            self.attempted.all_applied();
        }
        (self.counted, self.handed_out) = (self.counted.max(position), self.handed_out.max(position));
        self.app.progress.reached(position.max(self.app.progress.applied()));
        Metric::Unapplied.level(self.app.tail.len());
        Ok(Ended::Applied)
    }

    /// Notes how far applying is. Now and then makes the store durable, writes the checkpoint, lets go of segments that nobody
    /// needs any more.
    async fn keep_up(&mut self, standing: &mut Standing) -> Result<Ended, ApplyError> {
        let (app, now, position) = (self.app.clone(), self.app.clock.now(), self.feed.position());
        let upkeep = self.upkeeps;
        self.upkeeps += 1;
        self.retention.reached(now, position);
        // Nobody may have met with a store that was away and came back without what it had.
        if app.store.health().await?.identity != standing.identity {
            return Ok(Ended::Anew);
        }
        let crowded = app.log.stats().bytes > app.config.log_cap.0 / 2;
        if upkeep.is_multiple_of(CHECKPOINT_EVERY) || crowded {
            let durability = app.store.persist().await?;
            standing.checkpoint.write(&app, position, &standing.identity).await?;
            self.retention.store_says(now, durability);
            if let Some(before) = self.retention.may_go(&app.log, now) {
                app.log.retire(before)?;
                self.retention.begins_at(app.log.stats().start);
            }
        }
        app.progress.keeps(self.retention.span(now));
        Ok(Ended::Applied)
    }
}

impl Granted {
    fn carried_out(self, app: &App) {
        let outcomes = app.progress.tally.since(&self.before);
        // Who asked may have gone.
        drop(self.done.send(Reapplied { from: self.from.0, end: self.end.0, outcomes }));
    }
}

/// Records as they were written. One that does not read is put aside and said aloud: it must not block the others.
fn read(app: &App, records: &[Record]) -> Result<Records, QuarantineError> {
    let mut found = Records::default();
    for Record { position, payload } in records {
        match LogRecord::decode(payload) {
            Ok(record) => found.push(*position, record),
            Err(error) => poison::put_aside_unread(app, *position, payload, &error.to_string())?,
        }
    }
    Ok(found)
}
