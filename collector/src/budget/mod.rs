//! Budgets: how often offers are shown and what their codes cost, whoever sees them and whichever collectors answer.
//!
//! ```text
//! a decision ─ asking ─► a part held in the store ─► our own touch (log) ─► answer
//!                 └─ none left ─► the next offer            │
//!                                     apply: shown, granted ─► spent for good; neither in time ─► there again
//! ```
//!
//! A budget is a counted resource of the store. What holds a part of it is named in the touch that took it
//! ([`HOLDER_PROPERTY`], [`DAY_PROPERTY`], [`COST_PROPERTY`]), so that applying the log on an empty store brings back what is
//! held and what is spent.

pub(crate) mod asking;
pub mod spent;

use engine::decide::RESERVATION;
use engine::model::{Budget, Offer};
use engine::{DecisionId, Millis, Model, Money, OfferId, Properties, PropertyName, Scalar, Span, Text};
use store::{Holder, LeadKey, ResourceName, SiteName};

use crate::coupon::pool::{digest, hexadecimal};

/// The property of a touch of ours that names who holds what it took from budgets: 32 hexadecimal digits.
pub const HOLDER_PROPERTY: &str = "budget_holder";
/// The day of the site's zone that it was taken on, counted from 1970-01-01.
pub const DAY_PROPERTY: &str = "budget_day";
/// What a code counts for in budgets of money, in minor units of the site's currency.
pub const COST_PROPERTY: &str = "budget_cost";

/// How long an offer that was chosen holds its place: as long as its reservation, and a moment for the page to say that it was
/// shown.
pub const HELD_FOR: Span = Span(RESERVATION.0 + Span::minutes(5).0);
/// How long money stays set aside for a code that was given; until it is, for as long as a place ([`HELD_FOR`]). What grants it
/// may wait in a log for as long as a collector is down; longer costs only that money comes back later where one died between
/// the store and its log.
pub const MONEY_HELD_FOR: Span = Span::days(7);

/// What is taken from a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One time that an offer is shown.
    Time,
    /// What a code costs at most, in minor units.
    Money(u64),
}

/// One bound of a budget, for something to be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) resource: ResourceName,
    /// What is taken.
    pub(crate) kind: Kind,
    /// How much there is, as the model has it now.
    pub(crate) limit: u64,
    /// Whether all offers of the site share it.
    pub(crate) of_all: bool,
    /// Its key in the model, and its value.
    pub(crate) words: String,
    /// When there is all of it again; `None`: never.
    pub(crate) until: Option<Millis>,
}

impl Bound {
    /// How much is taken.
    pub(crate) const fn amount(&self) -> u64 {
        match self.kind {
            Kind::Time => 1,
            Kind::Money(cost) => cost,
        }
    }
}

/// The bounds that taking something of an offer on a day falls under, as the model has them now.
pub(crate) fn bounds(
    site: &SiteName,
    model: &Model,
    offer: Option<&Offer>,
    id: &OfferId,
    kind: Kind,
    day: i64,
) -> Vec<Bound> {
    let own = offer.map(|offer| (offer.budget, Some(id), "budget"));
    let all = (model.offers_policy.budget, None, "offers_policy.budget");
    let mut bounds = Vec::new();
    for (budget, id, key) in own.into_iter().chain([all]) {
        let (in_all, a_day) = limits(budget, kind);
        for (limit, day, name) in [(in_all, None, "total"), (a_day, Some(day), "per_day")] {
            let Some(limit) = limit else { continue };
            // A name of letters, digits and slashes always parses.
            let Ok(resource) = resource(site, id, kind, day) else { continue };
            let (prefix, value) = match kind {
                Kind::Time => ("", limit.to_string()),
                Kind::Money(_) => ("money_", money(model, limit)),
            };
            let until = day.and_then(|day| model.day_ends(day));
            bounds.push(Bound {
                resource,
                kind,
                limit,
                of_all: id.is_none(),
                words: format!("{key}.{prefix}{name} = {value}"),
                until,
            });
        }
    }
    bounds
}

