//! Everything that is refused, on every address that takes a body, in the words of the contract; and nothing good beside
//! it is lost.

use std::{io::Write as _, time::Duration};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use tests::{
    body::{Page, now},
    environment::{Environment, ORIGIN, SITE, Setup, visitor_id},
    raw::Raw,
    waiting,
};

use crate::{
    contract::Contract,
    exchange::{Answer, Framing, Request, SOON},
    merging, model_api, server_events,
};

const OTHER: &str = "other";
const OTHER_ORIGIN: &str = "https://other.example";
const EVENTS: &str = "/v1/events";
const DECIDE: &str = "/v1/decide";
const URL: &str = "https://shop.example/";
/// One point for every event, for ever: a score is a count.
const COUNTING: &str = r#"
version = 1
name = "counting"
half_life = "none"
[[stages]]
name = "cold"
[[rules]]
id = "each"
title = "Each event"
when = { field = "event", exists = true }
points = 1
"#;

/// A good request about to be spoiled.
struct Draft {
    body: Value,
    request: Request,
}

impl Draft {
    /// A good request of visitor `visitor`, from a network of its own, so that no rate limit is met by chance.
    fn good(path: &str, visitor: u16) -> Self {
        let mut page = Page::of_visitor(SITE, u64::from(visitor));
        let events = if path == EVENTS { vec![page.event("page_view", json!({}))] } else { Vec::new() };
        let mut body = page.envelope(URL, events);
        if path == DECIDE {
            body["decide"] = json!({ "slots": ["popup"] });
        }
        let [high, low] = visitor.to_be_bytes();
        let request = Request::post(path, "").with("origin", ORIGIN).from([127, 100 + high, low, 1]);
        Self { body, request }
    }

    fn field(mut self, name: &str, value: Value) -> Self {
        self.body[name] = value;
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.body.as_object_mut().unwrap().remove(name);
        self
    }

    fn origin(mut self, origin: &str) -> Self {
        self.request = self.request.set("origin", origin);
        self
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.set(name, value);
        self
    }

    /// These bytes in the place of the envelope.
    fn bytes(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.request.body = bytes.into();
        self
    }

    fn framed(mut self, framing: Framing) -> Self {
        self.request.framing = framing;
        self
    }

    fn gzip(self, bytes: &[u8]) -> Self {
        let compressed = gzip(bytes);
        self.header("content-encoding", "gzip").bytes(compressed)
    }

    /// The envelope as bytes, `filler` bytes longer than it need be.
    fn padded(&self, filler: usize) -> Vec<u8> {
        let mut bytes = self.body.to_string().into_bytes();
        bytes.resize(bytes.len() + filler, b' ');
        bytes
    }

