//! What an order is worth to the shop: revenue without what is passed on, and what is left of it.

use engine::model::{CouponCost, Economics, Share};
use engine::{Money, Scalar, Touch};

/// One order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Worth {
    /// What was paid, without tax and shipping where the order says so, less what went back. Minor units.
    pub(super) revenue: i64,
    /// What the code cost that was used for it.
    pub(super) cost: i64,
    /// What is left once what was sold and the discount are paid for; `None`: the model names no margin.
    pub(super) margin: Option<i64>,
}

impl Worth {
    /// That of an order that was told with this value, of which so much went back. `code`: what a code costs that was used.
    pub(super) fn of(
        order: &Touch,
        value: Money,
        refunded: i64,
        code: Option<CouponCost>,
        economics: &Economics,
    ) -> Self {
        let part = |name: &str, includes: bool| {
            let told = order.properties.get(name).filter(|_| includes).map(|scalar| minor(scalar, value));
            told.flatten().unwrap_or_default()
        };
        let passed_on = part("tax", economics.value_includes_tax)
            .saturating_add(part("shipping", economics.value_includes_shipping));
        let revenue = value.minor.saturating_sub(passed_on).saturating_sub(refunded).max(0);
        // What went back as a whole costs no discount.
        let cost = code.filter(|_| revenue > 0).map_or(0, |code| cost(code, revenue));
        let margin = economics.margin.map(|margin| {
            let list = i128::from(revenue) + i128::from(cost);
            let left = (list * i128::from(margin.hundredths()) + 5_000) / 10_000 - i128::from(cost);
            i64::try_from(left).unwrap_or(i64::MAX)
        });
        Self { revenue, cost, margin }
    }
}

/// What a code cost with an order for which so much was paid, after the discount.
fn cost(code: CouponCost, paid: i64) -> i64 {
    match code {
        CouponCost::Amount(minor) => minor,
        CouponCost::Share { share, at_most } => {
            let rest = Share::WHOLE.hundredths() - share.hundredths();
            let before = (i128::from(paid) * 10_000).checked_div(i128::from(rest));
            let discount = before.and_then(|before| i64::try_from(before - i128::from(paid)).ok());
            // A code for everything leaves no trace in what was paid.
            discount.unwrap_or_default().min(at_most.unwrap_or(i64::MAX))
        }
    }
}

/// An amount as orders tell it, decimal text or a whole number, in the currency of the order's value.
fn minor(told: &Scalar, value: Money) -> Option<i64> {
    Money::parse(&told.to_string(), value.currency).ok().map(|money| money.minor).filter(|minor| *minor >= 0)
}

#[cfg(test)]
mod tests {
    use engine::{Currency, EventName, Millis, Span, StreamId, TouchId};

    use super::*;

    const EUR: Currency = Currency::EUR;

    fn order(properties: &[(&str, &str)]) -> Touch {
        let (id, name) = (TouchId::parse("o").unwrap(), EventName::parse("purchase").unwrap());
        let properties = properties.iter().map(|(name, value)| ((*name).into(), Scalar::Text((*value).into())));
        let touch = Touch::new(id, name, StreamId::parse("server00").unwrap(), Millis(0));
        Touch { properties: properties.collect(), ..touch }
    }

    fn economics(includes: bool) -> Economics {
        let margin = Share::parse("40%");
        Economics { margin, value_includes_tax: includes, value_includes_shipping: includes, window: Span::days(7) }
    }

    fn worth(order: &Touch, minor: i64, refunded: i64, code: Option<CouponCost>, includes: bool) -> (i64, i64, i64) {
        let worth = Worth::of(order, Money { minor, currency: EUR }, refunded, code, &economics(includes));
        (worth.revenue, worth.cost, worth.margin.unwrap())
    }

    #[test]
    fn tax_and_shipping_are_taken_off_where_the_model_says_that_they_are_in_it() {
        let order = order(&[("tax", "17.36"), ("shipping", "4.95")]);
        assert_eq!(worth(&order, 10_495, 0, None, false), (10_495, 0, 4_198));
        assert_eq!(worth(&order, 10_495, 0, None, true), (8_264, 0, 3_306));
    }

    /// Of 100.00 that cost the shop 60.00, ten percent off leaves 30.00.
    #[test]
    fn margin_is_that_of_the_price_before_the_discount_less_the_discount() {
        let tenth = |at_most| Some(CouponCost::Share { share: Share::parse("10%").unwrap(), at_most });
        assert_eq!(worth(&order(&[]), 9_000, 0, tenth(None), false), (9_000, 1_000, 3_000));
        assert_eq!(worth(&order(&[]), 9_000, 0, tenth(Some(500)), false), (9_000, 500, 3_300));
        assert_eq!(worth(&order(&[]), 9_000, 0, Some(CouponCost::Amount(750)), false), (9_000, 750, 3_150));
    }

    #[test]
    fn what_went_back_is_worth_nothing_and_costs_nothing() {
        assert_eq!(worth(&order(&[]), 9_000, 9_000, Some(CouponCost::Amount(750)), false), (0, 0, 0));
        assert_eq!(worth(&order(&[]), 9_000, 4_000, None, false), (5_000, 0, 2_000));
    }
}
