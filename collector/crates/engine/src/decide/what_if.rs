//! What if a fact were otherwise: which fact a part of a condition is about, what that fact could be instead, and whether the
//! part would hold then.

use super::Moment;
use super::change::{Audience, Becomes, Range};
use crate::calendar;
use crate::condition::{Comparison, Facts, Field, History, LeadFacts, Test, TouchFacts, Value, any_tag};
use crate::evaluate::Evaluation;
use crate::lead::Lead;
use crate::model::{Model, PoolName, Slot};
use crate::money::Money;
use crate::points::Points;
use crate::sessions::days_begun;
use crate::touch::{Channel, Device, OfferId, PageFacts, PropertyName, Scalar, Touch};

const CHANNELS: [Channel; 6] =
    [Channel::Direct, Channel::Organic, Channel::Paid, Channel::Social, Channel::Email, Channel::Referral];

/// A fact that can be one thing or another, independently of the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fact {
    /// A score, by its place in the model.
    Score(usize),
    Stage,
    Label(String),
    /// An attribute, and the days until the one that it names.
    Attribute(String),
    /// The asking page with its host and tags.
    Page,
    /// The cart's pieces and their worth.
    Cart,
    /// How often an event happened, over all and recently.
    Events(String),
    /// How many visits there were, over all, recently, and on how many days.
    Visits,
    Touchpoints,
    LastSeen,
    Consent,
    Country,
    Device,
    Language,
    Channel,
    Context(String),
    /// What happens now of the sequences that are asked about.
    Happenings,
    /// The day: nothing but waiting changes it.
    Day,
    Slot(Slot),
    Pool(PoolName),
    Offer(OfferId),
}

/// What a fact could be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// Otherwise than it is, of a fact that is so or not.
    Otherwise,
    Number(i64),
    Scalar(Option<Scalar>),
    Page(Option<PageFacts>),
    /// Pieces, and their worth in minor units.
    Cart(i64, Option<i64>),
    /// So many more.
    More(u32),
    /// What is left of these sequences, one after the other, by their places among those that are asked about.
    Happen(Vec<usize>),
}

/// What is asked: a lead as it is at an instant, and the moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) lead: &'a Lead,
    pub(super) evaluation: &'a Evaluation,
    pub(super) model: &'a Model,
    pub(super) moment: &'a Moment,
}

