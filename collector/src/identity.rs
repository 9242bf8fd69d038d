//! Who a visitor is: seeds become ids, ids are signed, and nobody can make an id that is somebody else's.
//!
//! - The **visitor id** is HMAC-SHA-256(site secret, "visitor" ‖ site ‖ seed), cut to 128 bits. Requests that run in
//!   parallel with one seed get one id. Of somebody whom only the shop's server knows it is HMAC-SHA-256(site secret,
//!   "person" ‖ site ‖ the shop's id of the person).
//! - The **signed id** (`g1.<id>.<tag>`) is what a cookie or local storage holds. Knowing an id, as a marketer does, is
//!   not enough to make the tag. Of a person whom the shop knows the tag is another one, so that an answer can tell the two
//!   apart without the store.
//! - A **sealed link** names a person to whoever opens it: see `link.rs`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use store::{LeadKey, SiteName, Tombstone, VisitorId};
use subtle::ConstantTimeEq as _;
use wire::{Person, Seed};

use crate::config::SiteSecrets;
use crate::coupon::signed::CouponKey;

const PREFIX: &str = "g1";

/// HMAC-SHA-256 over parts that cannot run into each other.
fn keyed_digest(secret: &SecretString, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of every length, so the fallback is never used.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else { return [0; 32] };
    for part in std::iter::once(purpose.as_bytes()).chain(parts.iter().copied()) {
        mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Its first 128 bits.
fn keyed_hash(secret: &SecretString, purpose: &str, parts: &[&[u8]]) -> [u8; 16] {
    let digest = keyed_digest(secret, purpose, parts);
    let mut cut = [0; 16];
    cut.copy_from_slice(&digest[..16]);
    cut
}

/// Makes and verifies the ids of one site.
#[derive(Clone)]
pub struct Identities {
    site: String,
    current: SecretString,
    previous: Option<SecretString>,
}

impl Identities {
    /// The ids of the site with this key.
    #[must_use]
    pub fn new(site: &str, secrets: &SiteSecrets) -> Self {
        Self {
            site: site.to_owned(),
            current: secrets.visitor_secret.clone(),
            previous: secrets.previous_visitor_secret.clone(),
        }
    }

    /// The id that a seed stands for.
    #[must_use]
    pub fn of_seed(&self, seed: &Seed) -> VisitorId {
        let parts = [self.site.as_bytes(), seed.as_str().as_bytes()];
        VisitorId::from_bytes(keyed_hash(&self.current, "visitor", &parts))
    }

    /// The id of a person whom only the shop's server knows. There is no signed id for it unless somebody asks: no page can
    /// become this visitor by knowing the shop's id of the person.
    #[must_use]
    pub fn of_person(&self, person: &Person) -> VisitorId {
        let parts = [self.site.as_bytes(), person.as_str().as_bytes()];
        VisitorId::from_bytes(keyed_hash(&self.current, "person", &parts))
    }

    /// A visitor nobody has seen, for an id that does not verify and for one that was erased.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn fresh(&self) -> Result<VisitorId, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(VisitorId::from_bytes(bytes))
    }

    /// Who an erased visitor is from then on. Always the same, so that a retried request makes no second visitor; nobody
    /// without the secret can tell who it was before.
    #[must_use]
    pub fn successor(&self, erased: VisitorId) -> VisitorId {
        let parts = [self.site.as_bytes(), erased.as_bytes()];
        VisitorId::from_bytes(keyed_hash(&self.current, "successor", &parts))
    }

    /// The signed form of an id; `person`: it is that of a person whom the shop knows.
    #[must_use]
    pub fn sign(&self, visitor: VisitorId, person: bool) -> String {
        let tag = keyed_hash(&self.current, purpose(person), &[self.site.as_bytes(), visitor.as_bytes()]);
        format!("{PREFIX}.{visitor}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// Whom a signed id names, when this site signed it with one of its two living secrets.
    #[must_use]
    pub fn verify(&self, signed: &str) -> Option<Signed> {
        let mut parts = signed.split('.');
        let (prefix, id, tag) = (parts.next()?, parts.next()?, parts.next()?);
        if prefix != PREFIX || parts.next().is_some() {
            return None;
        }
        let visitor = VisitorId::parse(id).ok()?;
        let given = URL_SAFE_NO_PAD.decode(tag).ok()?;
        let parts = [self.site.as_bytes(), visitor.as_bytes().as_slice()];
        let as_whose = |person| Some((person, self.maker(purpose(person), &parts, &given)?));
        let (person, maker) = [false, true].into_iter().find_map(as_whose)?;
        Some(Signed { visitor, person, current: maker == Maker::Current })
    }

    /// The seal of a link's content.
    #[must_use]
    pub fn seal(&self, content: &[u8]) -> [u8; 16] {
        keyed_hash(&self.current, LINK, &[self.site.as_bytes(), content])
    }

    /// Whether this site sealed it, with one of its two living secrets.
    #[must_use]
    pub fn sealed(&self, content: &[u8], seal: &[u8]) -> bool {
        self.maker(LINK, &[self.site.as_bytes(), content], seal).is_some()
    }

    /// The keys of signed coupon codes: the one that makes them first, then the one before it while it is accepted. Whoever has
    /// one can make codes of this site, and nothing else.
    #[must_use]
    pub fn coupon_keys(&self) -> Vec<CouponKey> {
        let key = |secret| CouponKey::from_bytes(keyed_digest(secret, COUPON_KEY, &[self.site.as_bytes()]));
        std::iter::once(&self.current).chain(&self.previous).map(key).collect()
    }

    /// Which of the living secrets gives this tag, if one does; the time says nothing about how much of it is right.
    fn maker(&self, purpose: &str, parts: &[&[u8]], given: &[u8]) -> Option<Maker> {
        let matches = |secret| bool::from(keyed_hash(secret, purpose, parts).as_slice().ct_eq(given));
        if matches(&self.current) {
            return Some(Maker::Current);
        }
        self.previous.as_ref().is_some_and(matches).then_some(Maker::Previous)
    }
}

/// Which secret a tag was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Maker {
    Current,
    Previous,
}

/// What a signed id says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed {
    /// Whom it names.
    pub visitor: VisitorId,
    /// Whether that is a person whom the shop knows.
    pub person: bool,
    /// Whether it was signed with the current secret, so that signing it now would give the same text.
    pub current: bool,
}

const LINK: &str = "link";
const COUPON_KEY: &str = "coupon key";

/// What the tag of a signed id is made for.
const fn purpose(person: bool) -> &'static str {
    if person { "signed id of a person" } else { "signed id" }
}

