//! Third step: a valid event becomes a fact about a visitor, in the ledger's words. Personal data is masked here, so
//! that no later step ever has it.

use std::borrow::Cow;
use std::sync::OnceLock;

use engine::decide::COUPON_PROPERTY;
use engine::{
    Channel, DecisionId, Device, EventName, Millis, OfferId, Properties, PropertyName, Scalar, StreamId, Suspicion,
    Text, TextError, Touch, TouchId, Trust,
};
use sha2::{Digest as _, Sha256};
use wire::{Page, Stream};

use super::address::Address;
use super::validate::ValidEvent;
use crate::coupon::is_ours;
use crate::coupon::register::CodeName;
use crate::geo::Place;
use crate::masking::{masked, order_number};
use crate::site::Site;

/// What the request itself says, beside its events.
pub(crate) struct Circumstances<'a> {
    /// The site.
    pub(crate) site: &'a Site,
    /// The numbering.
    pub(crate) stream: &'a Stream,
    /// The page of events without one of their own.
    pub(crate) page: Option<&'a Page>,
    /// The address of that page, taken apart once for all of them.
    pub(crate) address: &'a OnceLock<Address>,
    /// Where the visitor is.
    pub(crate) place: &'a Place,
    /// How far whoever sends is believed.
    pub(crate) trust: Trust,
    /// Why whoever sends may be no person.
    pub(crate) suspect: Option<Suspicion>,
    /// Where the visit came from, when whoever sends says so; else what the page's address says.
    pub(crate) channel: Option<Channel>,
    /// When the request was received.
    pub(crate) received: Millis,
}

/// Turns a valid event into a touch.
///
/// # Errors
/// None in practice: the wire is stricter than the ledger. Kept as an error so that a gap between the two shows.
pub(crate) fn enrich(valid: &ValidEvent, about: &Circumstances<'_>) -> Result<Touch, TextError> {
    let event = &valid.event;
    let page = event.page.as_ref().or(about.page);
    let address = match &event.page {
        Some(own) => Cow::Owned(Address::of(Some(own), about.site)),
        None => Cow::Borrowed(about.address.get_or_init(|| Address::of(about.page, about.site))),
    };
    let mut touch =
        Touch::new(touch_id(valid, about.stream)?, EventName::parse(&event.name)?, stream(about.stream)?, valid.time);
    touch.received = about.received;
    touch.trust = about.trust;
    touch.suspect = about.suspect;
    touch.page = address.page.clone();
    touch.source = address.source.clone();
    touch.source.channel = about.channel.unwrap_or(touch.source.channel);
    touch.country = about.place.country.as_deref().map(Text::cut);
    touch.region = about.place.region.as_deref().map(Text::cut);
    touch.device = page.and_then(|page| page.viewport).map(device);
    touch.language = page.and_then(|page| page.language.as_deref()).filter(|tag| is_language(tag)).map(Text::cut);
    touch.value = valid.value;
    touch.transaction = event.transaction_id.as_deref().map(|id| Text::cut(&order_number(id)));
    touch.items = valid
        .items
        .iter()
        .map(|(item, price)| engine::Item {
            id: Text::cut(&masked(&item.id)),
            name: item.name.as_deref().map(|name| Text::cut(&masked(name))),
            category: item.category.as_deref().map(|category| Text::cut(&masked(category))),
            variant: item.variant.as_deref().map(|variant| Text::cut(&masked(variant))),
            price: *price,
            quantity: item.quantity,
        })
        .collect();
    touch.offer = event.offer.as_deref().filter(|id| is_impersonal(id)).and_then(|id| OfferId::parse(id).ok());
    touch.decision = event.decision.as_deref().filter(|id| is_impersonal(id)).and_then(|id| DecisionId::parse(id).ok());
    let allowed = address.allowed.iter().map(|(name, value)| (format!("query.{name}"), Scalar::Text(Text::cut(value))));
    let kept = |name: &str, value| own_code(name, value, about).unwrap_or_else(|| scalar(value));
    let given = event.properties.iter().filter_map(|(name, value)| Some((name.clone(), kept(name, value.as_ref()?))));
    let named = |(name, value): (String, Scalar)| (PropertyName::cut(&masked(&name)), value);
    touch.properties = allowed.chain(given).map(named).collect::<Properties>();
    let removed = event.properties.iter().filter(|(_, value)| value.is_none());
    touch.removed = removed.map(|(name, _)| PropertyName::cut(&masked(name))).collect();
    Ok(touch)
}

