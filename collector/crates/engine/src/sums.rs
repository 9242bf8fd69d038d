//! Sums: what contributions come to, exactly, as time goes on.
//!
//! Where bounds leave a doubt, only the exact sum tells. Adding up at every instant that is in doubt would cost the square of
//! the number of contributions, so sums go from change to change: a contribution changes at whole steps after it began and at
//! its end, and those that take steps of one length take turns in an order that never changes. One change costs one
//! multiplication, and all together cost no more than there are contributions times steps until they have faded.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::contribution::Contribution;
use crate::decay::{Decay, left_after};
use crate::points::Points;
use crate::time::{Millis, Span};

/// The exact sums of one score's contributions, by slot. They stand at an instant, and go forward only.
#[derive(Debug, Clone)]
pub(crate) struct Sums {
    /// Place of the score in the model.
    pub(crate) score: usize,
    /// Where they stand.
    at: Millis,
    /// How many contributions of the timeline were looked at.
    taken: usize,
    /// Wide enough for as many of the largest points as a ledger can give.
    by_slot: Vec<i128>,
    circles: Vec<Circle>,
    /// When circles may turn next, at the earliest.
    turns: BinaryHeap<Reverse<(Millis, usize)>>,
    /// When an entry of a circle ends altogether.
    ends: BinaryHeap<Reverse<(Millis, usize, usize)>>,
}

/// Contributions that take steps of one length, or none.
#[derive(Debug, Clone)]
struct Circle {
    decay: Decay,
    /// By the place of the contribution.
    entries: Vec<Entry>,
    /// Those that are worth something and take steps, by phase.
    order: Vec<u32>,
    /// Which of them takes the next step; at the end of the order it is the first one again.
    cursor: usize,
    /// When that may be, at the earliest, as `turns` has it.
    turn: Option<Millis>,
}

#[derive(Debug, Clone)]
struct Entry {
    /// Of the contribution in the timeline.
    place: usize,
    slot: usize,
    /// How long after a whole number of steps since the epoch it takes its own.
    phase: i64,
    granted: Points,
    steps: i64,
    value: Points,
}

impl Sums {
    pub(crate) fn of(score: usize) -> Self {
        Self {
            score,
            at: Millis(i64::MIN),
            taken: 0,
            by_slot: Vec::new(),
            circles: Vec::new(),
            turns: BinaryHeap::new(),
            ends: BinaryHeap::new(),
        }
    }

    /// Where they stand.
    pub(crate) fn at(&self) -> Millis {
        self.at
    }

    /// Goes forward to an instant by which all of these contributions have begun.
    pub(crate) fn go(&mut self, contributions: &[Contribution], at: Millis) {
        let (mut live, mut changes) = (0, 0);
        for circle in &self.circles {
            live += circle.order.len();
            changes += circle.changes(self.at, at);
        }
        if changes > live.saturating_mul(2) {
            self.jump(at);
        }
        while self.next().is_some_and(|next| next <= at) {
            self.step();
        }
        self.at = self.at.max(at);
        self.take(contributions);
    }

    /// The next instant at which anything may change; `None`: nothing does any more.
    pub(crate) fn next(&self) -> Option<Millis> {
        let turn = self.turns.peek().map(|Reverse((at, _))| *at);
        let end = self.ends.peek().map(|Reverse((at, ..))| *at);
        turn.into_iter().chain(end).min()
    }

    /// Goes on to that instant. Says how many values it computed.
    pub(crate) fn step(&mut self) -> usize {
        let Some(at) = self.next() else { return 0 };
        self.at = self.at.max(at);
        let mut computed = 0;
        while let Some(Reverse((turn, circle))) = self.turns.peek().copied().filter(|Reverse((turn, _))| *turn <= at) {
            self.turns.pop();
            computed += self.turn(circle, turn);
        }
        while let Some(Reverse((_, circle, entry))) = self.ends.peek().copied().filter(|Reverse((end, ..))| *end <= at)
        {
            self.ends.pop();
            self.end(circle, entry);
            computed += 1;
        }
        computed
    }

