//! Instants at which time alone may change whether an offer is shown.

use super::Asking;
use super::history::RESERVATION;
use super::what_if::Scene;
use crate::calendar;
use crate::condition::{Comparison, Condition, Field, Test};
use crate::evaluate::Evaluation;
use crate::forecast::next_change;
use crate::model::Offer;
use crate::points::Points;
use crate::state::bounds;
use crate::time::{Millis, Span};
use crate::touch::event;

/// How far ahead is looked for a score to have fallen, and for a stage to be left.
const AHEAD: Span = Span::days(90);
/// How many changes of the stage are foreseen.
const MOST_STAGES: usize = 4;
/// How many things in an offer's own way are waited for, one after the other.
const MOST_OBSTACLES: usize = 8;
/// How many instants one part of a condition may add.
const MOST_OF_A_PART: usize = 16;

/// When things that time changes turn, collected for one offer.
pub(super) struct Instants<'a, 's> {
    scene: &'s Scene<'a>,
    now: Millis,
    found: Vec<Millis>,
}

impl<'a, 's> Instants<'a, 's> {
    pub(super) const fn after(scene: &'s Scene<'a>, now: Millis) -> Self {
        Self { scene, now, found: Vec::new() }
    }

    /// Ascending, each once.
    pub(super) fn all(mut self) -> Vec<Millis> {
        let now = self.now.max(self.scene.evaluation.at);
        self.found.retain(|instant| *instant > now && *instant <= Millis::LATEST);
        self.found.sort_unstable();
        self.found.dedup();
        self.found
    }

    /// When what stands in an offer's own way ends, one thing after the other.
    pub(super) fn of_offer(&mut self, offer: &Offer) {
        let Scene { lead, evaluation, model, moment } = *self.scene;
        let mut at = self.now;
        for _ in 0..MOST_OBSTACLES {
            let asking = Asking::of(lead, evaluation, model, moment, at);
            let until = asking.barred(offer).or_else(|| asking.too_soon(offer)).and_then(|refusal| refusal.until);
            let Some(until) = until.filter(|until| *until > at) else { break };
            self.found.push(until);
            at = until;
        }
        // Of offers beside it, what is reserved lapses.
        let reserved = lead.touches().iter().filter(|touch| touch.is(event::RESERVED));
        self.found.extend(reserved.map(|touch| touch.time.plus(RESERVATION)));
    }

    /// When another offer of the slot is over.
    pub(super) fn of_rival(&mut self, offer: &Offer) {
        self.found.extend(offer.until);
    }

