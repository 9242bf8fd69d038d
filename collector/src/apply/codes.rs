//! Grants and orders as the register of codes has them, and what follows for the owner of a code: that it was used.
//!
//! Before the leads of the batch are committed: whoever is answered with a code, or hears that their event is applied, finds it in
//! the register. What follows is no record of the log's but of the records that are: it is made again with the same ids.

use engine::decide::{COUPON_PROPERTY, EXPIRES_PROPERTY, POOL_PROPERTY, REDEEMED};
use engine::touch::event;
use engine::{Scalar, TextError, Touch, Trust};
use store::{LeadKey, StoreError};

use crate::app::App;
use crate::coupon::is_ours;
use crate::coupon::redemption::{self, code_of, order_of};
use crate::coupon::register::{self, CodeName, Entry, Owner, Teller, Use};
use crate::log_record::{LogRecord, TouchesRecord};
use crate::site::Site;

/// Enters what records say of codes, but for grants that are `void`, and gives what follows for their owners. Can be repeated.
///
/// # Errors
/// When the store is away.
pub(super) async fn register(
    app: &App,
    records: &[LogRecord],
    void: impl Fn(&LeadKey, &Touch) -> bool,
) -> Result<Vec<(LeadKey, Touch)>, StoreError> {
    let mut follows = Vec::new();
    for record in records {
        let LogRecord::Touches(TouchesRecord { whose, touches, .. }) = record else { continue };
        // Most records say nothing of codes: what costs more than a look is done for the others.
        if !touches.iter().any(is_about_codes) {
            continue;
        }
        let Ok(key) = whose.key() else { continue };
        let Some(site) = app.sites.get(key.site.as_str()).filter(|_| !app.erased.contains(&key)) else { continue };
        for touch in touches.iter().filter(|touch| is_about_codes(touch)) {
            if let Some((code, owner)) = granted(&key, touch).filter(|_| !void(&key, touch)) {
                let entry = register::change(app, &key.site, &code, |entry| entry.give(owner.clone())).await?;
                // On a store that was lost, an order may be applied before the grant of its code.
                for used in &entry.uses {
                    follows.extend(redeemed(&key, &code, &entry, used)?);
                }
            } else if let Some((code, used)) = ordered(touch) {
                let Some(entry) = enter(app, site, &code, &used).await? else { continue };
                follows.extend(redeemed(&key, &code, &entry, &used)?);
            } else if let Some((code, used)) = told_by_a_till(touch) {
                register::change(app, &key.site, &code, |entry| entry.take(used.clone())).await?;
            }
        }
    }
    Ok(follows)
}

/// Whether a touch may say something of a code.
fn is_about_codes(touch: &Touch) -> bool {
    match touch.trust {
        Trust::Product => touch.is(event::GRANTED) || touch.is(REDEEMED),
        Trust::Server => touch.is(event::PURCHASE) && touch.properties.get(COUPON_PROPERTY).is_some(),
        Trust::Browser | Trust::Page => false,
    }
}

/// Enters that an order used a code; `None` where it is none of which each is one visitor's, as most codes of shops are.
async fn enter(app: &App, site: &Site, code: &CodeName, used: &Use) -> Result<Option<Entry>, StoreError> {
    if !is_ours(site, code) && register::read(app, &site.name, code).await?.is_none() {
        return Ok(None);
    }
    register::change(app, &site.name, code, |entry| entry.take(used.clone())).await.map(Some)
}

/// The redemption for the ledger of the code's owner, where that is known.
fn redeemed(key: &LeadKey, code: &CodeName, entry: &Entry, used: &Use) -> Result<Option<(LeadKey, Touch)>, StoreError> {
    let broken = |error: TextError| StoreError::Corrupt { what: error.to_string(), source: None };
    let Some(owner) = &entry.owner else { return Ok(None) };
    let touch = redemption::touch(code, &owner.offer, used).map_err(broken)?;
    Ok(Some((LeadKey::new(key.site.clone(), owner.visitor), touch)))
}

/// The code that a touch gives, where it is one visitor's, and to whom.
fn granted(key: &LeadKey, touch: &Touch) -> Option<(CodeName, Owner)> {
    let own = [POOL_PROPERTY, EXPIRES_PROPERTY].iter().any(|mark| touch.properties.get(mark).is_some());
    if !touch.is(event::GRANTED) || !own {
        return None;
    }
    let last_day = touch.properties.get(EXPIRES_PROPERTY).and_then(Scalar::text).map(str::to_owned);
    let owner = Owner { visitor: key.visitor, offer: touch.offer.clone()?, granted: touch.time, last_day };
    Some((code_of(touch)?, owner))
}

/// The code that an order used, as a server tells of it.
fn ordered(touch: &Touch) -> Option<(CodeName, Use)> {
    let told = touch.properties.get(COUPON_PROPERTY).filter(|_| touch.trust == Trust::Server);
    let code = CodeName::of(told?.text()?)?;
    Some((code, Use { transaction: order_of(touch).to_owned(), at: touch.received.0, teller: Teller::Order }))
}

/// The code that a till says was used.
fn told_by_a_till(touch: &Touch) -> Option<(CodeName, Use)> {
    let transaction = touch.transaction.as_ref().filter(|_| touch.is(REDEEMED))?;
    let teller = redemption::teller_of(touch);
    Some((code_of(touch)?, Use { transaction: transaction.to_string(), at: touch.time.0, teller }))
}