    /// The sums, by slot.
    pub(crate) fn read(&self, slots: usize, sums: &mut Vec<Points>) {
        sums.clear();
        sums.extend((0..slots).map(|slot| self.slot(slot)));
    }

    /// The sum of one slot.
    pub(crate) fn slot(&self, slot: usize) -> Points {
        let sum = self.by_slot.get(slot).copied().unwrap_or_default();
        Points(i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX }))
    }

    /// A contribution at this place ends at an instant, before its time.
    pub(crate) fn finish(&mut self, place: usize, contribution: &Contribution, at: Millis) {
        let found = self.circles.iter().position(|circle| circle.decay == contribution.decay);
        let entry = found.and_then(|found| {
            let circle = self.circles.get(found)?;
            Some((found, circle.entries.binary_search_by_key(&place, |entry| entry.place).ok()?))
        });
        // One that has not been taken in yet will be as it is then.
        if let Some((circle, entry)) = entry {
            self.ends.push(Reverse((at, circle, entry)));
        }
    }

    /// Takes in what has begun since it was asked last.
    fn take(&mut self, contributions: &[Contribution]) {
        let at = self.at;
        let before = self.taken;
        for (place, contribution) in contributions.iter().enumerate().skip(before) {
            let value = contribution.value(at);
            if contribution.score != self.score || value == Points::ZERO {
                continue;
            }
            if self.by_slot.len() <= contribution.slot {
                self.by_slot.resize(contribution.slot + 1, 0);
            }
            if let Some(sum) = self.by_slot.get_mut(contribution.slot) {
                *sum += i128::from(value.0);
            }
            let found = self.circles.iter().position(|circle| circle.decay == contribution.decay);
            let found = found.unwrap_or_else(|| {
                self.circles.push(Circle::of(contribution.decay));
                self.circles.len() - 1
            });
            if let Some(circle) = self.circles.get_mut(found) {
                if let Some(end) = contribution.end {
                    self.ends.push(Reverse((end, found, circle.entries.len())));
                }
                circle.put(place, contribution, value, at);
                if let Some(turn) = circle.earlier_turn(at) {
                    self.turns.push(Reverse((turn, found)));
                }
            }
        }
        self.taken = contributions.len();
    }

    /// Those of a circle take their step whose turn it is.
    fn turn(&mut self, number: usize, at: Millis) -> usize {
        let Some(circle) = self.circles.get_mut(number).filter(|circle| circle.turn == Some(at)) else { return 0 };
        let Some(step) = circle.decay.step() else { return 0 };
        let passed = at.0.rem_euclid(step);
        // Where a round is over, or who was to take a step has ended, it is somebody else's turn.
        if circle.phase(circle.cursor) != Some(passed) {
            circle.seek(|phase| phase < passed);
        }
        let mut computed = 0;
        while let Some(number) = circle.order.get(circle.cursor).copied() {
            let Some(entry) = circle.entries.get_mut(number as usize).filter(|entry| entry.phase == passed) else {
                break;
            };
            let left = left_after(entry.granted, entry.steps + 1);
            entry.steps += 1;
            if let Some(sum) = self.by_slot.get_mut(entry.slot) {
                *sum += i128::from(left.0) - i128::from(entry.value.0);
            }
            entry.value = left;
            computed += 1;
            if left == Points::ZERO {
                circle.order.remove(circle.cursor);
            } else {
                circle.cursor += 1;
            }
        }
        circle.turn = None;
        if let Some(turn) = circle.earlier_turn(at) {
            self.turns.push(Reverse((turn, number)));
        }
        computed
    }

    /// An entry is worth nothing any more.
    fn end(&mut self, circle: usize, number: usize) {
        let Some(circle) = self.circles.get_mut(circle) else { return };
        let Some(entry) = circle.entries.get_mut(number) else { return };
        if entry.value == Points::ZERO {
            return;
        }
        if let Some(sum) = self.by_slot.get_mut(entry.slot) {
            *sum -= i128::from(entry.value.0);
        }
        entry.value = Points::ZERO;
        if let Some(place) = circle.in_order(number) {
            circle.order.remove(place);
            circle.cursor -= usize::from(place < circle.cursor);
        }
    }

    /// Goes forward at once, where that takes less than all changes on the way.
    fn jump(&mut self, at: Millis) {
        let Self { by_slot, circles, turns, .. } = self;
        turns.clear();
        for (number, circle) in circles.iter_mut().enumerate() {
            circle.turn = None;
            let Some(step) = circle.decay.step() else { continue };
            let entries = &mut circle.entries;
            circle.order.retain(|number| {
                let Some(entry) = entries.get_mut(*number as usize) else { return false };
                let taken = |instant: Millis| (instant.0.saturating_sub(entry.phase)).div_euclid(step);
                entry.steps += taken(at) - taken(self.at);
                let left = left_after(entry.granted, entry.steps);
                if let Some(sum) = by_slot.get_mut(entry.slot) {
                    *sum += i128::from(left.0) - i128::from(entry.value.0);
                }
                entry.value = left;
                left != Points::ZERO
            });
            let passed = at.0.rem_euclid(step);
            circle.seek(|phase| phase <= passed);
            if let Some(turn) = circle.earlier_turn(at) {
                turns.push(Reverse((turn, number)));
            }
        }
        self.at = at;
    }
}

