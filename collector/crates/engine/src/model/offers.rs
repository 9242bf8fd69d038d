//! Offers: what can be shown to a visitor, to whom, where, how often, with which words.

use std::cmp::Reverse;

use super::trigger::Trigger;
use super::{Budget, CouponCost, Experiment, Share};
use crate::condition::Condition;
use crate::text::{identifier, is_id_byte};
use crate::time::{Millis, Span};
use crate::touch::{EventName, OfferId};

identifier!(
    /// A place that a page can fill: `popup`, `bar`, `slide-in`, or the name of an inline one.
    Slot, "slot", 1..=64, is_id_byte, "1 to 64 of a-z A-Z 0-9 _ . -"
);

identifier!(
    /// A pool of codes that the site's configuration brings, each for one visitor.
    PoolName, "pool", 1..=64, is_id_byte, "1 to 64 of a-z A-Z 0-9 _ . -"
);

identifier!(
    /// What the signed codes of an offer begin with, so that a till knows which offer they are of.
    CouponPrefix, "prefix of a code", 1..=12,
    |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit(),
    "1 to 12 of A-Z 0-9"
);

impl CouponPrefix {
    /// The prefix as codes are compared: letters that are read as digits are those digits.
    #[must_use]
    pub fn unambiguous(&self) -> String {
        self.as_str().chars().map(unambiguous).collect()
    }
}

/// What a character of a code is read as: a capital letter or a digit, `O` as 0, `I` and `L` as 1, as Crockford's base 32 has it.
#[must_use]
pub const fn unambiguous(character: char) -> char {
    match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    }
}

impl Slot {
    /// The slots that lie over the page rather than in it. Every page has them.
    pub const OVER_THE_PAGE: [&'static str; 3] = ["popup", "bar", "slide-in"];

    /// Whether this slot is one of [`Self::OVER_THE_PAGE`].
    #[must_use]
    pub fn interrupts(&self) -> bool {
        Self::OVER_THE_PAGE.contains(&self.as_str())
    }
}

/// When a code is shown to the visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reveal {
    /// With the offer itself.
    Shown,
    /// Once the visitor has reached the offer's goal.
    Goal,
}

/// Which code a visitor gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CouponCode {
    /// This one, as the visitor types it, at most 64 bytes.
    Known(String),
    /// One of a pool, that nobody else has. Which one is not for the engine to say.
    OneOf(PoolName),
    /// One of the visitor's own that whoever has the key can verify. The engine has no key, so it does not make it.
    Signed(SignedCoupon),
}

/// What signed codes of an offer are made of, beside the visitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCoupon {
    /// What they begin with; of one offer only.
    pub prefix: CouponPrefix,
    /// For how many days one is good after the day on which it was granted, 1 to 3,650.
    pub valid_days: u16,
}

impl CouponCode {
    /// The code, where it is known.
    #[must_use]
    pub fn known(&self) -> Option<&str> {
        match self {
            Self::Known(code) => Some(code),
            Self::OneOf(_) | Self::Signed(_) => None,
        }
    }

    /// The pool that it is still to come from.
    #[must_use]
    pub const fn pool(&self) -> Option<&PoolName> {
        match self {
            Self::Known(_) | Self::Signed(_) => None,
            Self::OneOf(pool) => Some(pool),
        }
    }

    /// What it is to be made of, where it is a signed one.
    #[must_use]
    pub const fn signed(&self) -> Option<&SignedCoupon> {
        match self {
            Self::Signed(coupon) => Some(coupon),
            Self::Known(_) | Self::OneOf(_) => None,
        }
    }
}

/// The discount code of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coupon {
    /// The same for everybody, one of a pool, or a signed one.
    pub code: CouponCode,
    /// When it is shown.
    pub reveal: Reveal,
    /// What one that is used costs the shop; `None`: the model does not say.
    pub cost: Option<CouponCost>,
}

/// The words of an offer in one language. Plain text: the page never reads it as HTML.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfferContent {
    /// The heading.
    pub title: String,
    /// The body.
    pub text: String,
    /// The words on the button.
    pub button: Option<String>,
    /// The words that close it.
    pub decline: Option<String>,
    /// What stands in the empty field.
    pub placeholder: Option<String>,
    /// The heading once the goal is reached.
    pub success_title: Option<String>,
    /// The body once the goal is reached.
    pub success_text: Option<String>,
    /// Where the button leads: a path of the shop, or an `https://` address.
    pub link: Option<String>,
    /// Conditions of the discount, sender, how to unsubscribe.
    pub disclosure: Option<String>,
}