    fn request(self) -> Request {
        let Self { body, mut request } = self;
        if request.body.is_empty() {
            request.body = body.to_string().into_bytes();
        }
        request
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// `depth` containers around nothing.
fn nested(depth: usize) -> Value {
    (1..depth).fold(json!([]), |inner, _| json!([inner]))
}

type Spoil = fn(Draft) -> Draft;

/// What is wrong with a request as a whole, and its code. Each row is tried on every route and both content types.
const WHOLE: &[(&str, &str, Spoil)] = &[
    ("not JSON", "malformed_json", |draft| draft.bytes("not JSON")),
    ("cut off", "malformed_json", |draft| {
        let bytes = draft.padded(0);
        draft.bytes(&bytes[..bytes.len() - 1])
    }),
    ("something behind it", "malformed_json", |draft| {
        let bytes = [draft.padded(0), b"{}".to_vec()].concat();
        draft.bytes(bytes)
    }),
    ("not UTF-8", "malformed_json", |draft| draft.bytes(*b"{\"v\":1,\"site\":\"\xff\"}")),
    ("NaN", "malformed_json", |draft| draft.bytes("{\"v\":NaN}")),
    ("17 levels", "malformed_json", |draft| draft.field("x", nested(16))),
    ("50,000 levels", "malformed_json", |draft| draft.bytes("[".repeat(50_000))),
    ("gzip in gzip", "malformed_json", |draft| {
        let once = gzip(&draft.padded(0));
        draft.gzip(&once)
    }),
    ("a list", "bad_envelope", |draft| draft.bytes("[]")),
    ("no version", "bad_envelope", |draft| draft.without("v")),
    ("version 2", "unsupported_version", |draft| draft.field("v", json!(2))),
    ("version as text", "unsupported_version", |draft| draft.field("v", json!("1"))),
    ("no site", "bad_envelope", |draft| draft.without("site")),
    ("a site of another type", "bad_envelope", |draft| draft.field("site", json!(7))),
    ("a site of other letters", "bad_envelope", |draft| draft.field("site", json!("shop nl"))),
    ("a site that is too long", "bad_envelope", |draft| draft.field("site", json!("s".repeat(65)))),
    ("a short seed", "bad_envelope", |draft| draft.field("seed", json!("Zm9v"))),
    ("a seed of another type", "bad_envelope", |draft| draft.field("seed", json!({}))),
    ("no stream", "bad_envelope", |draft| draft.without("stream")),
    ("a short stream", "bad_envelope", |draft| draft.field("stream", json!("q83vEjR"))),
    ("a long stream", "bad_envelope", |draft| draft.field("stream", json!("q".repeat(33)))),
    ("a stream of other letters", "bad_envelope", |draft| draft.field("stream", json!("q83v.EjRW"))),
    ("no time of sending", "bad_envelope", |draft| draft.without("sent")),
    ("a time of sending as text", "bad_envelope", |draft| draft.field("sent", json!("now"))),
    ("half a millisecond", "bad_envelope", |draft| draft.field("sent", json!(0.5))),
    ("no consent", "bad_envelope", |draft| draft.without("consent")),
    ("consent as text", "bad_envelope", |draft| draft.field("consent", json!("granted"))),
    ("consent without a state", "bad_envelope", |draft| draft.field("consent", json!({}))),
    ("an unknown state of consent", "bad_envelope", |draft| draft.field("consent", json!({ "state": "yes" }))),
    ("events that are no list", "bad_envelope", |draft| draft.field("events", json!({ "0": {} }))),
    ("a question that is none", "bad_envelope", |draft| draft.field("decide", json!("popup"))),
    ("slots that are no list", "bad_envelope", |draft| draft.field("decide", json!({ "slots": "popup" }))),
    ("51 events", "too_many_events", |draft| {
        let event = json!({ "n": 1, "name": "page_view", "time": now() });
        draft.field("events", Value::Array(vec![event; 51]))
    }),
    ("consent denied", "consent_missing", |draft| draft.field("consent", json!({ "state": "denied" }))),
    ("consent not asked for yet", "consent_missing", |draft| draft.field("consent", json!({ "state": "required" }))),
    ("cookieless", "consent_missing", |draft| draft.field("consent", json!({ "state": "cookieless" }))),
    ("GPC in the body", "consent_missing", |draft| draft.field("gpc", json!(true))),
    ("GPC in the header", "consent_missing", |draft| draft.header("sec-gpc", "1")),
    ("an unknown site", "unknown_site", |draft| draft.field("site", json!("shop-nl"))),
    ("another site's origin", "origin_not_allowed", |draft| draft.origin(OTHER_ORIGIN)),
    ("an unknown origin", "origin_not_allowed", |draft| draft.origin("https://evil.example")),
    ("the origin null", "origin_not_allowed", |draft| draft.origin("null")),
    ("an empty origin", "origin_not_allowed", |draft| draft.origin("")),
    ("the same without TLS", "origin_not_allowed", |draft| draft.origin("http://shop.example")),
    ("another port", "origin_not_allowed", |draft| draft.origin("https://shop.example:8443")),
    ("a longer host", "origin_not_allowed", |draft| draft.origin("https://shop.example.evil.example")),
    ("a host that ends like ours", "origin_not_allowed", |draft| draft.origin("https://evilshop.example")),
    ("a host below ours", "origin_not_allowed", |draft| draft.origin("https://cdn.shop.example")),
    ("two origins", "origin_not_allowed", |draft| draft.origin("https://shop.example https://evil.example")),
    ("too large, as declared", "body_too_large", |draft| draft.framed(Framing::OnlyDeclared(65_537))),
    ("too large, in chunks", "body_too_large", |draft| {
        let bytes = draft.padded(66_000);
        draft.bytes(&bytes[..65_537]).framed(Framing::Chunked)
    }),
    ("a gzip bomb", "body_too_large", |draft| {
        let bytes = draft.padded(4 << 20);
        draft.gzip(&bytes)
    }),
    ("one byte too many after gzip", "body_too_large", |draft| {
        let bytes = draft.padded((512 << 10) + 1 - draft.padded(0).len());
        draft.gzip(&bytes)
    }),
    ("no content type", "unsupported_media_type", |mut draft| {
        draft.request.headers.retain(|(name, _)| name != "content-type");
        draft
    }),
    ("a form", "unsupported_media_type", |draft| draft.header("content-type", "application/x-www-form-urlencoded")),
    ("HTML", "unsupported_media_type", |draft| draft.header("content-type", "text/html")),
    ("brotli", "unsupported_encoding", |draft| draft.header("content-encoding", "br")),
    ("two layers of gzip", "unsupported_encoding", |draft| {
        let twice = gzip(&gzip(&draft.padded(0)));
        draft.header("content-encoding", "gzip, gzip").bytes(twice)
    }),
    ("gzip that is none", "unsupported_encoding", |draft| draft.header("content-encoding", "gzip")),
    ("gzip that is cut off", "unsupported_encoding", |draft| {
        let compressed = gzip(&draft.padded(0));
        draft.header("content-encoding", "gzip").bytes(&compressed[..compressed.len() / 2])
    }),
];

/// What is good all the same, at the edge of each limit.
const GOOD: &[(&str, Spoil)] = &[
    ("as it is", |draft| draft),
    ("16 levels", |draft| draft.field("x", nested(15))),
    ("64 KiB", |draft| {
        let bytes = draft.padded(65_536 - draft.padded(0).len());
        draft.bytes(bytes)
    }),
    ("64 KiB in chunks", |draft| {
        let bytes = draft.padded(65_536 - draft.padded(0).len());
        draft.bytes(bytes).framed(Framing::Chunked)
    }),
    ("512 KiB in gzip", |draft| {
        let bytes = draft.padded((512 << 10) - draft.padded(0).len());
        draft.gzip(&bytes)
    }),
    ("no origin, as from a server", |mut draft| {
        draft.request.headers.retain(|(name, _)| name != "origin");
        draft
    }),
    ("identity", |draft| draft.header("content-encoding", "identity")),
    ("GPC off", |draft| draft.header("sec-gpc", "0").field("gpc", json!(false))),
    ("a seed and no page", |draft| draft.without("page")),
    ("a page of another type", |draft| draft.field("page", json!("regenjas"))),
];

/// What is wrong with one event, its code, and the event: a good one with these fields on top, `null` taking one away.
fn bad_events() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("no name", "missing_field", json!({ "name": null })),
        ("no time", "missing_field", json!({ "time": null })),
        ("no number", "missing_field", json!({ "n": null })),
        ("a name that is a number", "wrong_type", json!({ "name": 7 })),
        ("a time as text", "wrong_type", json!({ "time": "now" })),
        ("half a millisecond", "wrong_type", json!({ "time": 0.5 })),
        ("number 0", "wrong_type", json!({ "n": 0 })),
        ("a negative number", "wrong_type", json!({ "n": -1 })),
        ("a number beyond 2^53", "wrong_type", json!({ "n": 1_u64 << 53 })),
        ("an id of another type", "wrong_type", json!({ "id": 7 })),
        ("items that are no list", "wrong_type", json!({ "items": {} })),
        ("an amount as a number", "wrong_type", json!({ "value": 79.95 })),
        ("an empty name", "bad_name", json!({ "name": "" })),
        ("a name with a space", "bad_name", json!({ "name": "page view" })),
        ("a name that is too long", "bad_name", json!({ "name": "n".repeat(65) })),
        ("a name of ours", "reserved_name", json!({ "name": "gloed_granted" })),
        ("an amount with a comma", "bad_amount", json!({ "value": "79,95" })),
        ("an amount with an exponent", "bad_amount", json!({ "value": "1e3" })),
        ("a tenth of a cent", "bad_amount", json!({ "value": "79.955", "currency": "EUR" })),
        ("half a yen", "bad_amount", json!({ "value": "79.5", "currency": "JPY" })),
        ("a currency of four letters", "bad_amount", json!({ "value": "1", "currency": "EURO" })),
        ("a price that is none", "bad_amount", json!({ "items": [{ "id": "J-17", "price": "free" }] })),
        ("before 2020", "time_out_of_bounds", json!({ "time": 1_577_836_799_999_i64 })),
        ("a minute after it was sent", "time_out_of_bounds", json!({ "time": now() + 120_000 })),
    ]
}

