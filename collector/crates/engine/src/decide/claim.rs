//! Claims: the code of an offer, for whoever has earned it.

use super::experiment::is_held_out;
use super::history::OfferHistory;
use crate::evaluate::Evaluation;
use crate::lead::Lead;
use crate::model::{CouponCode, Model, Reveal};
use crate::reason::Reason;
use crate::time::Millis;
use crate::touch::{OfferId, Scalar, event};

/// The property of a grant in the ledger that names the pool, where its code is one of a pool.
pub const POOL_PROPERTY: &str = "pool";
/// The property of a grant in the ledger that says until when its code is good, where that is signed: the last day,
/// `2026-12-09`, in the site's zone.
pub const EXPIRES_PROPERTY: &str = "expires";
/// Our own touch: a code that was given to this visitor was used, in the order that the touch has as its transaction; the code
/// is the property `code`.
pub const REDEEMED: &str = "gloed_redeemed";
/// The property of an order that holds the code used for it; GA4's name.
pub const COUPON_PROPERTY: &str = "coupon";

/// A code that a visitor may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The code. One of a pool is to be found before it is answered.
    pub code: CouponCode,
    /// Whether the ledger already holds its grant; if not, whoever answers with it records one first.
    pub already_granted: bool,
}

/// The code of an offer, for a visitor who was shown it and has reached its goal.
///
/// The oldest code that was granted is the visitor's code for ever: claiming again, after an edit of the model or a merge
/// gives the same one.
///
/// `evaluation` is that of the same lead and model at `now`.
///
/// # Errors
/// The reason why not: no such offer, no code, held out, never shown, over before it was shown, goal not reached.
pub fn claim(
    lead: &Lead,
    evaluation: &Evaluation,
    model: &Model,
    offer: &OfferId,
    now: Millis,
) -> Result<Grant, Reason> {
    if let Some(grant) = granted(lead, offer) {
        return Ok(grant);
    }
    let offer = model.offer(offer.as_str()).ok_or(Reason::UnknownOffer)?;
    let coupon = offer.coupon.as_ref().ok_or(Reason::NoCoupon)?;
    if is_held_out(lead, offer, &model.offers_policy) {
        return Err(Reason::Holdout);
    }
    let history = OfferHistory::of(offer, lead.touches());
    if history.impressions().next().is_none() {
        // An offer that was never shown grants nothing once it is over; one that was keeps its word.
        return Err(if offer.until.is_some_and(|end| now.max(evaluation.at) >= end) {
            Reason::Ended
        } else {
            Reason::NeverShown
        });
    }
    if coupon.reveal == Reveal::Goal && !history.reached_goal_after_impression() {
        return Err(Reason::GoalNotReached);
    }
    Ok(Grant { code: coupon.code.clone(), already_granted: false })
}

/// The oldest code of an offer that the ledger holds.
#[must_use]
pub fn granted(lead: &Lead, offer: &OfferId) -> Option<Grant> {
    let grants = lead.touches().iter().filter(|touch| touch.is(event::GRANTED) && touch.offer.as_ref() == Some(offer));
    let mut codes = grants.filter_map(|touch| match touch.properties.get(event::CODE_PROPERTY) {
        Some(Scalar::Text(code)) => Some(CouponCode::Known(code.as_str().to_owned())),
        _ => None,
    });
    codes.next().map(|code| Grant { code, already_granted: true })
}