impl<'a> Scene<'a> {
    pub(super) const fn facts(&self) -> LeadFacts<'a> {
        LeadFacts::new(self.lead, self.evaluation, self.model, Some(self.moment))
    }

    /// The fact that a field is about.
    pub(super) fn fact(&self, comparison: &Comparison) -> Fact {
        match &comparison.field {
            Field::Score => Fact::Score(0),
            Field::NamedScore(name) => {
                Fact::Score(self.model.scores.iter().position(|score| score.name == *name).unwrap_or_default())
            }
            Field::Stage => Fact::Stage,
            Field::Label => match &comparison.test {
                Test::Has(label) => Fact::Label(label.clone()),
                _ => Fact::Day,
            },
            Field::Attribute(name) | Field::DaysUntil(name) => Fact::Attribute(name.clone()),
            Field::PagePath | Field::PageHost | Field::PageTag => Fact::Page,
            Field::CartQuantity | Field::CartValue => Fact::Cart,
            Field::Count(name) | Field::Recent(_, name) => Fact::Events(name.clone()),
            Field::VisitNumber | Field::Visits(_) | Field::VisitDays(_) => Fact::Visits,
            Field::Touchpoints => Fact::Touchpoints,
            Field::LastSeen => Fact::LastSeen,
            Field::Consent => Fact::Consent,
            Field::Country => Fact::Country,
            Field::Device => Fact::Device,
            Field::Language => Fact::Language,
            Field::Channel => Fact::Channel,
            Field::Context(name) => Fact::Context(name.clone()),
            _ => Fact::Day,
        }
    }

    /// Whether a part would hold if a fact were in a state.
    pub(super) fn would_hold(&self, comparison: &Comparison, fact: &Fact, state: &State) -> bool {
        comparison.holds(&WhatIf { scene: self, known: self.facts(), fact, state })
    }

    /// What it means that a fact is to be in this state. `does`: other states that do as well.
    pub(super) fn becomes(&self, fact: &Fact, state: &State, does: impl Fn(&State) -> bool, all: &[State]) -> Becomes {
        let scalar = |state: &State| match state {
            State::Scalar(value) => value.clone(),
            _ => None,
        };
        let text = |state: &State| scalar(state).as_ref().and_then(Scalar::text).map(str::to_owned);
        let numbers: Vec<i64> =
            all.iter().filter_map(|state| if let State::Number(one) = state { Some(*one) } else { None }).collect();
        let number = if let State::Number(number) = state { *number } else { 0 };
        let range = || around(number, numbers.clone(), |one| does(&State::Number(one)));
        match fact {
            Fact::Score(score) => Becomes::Score { score: *score, range: range().map(Points) },
            Fact::Stage => Becomes::Stage { range: range().map(|place| usize::try_from(place).unwrap_or_default()) },
            Fact::Touchpoints => Becomes::Touchpoints { range: range() },
            Fact::LastSeen | Fact::Day | Fact::Happenings => Becomes::Seen,
            Fact::Label(label) => Becomes::Label { label: label.clone(), present: !self.evaluation.has_label(label) },
            Fact::Attribute(name) => Becomes::Attribute { name: PropertyName::cut(name), value: scalar(state) },
            Fact::Context(name) => Becomes::Context { name: PropertyName::cut(name), value: scalar(state) },
            Fact::Page => Becomes::Page { page: if let State::Page(page) = state { page.clone() } else { None } },
            Fact::Cart => self.cart_becomes(state, does, all),
            Fact::Events(name) => Becomes::Events { name: name.clone(), times: more(state) },
            Fact::Visits => Becomes::Visits { more: more(state) },
            Fact::Consent => Becomes::Audience(Audience::Consent(text(state).unwrap_or_default())),
            Fact::Country => Becomes::Audience(Audience::Country(text(state))),
            Fact::Language => Becomes::Audience(Audience::Language(text(state))),
            Fact::Device => {
                let device = text(state).and_then(|name| {
                    [Device::Phone, Device::Tablet, Device::Desktop].into_iter().find(|one| one.name() == name)
                });
                Becomes::Audience(Audience::Device(device))
            }
            Fact::Channel => {
                let channel = text(state).and_then(|name| CHANNELS.into_iter().find(|one| one.name() == name));
                Becomes::Audience(Audience::Channel(channel))
            }
            Fact::Slot(slot) => Becomes::Slot { slot: slot.clone() },
            Fact::Pool(pool) => Becomes::PoolFilled { pool: pool.clone() },
            Fact::Offer(offer) => Becomes::OfferAbsent { offer: offer.clone() },
        }
    }

    fn cart_becomes(&self, state: &State, does: impl Fn(&State) -> bool, all: &[State]) -> Becomes {
        let (pieces, worth) = if let State::Cart(pieces, worth) = state { (*pieces, *worth) } else { (0, None) };
        let carts =
            || all.iter().filter_map(|one| if let State::Cart(one, other) = one { Some((*one, *other)) } else { None });
        let cart = self.evaluation.cart;
        let quantity = (pieces != cart.quantity).then(|| {
            let all = carts().filter(|(_, other)| *other == worth).map(|(one, _)| one).collect();
            let range = around(pieces, all, |one| does(&State::Cart(one, worth)));
            // What is worth something has a piece, and what was worth something and no longer is has none.
            Range {
                at_least: range.at_least.or(worth.map(|_| 1)),
                at_most: range.at_most.or((worth.is_none() && cart.value.is_some()).then_some(0)),
            }
        });
        let value = worth.filter(|worth| Some(*worth) != cart.value.map(|value| value.minor)).map(|worth| {
            let all = carts().filter(|(one, _)| *one == pieces).filter_map(|(_, other)| other).collect();
            let range = around(worth, all, |one| does(&State::Cart(pieces, Some(one))));
            range.map(|minor| Money { minor, currency: self.model.currency })
        });
        Becomes::Cart { quantity, value }
    }
}