async fn environment() -> Environment {
    Setup::default()
        .site(OTHER, &[OTHER_ORIGIN])
        .model(COUNTING)
        .set("server.trusted_proxies", vec!["127.3.0.0/16".to_owned()])
        .set("server.body_timeout", "700ms")
        .set("limits.events_in_flight", 2)
        .set("limits.decisions_in_flight", 1)
        .set("limits.requests_per_second", 1)
        .set("limits.request_burst", 4)
        .start()
        .await
        .unwrap()
}

/// Whether the page of the request's origin can read the answer, as the origin deserves.
#[track_caller]
fn assert_readable_by_our_pages_only(what: &str, request: &Request, answer: &Answer) {
    let origin = request.headers.iter().find(|(name, _)| name == "origin").map(|(_, value)| value.as_str());
    let ours = origin.filter(|origin| [ORIGIN, OTHER_ORIGIN].contains(origin));
    assert_eq!(answer.header("access-control-allow-origin"), ours, "{what}");
    assert_eq!(answer.header("access-control-allow-credentials"), ours.map(|_| "true"), "{what}");
    assert_eq!(answer.header("vary"), Some("origin"), "{what}");
}

/// Every code of the contract, in one run on one collector, so that the table and what is tried cannot drift apart.
#[tokio::test]
async fn every_refusal_of_the_contract_is_answered_as_it_says() {
    let environment = environment().await;
    let mut contract = Contract::read();

    let stored = whole_requests(&environment, &mut contract).await;
    single_events(&environment, &mut contract, stored).await;
    slow_bodies(&environment, &mut contract).await;
    requests_in_flight(&environment, &mut contract).await;
    new_visitors(&mut contract).await;
    requests_from_one_network(&environment, &mut contract).await;
    addresses_methods_and_keys(&environment, &mut contract).await;
    server_events::refusals(&environment, &mut contract).await;
    merging::refusals(&environment, &mut contract).await;
    model_api::refusals(&environment, &mut contract, OTHER).await;

    contract.complete_but(&["internal", "log_unavailable", "store_unavailable"]);
}

