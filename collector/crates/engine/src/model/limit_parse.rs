//! From the text of a model to how often offers are shown and what they may cost: `frequency`, `offers_policy`, budgets.

use super::cost::amount;
use super::experiment::holdout;
use super::parse::span;
use super::reader::{Faults, Table, boolean, integer};
use super::{Budget, Coupon, Frequency, OfferPolicy};
use crate::money::Currency;
use crate::tree::{Node, Tree};

const POLICY: [&str; 6] = ["min_gap", "per_session", "per_visitor_per_day", "after_dismissal", "budget", "holdout"];
const FREQUENCY: [&str; 5] = ["per_visitor", "per_session", "every", "not_after_goal", "after_dismissal"];
const BUDGET: [&str; 4] = ["total", "per_day", "money_total", "money_per_day"];
const TIMES: &str = "a whole number from 1 to 1000";
const NUMBER: &str = "a whole number from 1 to 1000000000";
const AMOUNT: &str = "an amount above 0 in the site's currency, such as \"500.00\"";
/// The most times that a budget may have.
const MOST: u64 = 1_000_000_000;

/// `[offers_policy]`.
pub(super) fn policy(top: &Table<'_>, currency: Currency, faults: &mut Faults) -> OfferPolicy {
    let Some(policy) = top.table("offers_policy", &POLICY, faults) else { return OfferPolicy::default() };
    OfferPolicy {
        min_gap: span(&policy, "min_gap", faults),
        per_session: policy.optional("per_session", TIMES, faults, times),
        per_visitor_per_day: policy.optional("per_visitor_per_day", TIMES, faults, times),
        after_dismissal: span(&policy, "after_dismissal", faults),
        budget: budget(&policy, currency, faults),
        holdout: holdout(&policy, faults),
    }
}

/// `frequency` of an offer.
pub(super) fn frequency(offer: &Table<'_>, faults: &mut Faults) -> Frequency {
    let Some(frequency) = offer.table("frequency", &FREQUENCY, faults) else { return Frequency::default() };
    let allowed = format!("{TIMES}, or \"unlimited\"");
    let per_visitor = frequency.optional("per_visitor", &allowed, faults, |tree| match &tree.node {
        Node::Text(text) if text == "unlimited" => Some(None),
        _ => times(tree).map(Some),
    });
    let not_after_goal = frequency.optional("not_after_goal", "true or false", faults, boolean);
    Frequency {
        per_visitor: per_visitor.unwrap_or(Some(1)),
        per_session: frequency.optional("per_session", TIMES, faults, times),
        every: span(&frequency, "every", faults),
        not_after_goal: not_after_goal.unwrap_or(true),
        after_dismissal: span(&frequency, "after_dismissal", faults),
    }
}

/// `budget` of an offer, or of all of them.
pub(super) fn budget(table: &Table<'_>, currency: Currency, faults: &mut Faults) -> Budget {
    let Some(budget) = table.table("budget", &BUDGET, faults) else { return Budget::default() };
    let number = |tree: &Tree| u64::try_from(integer(tree)?).ok().filter(|number| (1..=MOST).contains(number));
    let money = |tree: &Tree| u64::try_from(amount(tree, currency)?).ok().filter(|minor| *minor > 0);
    Budget {
        total: budget.optional("total", NUMBER, faults, number),
        per_day: budget.optional("per_day", NUMBER, faults, number),
        money_total: budget.optional("money_total", AMOUNT, faults, money),
        money_per_day: budget.optional("money_per_day", AMOUNT, faults, money),
    }
}

/// Notes where money is to be counted and nobody says how much: of an offer with this budget and coupon. `all`: whether the
/// codes of every offer count.
pub(super) fn check_costs(offer: &Table<'_>, budget: Budget, coupon: Option<&Coupon>, all: bool, faults: &mut Faults) {
    let Some(coupon) = coupon else {
        if offer.get("coupon").is_none() && budget.counts_money() {
            let found = "a budget of money, and no coupon";
            faults.add(&offer.inner("budget"), offer.line, found, "total and per_day: only a code costs money");
        }
        return;
    };
    if !(all || budget.counts_money()) || coupon.cost.is_some_and(|cost| cost.most().is_some()) {
        return;
    }
    let path = offer.inner("coupon");
    let line = offer.get("coupon").and_then(|tree| tree.line);
    match coupon.cost {
        None => {
            faults.add(&format!("{path}.cost"), line, "nothing", "what a used code costs: a budget of money counts it")
        }
        Some(_) => faults.add(
            &format!("{path}.at_most"),
            line,
            "nothing",
            "the most that a used code costs: a budget of money counts it",
        ),
    }
}

fn times(tree: &Tree) -> Option<u32> {
    u32::try_from(integer(tree)?).ok().filter(|times| (1..=1_000).contains(times))
}
