//! What time alone does to the stage, and how high a score can still be.

use std::cmp::Reverse;

use super::{Mover, STAGE_SCORE, StageHistory, Timeline};
use crate::contribution::Contribution;
use crate::gauge::{Nearness, Range};
use crate::model::StageIndex;
use crate::points::Points;
use crate::slots::Slots;
use crate::sums::Sums;
use crate::time::{Millis, Span};

/// How many values of contributions the search for a highest score may compute: a few milliseconds of work.
const HIGHEST_WORK: usize = 400_000;

/// What asking the gauge about an interval costs for each of its pools, in values of contributions.
const POOL_WORK: usize = 8;

/// An interval with fewer changes than that is gone through rather than halved.
const FEW: usize = 32;

/// What the search for a change came to.
enum Search {
    /// The stage stays as it is.
    Stays,
    /// It is this one from this instant on.
    Changes(Millis, StageIndex),
    /// It stays as it is until then, and there is nothing left to look further with.
    Spent(Millis),
}

impl Timeline<'_> {
    /// Follows the stage from now until `until`, where nothing begins; with `first_only`, until its first change. Says
    /// whether there was one.
    pub(super) fn cool(&mut self, until: Millis, first_only: bool) -> bool {
        // Mostly nothing ends, and no threshold is near.
        if until < self.keeps_until && self.next_end().is_none_or(|end| end > until) {
            self.now = self.now.max(until);
            return false;
        }
        let mut changed = false;
        while self.now < until {
            let from = self.now.plus(Span(1));
            // Where points below zero end now, the score rises.
            let falls = self.gauge.only_falls();
            self.let_go(from);
            let part = self.next_end().map_or(until, |end| end.minus(Span(1)).min(until));
            if part < self.keeps_until {
                self.now = part;
                continue;
            }
            let part = self.next_turn(from).map_or(part, |turn| turn.minus(Span(1)).min(part));
            let floor = self.floor(from, false);
            if self.surely_keeps(floor, from, part, falls) {
                self.now = part;
                continue;
            }
            let search = if falls { self.first_fall(floor, from, part) } else { self.first_change(floor, from, part) };
            let (at, stage) = match search {
                Search::Changes(at, stage) => (at, stage),
                Search::Stays => {
                    self.now = part;
                    continue;
                }
                Search::Spent(at) => {
                    self.now = at;
                    return changed;
                }
            };
            self.enter(StageHistory { stage, since: at, mover: Some(Mover::Time) });
            self.now = at;
            self.keeps_until = Millis(i64::MIN);
            changed = true;
            if first_only {
                break;
            }
        }
        changed
    }

    /// Whether bounds alone show that the stage stays as it is in `[from, until]`. A score that only falls is at its lowest
    /// in the end, and enters no stage.
    fn surely_keeps(&mut self, floor: StageIndex, from: Millis, until: Millis, falls: bool) -> bool {
        let mut scratch = std::mem::take(&mut self.scratch);
        let interval = (if falls { until } else { from }, until);
        let range = self.gauge.within(interval, Nearness::Step, &self.slots, STAGE_SCORE, &mut scratch);
        self.scratch = scratch;
        let stage = self.history.stage;
        self.followed(floor, range.lowest) == stage && (falls || self.followed(floor, range.highest) == stage)
    }

    /// When something in the gauge is worth nothing any more.
    fn next_end(&self) -> Option<Millis> {
        self.ends.peek().map(|Reverse((end, _))| *end)
    }

    /// What is worth nothing any more leaves the gauge.
    pub(super) fn let_go(&mut self, at: Millis) {
        while let Some(Reverse((end, place))) = self.ends.peek().copied().filter(|Reverse((end, _))| *end <= at) {
            self.ends.pop();
            // One that was ended before its time has left already.
            let open = self.contributions.get(place).filter(|one| one.worth_until(end) == Some(end));
            if let Some(contribution) = open {
                self.gauge.remove(contribution);
                self.keeps_until = Millis(i64::MIN);
            }
        }
    }

    /// Looks for what ends until a later instant.
    pub(super) fn extend(&mut self, horizon: Millis) {
        if horizon <= self.horizon {
            return;
        }
        for (place, contribution) in self.contributions.iter().enumerate().take(self.settled).skip(self.live_from) {
            if contribution.score == STAGE_SCORE
                && contribution.value(self.now) != Points::ZERO
                && let Some(end) = contribution.worth_until(horizon).filter(|end| *end > self.horizon)
            {
                self.ends.push(Reverse((end, place)));
            }
        }
        self.horizon = horizon;
    }

    /// Weighs everything anew that is still worth something.
    pub(super) fn restart_gauge(&mut self, at: Millis) {
        let Self { gauge, contributions, settled, live_from, .. } = self;
        let begun = contributions.get(..*settled).unwrap_or_default();
        let worthless = |one: &&Contribution| one.value(at) == Points::ZERO;
        *live_from += begun.iter().skip(*live_from).take_while(worthless).count();
        let live = begun.iter().skip(*live_from).filter(|one| one.score == STAGE_SCORE);
        gauge.restart(live.filter(|one| one.value(at) != Points::ZERO), at);
    }

    /// The next instant at which a stage that was set ends, or the present one need not stay any longer.
    pub(super) fn next_turn(&self, after: Millis) -> Option<Millis> {
        let pins = self.pins.iter().filter_map(|pin| pin.until);
        pins.chain(self.stays_until).filter(|turn| *turn > after).min()
    }

    /// The first instant in `[from, until]`, where nothing ends and points are above zero only, at which the stage is no
    /// longer what it is, and the stage then. A score that only falls is never back once it is too low: one look halves the
    /// interval, and what is left of it begins and ends where something takes a step, since nothing changes in between.
    fn first_fall(&mut self, floor: StageIndex, from: Millis, until: Millis) -> Search {
        let mut last = self.stage_at(floor, until);
        if last == self.history.stage {
            return Search::Stays;
        }
        let (mut from, mut until) = (from, self.gauge.last_change(until).max(from));
        while from < until {
            let middle = from.plus(Span(until.since(from).0 / 2));
            let stage = self.stage_at(floor, middle);
            if stage == self.history.stage {
                from = self.gauge.next_change(middle).min(until);
            } else {
                (until, last) = (self.gauge.last_change(middle).max(from), stage);
            }
        }
        Search::Changes(until, last)
    }

    /// The stage that would follow at an instant on the present one.
    pub(super) fn stage_at(&mut self, floor: StageIndex, at: Millis) -> StageIndex {
        let mut scratch = std::mem::take(&mut self.scratch);
        let near = self.gauge.within((at, at), Nearness::Rounding, &self.slots, STAGE_SCORE, &mut scratch);
        let stage = self.follows(floor, near).unwrap_or_else(|| {
            let score = self.add_up(STAGE_SCORE, at, &mut scratch);
            self.followed(floor, score)
        });
        self.scratch = scratch;
        stage
    }

    /// The first instant in `[from, until]`, where nothing ends, at which the stage is no longer what it is.
    ///
    /// Each contribution only shrinks, so what the gauge says of both ends of an interval bounds it inside, and one whose
    /// bounds allow no other stage is skipped whole. Others are halved until few changes are left, which are gone through.
    #[cold]
    fn first_change(&mut self, floor: StageIndex, from: Millis, until: Millis) -> Search {
        let mut open = vec![(from, until)];
        while let Some((from, until)) = open.pop() {
            if !self.spend(self.gauge.pools() * POOL_WORK) {
                return Search::Spent(from.minus(Span(1)));
            }
            let mut scratch = std::mem::take(&mut self.scratch);
            let range = self.gauge.within((from, until), Nearness::Rounding, &self.slots, STAGE_SCORE, &mut scratch);
            self.scratch = scratch;
            if self.follows(floor, range) == Some(self.history.stage) {
                continue;
            }
            if from == until || self.gauge.has_few_changes(from, until, FEW) {
                match self.go_through(floor, from, until) {
                    Search::Stays => continue,
                    found => return found,
                }
            }
            let middle = from.plus(Span(until.since(from).0 / 2));
            // The earlier half is looked at first.
            open.push((Millis(middle.0 + 1), until));
            open.push((from, middle));
        }
        Search::Stays
    }

    /// The same, looking at every change.
    fn go_through(&mut self, floor: StageIndex, from: Millis, until: Millis) -> Search {
        let mut score = self.going_on(STAGE_SCORE, from);
        let mut at = from;
        loop {
            let stage = self.followed(floor, score);
            if stage != self.history.stage {
                return Search::Changes(at, stage);
            }
            let Self { sums, slots, scratch, .. } = self;
            let sums = sums.iter_mut().find(|sums| sums.score == STAGE_SCORE);
            let Some((next, next_score, work)) = sums.and_then(|sums| next_score(sums, until, slots, scratch)) else {
                return Search::Stays;
            };
            if !self.spend(work) {
                return Search::Spent(at);
            }
            (at, score) = (next, next_score);
        }
    }

    /// Takes work from what may be done to foresee changes. Says whether there is any left.
    fn spend(&mut self, work: usize) -> bool {
        self.budget = self.budget.map(|left| left.saturating_sub(work));
        !self.is_spent()
    }

    /// The highest score in `[from, until]`, where everything has begun by `from`; never less than that, and more only
    /// where points of both signs take so many steps that they are not all gone through. Asked for later and later
    /// intervals only.
    ///
    /// With points above zero only that is at once, at `from`.
    pub(crate) fn highest(&mut self, from: Millis, until: Millis) -> Points {
        let Self { ahead, slots, scratch, contributions, .. } = self;
        ahead.go(contributions, from);
        ahead.read(slots.len(), scratch);
        let mut highest = slots.score(STAGE_SCORE, scratch);
        if self.gauge.only_falls() {
            return highest;
        }
        let mut left = HIGHEST_WORK;
        while let Some((at, score, work)) = next_score(ahead, until, slots, scratch) {
            highest = highest.max(score);
            left = left.saturating_sub(work);
            if left == 0 {
                let mut sums = Vec::new();
                return highest.max(self.range(at, until, &mut sums).highest);
            }
        }
        highest
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

/// The next instant up to `until` at which the score that makes the stage may be another, what it is then, and how many values
/// that took.
fn next_score(
    sums: &mut Sums,
    until: Millis,
    slots: &Slots<'_>,
    scratch: &mut Vec<Points>,
) -> Option<(Millis, Points, usize)> {
    let at = sums.next().filter(|next| *next <= until)?;
    let work = sums.step() + slots.len();
    if slots.only_scores() {
        return Some((at, slots.bounded(STAGE_SCORE, sums.slot(STAGE_SCORE)), work));
    }
    sums.read(slots.len(), scratch);
    Some((at, slots.score(STAGE_SCORE, scratch), work))
}
