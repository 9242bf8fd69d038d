//! What the signed link says by which a page was opened: see `link.rs`.
//!
//! Only a page view carries one, in its own address. Labels become touches that the server vouches for, of the page's
//! stream and as suspect as the page view itself: a mail scanner's are held until a person shows. A suspect page view merges
//! nobody, and neither does one of a visitor who is another person: somebody passed the mail on.

use engine::touch::event;
use engine::{EventName, PropertyName, Scalar, Suspicion, Text, TextError, Touch, TouchId, Trust};
use store::LeadKey;
use url::Url;
use wire::Page;

use super::validate::ValidEvent;
use super::{Admitted, Telling};
use crate::app::App;
use crate::link::{self, Link, LinkFault};
use crate::metric::Metric;
use crate::problem::Problem;

/// Follows the links of a request's page views: their labels are added to what it tells. Gives the lead that the visitor's
/// is to be merged into, if a link says so.
pub(super) fn follow<'a>(
    app: &App,
    admitted: &Admitted,
    told: impl Iterator<Item = &'a ValidEvent>,
    telling: &mut Telling,
) -> Result<Option<LeadKey>, Problem> {
    let mut into = None;
    let mut labels = Vec::new();
    for (valid, touch) in told.zip(&telling.touches) {
        let page = valid.event.page.as_ref().or(admitted.envelope.page.as_ref());
        let Some(token) = page.filter(|_| touch.is(event::PAGE_VIEW)).and_then(token) else { continue };
        let link = match Link::open(&token, &admitted.site.identities, admitted.received) {
            Ok(link) => link,
            Err(fault) => {
                Metric::LinkOutcome.count(fault.as_str());
                continue;
            }
        };
        let person = LeadKey::new(admitted.site.name.clone(), link.person);
        if app.erased.contains(&person) {
            Metric::LinkOutcome.count("erased");
            continue;
        }
        for label in &link.labels {
            let given = given(&token, label, touch);
            labels.push(given.map_err(|error| Problem::Internal(error.to_string()))?);
        }
        let outcome = outcome(&link, touch, person == admitted.key, admitted.person);
        Metric::LinkOutcome.count(outcome);
        if outcome == MERGES {
            into.get_or_insert(person);
        }
    }
    telling.touches.extend(labels);
    Ok(into)
}

/// The outcome of a link that makes its visitor the person whom it is for.
const MERGES: &str = "merges";

/// What becomes of a link that a page view was opened by. `same`: by the person whom it is for; `known`: by a person whom the
/// shop knows.
fn outcome(link: &Link, opened: &Touch, same: bool, known: bool) -> &'static str {
    match link.merge {
        false => "labels",
        true if same => "already",
        // Who has only just opened it has used nothing yet: the link is their own business, and they have it.
        true if opened.suspect.is_some_and(|why| why != Suspicion::Unattested) => "suspect",
        true if known => "other_person",
        true => MERGES,
    }
}

impl LinkFault {
    /// The label of the metric.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Forged => "forged",
            Self::Expired => "expired",
        }
    }
}

/// The token in a page's address.
fn token(page: &Page) -> Option<String> {
    let url = page.url.as_deref().filter(|url| url.contains(wire::names::LINK_PARAMETER))?;
    let url = Url::parse(url).ok()?;
    let found = url.query_pairs().find(|(name, _)| name == wire::names::LINK_PARAMETER);
    found.map(|(_, token)| token.into_owned())
}

/// The touch of a label that a link gave.
fn given(token: &str, label: &str, opened: &Touch) -> Result<Touch, TextError> {
    let id = TouchId::parse(&link::label_id(token, label))?;
    let mut touch = Touch::new(id, EventName::parse(event::LABEL_ADDED)?, opened.stream.clone(), opened.time);
    touch.received = opened.received;
    touch.trust = Trust::Server;
    touch.suspect = opened.suspect;
    touch.properties = [(PropertyName::cut("label"), Scalar::Text(Text::cut(label)))].into_iter().collect();
    Ok(touch)
}

#[cfg(test)]
mod tests {
    use engine::{Millis, StreamId, Suspicion};
    use store::VisitorId;

    use super::*;

    fn opened(suspect: Option<Suspicion>) -> Touch {
        let name = EventName::parse(event::PAGE_VIEW).unwrap();
        let touch = Touch::new(TouchId::parse("1").unwrap(), name, StreamId::parse("stream-1").unwrap(), Millis(7));
        Touch { suspect, ..touch }
    }

    #[test]
    fn only_somebody_unknown_who_is_above_suspicion_becomes_the_person() {
        let link =
            |merge| Link { person: VisitorId::from_bytes([1; 16]), expires: Millis(9), merge, labels: Vec::new() };
        let suspect = Some(Suspicion::Bot);
        for (merge, suspect, same, known, expected) in [
            (true, None, false, false, MERGES),
            (false, None, false, false, "labels"),
            (true, suspect, false, false, "suspect"),
            (true, Some(Suspicion::Unattested), false, false, MERGES),
            (true, None, false, true, "other_person"),
            (true, None, true, true, "already"),
        ] {
            assert_eq!(outcome(&link(merge), &opened(suspect), same, known), expected);
        }
    }

    #[test]
    fn a_label_is_a_servers_word_as_suspect_as_the_page_view_and_the_same_each_time() {
        let [held, counted] =
            [Some(Suspicion::Bot), None].map(|suspect| given("token", "seo", &opened(suspect)).unwrap());
        assert_eq!((held.suspect, counted.suspect), (Some(Suspicion::Bot), None));
        assert_eq!((held.trust, held.stream.as_str(), held.time), (Trust::Server, "stream-1", Millis(7)));
        assert_eq!(held.id, counted.id);
        assert_ne!(held.id, given("token", "sea", &opened(None)).unwrap().id);
        assert_ne!(held.id, given("other", "seo", &opened(None)).unwrap().id);
    }

    #[test]
    fn the_token_is_read_from_a_page_s_own_address_alone() {
        let page = |url: &str| Page { url: Some(url.to_owned()), ..Page::default() };
        assert_eq!(token(&page("https://shop.example/a?b=1&gloed_link=l1.a.b#c")).as_deref(), Some("l1.a.b"));
        for without in ["https://shop.example/gloed_link=x", "gloed_link=x", "https://shop.example/#gloed_link=x"] {
            assert_eq!(token(&page(without)), None, "{without}");
        }
    }
}
