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

/// The slots of one timeline: first those of the scores, then others, each after the one it goes into.
#[derive(Debug, Clone)]
pub(crate) struct Slots<'a> {
    scores: &'a [Score],
    others: Vec<Slot>,
}

impl<'a> Slots<'a> {
    pub(crate) fn of(scores: &'a [Score]) -> Self {
        Self { scores, others: Vec::new() }
    }

    /// The slot of an owner, made where there is none yet, inside another.
    pub(crate) fn inside(&mut self, parent: usize, owner: Owner, score: usize, cap: Points) -> usize {
        let found = self.others.iter().position(|slot| slot.owner == owner && slot.score == score);
        let place = found.unwrap_or_else(|| {
            self.others.push(Slot { owner, score, cap: Some(cap), parent });
            self.others.len() - 1
        });
        self.scores.len() + place
    }

    pub(crate) fn len(&self) -> usize {
        self.scores.len() + self.others.len()
    }

    pub(crate) fn get(&self, place: usize) -> Option<Slot> {
        let of_score = |score: &Score| Slot { owner: Owner::Score, score: place, cap: score.cap, parent: place };
        let other = || self.others.get(place.checked_sub(self.scores.len())?).copied();
        self.scores.get(place).map(of_score).or_else(other)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, Slot)> {
        (0..self.len()).filter_map(|place| Some((place, self.get(place)?)))
    }

    /// The score that these sums make; they are changed on the way.
    pub(crate) fn score(&self, score: usize, sums: &mut [Points]) -> Points {
        self.fold(sums);
        self.bounded(score, sums.get(score).copied().unwrap_or_default())
    }

    /// Whether everything is summed where scores are: no rule or group has a cap.
    pub(crate) fn only_scores(&self) -> bool {
        self.others.is_empty()
    }

    /// The score that a sum makes, with that of the slots inside in it.
    pub(crate) fn bounded(&self, score: usize, sum: Points) -> Points {
        self.scores.get(score).map_or(sum, |score| bounded(score, within_cap(sum, score.cap)))
    }

    /// Makes scores of sums. Says whether any limit took or gave anything.
    pub(crate) fn scores(&self, sums: &mut Vec<Points>) -> bool {
        let mut limited = self.fold(sums);
        sums.truncate(self.scores.len());
        for (sum, score) in sums.iter_mut().zip(self.scores) {
            let capped = within_cap(*sum, score.cap);
            let above = score.ceiling.is_some_and(|ceiling| capped > ceiling);
            limited |= capped != *sum || above || score.floor.is_some_and(|floor| capped < floor);
            *sum = bounded(score, capped);
        }
        limited
    }

    /// Puts each slot's capped sum into the one it belongs to; those of the scores are left uncapped. Says whether a cap
    /// took anything.
    pub(crate) fn fold(&self, sums: &mut [Points]) -> bool {
        let mut limited = false;
        for (place, slot) in self.others.iter().enumerate().rev() {
            let sum = sums.get(self.scores.len() + place).copied().unwrap_or_default();
            let capped = within_cap(sum, slot.cap);
            limited |= capped != sum;
            if let Some(parent) = sums.get_mut(slot.parent) {
                *parent += capped;
            }
        }
        limited
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
