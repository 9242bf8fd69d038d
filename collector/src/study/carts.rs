//! Carts that were told of as abandoned, and what became of them.

use engine::{Currency, Lead, Millis, Money, Scalar, Touch, Trust};
use serde::{Deserialize, Serialize};

use crate::notice::{ABANDONMENT, was_told};
use crate::recovery::{NOTICED_BY, RECOVERED};

/// What became of carts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartsReport {
    /// ISO 4217; every value is in it.
    pub currency: String,
    /// Told of as abandoned in the period.
    pub abandoned: Carts,
    /// Of those, bought since, whenever that was. The value is that of the orders.
    pub recovered: Carts,
}

/// Some carts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carts {
    /// Leads.
    pub leads: u32,
    /// Carts.
    pub carts: u32,
    /// Carts whose value in the site's currency is known.
    pub valued: u32,
    /// What those are worth together, minor units.
    pub minor: i64,
}

impl Carts {
    fn add(&mut self, touches: &[&Touch], currency: Currency) {
        self.leads += u32::from(!touches.is_empty());
        for touch in touches {
            self.carts += 1;
            if let Some(value) = touch.value.filter(|value| value.currency == currency) {
                self.valued += 1;
                self.minor = self.minor.saturating_add(value.minor);
            }
        }
    }

    /// What those whose value is known are worth together.
    #[must_use]
    pub fn value(&self, currency: Currency) -> Money {
        Money { minor: self.minor, currency }
    }
}

/// A report under way: leads are added one by one.
pub struct CartsStudy {
    currency: Currency,
    from: Millis,
    now: Millis,
    abandoned: Carts,
    recovered: Carts,
}

impl CartsStudy {
    /// A report of carts told of as abandoned within `[from, now]`.
    #[must_use]
    pub fn new(currency: Currency, from: Millis, now: Millis) -> Self {
        Self { currency, from, now, abandoned: Carts::default(), recovered: Carts::default() }
    }

    /// Looks at one lead.
    pub fn add(&mut self, lead: &Lead) {
        let own = || lead.touches().iter().filter(|touch| touch.trust == Trust::Product);
        let inside = |touch: &&Touch| touch.time >= self.from && touch.time <= self.now;
        let is_abandonment =
            |touch: &&Touch| was_told(touch) && touch.properties.get(ABANDONMENT) == Some(&Scalar::Boolean(true));
        let abandoned: Vec<&Touch> = own().filter(inside).filter(is_abandonment).collect();
        let of_those = |touch: &&Touch| {
            let by = touch.properties.get(NOTICED_BY).and_then(Scalar::text);
            touch.is(RECOVERED) && abandoned.iter().any(|told| by == Some(told.id.as_str()))
        };
        let recovered: Vec<&Touch> = own().filter(of_those).collect();
        self.abandoned.add(&abandoned, self.currency);
        self.recovered.add(&recovered, self.currency);
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> CartsReport {
        CartsReport { currency: self.currency.to_string(), abandoned: self.abandoned, recovered: self.recovered }
    }
}
