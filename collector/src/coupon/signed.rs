//! Signed codes: whoever has the site's coupon key can tell, without asking anybody, that a code is real, of which offer, and
//! until when it is good. `docs/COUPONS.md` has the format, and programs that verify it in other languages.
//!
//! ```text
//! WARM-1ABC2-DEFGH-JKMNP-QRSTV-WXYZ0-12345        after the prefix 30 characters of Crockford's base 32, in groups of five
//! head   the first 14, 70 bits: version 4 · last day 16 · visitor 50
//! tag    the other 16, 80 bits: the beginning of HMAC-SHA-256(coupon key; offer, prefix, head)
//! ```

use std::fmt;

use engine::model::unambiguous;
use engine::{CouponPrefix, OfferId};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::ToSpan as _;
use jiff::civil::Date;
use sha2::Sha256;
use store::VisitorId;
use subtle::ConstantTimeEq as _;

/// The version that is made, and the only one that is read.
const VERSION: u128 = 1;
/// Characters of the head, and bits in it.
const HEAD: (usize, u32) = (14, 70);
/// Bits of the last day and of the visitor, at the end of the head.
const DAY_BITS: u32 = 16;
const VISITOR_BITS: u32 = 50;
/// Characters of the tag, and bits in it.
const TAG: (usize, u32) = (16, 80);
/// Characters that follow the prefix.
const BODY: usize = HEAD.0 + TAG.0;
/// Between two hyphens.
const GROUP: usize = 5;
/// The longest prefix.
const PREFIX: usize = 12;
/// The longest text that is looked at: a code with any hyphens and spaces in it.
const MOST_BYTES: usize = 128;
/// Crockford's digits: no I, L, O or U.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Days are counted from here; 16 bits reach into 2179.
const FIRST_DAY: Date = jiff::civil::date(2000, 1, 1);

/// Makes and verifies the codes of one site. Derived from the site's secret (`Identities::coupon_keys`); its hexadecimal form is
/// what a shop gives its till.
#[derive(Clone, PartialEq, Eq)]
pub struct CouponKey([u8; 32]);

impl fmt::Debug for CouponKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CouponKey(…)")
    }
}

impl CouponKey {
    /// A key of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// 64 hexadecimal digits.
    #[must_use]
    pub fn to_hexadecimal(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The code of a visitor for an offer, good until the end of `last_day`: the same whenever it is made. `None` for a day
    /// outside 2000 to 2179.
    #[must_use]
    pub fn code(&self, prefix: &CouponPrefix, offer: &OfferId, visitor: VisitorId, last_day: Date) -> Option<String> {
        let day = u16::try_from((last_day - FIRST_DAY).get_days()).ok()?;
        let visitor = self.beginning(VISITOR_BITS, &visitor_message(offer, visitor));
        let head = (VERSION << DAY_BITS | u128::from(day)) << VISITOR_BITS | visitor;
        let head = digits(head, HEAD.0);
        let tag = digits(self.beginning(TAG.1, &tag_message(offer, &prefix.unambiguous(), &head)), TAG.0);
        let body = head + &tag;
        let groups = body.as_bytes().chunks(GROUP).map(String::from_utf8_lossy);
        Some(groups.fold(prefix.to_string(), |code, group| code + "-" + &group))
    }

    /// The first bits of a message's HMAC.
    fn beginning(&self, bits: u32, message: &str) -> u128 {
        // HMAC takes keys of every length, so the fallback is never used.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return 0 };
        mac.update(message.as_bytes());
        let digest = mac.finalize().into_bytes();
        let whole = digest.iter().take(16).fold(0_u128, |whole, byte| whole << 8 | u128::from(*byte));
        whole >> (u128::BITS - bits)
    }
}

/// What the tag is made of. No part holds a line feed.
fn tag_message(offer: &OfferId, prefix: &str, head: &str) -> String {
    format!("gloed coupon\n{offer}\n{prefix}\n{head}")
}

/// What the visitor's bits are made of: they differ from offer to offer, so that two codes do not tell that they are one
/// visitor's.
fn visitor_message(offer: &OfferId, visitor: VisitorId) -> String {
    format!("gloed coupon visitor\n{offer}\n{visitor}")
}

/// A text that has the shape of a signed code. Whether it is one, [`verify`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    prefix: String,
    head: String,
    tag: String,
}

