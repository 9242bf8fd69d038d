//! What a ledger says apart from the score: cart, attributes, counts, and the visitor's last known circumstances.

use std::collections::BTreeMap;

use crate::evaluate::Cart;
use crate::money::{Currency, Money};
use crate::orders::Orders;
use crate::text::Text;
use crate::touch::{Device, EventName, PropertyName, Scalar, Touch, Trust, event};

/// See the fields of the same names in [`Evaluation`](crate::evaluate::Evaluation).
#[derive(Debug, Default)]
pub(crate) struct LedgerFacts {
    pub(crate) attributes: Vec<(PropertyName, Scalar)>,
    pub(crate) counts: Vec<(EventName, u32)>,
    pub(crate) country: Option<Text<8>>,
    pub(crate) device: Option<Device>,
    pub(crate) language: Option<Text<16>>,
    pub(crate) cart: Cart,
    pub(crate) purchased: bool,
}

impl LedgerFacts {
    pub(crate) fn of(touches: &[Touch], orders: &Orders, currency: Currency) -> Self {
        let mut attributes: BTreeMap<&PropertyName, &Scalar> = BTreeMap::new();
        let mut counts: BTreeMap<&EventName, u32> = BTreeMap::new();
        let (mut cart, mut purchased) = (CartSum::default(), false);
        for (place, touch) in touches.iter().enumerate() {
            let telling = orders.telling(place);
            if telling.counts {
                let count = counts.entry(&touch.name).or_default();
                *count = count.saturating_add(1);
            }
            if touch.trust == Trust::Product {
                continue;
            }
            match touch.name.as_str() {
                event::ADD_TO_CART => cart.add(touch, currency, 1),
                event::REMOVE_FROM_CART => cart.add(touch, currency, -1),
                // Whoever tells first ends the cart; a later telling of the same order must not end the next one.
                event::PURCHASE => {
                    purchased = true;
                    if telling.first {
                        cart = CartSum::default();
                    }
                }
                event::SET_ATTRIBUTES => {
                    for name in &touch.removed {
                        attributes.remove(name);
                    }
                    attributes.extend(touch.properties.pairs().iter().map(|(name, value)| (name, value)));
                }
                _ => {}
            }
        }
        let seen = || touches.iter().rev().filter(|touch| touch.trust < Trust::Product);
        Self {
            attributes: attributes.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            counts: counts.into_iter().map(|(name, count)| (name.clone(), count)).collect(),
            country: seen().find_map(|touch| touch.country.clone()),
            device: seen().find_map(|touch| touch.device),
            language: seen().find_map(|touch| touch.language.clone()),
            cart: cart.read(currency),
            purchased,
        }
    }
}

/// Pieces and their worth: added less removed.
#[derive(Debug, Default)]
struct CartSum {
    quantity: i64,
    minor: i64,
    priced: bool,
}

impl CartSum {
    /// Adds (`sign` 1) or removes (−1). An event without items is one piece; one without value is worth its items. What
    /// was never seen to be added cannot be removed: neither sum goes below nothing.
    fn add(&mut self, touch: &Touch, currency: Currency, sign: i64) {
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

    fn read(&self, currency: Currency) -> Cart {
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
