//! The timeline: which rules gave how many points when, and what that makes the score at any instant.
//!
//! Scores, the history of stages and forecasts are three questions to one timeline, so they cannot disagree.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::condition::TouchFacts;
use crate::decay::Decay;
use crate::lead::Lead;
use crate::model::{Keep, Model, Rule, StageIndex};
use crate::orders::{Orders, moves_money};
use crate::points::Points;
use crate::time::{Millis, Span};
use crate::touch::{Touch, Trust};

/// Points that one rule gives for one touch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contribution {
    /// Place of the touch in the ledger.
    pub(crate) touch: usize,
    /// Place of the rule in the model.
    pub(crate) rule: usize,
    /// The touch's time.
    pub(crate) start: Millis,
    /// When it ends altogether: it expires, or a later touch takes its place.
    end: Option<Millis>,
    decay: Decay,
    /// Place of the rule's cap in the timeline's caps.
    cap: Option<usize>,
    /// What the rule gives.
    pub(crate) points: Points,
    /// What the cap on browser events leaves of that.
    pub(crate) granted: Points,
}

impl Contribution {
    /// What is left at an instant of what the rule gives.
    pub(crate) fn full(&self, at: Millis) -> Points {
        self.left(self.points, at)
    }

    /// What is left at an instant of what the cap on browser events leaves.
    pub(crate) fn value(&self, at: Millis) -> Points {
        self.left(self.granted, at)
    }

    fn left(&self, points: Points, at: Millis) -> Points {
        if at < self.start || self.end.is_some_and(|end| at >= end) {
            return Points::ZERO;
        }
        self.decay.left(points, at.since(self.start))
    }

    /// The first instant after `at` at which it may change; `None`: never.
    pub(crate) fn next(&self, at: Millis) -> Option<Millis> {
        let step = self.decay.next_step(self.start, at);
        let end = self.end.filter(|end| *end > at);
        match (step, end) {
            (Some(step), Some(end)) => Some(step.min(end)),
            (one, other) => one.or(other),
        }
    }

    /// An instant from which on it never changes.
    fn settled(&self) -> Millis {
        match (self.decay.faded_by(self.points, self.start), self.end) {
            (Some(faded), Some(end)) => faded.min(end),
            (one, other) => one.or(other).unwrap_or(self.start),
        }
    }
}

/// The contributions to a lead's score.
#[derive(Debug)]
pub(crate) struct Timeline<'a> {
    pub(crate) model: &'a Model,
    /// In canonical order of their touches, then in the order of the rules.
    pub(crate) contributions: Vec<Contribution>,
    /// Rules that have a cap: place in the model, cap.
    caps: Vec<(usize, Points)>,
}

/// How many values of contributions the search for a highest score may compute: a few milliseconds of work.
const HIGHEST_WORK: usize = 200_000;

/// What a score can be within an interval.
#[derive(Debug, Clone, Copy, Default)]
struct Range {
    lowest: Points,
    highest: Points,
}

impl<'a> Timeline<'a> {
    pub(crate) fn of(lead: &Lead, orders: &Orders, model: &'a Model) -> Self {
        let mut matched: Vec<Vec<usize>> = vec![Vec::new(); model.rules.len()];
        for (place, touch) in lead.touches().iter().enumerate() {
            if touch.trust == Trust::Product || !orders.telling(place).counts {
                continue;
            }
            let Some(facts) = TouchFacts::last_of(&lead.touches()[..=place], model) else { continue };
            for (rule, places) in model.rules.iter().zip(&mut matched) {
                if rule.concerns(touch) && rule.trusts(touch) && rule.when.matches(&facts) {
                    places.push(place);
                }
            }
        }
        let (mut contributions, mut caps) = (Vec::new(), Vec::new());
        for (number, (rule, places)) in
            model.rules.iter().zip(matched).enumerate().filter(|(_, (_, to))| !to.is_empty())
        {
            let slot = rule.cap.map(|cap| {
                caps.push((number, cap));
                caps.len() - 1
            });
            let template = Contribution {
                touch: 0,
                rule: number,
                start: Millis(0),
                end: None,
                decay: Decay::of(rule.half_life),
                cap: slot,
                points: rule.points,
                granted: rule.points,
            };
            counted(rule, template, &places, lead.touches(), &mut contributions);
        }
        contributions.sort_unstable_by_key(|contribution| (contribution.touch, contribution.rule));
        cap_browser(model, lead.touches(), &mut contributions);
        Self { model, contributions, caps }
    }