/// Gives how many events were stored.
async fn whole_requests(environment: &Environment, contract: &mut Contract) -> f64 {
    let mut visitor = 0;
    let mut stored = 0;
    for path in [EVENTS, DECIDE] {
        for content_type in ["text/plain;charset=UTF-8", "application/json"] {
            for (what, spoil) in GOOD {
                visitor += 1;
                let request = spoil(Draft::good(path, visitor).header("content-type", content_type)).request();
                let answer = request.send(environment.public()).await;
                assert_eq!(answer.status, 200, "{path} {content_type} {what}: {answer:?}");
                assert_readable_by_our_pages_only(what, &request, &answer);
                stored += u32::from(path == EVENTS);
            }
            for (what, code, spoil) in WHOLE {
                visitor += 1;
                let request = spoil(Draft::good(path, visitor).header("content-type", content_type)).request();
                let answer = request.send(environment.public()).await;
                let what = format!("{path} {content_type} {what}");
                contract.refused(&what, &answer, code);
                assert_readable_by_our_pages_only(&what, &request, &answer);
            }
        }
    }
    // Only of a decision: it needs a question, and takes no events.
    let questionless = Draft::good(DECIDE, visitor + 1).without("decide").request().send(environment.public()).await;
    contract.refused("no question", &questionless, "bad_envelope");
    let event = json!([{ "n": 1, "name": "page_view", "time": now() }]);
    let eventful = Draft::good(DECIDE, visitor + 2).field("events", event).request().send(environment.public()).await;
    contract.refused("events for a decision", &eventful, "bad_envelope");

    environment.applied().await.unwrap();
    let recorded = environment.metric("gloed_event_outcomes_total{outcome=\"recorded\"}").await.unwrap();
    assert_eq!(recorded, f64::from(stored), "of what was refused nothing is stored");
    recorded
}

