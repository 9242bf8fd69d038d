//! What a discount costs the shop: an amount, or a share of the order.

use super::reader::{Faults, Table};
use crate::money::{Currency, Money};
use crate::points::decimal;
use crate::tree::Tree;

const COST: &str = "an amount in the site's currency such as \"7.50\", or a share of the order such as \"10%\"";
const AT_MOST: &str = "an amount above 0 in the site's currency, such as \"25.00\"";

/// A share, in hundredths of a percent: 10 % is 1,000. From 0 to 10,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u16);

impl Share {
    /// All of it.
    pub const WHOLE: Self = Self(10_000);

    /// So many whole percent; all of it from 100 on.
    #[must_use]
    pub const fn percent(percent: u8) -> Self {
        if percent < 100 { Self(percent as u16 * 100) } else { Self::WHOLE }
    }

    /// Reads `10%` or `2.25%`; `None` for anything but a number from 0 to 100 with at most two digits after the point, and
    /// the sign.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hundredths = decimal(text.strip_suffix('%')?, 2)?;
        u16::try_from(hundredths).ok().map(Self).filter(|share| *share <= Self::WHOLE)
    }

    /// In hundredths of a percent.
    #[must_use]
    pub const fn hundredths(self) -> u16 {
        self.0
    }

    /// This share of an amount in minor units, rounded up to a whole one; nothing of what is negative.
    #[must_use]
    pub fn of(self, minor: i64) -> i64 {
        let parts = i128::from(minor.max(0)) * i128::from(self.0);
        let whole = i128::from(Self::WHOLE.0);
        // A share of an amount is no larger than the amount, so it fits.
        i64::try_from((parts + whole - 1) / whole).unwrap_or(minor)
    }
}

/// What one used code costs the shop, in minor units of the site's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CouponCost {
    /// So much, whatever the order comes to.
    Amount(i64),
    /// A share of the order that it is used for.
    Share {
        /// Which share.
        share: Share,
        /// Never more than this; `None`: it depends on the order alone.
        at_most: Option<i64>,
    },
}

impl CouponCost {
    /// What it costs with an order that comes to so much before the discount.
    #[must_use]
    pub fn with_order(self, order: i64) -> i64 {
        match self {
            Self::Amount(minor) => minor,
            Self::Share { share, at_most } => share.of(order).min(at_most.unwrap_or(i64::MAX)),
        }
    }

    /// The most that it can cost; `None`: there is no bound.
    #[must_use]
    pub const fn most(self) -> Option<i64> {
        match self {
            Self::Amount(minor) => Some(minor),
            Self::Share { at_most, .. } => at_most,
        }
    }
}

/// `cost` and `at_most` of a coupon.
pub(super) fn cost(coupon: &Table<'_>, currency: Currency, faults: &mut Faults) -> Option<CouponCost> {
    let at_most = coupon.optional("at_most", AT_MOST, faults, |tree| amount(tree, currency).filter(|most| *most > 0));
    let cost = coupon.optional("cost", COST, faults, |tree| {
        let share = tree.text().and_then(Share::parse);
        share
            .map(|share| CouponCost::Share { share, at_most })
            .or_else(|| amount(tree, currency).map(CouponCost::Amount))
    });
    let is_share = matches!(cost, Some(CouponCost::Share { .. }));
    if let Some(tree) = coupon.get("at_most").filter(|_| !is_share && coupon.get("cost").is_none_or(|_| cost.is_some()))
    {
        faults.add(
            &coupon.inner("at_most"),
            tree.line,
            tree,
            "nothing: only a cost that is a share of the order varies",
        );
    }
    cost
}

/// An amount of 0 or more in the site's currency, in minor units.
pub(super) fn amount(tree: &Tree, currency: Currency) -> Option<i64> {
    Money::parse(&tree.decimal()?, currency).ok().map(|money| money.minor).filter(|minor| *minor >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact_to_a_hundredth_of_a_percent() {
        for (text, hundredths) in [("10%", 1_000), ("2.25%", 225), ("0%", 0), ("100%", 10_000), ("0.01%", 1)] {
            assert_eq!(Share::parse(text).map(Share::hundredths), Some(hundredths), "{text}");
        }
        for text in ["", "%", "10", "10 %", "-1%", "100.01%", "1.005%", "1e1%", "655.36%"] {
            assert_eq!(Share::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_share_of_an_order_is_rounded_up_and_never_above_its_bound() {
        let tenth = Share::parse("10%").unwrap();
        let cost = |at_most| CouponCost::Share { share: tenth, at_most };
        assert_eq!((tenth.of(7_995), tenth.of(8_000), tenth.of(1), tenth.of(-50)), (800, 800, 1, 0));
        assert_eq!(Share::WHOLE.of(i64::MAX), i64::MAX);
        assert_eq!((cost(None).with_order(100_000), cost(None).most()), (10_000, None));
        assert_eq!((cost(Some(2_500)).with_order(100_000), cost(Some(2_500)).most()), (2_500, Some(2_500)));
        assert_eq!((CouponCost::Amount(750).with_order(100), CouponCost::Amount(750).most()), (750, Some(750)));
    }
}
