//! Whether a condition holds.
//!
//! Of what was folded some facts are lost, and a comparison with one of those neither holds nor fails: so that it turns true
//! under no `not` either, a condition is asked what is *sure*, that it holds or that it does not.

use super::{Comparison, Condition, Field, Literal, Order, Sequence, Test};
use crate::calendar;
use crate::decide::Moment;
use crate::evaluate::Evaluation;
use crate::lead::Lead;
use crate::model::{Model, PageTags};
use crate::money::Currency;
use crate::sessions::days_begun;
use crate::time::Millis;
use crate::touch::{PageFacts, Scalar, SourceFacts, Touch, Trust};

/// The value of a field. Points, amounts, durations and places in an order are numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Text.
    Text(&'a str),
    /// A whole number.
    Number(i64),
    /// True or false.
    Boolean(bool),
}

impl<'a> From<&'a Scalar> for Value<'a> {
    fn from(scalar: &'a Scalar) -> Self {
        match scalar {
            Scalar::Text(text) => Self::Text(text),
            Scalar::Integer(number) => Self::Number(*number),
            Scalar::Boolean(truth) => Self::Boolean(*truth),
        }
    }
}

/// What a condition is held against.
pub trait Facts {
    /// Whether what a field says is known. Of what was folded not all is.
    fn knows(&self, _field: &Field) -> bool {
        true
    }
    /// The value of a field that is no set; `None`: it has none.
    fn value(&self, field: &Field) -> Option<Value<'_>>;
    /// Calls `visit` with each text of a field that is a set, until it says `true`; says whether it did.
    fn any_of(&self, field: &Field, visit: &mut dyn FnMut(&str) -> bool) -> bool;
    /// Whether a field that is a set holds a text.
    fn has(&self, field: &Field, wanted: &str) -> bool {
        self.any_of(field, &mut |text| text == wanted)
    }
    /// The touches that a sequence looks at, in canonical order, and the instant it looks from.
    fn history(&self) -> History<'_>;
    /// A touch of that history, as the facts of a step.
    fn step<'a>(&'a self, touch: &'a Touch) -> TouchFacts<'a>;
    /// How many steps of a sequence were reached: all of them when it holds. `sure`: by what is known; else by what may be.
    fn reached(&self, sequence: &Sequence, sure: bool) -> usize
    where
        Self: Sized,
    {
        sequence.reached(self, sure)
    }
}

/// The touches that a sequence looks at.
#[derive(Debug, Clone, Copy)]
pub struct History<'a> {
    /// In canonical order.
    pub touches: &'a [Touch],
    /// Places of those that it does not see, ascending.
    pub hidden: &'a [usize],
    /// The instant it looks from.
    pub now: Millis,
}

impl<'a> History<'a> {
    /// From a place on, those that a sequence sees, with their places.
    fn seen(self, from: usize) -> impl DoubleEndedIterator<Item = (usize, &'a Touch)> {
        let (touches, all) = (self.touches.iter().enumerate(), self.hidden.is_empty());
        touches
            .skip(from)
            .filter(move |(place, touch)| visible(touch) && (all || self.hidden.binary_search(place).is_err()))
    }
}

impl Condition {
    /// Whether it holds. What is not known does not hold, and neither does its opposite.
    #[must_use]
    pub fn matches(&self, facts: &impl Facts) -> bool {
        self.surely(facts, true)
    }

    /// Whether it is sure that it holds (`wanted`), or that it does not.
    pub(crate) fn surely(&self, facts: &impl Facts, wanted: bool) -> bool {
        match self {
            Self::All(parts) if wanted => parts.iter().all(|part| part.surely(facts, true)),
            Self::Any(parts) if wanted => parts.iter().any(|part| part.surely(facts, true)),
            Self::All(parts) => parts.iter().any(|part| part.surely(facts, false)),
            Self::Any(parts) => parts.iter().all(|part| part.surely(facts, false)),
            Self::Not(part) => part.surely(facts, !wanted),
            Self::Compare(comparison) => facts.knows(&comparison.field) && comparison.holds(facts) == wanted,
            Self::Sequence(sequence) => (facts.reached(sequence, wanted) == sequence.steps.len()) == wanted,
        }
    }
}