async fn single_events(environment: &Environment, contract: &mut Contract, stored: f64) {
    let rows = bad_events();
    let not_objects = [json!("page_view"), json!(7), json!([])].map(|event| ("no object", "wrong_type", event));
    let count = rows.len() + not_objects.len();
    for (visitor, (what, code, change)) in (10_000..).zip(rows.into_iter().chain(not_objects)) {
        // Given two good events with a bad one between them
        let mut page = Page::of_visitor(SITE, u64::from(visitor));
        let (first, mut bad, last) = (
            page.event("page_view", json!({})),
            page.event("add_to_cart", json!({})),
            page.event("page_view", json!({})),
        );
        match change.as_object() {
            Some(change) => bad.as_object_mut().unwrap().extend(change.clone()),
            None => bad = change,
        }
        let body = page.envelope(URL, vec![first, bad, last]).to_string();
        let [high, low] = u16::to_be_bytes(visitor);

        let answer =
            Request::post(EVENTS, body).from([127, 100 + high, low, 1]).send(environment.public()).await.json();

        let receipts = &answer["receipts"];
        assert_eq!(
            (&receipts[0]["status"], &receipts[2]["status"]),
            (&json!("accepted"), &json!("accepted")),
            "{what}"
        );
        let bad = &receipts[1];
        assert_eq!(
            (&bad["status"], &bad["code"], &bad["retry"]),
            (&json!("rejected"), &json!(code), &json!(false)),
            "{what}"
        );
        assert!(bad["detail"].as_str().unwrap().contains("events[1]"), "{what}: {bad}");
        contract.rejected(what, code);
        environment.applied().await.unwrap();
        let id = visitor_id(&answer).unwrap();
        let kept = environment.visitor(SITE, id).await.unwrap().json().unwrap();
        assert_eq!(kept["score"], "2", "{what}: the good events beside it are kept");
    }
    let recorded = environment.metric("gloed_event_outcomes_total{outcome=\"recorded\"}").await.unwrap();
    assert_eq!(recorded - stored, 2.0 * count as f64);
}

/// A request whose header is there and whose body is not.
async fn hold(environment: &Environment, path: &str, from: [u8; 4]) -> Raw {
    let request = Draft::good(path, 1).framed(Framing::OnlyDeclared(1_000)).request();
    let mut connection = Raw::connect_from(from, environment.public()).await.unwrap();
    connection.send(request.head() + "{").await.unwrap();
    connection
}

async fn slow_bodies(environment: &Environment, contract: &mut Contract) {
    for path in [EVENTS, DECIDE] {
        // Given more bodies on their way than requests may be in flight
        let mut answers = tokio::task::JoinSet::new();
        for network in 1..=5 {
            answers.spawn(Answer::read(hold(environment, path, [127, 5, network, 1]).await));
        }

        // Then nobody else is held up by them, and they are told when it is too late
        assert_eq!(Draft::good(path, 20_001).request().send(environment.public()).await.status, 200);
        while let Some(answer) = answers.join_next().await {
            contract.refused(path, &answer.unwrap(), "request_timeout");
        }
    }
}

async fn requests_in_flight(environment: &Environment, contract: &mut Contract) {
    for path in [EVENTS, DECIDE] {
        // Given more requests at the same time than may be in flight, from a network each
        let burst = async || {
            let mut answers = tokio::task::JoinSet::new();
            for network in 0..64 {
                let request = Draft::good(path, 30_000 + u16::from(network)).request().from([127, 7, network, 1]);
                let address = environment.public();
                answers.spawn(async move { request.send(address).await });
            }
            let answers = answers.join_all().await;
            answers.into_iter().find(|answer| answer.status == 503).ok_or_else(|| "none was refused".to_owned())
        };

        // Then one is refused at once
        let refused = waiting::until("one request too many at once", SOON, burst).await.unwrap();
        contract.refused(path, &refused, "overloaded");
        assert_eq!(refused.header("access-control-allow-origin"), Some(ORIGIN));
    }
}

