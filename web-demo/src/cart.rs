//! The cart. It lives in a cookie of the shop's own, so that every page can be rendered with it, with or without
//! scripts.

use serde_json::{Value, json};

use crate::catalog::Product;
use crate::language::Language;
use crate::money::Cents;
use crate::settings::DiscountCode;

/// Most lines that a cart keeps.
const MOST_LINES: usize = 20;
/// Most pieces of one line.
const MOST_PIECES: u32 = 9;
/// From this value of goods on, standard delivery is free.
pub const FREE_DELIVERY_FROM: Cents = Cents(7_500);

/// A product in a size, and how many of it.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// The product.
    pub product: &'static Product,
    /// The size, empty where there is none to choose.
    pub size: &'static str,
    /// Pieces, 1 to 9.
    pub quantity: u32,
}

impl Line {
    /// What the line costs.
    #[must_use]
    pub fn total(&self) -> Cents {
        self.product.price.times(self.quantity)
    }
}

/// What somebody is about to buy.
#[derive(Debug, Clone, Default)]
pub struct Cart {
    lines: Vec<Line>,
}

/// The size of a product that somebody asks for: the only one there is when there is nothing to choose.
#[must_use]
pub fn size_of(product: &'static Product, asked: &str) -> Option<&'static str> {
    if product.sizes.is_empty() { Some("") } else { product.sizes.iter().copied().find(|size| *size == asked) }
}

impl Cart {
    /// Reads the cookie's value: `slug.size.quantity` joined by `~`. What the shop does not sell is dropped.
    #[must_use]
    pub fn from_cookie(value: &str) -> Self {
        let mut cart = Self::default();
        for part in value.split('~') {
            let mut fields = part.splitn(3, '.');
            let (Some(slug), Some(size), Some(quantity)) = (fields.next(), fields.next(), fields.next()) else {
                continue;
            };
            if let (Some(product), Ok(quantity)) = (Product::find(slug), quantity.parse())
                && let Some(size) = size_of(product, size)
            {
                cart.add(product, size, quantity);
            }
        }
        cart
    }

    /// The cookie's value.
    #[must_use]
    pub fn to_cookie(&self) -> String {
        let parts: Vec<String> =
            self.lines.iter().map(|line| format!("{}.{}.{}", line.product.slug, line.size, line.quantity)).collect();
        parts.join("~")
    }

    /// Puts pieces in, as far as they fit. `size` must be one of the product's.
    pub fn add(&mut self, product: &'static Product, size: &'static str, quantity: u32) {
        let before = self.line(product, size).map_or(0, |line| line.quantity);
        self.set(product, size, before.saturating_add(quantity));
    }

    /// Sets how many pieces there are of one product in one size; 0 takes it out.
    pub fn set(&mut self, product: &'static Product, size: &'static str, quantity: u32) {
        let quantity = quantity.min(MOST_PIECES);
        let place = self.lines.iter().position(|line| line.product.slug == product.slug && line.size == size);
        match (place, quantity) {
            (Some(place), 0) => {
                self.lines.remove(place);
            }
            (Some(place), _) => self.lines[place].quantity = quantity,
            (None, 0) => {}
            (None, _) if self.lines.len() < MOST_LINES => self.lines.push(Line { product, size, quantity }),
            (None, _) => {}
        }
    }

    fn line(&self, product: &Product, size: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.product.slug == product.slug && line.size == size)
    }

    /// Its lines, in the order in which they were put in.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Pieces in it.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.lines.iter().map(|line| line.quantity).sum()
    }

    /// What the goods cost, without discount and delivery.
    #[must_use]
    pub fn goods(&self) -> Cents {
        self.lines.iter().map(Line::total).sum()
    }

    /// What a code takes off.
    #[must_use]
    pub fn discount(&self, code: Option<&DiscountCode>) -> Cents {
        code.map_or(Cents(0), |code| self.goods().percent(code.percent()))
    }
}

/// How an order travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// In two working days; free from [`FREE_DELIVERY_FROM`] on.
    Standard,
    /// Tomorrow evening.
    Evening,
    /// Picked up in the shop.
    PickUp,
}

impl Delivery {
    /// Reads the form's value; what is unknown travels the standard way.
    #[must_use]
    pub fn from_form(value: &str) -> Self {
        match value {
            "avond" => Self::Evening,
            "afhalen" => Self::PickUp,
            _ => Self::Standard,
        }
    }

    /// The form's value.
    #[must_use]
    pub fn as_form(self) -> &'static str {
        match self {
            Self::Standard => "standaard",
            Self::Evening => "avond",
            Self::PickUp => "afhalen",
        }
    }

    /// What it costs for goods of this value.
    #[must_use]
    pub fn price(self, goods: Cents) -> Cents {
        match self {
            Self::Standard if goods >= FREE_DELIVERY_FROM => Cents(0),
            Self::Standard => Cents(495),
            Self::Evening => Cents(795),
            Self::PickUp => Cents(0),
        }
    }
}

/// GA4's item of a product.
#[must_use]
pub fn item(product: &Product, size: &str, quantity: u32, language: Language) -> Value {
    let mut item = json!({
        "item_id": product.number,
        "item_name": product.name.say(language),
        "item_category": product.category,
        "price": product.price,
        "quantity": quantity,
    });
    if !size.is_empty() {
        item["item_variant"] = Value::from(size);
    }
    item
}

/// GA4's `ecommerce` object of a cart: the value is what the goods cost after the discount.
#[must_use]
pub fn ecommerce(cart: &Cart, code: Option<&DiscountCode>, language: Language) -> Value {
    let items: Vec<Value> =
        cart.lines().iter().map(|line| item(line.product, line.size, line.quantity, language)).collect();
    let mut ecommerce = json!({ "currency": "EUR", "value": cart.goods() - cart.discount(code), "items": items });
    if let Some(code) = code {
        ecommerce["coupon"] = Value::from(code.code());
    }
    ecommerce
}
