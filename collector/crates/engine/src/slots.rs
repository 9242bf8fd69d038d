//! Slots: where points are summed, and the caps that bound the sums.
//!
//! Rules with a cap sum into a slot of their own, groups with a cap into one, everything into that of its score. A slot's
//! sum, kept within its cap, goes into the slot it belongs to: caps of rules, then of groups, then of the score.

use crate::model::Score;
use crate::points::Points;

/// What a slot belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The score at this place in the model.
    Score,
    /// The group at this place in the model, in one score.
    Group(usize),
    /// The rule at this place in the model.
    Rule(usize),
}

/// A sum with its cap.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) owner: Owner,
    /// Place of its score in the model.
    pub(crate) score: usize,
    pub(crate) cap: Option<Points>,
    /// Where its capped sum goes; itself for a score's.
    parent: usize,
}

/// The slots of one timeline: first those of the scores, each after the one it goes into.
#[derive(Debug)]
pub(crate) struct Slots<'a> {
    scores: &'a [Score],
    all: Vec<Slot>,
}

impl<'a> Slots<'a> {
    pub(crate) fn of(scores: &'a [Score]) -> Self {
        let slot =
            |(place, score): (usize, &Score)| Slot { owner: Owner::Score, score: place, cap: score.cap, parent: place };
        Self { scores, all: scores.iter().enumerate().map(slot).collect() }
    }

    /// The slot of an owner, made where there is none yet, inside another.
    pub(crate) fn inside(&mut self, parent: usize, owner: Owner, score: usize, cap: Points) -> usize {
        let found = self.all.iter().position(|slot| slot.owner == owner && slot.score == score);
        found.unwrap_or_else(|| {
            self.all.push(Slot { owner, score, cap: Some(cap), parent });
            self.all.len() - 1
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (usize, &Slot)> {
        self.all.iter().enumerate()
    }

    /// The score that these sums make; they are changed on the way.
    pub(crate) fn score(&self, score: usize, sums: &mut [Points]) -> Points {
        self.fold(sums);
        let sum = sums.get(score).copied().unwrap_or_default();
        self.scores.get(score).map_or(sum, |score| bounded(score, within_cap(sum, score.cap)))
    }

    /// Puts each slot's capped sum into the one it belongs to; those of the scores are left uncapped.
    pub(crate) fn fold(&self, sums: &mut [Points]) {
        for (place, slot) in self.all.iter().enumerate().skip(self.scores.len()).rev() {
            let capped = within_cap(sums.get(place).copied().unwrap_or_default(), slot.cap);
            if let Some(parent) = sums.get_mut(slot.parent) {
                *parent += capped;
            }
        }
    }
}

/// A sum kept within a cap on its absolute value.
pub(crate) fn within_cap(sum: Points, cap: Option<Points>) -> Points {
    cap.map_or(sum, |cap| Points(sum.0.clamp(-cap.0, cap.0)))
}

/// A score below its ceiling and above its floor.
pub(crate) fn bounded(score: &Score, sum: Points) -> Points {
    let below = score.ceiling.map_or(sum, |ceiling| sum.min(ceiling));
    score.floor.map_or(below, |floor| below.max(floor))
}