/// A site that has had as many new visitors as it may goes on with those it knows.
async fn new_visitors(contract: &mut Contract) {
    // Given a site that may have three new visitors, and has had them
    let setup = Setup::default().site(OTHER, &[OTHER_ORIGIN]).set("limits.new_visitor_burst", 3);
    let environment = setup.set("limits.new_visitors_per_second", 1).start().await.unwrap();
    let send = async |draft: Draft| draft.request().send(environment.public()).await;
    let mut id = json!(null);
    for visitor in 1..=3 {
        let answer = send(Draft::good(EVENTS, visitor)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        id = answer.json()["id"].clone();
    }

    // When another one comes, then it is told to come later; a page can read when
    for path in [EVENTS, DECIDE] {
        let refused = send(Draft::good(path, 4)).await;
        contract.refused(path, &refused, "too_many_new_visitors");
        assert_eq!(refused.header("access-control-expose-headers"), Some("retry-after"));
        // and somebody who was there before is answered, as is another shop's new visitor
        assert_eq!(send(Draft::good(path, 5).without("seed").field("id", id.clone())).await.status, 200);
        let elsewhere = Draft::good(path, 6).field("site", json!(OTHER)).origin(OTHER_ORIGIN);
        assert_eq!(send(elsewhere).await.status, 200);
    }
}

async fn requests_from_one_network(environment: &Environment, contract: &mut Contract) {
    let from = |path: &'static str, address: [u8; 4]| Draft::good(path, 1).request().from(address);
    let behind = |proxy: [u8; 4], forwarded: &str| from(EVENTS, proxy).with("x-forwarded-for", forwarded);
    let send = async |request: Request| request.send(environment.public()).await;

    for path in [EVENTS, DECIDE] {
        let network = if path == EVENTS { 1 } else { 2 };
        // Given a network that has used up what it may send at once, by several addresses
        for last in 1..=4 {
            assert_eq!(send(from(path, [127, 6, network, last])).await.status, 200, "{path}");
        }
        let refused = send(from(path, [127, 6, network, 9])).await;
        contract.refused(path, &refused, "rate_limited");
        assert_eq!(refused.header("access-control-allow-origin"), Some(ORIGIN));
        assert_eq!(refused.header("access-control-expose-headers"), Some("retry-after"), "a page can read when");
        // A header of the client's own does not help
        let disguised = from(path, [127, 6, network, 9]).with("x-forwarded-for", "203.0.113.9");
        contract.refused("a forged address", &send(disguised).await, "rate_limited");
        // Nobody else is held up: not the next network, not another shop's visitors
        assert_eq!(send(from(path, [127, 6, network + 10, 1])).await.status, 200);
        let elsewhere = Draft::good(path, 1).field("site", json!(OTHER)).origin(OTHER_ORIGIN).request();
        assert_eq!(send(elsewhere.from([127, 6, network, 9])).await.status, 200);
        // And after the time that it was told, it may again
        let allowed = async || {
            let answer = send(from(path, [127, 6, network, 9])).await;
            if answer.status == 200 { Ok(()) } else { Err(format!("{answer:?}")) }
        };
        waiting::until("the network to be allowed again", SOON, allowed).await.unwrap();
    }

    // Given a proxy of ours, its word counts: the right-most address that is not ours
    let proxy = [127, 3, 0, 1];
    for forged in 0..4 {
        assert_eq!(send(behind(proxy, &format!("198.18.{forged}.1, 198.51.100.7"))).await.status, 200);
    }
    let refused = send(behind(proxy, "198.18.9.1, 198.51.100.8, 127.3.0.2")).await;
    contract.refused("the same network behind our proxies", &refused, "rate_limited");
    assert_eq!(send(behind(proxy, "203.0.113.7")).await.status, 200, "another one behind the same proxy");
}

async fn addresses_methods_and_keys(environment: &Environment, contract: &mut Contract) {
    let (public, private) = (environment.public(), environment.private());
    for (listener, path) in [(public, "/"), (public, "/v1/nothing"), (public, "/v1/events/"), (private, "/v1/events")] {
        let answer = Request::post(path, "{}").send(listener).await;
        contract.refused(path, &answer, "not_found");
    }
    for path in ["/nothing.js", "/metrics", "/openapi.json", "/v1/visitors/AAAAAAAAAAAAAAAAAAAAAA"] {
        contract.refused("not in public", &Request::get(path).send(public).await, "not_found");
    }
    for (listener, path, method) in [
        (public, EVENTS, "GET"),
        (public, EVENTS, "PUT"),
        (public, DECIDE, "DELETE"),
        (public, "/livez", "POST"),
        (public, "/gloed.js", "POST"),
        (private, "/metrics", "POST"),
        (private, "/v1/server/outbox", "POST"),
        (private, "/v1/visitors/AAAAAAAAAAAAAAAAAAAAAA", "POST"),
    ] {
        let mut request = Request::get(path);
        request.method = method;
        let answer = request.send(listener).await;
        contract.refused(&format!("{method} {path}"), &answer, "method_not_allowed");
        assert!(answer.header("allow").is_some(), "{method} {path}: RFC 9110 wants Allow");
    }
    let nobody = "/v1/visitors/AAAAAAAAAAAAAAAAAAAAAA";
    let key = environment.server_key(SITE).unwrap();
    let bearer = format!("Bearer {key}");
    for method in ["GET", "DELETE"] {
        let request = |authorization: Option<&str>| {
            let mut request = Request::get(nobody);
            request.method = method;
            authorization.map_or(request.clone(), |value| request.with("authorization", value))
        };
        for wrong in
            [None, Some("Bearer "), Some("Bearer gsk_x"), Some(key.as_str()), Some(&bearer[..bearer.len() - 1])]
        {
            let answer = request(wrong).send(private).await;
            contract.refused(method, &answer, "unauthorized");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
        let mut odd = request(Some(&bearer));
        odd.path = "/v1/visitors/nobody".to_owned();
        contract.refused(method, &odd.send(private).await, "bad_parameter");
    }
    contract.refused("nobody", &Request::get(nobody).with("authorization", &bearer).send(private).await, "not_found");
}

#[tokio::test]
async fn a_preflight_names_our_origins_only() {
    let environment = environment().await;
    let ask = async |path: &str, origin: &str| {
        let mut request = Request::get(path).with("origin", origin).with("access-control-request-method", "POST");
        request.method = "OPTIONS";
        request.send(environment.public()).await
    };

    for path in [EVENTS, DECIDE] {
        let ours = ask(path, ORIGIN).await;
        assert_eq!((ours.status, ours.header("access-control-allow-origin")), (204, Some(ORIGIN)));
        assert_eq!(ours.header("access-control-allow-headers"), Some("content-type, content-encoding"));
        for theirs in ["null", "https://evil.example", "https://shop.example.evil.example"] {
            let theirs = ask(path, theirs).await;
            assert_eq!((theirs.status, theirs.header("access-control-allow-origin")), (403, None));
        }
    }
}

#[tokio::test]
async fn a_connection_that_does_not_say_what_it_wants_is_closed() {
    let environment = Setup::default().set("server.header_timeout", "400ms").start().await.unwrap();

    for listener in [environment.public(), environment.private()] {
        for said in ["", "POST /v1/events HTTP/1.1\r\nhost: shop.example\r\n"] {
            let begin = std::time::Instant::now();
            let mut connection = Raw::connect(listener).await.unwrap();
            connection.send(said).await.unwrap();
            let answer = connection.read_to_end(Duration::from_secs(3)).await.unwrap();

            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
            assert!(begin.elapsed() >= Duration::from_millis(350), "it was given its time: {:?}", begin.elapsed());
        }
        // One that says a little now and then is not given more.
        let mut connection = Raw::connect(listener).await.unwrap();
        let begin = std::time::Instant::now();
        let mut drip = async || connection.send("x").await.map_or(Ok(()), |()| Err("still open".to_owned()));
        waiting::until("the dripping connection to be closed", Duration::from_secs(3), &mut drip).await.unwrap();
        assert!(begin.elapsed() >= Duration::from_millis(350));
    }
}

#[tokio::test]
async fn a_full_log_refuses_events_and_keeps_what_it_said_yes_to() {
    // Given a log that holds a few requests
    let setup = Setup::default().model(COUNTING).set("log.segment", "8KiB").set("log.cap", "16KiB");
    let environment = setup.set("limits.request_burst", 10_000).start().await.unwrap();
    let mut contract = Contract::read();
    let mut page = Page::of_visitor(SITE, 1);
    let mut accepted = 0;
    let mut id = String::new();

    // When more comes than fits
    let refused = loop {
        let event = page.event("page_view", json!({ "properties": { "filler": "x".repeat(256) } }));
        let answer =
            Request::post(EVENTS, page.envelope(URL, vec![event]).to_string()).send(environment.public()).await;
        if answer.status != 200 {
            break answer;
        }
        visitor_id(&answer.json()).unwrap().clone_into(&mut id);
        accepted += 1;
        assert!(accepted < 1_000, "the log has no end");
    };

    // Then it says so, nothing is dropped in silence, and what can do without the log still works
    contract.refused("a full log", &refused, "log_unavailable");
    environment.applied().await.unwrap();
    let visitor = environment.visitor(SITE, &id).await.unwrap().json().unwrap();
    assert_eq!(visitor["score"], accepted.to_string());
    assert!(accepted > 10, "{accepted}");
}
