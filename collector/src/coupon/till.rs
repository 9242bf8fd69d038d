//! What tills ask: whether a code is good, and that an order uses it.
//!
//! ```text
//! redeem ─► register, the owner's lead ─► a touch of the owner's (log) ─► applied ─► the register says which order was first
//! ```

use engine::{Evaluation, Text};
use store::{LeadKey, StoreError, VisitorId};
use wire::{CouponAnswer, Redeemed};

use super::redemption::{self, is_leaked};
use super::register::{self, CodeName, Entry, Owner, Teller, Use};
use super::verified;
use crate::accept;
use crate::app::App;
use crate::grant;
use crate::masking::order_number;
use crate::metric::Metric;
use crate::person::{self, Person};
use crate::problem::Problem;
use crate::site::Site;

/// Why a code is not good: nobody was given it, or whoever was is erased.
const UNKNOWN: &str = "unknown";
const EXPIRED: &str = "expired";
const ALREADY_REDEEMED: &str = "already_redeemed";

/// A code that was given to somebody.
struct Known {
    name: CodeName,
    entry: Entry,
    owner: Owner,
    /// The owner as they are now.
    person: Person,
    /// Whether whoever comes with it is somebody else.
    anothers: bool,
}

/// What is known of a code. Nothing changes.
///
/// # Errors
/// [`Problem::StoreUnavailable`]: ask again; a signed code can be verified without asking.
pub async fn verify(app: &App, site: &Site, code: &str, visitor: Option<VisitorId>) -> Result<CouponAnswer, Problem> {
    let Some(known) = known(app, site, code, visitor).await? else { return Ok(unknown(site, code)) };
    let used = known.entry.uses.first().map(|_| ALREADY_REDEEMED);
    let refused = used.or_else(|| expired(app, site, known.owner.last_day.as_deref()));
    Ok(answer(app, site, &known, refused))
}

/// An order uses a code: the first order of all has it, and may ask again. Durable, and decided for all collectors, when this
/// returns.
///
/// # Errors
/// [`Problem::LogUnavailable`] and [`Problem::StoreUnavailable`]: ask again with the same order.
pub async fn redeem(
    app: &App,
    site: &Site,
    code: &str,
    transaction: &str,
    visitor: Option<VisitorId>,
) -> Result<CouponAnswer, Problem> {
    let answer = redeemed(app, site, code, transaction, visitor).await?;
    let refused = [UNKNOWN, EXPIRED, ALREADY_REDEEMED].into_iter().find(|why| answer.refused.as_deref() == Some(why));
    Metric::CouponRedeemed.count(refused.unwrap_or("redeemed"));
    Ok(answer)
}

async fn redeemed(
    app: &App,
    site: &Site,
    code: &str,
    transaction: &str,
    visitor: Option<VisitorId>,
) -> Result<CouponAnswer, Problem> {
    // As orders have it in ledgers.
    let transaction = Text::<64>::cut(&order_number(transaction));
    let Some(mut known) = known(app, site, code, visitor).await? else { return Ok(unknown(site, code)) };
    let is_first = |entry: &Entry| entry.uses.first().is_none_or(|first| first.transaction == transaction.as_str());
    if !is_first(&known.entry) {
        return Ok(self::answer(app, site, &known, Some(ALREADY_REDEEMED)));
    }
    let is_new = known.entry.uses.is_empty();
    if let Some(expired) = expired(app, site, known.owner.last_day.as_deref()).filter(|_| is_new) {
        return Ok(self::answer(app, site, &known, Some(expired)));
    }
    let teller = if known.anothers { Teller::TillOfAnother } else { Teller::Till };
    let used = Use { transaction: transaction.to_string(), at: app.clock.now().0, teller };
    let touch = redemption::touch(&known.name, &known.owner.offer, &used);
    let touch = touch.map_err(|error| Problem::Internal(error.to_string()))?;
    let key = known.person.key.clone();
    // Asked again, it says nothing new: but for one that names somebody else now.
    if known.person.kept.lead.touch(&touch.id).is_none() {
        let id = touch.id.clone();
        accept::append(app, &key, vec![touch], None).await?;
        if !grant::committed(app, &key, &[id]).await {
            return Err(not_in_time());
        }
    }
    // Of two orders at once only the store knows which was first.
    known = self::known(app, site, code, visitor).await?.ok_or_else(not_in_time)?;
    let refused = (!is_first(&known.entry)).then_some(ALREADY_REDEEMED);
    Ok(self::answer(app, site, &known, refused))
}

/// The code, where somebody was given it who is still known.
async fn known(app: &App, site: &Site, code: &str, visitor: Option<VisitorId>) -> Result<Option<Known>, Problem> {
    let Some(name) = CodeName::of(code) else { return Ok(None) };
    let entry = register::read(app, &site.name, &name).await.map_err(Problem::StoreUnavailable)?;
    let Some((entry, owner)) = entry.and_then(|entry| Some((entry.clone(), entry.owner?))) else { return Ok(None) };
    let head = async |visitor| person::known(app, &LeadKey::new(site.name.clone(), visitor)).await;
    let person = head(owner.visitor).await?;
    if person.kept.lead.is_empty() {
        return Ok(None);
    }
    let anothers = match visitor {
        Some(visitor) => head(visitor).await?.key != person.key,
        None => false,
    };
    Ok(Some(Known { name, entry, owner, person, anothers }))
}

/// Why a code that ends by itself is not good today.
fn expired(app: &App, site: &Site, last_day: Option<&str>) -> Option<&'static str> {
    let last_day = last_day?.parse().ok()?;
    site.day(app.clock.now()).filter(|today| *today > last_day).map(|_| EXPIRED)
}

/// A signed code that nobody was given says of itself what it is.
fn unknown(site: &Site, code: &str) -> CouponAnswer {
    let (offer, expires) =
        verified(site, code).map(|(offer, code)| (offer.to_string(), code.last_day.to_string())).unzip();
    CouponAnswer { v: 1, refused: Some(UNKNOWN.to_owned()), offer, expires, ..CouponAnswer::default() }
}

fn answer(app: &App, site: &Site, known: &Known, refused: Option<&str>) -> CouponAnswer {
    let Known { name, entry, owner, person, anothers } = known;
    let evaluation: Evaluation = engine::evaluate(&person.kept.lead, &site.model(), app.clock.now());
    CouponAnswer {
        v: 1,
        valid: refused.is_none(),
        refused: refused.map(str::to_owned),
        offer: Some(owner.offer.to_string()),
        visitor: Some(person.key.visitor.to_string()),
        granted: Some(owner.granted.0),
        expires: owner.last_day.clone(),
        redeemed: entry.uses.first().map(|used| Redeemed { transaction_id: used.transaction.clone(), at: used.at }),
        leaked: *anothers || is_leaked(&person.kept.lead, &evaluation, name),
        ignored: 0,
    }
}

/// It is in the log; whoever asks again with the same order hears what became of it.
fn not_in_time() -> Problem {
    let source = "it is not in the store in time".into();
    Problem::StoreUnavailable(StoreError::Unavailable { doing: "redeem a code", source })
}
