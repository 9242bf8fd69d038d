//! The gauge: bounds on a sum that cools, kept without adding up its contributions again.
//!
//! The history of a lead's stages asks at each touch whether the stage may have changed. Adding up all contributions each
//! time would cost the square of their number. The gauge answers most of these questions from bounds that only widen:
//! each sum lies between a lower bound that shrinks as fast as the fastest contribution cools, and an upper one that
//! shrinks not at all. Where the bounds leave a doubt, everything is added up once, and they are tight again.

use crate::contribution::Contribution;
use crate::decay::{Decay, FADED};
use crate::points::Points;
use crate::slots::Slots;
use crate::time::Millis;

/// Bounds on the sums of positive and negative contributions of one slot, as absolute values.
#[derive(Debug, Clone, Copy, Default)]
struct Bounds {
    positive: (Points, Points),
    negative: (Points, Points),
}

/// Bounds on each slot's sum at an instant.
#[derive(Debug)]
pub(crate) struct Gauge {
    bounds: Vec<Bounds>,
    at: Millis,
    /// What of the contributions that have begun cools fastest.
    fastest: Decay,
    /// What rounding, and lines that have faded, may have taken away besides.
    slack: Points,
}

/// What a line may lose besides its cooling: a hundredth of a point when it fades, and less than that by rounding.
const SLACK: Points = Points(FADED + 2);

impl Gauge {
    pub(crate) fn new(at: Millis) -> Self {
        Self { bounds: Vec::new(), at, fastest: Decay::of(None), slack: Points::ZERO }
    }

    /// Begins anew from contributions that have begun by `at`.
    pub(crate) fn tighten<'c>(&mut self, contributions: impl Iterator<Item = &'c Contribution>, at: Millis) {
        self.bounds.clear();
        (self.at, self.slack, self.fastest) = (at, Points::ZERO, Decay::of(None));
        for contribution in contributions {
            let value = contribution.value(at);
            if value != Points::ZERO {
                self.put(contribution, value);
            }
        }
    }

    /// A contribution begins now.
    pub(crate) fn put(&mut self, contribution: &Contribution, value: Points) {
        if self.bounds.len() <= contribution.slot {
            self.bounds.resize(contribution.slot + 1, Bounds::default());
        }
        let Some(bounds) = self.bounds.get_mut(contribution.slot) else { return };
        let (side, size) =
            if value < Points::ZERO { (&mut bounds.negative, -value) } else { (&mut bounds.positive, value) };
        side.0 += size;
        side.1 += size;
        self.fastest = self.fastest.faster(contribution.decay);
        self.slack += SLACK;
    }

    /// A contribution that is worth `value` now ends before the next look: the lower bound does without it.
    pub(crate) fn ends(&mut self, slot: usize, value: Points) {
        if let Some(side) = self.side(slot, value) {
            side.0 = (side.0 - Points(value.0.abs())).max(Points::ZERO);
        }
    }

    /// One that ended, and was worth `last` to the end: the upper bound does without it too.
    pub(crate) fn ended(&mut self, slot: usize, last: Points) {
        if let Some(side) = self.side(slot, last) {
            side.1 = (side.1 - Points(last.0.abs())).max(Points::ZERO);
        }
    }

    fn side(&mut self, slot: usize, value: Points) -> Option<&mut (Points, Points)> {
        let bounds = self.bounds.get_mut(slot)?;
        Some(if value < Points::ZERO { &mut bounds.negative } else { &mut bounds.positive })
    }

    /// Time passes until `at`.
    pub(crate) fn pass(&mut self, at: Millis) {
        if at <= self.at {
            return;
        }
        for bounds in &mut self.bounds {
            for side in [&mut bounds.positive, &mut bounds.negative] {
                side.0 = self.fastest.at_least(side.0, at.since(self.at));
            }
        }
        self.slack += Points(1);
        self.at = at;
    }

    /// The lowest and highest score at this instant, and at any since the last call of [`Gauge::ended`] or
    /// [`Gauge::put`]: upper bounds do not shrink with time, lower ones do.
    pub(crate) fn range(&self, slots: &Slots<'_>, score: usize, sums: &mut Vec<Points>) -> (Points, Points) {
        let mut fold = |pick: fn(&Bounds) -> Points, slack: Points| {
            sums.clear();
            sums.resize(slots.len(), Points::ZERO);
            for (sum, bounds) in sums.iter_mut().zip(&self.bounds) {
                *sum = pick(bounds) + slack;
            }
            slots.score(score, sums)
        };
        let lowest = fold(|bounds| bounds.positive.0 - bounds.negative.1, -self.slack);
        let highest = fold(|bounds| bounds.positive.1 - bounds.negative.0, self.slack);
        (lowest, highest)
    }
}
