//! Looking and reporting: how a collector keeps its place on the roll, and learns what stands there.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use engine::{Millis, Span};
use store::{DocumentName, Partition, Partitions, StoreError, Version};

use super::roll::{DEAD_AFTER, Duty, Member, Reported, Roll};
use super::{CLOCK_OFF, ClockState, FleetError, MOST_TRIES, Other, View, lock, roll_name};
use crate::app::App;
use crate::metric::Metric;
use crate::site::Site;

/// How often a collector reports; at once when it has something to tell.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// What a collector believes to hold it lets go of so much before others may think it dead.
const MARGIN: Duration = Duration::from_millis(500);

/// Who has not applied for so long what it received leaves its partitions to others.
const BEHIND: Span = Span::seconds(10);

/// What came of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looked {
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
    pub(super) fn new(app: &App) -> Result<Self, FleetError> {
        Ok(Self { name: roll_name()?, last: None, watermark: app.clock.now(), clock: None })
    }

    /// Reads the roll, and writes on it when it is time or `at_once`.
    pub(super) async fn look(&mut self, app: &App, at_once: bool) -> Result<Looked, FleetError> {
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
            if self.last.is_none() {
                // Until the log is applied it is as far as its last process said.
                let before = roll.member(&app.fleet.id).map_or(app.clock.now(), |member| member.watermark);
                *lock(&app.fleet.behind) = Some(before);
            }
            self.watermark = app.fleet.watermark(app, self.watermark);
            let duty = match clock {
                _ if leaving => Duty::Leaving,
                ClockState::Off(_) => Duty::Idle,
                ClockState::Right if app.clock.now().since(self.watermark) > BEHIND => Duty::Behind,
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
        let others =
            others.map(|member| Other { id: member.id, watermark: member.watermark, models: member.models.clone() });
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
