//! Bodies of `POST /v1/events` as a page writes them; the contract is WIRE.md.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A page of a shop with its visitor: numbers its events as the snippet does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    site: String,
    seed: String,
    stream: String,
    next_number: u64,
}

impl Page {
    /// The page of visitor `visitor`: the same number gives the same seed and stream, so that a run can be replayed.
    #[must_use]
    pub fn of_visitor(site: &str, visitor: u64) -> Self {
        let bits = |salt: u64| (u128::from(visitor) << 64) | u128::from(salt);
        let seed = BASE64_URL_SAFE_NO_PAD.encode(bits(0x5eed).to_be_bytes());
        let stream = BASE64_URL_SAFE_NO_PAD.encode(&bits(0x57ea).to_be_bytes()[4..]);
        Self { site: site.to_owned(), seed, stream, next_number: 1 }
    }

    /// The seed of the visitor, 22 base64url characters.
    #[must_use]
    pub fn seed(&self) -> &str {
        &self.seed
    }

    /// The stream of the page, 16 base64url characters.
    #[must_use]
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// An event that happens now, with the next number: `name` and whatever else of WIRE.md is in `more`.
    pub fn event(&mut self, name: &str, more: Value) -> Value {
        let mut event = json!({ "n": self.next_number, "name": name, "time": now() });
        self.next_number += 1;
        if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
            event.extend(more);
        }
        event
    }

    /// The envelope, sent now from `url` with consent granted, around `events`. Somebody has used the page.
    #[must_use]
    pub fn envelope(&self, url: &str, events: Vec<Value>) -> Value {
        json!({
            "v": 1,
            "site": self.site,
            "seed": self.seed,
            "stream": self.stream,
            "sent": now(),
            "consent": { "state": "granted", "source": "tag" },
            "person": true,
            "page": { "url": url, "title": "Regenjas", "language": "nl-NL", "viewport": 1280 },
            "events": events,
        })
    }
}

/// Milliseconds since 1970, of this machine.
#[must_use]
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visitors_have_seeds_of_their_own_and_pages_number_their_events() {
        let (mut page, other) = (Page::of_visitor("shop", 1), Page::of_visitor("shop", 2));

        let events = vec![page.event("page_view", json!({})), page.event("add_to_cart", json!({ "value": "9.95" }))];
        let body = page.envelope("https://shop.example/", events);

        assert_ne!(page.seed(), other.seed());
        assert_ne!(page.stream(), other.stream());
        assert_eq!((page.seed().len(), page.stream().len()), (22, 16));
        assert_eq!((&body["events"][0]["n"], &body["events"][1]["n"]), (&json!(1), &json!(2)));
        assert_eq!(body["events"][1]["value"], "9.95");
    }
}
