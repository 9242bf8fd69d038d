//! Who may be no person: what a request says of its sender, beside what it tells.
//!
//! All of it is the client's word, and each sign is one that programs give of themselves: who wants to pass for a person
//! leaves them out. The user agent is looked at and forgotten.

use axum::http::{HeaderMap, header};
use engine::{Suspicion, Trust};
use wire::Envelope;

use super::programs::is_program;

/// Headers by which a browser says that it fetches ahead of its person: as specified, and as older versions of Chrome,
/// Firefox and Safari have it.
const AHEAD: [&str; 4] = ["sec-purpose", "purpose", "x-purpose", "x-moz"];

/// Why the sender of a request may be no person, as its headers have it.
pub(crate) fn of_headers(headers: &HeaderMap) -> Option<Suspicion> {
    let agent = headers.get(header::USER_AGENT).map(header::HeaderValue::as_bytes).unwrap_or_default();
    if is_program(agent) {
        return Some(Suspicion::Bot);
    }
    let ahead = AHEAD.iter().flat_map(|name| headers.get_all(*name)).any(|purpose| is_ahead(purpose.as_bytes()));
    ahead.then_some(Suspicion::Prerender)
}

/// How far the events of a page are believed, and why they may be no person's. Of a request that may be no person's the
/// page's word for a person is worth nothing.
pub(crate) fn of_page(headers: Option<Suspicion>, envelope: &Envelope) -> (Trust, Option<Suspicion>) {
    // A program is one, also when it fetches ahead.
    let suspect = if envelope.driven { Some(Suspicion::Bot) } else { headers };
    let trust = if envelope.person && suspect.is_none() { Trust::Page } else { Trust::Browser };
    (trust, suspect)
}

fn is_ahead(purpose: &[u8]) -> bool {
    let purpose = purpose.to_ascii_lowercase();
    let says = |word: &[u8]| purpose.windows(word.len()).any(|part| part == word);
    says(b"prefetch") || says(b"prerender") || says(b"preview")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const PERSON: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0";

    fn headers(given: &[(&'static str, &'static str)]) -> HeaderMap {
        given.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn what_is_fetched_ahead_says_so_in_one_of_four_ways() {
        let with = |more| headers(&[("user-agent", PERSON), more]);
        for ahead in [
            ("sec-purpose", "prefetch"),
            ("sec-purpose", "prefetch;prerender"),
            ("sec-purpose", "prefetch;anonymous-client-ip"),
            ("purpose", "prefetch"),
            ("x-purpose", "preview"),
            ("x-moz", "Prefetch"),
        ] {
            assert_eq!(of_headers(&with(ahead)), Some(Suspicion::Prerender), "{ahead:?}");
        }
        for not in [("sec-purpose", ""), ("purpose", "navigate"), ("x-requested-with", "prefetch")] {
            assert_eq!(of_headers(&with(not)), None, "{not:?}");
        }
        assert_eq!(of_headers(&HeaderMap::new()), Some(Suspicion::Bot));
        let both = headers(&[("user-agent", "curl/8.5.0"), ("sec-purpose", "prefetch")]);
        assert_eq!(of_headers(&both), Some(Suspicion::Bot));
    }

    #[test]
    fn only_a_request_beyond_suspicion_vouches_for_a_person() {
        let envelope = |more: &str| {
            let body = format!(
                r#"{{"v":1,"site":"s","seed":"Zm9vYmFyYmF6cXV4MTIzNA","stream":"stream-1","sent":1,"consent":{{"state":"granted"}}{more}}}"#
            );
            Envelope::parse(body.as_bytes()).unwrap()
        };
        let (bot, prerender) = (Some(Suspicion::Bot), Some(Suspicion::Prerender));
        for (headers, says, expected) in [
            (None, "", (Trust::Browser, None)),
            (None, r#","person":false,"driven":false"#, (Trust::Browser, None)),
            (None, r#","person":true"#, (Trust::Page, None)),
            (None, r#","person":true,"driven":true"#, (Trust::Browser, bot)),
            (bot, r#","person":true"#, (Trust::Browser, bot)),
            (prerender, r#","person":true"#, (Trust::Browser, prerender)),
            (prerender, r#","driven":true"#, (Trust::Browser, bot)),
        ] {
            assert_eq!(of_page(headers, &envelope(says)), expected, "{headers:?} {says}");
        }
    }
}