    /// The stage at an instant, since when, and which contribution changed it (`None`: cooling).
    ///
    /// Touches of one millisecond take effect together. Between them the score only cools.
    pub(crate) fn stage(&self, first_seen: Millis, at: Millis) -> StageHistory {
        let stages = &self.model.stages;
        let mut history = StageHistory { stage: StageIndex(0), since: first_seen, cause: None };
        let mut done = 0;
        let mut before = None;
        while let Some(group) = self.contributions.get(done..).filter(|rest| !rest.is_empty()) {
            let start = group.first().map_or(at, |contribution| contribution.start);
            let size = group.iter().take_while(|contribution| contribution.start == start).count();
            if let Some(from) = before {
                self.cool(done, from, Millis(start.0.saturating_sub(1)), &mut history);
            }
            let score = range(self.contributions.get(..done + size).unwrap_or_default(), &self.caps, start, start);
            let next = stages.follow(history.stage, score.lowest);
            if next != history.stage {
                let upwards = next > history.stage;
                let weight = |contribution: &&Contribution| {
                    if upwards { contribution.granted } else { -contribution.granted }
                };
                let moved = group.iter().take(size).filter(|one| weight(one) > Points::ZERO).max_by_key(weight);
                history = StageHistory { stage: next, since: start, cause: Some(moved.copied()) };
            }
            done += size;
            before = Some(start);
        }
        if let Some(from) = before {
            self.cool(done, from, at, &mut history);
        }
        history
    }

    /// Follows the stage from `from` to `until`, where only the first `count` contributions have begun.
    fn cool(&self, count: usize, from: Millis, until: Millis, history: &mut StageHistory) {
        let begun = self.contributions.get(..count).unwrap_or_default();
        let mut from = from;
        while let Some((at, score)) = self.first_change(begun, history.stage, from, until) {
            let stage = self.model.stages.follow(history.stage, score);
            *history = StageHistory { stage, since: at, cause: Some(None) };
            from = at;
        }
    }

    /// The first instant in `[from, until]` at which the stage is no longer `stage`, and the score then.
    ///
    /// Each contribution only shrinks, so its values at both ends of an interval bound it inside, and an interval whose
    /// bounds allow no other stage is skipped whole; others are halved. Exact to the millisecond, and with points of one
    /// sign it is a plain bisection.
    fn first_change(
        &self,
        begun: &[Contribution],
        stage: StageIndex,
        from: Millis,
        until: Millis,
    ) -> Option<(Millis, Points)> {
        if from > until {
            return None;
        }
        let stages = &self.model.stages;
        let mut open = vec![(from, until)];
        while let Some((from, until)) = open.pop() {
            let range = range(begun, &self.caps, from, until);
            if stages.follow(stage, range.lowest) == stage && stages.follow(stage, range.highest) == stage {
                continue;
            }
            if from == until {
                return Some((from, range.lowest));
            }
            let middle = from.plus(Span(until.since(from).0 / 2));
            // The earlier half is looked at first.
            open.push((Millis(middle.0 + 1), until));
            open.push((from, middle));
        }
        None
    }

    /// The first instant after `at` at which the stage is no longer `stage` if nothing happens, and the score then.
    pub(crate) fn next_change(&self, stage: StageIndex, at: Millis) -> Option<(Millis, Points)> {
        let settled = self.contributions.iter().map(Contribution::settled).max()?;
        self.first_change(&self.contributions, stage, at, settled)
    }

    /// The highest score in `[from, until]`, where everything has begun by `from`; never less than that, and more only
    /// where points of both signs fall in so many steps that the search is cut short.
    ///
    /// The interval with the highest bound is halved until its bound is a score that is reached. With points above zero
    /// only that is at once, at `from`.
    pub(crate) fn highest(&self, from: Millis, until: Millis) -> Points {
        let highest = |from, until| range(&self.contributions, &self.caps, from, until).highest;
        // Of equal bounds the shortest interval first: it is nearest to an answer.
        let entry = |from: Millis, until: Millis| (highest(from, until), Reverse(until.since(from)), from, until);
        let mut open = BinaryHeap::from([entry(from, until)]);
        let mut left = (HIGHEST_WORK / self.contributions.len().max(1)).max(64);
        while let Some((bound, _, from, until)) = open.pop() {
            if left == 0 || from == until || highest(from, from) == bound {
                return bound;
            }
            left -= 1;
            let middle = from.plus(Span(until.since(from).0 / 2));
            open.push(entry(from, middle));
            open.push(entry(Millis(middle.0 + 1), until));
        }
        Points::ZERO
    }

