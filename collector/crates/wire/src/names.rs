//! Event names that have a meaning of their own.

/// GA4's commerce events: <https://developers.google.com/analytics/devguides/collection/ga4/reference/events>.
pub const COMMERCE: [&str; 14] = [
    "view_item_list",
    "select_item",
    "view_item",
    "add_to_wishlist",
    "add_to_cart",
    "remove_from_cart",
    "view_cart",
    "begin_checkout",
    "add_shipping_info",
    "add_payment_info",
    "purchase",
    "refund",
    "view_promotion",
    "select_promotion",
];
/// A page was looked at.
pub const PAGE_VIEW: &str = "page_view";
/// Attributes of the visitor: the event's properties; `null` removes one.
pub const SET_ATTRIBUTES: &str = "set_attributes";
/// The parameter of a page's address that a signed link comes in.
pub const LINK_PARAMETER: &str = "gloed_link";
/// A change of consent.
pub const CONSENT: &str = "consent";
/// Names of what the product itself did start with this, and are refused from outside.
pub const RESERVED_PREFIX: &str = "gloed_";
/// The visitor signed up for something.
pub const SIGN_UP: &str = "sign_up";
/// The visitor asked to be contacted.
pub const GENERATE_LEAD: &str = "generate_lead";

/// Whether `name` is one to 64 of `a-z A-Z 0-9 _ . : -`.
#[must_use]
pub fn is_event_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= crate::limits::EVENT_NAME_BYTES
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-'))
}
