//! From what a page says to an event of the wire.
//!
//! Shops push the same fact in several dialects: GA4's `ecommerce` object, gtag's parameters, Universal Analytics'
//! `ecommerce.add.products`, attributes in the HTML, calls of `gloed('track', …)`. Here they become one form. Texts are
//! copied with their escapes as they are.

use crate::amount::{decimal, digits_of};
use crate::json::{Raw, lists, member, put, separate, text_member};
use wire::{limits, names};

/// Sources of an event, one bit each. Events of the same content from *different* sources are one.
pub mod source {
    /// The page itself: page views, downloads, and what the renderer reports.
    pub const PAGE: u8 = 1;
    /// A call of `gloed(…)`.
    pub const CALL: u8 = 2;
    /// An object in the data layer.
    pub const LAYER_OBJECT: u8 = 4;
    /// gtag's `arguments` in the data layer.
    pub const LAYER_ARGUMENTS: u8 = 8;
    /// `data-gloed-…` attributes.
    pub const ATTRIBUTES: u8 = 16;
}

/// An event in the form of the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Normal {
    /// The event's name on the wire.
    pub name: String,
    /// JSON object of the event, without its closing brace and without `page`.
    pub json: String,
    /// What makes its content: name, transaction and items. Equal for the same fact from two sources.
    pub content: String,
    /// The transaction of a purchase or refund that names one, as `name:id`.
    pub transaction: String,
}

/// Parameters of the data layer that are kept as properties. A closed list: layers carry the shop's whole state.
const LAYER_PROPERTIES: &str =
    "search_term method coupon payment_type shipping_tier item_list_name promotion_name content_type";

/// Members with a place of their own on the wire.
const NOT_PROPERTIES: &str = "value currency transaction_id items item offer decision email";

/// What an attribute or call says about its one `item`, beside it.
const ITEM_FACTS: &str = "name category variant price quantity";

/// Universal Analytics' actions, and the names they have in GA4.
const UNIVERSAL_ACTIONS: [(&str, &str); 6] = [
    ("add", "add_to_cart"),
    ("remove", "remove_from_cart"),
    ("detail", "view_item"),
    ("checkout", "begin_checkout"),
    ("purchase", "purchase"),
    ("refund", "refund"),
];

/// The longest single text that is passed on, in bytes of JSON. The collector cuts far below; this only keeps one absurd
/// value from filling the body.
const TEXT_BYTES: usize = 2_048;

