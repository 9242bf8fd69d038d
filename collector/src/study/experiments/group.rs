//! One group of visitors: those who met one variant, or nothing.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::statistics::{Difference, Sample};
use super::Verdict;

/// What one visitor did within the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Whether they reached the goal, by whatever way.
    pub(super) goal: bool,
    /// Whether they reached it through the offer.
    pub(super) through_offer: bool,
    /// Orders that the shop's server told of.
    pub(super) orders: u32,
    /// What those came to, minor units.
    pub(super) revenue: i64,
    /// What the codes cost that were used for them.
    pub(super) cost: i64,
    /// What is left of it.
    pub(super) margin: Option<i64>,
}

/// What the visitors of a group did, added up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Group {
    exposed: u64,
    through_offer: u64,
    orders: u64,
    totals: [i64; 3],
    goals: Sample,
    buyers: Sample,
    revenue: Sample,
    margin: Sample,
}

impl Group {
    /// Somebody who met the variant; `outcome`: what they did, once their time is up.
    pub(super) fn add(&mut self, outcome: Option<&Outcome>) {
        self.exposed += 1;
        let Some(outcome) = outcome else { return };
        self.through_offer += u64::from(outcome.through_offer);
        self.orders += u64::from(outcome.orders);
        let money = [outcome.revenue, outcome.cost, outcome.margin.unwrap_or_default()];
        for (total, minor) in self.totals.iter_mut().zip(money) {
            *total = total.saturating_add(minor);
        }
        self.goals.add(f64::from(u8::from(outcome.goal)));
        self.buyers.add(f64::from(u8::from(outcome.orders > 0)));
        self.revenue.add(minor_units(outcome.revenue));
        self.margin.add(minor_units(outcome.margin.unwrap_or_default()));
    }

    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        let mut totals = self.totals;
        for (total, more) in totals.iter_mut().zip(other.totals) {
            *total = total.saturating_add(more);
        }
        Self {
            exposed: self.exposed + other.exposed,
            through_offer: self.through_offer + other.through_offer,
            orders: self.orders + other.orders,
            totals,
            goals: self.goals.and(other.goals),
            buyers: self.buyers.and(other.buyers),
            revenue: self.revenue.and(other.revenue),
            margin: self.margin.and(other.margin),
        }
    }

    pub(super) const fn exposed(&self) -> u64 {
        self.exposed
    }

    /// What decides: the margin of each visitor, else the revenue.
    pub(super) const fn deciding(&self, by_margin: bool) -> &Sample {
        if by_margin { &self.margin } else { &self.revenue }
    }

    /// The group as it is told.
    pub(super) fn row(&self, variant: &str, share: Option<u16>, has_margin: bool) -> GroupRow {
        let [revenue, cost, margin] = self.totals;
        GroupRow {
            variant: variant.to_owned(),
            share,
            exposed: self.exposed,
            settled: self.goals.visitors(),
            goals: self.goals.other_than_nothing(),
            through_offer: self.through_offer,
            buyers: self.buyers.other_than_nothing(),
            orders: self.orders,
            revenue,
            cost,
            margin: has_margin.then_some(margin),
            against_holdout: None,
            verdict: None,
        }
    }

    /// How it did beside those who saw nothing.
    pub(super) fn against(&self, holdout: &Self, has_margin: bool, error: f64) -> Comparison {
        Comparison {
            goals: Difference::of_rates(&self.goals, &holdout.goals, error),
            buyers: Difference::of_rates(&self.buyers, &holdout.buyers, error),
            revenue: Difference::of_means(&self.revenue, &holdout.revenue, error),
            margin: has_margin.then(|| Difference::of_means(&self.margin, &holdout.margin, error)).flatten(),
        }
    }
}

/// Exact up to 2^53: ninety thousand billion euro.
#[expect(clippy::cast_precision_loss, reason = "amounts of one visitor lie far below 2^53 minor units")]
const fn minor_units(minor: i64) -> f64 {
    minor as f64
}

/// One group of visitors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GroupRow {
    /// The variant; `holdout`: those who were shown nothing; `shown`: all others together.
    pub variant: String,
    /// The part of 10,000 that it is given; `None`: of several together.
    pub share: Option<u16>,
    /// Visitors who met it in the period.
    pub exposed: u64,
    /// Of those, visitors whose time is up: all that follows is about them.
    pub settled: u64,
    /// Visitors who reached the goal in time, by whatever way.
    pub goals: u64,
    /// Visitors who reached it through the offer.
    pub through_offer: u64,
    /// Visitors with an order that the shop's server told of.
    pub buyers: u64,
    /// Those orders.
    pub orders: u64,
    /// What they came to, without tax and shipping where they say so, less what went back; minor units.
    pub revenue: i64,
    /// What the codes of this offer cost that were used for them; minor units.
    pub cost: i64,
    /// What is left once what was sold and those codes are paid for; minor units. `None`: the model names no margin.
    pub margin: Option<i64>,
    /// Beside the holdout; `None` of the holdout itself, and where there is none.
    pub against_holdout: Option<Comparison>,
    /// What is to be said of it beside the holdout: with a part of the error, where several are compared; `None` of the holdout.
    pub verdict: Option<Verdict>,
}

/// One group less the holdout, per visitor. Rates are shares of one; money is in minor units. `None` where there are too few
/// visitors to say anything, or nobody of both came to anything.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Comparison {
    /// Of visitors who reach the goal.
    pub goals: Option<Difference>,
    /// Of visitors who buy.
    pub buyers: Option<Difference>,
    /// Of revenue.
    pub revenue: Option<Difference>,
    /// Of margin; `None` also where the model names no margin.
    pub margin: Option<Difference>,
}
