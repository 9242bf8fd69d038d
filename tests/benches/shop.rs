//! Traffic of a shop: seeded, so that a run can be made again; the same bytes for every server.
//!
//! A population of visitors is drawn from by Zipf's law (s = 1). Who stands at the head of it changes: after each
//! [`DEAL`] events the ranks are dealt anew. Otherwise the first visitor would send a twelfth of everything, be beyond
//! what a ledger holds within seconds (a thousand touches a week), and half of the traffic would be of such visitors,
//! which no shop has. At any instant the law holds, and so does what it does to whoever merges, caches or locks.
//!
//! One visitor in twenty is a program. One request in ten was sent before, byte for byte, as pages do that got no answer.

use std::{
    io::Write,
    time::{SystemTime, UNIX_EPOCH},
};

use ::tests::{environment::ORIGIN, http::PERSON};
use fastrand::Rng;

/// After so many events the ranks of the visitors are dealt anew: about a second at the bench load.
const DEAL: u32 = 2_000;
/// One request in so many was sent before.
const REPEATED: usize = 10;
/// What was sent lately, of which some is sent again.
const REMEMBERED: usize = 512;
/// One visitor in so many is a program.
const PROGRAMS: u32 = 20;
/// The user agent of a program that says what it is.
const PROGRAM: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    /// So many events of one visitor are to be recorded.
    Events(u32),
    /// What to show now.
    Decision,
}

/// How much the visitors of a population have done before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Past {
    /// Half of them at most six events, a few of them many.
    Usual,
    /// Each so many events.
    Exactly(u32),
}

/// A shop with its visitors.
pub(crate) struct Shop {
    random: Rng,
    site: String,
    visitors: Vec<Visitor>,
    /// At `rank` the share of all that the visitors up to that rank send.
    shares: Vec<f64>,
    /// The visitor who is first now.
    first: usize,
    dealt: u32,
    sent: Vec<(u32, Vec<u8>)>,
    body: Vec<u8>,
}

#[derive(Default)]
struct Visitor {
    numbered: u32,
    /// The signed id that the first answer gave.
    id: Option<Box<str>>,
}