impl Written {
    /// Reads a text as somebody may have typed it: whatever is no letter or digit is passed over, small letters are capital
    /// ones, `O` is 0, `I` and `L` are 1. `None` where it does not have the shape of a code.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > MOST_BYTES {
            return None;
        }
        let read: String = text.chars().filter(char::is_ascii_alphanumeric).map(unambiguous).collect();
        let (prefix, body) = read.split_at_checked(read.len().checked_sub(BODY)?)?;
        let fits = (1..=PREFIX).contains(&prefix.len()) && body.bytes().all(|byte| DIGITS.contains(&byte));
        let (head, tag) = body.split_at_checked(HEAD.0).filter(|_| fits)?;
        Some(Self { prefix: prefix.to_owned(), head: head.to_owned(), tag: tag.to_owned() })
    }

    /// One text for all the ways in which the code may be written.
    #[must_use]
    pub fn unambiguous(&self) -> String {
        [self.prefix.as_str(), &self.head, &self.tag].concat()
    }

    /// Whether it begins as the codes with this prefix do.
    #[must_use]
    pub fn has_prefix(&self, prefix: &CouponPrefix) -> bool {
        self.prefix == prefix.unambiguous()
    }
}

/// A code that one of the keys made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The last day on which it is good, in the site's time zone.
    pub last_day: Date,
    visitor: u128,
    key: CouponKey,
}

impl Verified {
    /// Whether it was made for this visitor of this offer.
    #[must_use]
    pub fn is_of(&self, offer: &OfferId, visitor: VisitorId) -> bool {
        let own = self.key.beginning(VISITOR_BITS, &visitor_message(offer, visitor));
        bool::from(own.to_be_bytes().ct_eq(&self.visitor.to_be_bytes()))
    }
}

/// Verifies a code of an offer: with the keys alone, nothing is asked. `None` where none of the keys made it for this offer. Whether
/// it has ended, and whether it was used before, is the caller's to judge.
///
/// Each key is tried, and the time says nothing about how much of a tag is right.
#[must_use]
pub fn verify(code: &Written, offer: &OfferId, keys: &[CouponKey]) -> Option<Verified> {
    let head = number(&code.head);
    let message = tag_message(offer, &code.prefix, &code.head);
    let made = |key: &CouponKey| {
        bool::from(digits(key.beginning(TAG.1, &message), TAG.0).as_bytes().ct_eq(code.tag.as_bytes()))
    };
    let key = keys.iter().fold(None, |found, key| if made(key) { found.or(Some(key)) } else { found })?;
    let day = head >> VISITOR_BITS & ((1 << DAY_BITS) - 1);
    let last_day = FIRST_DAY.checked_add(i64::try_from(day).ok()?.days()).ok()?;
    let verified = Verified { last_day, visitor: head & ((1 << VISITOR_BITS) - 1), key: key.clone() };
    (head >> (DAY_BITS + VISITOR_BITS) == VERSION).then_some(verified)
}

/// So many digits of a number, from the front.
fn digits(number: u128, count: usize) -> String {
    let digit = |place: usize| {
        let value = usize::try_from(number >> (5 * place) & 31).unwrap_or_default();
        char::from(*DIGITS.get(value).unwrap_or(&b'0'))
    };
    (0..count).rev().map(digit).collect()
}