impl Comparison {
    /// Whether it holds, of a field that is known.
    pub(crate) fn holds(&self, facts: &impl Facts) -> bool {
        if let Test::Has(wanted) = &self.test {
            return facts.has(&self.field, wanted);
        }
        match self.field {
            Field::PageTag | Field::ItemId | Field::ItemCategory | Field::ItemName | Field::Label => {
                // Of a set only its being empty is left to ask.
                let filled = facts.any_of(&self.field, &mut |_| true);
                matches!(self.test, Test::Exists(wanted) if wanted == filled)
            }
            _ => self.test.admits(facts.value(&self.field)),
        }
    }
}

impl Test {
    /// Whether the value of a field that is no set is what it must be.
    pub(super) fn admits(&self, value: Option<Value<'_>>) -> bool {
        match (self, value) {
            (Self::Exists(wanted), value) => *wanted == value.is_some(),
            (Self::NotEqual(literal), value) => value.is_none_or(|held| !literal.equals(held)),
            (Self::Equal(literal), Some(held)) => literal.equals(held),
            (Self::In(list), Some(held)) => list.iter().any(|literal| literal.equals(held)),
            (Self::Glob(globs), Some(Value::Text(text))) => globs.iter().any(|glob| glob.matches(text)),
            (Self::Order(order, bound), Some(Value::Number(number))) => match order {
                Order::Above => number > *bound,
                Order::AtLeast => number >= *bound,
                Order::Below => number < *bound,
                Order::AtMost => number <= *bound,
            },
            _ => false,
        }
    }
}

impl Literal {
    fn equals(&self, value: Value<'_>) -> bool {
        match (self, value) {
            (Self::Text(wanted), Value::Text(held)) => wanted == held,
            (Self::Number(wanted), Value::Number(held)) => *wanted == held,
            (Self::Boolean(wanted), Value::Boolean(held)) => *wanted == held,
            _ => false,
        }
    }
}

impl Sequence {
    /// How many steps were reached: all of them when the sequence holds. `sure`: by what is known; else by what may be.
    ///
    /// The first step is looked for from the last touch that matches `without` on (that one itself included: only what
    /// comes *after* the first step spoils it), then each step is taken at its earliest, which leaves the most room for
    /// the next. One pass.
    fn reached(&self, facts: &impl Facts, sure: bool) -> usize {
        let history = facts.history();
        let counts =
            |condition: &Condition, touch: &Touch, sure: bool| condition.surely(&facts.step(touch), sure) == sure;
        let begin = |within| history.touches.partition_point(|touch| touch.time < history.now.minus(within));
        let mut from = self.within.map_or(0, begin);
        if let Some(without) = &self.without {
            let spoilt = history.seen(from).rfind(|(_, touch)| counts(without, touch, !sure));
            from = spoilt.map_or(from, |(place, _)| place);
        }
        let mut steps = self.steps.iter();
        let mut wanted = steps.next();
        for (_, touch) in history.seen(from) {
            let Some(step) = wanted else { break };
            if counts(step, touch, sure) {
                wanted = steps.next();
            }
        }
        self.steps.len() - steps.len() - usize::from(wanted.is_some())
    }
}

/// Conditions do not see what the product itself did.
pub(crate) fn visible(touch: &Touch) -> bool {
    touch.trust < Trust::Product
}

/// One touch: alone, as the steps of sequences see it, or as part of its visit.
#[derive(Debug, Clone, Copy)]
pub struct TouchFacts<'a> {
    touch: &'a Touch,
    /// Where its visit came from.
    source: &'a SourceFacts,
    page_tags: &'a PageTags,
    currency: Currency,
}

impl<'a> TouchFacts<'a> {
    pub(crate) const fn of(touch: &'a Touch, page_tags: &'a PageTags, currency: Currency) -> Self {
        Self { touch, source: &touch.source, page_tags, currency }
    }

    /// The same touch as part of a visit that began elsewhere; `None`: it stands for itself.
    pub(crate) fn come_from(self, source: Option<&'a SourceFacts>) -> Self {
        Self { source: source.unwrap_or(self.source), ..self }
    }