/// Makes the tombstones of erased visitors.
#[derive(Clone)]
pub struct Tombstones(SecretString);

impl Tombstones {
    /// With the process's tombstone key.
    #[must_use]
    pub fn new(key: SecretString) -> Self {
        Self(key)
    }

    /// The tombstone that this lead has or would have.
    #[must_use]
    pub fn of(&self, key: &LeadKey) -> Tombstone {
        let parts = [key.site.as_str().as_bytes(), key.visitor.as_bytes().as_slice()];
        Tombstone::of(key, keyed_hash(&self.0, "tombstone", &parts))
    }

    /// What a visitor's id is covered with where it is kept beside the digest of a code: who does not have the code cannot
    /// uncover it, so it goes with the last copy of that.
    #[must_use]
    pub fn cover(&self, site: &SiteName, code: &str) -> [u8; 16] {
        keyed_hash(&self.0, "owner of a code", &[site.as_str().as_bytes(), code.as_bytes()])
    }
}

/// 128 random bits as text: ids of decisions and of our own touches.
///
/// # Errors
/// When the system gives no random bytes.
pub fn random_id() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identities(site: &str, current: &str, previous: Option<&str>) -> Identities {
        Identities::new(
            site,
            &SiteSecrets {
                visitor_secret: current.to_owned().into(),
                previous_visitor_secret: previous.map(|secret| secret.to_owned().into()),
                server_key: String::new().into(),
            },
        )
    }

    #[test]
    fn a_signed_id_verifies_for_its_own_site_only() {
        let (shop, other) = (identities("shop", "s", None), identities("other", "s", None));
        let visitor = shop.fresh().unwrap();
        assert_eq!(shop.verify(&shop.sign(visitor, false)), Some(Signed { visitor, person: false, current: true }));
        assert_eq!(other.verify(&shop.sign(visitor, false)), None);
    }

    #[test]
    fn no_change_of_one_character_verifies() {
        let shop = identities("shop", "s", None);
        let signed = shop.sign(shop.fresh().unwrap(), false);
        for index in 0..signed.len() {
            let mut bytes = signed.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'Q' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            if changed != signed {
                assert_eq!(shop.verify(&changed), None, "{changed}");
            }
        }
        for odd in ["", "g1", "g1..", "g1.a.b", &format!("{signed}.x"), &signed[3..]] {
            assert_eq!(shop.verify(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_persons_signed_id_says_so_and_a_seal_is_none() {
        let shop = identities("shop", "s", None);
        let visitor = shop.fresh().unwrap();
        assert_eq!(shop.verify(&shop.sign(visitor, true)), Some(Signed { visitor, person: true, current: true }));
        assert_ne!(shop.sign(visitor, true), shop.sign(visitor, false));
        let seal = shop.seal(visitor.as_bytes());
        assert!(shop.sealed(visitor.as_bytes(), &seal) && !shop.sealed(b"another", &seal));
        assert!(!identities("other", "s", None).sealed(visitor.as_bytes(), &seal));
        assert!(identities("shop", "new", Some("s")).sealed(visitor.as_bytes(), &seal));
        assert_eq!(shop.verify(&format!("{PREFIX}.{visitor}.{}", URL_SAFE_NO_PAD.encode(seal))), None);
    }

    #[test]
    fn two_secrets_live_during_a_rotation() {
        let before = identities("shop", "old", None);
        let visitor = before.fresh().unwrap();
        let signed = before.sign(visitor, false);
        let verified = identities("shop", "new", Some("old")).verify(&signed);
        assert_eq!(verified, Some(Signed { visitor, person: false, current: false }), "to be signed anew");
        assert_eq!(identities("shop", "new", None).verify(&signed), None);
    }
}