/// The number that digits write; what is no digit counts as 0.
fn number(digits: &str) -> u128 {
    let value =
        |digit: u8| DIGITS.iter().zip(0_u128..).find(|(known, _)| **known == digit).map_or(0, |(_, value)| value);
    digits.bytes().fold(0, |number, digit| number << 5 | value(digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> CouponKey {
        CouponKey::from_bytes([byte; 32])
    }

    fn offer(id: &str) -> OfferId {
        OfferId::parse(id).unwrap()
    }

    fn prefix(text: &str) -> CouponPrefix {
        CouponPrefix::parse(text).unwrap()
    }

    const VISITOR: VisitorId = VisitorId::from_bytes([7; 16]);
    const DAY: Date = jiff::civil::date(2026, 12, 9);

    fn made() -> String {
        key(1).code(&prefix("WARM"), &offer("ten"), VISITOR, DAY).unwrap()
    }

    fn verified(code: &str, offer_id: &str, keys: &[CouponKey]) -> Option<Verified> {
        verify(&Written::read(code)?, &offer(offer_id), keys)
    }

    /// The vectors of `docs/COUPONS.md`, which the programs there are tested with too (`tests/coupons.rs`).
    #[test]
    fn codes_never_change() {
        let golden = [
            (1, "WARM", "ten", 7, DAY, "WARM-29KFQ-PSWSC-E6W4J-MM6ZQ-WFT94-03TC4"),
            (1, "WARM", "ten", 8, DAY, "WARM-29KFJ-PS21T-9KJMS-TXDYQ-VQPTH-9SE02"),
            (2, "OLIE20", "olie-20", 7, jiff::civil::date(2000, 1, 1), "OLIE20-2000D-5VVMP-K72YN-HNVDD-GQEBW-FDPM4"),
            (2, "A", "x", 255, jiff::civil::date(2179, 6, 6), "A-3ZZZA-6C23J-HPXRD-67YGV-VJM6C-MW7M2"),
        ];
        for (byte, begins, id, visitor, day, code) in golden {
            let made = key(byte).code(&prefix(begins), &offer(id), VisitorId::from_bytes([visitor; 16]), day);
            assert_eq!(made.as_deref(), Some(code));
        }
        assert_eq!(key(1).code(&prefix("A"), &offer("x"), VISITOR, jiff::civil::date(2179, 6, 7)), None);
        assert_eq!(key(1).code(&prefix("A"), &offer("x"), VISITOR, jiff::civil::date(1999, 12, 31)), None);
    }

    #[test]
    fn a_code_says_until_when_it_is_good_and_whose_it_is() {
        let found = verified(&made(), "ten", &[key(1)]).unwrap();
        assert_eq!(found.last_day, DAY);
        assert!(found.is_of(&offer("ten"), VISITOR));
        assert!(!found.is_of(&offer("ten"), VisitorId::from_bytes([8; 16])));
        assert_ne!(made(), key(1).code(&prefix("WARM"), &offer("ten"), VisitorId::from_bytes([8; 16]), DAY).unwrap());
    }

    #[test]
    fn it_is_of_one_offer_one_prefix_and_one_key_and_two_keys_live_at_a_time() {
        assert!(verified(&made(), "ten", &[key(2), key(1)]).is_some());
        assert!(verified(&made(), "ten", &[key(2)]).is_none());
        assert!(verified(&made(), "ten", &[]).is_none());
        assert!(verified(&made(), "eleven", &[key(1)]).is_none());
        assert!(verified(&made().replace("WARM", "COLD"), "ten", &[key(1)]).is_none());
    }

    #[test]
    fn it_may_be_typed_as_people_type() {
        let code = made();
        let (no_hyphens, spaced) = (code.replace('-', ""), code.replace('-', " \u{2013} "));
        let (small, letters) = (code.to_lowercase(), code.replace('0', "o").replace('1', "l"));
        for typed in [&no_hyphens, &spaced, &small, &letters] {
            assert_eq!(Written::read(typed), Written::read(&code), "{typed}");
        }
        for odd in ["", "WARM", &code[4..], &code[..code.len() - 1], &format!("{code}U"), &code.repeat(9), "\u{e9}"] {
            assert!(verified(odd, "ten", &[key(1)]).is_none(), "{odd}");
        }
    }

    #[test]
    fn no_change_of_one_character_verifies() {
        let code = made();
        for place in 0..code.len() {
            for digit in DIGITS {
                let mut bytes = code.clone().into_bytes();
                bytes[place] = *digit;
                let changed = String::from_utf8(bytes).unwrap();
                let same = Written::read(&changed) == Written::read(&code);
                assert_eq!(verified(&changed, "ten", &[key(1)]).is_some(), same, "{changed}");
            }
        }
    }

    #[test]
    fn a_version_to_come_is_not_read() {
        let (ours, head) = (prefix("WARM").unambiguous(), digits(2 << (DAY_BITS + VISITOR_BITS), HEAD.0));
        let tag = digits(key(1).beginning(TAG.1, &tag_message(&offer("ten"), &ours, &head)), TAG.0);
        assert!(verified(&format!("{ours}{head}{tag}"), "ten", &[key(1)]).is_none());
    }
}
