//! Codes of which each is one visitor's: those of pools that a shop brings, read from its file and leased so that no code is ever
//! with two visitors, and [`signed`] ones, which are made.
//!
//! ```text
//! a shop's file ─ codes::read ─► Pool ─ Pool::lease ─► a code set aside for one visitor ─ pool::keep ─► theirs for good
//!                     └─ faults, by line                        └─ not kept in time ─► back in the pool
//! ```

pub mod codes;
pub(crate) mod leasing;
pub mod pool;
pub mod pools;
pub mod redemption;
pub mod register;
pub mod signed;
mod taken;
pub mod till;

use engine::{CouponCode, OfferId};
use register::CodeName;
use signed::{Verified, Written};

use crate::site::Site;

/// The offer of a signed code, and what the code says, as the model in force and the site's keys have it; `None`: it is none.
pub(crate) fn verified(site: &Site, code: &str) -> Option<(OfferId, Verified)> {
    let written = Written::read(code)?;
    let (model, keys) = (site.model(), site.identities.coupon_keys());
    model.offers.iter().find_map(|offer| {
        let coupon = offer.coupon.as_ref().map(|coupon| &coupon.code).and_then(CouponCode::signed)?;
        let verified = written.has_prefix(&coupon.prefix).then(|| signed::verify(&written, &offer.id, &keys))??;
        Some((offer.id.clone(), verified))
    })
}

/// Whether a code is one of which each is one visitor's: signed by this site, or of one of its pools.
pub(crate) fn is_ours(site: &Site, code: &CodeName) -> bool {
    verified(site, code.as_str()).is_some() || site.pools.hold(code)
}
