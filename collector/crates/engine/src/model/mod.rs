//! The model: what a marketer writes, checked and compiled.

pub mod budget;
pub mod cost;
mod coupon_parse;
pub mod economics;
pub mod error;
pub mod experiment;
mod index;
pub mod labels;
mod limit_parse;
mod misspelt;
pub mod notice;
mod offer_parse;
pub mod offers;
mod parse;
mod place;
mod possible;
mod price_note;
mod reach;
mod reader;
mod rule_parse;
pub mod rules;
mod shadows;
pub mod stages;
pub mod touch_kinds;
mod trigger;
pub mod warnings;

use std::sync::Arc;

use crate::calendar;
use crate::money::Currency;
use crate::time::{Millis, Span};
use crate::tree::Tree;

pub use budget::Budget;
pub use cost::{CouponCost, Share};
pub use economics::Economics;
pub use error::ModelError;
pub use experiment::{DEFAULT, Experiment, HOLDOUT, Shares, Variant, VariantName};
pub(crate) use index::{Concern, EventIndex};
pub use labels::{LabelRule, PageTags};
pub use notice::{BrowserOnly, Notice, Via};
pub(crate) use offers::Ranking;
pub use offers::{
    Coupon, CouponCode, CouponPrefix, Frequency, LocalisedContent, Offer, OfferContent, OfferPolicy, PoolName, Reveal,
    SignedCoupon, Slot, unambiguous,
};
pub(crate) use rules::least_trust;
pub use rules::{Basis, BrowserCap, Effect, Group, Keep, Per, Rule, RuleId, Score, StateRule, TouchRule};
pub(crate) use stages::staying;
pub use stages::{Bounds, Segment, Stage, StageIndex, Stages, Threshold, follow};
pub use touch_kinds::TouchKind;
pub use trigger::{Selector, Trigger};
pub use warnings::{ModelWarning, warnings};

/// What a model needs to know about the site that it is compiled for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteFacts {
    /// Amounts in conditions are in this currency, and only touches in it have a value.
    pub currency: Currency,
    /// The site's time zone: from each instant on, how many seconds local time is ahead of UTC; ascending. Empty is UTC.
    /// The engine holds no zone data: whoever compiles the model expands the zone into this table.
    pub offsets: Vec<(Millis, i32)>,
}

/// A compiled model: rules, stages, labels and offers. Immutable; everything in it was checked.
#[derive(Debug, Clone)]
pub struct Model {
    /// Counted by whoever edits the model; what was announced under it carries this number.
    pub version: u32,
    /// As people call it.
    pub name: String,
    /// The currency that it was compiled for.
    pub currency: Currency,
    /// The site's time zone, as in [`SiteFacts`].
    pub offsets: Vec<(Millis, i32)>,
    /// How fast points cool where a rule says nothing; `None`: they do not.
    pub half_life: Option<Span>,
    /// In the order of the file, the one that makes the stage first; never empty.
    pub scores: Vec<Score>,
    /// In the order of the file.
    pub groups: Vec<Group>,
    /// In the order of the file.
    pub stages: Stages,
    /// In the order of the file.
    pub rules: Vec<Rule>,
    /// The most that browser events alone may give.
    pub browser_cap: Option<BrowserCap>,
    /// What becomes of messages about leads of whom nothing but browsers has told.
    pub browser_only: BrowserOnly,
    /// Tags of paths.
    pub page_tags: PageTags,
    /// In the order of the file.
    pub labels: Vec<LabelRule>,
    /// In the order of the file.
    pub touch_kinds: Vec<TouchKind>,
    /// In the order of the file.
    pub offers: Vec<Offer>,
    /// What holds for all offers.
    pub offers_policy: OfferPolicy,
    /// What orders are worth to the shop.
    pub economics: Economics,
    /// Which offers compete for a slot.
    pub(crate) ranking: Ranking,
    /// Which rules and labels an event name can concern.
    pub(crate) index: EventIndex,
    /// Titles of the rules, by place, as every evaluation shares them.
    pub(crate) titles: Arc<[Arc<str>]>,
    /// Thresholds of everybody for whom no segment holds.
    pub(crate) bounds: Vec<Bounds>,
    /// Whether any stage has segments.
    pub(crate) has_segments: bool,
    /// What visitors whose touches do not say so have consented to.
    pub(crate) assumed_consent: Arc<str>,
}

impl Model {
    /// Reads and checks a model.
    ///
    /// # Errors
    /// Every fault of the text at once, in the order of the file, each with path, line, what was found and is allowed.
    pub fn parse(text: &str, site: &SiteFacts) -> Result<Self, Vec<ModelError>> {
        parse::model(text, site)
    }

    /// The same from a tree, such as one that came as JSON.
    ///
    /// # Errors
    /// As [`Model::parse`]; lines are known only where the tree has them.
    pub fn from_tree(tree: &Tree, site: &SiteFacts) -> Result<Self, Vec<ModelError>> {
        parse::from_tree(tree, site)
    }

    /// The offer with this id.
    #[must_use]
    pub fn offer(&self, id: &str) -> Option<&Offer> {
        self.offers.iter().find(|offer| offer.id.as_str() == id)
    }

    /// The day of the site's zone that an instant lies in, counted from 1970-01-01.
    #[must_use]
    pub fn day_of(&self, at: Millis) -> i64 {
        calendar::local_day(at, &self.offsets)
    }

    /// When a day of the site's zone is over; `None` beyond every calendar.
    #[must_use]
    pub fn day_ends(&self, day: i64) -> Option<Millis> {
        calendar::local_midnight(day.checked_add(1)?, &self.offsets)
    }

    /// Whether anything is limited within a visit.
    pub(crate) fn limits_visits(&self) -> bool {
        self.offers_policy.per_session.is_some()
            || self.offers.iter().any(|offer| offer.frequency.per_session.is_some())
    }

    /// Rules whose states are told of when they begin to hold, with their places.
    pub fn notices(&self) -> impl Iterator<Item = (usize, &Notice)> {
        let states = self.index.states.iter().map(|number| *number as usize);
        states.filter_map(|number| Some((number, self.rules.get(number)?.notice()?)))
    }

    /// The rule with this id.
    #[must_use]
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id.as_str() == id)
    }
}
