//! Buying: cart, checkout, thanks.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{missing, page};
use crate::cart::{Cart, Delivery, FREE_DELIVERY_FROM, ecommerce, item, size_of};
use crate::catalog::Product;
use crate::language::Text;
use crate::money::Cents;
use crate::settings::DiscountCode;
use crate::visit::{Cookie, Frame, Visit};

/// One line of a cart, as a page shows it.
struct ShownLine {
    product: &'static Product,
    size: &'static str,
    quantity: u32,
    total: Cents,
    /// GA4's item, for the script.
    item: String,
}

/// What a cart comes to.
struct Totals {
    goods: Cents,
    discount: Cents,
    /// Goods less discount.
    net: Cents,
    delivery: Cents,
    total: Cents,
    /// The code in use, empty if none.
    code: String,
}

impl Totals {
    fn of(cart: &Cart, code: Option<&DiscountCode>, delivery: Delivery) -> Self {
        let (goods, discount) = (cart.goods(), cart.discount(code));
        let delivery = if cart.is_empty() { Cents(0) } else { delivery.price(goods) };
        let code = code.map(|code| code.code().to_owned()).unwrap_or_default();
        let net = goods - discount;
        Self { goods, discount, net, delivery, total: net + delivery, code }
    }
}

fn shown(visit: &Visit, cart: &Cart) -> Vec<ShownLine> {
    let show = |line: &crate::cart::Line| ShownLine {
        product: line.product,
        size: line.size,
        quantity: line.quantity,
        total: line.total(),
        item: item(line.product, line.size, line.quantity, visit.language()).to_string(),
    };
    cart.lines().iter().map(show).collect()
}

#[derive(Template)]
#[template(path = "cart.html")]
struct CartPage {
    f: Frame,
    lines: Vec<ShownLine>,
    totals: Totals,
    /// What is missing to free delivery.
    to_free: Cents,
    unknown_code: bool,
}

/// The query of the cart.
#[derive(Debug, Deserialize)]
pub(crate) struct CartQuery {
    code: Option<String>,
}

/// `GET /winkelwagen`.
pub(crate) async fn cart(visit: Visit, Query(query): Query<CartQuery>) -> Response {
    let language = visit.language();
    let mut f = visit.frame(
        Text::new("Winkelwagen · Miezer", "Cart · Miezer").say(language),
        Text::new("Wat je hebt uitgekozen.", "What you have chosen."),
    );
    if !visit.cart.is_empty() {
        f = f.ecommerce_event("view_cart", ecommerce(&visit.cart, visit.code.as_ref(), language));
    }
    let totals = Totals::of(&visit.cart, visit.code.as_ref(), Delivery::Standard);
    let to_free = FREE_DELIVERY_FROM - totals.goods;
    let unknown_code = query.code.as_deref() == Some("onbekend");
    page(StatusCode::OK, &CartPage { f, lines: shown(&visit, &visit.cart), totals, to_free, unknown_code })
}

/// The form that adds to the cart, and the one that changes a line of it.
#[derive(Debug, Deserialize)]
pub(crate) struct Pieces {
    product: String,
    #[serde(default)]
    size: String,
    quantity: u32,
}

impl Pieces {
    fn parse(&self) -> Option<(&'static Product, &'static str, u32)> {
        let product = Product::find(&self.product)?;
        Some((product, size_of(product, &self.size)?, self.quantity))
    }
}

/// `POST /winkelwagen`.
pub(crate) async fn add(mut visit: Visit, Form(pieces): Form<Pieces>) -> Response {
    let Some((product, size, quantity)) = pieces.parse() else {
        return missing(&visit);
    };
    visit.cart.add(product, size, quantity);
    let answer = json!({ "count": visit.cart.count(), "name": product.name.say(visit.language()) });
    visit.done("/winkelwagen", answer, &[Cookie::Cart.set(&visit.cart.to_cookie())])
}

/// `POST /winkelwagen/wijzigen`.
pub(crate) async fn change(mut visit: Visit, Form(pieces): Form<Pieces>) -> Response {
    let Some((product, size, quantity)) = pieces.parse() else {
        return missing(&visit);
    };
    visit.cart.set(product, size, quantity);
    visit.done("/winkelwagen", json!({ "count": visit.cart.count() }), &[Cookie::Cart.set(&visit.cart.to_cookie())])
}

/// The form with a discount code.
#[derive(Debug, Deserialize)]
pub(crate) struct Redeemed {
    code: String,
}

/// `POST /winkelwagen/code`.
pub(crate) async fn redeem(visit: Visit, Form(form): Form<Redeemed>) -> Response {
    match visit.shop.settings.find_code(&form.code) {
        Some(code) => {
            visit.done("/winkelwagen", json!({ "percent": code.percent() }), &[Cookie::Code.set(code.code())])
        }
        None => visit.done("/winkelwagen?code=onbekend", json!({ "percent": 0 }), &[Cookie::Code.clear()]),
    }
}