/// An event of a shop and how often it happens, of [`WEIGHT`].
struct Kind(&'static str, u32, Carries);

#[derive(Clone, Copy)]
enum Carries {
    Nothing,
    Item,
    Term,
    File,
}

const WEIGHT: u32 = 100;
const KINDS: [Kind; 10] = [
    Kind("page_view", 52, Carries::Nothing),
    Kind("view_item", 18, Carries::Item),
    Kind("view_item_list", 9, Carries::Nothing),
    Kind("search", 5, Carries::Term),
    Kind("add_to_cart", 5, Carries::Item),
    Kind("view_cart", 4, Carries::Nothing),
    Kind("file_download", 2, Carries::File),
    Kind("begin_checkout", 2, Carries::Nothing),
    Kind("remove_from_cart", 1, Carries::Item),
    Kind("scroll", 2, Carries::Nothing),
];

const PLACES: [(&str, &str); 6] = [
    ("/", "De buitenwinkel"),
    ("/dames/jassen/regenjas-17", "Regenjas van gewaxt katoen | De buitenwinkel"),
    ("/heren/schoenen?utm_source=nieuwsbrief&utm_medium=email&utm_campaign=zomer", "Schoenen | De buitenwinkel"),
    ("/price", "Prijzen | De buitenwinkel"),
    ("/dames/jassen", "Jassen | De buitenwinkel"),
    ("/winkelwagen", "Winkelwagen | De buitenwinkel"),
];

impl Shop {
    /// A shop with the write key `site` and so many visitors. The same seed sends the same.
    pub(crate) fn new(site: &str, visitors: u32, seed: u64) -> Self {
        let mut shares: Vec<f64> = (1..=visitors)
            .scan(0.0, |sum, rank| {
                *sum += 1.0 / f64::from(rank);
                Some(*sum)
            })
            .collect();
        let all = shares.last().copied().unwrap_or(1.0);
        shares.iter_mut().for_each(|share| *share /= all);
        Self {
            random: Rng::with_seed(seed),
            site: site.to_owned(),
            visitors: std::iter::repeat_with(Visitor::default).take(shares.len()).collect(),
            shares,
            first: 0,
            dealt: DEAL,
            sent: Vec::new(),
            body: Vec::new(),
        }
    }

    /// How many visitors there are.
    pub(crate) fn visitors(&self) -> u32 {
        u32::try_from(self.visitors.len()).unwrap_or(u32::MAX)
    }

    /// Puts the next request into `request`, whole, for `host`; gives whose it is.
    pub(crate) fn next(&mut self, asks: Asks, host: &str, request: &mut Vec<u8>) -> u32 {
        request.clear();
        if asks != Asks::Decision && self.sent.len() == REMEMBERED && self.random.usize(..REPEATED) == 0 {
            let (visitor, before) = &self.sent[self.random.usize(..REMEMBERED)];
            request.extend_from_slice(before);
            return *visitor;
        }
        let visitor = self.drawn(match asks {
            Asks::Events(events) => events,
            Asks::Decision => 1,
        });
        self.body.clear();
        self.write_body(visitor, asks, now());
        self.write_request(visitor, asks, host, request);
        if asks != Asks::Decision {
            self.remember(visitor, request);
        }
        visitor
    }

    /// Puts a request with the past of `visitor` into `request`: events of the last days.
    pub(crate) fn past(&mut self, visitor: u32, past: Past, host: &str, request: &mut Vec<u8>) {
        let events = match past {
            Past::Usual => self.usual(),
            Past::Exactly(events) => events,
        };
        request.clear();
        self.body.clear();
        let ago = self.random.i64(60_000..3 * 86_400_000);
        let sent = now();
        self.write_envelope(visitor, sent);
        self.body.extend_from_slice(b",\"events\":[");
        for place in 0..events {
            // Visits of six events, three hours apart, a minute between two events; the last visit ends `ago`.
            let left = i64::from(events - place);
            let before = (ago + left * 60_000 + left / 6 * 10_800_000).min(6 * 86_400_000);
            self.write_event(visitor, sent - before, place > 0);
        }
        self.body.extend_from_slice(b"]}");
        self.write_request(visitor, Asks::Events(events), host, request);
    }

    /// How many events the usual past of a visitor has.
    fn usual(&mut self) -> u32 {
        // Exponential, so that a few have many.
        let drawn = -8.0 * (1.0 - self.random.f64()).ln();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 1 to 50")]
        let events = (drawn + 1.0).clamp(1.0, 50.0) as u32;
        events
    }

    /// The answer gave this visitor a signed id.
    pub(crate) fn learn(&mut self, visitor: u32, id: &str) {
        if let Some(visitor) = self.visitors.get_mut(visitor as usize) {
            visitor.id = Some(id.into());
        }
    }

    /// The signed id of a visitor, once an answer gave it.
    pub(crate) fn id(&self, visitor: u32) -> Option<&str> {
        self.visitors.get(visitor as usize)?.id.as_deref()
    }

    fn drawn(&mut self, events: u32) -> u32 {
        self.dealt += events;
        if self.dealt >= DEAL {
            self.dealt = 0;
            self.first = self.random.usize(..self.visitors.len());
        }
        let at = self.random.f64();
        let rank = self.shares.partition_point(|share| *share < at);
        u32::try_from((self.first + rank) % self.visitors.len()).unwrap_or_default()
    }

    fn remember(&mut self, visitor: u32, request: &[u8]) {
        if self.sent.len() < REMEMBERED {
            self.sent.push((visitor, request.to_owned()));
        } else {
            let (whose, bytes) = &mut self.sent[self.random.usize(..REMEMBERED)];
            *whose = visitor;
            bytes.clear();
            bytes.extend_from_slice(request);
        }
    }

    fn write_request(&self, visitor: u32, asks: Asks, host: &str, request: &mut Vec<u8>) {
        let path = if asks == Asks::Decision { "/v1/decide" } else { "/v1/events" };
        let agent = if visitor.is_multiple_of(PROGRAMS) { PROGRAM } else { PERSON };
        let [_, high, middle, low] = visitor.to_be_bytes();
        let length = self.body.len();
        write(
            request,
            format_args!(
                "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {length}\r\ncontent-type: \
                 text/plain;charset=UTF-8\r\nuser-agent: {agent}\r\naccept: */*\r\norigin: {ORIGIN}\r\nreferer: \
                 {ORIGIN}/\r\nsec-fetch-site: cross-site\r\nsec-fetch-mode: cors\r\naccept-encoding: gzip, deflate, br\r\n\
                 accept-language: nl-NL,nl;q=0.9\r\nx-forwarded-for: 84.{high}.{middle}.{low}\r\n\r\n"
            ),
        );
        request.extend_from_slice(&self.body);
    }

    fn write_body(&mut self, visitor: u32, asks: Asks, sent: i64) {
        self.write_envelope(visitor, sent);
        match asks {
            Asks::Decision => self.body.extend_from_slice(b",\"decide\":{\"slots\":[\"popup\",\"bar\"]}"),
            Asks::Events(events) => {
                self.body.extend_from_slice(b",\"events\":[");
                for place in 0..events {
                    self.write_event(visitor, sent - i64::from(events - place) * 400, place > 0);
                }
                self.body.push(b']');
            }
        }
        self.body.push(b'}');
    }

    fn write_envelope(&mut self, visitor: u32, sent: i64) {
        let (path, title) = PLACES[self.random.usize(..PLACES.len())];
        let site = &self.site;
        write(&mut self.body, format_args!("{{\"v\":1,\"site\":\"{site}\","));
        match self.visitors.get(visitor as usize).and_then(|visitor| visitor.id.as_deref()) {
            Some(id) => write(&mut self.body, format_args!("\"id\":\"{id}\",")),
            None => write(&mut self.body, format_args!("\"seed\":\"visitor{visitor:015x}\",")),
        }
        write(
            &mut self.body,
            format_args!(
                "\"stream\":\"stream{visitor:010x}\",\"sent\":{sent},\"consent\":{{\"state\":\"granted\",\"source\":\"tag\"}},\
                 \"person\":true,\"page\":{{\"url\":\"{ORIGIN}{path}\",\"referrer\":\"https://www.example.com/\",\
                 \"title\":\"{title}\",\"language\":\"nl-NL\",\"viewport\":1280}}"
            ),
        );
    }

    fn write_event(&mut self, visitor: u32, time: i64, follows: bool) {
        if follows {
            self.body.push(b',');
        }
        let number = self.visitors.get_mut(visitor as usize).map_or(1, |visitor| {
            visitor.numbered += 1;
            visitor.numbered
        });
        let mut at = self.random.u32(..WEIGHT);
        let kind = KINDS.iter().find(|Kind(_, weight, _)| {
            let here = at < *weight;
            at = at.saturating_sub(*weight);
            here
        });
        let Kind(name, _, carries) = kind.unwrap_or(&KINDS[0]);
        write(&mut self.body, format_args!("{{\"n\":{number},\"name\":\"{name}\",\"time\":{time}"));
        let article = self.random.u32(10..90);
        match carries {
            Carries::Nothing => {}
            Carries::Item => write(
                &mut self.body,
                format_args!(
                    ",\"value\":\"{article}.95\",\"currency\":\"EUR\",\"items\":[{{\"id\":\"J-{article}\",\"name\":\
                     \"Regenjas {article}\",\"category\":\"jassen\",\"price\":\"{article}.95\",\"quantity\":1}}]"
                ),
            ),
            Carries::Term => {
                write(&mut self.body, format_args!(",\"properties\":{{\"search_term\":\"regenjas maat {article}\"}}"));
            }
            Carries::File => {
                write(&mut self.body, format_args!(",\"properties\":{{\"file_name\":\"brochure-{article}.pdf\"}}"));
            }
        }
        self.body.push(b'}');
    }
}

fn write(bytes: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // A vector takes everything.
    bytes.write_fmt(text).ok();
}

/// Milliseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;

    fn body(request: &[u8]) -> Value {
        let end = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        serde_json::from_slice(&request[end + 4..]).unwrap()
    }

    /// What stands in the bodies of so many requests, without what the clock says.
    fn sent(seed: u64, requests: usize) -> Vec<(u32, String)> {
        let mut shop = Shop::new("shop", 1_000, seed);
        let mut request = Vec::new();
        let mut one = || {
            let visitor = shop.next(Asks::Events(1), "h", &mut request);
            let event = &body(&request)["events"][0];
            (visitor, format!("{} {} {}", event["n"], event["name"], event["items"]))
        };
        std::iter::repeat_with(&mut one).take(requests).collect()
    }

    #[test]
    fn the_same_seed_sends_the_same_and_another_seed_does_not() {
        assert_eq!(sent(7, 500), sent(7, 500));
        assert_ne!(sent(7, 500), sent(8, 500));
    }

    #[test]
    fn one_request_in_ten_was_sent_before() {
        let mut shop = Shop::new("shop", 1_000, 3);
        let (mut request, mut seen) = (Vec::new(), BTreeMap::<(u32, u64), u32>::new());
        for _ in 0..20_000 {
            let visitor = shop.next(Asks::Events(1), "h", &mut request);
            *seen.entry((visitor, body(&request)["events"][0]["n"].as_u64().unwrap())).or_default() += 1;
        }

        let repeated: u32 = seen.values().map(|times| times - 1).sum();

        assert!((1_800..2_100).contains(&repeated), "{repeated} of 20,000");
    }

    #[test]
    fn among_the_events_of_one_deal_the_first_visitor_has_the_share_that_the_law_gives() {
        let mut shop = Shop::new("shop", 100_000, 5);
        let mut request = Vec::new();
        let mut drawn = BTreeMap::<u32, u32>::new();
        for _ in 0..DEAL {
            *drawn.entry(shop.next(Asks::Decision, "h", &mut request)).or_default() += 1;
        }

        // 1 / (1 + 1/2 + … + 1/100,000) is 8.3 %.
        let most = drawn.values().max().copied().unwrap_or_default();

        assert!((120..220).contains(&most), "{most} of {DEAL}");
    }

    #[test]
    fn half_of_the_visitors_have_a_usual_past_of_at_most_six_events() {
        let mut shop = Shop::new("shop", 10, 9);
        let mut pasts: Vec<u32> = std::iter::repeat_with(|| shop.usual()).take(10_001).collect();
        pasts.sort_unstable();

        assert_eq!(pasts[5_000], 6);
    }
}