/// The words of an offer in every language that it has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalisedContent {
    /// What the visitor is asked for; `email` is the only one so far.
    pub field: Option<String>,
    /// By language (`nl`, `en`), as the file lists them; the fallback first. Never empty in a compiled model.
    pub languages: Vec<(String, OfferContent)>,
}

impl LocalisedContent {
    /// The words for a language (`nl`, `nl-BE`): that of the same primary tag, else the fallback.
    #[must_use]
    pub fn pick(&self, language: Option<&str>) -> Option<&OfferContent> {
        let primary = language.and_then(|tag| tag.split(['-', '_']).next()).unwrap_or_default();
        let found = self.languages.iter().find(|(held, _)| held.eq_ignore_ascii_case(primary));
        found.or_else(|| self.languages.first()).map(|(_, content)| content)
    }
}

/// How often an offer may be shown to one visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frequency {
    /// At most so many times; `None`: no limit.
    pub per_visitor: Option<u32>,
    /// At most so many times in one visit; `None`: no limit.
    pub per_session: Option<u32>,
    /// The least time between two impressions of it; `None`: none.
    pub every: Option<Span>,
    /// Not again once its goal was reached through it.
    pub not_after_goal: bool,
    /// How long it stays away after it was closed; `None`: it need not.
    pub after_dismissal: Option<Span>,
}

impl Default for Frequency {
    fn default() -> Self {
        Self { per_visitor: Some(1), per_session: None, every: None, not_after_goal: true, after_dismissal: None }
    }
}

/// One offer.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Unique in the model.
    pub id: OfferId,
    /// The place it fills.
    pub slot: Slot,
    /// The highest in a slot wins; of equals the one whose id comes first.
    pub priority: i64,
    /// To whom and when.
    pub when: Condition,
    /// Its first instant; `None`: always was.
    pub from: Option<Millis>,
    /// The first instant at which it is over; `None`: never.
    pub until: Option<Millis>,
    /// Its words.
    pub content: LocalisedContent,
    /// When the page shows it.
    pub trigger: Trigger,
    /// The event that it is meant to bring about.
    pub goal: Option<EventName>,
    /// The code that comes with it.
    pub coupon: Option<Coupon>,
    /// Whether its price is this visitor's own by an automated decision; its small print says so then.
    pub price_personalised: bool,
    /// How often it may be shown to one visitor.
    pub frequency: Frequency,
    /// How often it may be shown, and what its codes may cost, whoever sees it.
    pub budget: Budget,
    /// How its visitors are divided.
    pub experiment: Experiment,
}

/// What holds for all offers together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OfferPolicy {
    /// The least time between two offers that interrupt ([`Slot::interrupts`]) to one visitor; `None`: none.
    pub min_gap: Option<Span>,
    /// The most offers that interrupt in one visit; `None`: no limit.
    pub per_session: Option<u32>,
    /// The most offers that interrupt in one day of the site's zone, to one visitor; `None`: no limit.
    pub per_visitor_per_day: Option<u32>,
    /// How long nothing interrupts somebody who closed an offer that did: after the second in a row twice as long, then four
    /// times, up to 64 times, until they follow one. `None`: whatever was closed is no reason.
    pub after_dismissal: Option<Span>,
    /// What there is of all offers together.
    pub budget: Budget,
    /// The share of each offer's visitors that is shown nothing, where the offer does not say; `None`: 5 %.
    pub holdout: Option<Share>,
}

/// Which offers compete for a slot, the one that wins of those that may be shown first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ranking(Vec<(Slot, Vec<usize>)>);

impl Ranking {
    /// By priority, highest first; of equals by id.
    pub(crate) fn of(offers: &[Offer]) -> Self {
        let mut slots: Vec<(Slot, Vec<usize>)> = Vec::new();
        let mut ranked: Vec<(usize, &Offer)> = offers.iter().enumerate().collect();
        ranked.sort_by_key(|(_, offer)| (Reverse(offer.priority), &offer.id));
        for (place, offer) in ranked {
            match slots.iter_mut().find(|(slot, _)| *slot == offer.slot) {
                Some((_, places)) => places.push(place),
                None => slots.push((offer.slot.clone(), vec![place])),
            }
        }
        Self(slots)
    }

    /// Places in the model of the offers of a slot.
    pub(crate) fn of_slot(&self, slot: &Slot) -> &[usize] {
        self.0.iter().find(|(held, _)| held == slot).map_or(&[], |(_, places)| places)
    }
}
