//! The fleet: the collectors that work on one store, behind any load balancer.
//!
//! ```text
//! look (4 a second): the roll ─► who lives, what is mine, what is new
//! report (1 a second): the store's clock, myself, my watermark, what I have to tell ─► the roll, if nobody wrote meanwhile
//! ```
//!
//! Every collector takes in events and answers decisions about everybody. What needs one of them alone, and no event, is
//! shared out by partition: waking leads, dropping messages that nobody came for, looking at leads under a new model. That
//! a partition has one holder saves work; **nothing is safe because of it**. Commits are versioned and what is announced has
//! the same id whoever finds it, so two who both believe to hold a partition do everything once between them.
//!
//! A collector alone on its store does the same, and finds that all partitions are its own.

mod collector_id;
pub(crate) mod erasures;
mod news;
mod reporter;
mod roll;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use engine::{Millis, Span};
use store::{DocumentName, Partition, Partitions, StoreError, Version};
use thiserror::Error;
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use crate::app::App;
use crate::coupon::pool::LEASE;
use crate::site::Site;
use reporter::Looked;
use roll::{News, Roll, RollFault};

pub use collector_id::CollectorId;
pub(crate) use reporter::Reporter;
pub use roll::DEAD_AFTER;

/// How often the roll is read: so soon others follow a model or an erasure.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Reports in a row that others may be faster with.
const MOST_TRIES: usize = 16;
/// How far a collector's clock may be off the store's.
pub const CLOCK_OFF: Span = Span::seconds(5);
/// How long a timer waits for collectors that have not applied what they received before it.
pub const TIMER_WAITS: Span = Span::seconds(60);

/// Within this after the store became another one every collector that reaches it has found out, and has reported.
const FOUND_OUT_WITHIN: Span = Span::seconds(15);

/// Why the roll cannot be read or written.
#[derive(Debug, Error)]
pub enum FleetError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The document is not ours, or newer.
    #[error("{0}")]
    Roll(String),
    /// The id of this collector.
    #[error("the collector's id: {0}")]
    Id(std::io::Error),
    /// Others write all the time.
    #[error("the roll of collectors was changed by others {MOST_TRIES} times in a row")]
    Busy,
}

impl From<RollFault> for FleetError {
    fn from(fault: RollFault) -> Self {
        Self::Roll(fault.to_string())
    }
}

/// This collector among those that work on its store.
pub struct Fleet {
    id: CollectorId,
    /// Which process of this collector.
    process: u64,
    view: ArcSwap<View>,
    /// What this collector has taken in of what others tell, and tells itself.
    known: Mutex<News>,
    /// What the roll tells.
    heard: Mutex<News>,
    /// Rings when there is something to tell.
    to_tell: Notify,
    /// Rings when something is told that is not known here.
    told: Notify,
    /// The watermark of before this process started, or of before the store lost something, until the log is applied.
    behind: Mutex<Option<Millis>>,
    /// When the store was found to be another one, and whose logs are not known to be applied to it since.
    lost: Mutex<Option<Lost>>,
    /// Set once this collector is off the roll.
    left: AtomicBool,
    /// Whether a process of this collector has run before.
    has_run: bool,
}

/// What was last seen of the fleet.
#[derive(Debug, Clone)]
struct View {
    held: Partitions,
    /// Until when, if nothing is heard of the store any more.
    until: Instant,
    others: Vec<Other>,
    clock: ClockState,
    superseded: bool,
}

/// That the store is another one than before.
#[derive(Debug)]
struct Lost {
    /// By when every collector has found out, and says so on the roll.
    told_by: Millis,
    /// Those that were heard of then.
    awaited: BTreeSet<CollectorId>,
    /// Whether there may be others: who has just started knows nobody from before.
    unheard: bool,
}

/// Another collector that is heard of.
#[derive(Debug, Clone)]
struct Other {
    id: CollectorId,
    watermark: Millis,
    models: Vec<(String, u32, Millis)>,
}

/// How a collector's clock is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockState {
    /// As the store's, or the store has none of its own.
    Right,
    /// So far off the store's: ahead where it is positive.
    Off(Span),
}

/// What `/readyz` says of the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Collectors that are heard of, this one included.
    pub collectors: usize,
    /// Partitions that this one holds.
    pub partitions: usize,
    /// How its clock is.
    pub clock: ClockState,
    /// Whether another process, started later, goes by this one's id: its data folder was copied.
    pub superseded: bool,
}

