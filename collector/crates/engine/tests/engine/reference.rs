//! The reference: what a model says of a ledger, computed slowly and plainly from `collector/docs/MODEL.md`.
//!
//! It shares nothing with the engine but the compiled model: at *every* instant at which anything can change, in order,
//! touches are taken, states are asked, everything is added up from the beginning, and the stage follows. There are no
//! bounds, no bisection, and no index by event name.

mod calendar;
mod points;
mod visitor;

use std::collections::BTreeSet;

use engine::condition::{Condition, Field, Literal, Test};
use engine::model::{Basis, Effect, Keep, TouchRule};
use engine::touch::event;
use engine::{Lead, Millis, Model, Points, Span, StageIndex, Touch, Trust};

use points::{Line, score};
use visitor::{Gift, Visitor};

/// What a ledger means under a model at every instant until one.
pub(crate) struct Replay<'a> {
    model: &'a Model,
    touches: &'a [Touch],
    /// Whether each touch counts: of several tellings of one order, one.
    counts: Vec<bool>,
    /// How many touches were taken.
    taken: usize,
    now: Millis,
    lines: Vec<Line>,
    gifts: Vec<Gift<'a>>,
    tallies: Vec<Tally>,
    /// Stages that rules have set, with their end.
    pins: Vec<(StageIndex, Option<Millis>)>,
    /// What browser events gave, and when.
    /// When it happened, when it was received, what it gave.
    of_browser: Vec<(Millis, Millis, Points)>,
    /// Every stage so far and since when, the first one since the first touch.
    stages: Vec<(Millis, StageIndex)>,
    handed_back: bool,
}

/// What one rule has counted since the last hand-back.
#[derive(Default, Clone)]
struct Tally {
    matches: u32,
    /// Places of its lines.
    lines: Vec<usize>,
}

impl<'a> Replay<'a> {
    /// Follows a ledger from its first touch until an instant.
    pub(crate) fn new(lead: &'a Lead, model: &'a Model, until: Millis) -> Self {
        Self::of(lead.touches(), model, until)
    }

    /// The same of touches in canonical order.
    pub(crate) fn of(touches: &'a [Touch], model: &'a Model, until: Millis) -> Self {
        let begin = touches.first().map_or(until, |touch| touch.time);
        let mut replay = Self {
            model,
            touches,
            counts: visitor::counting(touches),
            taken: 0,
            now: begin,
            lines: Vec::new(),
            gifts: Vec::new(),
            tallies: vec![Tally::default(); model.rules.len()],
            pins: Vec::new(),
            of_browser: Vec::new(),
            stages: vec![(begin, StageIndex(0))],
            handed_back: false,
        };
        let looks = looks(touches, model, begin, until);
        if !touches.is_empty() {
            replay.step();
            while let Some(next) = replay.next_instant(&looks).filter(|next| *next <= until) {
                replay.now = next;
                replay.step();
            }
        }
        replay
    }

    /// Every score at an instant that was reached.
    pub(crate) fn scores(&self, at: Millis) -> Vec<Points> {
        (0..self.model.scores.len()).map(|place| score(self.model, &self.lines, place, at)).collect()
    }

    /// The stage at an instant that was reached, and since when.
    pub(crate) fn stage(&self, at: Millis) -> (StageIndex, Millis) {
        let (since, stage) = self.stages.iter().rev().find(|(since, _)| *since <= at).unwrap_or(&self.stages[0]);
        (*stage, *since)
    }

    /// The first change of the stage after an instant, among the instants that were reached.
    pub(crate) fn next_change(&self, after: Millis) -> Option<(Millis, StageIndex)> {
        self.stages.iter().skip(1).find(|(since, _)| *since > after).copied()
    }

    fn next_instant(&self, looks: &BTreeSet<Millis>) -> Option<Millis> {
        let after = self.now;
        let touch = self.touches.get(self.taken).map(|touch| touch.time);
        let lines = self.lines.iter().filter_map(|line| line.next(after));
        let pins = self.pins.iter().filter_map(|(_, until)| *until);
        let look = looks.range(Millis(after.0 + 1)..).next().copied();
        let all = touch.into_iter().chain(lines).chain(pins).chain(self.stays_until()).chain(look);
        all.filter(|instant| *instant > after).min()
    }

    /// Everything that happens at one instant: touches, then states, then the stage.
    fn step(&mut self) {
        self.handed_back = false;
        let before = self.taken;
        while let Some(touch) = self.touches.get(self.taken).filter(|touch| touch.time == self.now) {
            self.taken += 1;
            self.take(touch);
        }
        // A state that begins when a browser tells something is the browser's doing.
        let by_browsers = self.touches[before..self.taken].iter().filter(|touch| touch.trust < Trust::Server);
        let by_browser = by_browsers.map(|touch| touch.received).max();
        self.ask_states(by_browser);
        self.follow();
    }

    fn present(&self) -> StageIndex {
        self.stages[self.stages.len() - 1].1
    }

