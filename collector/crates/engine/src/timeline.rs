//! The timeline: a ledger replayed under a model, touch by touch, into the points that rules gave and the stage they made.
//!
//! Scores, stages, lines and forecasts are questions to one timeline, so they cannot disagree. A replay is one pass: at each
//! touch what is known of the visitor ([`State`]), then rules, then the stage. Between touches the score only cools and
//! states begin or cease to hold; [`Timeline::advance`] follows that, and goes on into the future in the same way.

mod allowance;
mod cooling;
mod giving;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use self::allowance::Allowance;
use crate::contribution::{Contribution, Origin};
use crate::gauge::{Gauge, Range};
use crate::lead::Lead;
use crate::model::{Basis, Bounds, Model, StageIndex, follow, staying};
use crate::points::Points;
use crate::slots::Slots;
use crate::state::State;
use crate::sums::Sums;
use crate::time::{Millis, Span};
use crate::touch::StreamId;
use crate::why_not::Watch;

/// The score that makes the stage is the first one of a model.
const STAGE_SCORE: usize = 0;

/// How often a score is worked out by itself before sums are kept that go on: building those costs about as much.
const SELDOM: usize = 8;

/// What one rule has counted so far.
#[derive(Debug, Clone, Copy)]
struct Tally {
    rule: usize,
    matches: u32,
    kept: u32,
    /// The last contribution.
    last: usize,
    /// The contribution as many places back as the rule may count.
    blocking: usize,
}

/// A stage that a rule has set.
#[derive(Debug, Clone, Copy)]
struct Pin {
    stage: StageIndex,
    until: Option<Millis>,
}

impl Pin {
    fn holds(&self, at: Millis) -> bool {
        self.until.is_none_or(|until| at < until)
    }
}

/// Why a stage changed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mover {
    /// This contribution weighed most, or set the stage.
    Contribution(usize),
    /// A hand-back by this rule, at the touch at this place.
    HandBack { rule: usize, touch: usize },
    /// Nothing happened.
    Time,
}

/// What the replay says about the stage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StageHistory {
    pub(crate) stage: StageIndex,
    pub(crate) since: Millis,
    /// `None`: it never changed.
    pub(crate) mover: Option<Mover>,
}

/// A ledger replayed under a model until an instant.
#[derive(Debug, Clone)]
pub(crate) struct Timeline<'a> {
    pub(crate) model: &'a Model,
    pub(crate) state: State<'a>,
    /// By their beginning.
    pub(crate) contributions: Vec<Contribution>,
    pub(crate) slots: Slots<'a>,
    pub(crate) history: StageHistory,
    /// Every stage before that one, with when and why it came.
    pub(crate) earlier: Vec<StageHistory>,
    /// Whoever asks why a rule did not count.
    pub(crate) watch: Option<Watch>,
    /// The instant that was reached.
    pub(crate) now: Millis,
    tallies: Vec<Tally>,
    pins: Vec<Pin>,
    /// Thresholds in force for this visitor.
    bounds: Cow<'a, [Bounds]>,
    /// Scores at which the stage stays as it is under these.
    staying: std::ops::Range<Points>,
    /// Until when the stage must stay.
    stays_until: Option<Millis>,
    /// State rules that hold, with their contribution.
    holding: Vec<(usize, usize)>,
    /// When a state may begin or cease to hold next, if no touch comes.
    look: Option<Millis>,
    gauge: Gauge,
    /// What of the gauge is worth nothing any more by `horizon`: when, the next one first.
    ends: BinaryHeap<Reverse<(Millis, usize)>>,
    /// How far `ends` looks.
    horizon: Millis,
    /// No contribution before this place is worth anything any more.
    live_from: usize,
    /// Until then only a touch or a state can change the stage.
    keeps_until: Millis,
    /// How many contributions the stage takes into account.
    settled: usize,
    /// The hand-back of the touches taken last, until the stage takes it into account.
    handed_back: Option<(usize, usize)>,
    /// When a browser's touch of the present instant was received, if one was taken: what begins now may be its doing.
    by_browser: Option<Millis>,
    /// What browsers may still give.
    allowance: Allowance,
    /// Exact sums of scores that were asked for.
    sums: Vec<Sums>,
    /// How often one was worked out by itself instead.
    by_itself: usize,
    /// Those of the score that makes the stage, where they go ahead of the stage to look for its bound.
    ahead: Sums,
    /// How much more may be computed to foresee changes; `None`: as much as it takes, since the past is no guess.
    budget: Option<usize>,
    scratch: Vec<Points>,
}

impl<'a> Timeline<'a> {
    /// Replays a ledger until `at`, which is not before its last touch.
    pub(crate) fn of(lead: &'a Lead, model: &'a Model, at: Millis) -> Self {
        Self::replay(Self::new(lead, model, at, None), lead, at)
    }