impl Fleet {
    /// A collector that has not been heard of yet.
    ///
    /// # Errors
    /// When its id cannot be read or made.
    pub(crate) fn new(data: &std::path::Path) -> Result<Self, FleetError> {
        let has_run = CollectorId::is_made(data);
        let id = CollectorId::load_or_make(data).map_err(FleetError::Id)?;
        let mut process = [0; 8];
        getrandom::fill(&mut process).map_err(|error| FleetError::Id(std::io::Error::other(error.to_string())))?;
        let view = View {
            held: Partitions::NONE,
            until: Instant::now(),
            others: Vec::new(),
            clock: ClockState::Right,
            superseded: false,
        };
        Ok(Self {
            id,
            process: u64::from_le_bytes(process),
            view: ArcSwap::from_pointee(view),
            known: Mutex::default(),
            heard: Mutex::default(),
            to_tell: Notify::new(),
            told: Notify::new(),
            behind: Mutex::new(None),
            lost: Mutex::new(None),
            left: AtomicBool::new(false),
            has_run,
        })
    }

    /// This collector's id.
    #[must_use]
    pub const fn id(&self) -> CollectorId {
        self.id
    }

    /// The partitions that are this collector's to look after, as far as it knows.
    #[must_use]
    pub fn held(&self) -> Partitions {
        let view = self.view.load();
        if Instant::now() < view.until { view.held } else { Partitions::NONE }
    }

    /// Up to which instant timers may run at `now`: no collector still has to apply what it received before, or that was
    /// waited for long enough. What this one has taken in and not yet applied it knows lead by lead, but for what it applies
    /// again.
    #[must_use]
    pub fn horizon(&self, now: Millis) -> Millis {
        let view = self.view.load();
        let behind = *lock(&self.behind);
        let slowest = view.others.iter().map(|other| other.watermark).chain(behind).min();
        slowest.map_or(now, |slowest| slowest.max(now.minus(TIMER_WAITS)).min(now))
    }

    /// Whether every collector that is heard of, and has this site, has the model in force that this one has.
    pub(crate) fn agrees(&self, site: &Site) -> bool {
        let in_force = site.in_force();
        let own = (in_force.number, in_force.since);
        let view = self.view.load();
        let models = view.others.iter().flat_map(|other| &other.models);
        models.filter(|(name, ..)| *name == site.config.key.as_str()).all(|(_, number, since)| (*number, *since) == own)
    }

    /// Whether no other collector is heard of.
    pub(crate) fn is_alone(&self) -> bool {
        self.view.load().others.is_empty()
    }