/// The numbers around one that do as well. Between two that are next to each other here nothing changes, and beyond the last
/// neither.
fn around(number: i64, mut all: Vec<i64>, does: impl Fn(i64) -> bool) -> Range<i64> {
    all.sort_unstable();
    all.dedup();
    let place = all.partition_point(|one| *one < number);
    let (below, above) = all.split_at(place);
    let end = |failing: Option<usize>, numbers: &[&i64]| {
        let failing = failing?;
        Some(failing.checked_sub(1).and_then(|last| numbers.get(last)).map_or(number, |last| **last))
    };
    let downwards: Vec<&i64> = below.iter().rev().collect();
    let upwards: Vec<&i64> = above.iter().filter(|one| **one > number).collect();
    Range {
        at_least: end(downwards.iter().position(|one| !does(**one)), &downwards),
        at_most: end(upwards.iter().position(|one| !does(**one)), &upwards),
    }
}

const fn more(state: &State) -> u32 {
    if let State::More(more) = state { *more } else { 1 }
}

/// The facts as they are, but for one.
struct WhatIf<'s, 'a> {
    scene: &'s Scene<'a>,
    known: LeadFacts<'a>,
    fact: &'s Fact,
    state: &'s State,
}

impl WhatIf<'_, '_> {
    fn page(&self) -> Option<&PageFacts> {
        match (self.fact, self.state) {
            (Fact::Page, State::Page(page)) => page.as_ref(),
            _ => self.scene.moment.page.as_ref(),
        }
    }

    fn counted(&self, field: &Field, more: u32) -> Option<Value<'_>> {
        let evaluation = self.scene.evaluation;
        if let Field::VisitDays(span) = field {
            let mut begun = evaluation.visits_begun.clone();
            begun.push(evaluation.at);
            let since = evaluation.at.minus(*span);
            return Some(Value::Number(days_begun(&begun, since, &self.scene.model.offsets)));
        }
        match self.known.value(field) {
            Some(Value::Number(held)) => Some(Value::Number(held.saturating_add(i64::from(more)))),
            other => other,
        }
    }

    fn days_until(&self, day: Option<&Scalar>) -> Option<Value<'_>> {
        let day = calendar::day_number(day?.text()?)?;
        let today = calendar::local_day(self.scene.evaluation.at, &self.scene.model.offsets);
        Some(Value::Number(day.saturating_sub(today)))
    }
}

impl Facts for WhatIf<'_, '_> {
    fn value(&self, field: &Field) -> Option<Value<'_>> {
        match (self.state, field) {
            (State::Number(number), _) => Some(Value::Number(*number)),
            (State::Scalar(value), Field::DaysUntil(_)) => self.days_until(value.as_ref()),
            (State::Scalar(value), _) => value.as_ref().map(Value::from),
            (State::Cart(pieces, _), Field::CartQuantity) => Some(Value::Number(*pieces)),
            (State::Cart(_, worth), _) => worth.map(Value::Number),
            (State::More(more), _) => self.counted(field, *more),
            (State::Page(_), Field::PagePath) => self.page().map(|page| Value::Text(&page.path)),
            (State::Page(_), _) => self.page().map(|page| Value::Text(&page.host)),
            (State::Otherwise | State::Happen(_), _) => self.known.value(field),
        }
    }

    fn any_of(&self, field: &Field, visit: &mut dyn FnMut(&str) -> bool) -> bool {
        match (self.fact, field) {
            (Fact::Page, Field::PageTag) => any_tag(&self.scene.model.page_tags, self.page(), visit),
            _ => self.known.any_of(field, visit),
        }
    }

    fn has(&self, field: &Field, wanted: &str) -> bool {
        match (self.fact, field) {
            (Fact::Label(_), Field::Label) => !self.known.has(field, wanted),
            _ => self.any_of(field, &mut |text| text == wanted),
        }
    }

    fn history(&self) -> History<'_> {
        self.known.history()
    }

    fn step<'t>(&'t self, touch: &'t Touch) -> TouchFacts<'t> {
        TouchFacts::of(touch, &self.scene.model.page_tags, self.scene.model.currency)
    }
}
