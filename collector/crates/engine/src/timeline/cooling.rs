//! What time alone does to the stage, and how high a score can still be.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Mover, STAGE_SCORE, StageHistory, Timeline};
use crate::model::StageIndex;
use crate::points::Points;
use crate::time::{Millis, Span};

/// How many values of contributions the search for a highest score may compute: a few milliseconds of work.
const HIGHEST_WORK: usize = 200_000;

/// What a score can be within an interval.
#[derive(Debug, Clone, Copy, Default)]
struct Range {
    lowest: Points,
    highest: Points,
}

impl Timeline<'_> {
    /// Follows the stage from now until `until`, where nothing begins; with `first_only`, until its first change. Says
    /// whether there was one.
    pub(super) fn cool(&mut self, until: Millis, first_only: bool) -> bool {
        if until <= self.now {
            return false;
        }
        if self.surely_keeps(until) {
            self.now = until;
            return false;
        }
        let mut changed = false;
        while self.now < until {
            let from = self.now.plus(Span(1));
            let part = self.next_turn(from).map_or(until, |turn| turn.minus(Span(1)).min(until));
            let floor = self.floor(from, false);
            let Some((at, score)) = self.first_change(floor, from, part) else {
                self.now = part;
                continue;
            };
            let stage = self.followed(floor, score);
            self.enter(StageHistory { stage, since: at, mover: Some(Mover::Time) });
            self.now = at;
            changed = true;
            if first_only {
                break;
            }
        }
        self.tighten(self.now);
        changed
    }

    /// Whether bounds alone show that the stage stays as it is until then. They are carried on where they do.
    fn surely_keeps(&mut self, until: Millis) -> bool {
        let mut ending = Vec::new();
        while let Some(Reverse((end, place))) = self.ends.peek().copied().filter(|Reverse((end, _))| *end <= until) {
            self.ends.pop();
            // One that was ended before its time has left already.
            let open = self.contributions.get(place).filter(|one| one.end == Some(end) && one.score == STAGE_SCORE);
            if let Some(contribution) = open {
                self.gauge.ends(contribution);
                ending.push((end, place));
            }
        }
        self.gauge.pass(until);
        let mut scratch = std::mem::take(&mut self.scratch);
        let (lowest, highest) = self.gauge.range(&self.slots, STAGE_SCORE, &mut scratch);
        self.scratch = scratch;
        let (floor, stage) = (self.floor(until, false), self.history.stage);
        let keeps = self.followed(floor, lowest) == stage && self.followed(floor, highest) == stage;
        for (end, place) in ending {
            match self.contributions.get(place) {
                Some(one) if keeps => self.gauge.ended(one.slot, one.value(end.minus(Span(1)))),
                _ => self.ends.push(Reverse((end, place))),
            }
        }
        keeps
    }

    /// What ends at this very instant leaves the bounds: no interval that is searched contains it.
    pub(super) fn leave_ended(&mut self, at: Millis) {
        while let Some(Reverse((end, place))) = self.ends.peek().copied().filter(|Reverse((end, _))| *end <= at) {
            self.ends.pop();
            let open = self.contributions.get(place).filter(|one| one.end == Some(end) && one.score == STAGE_SCORE);
            if let Some(contribution) = open {
                let last = contribution.value(end.minus(Span(1)));
                self.gauge.ends(contribution);
                self.gauge.ended(contribution.slot, last);
            }
        }
    }

    /// Adds everything up at an instant, so that the bounds are tight.
    pub(super) fn tighten(&mut self, at: Millis) {
        let Self { gauge, contributions, .. } = self;
        gauge.tighten(contributions.iter().filter(|one| one.score == STAGE_SCORE), at);
        while self.ends.peek().is_some_and(|Reverse((end, _))| *end <= at) {
            self.ends.pop();
        }
    }

    /// The next instant at which a stage that was set ends, or the present one need not stay any longer.
    fn next_turn(&self, after: Millis) -> Option<Millis> {
        let pins = self.pins.iter().filter_map(|pin| pin.until);
        pins.chain(self.stays_until()).filter(|turn| *turn > after).min()
    }

    /// The first instant in `[from, until]` at which the stage is no longer what it is, and the score then.
    ///
    /// Each contribution only shrinks, so its values at both ends of an interval bound it inside, and an interval whose
    /// bounds allow no other stage is skipped whole; others are halved. Exact to the millisecond, and with points of one
    /// sign it is a plain bisection.
    fn first_change(&mut self, floor: StageIndex, from: Millis, until: Millis) -> Option<(Millis, Points)> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut open = vec![(from, until)];
        let mut found = None;
        while let Some((from, until)) = open.pop() {
            let range = self.range(from, until, &mut scratch);
            let stage = self.history.stage;
            if self.followed(floor, range.lowest) == stage && self.followed(floor, range.highest) == stage {
                continue;
            }
            if from == until {
                found = Some((from, range.lowest));
                break;
            }
            let middle = from.plus(Span(until.since(from).0 / 2));
            // The earlier half is looked at first.
            open.push((Millis(middle.0 + 1), until));
            open.push((from, middle));
        }
        self.scratch = scratch;
        found
    }

    /// The highest score in `[from, until]`, where everything has begun by `from`; never less than that, and more only
    /// where points of both signs fall in so many steps that the search is cut short.
    ///
    /// The interval with the highest bound is halved until its bound is a score that is reached. With points above zero
    /// only that is at once, at `from`.
    pub(crate) fn highest(&self, from: Millis, until: Millis) -> Points {
        let mut scratch = Vec::new();
        let mut highest = |from, until| self.range(from, until, &mut scratch).highest;
        let mut left = (HIGHEST_WORK / self.contributions.len().max(1)).max(64);
        // Of equal bounds the shortest interval first: it is nearest to an answer.
        let mut open = BinaryHeap::from([(highest(from, until), Reverse(until.since(from)), from, until)]);
        while let Some((bound, _, from, until)) = open.pop() {
            if left == 0 || from == until || highest(from, from) == bound {
                return bound;
            }
            left -= 1;
            let middle = from.plus(Span(until.since(from).0 / 2));
            let later = middle.plus(Span(1));
            open.push((highest(from, middle), Reverse(middle.since(from)), from, middle));
            open.push((highest(later, until), Reverse(until.since(later)), later, until));
        }
        Points::ZERO
    }

    /// The lowest and highest score that makes the stage within `[from, until]`.
    fn range(&self, from: Millis, until: Millis, sums: &mut Vec<Points>) -> Range {
        let count = self.slots.len();
        sums.clear();
        sums.resize(count * 2, Points::ZERO);
        let (lowest, highest) = sums.split_at_mut(count);
        for contribution in self.contributions.iter().filter(|contribution| contribution.score == STAGE_SCORE) {
            let first = contribution.value(from);
            let last = if until == from { first } else { contribution.value(until) };
            if let (Some(low), Some(high)) = (lowest.get_mut(contribution.slot), highest.get_mut(contribution.slot)) {
                *low += first.min(last);
                *high += first.max(last);
            }
        }
        Range { lowest: self.slots.score(STAGE_SCORE, lowest), highest: self.slots.score(STAGE_SCORE, highest) }
    }
}
