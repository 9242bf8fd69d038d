//! The gauge: bounds on a sum that cools, kept without adding up its contributions again.
//!
//! The history of a lead's stages asks at each touch whether the stage may have changed. Adding up all contributions each
//! time would cost the square of their number. The gauge answers most of these questions from bounds: each sum was exact
//! at one instant, its base; since then the lower bound has shrunk as fast as the fastest contribution cools, and the
//! upper one not at all. What began after the base is counted as if it were as old. Where the bounds leave a doubt,
//! everything is added up once, which makes a new base.

use crate::contribution::Contribution;
use crate::decay::{Decay, FADED};
use crate::points::Points;
use crate::slots::Slots;
use crate::time::Millis;

/// Sums of the positive and negative contributions of one slot at the base, as absolute values: of what is surely left,
/// and of what may be.
#[derive(Debug, Clone, Copy, Default)]
struct Bounds {
    positive: (Points, Points),
    negative: (Points, Points),
}

/// Bounds on each slot's sum at an instant.
#[derive(Debug)]
pub(crate) struct Gauge {
    bounds: Vec<Bounds>,
    /// When the sums were exact.
    base: Millis,
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
        Self { bounds: Vec::new(), base: at, at, fastest: Decay::of(None), slack: Points::ZERO }
    }

    /// Begins anew from contributions that have begun by `at`.
    pub(crate) fn tighten<'c>(&mut self, contributions: impl Iterator<Item = &'c Contribution>, at: Millis) {
        self.bounds.clear();
        (self.base, self.at, self.slack, self.fastest) = (at, at, Points::ZERO, Decay::of(None));
        for contribution in contributions {
            let value = contribution.value(at);
            if value != Points::ZERO {
                self.put(contribution, value);
            }
        }
    }

    /// A contribution begins now.
    pub(crate) fn put(&mut self, contribution: &Contribution, value: Points) {
        if self.slack == Points::ZERO {
            self.base = self.at;
        }
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

    /// A contribution that has not ended yet ends before the next look: the lower bound does without it.
    pub(crate) fn ends(&mut self, contribution: &Contribution) {
        // All that it was counted with goes, not only what is left of it: the rest would stand for nothing.
        let value = contribution.value(self.base.max(contribution.start));
        if let Some(side) = self.side(contribution.slot, value) {
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
        self.at = self.at.max(at);
    }

    /// The lowest and highest score at this instant, and at any since the last call of [`Gauge::ended`] or
    /// [`Gauge::put`]: upper bounds do not shrink with time, lower ones do.
    pub(crate) fn range(&self, slots: &Slots<'_>, score: usize, sums: &mut Vec<Points>) -> (Points, Points) {
        let passed = self.at.since(self.base);
        let mut fold = |upper: bool| {
            sums.clear();
            sums.resize(slots.len(), Points::ZERO);
            for (sum, bounds) in sums.iter_mut().zip(&self.bounds) {
                let (more, less) =
                    if upper { (bounds.positive, bounds.negative) } else { (bounds.negative, bounds.positive) };
                // What may be left of the one side, less what surely is of the other.
                let widest = more.1 - self.fastest.at_least(less.0, passed) + self.slack;
                *sum = if upper { widest } else { -widest };
            }
            slots.score(score, sums)
        };
        (fold(false), fold(true))
    }
}