    /// Rules with a cap, and the contributions of each.
    pub(crate) fn capped(&self) -> impl Iterator<Item = (usize, Points, Vec<&Contribution>)> {
        self.caps.iter().map(|(rule, cap)| {
            let own = self.contributions.iter().filter(|contribution| contribution.rule == *rule);
            (*rule, *cap, own.collect())
        })
    }
}

/// What the replay of a ledger says about its stage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StageHistory {
    pub(crate) stage: StageIndex,
    pub(crate) since: Millis,
    /// `None`: never changed; `Some(None)`: cooled; else what changed it.
    pub(crate) cause: Option<Option<Contribution>>,
}

/// A sum kept within a cap on its absolute value.
pub(crate) fn within_cap(sum: Points, cap: Points) -> Points {
    Points(sum.0.clamp(-cap.0, cap.0))
}

/// The lowest and highest score that contributions can make within `[from, until]`, all begun by `from`.
fn range(begun: &[Contribution], caps: &[(usize, Points)], from: Millis, until: Millis) -> Range {
    let mut total = Range::default();
    let mut capped = vec![Range::default(); caps.len()];
    for contribution in begun {
        let first = contribution.value(from);
        let last = if until == from { first } else { contribution.value(until) };
        let sum = contribution.cap.and_then(|slot| capped.get_mut(slot)).unwrap_or(&mut total);
        sum.lowest += first.min(last);
        sum.highest += first.max(last);
    }
    for (sum, (_, cap)) in capped.iter().zip(caps) {
        total.lowest += within_cap(sum.lowest, *cap);
        total.highest += within_cap(sum.highest, *cap);
    }
    total
}

/// Adds what a rule gives for the touches that it matches, as often as it may.
fn counted(
    rule: &Rule,
    template: Contribution,
    places: &[usize],
    touches: &[Touch],
    contributions: &mut Vec<Contribution>,
) {
    let time = |place: usize| touches.get(place).map(|touch| touch.time);
    let mut kept: Vec<Millis> = Vec::new();
    for (order, place) in places.iter().enumerate() {
        let Some(start) = time(*place) else { continue };
        let mut end = rule.expires.map(|span| start.plus(span));
        if let Some(per) = rule.per {
            let times = usize::try_from(per.times).unwrap_or(usize::MAX);
            match rule.keep {
                Keep::Earliest => {
                    let blocking = kept.len().checked_sub(times).and_then(|nth| kept.get(nth));
                    if blocking.is_some_and(|held| per.every.is_none_or(|every| start.since(*held) < every)) {
                        continue;
                    }
                    kept.push(start);
                }
                Keep::Latest => {
                    let replaced = places.get(order.saturating_add(times)).and_then(|later| time(*later));
                    end = [end, replaced].into_iter().flatten().min();
                }
            }
        }
        contributions.push(Contribution { touch: *place, start, end, ..template });
    }
}

/// Cuts what browser events alone give to the model's cap: within any period of its length no more than its points.
fn cap_browser(model: &Model, touches: &[Touch], contributions: &mut [Contribution]) {
    let Some(cap) = model.browser_cap else { return };
    let mut given: VecDeque<(Millis, Points)> = VecDeque::new();
    let mut sum = Points::ZERO;
    for contribution in contributions {
        let of_browser = touches.get(contribution.touch).is_some_and(|touch| touch.trust < Trust::Server);
        if !of_browser || contribution.points <= Points::ZERO {
            continue;
        }
        while let Some((at, points)) = given.front().copied() {
            if contribution.start.since(at) < cap.every {
                break;
            }
            sum = sum - points;
            given.pop_front();
        }
        contribution.granted = contribution.points.min(cap.points - sum);
        sum += contribution.granted;
        given.push_back((contribution.start, contribution.granted));
    }
}

impl Rule {
    /// Whether the rule can be about a touch of this name at all.
    fn concerns(&self, touch: &Touch) -> bool {
        self.events.as_ref().is_none_or(|names| names.iter().any(|name| touch.is(name)))
    }

    /// Whether a touch is trusted enough. A purchase or refund must come from a server unless the rule says otherwise.
    fn trusts(&self, touch: &Touch) -> bool {
        let least = match self.trust {
            Some(trust) => trust,
            None if moves_money(touch) => Trust::Server,
            None => Trust::Browser,
        };
        touch.trust >= least
    }
}
