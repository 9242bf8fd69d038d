//! The cart: what was added, less what was removed, since the last purchase.

use crate::evaluate::Cart;
use crate::money::{Currency, Money};
use crate::touch::Touch;

/// Pieces and their worth: added less removed.
#[derive(Debug, Clone, Default)]
pub(crate) struct CartSum {
    quantity: i64,
    minor: i64,
    priced: bool,
}

impl CartSum {
    /// Adds (`sign` 1) or removes (−1). An event without items is one piece; one without value is worth its items. What
    /// was never seen to be added cannot be removed: neither sum goes below nothing.
    pub(crate) fn add(&mut self, touch: &Touch, currency: Currency, sign: i64) {
        let pieces = if touch.items.is_empty() { 1 } else { touch.quantity() };
        self.quantity = self.quantity.saturating_add(pieces.saturating_mul(sign)).max(0);
        if let Some(worth) = worth(touch, currency) {
            self.minor = self.minor.saturating_add(worth.saturating_mul(sign)).max(0);
            self.priced = true;
        }
        if self.quantity == 0 {
            *self = Self::default();
        }
    }

    pub(crate) fn read(&self, currency: Currency) -> Cart {
        Cart { quantity: self.quantity, value: self.priced.then_some(Money { minor: self.minor, currency }) }
    }
}

/// What a touch is worth in this currency: its value, else the sum of its items that have a price.
fn worth(touch: &Touch, currency: Currency) -> Option<i64> {
    if let Some(value) = touch.value {
        return (value.currency == currency).then_some(value.minor);
    }
    let prices = touch.items.iter().filter_map(|item| Some((item.price?, i64::from(item.quantity))));
    prices
        .filter(|(price, _)| price.currency == currency)
        .map(|(price, quantity)| price.minor.saturating_mul(quantity))
        .reduce(i64::saturating_add)
}
