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
mod roll;

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
use crate::metric::Metric;
use crate::site::Site;
use roll::{Duty, Member, News, Reported, Roll, RollFault};

pub use collector_id::CollectorId;
pub use roll::DEAD_AFTER;

/// How often the roll is read: so soon others follow a model or an erasure.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often a collector reports; at once when it has something to tell.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Reports in a row that others may be faster with.
const MOST_TRIES: usize = 16;
/// What a collector believes to hold it lets go of so much before others may think it dead.
const MARGIN: Duration = Duration::from_millis(500);
/// How far a collector's clock may be off the store's.
pub const CLOCK_OFF: Span = Span::seconds(5);
/// How long a timer waits for collectors that have not applied what they received before it.
pub const TIMER_WAITS: Span = Span::seconds(60);

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
    /// The watermark of before this process started, until the log is applied.
    behind: Mutex<Option<Millis>>,
    /// Set once this collector is off the roll.
    left: AtomicBool,
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

/// Another collector that is heard of.
#[derive(Debug, Clone)]
struct Other {
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
            left: AtomicBool::new(false),
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

    /// Up to which instant timers may run at `now`: no other collector still has to apply what it received before, or that
    /// was waited for long enough. What this collector has to apply itself it knows lead by lead.
    #[must_use]
    pub fn horizon(&self, now: Millis) -> Millis {
        let view = self.view.load();
        let slowest = view.others.iter().map(|other| other.watermark).min();
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

/// What came of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looked {
    Seen,
    /// Another process has this collector's id.
    Superseded,
}

/// The one who looks and reports.
pub(crate) struct Reporter {
    name: DocumentName,
    /// The last report that was written: when it began, and what it said.
    last: Option<(Instant, Duty)>,
    watermark: Millis,
    clock: Option<StoreClock>,
}

/// The store's clock, as it was last read.
#[derive(Debug, Clone, Copy)]
struct StoreClock {
    /// From before the store was asked, by the steady clock and by this machine's.
    asked: Instant,
    here: Millis,
    /// `None`: it has none of its own.
    store: Option<Millis>,
    state: ClockState,
}

impl StoreClock {
    async fn read(app: &App) -> Result<Self, StoreError> {
        let (asked, here) = (Instant::now(), app.clock.of_the_machine());
        let store = app.store.health().await?.clock.map(Millis);
        Ok(Self { asked, here, store, state: clock_state(here, store, asked.elapsed()) })
    }
}

impl Reporter {
    fn new(app: &App) -> Result<Self, FleetError> {
        Ok(Self { name: roll_name()?, last: None, watermark: app.clock.now(), clock: None })
    }

    /// Reads the roll, and writes on it when it is time or `at_once`.
    async fn look(&mut self, app: &App, at_once: bool) -> Result<Looked, FleetError> {
        for _ in 0..MOST_TRIES {
            let leaving = app.draining.load(Ordering::Relaxed);
            let is_time = self
                .last
                .is_none_or(|(last, said)| last.elapsed() >= REPORT_EVERY || (leaving && said != Duty::Leaving));
            if is_time || at_once {
                self.clock = Some(StoreClock::read(app).await?);
            }
            let Some(StoreClock { asked, here, store, state: clock }) = self.clock else { return Ok(Looked::Seen) };
            // Between reports the store is not asked for its time again: it goes on as ours does.
            let now = match store {
                _ if is_time || at_once => store.unwrap_or(here),
                Some(then) => then.plus(span(asked.elapsed())),
                None => app.clock.of_the_machine(),
            };
            let document = app.store.document(&self.name).await?;
            let version = document.as_ref().map_or(Version::ABSENT, |document| document.version);
            let mut roll = document.map_or_else(|| Ok(Roll::default()), |document| Roll::decode(&document.bytes))?;
            let duty = match clock {
                _ if leaving => Duty::Leaving,
                ClockState::Off(_) => Duty::Idle,
                ClockState::Right => Duty::Working,
            };
            if is_time || at_once {
                match self.report(app, roll, version, duty, now).await? {
                    Written::Roll(written) => roll = written,
                    Written::Superseded => {
                        app.fleet.see(View { superseded: true, held: Partitions::NONE, ..app.fleet.seen() });
                        return Ok(Looked::Superseded);
                    }
                    Written::Conflict => continue,
                }
                self.last = Some((asked, duty));
            }
            self.seen(app, &roll, clock, now);
            return Ok(Looked::Seen);
        }
        Err(FleetError::Busy)
    }