fn limits(budget: Budget, kind: Kind) -> (Option<u64>, Option<u64>) {
    match kind {
        Kind::Time => (budget.total, budget.per_day),
        Kind::Money(_) => (budget.money_total, budget.money_per_day),
    }
}

fn money(model: &Model, minor: u64) -> String {
    Money { minor: i64::try_from(minor).unwrap_or(i64::MAX), currency: model.currency }.to_string()
}

/// By digest: an id of an offer may be longer than a name has room for beside the site.
fn resource(
    site: &SiteName,
    offer: Option<&OfferId>,
    kind: Kind,
    day: Option<i64>,
) -> Result<ResourceName, store::Unparsable> {
    let kind: &[u8] = match kind {
        Kind::Time => b"times",
        Kind::Money(_) => b"money",
    };
    let day = day.map_or_else(Vec::new, |day| day.to_be_bytes().to_vec());
    let digest = digest(&[kind, offer.map_or("", OfferId::as_str).as_bytes(), &day]);
    ResourceName::parse(&format!("budget/{}/{}", site.as_str(), hexadecimal(&digest)))
}

/// Who holds one time that an offer is shown to a visitor for the `number`th time, from 0: whoever asks on the next page has the
/// place that they had. A digest, so that an erasure leaves no id behind.
pub(crate) fn holder_of_time(key: &LeadKey, offer: &OfferId, number: usize) -> Holder {
    let number = (number as u64).to_be_bytes();
    Holder(digest(&[
        b"shown",
        key.site.as_str().as_bytes(),
        key.visitor.as_bytes(),
        offer.as_str().as_bytes(),
        &number,
    ]))
}

/// Who holds what a visitor's code of an offer costs: they have one.
pub(crate) fn holder_of_money(key: &LeadKey, offer: &OfferId) -> Holder {
    Holder(digest(&[b"granted", key.site.as_str().as_bytes(), key.visitor.as_bytes(), offer.as_str().as_bytes()]))
}

/// Who holds what was shown by another decision that had the same place: in two tabs, say. It was shown twice.
pub(crate) fn holder_beside(holder: Holder, decision: &DecisionId) -> Holder {
    Holder(digest(&[b"beside", &holder.0, decision.as_str().as_bytes()]))
}

/// What was taken from budgets for one touch of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) holder: Holder,
    pub(crate) day: i64,
    pub(crate) kind: Kind,
}

impl Part {
    /// As the touch has it.
    pub(crate) fn properties(self) -> impl Iterator<Item = (PropertyName, Scalar)> {
        let holder = Scalar::Text(Text::cut(&hexadecimal(&self.holder.0)));
        let cost = match self.kind {
            Kind::Time => None,
            Kind::Money(cost) => Some((COST_PROPERTY, Scalar::Integer(i64::try_from(cost).unwrap_or(i64::MAX)))),
        };
        let properties = [(HOLDER_PROPERTY, holder), (DAY_PROPERTY, Scalar::Integer(self.day))];
        properties.into_iter().chain(cost).map(|(name, value)| (PropertyName::cut(name), value))
    }

    /// What a touch took; `None`: nothing.
    pub(crate) fn of(properties: &Properties) -> Option<Self> {
        let holder = holder(properties.get(HOLDER_PROPERTY)?.text()?)?;
        let integer = |name| match properties.get(name) {
            Some(Scalar::Integer(number)) => Some(*number),
            _ => None,
        };
        let kind = match integer(COST_PROPERTY) {
            None => Kind::Time,
            Some(cost) => Kind::Money(u64::try_from(cost).ok()?),
        };
        Some(Self { holder, day: integer(DAY_PROPERTY)?, kind })
    }
}

fn holder(text: &str) -> Option<Holder> {
    let mut bytes = [0; 16];
    if text.len() != 2 * bytes.len() || !text.is_ascii() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(Holder(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_reads_back_from_its_touch() {
        for kind in [Kind::Time, Kind::Money(0), Kind::Money(750)] {
            let part =
                Part { holder: Holder([7, 1, 255, 0, 16, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]), day: 20_780, kind };
            assert_eq!(Part::of(&part.properties().collect()), Some(part));
        }
        assert_eq!(Part::of(&Properties::default()), None);
    }
}
