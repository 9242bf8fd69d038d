//! Recovery: a cart that was told of as abandoned is bought after all, and that is told, once.
//!
//! The page tells of an order at once and the shop's server a little later, with an amount that is believed. So a recovery
//! that only a page tells of waits for the server for a while.

use engine::{
    Evaluation, EventName, Lead, Millis, Model, Money, PropertyName, Scalar, Span, Text, TextError, Touch, TouchId,
    Trust, touch::event,
};
use serde::Serialize;
use store::LeadKey;
use utoipa::ToSchema;

use crate::message::{self, LastTouch, ModelBody, Telling, Told, Way};
use crate::notice::{ABANDONMENT, NOTICE, was_told};

/// The name of our own touch.
pub const RECOVERED: &str = "gloed_recovered";
/// Its property with the id of the touch that remembers the abandonment.
pub(crate) const NOTICED_BY: &str = "noticed_by";
/// A purchase longer after the abandonment was told has nothing to do with it.
const RECOVERS: Span = Span::days(30);
/// How long an order that only a page tells of waits for the server's word on it.
const WAITS: Span = Span::minutes(10);

/// A cart that was told of as abandoned was bought after all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CartRecovered {
    /// `cart_recovered`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The same however often this is told.
    pub id: String,
    /// The site's write key.
    pub site: String,
    /// The visitor's id.
    pub visitor: String,
    /// How it is to go out: as the notice of the abandonment.
    pub via: Vec<Way>,
    /// The notice that told of the abandonment.
    pub notice: String,
    /// When that was told, ms since 1970.
    pub abandoned_at: i64,
    /// When the order was placed, ms since 1970.
    pub at: i64,
    /// When that was noticed, ms since 1970.
    pub announced_at: i64,
    /// The order, as the shop's server tells of it; absent where only a page does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// Points as decimal text, rounded towards the lower stage.
    pub score: String,
    /// The stage.
    pub stage: String,
    /// The model.
    pub model: ModelBody,
    /// The last ten touches, newest first.
    pub touches: Vec<LastTouch>,
    /// Interests.
    pub labels: Vec<String>,
    /// ISO 3166-1, where it is known.
    pub country: Option<String>,
    /// Path of the lead's page on the private listener.
    pub url: String,
}

/// An order that a server told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Order {
    /// The shop's number of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// Decimal text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// ISO 4217, beside `value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
}

/// What there is to tell of a recovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// Nothing.
    None,
    /// It waits for the server's word, until then.
    Waits(Millis),
    /// This.
    Tell(Box<Telling>),
}

/// Whether an abandoned cart was bought.
///
/// # Errors
/// None in practice: every text here is of our own making.
pub(crate) fn recovery(
    key: &LeadKey,
    lead: &Lead,
    model: &Model,
    evaluation: &Evaluation,
) -> Result<Recovery, TextError> {
    let abandonment =
        |touch: &&Touch| was_told(touch) && touch.properties.get(ABANDONMENT) == Some(&Scalar::Boolean(true));
    let Some(told) = lead.touches().iter().rev().find(abandonment) else { return Ok(Recovery::None) };
    let known = |touch: &Touch| {
        touch.trust == Trust::Product
            && touch.is(RECOVERED)
            && touch.properties.get(NOTICED_BY).and_then(Scalar::text) == Some(told.id.as_str())
    };
    if lead.touches().iter().any(known) {
        return Ok(Recovery::None);
    }
    let Some(first) = purchases(lead, evaluation, told.time).next() else { return Ok(Recovery::None) };
    // The server's word on that order; where the page gave it no number, the one that came with it.
    let same = |touch: &&Touch| match &first.transaction {
        Some(order) => touch.transaction.as_ref() == Some(order),
        None => touch.time.since(first.time) <= WAITS,
    };
    let server = purchases(lead, evaluation, told.time).filter(|touch| touch.trust == Trust::Server).find(same);
    let waits_until = first.received.plus(WAITS);
    if server.is_none() && evaluation.at < waits_until {
        return Ok(Recovery::Waits(waits_until));
    }
    let (id, touch_id) = message::ids(lead, "recovered", &format!("cart_recovered\n{key}\n{}", told.id))?;
    let at = evaluation.at.max(told.time.plus(Span(1)));
    let touch = remembered(touch_id, told, server, at)?;
    let notice = told.properties.get(NOTICE).and_then(Scalar::text).unwrap_or_default().to_owned();
    let via = model.notices().find(|(_, known)| *known.name == *notice).map(|(_, known)| known.via.as_slice());
    let message = CartRecovered {
        kind: "cart_recovered",
        id: message::shown(&id),
        site: key.site.to_string(),
        visitor: key.visitor.to_string(),
        via: Way::of(via.unwrap_or(&engine::model::Via::ALL)),
        notice,
        abandoned_at: told.time.0,
        at: first.time.0,
        announced_at: at.0,
        order: server.map(|server| Order {
            transaction_id: server.transaction.as_ref().map(ToString::to_string),
            value: server.value.map(message::decimal),
            currency: server.value.map(|value: Money| value.currency.to_string()),
        }),
        score: evaluation.score.shown(),
        stage: evaluation.stage_name.clone(),
        model: model.into(),
        touches: message::last_touches(lead),
        labels: message::labels(evaluation),
        country: evaluation.country.as_ref().map(ToString::to_string),
        url: message::page_of(key),
    };
    Ok(Recovery::Tell(Box::new(Telling { touch, message: Some((id, Told::CartRecovered(message))) })))
}

/// Orders that were placed after an instant and not too long after, in canonical order, every telling of each. One that was
/// told of before is no new order, however late its server tells of it.
fn purchases<'a>(lead: &'a Lead, evaluation: &'a Evaluation, after: Millis) -> impl Iterator<Item = &'a Touch> {
    let held = |touch: &Touch| evaluation.quarantined.iter().any(|(id, _)| *id == touch.id);
    let all = move || {
        let touches = lead.touches().iter().filter(|touch| touch.trust < Trust::Product && touch.is(event::PURCHASE));
        touches.filter(move |touch| !held(touch))
    };
    let before = move |order: &Text<64>| {
        all().take_while(|touch| touch.time <= after).any(|touch| touch.transaction.as_ref() == Some(order))
    };
    let inside = move |touch: &&Touch| touch.time > after && touch.time.since(after) <= RECOVERS;
    all().filter(inside).filter(move |touch| !touch.transaction.as_ref().is_some_and(before))
}

fn remembered(id: TouchId, told: &Touch, server: Option<&Touch>, at: Millis) -> Result<Touch, TextError> {
    let mut touch = Touch::new(id, EventName::parse(RECOVERED)?, message::own_stream()?, at);
    touch.trust = Trust::Product;
    touch.value = server.and_then(|server| server.value);
    let notice = told.properties.get(NOTICE).cloned();
    let notice = notice.map(|notice| (PropertyName::cut(NOTICE), notice));
    let by = (PropertyName::cut(NOTICED_BY), Scalar::Text(Text::cut(told.id.as_str())));
    touch.properties = notice.into_iter().chain([by]).collect();
    Ok(touch)
}
