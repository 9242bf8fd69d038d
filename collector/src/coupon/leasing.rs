//! Codes for a decision. Of a pool: who has none in the ledger leases one, where nothing says that the store may have forgotten
//! whose codes are. Signed ones are made.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::{CouponCode, CouponPrefix, Millis, OfferId, PoolName, Reason};
use jiff::ToSpan as _;
use store::{LeadKey, StoreError};

use super::codes::Code;
use super::pool::{self, LEASE, Leased, Pool, PoolError, Term};
use crate::app::App;
use crate::grant::UNAVAILABLE;
use crate::site::Site;

/// How long a decision waits for a code of one pool. Most are found at the first asking; where most are taken, it asks for many.
const LEASES_WITHIN: Duration = Duration::from_millis(500);

/// What became of asking a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asked {
    Code(Code),
    Empty,
    /// The store does not answer, or may have forgotten whose codes are, or the configuration has no such pool.
    Unavailable,
}

/// A code for one visitor, the pool that it is one of, and the last day on which it is good.
pub(crate) struct Given<'a> {
    pub(crate) code: &'a str,
    pub(crate) pool: Option<&'a PoolName>,
    pub(crate) last_day: Option<&'a str>,
}

/// A code that was made, and its last day.
#[derive(Debug)]
struct Made {
    code: String,
    last_day: String,
}

/// What pools gave to one decision, and what was made for it.
#[derive(Debug, Default)]
pub(crate) struct Codes {
    asked: BTreeMap<PoolName, Asked>,
    /// By prefix, which is one offer's.
    made: BTreeMap<CouponPrefix, Made>,
}

impl Codes {
    /// Whether a pool was asked.
    pub(crate) fn asked(&self, pool: &PoolName) -> bool {
        self.asked.contains_key(pool)
    }

    /// Makes the code of an offer for this visitor, where it is a signed one: the same all day, whichever collector is asked.
    pub(crate) fn sign(&mut self, site: &Site, key: &LeadKey, offer: &OfferId, code: &CouponCode, now: Millis) {
        let Some(coupon) = code.signed() else { return };
        let last_day = site.day(now).and_then(|day| day.checked_add(i64::from(coupon.valid_days).days()).ok());
        let made = last_day.and_then(|last_day| {
            let keys = site.identities.coupon_keys();
            let code = keys.first()?.code(&coupon.prefix, offer, key.visitor, last_day)?;
            Some(Made { code, last_day: last_day.to_string() })
        });
        self.made.extend(made.map(|made| (coupon.prefix.clone(), made)));
    }

    /// Asks a pool for a code of this visitor; whether it is empty.
    pub(crate) async fn ask(&mut self, app: &App, site: &Site, key: &LeadKey, pool: PoolName) -> bool {
        let asked = ask(app, site, key, &pool).await;
        let empty = asked == Asked::Empty;
        self.asked.insert(pool, asked);
        empty
    }

    /// The code that is meant.
    ///
    /// # Errors
    /// Why there is none now.
    pub(crate) fn given<'a>(&'a self, code: &'a CouponCode) -> Result<Given<'a>, &'static str> {
        match code {
            CouponCode::Known(code) => Ok(Given { code, pool: None, last_day: None }),
            CouponCode::Signed(coupon) => match self.made.get(&coupon.prefix) {
                Some(Made { code, last_day }) => Ok(Given { code, pool: None, last_day: Some(last_day) }),
                None => Err(UNAVAILABLE),
            },
            CouponCode::OneOf(pool) => match self.asked.get(pool) {
                Some(Asked::Code(code)) => Ok(Given { code: code.as_str(), pool: Some(pool), last_day: None }),
                Some(Asked::Empty) => Err(Reason::PoolEmpty.code()),
                Some(Asked::Unavailable) | None => Err(UNAVAILABLE),
            },
        }
    }
}

async fn ask(app: &App, site: &Site, key: &LeadKey, name: &PoolName) -> Asked {
    let Some(pool) = site.pools.get(name) else {
        tracing::warn!(site = site.config.key.as_str(), pool = %name, "the model in force names a pool that the configuration has not");
        return Asked::Unavailable;
    };
    if !knows_whose_codes_are(app) {
        return Asked::Unavailable;
    }
    match tokio::time::timeout(LEASES_WITHIN, leased(app, pool, key)).await {
        Ok(Ok(Some(Leased::Code(code)))) => Asked::Code(code),
        Ok(Ok(Some(Leased::Empty))) => Asked::Empty,
        Ok(Ok(Some(Leased::NotFound) | None)) => Asked::Unavailable,
        Ok(Err(error)) => {
            tracing::warn!(%error, "no new code is given: the store does not answer");
            Asked::Unavailable
        }
        Err(_) => {
            tracing::warn!("no new code is given: the store does not answer in time");
            Asked::Unavailable
        }
    }
}

/// A lease; `None` where the store that gives it is another one than this collector's log was applied to.
async fn leased(app: &App, pool: &Pool, key: &LeadKey) -> Result<Option<Leased>, PoolError> {
    // Asked before the lease too: one on a store that has lost whose the code is would be in the way of applying that again.
    if !is_known(app).await? {
        return Ok(None);
    }
    let now = app.clock.now();
    let leased = pool.lease(&*app.store, key, Term { now: now.0, until: now.plus(LEASE).0 }).await?;
    if is_known(app).await? {
        return Ok(Some(leased));
    }
    if let Leased::Code(code) = leased {
        pool::give_back(&*app.store, &code, key).await?;
    }
    Ok(None)
}

/// Whether the store is the one that this collector's log is applied to, and lacks nothing.
pub(crate) async fn is_known(app: &App) -> Result<bool, StoreError> {
    let identity = app.store.health().await?.identity;
    Ok(app.progress.is_on(&identity) && knows_whose_codes_are(app))
}

/// Whether nothing says that codes look free in the store which somebody was granted: it was not lost, or every collector has
/// applied its log to it since.
pub(crate) fn knows_whose_codes_are(app: &App) -> bool {
    !app.progress.is_again() && app.fleet.has_all_again(app.clock.now())
}