impl Circle {
    fn of(decay: Decay) -> Self {
        Self { decay, entries: Vec::new(), order: Vec::new(), cursor: 0, turn: None }
    }

    /// How many steps are taken between two instants, about.
    fn changes(&self, from: Millis, until: Millis) -> usize {
        let steps = self.decay.step().map_or(0, |step| until.since(from).0.max(0) / step);
        self.order.len().saturating_mul(usize::try_from(steps).unwrap_or(usize::MAX))
    }

    fn put(&mut self, place: usize, contribution: &Contribution, value: Points, at: Millis) {
        let phase = self.decay.step().map_or(0, |step| contribution.start.0.rem_euclid(step));
        let Ok(number) = u32::try_from(self.entries.len()) else { return };
        let Contribution { slot, granted, .. } = *contribution;
        self.entries.push(Entry { place, slot, phase, granted, steps: contribution.steps(at), value });
        if let Some(step) = self.decay.step() {
            let before = self.order.partition_point(|held| self.key(*held) < (phase, number));
            self.order.insert(before, number);
            let passed = at.0.rem_euclid(step);
            self.seek(|phase| phase <= passed);
        }
    }

    /// Puts the cursor behind those whose phase is such.
    fn seek(&mut self, taken: impl Fn(i64) -> bool) {
        let entries = &self.entries;
        let is_taken = |number: &u32| entries.get(*number as usize).is_some_and(|entry| taken(entry.phase));
        self.cursor = self.order.partition_point(is_taken);
    }

    /// The phase of one in the order.
    fn phase(&self, place: usize) -> Option<i64> {
        let number = self.order.get(place)?;
        self.entries.get(*number as usize).map(|entry| entry.phase)
    }

    fn key(&self, number: u32) -> (i64, u32) {
        (self.entries.get(number as usize).map_or(0, |entry| entry.phase), number)
    }

    fn in_order(&self, number: usize) -> Option<usize> {
        let number = u32::try_from(number).ok()?;
        self.order.binary_search_by_key(&self.key(number), |held| self.key(*held)).ok()
    }

    /// When one of them takes a step after `at`, where all steps due are taken, if that is earlier than was known.
    fn earlier_turn(&mut self, at: Millis) -> Option<Millis> {
        let step = self.decay.step()?;
        let after = match self.phase(self.cursor) {
            Some(phase) => phase,
            None => self.phase(0)? + step,
        };
        let turn = at.plus(Span(after - at.0.rem_euclid(step)));
        if self.turn.is_some_and(|known| known <= turn) {
            return None;
        }
        self.turn = Some(turn);
        Some(turn)
    }
}