    async fn report(
        &mut self,
        app: &App,
        mut roll: Roll,
        version: Version,
        duty: Duty,
        now: Millis,
    ) -> Result<Written, FleetError> {
        let fleet = &app.fleet;
        let first = self.last.is_none();
        if first {
            // Until the log is applied it is as far as its last process said.
            let before = roll.member(&fleet.id).map_or(app.clock.now(), |member| member.watermark);
            *lock(&fleet.behind) = Some(before);
        }
        self.watermark = fleet.watermark(app, self.watermark);
        roll.news.join(&lock(&fleet.known));
        let me = Member {
            id: fleet.id,
            process: fleet.process,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            heard: now,
            watermark: self.watermark,
            duty,
            models: app.sites.iter().map(|site| model_of(site)).collect(),
        };
        let Reported::Holds(held) = roll.report(me, first) else { return Ok(Written::Superseded) };
        // What is given away is let go of first.
        let view = fleet.seen();
        fleet.see(View { held: both(&view.held, &held), ..view });
        match app.store.put_document(&self.name, version, roll.encode()?).await {
            Ok(_) => Ok(Written::Roll(roll)),
            Err(StoreError::Conflict { .. }) => Ok(Written::Conflict),
            Err(error) => Err(error.into()),
        }
    }

    /// What the roll says is how things are.
    fn seen(&self, app: &App, roll: &Roll, clock: ClockState, now: Millis) {
        let fleet = &app.fleet;
        let others = roll.living(now).filter(|member| member.id != fleet.id);
        let others = others.map(|member| Other { watermark: member.watermark, models: member.models.clone() });
        // From before the store was asked for its time: so it is over here before it is there.
        let until = self.last.map_or_else(Instant::now, |(asked, _)| asked + believed());
        let view = View { held: roll.held(&fleet.id), until, others: others.collect(), clock, superseded: false };
        Metric::Collectors.level(view.others.len() as u64 + 1);
        fleet.see(view);
        Metric::PartitionsHeld.level(fleet.standing().partitions as u64);
        let news = {
            let known = lock(&fleet.known);
            let mut joined = known.clone();
            joined.join(&roll.news);
            joined != *known
        };
        if news {
            *lock(&fleet.heard) = roll.news.clone();
            fleet.told.notify_one();
        }
    }
}

impl Fleet {
    fn seen(&self) -> View {
        View::clone(&self.view.load())
    }

    fn see(&self, view: View) {
        self.view.store(Arc::new(view));
    }
}

/// What became of a report.
enum Written {
    Roll(Roll),
    Superseded,
    /// Another collector was faster.
    Conflict,
}

/// How long after a report a collector believes to hold what it held.
fn believed() -> Duration {
    Duration::from_millis(u64::try_from(DEAD_AFTER.0).unwrap_or_default()).saturating_sub(MARGIN)
}

/// How far this machine's clock is off the store's, which was read at some instant of `asked`.
fn clock_state(here: Millis, store: Option<Millis>, asked: Duration) -> ClockState {
    let Some(store) = store else { return ClockState::Right };
    let asked = span(asked).0;
    let off = here.since(store).0;
    // It was read between `here` and `here + asked`.
    let least = if off > 0 { off } else { off.saturating_add(asked).min(0) };
    if least.abs() > CLOCK_OFF.0 { ClockState::Off(Span(least)) } else { ClockState::Right }
}

fn span(duration: Duration) -> Span {
    Span(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

fn model_of(site: &Site) -> (String, u32, Millis) {
    let in_force = site.in_force();
    (site.config.key.as_str().to_owned(), in_force.number, in_force.since)
}

fn both(one: &Partitions, other: &Partitions) -> Partitions {
    let both = Partition::all().filter(|partition| one.contains(*partition) && other.contains(*partition));
    both.fold(Partitions::NONE, Partitions::with)
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
    fn a_clock_is_off_when_it_is_whenever_the_store_read_its_own() {
        let here = Millis(1_795_262_400_000);
        let state =
            |ahead: i64, asked: u64| clock_state(here, Some(here.minus(Span(ahead))), Duration::from_millis(asked));
        assert_eq!(clock_state(here, None, Duration::ZERO), ClockState::Right);
        assert_eq!(state(5_000, 0), ClockState::Right);
        assert_eq!(state(5_001, 0), ClockState::Off(Span(5_001)));
        assert_eq!(state(-5_001, 0), ClockState::Off(Span(-5_001)));
        // The store answered a second later: its clock may have been read then.
        assert_eq!(state(-5_900, 1_000), ClockState::Right);
        assert_eq!(state(-6_100, 1_000), ClockState::Off(Span(-5_100)));
    }
}