    /// See [`Facts::value`]; what it gives outlives these facts.
    pub(crate) fn of_field(&self, field: &Field) -> Option<Value<'a>> {
        let touch = self.touch;
        // Shared by the optional texts, whatever their bound.
        macro_rules! optional {
            ($text:expr) => {
                $text.as_ref().map(|text| Value::Text(text.as_str()))
            };
        }
        match field {
            Field::Event => Some(Value::Text(touch.name.as_str())),
            Field::PagePath => touch.page.as_ref().map(|page| Value::Text(page.path.as_str())),
            // A fold knows of a page without a host only that there was none, or that it is lost.
            Field::PageHost => {
                touch.page.as_ref().map(|page| page.host.as_str()).filter(|host| !host.is_empty()).map(Value::Text)
            }
            Field::Value => {
                touch.value.filter(|money| money.currency == self.currency).map(|money| Value::Number(money.minor))
            }
            Field::Quantity => {
                Some(Value::Number(touch.quantity())).filter(|_| !touch.items.is_empty() && !touch.is_fold())
            }
            Field::Channel => Some(Value::Text(self.source.channel.name())),
            Field::Campaign => optional!(self.source.campaign),
            Field::Source => optional!(self.source.source),
            Field::Medium => optional!(self.source.medium),
            Field::Country => optional!(touch.country),
            Field::Region => optional!(touch.region),
            Field::Device => touch.device.map(|device| Value::Text(device.name())),
            Field::Language => optional!(touch.language),
            Field::Trust => Some(Value::Number(match touch.trust {
                Trust::Browser => 0,
                Trust::Page => 1,
                Trust::Server | Trust::Product => 2,
            })),
            Field::Offer => touch.offer.as_ref().map(|offer| Value::Text(offer.as_str())),
            Field::Property(name) => touch.properties.get(name).map(Value::from),
            _ => None,
        }
    }
}

impl Facts for TouchFacts<'_> {
    fn knows(&self, field: &Field) -> bool {
        self.touch.tells(field)
    }

    fn value(&self, field: &Field) -> Option<Value<'_>> {
        self.of_field(field)
    }

    fn any_of(&self, field: &Field, visit: &mut dyn FnMut(&str) -> bool) -> bool {
        let items = &self.touch.items;
        match field {
            Field::PageTag => any_tag(self.page_tags, self.touch.page.as_ref(), visit),
            Field::ItemId => items.iter().filter(|item| !item.id.is_empty()).any(|item| visit(&item.id)),
            Field::ItemCategory => items.iter().filter_map(|item| item.category.as_deref()).any(visit),
            Field::ItemName => items.iter().filter_map(|item| item.name.as_deref()).any(visit),
            _ => false,
        }
    }

    fn has(&self, field: &Field, wanted: &str) -> bool {
        match field {
            Field::PageTag => self.touch.page.as_ref().is_some_and(|page| self.page_tags.has(wanted, &page.path)),
            _ => self.any_of(field, &mut |text| text == wanted),
        }
    }

    fn history(&self) -> History<'_> {
        History { touches: &[], hidden: &[], now: self.touch.time }
    }

    fn step<'a>(&'a self, touch: &'a Touch) -> TouchFacts<'a> {
        TouchFacts { touch, source: &touch.source, ..*self }
    }
}

/// A lead, and the moment that asks, for filters and offers.
#[derive(Debug, Clone, Copy)]
pub struct LeadFacts<'a> {
    lead: &'a Lead,
    evaluation: &'a Evaluation,
    model: &'a Model,
    moment: Option<&'a Moment>,
}

impl<'a> LeadFacts<'a> {
    /// A lead as it was evaluated under a model, and the moment that asks, if one does.
    #[must_use]
    pub const fn new(lead: &'a Lead, evaluation: &'a Evaluation, model: &'a Model, moment: Option<&'a Moment>) -> Self {
        Self { lead, evaluation, model, moment }
    }

    fn page(&self) -> Option<&PageFacts> {
        self.moment.and_then(|moment| moment.page.as_ref())
    }
}

