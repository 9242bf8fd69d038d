//! Who counts: touches that may be no person's are held until there is evidence of a person.
//!
//! A touch that was suspect on arrival is held while its stream has no touch that a person or a server vouches for. The
//! clicks of a mail scanner are found here, from when they happened; they are held for good, since the mail tool that tells
//! of them vouches for everything alike. What is held is nothing but a place in the ledger.

use std::collections::BTreeMap;

use crate::digest::fnv1a;
use crate::lead::Lead;
use crate::time::{Millis, Span};
use crate::touch::{Scalar, StreamId, Suspicion, Touch, TouchId, Trust, event};

/// Within this of each other, clicks on different links are a program's.
const BURST: Span = Span::seconds(10);
/// So many different links within [`BURST`] are more than a person follows.
const LINKS: usize = 3;
/// A click so soon after its mail was sent is nobody's who has read it.
const UNREAD: Span = Span::seconds(2);

/// Places of touches that are held, with the reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Quarantine {
    /// Ascending.
    places: Vec<usize>,
    reasons: Vec<Suspicion>,
}

impl Quarantine {
    /// What of a ledger is held.
    pub(crate) fn of(lead: &Lead) -> Self {
        Self::but_of(lead, None)
    }

    /// The same, as if somebody had used the page that `asking` names by its stream: what it told ahead of that is as good.
    pub(crate) fn but_of(lead: &Lead, asking: Option<&StreamId>) -> Self {
        let touches = lead.touches();
        let concerned = |touch: &Touch| touch.suspect.is_some() || is_mail(touch, event::EMAIL_CLICK);
        if !touches.iter().any(concerned) {
            return Self::default();
        }
        let mut held = scanned(touches);
        let evident = |touch: &Touch, place: &usize| is_evidence(touch) && !held.contains_key(place);
        let evidence = touches.iter().enumerate().filter(|(place, touch)| evident(touch, place));
        // Mostly all of it is of one stream.
        let mut persons: Vec<&StreamId> = Vec::new();
        for (_, touch) in evidence {
            if persons.last() != Some(&&touch.stream) {
                persons.push(&touch.stream);
            }
        }
        persons.sort_unstable();
        let vouched = |stream: &StreamId| {
            persons.binary_search(&stream).is_ok() || lead.persons.binary_search(&stream_digest(stream)).is_ok()
        };
        let asks = |touch: &Touch| touch.suspect.is_some_and(Suspicion::is_looked_at) && asking == Some(&touch.stream);
        let suspects = touches
            .iter()
            .enumerate()
            .filter(|(_, touch)| !asks(touch))
            .filter_map(|(place, touch)| Some((place, touch, touch.suspect?)));
        let doubtful: Vec<(usize, Suspicion)> =
            suspects.filter(|(_, touch, _)| !vouched(&touch.stream)).map(|(place, _, why)| (place, why)).collect();
        for (place, why) in doubtful {
            held.entry(place).or_insert(why);
        }
        Self { places: held.keys().copied().collect(), reasons: held.into_values().collect() }
    }

    /// Why the touch at this place is held, if it is.
    pub(crate) fn reason(&self, place: usize) -> Option<Suspicion> {
        if self.places.is_empty() {
            return None;
        }
        self.reasons.get(self.places.binary_search(&place).ok()?).copied()
    }

    /// Places of everything that is held, ascending.
    pub(crate) fn places(&self) -> &[usize] {
        &self.places
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, Suspicion)> {
        self.places.iter().copied().zip(self.reasons.iter().copied())
    }
}

/// Touches of a ledger that are held: kept, shown and worth nothing, until there is evidence of a person. In canonical
/// order, with the reason.
#[must_use]
pub fn held(lead: &Lead) -> Vec<(&TouchId, Suspicion)> {
    let quarantine = Quarantine::of(lead);
    quarantine.iter().filter_map(|(place, why)| Some((&lead.touches().get(place)?.id, why))).collect()
}

/// What a stream with evidence is remembered by once that evidence is folded.
pub(crate) fn stream_digest(stream: &StreamId) -> u64 {
    fnv1a(stream.as_str().as_bytes())
}

