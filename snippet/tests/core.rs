//! The core against the browser's twin in memory, through its public inputs.
#![expect(clippy::expect_used, clippy::panic, reason = "a helper that finds nothing fails the test that called it")]

use serde_json::{Value, json};
use snippet::browser::Stored;
use snippet::core::Core;
use snippet::memory::{MemoryBrowser, Sent};
use snippet::normalise::source;

const NOW: f64 = 1_790_000_000_000.0;

/// A page with a core, and the numbers that its loader gives.
struct Page {
    core: Core<MemoryBrowser>,
    n: u64,
    now: f64,
}

impl Page {
    fn open(browser: MemoryBrowser) -> Self {
        Self { core: Core::new(browser, NOW), n: 0, now: NOW }
    }

    fn new() -> Self {
        Self::open(MemoryBrowser { random: 0.5, slots: r#"["popup","bar"]"#.to_owned(), ..MemoryBrowser::default() })
    }

    fn take(&mut self, source: u8, name: &str, params: Value) {
        self.n += 1;
        let capture = json!({ "n": self.n, "time": self.now, "name": name, "params": params,
                              "page": { "url": "https://shop.example/a" } });
        self.core.take(&capture.to_string(), source, self.now, self.now);
    }

    fn after(&mut self, milliseconds: f64) -> &mut Self {
        self.now += milliseconds;
        self.core.wake(self.now);
        self
    }

    fn sent(&mut self) -> Vec<Sent> {
        self.core.browser().sent.clone()
    }

    fn last(&mut self) -> Sent {
        self.sent().pop().expect("a request")
    }

    fn answer(&mut self, status: u32) {
        let ticket = self.last().ticket;
        self.core.answered(ticket, status, 0.0, "", self.now);
    }

    /// Everything that was sent, as events.
    fn events(&mut self) -> Vec<Value> {
        self.sent().iter().flat_map(|sent| body(sent)["events"].as_array().cloned().unwrap_or_default()).collect()
    }
}

fn body(sent: &Sent) -> Value {
    serde_json::from_str(&sent.body).unwrap_or_else(|error| panic!("{error} in {}", sent.body))
}

/// What becomes of one capture.
fn wire(source: u8, name: &str, params: Value) -> Value {
    let mut page = Page::new();
    page.take(source, name, params);
    page.after(1_000.0);
    page.events().pop().unwrap_or(Value::Null)
}

#[test]
fn the_dialects_of_a_data_layer_become_one_event() {
    let expected = json!([{ "id": "J-17", "name": "Regenjas", "category": "jassen", "price": "79.95", "quantity": 2 }]);
    let object = wire(
        source::LAYER_OBJECT,
        "add_to_cart",
        json!({ "event": "add_to_cart", "ecommerce": { "currency": "EUR", "value": "159,90", "items": [
            { "item_id": "J-17", "item_name": "Regenjas", "item_category": "jassen", "price": "79,95", "quantity": "2" }] } }),
    );
    let arguments = wire(
        source::LAYER_ARGUMENTS,
        "add_to_cart",
        json!({ "currency": "EUR", "value": 159.9, "send_to": "G-1", "items": [
            { "item_id": "J-17", "item_name": "Regenjas", "item_category": "jassen", "price": 79.95, "quantity": 2 }] }),
    );
    let universal = wire(
        source::LAYER_OBJECT,
        "",
        json!({ "ecommerce": { "currencyCode": "EUR", "add": { "products": [
            { "id": "J-17", "name": "Regenjas", "category": "jassen", "price": "79.95", "quantity": 2 }] } } }),
    );
    for event in [&object, &arguments, &universal] {
        assert_eq!(event["name"], "add_to_cart", "{event}");
        assert_eq!(event["items"], expected, "{event}");
        assert_eq!(event["currency"], "EUR", "{event}");
        assert!(event.get("properties").is_none(), "nothing of the layer's other state is kept: {event}");
    }
    assert_eq!(object["value"], "159.90");
    assert_eq!(arguments["value"], "159.90");
}

#[test]
fn attributes_and_calls_name_one_item_with_its_facts_beside_it() {
    let event = wire(
        source::ATTRIBUTES,
        "add_to_cart",
        json!({ "item": "J-17", "price": "9.50", "quantity": "3", "colour": "rood" }),
    );
    assert_eq!(event["items"], json!([{ "id": "J-17", "price": "9.50", "quantity": 3 }]));
    assert_eq!(event["properties"], json!({ "colour": "rood" }));
}

#[test]
fn a_call_keeps_scalars_and_says_fractions_as_text() {
    let event = wire(
        source::CALL,
        "test.drive",
        json!({ "a": 1, "b": 1.5, "c": "x \"y\"", "d": true, "e": null, "f": {}, "g": [1] }),
    );
    assert_eq!(event["properties"], json!({ "a": 1, "b": "1.5", "c": "x \"y\"", "d": true }));
}

#[test]
fn attributes_of_the_visitor_keep_null_which_removes_one() {
    let event = wire(source::CALL, "set_attributes", json!({ "newsletter": true, "city": null }));
    assert_eq!(event["properties"], json!({ "newsletter": true, "city": null }));
}

#[test]
fn an_address_stands_beside_the_properties_and_never_in_them() {
    let event =
        wire(source::PAGE, "sign_up", json!({ "email": "a@b.nl", "offer": "o", "decision": "d", "method": "offer" }));
    assert_eq!((&event["email"], &event["offer"], &event["decision"]), (&json!("a@b.nl"), &json!("o"), &json!("d")));
    assert_eq!(event["properties"], json!({ "method": "offer" }));
}

#[test]
fn what_is_no_event_name_is_not_recorded() {
    for name in ["", "gloed_fake", "has space", &"x".repeat(65)] {
        assert_eq!(wire(source::CALL, name, json!({})), Value::Null, "{name}");
    }
    assert_eq!(wire(source::LAYER_OBJECT, "", json!({ "ecommerce": null })), Value::Null);
}

#[test]
fn broken_json_is_harmless() {
    for text in [
        "",
        "{",
        "[",
        "{\"n\":",
        "{\"name\":\"x",
        "\"\\",
        "}{",
        "{\"n\":1,\"name\":\"page_view\",\"params\":{\"a\":\"\\",
    ] {
        let mut page = Page::new();
        page.core.take(text, source::CALL, NOW, NOW);
        page.core.adopt(text, NOW);
        page.core.leave(NOW);
    }
}

#[test]
fn two_sources_say_one_fact_and_two_clicks_are_two() {
    let mut page = Page::new();
    let item = json!({ "items": [{ "item_id": "A" }] });
    for _ in 0..2 {
        page.take(source::LAYER_OBJECT, "add_to_cart", item.clone());
        page.take(source::LAYER_ARGUMENTS, "add_to_cart", item.clone());
        page.take(source::ATTRIBUTES, "add_to_cart", json!({ "item": "A" }));
        page.now += 300.0;
    }
    page.after(1_000.0);
    assert_eq!(page.events().len(), 2);

    // A second later the other source means another one.
    page.take(source::CALL, "add_to_cart", item);
    page.answer(200);
    page.after(1_000.0);
    assert_eq!(page.events().len(), 3);
}

#[test]
fn a_transaction_counts_once_across_reloads_and_a_refund_is_another() {
    let purchase = json!({ "ecommerce": { "transaction_id": "T-1", "value": 10, "currency": "EUR" } });
    let mut page = Page::new();
    page.take(source::LAYER_OBJECT, "purchase", purchase.clone());
    page.after(1_000.0).answer(200);
    let mut reloaded = Page::open(MemoryBrowser { sent: Vec::new(), ..page.core.browser().clone() });

    reloaded.take(source::LAYER_OBJECT, "purchase", purchase.clone());
    reloaded.take(source::LAYER_OBJECT, "refund", purchase);
    reloaded.after(1_000.0);

    let events = reloaded.events();
    assert_eq!(events.len(), 1);
    assert_eq!((&events[0]["name"], &events[0]["transaction_id"]), (&json!("refund"), &json!("T-1")));
}

#[test]
fn a_page_view_goes_at_once_with_a_question_and_others_wait_for_company() {
    let mut page = Page::new();
    page.take(source::CALL, "a", json!({}));
    page.after(50.0);
    assert!(page.sent().is_empty());
    page.take(source::CALL, "b", json!({}));
    page.after(150.0);
    assert_eq!(page.last().events, 2);
    page.answer(200);

    page.take(source::PAGE, "page_view", json!({}));
    page.after(0.0);
    assert_eq!(body(&page.last())["decide"], json!({ "slots": ["popup", "bar"] }));
    assert_eq!(body(&page.last())["page"]["url"], "https://shop.example/a");
    assert!(body(&page.last())["events"][0].get("page").is_none(), "the page is the envelope's");
}

#[test]
fn reports_on_offers_ask_for_none() {
    let mut page = Page::new();
    page.take(source::PAGE, "offer_shown", json!({ "offer": "o" }));
    page.after(1_000.0);
    assert!(body(&page.last()).get("decide").is_none());
}

#[test]
fn one_request_at_a_time_and_a_retry_has_the_same_numbers() {
    let mut page = Page::new();
    page.take(source::CALL, "a", json!({}));
    page.after(200.0);
    page.take(source::CALL, "b", json!({}));
    page.after(10_000.0);
    assert_eq!(page.sent().len(), 1, "b waits for the answer to a");

    page.answer(0);
    page.after(499.0);
    assert_eq!(page.sent().len(), 1, "back-off: half of a second with this browser's luck");
    page.after(1.0);
    let numbers: Vec<_> =
        body(&page.last())["events"].as_array().unwrap().iter().map(|event| event["n"].clone()).collect();
    assert_eq!(numbers, [json!(1), json!(2)]);
}

#[test]
fn back_off_doubles_to_five_minutes_and_honours_the_collector() {
    let mut page = Page::new();
    page.take(source::CALL, "a", json!({}));
    page.after(200.0);
    let mut waits = Vec::new();
    for _ in 0..12 {
        page.answer(503);
        let wait = page.core.browser().wake.unwrap();
        waits.push(wait);
        page.after(wait);
    }
    assert_eq!(waits[..4], [500.0, 1_000.0, 2_000.0, 4_000.0]);
    assert_eq!(waits[11], 150_000.0, "half of five minutes");

    let ticket = page.last().ticket;
    page.core.answered(ticket, 429, 700.0, "", page.now);
    assert_eq!(page.core.browser().wake, Some(700_000.0));
}

#[test]
fn the_connection_coming_back_ends_the_wait() {
    let mut page = Page::new();
    page.take(source::CALL, "a", json!({}));
    page.after(200.0).answer(0);
    page.core.online(page.now);
    assert_eq!(page.sent().len(), 2);
}

#[test]
fn a_refusal_is_final_but_a_receipt_may_ask_for_another_try() {
    let mut page = Page::new();
    for name in ["a", "b", "c"] {
        page.take(source::CALL, name, json!({}));
    }
    page.after(200.0);
    let ticket = page.last().ticket;
    page.core.answered(ticket, 200, 0.0, "010", page.now);
    page.after(1_000.0);
    assert_eq!(body(&page.last())["events"].as_array().unwrap().len(), 1);
    assert_eq!(body(&page.last())["events"][0]["name"], "b");

    page.answer(400);
    page.after(600_000.0);
    assert_eq!(page.sent().len(), 2);
}

#[test]
fn too_large_is_sent_in_halves() {
    let mut page = Page::new();
    for index in 0..8 {
        page.take(source::CALL, &format!("e{index}"), json!({}));
    }
    page.after(200.0);
    for expected in [8, 4, 2, 1] {
        assert_eq!(page.last().events, expected);
        page.answer(413);
        page.after(0.0);
    }
    assert_eq!(body(&page.last())["events"][0]["name"], "e1", "one that is too large by itself is given up");
}

#[test]
fn bodies_stay_inside_the_limits() {
    let mut page = Page::new();
    for index in 0..120 {
        page.take(
            source::CALL,
            &format!("e{index}"),
            json!({ "text": "x".repeat(if index < 60 { 10 } else { 1_500 }) }),
        );
    }
    let mut requests = 0;
    loop {
        page.after(1_000.0);
        if page.sent().len() == requests {
            break;
        }
        requests += 1;
        let last = page.last();
        assert!(last.events <= 50 && last.body.len() <= 60_000, "{} events, {} bytes", last.events, last.body.len());
        page.answer(200);
    }
    let total = u32::try_from(page.events().len()).unwrap();
    assert!(requests >= 2 && page.core.dropped() > 0);
    assert_eq!(total + page.core.dropped(), 120);
}

#[test]
fn the_queue_is_bounded_and_keeps_the_newest() {
    let mut page = Page::new();
    for index in 0..250 {
        page.take(source::CALL, &format!("e{index}"), json!({}));
    }
    assert_eq!(page.core.dropped(), 50);
    page.after(200.0);
    assert_eq!(body(&page.last())["events"][0]["name"], "e50");
}

#[test]
fn what_is_not_acknowledged_survives_the_page_and_counts_under_the_same_number() {
    let mut page = Page::new();
    page.take(source::CALL, "a", json!({}));
    page.core.leave(page.now);
    assert_eq!(page.last().events, 1, "sent while leaving");
    assert!(page.core.browser().storage.contains_key(&Stored::Queue));

    let mut next = Page::open(MemoryBrowser { sent: Vec::new(), ..page.core.browser().clone() });
    next.after(0.0);
    let event = &body(&next.last())["events"][0];
    assert_eq!((&event["n"], &event["page"]["url"]), (&json!(1), &json!("https://shop.example/a")));
    next.answer(200);
    assert!(!next.core.browser().storage.contains_key(&Stored::Queue));
}

#[test]
fn an_acknowledged_page_leaves_nothing_behind() {
    let mut page = Page::new();
    page.take(source::CALL, "a", json!({}));
    page.after(200.0).answer(200);
    page.core.leave(page.now);
    assert!(page.core.browser().storage.is_empty());
}

#[test]
fn a_storage_that_refuses_costs_nothing_but_the_reload() {
    let mut page = Page::open(MemoryBrowser { storage_is_full: true, random: 0.5, ..MemoryBrowser::default() });
    page.take(source::CALL, "a", json!({}));
    page.after(200.0).answer(0);
    page.after(1_000.0).answer(200);
    assert_eq!(page.events().len(), 2);
}

#[test]
fn an_event_that_the_loader_could_not_deliver_is_taken_over_as_it_is() {
    let mut page = Page::new();
    let event = json!({ "n": 77, "name": "page_view", "time": 5, "page": { "url": "u" }, "properties": {} });
    page.core.adopt(&event.to_string(), page.now);
    page.after(0.0);
    assert_eq!(page.events(), [event]);
}

#[test]
fn a_question_takes_the_events_before_it_along_and_waits_for_nobody() {
    let mut page = Page::new();
    page.take(source::CALL, "a", json!({}));
    page.after(200.0);
    page.take(source::PAGE, "sign_up", json!({ "offer": "o" }));
    page.core.ask(9, r#"{"slots":[],"claim":"o"}"#, page.now);

    let last = page.last();
    assert_eq!((last.ask, last.events), (9, 1), "though the first request is still in flight");
    assert_eq!(body(&last)["decide"], json!({ "slots": [], "claim": "o" }));
    assert_eq!(body(&last)["events"][0]["name"], "sign_up");
}

#[test]
fn withdrawal_forgets_what_waits_and_what_is_in_flight() {
    let mut page = Page::new();
    page.take(source::CALL, "a", json!({}));
    page.after(200.0);
    page.take(source::CALL, "b", json!({}));
    page.core.forget();
    page.answer(0);
    page.after(600_000.0);
    page.core.leave(page.now);
    assert_eq!(page.sent().len(), 1);
    assert!(page.core.browser().storage.is_empty());
}

#[test]
fn a_request_for_a_decision_repeats_what_was_acknowledged_a_moment_ago() {
    // given two events that were acknowledged, and one that was refused
    let mut page = Page::new();
    page.take(source::CALL, "one", json!({}));
    page.after(1_000.0).answer(200);
    page.take(source::CALL, "two", json!({}));
    page.after(1_000.0).answer(200);
    page.take(source::CALL, "refused", json!({}));
    page.after(1_000.0).answer(403);

    // when a decision is asked for
    let repeated = |page: &mut Page| {
        let now = page.now;
        page.core.ask(7, "{}", now);
        let body = body(&page.last());
        let names = |field: &str| -> Vec<Value> {
            body[field].as_array().into_iter().flatten().map(|event| event["name"].clone()).collect()
        };
        (names("acknowledged"), names("events"))
    };

    // then it carries the two, each with its page, and what was refused not at all
    assert_eq!(repeated(&mut page), (vec![json!("one"), json!("two")], vec![]));
    assert_eq!(body(&page.last())["acknowledged"][0]["page"]["url"], "https://shop.example/a");
    page.answer(200);
    // and none of somebody who is forgotten, and nothing for longer than five seconds
    page.core.forget();
    assert_eq!(repeated(&mut page).0, [json!(null); 0]);
    page.take(source::CALL, "three", json!({}));
    page.after(1_000.0).answer(200);
    assert_eq!(repeated(&mut page).0, [json!("three")]);
    page.answer(200);
    page.after(5_000.0);
    assert_eq!(repeated(&mut page).0, [json!(null); 0]);
}