    /// What `/readyz` says.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let held = self.held();
        let view = self.view.load();
        Standing {
            collectors: view.others.len() + 1,
            partitions: Partition::all().filter(|partition| held.contains(*partition)).count(),
            clock: view.clock,
            superseded: view.superseded,
        }
    }

    /// Tells the others how far something is, which this collector has itself.
    fn tell(&self, news: &News) {
        lock(&self.known).join(news);
        self.to_tell.notify_one();
    }

    /// Tells the others that the models of a site are another version of their document.
    pub(crate) fn tell_of_models(&self, site: &Site, version: Version) {
        let shelves = [(site.config.key.as_str().to_owned(), version.0)].into();
        self.tell(&News { shelves, erasures: 0 });
    }

    /// The store may have lost what this collector had applied: until that is applied again, timers wait as long as they
    /// wait for anybody.
    pub(crate) fn falls_behind(&self, now: Millis) {
        let watermark = now.minus(TIMER_WAITS);
        let mut behind = lock(&self.behind);
        *behind = Some(behind.map_or(watermark, |before| before.min(watermark)));
        drop(behind);
        self.to_tell.notify_one();
    }

    /// The store is another one: what it holds is not known before everybody who is heard of has applied their log to it.
    pub(crate) fn store_is_another(&self, now: Millis) {
        let mut awaited: BTreeSet<_> = self.view.load().others.iter().map(|other| other.id).collect();
        let mut lost = lock(&self.lost);
        let unheard = lost.as_ref().is_some_and(|before| before.unheard);
        awaited.extend(lost.take().into_iter().flat_map(|before| before.awaited));
        *lost = Some(Lost { told_by: now.plus(FOUND_OUT_WITHIN), awaited, unheard });
    }

    /// A store that knows nothing of this collector, which has run before, is another one than then. Whoever else works on it
    /// may not have found out yet, and is heard of only then.
    pub(crate) fn starts_on_another(&self, now: Millis) {
        if !self.has_run {
            return;
        }
        self.store_is_another(now);
        if let Some(lost) = &mut *lock(&self.lost) {
            lost.unheard = true;
        }
    }

    /// Whether everybody who was heard of when the store was last found to be another one has applied their log to it. Who is
    /// not heard of again is waited for as long as a code is leased.
    pub(crate) fn has_all_again(&self, now: Millis) -> bool {
        let mut lost = lock(&self.lost);
        let Some(Lost { told_by, awaited, unheard }) = &mut *lost else { return true };
        let view = self.view.load();
        if *unheard {
            if now < *told_by {
                return false;
            }
            awaited.extend(view.others.iter().map(|other| other.id));
        }
        let has_applied = |id| view.others.iter().any(|other| other.id == id && other.watermark >= *told_by);
        awaited.retain(|id| !has_applied(*id));
        let over = awaited.is_empty() || now >= told_by.plus(LEASE);
        if over {
            *lost = None;
        }
        over
    }

    /// The log is applied: from now on the watermark is what waits.
    pub(crate) fn caught_up(&self) {
        *lock(&self.behind) = None;
    }

    /// Everything that was received before this instant is applied, or never was taken in.
    fn watermark(&self, app: &App, last: Millis) -> Millis {
        let behind = *lock(&self.behind);
        if let Some(behind) = behind {
            return behind;
        }
        // Asked before the tail: what comes in between is later.
        let now = app.clock.now();
        if !app.merges.is_empty() {
            // A merge does not say when it came; there are few, and they wait for moments.
            return last.min(now);
        }
        app.tail.oldest().map_or(now, |oldest| oldest.min(now))
    }
}

/// Puts this collector on the roll, before it applies its log.
///
/// # Errors
/// See [`FleetError`].
pub(crate) async fn join(app: &App) -> Result<Reporter, FleetError> {
    let mut reporter = Reporter::new(app)?;
    reporter.look(app, true).await?;
    Ok(reporter)
}

/// Looks and reports until the collector leaves; follows what others tell.
pub(crate) fn start(app: &Arc<App>, reporter: Reporter) {
    tokio::spawn(run(app.clone(), reporter));
    tokio::spawn(news::follow(app.clone()));
}

async fn run(app: Arc<App>, mut reporter: Reporter) {
    let mut looking = tokio::time::interval(LOOK_EVERY);
    looking.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut away = false;
    loop {
        let at_once = tokio::select! {
            _ = looking.tick() => false,
            () = app.fleet.to_tell.notified() => true,
        };
        if app.fleet.left.load(Ordering::Relaxed) {
            return;
        }
        match reporter.look(&app, at_once).await {
            Ok(Looked::Superseded) => {
                tracing::error!(id = %app.fleet.id, "another process goes by the id of this collector: its data folder was copied");
                return;
            }
            Ok(Looked::Seen) => away = false,
            Err(error) => {
                // Said once, not four times a second; the store's absence is in the metrics and in `/readyz`.
                if !away {
                    tracing::warn!(%error, "the roll of collectors cannot be read or written; trying again");
                }
                away = true;
            }
        }
    }
}

/// Takes this collector off the roll: everything is applied, and nobody needs to wait for it.
///
/// # Errors
/// See [`FleetError`]. Then it is taken for dead after a while, which is the same.
pub(crate) async fn leave(app: &App) -> Result<(), FleetError> {
    app.fleet.left.store(true, Ordering::Relaxed);
    let name = roll_name()?;
    for _ in 0..MOST_TRIES {
        let Some(document) = app.store.document(&name).await? else { return Ok(()) };
        let mut roll = Roll::decode(&document.bytes)?;
        roll.leave(&app.fleet.id, app.fleet.process);
        match app.store.put_document(&name, document.version, roll.encode()?).await {
            Err(StoreError::Conflict { .. }) => {}
            written => return written.map(drop).map_err(Into::into),
        }
    }
    Err(FleetError::Busy)
}

