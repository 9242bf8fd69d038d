//! Names that are nearly well known ones. Any name is allowed, so a slip of the pen makes a condition that waits in silence for
//! what never comes.

use crate::condition::{Field, Literal, Test};
use crate::touch::event;

/// Events of GA4 (<https://developers.google.com/analytics/devguides/collection/ga4/reference/events> and those that it measures
/// by itself), and those that have a meaning here.
const EVENTS: [&str; 46] = [
    "page_view",
    "user_engagement",
    "scroll",
    "click",
    "search",
    "view_search_results",
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
    "select_content",
    "share",
    "file_download",
    "form_start",
    "form_submit",
    "generate_lead",
    "qualify_lead",
    "close_convert_lead",
    "sign_up",
    "login",
    "video_start",
    "video_progress",
    "video_complete",
    "chat",
    "goal_reached",
    "email_sent",
    "email_open",
    "email_click",
    "email_forward",
    "email_reply",
    "call_outcome",
    event::LABEL_ADDED,
    event::LABEL_REMOVED,
    event::OFFER_SHOWN,
    event::OFFER_DISMISSED,
    event::OFFER_CLICKED,
];

/// Places that every page can fill.
const SLOTS: [&str; 3] = ["popup", "bar", "slide-in"];

/// The well-known event that this is nearly; `None` where it is one, or like none.
pub(super) fn event(name: &str) -> Option<&'static str> {
    nearly(name, &EVENTS, 2)
}

/// The place of every page that this is nearly.
pub(super) fn slot(name: &str) -> Option<&'static str> {
    nearly(name, &SLOTS, 1)
}

/// Events that a comparison names, each with the well-known one that it is nearly.
pub(super) fn in_comparison<'c>(field: &'c Field, test: &'c Test) -> Vec<(&'c str, &'static str)> {
    let literal = |literal: &'c Literal| match literal {
        Literal::Text(text) => Some(text.as_str()),
        _ => None,
    };
    let names: Vec<&str> = match (field, test) {
        (Field::Count(name) | Field::Recent(_, name), _) => vec![name],
        (Field::Event, Test::Equal(one) | Test::NotEqual(one)) => literal(one).into_iter().collect(),
        (Field::Event, Test::In(several)) => several.iter().filter_map(literal).collect(),
        _ => Vec::new(),
    };
    names.into_iter().filter_map(|name| Some((name, event(name)?))).collect()
}

/// The first of the known that is at most so many letters away, and less than a third of itself. Two that change places are one.
fn nearly(name: &str, known: &[&'static str], most: usize) -> Option<&'static str> {
    if known.contains(&name) {
        return None;
    }
    let distance = |one: &&&'static str| strsim::osa_distance(name, one);
    let nearest = known.iter().min_by_key(distance)?;
    let away = distance(&nearest);
    (away <= most && away * 3 < nearest.len()).then_some(nearest)
}