    /// When parts of a condition may begin or cease to hold.
    pub(super) fn of_condition(&mut self, condition: &Condition, evaluate: &dyn Fn(Millis) -> Evaluation) {
        match condition {
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().for_each(|part| self.of_condition(part, evaluate));
            }
            Condition::Not(part) => self.of_condition(part, evaluate),
            Condition::Compare(comparison) => self.of_comparison(comparison, evaluate),
            Condition::Sequence(sequence) => {
                let Some(within) = sequence.within else { return };
                let since = self.scene.evaluation.at.minus(within);
                let inside = self.scene.lead.touches().iter().rev().take_while(|touch| touch.time >= since);
                let leaves = inside.map(|touch| touch.time.plus(within).plus(Span(1)));
                let mut leaves: Vec<Millis> = leaves.collect();
                leaves.reverse();
                leaves.truncate(MOST_OF_A_PART);
                self.found.extend(leaves);
            }
        }
    }

    fn of_comparison(&mut self, comparison: &Comparison, evaluate: &dyn Fn(Millis) -> Evaluation) {
        let Scene { lead, evaluation, model, .. } = *self.scene;
        let at = evaluation.at;
        let today = || calendar::local_day(at, &model.offsets);
        let midnight = |day: i64| calendar::local_midnight(day, &model.offsets);
        match &comparison.field {
            Field::Label => {
                let held = evaluation.labels.iter().filter(|held| match &comparison.test {
                    Test::Has(label) => *label == *held.label,
                    _ => true,
                });
                self.found.extend(held.filter_map(|held| held.until));
            }
            Field::Recent(span, name) => {
                let since = at.minus(*span);
                let inside = lead.touches().iter().zip(lead.counts()).enumerate();
                let inside = inside.filter(|(place, (touch, _))| {
                    touch.time > since && touch.is(name) && evaluation.uncounted.binary_search(place).is_err()
                });
                let times = inside.flat_map(|(_, (touch, count))| std::iter::repeat_n(touch.time, count.min(1_000)));
                let times: Vec<Millis> = times.collect();
                self.fewer(&comparison.test, &times, *span);
            }
            Field::Visits(span) => {
                let since = at.minus(*span);
                let times: Vec<Millis> =
                    evaluation.visits_begun.iter().copied().filter(|begun| *begun > since).collect();
                self.fewer(&comparison.test, &times, *span);
            }
            Field::VisitDays(span) => {
                let since = at.minus(*span);
                let inside = evaluation.visits_begun.iter().filter(|begun| **begun > since);
                self.found.extend(inside.rev().take(MOST_OF_A_PART).map(|begun| begun.plus(*span)));
                // Tomorrow a visit is one of another day.
                self.found.extend(midnight(today() + 1));
            }
            Field::LastSeen => {
                let Some(seen) = evaluation.last_seen else { return };
                // "More than" begins a millisecond after "at least".
                let sides = |bound: i64| [seen.plus(Span(bound)), seen.plus(Span(bound)).plus(Span(1))];
                self.found.extend(bounds(&comparison.test).flat_map(sides));
            }
            Field::Date => {
                let year = calendar::date_of(today()).year;
                let days = bounds(&comparison.test).chain([101]).flat_map(|bound| {
                    [year, year + 1].into_iter().filter_map(move |year| calendar::day_in_year(year, bound))
                });
                self.found.extend(days.flat_map(|day| [day, day + 1]).filter_map(midnight));
            }
            Field::DaysUntil(name) => {
                let day = evaluation.attribute(name).and_then(|day| calendar::day_number(day.text()?));
                let Some(day) = day else { return };
                let turns = bounds(&comparison.test).flat_map(|bound| {
                    let turn = day.saturating_sub(bound);
                    [turn, turn.saturating_add(1)]
                });
                self.found.extend(turns.filter_map(midnight));
            }
            Field::Stage => {
                let changes =
                    std::iter::successors(next_change(lead, model, at), |last| next_change(lead, model, last.at));
                self.found.extend(changes.take(MOST_STAGES).map(|change| change.at));
            }
            Field::Score => self.falls(0, comparison, evaluate),
            Field::NamedScore(name) => {
                let place = model.scores.iter().position(|score| score.name == *name);
                self.falls(place.unwrap_or_default(), comparison, evaluate);
            }
            _ => {}
        }
    }

    /// When there are so few left inside a span as a test asks for, of times that ascend.
    fn fewer(&mut self, test: &Test, times: &[Millis], span: Span) {
        let wanted = bounds(test).flat_map(|bound| [bound.saturating_sub(1), bound, bound.saturating_add(1)]);
        let last_to_go = wanted.filter_map(|wanted| {
            let go = times.len().checked_sub(usize::try_from(wanted).ok()?)?;
            times.get(go.checked_sub(1)?)
        });
        self.found.extend(last_to_go.take(MOST_OF_A_PART).map(|time| time.plus(span)));
    }

    /// When a score has fallen to what a test asks for, and below. A score that rises by itself is not waited for.
    fn falls(&mut self, score: usize, comparison: &Comparison, evaluate: &dyn Fn(Millis) -> Evaluation) {
        let at = self.scene.evaluation.at;
        let now = self.scene.evaluation.scores.get(score).copied().unwrap_or_default();
        for level in bounds(&comparison.test).flat_map(|bound| [bound, bound.saturating_add(1)]).map(Points) {
            if now < level {
                continue;
            }
            let below = |instant: Millis| evaluate(instant).scores.get(score).is_some_and(|points| *points < level);
            let (mut before, mut after) = (at, at.plus(AHEAD));
            if !below(after) {
                continue;
            }
            // To the second: what cools does so in whole seconds.
            while after.since(before) > Span::seconds(1) {
                let middle = before.plus(Span(after.since(before).0 / 2));
                if below(middle) { after = middle } else { before = middle }
            }
            self.found.push(after);
        }
    }
}
