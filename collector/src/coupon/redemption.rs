//! Redemptions as the ledger of a code's owner has them, and leaks: a code that somebody else used.
//!
//! A code *leaked* where an order used it of which the owner's ledger knows nothing: neither the owner's page nor the shop's server
//! told of it as theirs, and whoever ordered was not merged with them, for `WAITS`.

use std::collections::BTreeSet;

use engine::decide::{EXPIRES_PROPERTY, REDEEMED};
use engine::touch::event;
use engine::{
    Evaluation, EventName, Lead, Millis, Model, OfferId, PropertyName, Scalar, Span, Text, TextError, Touch, TouchId,
    Trust,
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use store::LeadKey;
use utoipa::ToSchema;

use super::register::{CodeName, Teller, Use};
use crate::message::{self, ModelBody, Telling, Told, Way};

/// Our own touch: a leak was told of.
pub const LEAKED: &str = "gloed_leaked";
/// Its property with the id of the redemption.
const REDEMPTION: &str = "redemption";
/// The property of a redemption that says whose word it is that somebody in particular ordered.
const BY: &str = "by";
/// How long the owner's page, and a merge, are waited for.
pub(crate) const WAITS: Span = Span::minutes(10);
/// What is not told within this time is not told: what it would be judged by may be folded.
const NEWS: Span = Span::days(7);

/// Whose word it is that somebody in particular ordered; `None`: nobody said who.
const fn by(teller: Teller) -> Option<&'static str> {
    match teller {
        Teller::Till => None,
        Teller::TillOfAnother => Some("another"),
        Teller::Order => Some("order"),
    }
}

/// Who told of the redemption that a touch is.
pub(crate) fn teller_of(touch: &Touch) -> Teller {
    let told = touch.properties.get(BY).and_then(Scalar::text);
    [Teller::TillOfAnother, Teller::Order].into_iter().find(|one| by(*one) == told).unwrap_or(Teller::Till)
}

/// The touch of a redemption: the same whoever applies what tells of it, and however often.
///
/// # Errors
/// None in practice: every text here is of our own making.
pub(crate) fn touch(code: &CodeName, offer: &OfferId, used: &Use) -> Result<Touch, TextError> {
    let (by, transaction) = (by(used.teller), &used.transaction);
    let told = format!("{}\n{transaction}\n{}", code.as_str(), by.unwrap_or_default());
    let digest = Sha256::digest(told.as_bytes());
    let digest: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let id = TouchId::parse(&format!("redeemed:{digest}"))?;
    let mut touch = Touch::new(id, EventName::parse(REDEEMED)?, message::own_stream()?, Millis(used.at));
    touch.trust = Trust::Product;
    touch.offer = Some(offer.clone());
    touch.transaction = Some(Text::cut(transaction));
    let text = |name, value| (PropertyName::cut(name), Scalar::Text(Text::cut(value)));
    let by = by.map(|by| text(BY, by));
    touch.properties = by.into_iter().chain([text(event::CODE_PROPERTY, code.as_str())]).collect();
    Ok(touch)
}

/// The code that a touch of ours gives or tells the use of.
pub(crate) fn code_of(touch: &Touch) -> Option<CodeName> {
    CodeName::of(touch.properties.get(event::CODE_PROPERTY)?.text()?)
}

/// The number of an order: the shop's, else that of its event.
pub(crate) fn order_of(purchase: &Touch) -> &str {
    purchase.transaction.as_ref().map_or_else(|| purchase.id.as_str(), Text::as_str)
}

/// What uses of its codes a lead's ledger has.
fn redemptions(lead: &Lead) -> impl Iterator<Item = &Touch> {
    lead.touches().iter().filter(|touch| touch.trust == Trust::Product && touch.is(REDEEMED))
}

/// Whether somebody in particular used a code, and nothing says that it was its owner.
fn is_anothers(redemption: &Touch, lead: &Lead, evaluation: &Evaluation) -> bool {
    let held = |touch: &Touch| evaluation.quarantined.iter().any(|(id, _)| *id == touch.id);
    let is_same = |touch: &Touch| {
        touch.trust < Trust::Product
            && touch.is(event::PURCHASE)
            && redemption.transaction.as_ref().is_some_and(|order| order.as_str() == order_of(touch))
    };
    redemption.properties.get(BY).is_some() && !lead.touches().iter().any(|touch| is_same(touch) && !held(touch))
}

/// Whether a code of this lead was used by somebody else, as far as is known now.
#[must_use]
pub fn is_leaked(lead: &Lead, evaluation: &Evaluation, code: &CodeName) -> bool {
    redemptions(lead).any(|touch| code_of(touch).as_ref() == Some(code) && is_anothers(touch, lead, evaluation))
}

/// A code that a visitor was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HeldCode {
    /// The code.
    pub code: String,
    /// The offer that it was given with.
    pub offer: Option<String>,
    /// When, ms since 1970.
    pub granted: i64,
    /// The last day on which it is good, where it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// Orders that used it, oldest first.
    pub orders: Vec<String>,
    /// Whether one of them is somebody else's, as far as is known.
    pub leaked: bool,
}