    /// The same, where the page that `asking` names by its stream is taken for one that somebody uses.
    pub(crate) fn asked(lead: &'a Lead, model: &'a Model, at: Millis, asking: &StreamId) -> Self {
        Self::replay(Self::new(lead, model, at, Some(asking)), lead, at)
    }

    /// The same, noting why a rule does not count.
    pub(crate) fn watched(lead: &'a Lead, model: &'a Model, at: Millis, watch: Option<Watch>) -> Self {
        Self::replay(Self { watch, ..Self::new(lead, model, at, None) }, lead, at)
    }

    fn replay(mut timeline: Self, lead: &'a Lead, at: Millis) -> Self {
        let touches = lead.touches();
        timeline.horizon = at;
        let mut place = 0;
        while let Some(touch) = touches.get(place) {
            let time = touch.time;
            timeline.advance(time.minus(Span(1)), false);
            while let Some(touch) = touches.get(place).filter(|touch| touch.time == time) {
                timeline.take(place, touch);
                place += 1;
            }
            timeline.settle(time);
        }
        timeline.advance(at, false);
        timeline.state.now = at;
        timeline
    }

    fn new(lead: &'a Lead, model: &'a Model, at: Millis, asking: Option<&StreamId>) -> Self {
        let first_seen = lead.touches().first().map_or(at, |touch| touch.time);
        let lowest = model.stages.iter().next();
        Self {
            model,
            state: State::new(lead, model, asking),
            // Few touches give more than two rules points.
            contributions: Vec::with_capacity(lead.touches().len() * 2),
            slots: Slots::of(&model.scores),
            history: StageHistory { stage: StageIndex(0), since: first_seen, mover: None },
            earlier: Vec::new(),
            watch: None,
            now: first_seen.minus(Span(1)),
            tallies: Vec::with_capacity(model.rules.len().min(16)),
            pins: Vec::new(),
            bounds: Cow::Borrowed(&model.bounds),
            staying: staying(&model.bounds, StageIndex(0)),
            stays_until: lowest.and_then(|stage| Some(first_seen.plus(stage.min_stay?))),
            holding: Vec::new(),
            look: None,
            gauge: Gauge::new(),
            ends: BinaryHeap::new(),
            horizon: first_seen,
            live_from: 0,
            keeps_until: Millis(i64::MIN),
            settled: 0,
            handed_back: None,
            by_browser: None,
            allowance: Allowance::with_capacity(if model.browser_cap.is_some() { 16 } else { 0 }),
            sums: Vec::new(),
            by_itself: 0,
            ahead: Sums::of(STAGE_SCORE),
            budget: None,
            scratch: Vec::new(),
        }
    }

    /// Follows what time alone does, until `until`. With `first_only`, stops at the first change of the stage; says
    /// whether it met one. Stops as well where it [is spent](Self::is_spent).
    pub(crate) fn advance(&mut self, until: Millis, first_only: bool) -> bool {
        self.extend(until);
        while self.now < until {
            let look = self.look.filter(|look| *look <= until);
            let quiet = look.map_or(until, |look| look.minus(Span(1)));
            if self.cool(quiet, first_only) && first_only {
                return true;
            }
            if self.is_spent() {
                return false;
            }
            let Some(look) = look else { break };
            let before = self.history.stage;
            self.state.now = look;
            self.settle(look);
            if first_only && self.history.stage != before {
                return true;
            }
        }
        false
    }

    /// From here on it is foreseen what comes, and no more computed for that than so many values.
    pub(crate) fn foresee(&mut self, budget: usize) {
        self.budget = Some(budget);
    }

    /// Whether all was spent that could be: what comes after the instant that was reached is not known.
    pub(crate) fn is_spent(&self) -> bool {
        self.budget == Some(0)
    }

    /// When a state may begin or cease to hold next, if no touch comes.
    pub(crate) fn next_look(&self) -> Option<Millis> {
        self.look
    }

    /// States with a notice that hold, by the place of their rule, and since when.
    pub(crate) fn told_of(&self) -> Vec<(usize, Millis)> {
        let telling = |rule: usize| self.model.rules.get(rule).is_some_and(|rule| rule.notice().is_some());
        let held = self.holding.iter().filter(|(rule, _)| telling(*rule));
        let mut held: Vec<(usize, Millis)> =
            held.filter_map(|(rule, place)| Some((*rule, self.contributions.get(*place)?.start))).collect();
        held.sort_unstable();
        held
    }

    /// An instant from which on no contribution changes.
    pub(crate) fn settled_by(&self) -> Millis {
        let pins = self.pins.iter().filter_map(|pin| pin.until);
        self.contributions
            .iter()
            .map(Contribution::settled)
            .chain(pins)
            .chain(self.stays_until)
            .max()
            .unwrap_or(self.now)
    }

