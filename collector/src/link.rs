//! Signed links: what a mail of the shop's says of whoever opens it.
//!
//! ```text
//! l1.<content>.<seal>     content: postcard of (person, expires, merge, labels); both base64url
//! ```
//!
//! The *seal* is 128 bits of HMAC-SHA-256 over site and content, under the site's visitor secret: the secret that makes
//! visitor ids, of which two live during a rotation. Not under the server key: the person would then have to stand in the
//! address as the shop calls them, since only the collector can make an id of that, and addresses end in histories, logs
//! and `Referer`s; and a server key, which has no second living one, could never be changed without breaking every mail
//! that is out. So tokens are made here, by `POST /v1/server/links`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engine::Millis;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use store::VisitorId;

use crate::identity::Identities;

const PREFIX: &str = "l1";
/// Characters of the longest token: ten labels of 64 bytes and what stands around them.
const MOST_CHARACTERS: usize = 1_024;

/// What a link says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The person's lead.
    pub person: VisitorId,
    /// Until when it is good.
    pub expires: Millis,
    /// Whether who opens it is that person.
    pub merge: bool,
    /// Labels for whoever opens it.
    pub labels: Vec<String>,
}

/// Why a token is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkFault {
    /// Not of this site's making.
    Forged,
    /// It was good once.
    Expired,
}

#[derive(Serialize, Deserialize)]
struct Content {
    person: [u8; 16],
    expires: i64,
    merge: bool,
    labels: Vec<String>,
}

impl Link {
    /// The token of a link.
    ///
    /// # Errors
    /// Never for these types; kept so that nothing panics.
    pub fn token(&self, identities: &Identities) -> Result<String, postcard::Error> {
        let Self { person, expires, merge, labels } = self;
        let content = Content { person: *person.as_bytes(), expires: expires.0, merge: *merge, labels: labels.clone() };
        let content = postcard::to_allocvec(&content)?;
        let seal = URL_SAFE_NO_PAD.encode(identities.seal(&content));
        Ok(format!("{PREFIX}.{}.{seal}", URL_SAFE_NO_PAD.encode(content)))
    }

    /// Reads a token of this site. Nothing of it is read before its seal is found to be right.
    ///
    /// # Errors
    /// See [`LinkFault`].
    pub fn open(token: &str, identities: &Identities, now: Millis) -> Result<Self, LinkFault> {
        let content = sealed(token, identities).ok_or(LinkFault::Forged)?;
        let content: Content = postcard::from_bytes(&content).map_err(|_| LinkFault::Forged)?;
        let Content { person, expires, merge, labels } = content;
        if expires <= now.0 {
            return Err(LinkFault::Expired);
        }
        Ok(Self { person: VisitorId::from_bytes(person), expires: Millis(expires), merge, labels })
    }
}

/// The content of a token, if this site sealed it.
fn sealed(token: &str, identities: &Identities) -> Option<Vec<u8>> {
    if token.len() > MOST_CHARACTERS {
        return None;
    }
    let mut parts = token.split('.');
    let (prefix, content, seal) = (parts.next()?, parts.next()?, parts.next()?);
    if prefix != PREFIX || parts.next().is_some() {
        return None;
    }
    let (content, seal) = (URL_SAFE_NO_PAD.decode(content).ok()?, URL_SAFE_NO_PAD.decode(seal).ok()?);
    identities.sealed(&content, &seal).then_some(content)
}

/// What names the event that a token gives one of its labels by: the same however often it is opened.
#[must_use]
pub fn label_id(token: &str, label: &str) -> String {
    let digest = Sha256::digest(format!("{token}\n{label}").as_bytes());
    format!("link:{}", URL_SAFE_NO_PAD.encode(&digest[..16]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SiteSecrets;

    const NOW: Millis = Millis(1_790_000_000_000);

    fn identities(site: &str, secret: &str, previous: Option<&str>) -> Identities {
        let secrets = SiteSecrets {
            visitor_secret: secret.to_owned().into(),
            previous_visitor_secret: previous.map(|secret| secret.to_owned().into()),
            server_key: String::new().into(),
        };
        Identities::new(site, &secrets)
    }

    fn link() -> Link {
        let labels = vec!["seo".to_owned(), "fietsen & meer".to_owned()];
        Link { person: VisitorId::from_bytes([7; 16]), expires: Millis(NOW.0 + 1), merge: true, labels }
    }

    #[test]
    fn a_token_says_what_the_link_said_to_its_own_site_until_it_expires() {
        let shop = identities("shop", "s", None);
        let token = link().token(&shop).unwrap();
        assert_eq!(Link::open(&token, &shop, NOW), Ok(link()));
        assert_eq!(Link::open(&token, &shop, Millis(NOW.0 + 1)), Err(LinkFault::Expired));
        assert_eq!(Link::open(&token, &identities("other", "s", None), NOW), Err(LinkFault::Forged));
        assert_eq!(Link::open(&token, &identities("shop", "new", Some("s")), NOW), Ok(link()));
        assert_eq!(Link::open(&token, &identities("shop", "new", None), NOW), Err(LinkFault::Forged));
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "{token}");
    }

    #[test]
    fn no_change_of_one_character_and_no_other_text_opens() {
        let shop = identities("shop", "s", None);
        let token = link().token(&shop).unwrap();
        for place in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'Q' } else { b'A' };
            assert_eq!(Link::open(&String::from_utf8(bytes).unwrap(), &shop, NOW), Err(LinkFault::Forged), "{place}");
        }
        let signed_id = shop.sign(VisitorId::from_bytes([7; 16]), true);
        for odd in ["", "l1", "l1..", "l1.a.b", &format!("{token}.x"), &token[3..], &signed_id, &"l1.".repeat(9_000)] {
            assert_eq!(Link::open(odd, &shop, NOW), Err(LinkFault::Forged), "{odd}");
        }
    }

    #[test]
    fn the_longest_link_fits() {
        let shop = identities("shop", "s", None);
        let longest = Link { labels: vec!["é".repeat(32); 10], ..link() };
        assert_eq!(Link::open(&longest.token(&shop).unwrap(), &shop, NOW), Ok(longest));
    }
}