/// Whether masking would leave this alone. An id with a mask in it would name something else, so it is left out.
fn is_impersonal(id: &str) -> bool {
    matches!(masked(id), Cow::Borrowed(_))
}

/// Whether this has the shape of a language tag (RFC 5646): letters, then groups of letters and digits. Anything else is
/// no language, and could be anybody's number.
fn is_language(tag: &str) -> bool {
    let mut groups = tag.split('-');
    let primary = groups.next().unwrap_or_default();
    (2..=8).contains(&primary.len())
        && primary.bytes().all(|byte| byte.is_ascii_alphabetic())
        && groups.all(|group| (1..=8).contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// The properties of a request for a decision, masked like those of an event.
pub(crate) fn context(properties: &[(String, wire::Scalar)]) -> Properties {
    properties.iter().map(|(name, value)| (PropertyName::cut(name), scalar(value))).collect()
}

/// The code that an order used, where it is one of ours: as it is, since one in a thousand has digits as of a telephone number.
fn own_code(name: &str, value: &wire::Scalar, about: &Circumstances<'_>) -> Option<Scalar> {
    let wire::Scalar::Text(text) = value else { return None };
    let ours = name == COUPON_PROPERTY
        && about.trust == Trust::Server
        && CodeName::of(text).is_some_and(|code| is_ours(about.site, &code));
    ours.then(|| Scalar::Text(Text::cut(text)))
}

fn scalar(value: &wire::Scalar) -> Scalar {
    match value {
        wire::Scalar::Text(text) => Scalar::Text(Text::cut(&masked(text))),
        wire::Scalar::Integer(number) => masked_number(*number),
        wire::Scalar::Boolean(truth) => Scalar::Boolean(*truth),
    }
}

/// A card number may come as a number too.
fn masked_number(number: i64) -> Scalar {
    let text = number.to_string();
    match masked(&text) {
        Cow::Borrowed(_) => Scalar::Integer(number),
        Cow::Owned(masked) => Scalar::Text(Text::cut(&masked)),
    }
}

fn stream(stream: &Stream) -> Result<StreamId, TextError> {
    StreamId::parse(stream.as_str())
}

/// The id of the touch: (stream, number) of a page's event, (stream, id) of a server's; of an order its transaction, so
/// that it counts once whoever sends it.
fn touch_id(valid: &ValidEvent, stream: &Stream) -> Result<TouchId, TextError> {
    let event = &valid.event;
    match (&event.transaction_id, event.name.as_str(), event.n) {
        (Some(transaction), name @ ("purchase" | "refund"), _) => hashed_touch_id(name, &[transaction]),
        (_, _, Some(number)) => TouchId::parse(&format!("{}.{number}", stream.as_str())),
        (_, _, None) => hashed_touch_id("server", &[stream.as_str(), event.id.as_deref().unwrap_or_default()]),
    }
}

/// Hashed, since a shop's ids may be long, of any alphabet, and hold what must not be kept. No part holds a line feed.
fn hashed_touch_id(kind: &str, parts: &[&str]) -> Result<TouchId, TextError> {
    let digest = Sha256::digest(parts.join("\n").as_bytes());
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    TouchId::parse(&format!("{kind}:{hex}"))
}

/// The bounds are WIRE.md's.
fn device(viewport: u32) -> Device {
    match viewport {
        0..768 => Device::Phone,
        768..1024 => Device::Tablet,
        _ => Device::Desktop,
    }
}
