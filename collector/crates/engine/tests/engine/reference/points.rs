//! What is left of a line, and what the lines of a score make together.

use std::sync::LazyLock;

use engine::{Millis, Model, Points, Span};

/// What one rule gives, from when to when.
pub(super) struct Line {
    pub(super) rule: usize,
    pub(super) score: usize,
    pub(super) start: Millis,
    pub(super) end: Option<Millis>,
    /// A 64th of the half-life, in milliseconds.
    step: Option<i64>,
    /// What the cap on browser events leaves of what the rule gives.
    granted: Points,
}

impl Line {
    pub(super) fn new(model: &Model, rule: usize, start: Millis, granted: Points, end: Option<Millis>) -> Self {
        let Span(second) = Span::seconds(1);
        let step = model.rules[rule].half_life.map(|span| (span.0 / 64 / second).max(1) * second);
        Self { rule, score: model.rules[rule].score, start, end, step, granted }
    }

    pub(super) fn finish(&mut self, at: Millis) {
        if self.end.is_none_or(|end| at < end) {
            self.end = Some(at);
        }
    }

    /// `points × 2^(−k/64)`, towards zero, and nothing once below 0.01 point.
    fn value(&self, at: Millis) -> Points {
        if at < self.start || self.end.is_some_and(|end| at >= end) {
            return Points::ZERO;
        }
        let steps = self.step.map_or(0, |step| (at - self.start).0 / step);
        let left = cooled(self.granted.0.unsigned_abs(), steps.unsigned_abs());
        let signed = i64::try_from(left).unwrap() * self.granted.0.signum();
        if left < 10_000 { Points::ZERO } else { Points(signed) }
    }

    /// The next instant at which it may change.
    pub(super) fn next(&self, after: Millis) -> Option<Millis> {
        let end = self.end.filter(|end| *end > after);
        let cools = self.value(after) != Points::ZERO;
        let step = self.step.filter(|_| cools).map(|step| {
            let steps = (after - self.start).0 / step + 1;
            self.start + Span(steps * step)
        });
        step.into_iter().chain(end).min()
    }
}

/// 2^(−k/64) in units of 2^−32, to the nearest. By square roots of a half, in units of 2^−63.
static POWERS: LazyLock<Vec<u128>> = LazyLock::new(|| {
    let mut roots = Vec::new();
    let mut root: u128 = 1 << 62;
    for _ in 0..6 {
        root = (root << 63).isqrt();
        roots.push(root);
    }
    let power = |k: u32| {
        // The first root is the 32nd of 64 steps, the last one step.
        let factors = (0..6).filter(|bit| k & (1 << bit) != 0).map(|bit| roots[5 - bit as usize]);
        let product = factors.fold(1_u128 << 63, |product, factor| (product * factor) >> 63);
        (product + (1 << 30)) >> 31
    };
    (0..64).map(power).collect()
});

fn cooled(points: u64, steps: u64) -> u64 {
    let mut left = u128::from(points) * POWERS[usize::try_from(steps % 64).unwrap()];
    // Shifted by the power's unit and all halvings at once: rounding twice could differ.
    let halvings = steps / 64;
    left = if halvings > 90 { 0 } else { left >> (32 + halvings) };
    u64::try_from(left).unwrap()
}

/// A score at an instant: its lines, within the caps of rules, of groups, and of the score, then ceiling and floor.
pub(super) fn score(model: &Model, lines: &[Line], place: usize, at: Millis) -> Points {
    let within = |sum: Points, cap: Option<Points>| cap.map_or(sum, |cap| sum.max(-cap).min(cap));
    let of_rule = |number: usize| {
        let own = lines.iter().filter(|line| line.rule == number);
        within(own.map(|line| line.value(at)).sum(), model.rules[number].cap)
    };
    let of_group = |group: Option<usize>| -> Points {
        let rules = model.rules.iter().enumerate();
        rules.filter(|(_, rule)| rule.score == place && rule.group == group).map(|(number, _)| of_rule(number)).sum()
    };
    let groups = model.groups.iter().enumerate();
    let grouped: Points = groups.map(|(number, group)| within(of_group(Some(number)), group.cap)).sum();
    let limits = &model.scores[place];
    let sum = within(grouped + of_group(None), limits.cap);
    let below = limits.ceiling.map_or(sum, |ceiling| sum.min(ceiling));
    limits.floor.map_or(below, |floor| below.max(floor))
}