    fn visitor(&self, about: Option<&'a Touch>, least: Trust) -> Visitor<'_, 'a> {
        Visitor {
            model: self.model,
            touches: &self.touches[..self.taken],
            counts: &self.counts,
            gifts: &self.gifts,
            now: self.now,
            stage: self.present(),
            about,
            least,
        }
    }

    fn take(&mut self, touch: &'a Touch) {
        if touch.trust == Trust::Product {
            return;
        }
        if touch.trust == Trust::Server && (touch.is(event::LABEL_ADDED) || touch.is(event::LABEL_REMOVED)) {
            self.told_label(touch);
        }
        if !self.counts[self.taken - 1] {
            return;
        }
        let model = self.model;
        for rule in &model.labels {
            if self.visitor(Some(touch), Trust::Browser).holds(&rule.when) {
                let until = rule.expires.map(|span| self.now + span);
                self.gifts.push(Gift { label: &rule.label, until });
            }
        }
        for (number, rule) in model.rules.iter().enumerate() {
            if let Basis::Touch(basis) = &rule.basis
                && touch.trust >= least_trust(basis, touch)
                && self.visitor(Some(touch), Trust::Browser).holds(&basis.when)
            {
                self.matched(number, basis, touch);
            }
        }
    }

    fn told_label(&mut self, touch: &'a Touch) {
        let Some(label) = touch.properties.get("label").and_then(engine::touch::Scalar::text) else { return };
        self.gifts.retain(|gift| gift.label != label);
        if touch.is(event::LABEL_ADDED) {
            self.gifts.push(Gift { label, until: None });
        }
    }

    /// A touch that matches a rule.
    fn matched(&mut self, number: usize, rule: &TouchRule, touch: &Touch) {
        let now = self.now;
        self.tallies[number].matches += 1;
        if self.tallies[number].matches < rule.from {
            return;
        }
        let Some(points) = self.worth(number, rule.effect, touch) else { return };
        if let Some(per) = rule.per {
            let held = &self.tallies[number].lines;
            match rule.keep {
                Keep::Earliest => {
                    let inside = |place: &&usize| per.every.is_none_or(|every| now - self.lines[**place].start < every);
                    if held.iter().filter(inside).count() >= per.times as usize {
                        return;
                    }
                }
                Keep::Latest => {
                    let surplus = (held.len() + 1).saturating_sub(per.times as usize);
                    for place in held[..surplus].iter().copied() {
                        self.lines[place].finish(now);
                    }
                }
            }
        }
        let end = rule.expires.map(|span| now + span);
        let granted = match touch.trust < Trust::Server {
            true => self.within_browser_cap(touch.received, points),
            false => points,
        };
        self.tallies[number].lines.push(self.lines.len());
        self.lines.push(Line::new(self.model, number, now, granted, end));
        match rule.effect {
            Effect::SetStage(stage) => self.pins.push((stage, end)),
            Effect::HandBack => self.hand_back(number),
            _ => {}
        }
    }

    fn worth(&self, number: usize, effect: Effect, touch: &Touch) -> Option<Points> {
        match effect {
            Effect::Points(points) => Some(points),
            Effect::PointsPer { points, minor } => {
                let value = touch.value.filter(|value| value.currency == self.model.currency)?.minor;
                Some(Points(points.0 * (value / minor).max(0)))
            }
            Effect::RaiseTo(level) => {
                let before = score(self.model, &self.lines, self.model.rules[number].score, self.now);
                Some((level - before).max(Points::ZERO))
            }
            Effect::SetStage(_) | Effect::HandBack => Some(Points::ZERO),
        }
    }

    /// No period gives more, whether by when something happened or by when it was received.
    fn within_browser_cap(&mut self, received: Millis, points: Points) -> Points {
        let Some(cap) = self.model.browser_cap else { return points };
        if points <= Points::ZERO {
            return points;
        }
        let near = |one: Millis, other: Millis| Span((one - other).0.abs()) < cap.every;
        let sum = |near: &dyn Fn(Millis, Millis) -> bool| -> Points {
            let inside = self.of_browser.iter().filter(|(happened, heard, _)| near(*happened, *heard));
            inside.map(|(.., given)| *given).sum()
        };
        let taken = sum(&|happened, _| near(happened, self.now)).max(sum(&|_, heard| near(heard, received)));
        let granted = points.min((cap.points - taken).max(Points::ZERO));
        self.of_browser.push((self.now, received, granted));
        granted
    }

    /// What touches gave to the score of the rule counts no more; what holds of the visitor goes on holding.
    fn hand_back(&mut self, number: usize) {
        let rules = &self.model.rules;
        let score = rules[number].score;
        let last = self.lines.len() - 1;
        for line in &mut self.lines[..last] {
            if line.score == score && matches!(rules[line.rule].basis, Basis::Touch(_)) {
                line.finish(self.now);
            }
        }
        for (tally, rule) in self.tallies.iter_mut().zip(rules) {
            if rule.score == score {
                *tally = Tally::default();
            }
        }
        if score == 0 {
            self.pins.clear();
            self.handed_back = true;
        }
    }

