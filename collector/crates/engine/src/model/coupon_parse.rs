//! From the text of a model to the codes that offers come with.

use super::cost::cost;
use super::reader::{Faults, Table, short_text};
use super::{Coupon, CouponCode, CouponPrefix, Offer, PoolName, Reveal, SignedCoupon, SiteFacts};
use crate::time::Span;

const KINDS: [&str; 3] = ["fixed", "pool", "signed"];
const KIND: &str = "\"fixed\", \"pool\" or \"signed\"";
/// Keys of which only one kind has each, and what is said of them elsewhere.
const OWN: [(&str, &str, &str); 4] = [
    ("code", "fixed", "nothing: only kind = \"fixed\" has a code"),
    ("pool", "pool", "nothing: only kind = \"pool\" has a pool"),
    ("prefix", "signed", "nothing: only kind = \"signed\" has a prefix"),
    ("valid_for", "signed", "nothing: only codes of kind = \"signed\" end by themselves"),
];
const POOL: &str = "the name of a pool of the site's configuration: 1 to 64 of a-z A-Z 0-9 _ . -";
const PREFIX: &str = "what the codes begin with: 1 to 12 of A-Z 0-9";
const VALID_FOR: &str = "whole days for which a code is good, such as \"14d\": 1d to 3650d";
const DAYS: std::ops::RangeInclusive<u16> = 1..=3_650;

/// `coupon` of an offer.
pub(super) fn coupon(table: &Table<'_>, site: &SiteFacts, faults: &mut Faults) -> Option<Coupon> {
    let known = ["kind", "code", "pool", "prefix", "valid_for", "reveal", "cost", "at_most"];
    let coupon = table.table("coupon", &known, faults)?;
    let kind = coupon.required("kind", KIND, faults, |tree| {
        let kind = tree.text()?;
        KINDS.into_iter().find(|known| *known == kind)
    });
    for (key, owner, only) in OWN {
        if let Some(tree) = coupon.get(key).filter(|_| kind.is_some_and(|kind| kind != owner)) {
            faults.add(&coupon.inner(key), tree.line, tree, only);
        }
    }
    let code = match kind {
        Some("pool") => {
            coupon.required("pool", POOL, faults, |tree| PoolName::parse(tree.text()?).ok()).map(CouponCode::OneOf)
        }
        Some("signed") => signed(&coupon, faults).map(CouponCode::Signed),
        Some(_) => {
            let code = coupon.required("code", "1 to 64 visible ASCII characters", faults, |tree| {
                short_text(tree, 64).filter(|code| code.bytes().all(|byte| byte.is_ascii_graphic()))
            });
            code.map(|code| CouponCode::Known(code.to_owned()))
        }
        None => None,
    };
    let reveal = coupon.required("reveal", "\"shown\" or \"goal\"", faults, |tree| match tree.text()? {
        "shown" => Some(Reveal::Shown),
        "goal" => Some(Reveal::Goal),
        _ => None,
    });
    let cost = cost(&coupon, site.currency, faults);
    Some(Coupon { code: code?, reveal: reveal?, cost })
}

fn signed(coupon: &Table<'_>, faults: &mut Faults) -> Option<SignedCoupon> {
    let prefix = coupon.required("prefix", PREFIX, faults, |tree| CouponPrefix::parse(tree.text()?).ok());
    let valid_days = coupon.required("valid_for", VALID_FOR, faults, |tree| {
        let span = Span::parse(tree.text().filter(|text| text.ends_with(['d', 'w']))?).ok()?;
        let days = u16::try_from(span.0 / Span::days(1).0).ok()?;
        (Span::days(days.into()) == span && DAYS.contains(&days)).then_some(days)
    });
    Some(SignedCoupon { prefix: prefix?, valid_days: valid_days? })
}

/// Finds a fault where an earlier offer has the prefix: a till could not tell of which of the two a code is.
pub(super) fn prefix_of_another(table: &Table<'_>, offer: Option<&Offer>, earlier: &[Offer], faults: &mut Faults) {
    let prefix = |offer: &Offer| Some(offer.coupon.as_ref()?.code.signed()?.prefix.clone());
    let Some(own) = offer.and_then(prefix) else { return };
    let reads_the_same = |other: &&Offer| prefix(other).is_some_and(|one| one.unambiguous() == own.unambiguous());
    if let Some(other) = earlier.iter().find(reads_the_same) {
        let coupon = table.get("coupon");
        let path = format!("{}.prefix", table.inner("coupon"));
        let found = format!("\"{own}\", which reads as the prefix of the offer {}", other.id);
        faults.add(
            &path,
            coupon.and_then(|tree| tree.line),
            found,
            "a prefix that no other offer has; O reads as 0, I and L as 1",
        );
    }
}