/// The event that a capture stands for; `None` when it is nothing we record. A capture is the loader's object
/// `{n, time, source, name, params}`; of the data layer the bridge passes what GA4 names, and under the empty name what
/// only Universal Analytics' actions can tell.
#[must_use]
pub fn normalise(capture: Raw<'_>, source: u8) -> Option<Normal> {
    let params = capture.get("params");
    let layer = source & (source::LAYER_OBJECT | source::LAYER_ARGUMENTS) != 0;
    let mut name = capture.get("name").plain();
    // The plain parameters may be inside an `ecommerce` object, beside one, or there may be none.
    let facts = params.get("ecommerce").or(params);
    let mut products = facts.get("items").or(params.any("items item"));
    let mut action = Raw::new("");
    if layer && products.kind() == 0 {
        for (key, ga4) in UNIVERSAL_ACTIONS {
            let found = facts.get(key);
            if found.kind() == b'{' {
                name = ga4;
                products = found.get("products");
                action = found.get("actionField");
            }
        }
    }
    if !names::is_event_name(name) || name.starts_with(names::RESERVED_PREFIX) {
        return None;
    }

    let mut event = Normal { name: name.into(), content: name.into(), ..Normal::default() };
    let json = &mut event.json;
    put(json, "{");
    member(json, "n", capture.get("n").text());
    member(json, "time", capture.get("time").text());
    text_member(json, "name", name);
    let currency = facts.any("currency currencyCode").or(params.get("currency"));
    let currency = currency.or(products.elements().next_element().unwrap_or(currency).get("currency")).plain();
    let currency = if currency.len() == 3 { currency } else { "" };
    text_member(json, "currency", currency);
    let digits = digits_of(currency);
    let value = facts.get("value").or(action.get("revenue")).or(params.get("value"));
    text_member(json, "value", &decimal(value.plain(), digits));
    let transaction = label(facts.get("transaction_id").or(action.get("id")));
    if !transaction.is_empty() {
        text_member(json, "transaction_id", transaction);
        put(&mut event.content, transaction);
        if lists("purchase refund", name) {
            put(&mut event.transaction, name);
            put(&mut event.transaction, ":");
            put(&mut event.transaction, transaction);
        }
    }

    let start = json.len();
    member(json, "items", "[");
    let empty = json.len();
    let mut elements = products.elements();
    // One product, as an object, or its id with the facts beside it.
    let mut next = if products.kind() == b'[' { elements.next_element() } else { Some(products) };
    for _ in 0..limits::ITEMS {
        let Some(product) = next else { break };
        item(json, &mut event.content, product, params, digits);
        next = elements.next_element();
    }
    close(json, start, empty, "]");

    if !layer {
        for name in ["offer", "decision", "email"] {
            text_member(json, name, label(params.get(name)));
        }
    }
    let start = json.len();
    member(json, "properties", "{");
    let empty = json.len();
    let others = if products.kind() == b'[' { "" } else { ITEM_FACTS };
    let attributes = name == names::SET_ATTRIBUTES;
    let mut members = facts.members();
    while let Some((key, value)) = members.next_member() {
        let wanted = if layer {
            lists(LAYER_PROPERTIES, key)
        } else {
            attributes || !(lists(NOT_PROPERTIES, key) || products.kind() != 0 && lists(others, key))
        };
        let scalar = match value.kind() {
            b'{' | b'[' => false,
            // Removes an attribute of the visitor; says nothing elsewhere.
            b'n' => attributes,
            _ => true,
        };
        if wanted && scalar && value.text().len() < TEXT_BYTES {
            // The wire has whole numbers only: any other one travels as its text.
            if value.text().contains('.') && value.kind() != b'"' {
                text_member(json, key, value.text());
            } else {
                member(json, key, value.text());
            }
        }
    }
    close(json, start, empty, "}");
    Some(event)
}

/// Closes a list that was opened at `start` and whose content begins at `empty`; takes it back if it has none.
fn close(json: &mut String, start: usize, empty: usize, bracket: &str) {
    if json.len() == empty {
        json.truncate(start);
    } else {
        put(json, bracket);
    }
}

/// The text of a string or number; empty for anything else and for absurdly long text.
#[inline(never)]
fn label(value: Raw<'_>) -> &str {
    let text = value.plain();
    if text.len() < TEXT_BYTES { text } else { "" }
}

/// Appends one item, unless nothing identifies it. `product` is an object, or an id whose facts are in `beside`.
fn item(json: &mut String, content: &mut String, product: Raw<'_>, beside: Raw<'_>, digits: usize) {
    let (facts, given) = if product.kind() == b'{' {
        (product, product.any("item_id id sku product_id item_name name"))
    } else {
        (beside, product)
    };
    let id = label(given);
    if id.is_empty() {
        return;
    }
    separate(json);
    put(json, "{");
    text_member(json, "id", id);
    text_member(json, "name", label(facts.any("item_name name")));
    text_member(json, "category", label(facts.any("item_category category")));
    text_member(json, "variant", label(facts.any("item_variant variant")));
    text_member(json, "price", &decimal(facts.get("price").plain(), digits));
    let quantity = decimal(facts.get("quantity").plain(), 0);
    let quantity = if quantity.is_empty() { "1" } else { &quantity };
    member(json, "quantity", quantity);
    put(json, "}");
    put(content, "\n");
    put(content, id);
    put(content, "*");
    put(content, quantity);
}