#[derive(Template)]
#[template(path = "checkout.html")]
struct CheckoutPage {
    f: Frame,
    lines: Vec<ShownLine>,
    totals: Totals,
    deliveries: Vec<ShownDelivery>,
}

/// One way for an order to travel, as the checkout shows it.
struct ShownDelivery {
    value: &'static str,
    name: Text,
    line: Text,
    price: Cents,
}

fn shown_deliveries(goods: Cents) -> Vec<ShownDelivery> {
    let ways = [
        (
            Delivery::Standard,
            Text::new("PostNL, binnen twee werkdagen", "Post, within two working days"),
            Text::new("Gratis vanaf € 75", "Free from €75"),
        ),
        (
            Delivery::Evening,
            Text::new("Morgenavond met de fietskoerier", "Tomorrow evening by bicycle courier"),
            Text::new("Tussen 18 en 21 uur", "Between 6 and 9 pm"),
        ),
        (
            Delivery::PickUp,
            Text::new("Afhalen in Zwolle", "Pick up in Zwolle"),
            Text::new("Vandaag klaar, Melkmarkt 12", "Ready today, Melkmarkt 12"),
        ),
    ];
    ways.into_iter()
        .map(|(way, name, line)| ShownDelivery { value: way.as_form(), name, line, price: way.price(goods) })
        .collect()
}

/// `GET /afrekenen`.
pub(crate) async fn checkout(visit: Visit) -> Response {
    let language = visit.language();
    let mut f = visit.frame(
        Text::new("Afrekenen · Miezer", "Checkout · Miezer").say(language),
        Text::new("Adres, verzending, betaling.", "Address, delivery, payment."),
    );
    if !visit.cart.is_empty() {
        let cart = ecommerce(&visit.cart, visit.code.as_ref(), language);
        f = f.ecommerce_event("begin_checkout", cart.clone()).checkout(cart);
    }
    let totals = Totals::of(&visit.cart, visit.code.as_ref(), Delivery::Standard);
    let deliveries = shown_deliveries(totals.goods);
    page(StatusCode::OK, &CheckoutPage { f, lines: shown(&visit, &visit.cart), totals, deliveries })
}

/// What the shop needs of the checkout's form. It keeps no names and no addresses: nothing is delivered.
#[derive(Debug, Deserialize)]
pub(crate) struct Checkout {
    #[serde(default)]
    delivery: String,
}

/// An order number that no other order of this process has: the second it was placed, and a count.
fn order_number() -> String {
    static PLACED: AtomicU32 = AtomicU32::new(0);
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    format!("MZ-{seconds}-{}", PLACED.fetch_add(1, Ordering::Relaxed) + 1)
}

/// `POST /afrekenen`.
pub(crate) async fn order(visit: Visit, Form(form): Form<Checkout>) -> Response {
    if visit.cart.is_empty() {
        return visit.done("/winkelwagen", Value::Null, &[]);
    }
    let code = visit.code.as_ref().map(DiscountCode::code).unwrap_or_default();
    let delivery = Delivery::from_form(&form.delivery);
    let placed = format!("{}!{}!{code}!{}", order_number(), delivery.as_form(), visit.cart.to_cookie());
    visit.done("/bedankt", Value::Null, &[Cookie::Order.set(&placed), Cookie::Cart.clear(), Cookie::Code.clear()])
}

#[derive(Template)]
#[template(path = "thanks.html")]
struct ThanksPage {
    f: Frame,
    /// The order's number, empty when there is no order to thank for.
    number: String,
    lines: Vec<ShownLine>,
    totals: Totals,
}

/// `GET /bedankt`.
pub(crate) async fn thanks(visit: Visit) -> Response {
    let language = visit.language();
    let mut f = visit.frame(
        Text::new("Bedankt · Miezer", "Thank you · Miezer").say(language),
        Text::new("Je bestelling.", "Your order."),
    );
    let fields: Vec<&str> = visit.order.as_deref().unwrap_or_default().splitn(4, '!').collect();
    let (number, cart, totals) = match fields[..] {
        [number, delivery, code, cart] => {
            let cart = Cart::from_cookie(cart);
            let code = visit.shop.settings.find_code(code);
            let totals = Totals::of(&cart, code, Delivery::from_form(delivery));
            let mut bought = ecommerce(&cart, code, language);
            bought["transaction_id"] = Value::from(number);
            bought["value"] = json!(totals.total);
            bought["shipping"] = json!(totals.delivery);
            f = f.ecommerce_event("purchase", bought);
            (number.to_owned(), cart, totals)
        }
        _ => {
            let none = Cart::default();
            let totals = Totals::of(&none, None, Delivery::Standard);
            (String::new(), none, totals)
        }
    };
    let lines = shown(&visit, &cart);
    page(StatusCode::OK, &ThanksPage { f, number, lines, totals })
}