    /// A score at an instant that everything has begun by.
    pub(crate) fn score(&self, score: usize, at: Millis) -> Points {
        let mut sums = Vec::new();
        self.add_up(score, at, &mut sums)
    }

    fn add_up(&self, score: usize, at: Millis, sums: &mut Vec<Points>) -> Points {
        sums.clear();
        sums.resize(self.slots.len(), Points::ZERO);
        for contribution in self.contributions.iter().filter(|contribution| contribution.score == score) {
            if let Some(sum) = sums.get_mut(contribution.slot) {
                *sum += contribution.value(at);
            }
        }
        self.slots.score(score, sums)
    }

    /// A score at an instant that everything has begun by, which is not before the last that was asked for.
    ///
    /// Few stories are in doubt more often than a few times. Up to then, adding up costs less than sums that can go on.
    #[cold]
    fn exactly(&mut self, score: usize, at: Millis) -> Points {
        if self.by_itself == SELDOM || self.sums.iter().any(|sums| sums.score == score) {
            return self.going_on(score, at);
        }
        self.by_itself += 1;
        let mut scratch = std::mem::take(&mut self.scratch);
        let sum = self.add_up(score, at, &mut scratch);
        self.scratch = scratch;
        sum
    }

    /// The same, by sums that go on from there.
    fn going_on(&mut self, score: usize, at: Millis) -> Points {
        let found = self.sums.iter().position(|sums| sums.score == score).unwrap_or_else(|| {
            self.sums.push(Sums::of(score));
            self.sums.len() - 1
        });
        let Some(sums) = self.sums.get_mut(found).filter(|sums| sums.at() <= at) else { return self.score(score, at) };
        sums.go(&self.contributions, at);
        sums.read(self.slots.len(), &mut self.scratch);
        self.slots.score(score, &mut self.scratch)
    }

    /// Whether bounds alone show that the score that makes the stage is no less than this, with what has just begun.
    #[inline(never)]
    fn is_at_least(&mut self, level: Points, at: Millis) -> bool {
        self.let_go(at);
        let begun = self.contributions.get(self.settled..).unwrap_or_default();
        let begun = begun.iter().filter(|one| one.score == STAGE_SCORE).map(|one| (one.slot, one.value(at)));
        self.gauge.least(at, &self.slots, STAGE_SCORE, begun, &mut self.scratch) >= level
    }

    /// States begin and cease to hold, and the stage follows everything that has happened at `time`.
    fn settle(&mut self, time: Millis) {
        if !self.model.index.states.is_empty() {
            self.look_at_states(time);
        }
        self.by_browser = None;
        if self.model.has_segments {
            self.look_at_segments();
        }
        if !self.model.index.states.is_empty() || self.model.has_segments {
            self.look = self.soonest_look();
        }
        self.now = time;
        self.follow_stage(time);
    }

    fn look_at_states(&mut self, time: Millis) {
        for number in &self.model.index.states {
            let number = *number as usize;
            let Some(rule) = self.model.rules.get(number) else { continue };
            let Basis::State(state) = &rule.basis else { continue };
            let holds = state.holds.matches(&self.state.known(None, self.history.stage));
            let held = self.holding.iter().position(|(rule, _)| *rule == number);
            match (holds, held) {
                (true, None) => {
                    let origin = Origin::State(self.state.last_taken());
                    let place = self.give(number, origin, time, state.points, self.by_browser);
                    self.holding.push((number, place));
                }
                (false, Some(held)) => {
                    let (_, place) = self.holding.swap_remove(held);
                    self.finish(place, time);
                }
                _ => {}
            }
        }
    }

    fn look_at_segments(&mut self) {
        let facts = self.state.vouched();
        let chosen = self.model.stages.iter().map(|stage| {
            let segment = stage.segments.iter().find(|segment| segment.when.matches(&facts));
            segment.map_or(Bounds { enter: stage.enter, keep: stage.keep }, |segment| Bounds {
                enter: Some(segment.enter),
                keep: Some(segment.keep),
            })
        });
        let chosen: Vec<Bounds> = chosen.collect();
        if *chosen != *self.bounds {
            self.bounds = Cow::Owned(chosen);
            self.staying = staying(&self.bounds, self.history.stage);
            self.keeps_until = Millis(i64::MIN);
        }
    }

    fn soonest_look(&self) -> Option<Millis> {
        let states =
            self.model.index.states.iter().filter_map(|number| match &self.model.rules.get(*number as usize)?.basis {
                Basis::State(state) => self.state.next_look(&state.holds),
                Basis::Touch(_) => None,
            });
        let segments = self.model.stages.iter().flat_map(|stage| &stage.segments);
        states.chain(segments.filter_map(|segment| self.state.next_look(&segment.when))).min()
    }