impl Facts for LeadFacts<'_> {
    fn value(&self, field: &Field) -> Option<Value<'_>> {
        let evaluation = self.evaluation;
        match field {
            Field::Score => Some(Value::Number(evaluation.score.0)),
            Field::NamedScore(name) => {
                let place = self.model.scores.iter().position(|score| score.name == *name)?;
                evaluation.scores.get(place).map(|points| Value::Number(points.0))
            }
            Field::Recent(span, name) => {
                let since = evaluation.at.minus(*span);
                let recent = evaluation.counted(self.lead, |touch| touch.time > since && touch.is(name));
                i64::try_from(recent).ok().map(Value::Number)
            }
            Field::Visits(span) => {
                let since = evaluation.at.minus(*span);
                let begun = evaluation.visits_begun.iter().filter(|begun| **begun > since).count();
                i64::try_from(begun).ok().map(Value::Number)
            }
            Field::VisitDays(span) => {
                let since = evaluation.at.minus(*span);
                Some(Value::Number(days_begun(&evaluation.visits_begun, since, &self.model.offsets)))
            }
            Field::Touchpoints => Some(Value::Number(i64::from(evaluation.touchpoints))),
            Field::Consent => Some(Value::Text(&evaluation.consent)),
            Field::Date => {
                let today = calendar::local_day(evaluation.at, &self.model.offsets);
                Some(Value::Number(calendar::date_of(today).year_day()))
            }
            Field::DaysUntil(name) => {
                let day = calendar::day_number(evaluation.attribute(name)?.text()?)?;
                Some(Value::Number(day.saturating_sub(calendar::local_day(evaluation.at, &self.model.offsets))))
            }
            Field::Stage => i64::try_from(evaluation.stage.0).ok().map(Value::Number),
            Field::Attribute(name) => evaluation.attribute(name).map(Value::from),
            Field::Count(name) => i64::try_from(evaluation.count(self.lead, name)).ok().map(Value::Number),
            Field::VisitNumber => Some(Value::Number(i64::from(evaluation.visits))),
            Field::CartQuantity => Some(Value::Number(evaluation.cart.quantity)),
            Field::CartValue => evaluation.cart.value.map(|money| Value::Number(money.minor)),
            Field::LastSeen => evaluation.last_seen.map(|seen| Value::Number(evaluation.at.since(seen).0.max(0))),
            Field::Country => evaluation.country.as_ref().map(|text| Value::Text(text)),
            Field::Device => evaluation.device.map(|device| Value::Text(device.name())),
            Field::Language => evaluation.language.as_ref().map(|text| Value::Text(text)),
            Field::Channel => evaluation.channel.map(|channel| Value::Text(channel.name())),
            Field::PagePath => self.page().map(|page| Value::Text(&page.path)),
            Field::PageHost => self.page().map(|page| Value::Text(&page.host)),
            Field::Context(name) => self.moment.and_then(|moment| moment.properties.get(name)).map(Value::from),
            _ => None,
        }
    }

    fn any_of(&self, field: &Field, visit: &mut dyn FnMut(&str) -> bool) -> bool {
        match field {
            Field::Label => self.evaluation.labels.iter().any(|held| visit(&held.label)),
            Field::PageTag => any_tag(&self.model.page_tags, self.page(), visit),
            _ => false,
        }
    }

    fn has(&self, field: &Field, wanted: &str) -> bool {
        match field {
            Field::PageTag => self.page().is_some_and(|page| self.model.page_tags.has(wanted, &page.path)),
            _ => self.any_of(field, &mut |text| text == wanted),
        }
    }

    fn history(&self) -> History<'_> {
        History { touches: self.lead.touches(), hidden: &self.evaluation.hidden, now: self.evaluation.at }
    }

    fn step<'a>(&'a self, touch: &'a Touch) -> TouchFacts<'a> {
        TouchFacts::of(touch, &self.model.page_tags, self.model.currency)
    }
}

pub(crate) fn any_tag(tags: &PageTags, page: Option<&PageFacts>, visit: &mut dyn FnMut(&str) -> bool) -> bool {
    page.is_some_and(|page| tags.of(&page.path).any(visit))
}