impl Fleet {
    fn seen(&self) -> View {
        View::clone(&self.view.load())
    }

    fn see(&self, view: View) {
        self.view.store(Arc::new(view));
    }
}

fn roll_name() -> Result<DocumentName, FleetError> {
    DocumentName::parse("fleet/roll").map_err(|error| FleetError::Roll(error.to_string()))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Nothing under these locks can panic half-way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_wait_while_what_the_store_lost_is_applied_again() {
        let data = tempfile::tempdir().unwrap();
        let fleet = Fleet::new(data.path()).unwrap();
        let now = Millis(1_795_262_400_000);
        assert_eq!(fleet.horizon(now), now);

        fleet.falls_behind(now);
        let soon = now.plus(Span::seconds(5));
        // A second loss does not make up for the first.
        fleet.falls_behind(soon);
        assert_eq!(fleet.horizon(now), now.minus(TIMER_WAITS));
        assert_eq!(fleet.horizon(soon), soon.minus(TIMER_WAITS), "for no longer than for anybody");

        fleet.caught_up();
        assert_eq!(fleet.horizon(soon), soon);
    }

    /// Seen red by a system test with a collector that knew nobody and so waited for nobody: four had what there was three of.
    #[test]
    fn who_starts_on_a_store_that_knows_nothing_of_it_waits_for_whoever_is_heard_of() {
        // given a collector that has run before, and another one that has not found out yet
        let (data, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        drop(Fleet::new(data.path()).unwrap());
        let fleet = Fleet::new(data.path()).unwrap();
        let id = CollectorId::load_or_make(elsewhere.path()).unwrap();
        let hear =
            |watermark| fleet.see(View { others: vec![Other { id, watermark, models: Vec::new() }], ..fleet.seen() });
        let now = Millis(1_795_262_400_000);
        fleet.starts_on_another(now);
        assert!(!fleet.has_all_again(now.plus(Span::seconds(14))));
        // when the other is heard of, then it is waited for until it has applied its log
        hear(now);
        assert!(!fleet.has_all_again(now.plus(Span::seconds(16))));
        hear(now.plus(FOUND_OUT_WITHIN));
        assert!(fleet.has_all_again(now.plus(Span::seconds(16))));
        // and who never ran before knows of no loss
        let fresh = tempfile::tempdir().unwrap();
        let fresh = Fleet::new(fresh.path()).unwrap();
        fresh.starts_on_another(now);
        assert!(fresh.has_all_again(now));
    }

    /// Seen red with a collector that is believed at once, and with one that is not waited for.
    #[test]
    fn after_the_store_was_lost_everybody_who_was_heard_of_is_waited_for() {
        let data = tempfile::tempdir().unwrap();
        let (fleet, elsewhere) = (Fleet::new(data.path()).unwrap(), tempfile::tempdir().unwrap());
        let id = CollectorId::load_or_make(elsewhere.path()).unwrap();
        let hear =
            |watermark| fleet.see(View { others: vec![Other { id, watermark, models: Vec::new() }], ..fleet.seen() });
        let now = Millis(1_795_262_400_000);
        assert!(fleet.has_all_again(now));
        // given that nobody is heard of, then nobody is waited for
        fleet.store_is_another(now);
        assert!(fleet.has_all_again(now));

        // given another collector, which reports before it has found out
        hear(now);
        fleet.store_is_another(now);
        hear(now.plus(Span::seconds(1)));
        assert!(!fleet.has_all_again(now.plus(Span::seconds(2))));
        // when it applies its log again, or is not heard of for a while
        hear(now.minus(TIMER_WAITS));
        assert!(!fleet.has_all_again(now.plus(Span::seconds(20))));
        fleet.see(View { others: Vec::new(), ..fleet.seen() });
        assert!(!fleet.has_all_again(now.plus(Span::seconds(60))));
        // then it is waited for until it has
        hear(now.plus(Span::seconds(90)));
        assert!(fleet.has_all_again(now.plus(Span::seconds(90))));

        // and no longer than a code is leased
        fleet.store_is_another(now);
        fleet.see(View { others: Vec::new(), ..fleet.seen() });
        assert!(!fleet.has_all_again(now.plus(LEASE)));
        assert!(fleet.has_all_again(now.plus(LEASE).plus(FOUND_OUT_WITHIN)));
    }
}
