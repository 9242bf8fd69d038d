//! A contribution: points that one rule gives, from when to when.

use crate::decay::{Decay, left_after};
use crate::points::Points;
use crate::time::Millis;

/// What a contribution comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The touch at this place in the ledger.
    Touch(usize),
    /// At this place, so many of the touches that were folded into one. Narrow, since a replay keeps many of these.
    Fold(u32, u32),
    /// A state that holds; the touch at this place was the last one then.
    State(usize),
}

/// Points that one rule gives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contribution {
    pub(crate) origin: Origin,
    /// Place of the rule in the model.
    pub(crate) rule: usize,
    /// Place of the score in the model.
    pub(crate) score: usize,
    /// Place of the slot that it is summed in.
    pub(crate) slot: usize,
    pub(crate) start: Millis,
    /// When it ends altogether: it expires, a later touch takes its place, the state ceases, or a hand-back ends it.
    pub(crate) end: Option<Millis>,
    pub(crate) decay: Decay,
    /// What the rule gives.
    pub(crate) points: Points,
    /// What the cap on browser events leaves of that.
    pub(crate) granted: Points,
    /// Place of the next contribution of the same rule.
    pub(crate) following: Option<usize>,
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

    /// Place of the touch that it is given for, if one is.
    pub(crate) fn touch(&self) -> Option<usize> {
        if let Origin::Touch(place) = self.origin { Some(place) } else { None }
    }

    fn left(&self, points: Points, at: Millis) -> Points {
        if self.runs(at) { left_after(points, self.steps(at)) } else { Points::ZERO }
    }

    /// Whether it has begun and not ended.
    pub(crate) fn runs(&self, at: Millis) -> bool {
        at >= self.start && self.end.is_none_or(|end| at < end)
    }

    /// How many steps it has cooled.
    pub(crate) fn steps(&self, at: Millis) -> i64 {
        self.decay.steps(at.since(self.start))
    }

    /// The first instant after `at` at which it may change; `None`: never.
    pub(crate) fn next(&self, at: Millis) -> Option<Millis> {
        self.next_after(self.steps(at), at)
    }

    /// The same where it is known how many steps it has cooled until `at`.
    pub(crate) fn next_after(&self, steps: i64, at: Millis) -> Option<Millis> {
        let step = self.decay.step_after(self.start, steps);
        let end = self.end.filter(|end| *end > at);
        match (step, end) {
            (Some(step), Some(end)) => Some(step.min(end)),
            (one, other) => one.or(other),
        }
    }

    /// That instant, and what is left then of what the rule gives.
    pub(crate) fn next_change(&self, steps: i64, at: Millis) -> Option<(Millis, Points)> {
        let next = self.next_after(steps, at)?;
        let ends = self.end.is_some_and(|end| end <= next);
        Some((next, if ends { Points::ZERO } else { left_after(self.points, steps.saturating_add(1)) }))
    }

    /// When it is no longer worth anything, since it ends or has faded, if that is not after `horizon`. It is worth
    /// something at its beginning.
    pub(crate) fn worth_until(&self, horizon: Millis) -> Option<Millis> {
        let horizon = self.end.map_or(horizon, |end| end.min(horizon));
        self.decay.fades(self.granted, self.start, horizon).or(self.end.filter(|end| *end <= horizon))
    }

    /// An instant from which on it never changes.
    pub(crate) fn settled(&self) -> Millis {
        match (self.decay.faded_by(self.points, self.start), self.end) {
            (Some(faded), Some(end)) => faded.min(end),
            (one, other) => one.or(other).unwrap_or(self.start),
        }
    }

    /// Lets it end at an instant, if it has not ended before.
    pub(crate) fn finish(&mut self, at: Millis) {
        self.end = Some(self.end.map_or(at, |end| end.min(at)));
    }
}