    /// The stage after all that has happened at `time`.
    fn follow_stage(&mut self, time: Millis) {
        self.let_go(time);
        let begun = self.settled;
        let handed_back = self.handed_back.take();
        if begun == self.contributions.len() && handed_back.is_none() && time < self.keeps_until {
            return;
        }
        self.gauge.look(&self.slots, time);
        if self.gauge.worn {
            self.restart_gauge(time);
        }
        for place in begun..self.contributions.len() {
            self.begin(place, time);
        }
        self.settled = self.contributions.len();
        self.gauge.look(&self.slots, time);
        let floor = self.floor(time, handed_back.is_some());
        let mut scratch = std::mem::take(&mut self.scratch);
        let range = self.gauge.looked_at(&self.slots, STAGE_SCORE, &mut scratch);
        let sure = self.follows(floor, range);
        self.scratch = scratch;
        let next = match sure {
            Some(stage) => stage,
            None => self.in_doubt(floor, time),
        };
        if next != self.history.stage {
            let mover = self.mover(begun, next, handed_back);
            self.enter(StageHistory { stage: next, since: time, mover: Some(mover) });
        }
        let turn = self.next_turn(time).map_or(self.gauge.turn(), |turn| turn.min(self.gauge.turn()));
        self.keeps_until = sure.map_or(Millis(i64::MIN), |_| turn);
    }

    /// The stage where bounds to within a step do not tell: as rounding bounds the score, or by the exact one.
    #[cold]
    fn in_doubt(&mut self, floor: StageIndex, time: Millis) -> StageIndex {
        if self.by_itself < SELDOM {
            self.by_itself += 1;
            return self.stage_at(floor, time);
        }
        let score = self.exactly(STAGE_SCORE, time);
        self.followed(floor, score)
    }

    /// The stage takes a contribution into account that has begun at `time`.
    fn begin(&mut self, place: usize, time: Millis) {
        let Some(contribution) = self.contributions.get(place) else { return };
        if contribution.score != STAGE_SCORE || contribution.value(time) == Points::ZERO {
            return;
        }
        self.gauge.put(contribution, time);
        if let Some(end) = contribution.worth_until(self.horizon) {
            self.ends.push(Reverse((end, place)));
        }
    }

    fn enter(&mut self, history: StageHistory) {
        self.staying = staying(&self.bounds, history.stage);
        let stage = self.model.stages.iter().nth(history.stage.0);
        self.stays_until = stage.and_then(|stage| Some(history.since.plus(stage.min_stay?)));
        self.earlier.push(std::mem::replace(&mut self.history, history));
    }

    /// The stage that follows on any score in a range, if it is one.
    fn follows(&self, floor: StageIndex, range: Range) -> Option<StageIndex> {
        let stage = self.followed(floor, range.lowest);
        (range.lowest == range.highest || self.followed(floor, range.highest) == stage).then_some(stage)
    }

    /// The stage that follows on a score, not below `floor`.
    fn followed(&self, floor: StageIndex, score: Points) -> StageIndex {
        let stage = self.history.stage;
        let next = if self.staying.contains(&score) { stage } else { follow(&self.bounds, stage, score) };
        next.max(floor)
    }

    /// What moved the stage to `next`: what set it, else of all that has just begun what weighed most.
    fn mover(&self, begun: usize, next: StageIndex, handed_back: Option<(usize, usize)>) -> Mover {
        let upwards = next > self.history.stage;
        if let (Some((rule, touch)), false) = (handed_back, upwards) {
            return Mover::HandBack { rule, touch };
        }
        let new = begun..self.contributions.len();
        let rule = |place: usize| self.contributions.get(place).map(|one| one.rule);
        let sets = |place: &usize| rule(*place).is_some_and(|rule| self.sets(rule) == Some(next));
        if let Some(place) = new.clone().rev().find(sets).filter(|_| upwards) {
            return Mover::Contribution(place);
        }
        let weight = |place: &usize| {
            let one = self.contributions.get(*place).filter(|one| one.score == STAGE_SCORE)?;
            Some(if upwards { one.granted } else { -one.granted }).filter(|weight| *weight > Points::ZERO)
        };
        let heaviest = new.filter_map(|place| Some((weight(&place)?, place))).max();
        heaviest.map_or(Mover::Time, |(_, place)| Mover::Contribution(place))
    }

    /// The lowest stage possible at an instant: what rules have set, and the present one for as long as it must stay.
    fn floor(&self, at: Millis, handed_back: bool) -> StageIndex {
        let set = self.pins.iter().filter(|pin| pin.holds(at)).map(|pin| pin.stage).max().unwrap_or_default();
        let stays = !handed_back && self.stays_until.is_some_and(|until| at < until);
        if stays { set.max(self.history.stage) } else { set }
    }

    /// Thresholds in force for this visitor, lowest stage first.
    pub(crate) fn bounds(&self) -> &[Bounds] {
        &self.bounds
    }
}