/// Whether a touch shows that a person is behind its stream. What we did ourselves shows nothing, and a fold has no stream.
pub(crate) fn is_evidence(touch: &Touch) -> bool {
    matches!(touch.trust, Trust::Page | Trust::Server) && touch.suspect.is_none() && !touch.is_fold()
}

fn is_mail(touch: &Touch, name: &str) -> bool {
    touch.trust == Trust::Server && touch.is(name) && !touch.is_fold()
}

/// Places of what mail scanners did: their clicks, and opens within [`BURST`] of one.
fn scanned(touches: &[Touch]) -> BTreeMap<usize, Suspicion> {
    let mut streams: BTreeMap<&StreamId, Vec<usize>> = BTreeMap::new();
    let mails = [event::EMAIL_SENT, event::EMAIL_OPEN, event::EMAIL_CLICK];
    for (place, touch) in touches.iter().enumerate().filter(|(_, touch)| mails.iter().any(|name| is_mail(touch, name)))
    {
        streams.entry(&touch.stream).or_default().push(place);
    }
    let mut held = BTreeMap::new();
    for places in streams.values() {
        let of = |name: &str| -> Vec<(usize, &Touch)> {
            places
                .iter()
                .filter_map(|place| Some((*place, touches.get(*place)?)))
                .filter(|(_, one)| one.is(name))
                .collect()
        };
        let (sent, clicks) = (of(event::EMAIL_SENT), of(event::EMAIL_CLICK));
        let mut scanners = bursts(&clicks);
        for (place, click) in &clicks {
            if unread(click, &sent) {
                scanners.insert(*place, click.time);
            }
        }
        let mut instants: Vec<Millis> = scanners.values().copied().collect();
        instants.sort_unstable();
        for (place, open) in of(event::EMAIL_OPEN) {
            let next = instants.partition_point(|at| *at < open.time.minus(BURST));
            if instants.get(next).is_some_and(|at| at.since(open.time) <= BURST) {
                held.insert(place, Suspicion::Scanner);
            }
        }
        held.extend(scanners.into_keys().map(|place| (place, Suspicion::Scanner)));
    }
    held
}

/// Clicks, in order of time, that lie in any [`BURST`] with [`LINKS`] different links; by place, with their time.
fn bursts(clicks: &[(usize, &Touch)]) -> BTreeMap<usize, Millis> {
    let mut found = BTreeMap::new();
    let mut links: BTreeMap<&str, usize> = BTreeMap::new();
    // Clicks before `added` are in the burst that begins with the present one, those before `taken` in an answer.
    let (mut added, mut taken) = (0, 0);
    for (begin, (_, first)) in clicks.iter().enumerate() {
        while let Some((_, click)) = clicks.get(added).filter(|(_, click)| click.time.since(first.time) <= BURST) {
            if let Some(link) = property(click, "link") {
                *links.entry(link).or_default() += 1;
            }
            added += 1;
        }
        if links.len() >= LINKS {
            let new = clicks.get(taken.max(begin)..added).unwrap_or_default();
            found.extend(new.iter().map(|(place, click)| (*place, click.time)));
            taken = added;
        }
        if let Some(link) = property(first, "link")
            && let Some(count) = links.get_mut(link)
        {
            *count -= 1;
            if *count == 0 {
                links.remove(link);
            }
        }
    }
    found
}

/// Whether a click came too soon after its mail was sent.
fn unread(click: &Touch, sent: &[(usize, &Touch)]) -> bool {
    let from = sent.partition_point(|(_, sent)| sent.time < click.time.minus(UNREAD));
    let recent = sent.iter().skip(from).take_while(|(_, sent)| sent.time <= click.time);
    let mail = property(click, "mail");
    mail.is_some() && recent.map(|(_, sent)| property(sent, "mail")).any(|of| of == mail)
}

fn property<'a>(touch: &'a Touch, name: &str) -> Option<&'a str> {
    touch.properties.get(name).and_then(Scalar::text)
}