    fn ask_states(&mut self, by_browser: Option<Millis>) {
        let model = self.model;
        for (number, rule) in model.rules.iter().enumerate() {
            let Basis::State(state) = &rule.basis else { continue };
            let holds = self.visitor(None, Trust::Browser).holds(&state.holds);
            let open = self.lines.iter().position(|line| line.rule == number && line.end.is_none());
            match (holds, open) {
                (true, None) => {
                    let granted = match by_browser {
                        Some(received) => self.within_browser_cap(received, state.points),
                        None => state.points,
                    };
                    self.lines.push(Line::new(model, number, self.now, granted, None));
                }
                (false, Some(place)) => self.lines[place].finish(self.now),
                _ => {}
            }
        }
    }

    /// The highest stage that is entered; else the present one while it is not left; else the next lower one that is not
    /// left. Never below what is set, nor below one that must stay.
    fn follow(&mut self) {
        let score = score(self.model, &self.lines, 0, self.now);
        let visitor = self.visitor(None, Trust::Server);
        let bounds = self.model.stages.iter().map(|stage| {
            let segment = stage.segments.iter().find(|segment| visitor.holds(&segment.when));
            segment.map_or((stage.enter, stage.keep), |segment| (Some(segment.enter), Some(segment.keep)))
        });
        let bounds: Vec<_> = bounds.collect();
        let present = self.present();
        let entered = bounds.iter().rposition(|(enter, _)| enter.is_none_or(|enter| enter.holds(score)));
        let mut next = present.0;
        while bounds[next].1.is_some_and(|keep| !keep.holds(score)) {
            next -= 1;
        }
        let mut next = StageIndex(next.max(entered.unwrap_or(0)));
        let stays = !self.handed_back && self.stays_until().is_some_and(|until| self.now < until);
        if stays {
            next = next.max(present);
        }
        for (stage, until) in &self.pins {
            if until.is_none_or(|until| self.now < until) {
                next = next.max(*stage);
            }
        }
        if next != present {
            self.stages.push((self.now, next));
        }
    }

    fn stays_until(&self) -> Option<Millis> {
        let (since, stage) = self.stages[self.stages.len() - 1];
        Some(since + self.model.stages.iter().nth(stage.0)?.min_stay?)
    }
}

/// The touches of a ledger, each fold as so many as it stands for.
pub(crate) fn unfolded(lead: &Lead) -> Vec<Touch> {
    let counted = lead.touches().iter().zip(lead.counts());
    counted.flat_map(|(touch, count)| std::iter::repeat_n(touch.clone(), count)).collect()
}

/// Without a word about trust, money, mails and calls must come from a server, what sets or ends a stage at least from a page
/// that somebody uses, and anything else from anybody.
fn least_trust(rule: &TouchRule, touch: &Touch) -> Trust {
    let name = touch.name.as_str();
    let of_systems = ["purchase", "refund", "call_outcome"].contains(&name) || name.starts_with("email_");
    let decides = matches!(rule.effect, Effect::SetStage(_) | Effect::HandBack);
    rule.trust.unwrap_or(match (of_systems, decides) {
        (true, _) => Trust::Server,
        (false, true) => Trust::Page,
        (false, false) => Trust::Browser,
    })
}

/// Every instant at which a state may begin or cease to hold without a touch: so long after each touch as any condition
/// says, the millisecond after, and every local midnight where the model looks at dates.
fn looks(touches: &[Touch], model: &Model, begin: Millis, until: Millis) -> BTreeSet<Millis> {
    let (mut spans, mut dates) = (Vec::new(), false);
    for rule in &model.rules {
        if let Basis::State(state) = &rule.basis {
            durations(&state.holds, &mut spans, &mut dates);
        }
    }
    for segment in model.stages.iter().flat_map(|stage| &stage.segments) {
        durations(&segment.when, &mut spans, &mut dates);
    }
    if !spans.is_empty() || dates {
        spans.extend(model.labels.iter().filter_map(|label| label.expires));
    }
    let after_touches = touches
        .iter()
        .flat_map(|touch| spans.iter().flat_map(|span| [touch.time + *span, touch.time + *span + Span(1)]));
    let mut looks: BTreeSet<Millis> = after_touches.collect();
    if dates {
        looks.extend(calendar::midnights(begin, until, &model.offsets));
    }
    looks
}

fn durations(condition: &Condition, spans: &mut Vec<Span>, dates: &mut bool) {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter().for_each(|part| durations(part, spans, dates));
        }
        Condition::Not(part) => durations(part, spans, dates),
        Condition::Sequence(sequence) => spans.extend(sequence.within),
        Condition::Compare(comparison) => match (&comparison.field, &comparison.test) {
            (Field::Recent(span, _) | Field::Visits(span) | Field::VisitDays(span), _) => spans.push(*span),
            (Field::LastSeen, Test::Order(_, bound) | Test::Equal(Literal::Number(bound))) => spans.push(Span(*bound)),
            (Field::Date | Field::DaysUntil(_), _) => *dates = true,
            // Its expiry is added for every model that asks states at all.
            (Field::Label, _) => spans.push(Span(0)),
            _ => {}
        },
    }
}