/// The codes that a lead was given, oldest first.
#[must_use]
pub fn held_codes(lead: &Lead, evaluation: &Evaluation) -> Vec<HeldCode> {
    let grants = lead.touches().iter().filter(|touch| touch.trust == Trust::Product && touch.is(event::GRANTED));
    let text = |touch: &Touch, name| Some(touch.properties.get(name)?.text()?.to_owned());
    let held = |grant: &Touch| {
        let code = text(grant, event::CODE_PROPERTY)?;
        let name = CodeName::of(&code)?;
        let uses = redemptions(lead).filter(|touch| code_of(touch).as_ref() == Some(&name));
        let mut orders: Vec<String> = uses.filter_map(|touch| Some(touch.transaction.as_ref()?.to_string())).collect();
        // A till and an order may both tell of one.
        let mut met = BTreeSet::new();
        orders.retain(|order| met.insert(order.clone()));
        Some(HeldCode {
            offer: grant.offer.as_ref().map(ToString::to_string),
            granted: grant.time.0,
            expires: text(grant, EXPIRES_PROPERTY),
            leaked: is_leaked(lead, evaluation, &name),
            code,
            orders,
        })
    };
    grants.filter_map(held).collect()
}

/// A code was used by somebody else than whom it was given to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CouponLeaked {
    /// `coupon_leaked`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The same however often this is told.
    pub id: String,
    /// The site's write key.
    pub site: String,
    /// Whom the code was given to.
    pub visitor: String,
    /// How it is to go out.
    pub via: Vec<Way>,
    /// The code; a signed one without hyphens.
    pub code: String,
    /// The offer that it was given with.
    pub offer: String,
    /// The order that used it.
    pub transaction_id: String,
    /// When it was used, ms since 1970.
    pub at: i64,
    /// When that was noticed, ms since 1970.
    pub announced_at: i64,
    /// Points as decimal text, rounded towards the lower stage.
    pub score: String,
    /// The stage.
    pub stage: String,
    /// The model.
    pub model: ModelBody,
    /// Path of the lead's page on the private listener.
    pub url: String,
}

/// Leaks that are to be told of, and when to look again at what waits.
///
/// # Errors
/// None in practice: every text here is of our own making.
pub(crate) fn leaks(
    key: &LeadKey,
    lead: &Lead,
    model: &Model,
    evaluation: &Evaluation,
) -> Result<(Vec<Telling>, Option<Millis>), TextError> {
    let is_told = |redemption: &Touch| {
        let of_it =
            |touch: &Touch| touch.properties.get(REDEMPTION).and_then(Scalar::text) == Some(redemption.id.as_str());
        lead.touches().iter().any(|touch| touch.trust == Trust::Product && touch.is(LEAKED) && of_it(touch))
    };
    let mut tellings = Vec::new();
    let mut look_at: Option<Millis> = None;
    for redemption in redemptions(lead) {
        let age = evaluation.at.since(redemption.received);
        if age > NEWS || !is_anothers(redemption, lead, evaluation) || is_told(redemption) {
            continue;
        }
        let judged_at = redemption.received.plus(WAITS);
        if evaluation.at < judged_at {
            look_at = Some(look_at.map_or(judged_at, |at| at.min(judged_at)));
            continue;
        }
        tellings.push(told(key, lead, model, evaluation, redemption)?);
    }
    Ok((tellings, look_at))
}

fn told(
    key: &LeadKey,
    lead: &Lead,
    model: &Model,
    evaluation: &Evaluation,
    redemption: &Touch,
) -> Result<Telling, TextError> {
    let (id, touch_id) = message::ids(lead, "leaked", &format!("coupon_leaked\n{key}\n{}", redemption.id))?;
    let mut touch = Touch::new(touch_id, EventName::parse(LEAKED)?, message::own_stream()?, evaluation.at);
    touch.trust = Trust::Product;
    touch.offer.clone_from(&redemption.offer);
    let by = (PropertyName::cut(REDEMPTION), Scalar::Text(Text::cut(redemption.id.as_str())));
    let code = redemption.properties.get(event::CODE_PROPERTY).cloned();
    touch.properties =
        code.iter().map(|code| (PropertyName::cut(event::CODE_PROPERTY), code.clone())).chain([by]).collect();
    let message = CouponLeaked {
        kind: "coupon_leaked",
        id: message::shown(&id),
        site: key.site.to_string(),
        visitor: key.visitor.to_string(),
        via: Way::of(&engine::model::Via::ALL),
        code: code.as_ref().and_then(Scalar::text).unwrap_or_default().to_owned(),
        offer: redemption.offer.as_ref().map(ToString::to_string).unwrap_or_default(),
        transaction_id: redemption.transaction.as_ref().map(ToString::to_string).unwrap_or_default(),
        at: redemption.time.0,
        announced_at: evaluation.at.0,
        score: evaluation.score.shown(),
        stage: evaluation.stage_name.clone(),
        model: model.into(),
        url: message::page_of(key),
    };
    Ok(Telling { touch, message: Some((id, Told::CouponLeaked(message))) })
}
