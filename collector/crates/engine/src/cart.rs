//! The cart: what was added, less what was removed, since the last purchase.

use crate::evaluate::Cart;
use crate::lead::Lead;
use crate::money::{Currency, Money};
use crate::orders::Orders;
use crate::quarantine::Quarantine;
use crate::touch::{Item, Touch, Trust, event};

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

/// One kind of thing in a cart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CartItem {
    /// As it was put in last; `quantity` is how many pieces lie in the cart.
    pub item: Item,
    /// Pieces, at least 1.
    pub quantity: i64,
}

/// What lies in the cart, in the order in which it was first put there: added less removed since the last purchase. What
/// was added without saying what it is, is not in it; [`Evaluation::cart`](crate::Evaluation::cart) counts that too.
#[must_use]
pub fn cart_items(lead: &Lead) -> Vec<CartItem> {
    let touches = lead.touches();
    let quarantine = Quarantine::of(lead);
    let orders = Orders::of(touches, &quarantine);
    let mut held: Vec<CartItem> = Vec::new();
    for (place, touch) in touches.iter().enumerate() {
        if touch.trust == Trust::Product || touch.is_fold() || quarantine.reason(place).is_some() {
            continue;
        }
        match touch.name.as_str() {
            event::ADD_TO_CART => touch.items.iter().for_each(|item| put(&mut held, item, 1)),
            event::REMOVE_FROM_CART => touch.items.iter().for_each(|item| put(&mut held, item, -1)),
            event::PURCHASE if orders.telling(place).first => held.clear(),
            _ => {}
        }
    }
    held
}

fn put(held: &mut Vec<CartItem>, item: &Item, sign: i64) {
    let pieces = i64::from(item.quantity).saturating_mul(sign);
    let same = |one: &CartItem| one.item.id == item.id && one.item.variant == item.variant;
    match held.iter().position(same).and_then(|place| Some((place, held.get_mut(place)?))) {
        Some((place, found)) => {
            found.quantity = found.quantity.saturating_add(pieces);
            if found.quantity <= 0 {
                held.remove(place);
            } else if sign > 0 {
                found.item = item.clone();
            }
        }
        None if pieces > 0 => held.push(CartItem { item: item.clone(), quantity: pieces }),
        None => {}
    }
}
