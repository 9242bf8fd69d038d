//! What the shop's server tells: mails, calls, orders, of visitors and of people who never visited.

use serde_json::{Value, json};
use tests::{
    body::{Page, now},
    environment::{Environment, SITE, Setup, visitor_id},
};

use crate::{
    contract::Contract,
    disk,
    exchange::{Framing, Request, SOON},
};

const OTHER: &str = "other";
const PATH: &str = "/v1/server/events";
const URL: &str = "https://shop.example/regenjas";
const DAY: i64 = 86_400_000;
/// Every kind of event has a weight of its own, for ever: a score says which were counted, and how often.
const MODEL: &str = r#"
version = 1
name = "told"
half_life = "none"
[[stages]]
name = "cold"
[[rules]]
id = "page_view"
title = "Looked"
when = { field = "event", eq = "page_view" }
points = 1
[[rules]]
id = "open"
title = "Opened a mail"
when = { field = "event", eq = "email_open" }
points = 10
[[rules]]
id = "mail"
title = "Came by mail"
when = { field = "channel", eq = "email" }
points = 100
[[rules]]
id = "bought"
title = "Bought"
when = { field = "event", eq = "purchase" }
points = 1000
"#;

async fn environment() -> Environment {
    Setup::default().site(OTHER, &["https://other.example"]).model(MODEL).start().await.unwrap()
}

/// Tells events that are all accepted; gives the answer.
async fn tell(environment: &Environment, site: &str, events: Vec<Value>) -> Value {
    let answer = environment.server_events(site, events).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json().unwrap();
    let receipts = answer["receipts"].as_array().unwrap();
    assert!(receipts.iter().all(|receipt| receipt["status"] == "accepted"), "{answer}");
    answer
}

fn visitor_of(answer: &Value, place: usize) -> &str {
    answer["receipts"][place]["visitor"].as_str().unwrap_or_else(|| panic!("no visitor in {answer}"))
}

async fn score(environment: &Environment, id: &str) -> String {
    environment.applied().await.unwrap();
    let answer = environment.visitor(SITE, id).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().unwrap()["score"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_mail_to_somebody_who_never_visited_makes_a_lead() {
    let environment = environment().await;

    // Given two people told of in one request, and one of them again by another tool
    let open = |id: &str, person: &str| json!({ "id": id, "name": "email_open", "person": person });
    let first =
        tell(&environment, SITE, vec![open("1", "customer-1"), open("2", "customer-2"), open("3", "customer-1")]).await;
    let mut by_mail = open("1", "customer-1");
    by_mail["source"] = json!("mail-tool");
    by_mail["channel"] = json!("email");
    let again = tell(&environment, SITE, vec![by_mail]).await;

    // Then each is one lead with their own events, which are named by source and id
    assert_eq!(visitor_of(&first, 0), visitor_of(&first, 2));
    assert_eq!(visitor_of(&first, 0), visitor_of(&again, 0));
    assert_ne!(visitor_of(&first, 0), visitor_of(&first, 1));
    assert_eq!(score(&environment, visitor_of(&first, 0)).await, "130");
    assert_eq!(score(&environment, visitor_of(&first, 1)).await, "10");
    // And on another site the same person is somebody else
    let elsewhere = tell(&environment, OTHER, vec![open("1", "customer-1")]).await;
    assert_ne!(visitor_of(&elsewhere, 0), visitor_of(&first, 0));
    assert_eq!(environment.visitor(SITE, visitor_of(&elsewhere, 0)).await.unwrap().status, 404);
}

#[tokio::test]
async fn an_order_that_the_server_confirms_counts_once_and_gives_points() {
    // Given a visitor whose page says that they bought
    let environment = environment().await;
    let mut page = Page::of_visitor(SITE, 1);
    let bought = json!({ "transaction_id": "2204", "value": "79.95", "currency": "EUR" });
    let events = vec![page.event("page_view", json!({})), page.event("purchase", bought.clone())];
    let answer = environment.post("/v1/events", &page.envelope(URL, events)).await.unwrap().json().unwrap();
    let (signed, id) = (answer["id"].as_str().unwrap(), visitor_id(&answer).unwrap());
    assert_eq!(score(&environment, id).await, "1", "a page alone is not believed");

    // When the server tells the same order, by the signed id, by the bare one, and in another source
    for (event_id, visitor, source) in [("a", signed, "orders-1"), ("b", id, "orders-1"), ("a", id, "orders-2")] {
        let mut event = json!({ "id": event_id, "name": "purchase", "visitor": visitor, "source": source });
        event.as_object_mut().unwrap().extend(bought.as_object().unwrap().clone());
        let told = tell(&environment, SITE, vec![event]).await;
        assert_eq!(visitor_of(&told, 0), id);
    }

    // Then it counts, once
    assert_eq!(score(&environment, id).await, "1001");
}

#[tokio::test]
async fn good_events_are_kept_beside_bad_ones_and_the_same_one_twice_counts_once() {
    let environment = environment().await;
    let good = json!({ "id": "1", "name": "email_open", "person": "p", "colour": "red" });
    let nameless = json!({ "id": "2", "person": "p" });
    let long = json!({ "id": "3", "name": "email_open", "person": "p", "properties": { "text": "é".repeat(200) } });

    let mut told = Vec::new();
    for _ in 0..3 {
        let answer = environment.server_events(SITE, vec![good.clone(), nameless.clone(), long.clone()]).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        told.push(answer.json().unwrap());
    }

    let answer = &told[0];
    let statuses: Vec<&Value> = answer["receipts"].as_array().unwrap().iter().map(|one| &one["status"]).collect();
    assert_eq!(statuses, ["accepted", "rejected", "accepted"]);
    assert_eq!((&answer["v"], &answer["ignored"]), (&json!(1), &json!(1)));
    assert_eq!(answer["receipts"][1]["detail"], "events[1].name is required");
    assert_eq!(answer["receipts"][1]["visitor"], Value::Null);
    assert_eq!(answer["receipts"][2]["truncated"], json!(["events[2].properties.text"]));
    assert_eq!(score(&environment, visitor_of(answer, 0)).await, "20");
    let metrics = environment.metrics().await.unwrap();
    let metric = |name: &str| metrics.get(name).copied().unwrap_or_default();
    assert_eq!(metric("gloed_event_receipts_total{code=\"accepted\"}"), 6.0);
    assert_eq!(metric("gloed_event_receipts_total{code=\"missing_field\"}"), 3.0);
    assert_eq!(metric("gloed_event_outcomes_total{outcome=\"recorded\"}"), 2.0);
    assert_eq!(metric("gloed_event_outcomes_total{outcome=\"duplicate\"}"), 4.0);
}

#[tokio::test]
async fn history_is_imported_and_what_has_no_time_happened_now() {
    let environment = environment().await;
    let before = now();

    let old = json!({ "id": "1", "name": "email_open", "person": "p", "time": before - 400 * DAY });
    let fresh = json!({ "id": "2", "name": "email_open", "person": "p" });
    let soon = json!({ "id": "3", "name": "email_open", "person": "p", "time": before + 30_000 });
    let answer = tell(&environment, SITE, vec![old, fresh, soon]).await;

    environment.applied().await.unwrap();
    let visitor = environment.visitor(SITE, visitor_of(&answer, 0)).await.unwrap().json().unwrap();
    let mut times: Vec<i64> =
        visitor["lines"].as_array().unwrap().iter().map(|line| line["time"].as_i64().unwrap()).collect();
    times.sort_unstable();
    assert_eq!(times[0], before - 400 * DAY, "a server's event is never too old");
    for time in &times[1..] {
        assert!((before..=now()).contains(time), "{time} is not now");
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let mut environment = environment().await;
    let open = |number: usize| json!({ "id": "1", "name": "email_open", "person": format!("customer-{number}") });

    let answer = tell(&environment, SITE, (0..50).map(open).collect()).await;
    environment.collector.kill_9().await.unwrap();
    std::fs::remove_dir_all(environment.data().join("store")).unwrap();
    environment.collector.restart().await.unwrap();

    for place in 0..50 {
        assert_eq!(score(&environment, visitor_of(&answer, place)).await, "10");
    }
}

#[tokio::test]
async fn personal_data_in_what_a_server_tells_is_found_nowhere() {
    let mut environment = environment().await;
    let event = json!({
        "id": "mail:jan.jansen@voorbeeld.example", "name": "email_open", "person": "jan.jansen@voorbeeld.example",
        "transaction_id": "jan.jansen@voorbeeld.example", "page": { "url": format!("{URL}/jan.jansen@voorbeeld.example") },
        "properties": { "to": "jan.jansen@voorbeeld.example", "subject": "herkenbaar onderwerp", "phone": "+31683142975" },
    });

    let answer = tell(&environment, SITE, vec![event]).await;

    let id = visitor_of(&answer, 0);
    assert_eq!(score(&environment, id).await, "10");
    environment.collector.stop().await.unwrap();
    assert!(!disk::find(&environment.data(), "herkenbaar onderwerp").is_empty(), "the search finds nothing at all");
    for forbidden in ["jan.jansen", "voorbeeld.example", "83142975"] {
        assert_eq!(disk::find(&environment.data(), forbidden), Vec::<String>::new(), "{forbidden}");
        assert!(!environment.collector.output().contains(forbidden), "{forbidden} is in the output");
    }
}

#[tokio::test]
async fn who_was_erased_is_not_brought_back_by_what_a_server_tells() {
    let environment = environment().await;
    let open = |id: &str, subject: &str| json!({ "id": id, "name": "email_open", "person": "customer-1", "properties": { "subject": subject } });
    let answer = tell(&environment, SITE, vec![open("1", "before")]).await;
    let id = visitor_of(&answer, 0);
    environment.applied().await.unwrap();
    assert_eq!(environment.erase(SITE, id).await.unwrap().status, 204);

    tell(&environment, SITE, vec![open("2", "geheim onderwerp")]).await;

    environment.applied().await.unwrap();
    assert_eq!(environment.visitor(SITE, id).await.unwrap().status, 404);
    assert_eq!(environment.metric("gloed_event_outcomes_total{outcome=\"erased\"}").await.unwrap(), 1.0);
    assert_eq!(disk::find(&environment.data(), "geheim onderwerp"), Vec::<String>::new());
}

/// A good request about to be spoiled.
fn draft(key: &str) -> Request {
    let body = json!({ "v": 1, "events": [{ "id": "1", "name": "email_open", "person": "p" }] });
    Request::post(PATH, body.to_string())
        .set("content-type", "application/json")
        .with("authorization", &format!("Bearer {key}"))
}

/// Everything that is refused here and not elsewhere, or here in another way.
pub(crate) async fn refusals(environment: &Environment, contract: &mut Contract) {
    let key = environment.server_key(SITE).unwrap();
    let private = environment.private();
    let with_body = |body: &str| Request { body: body.as_bytes().to_vec(), ..draft(&key) };

    // Without the key nothing is looked at
    for wrong in ["", "gsk_x", &key[..key.len() - 1]] {
        let request = Request { framing: Framing::OnlyDeclared(100), ..draft(wrong) };
        contract.refused("a wrong key", &request.send(private).await, "unauthorized");
    }
    contract.refused("in public", &draft(&key).send(environment.public()).await, "not_found");
    let get = Request { method: "GET", ..draft(&key) };
    contract.refused("GET", &get.send(private).await, "method_not_allowed");

    // The request as a whole
    let events = |number: usize| vec![r#"{"id":"1","name":"a","person":"p"}"#; number].join(",");
    for (what, code, request) in [
        ("not JSON", "malformed_json", with_body("{")),
        ("17 levels", "malformed_json", with_body(&format!("{}{}", "[".repeat(17), "]".repeat(17)))),
        ("a list", "bad_envelope", with_body("[]")),
        ("no version", "bad_envelope", with_body(r#"{"events":[]}"#)),
        ("version 2", "unsupported_version", with_body(r#"{"v":2,"events":[]}"#)),
        ("no events", "bad_envelope", with_body(r#"{"v":1}"#)),
        ("events that are no list", "bad_envelope", with_body(r#"{"v":1,"events":{}}"#)),
        ("51 events", "too_many_events", with_body(&format!(r#"{{"v":1,"events":[{}]}}"#, events(51)))),
        ("a form", "unsupported_media_type", draft(&key).set("content-type", "application/x-www-form-urlencoded")),
        ("brotli", "unsupported_encoding", draft(&key).with("content-encoding", "br")),
        ("too large", "body_too_large", Request { framing: Framing::OnlyDeclared(65_537), ..draft(&key) }),
        ("a body that does not come", "request_timeout", Request { framing: Framing::OnlyDeclared(9), ..draft(&key) }),
    ] {
        contract.refused(what, &request.send(private).await, code);
    }

    // Requests in flight have a place of their own: as many as there may be events of pages, and one more
    let mut answers = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let request = Request { framing: Framing::OnlyDeclared(9), ..draft(&key) };
        answers.spawn(async move { request.send(private).await });
    }
    let first = tokio::time::timeout(SOON, answers.join_next()).await.unwrap().unwrap().unwrap();
    contract.refused("one too many", &first, "overloaded");
    answers.join_all().await;

    single_events(environment, contract).await;
}

/// One bad event between two good ones.
async fn single_events(environment: &Environment, contract: &mut Contract) {
    let rows = [
        ("no id", "missing_field", json!({ "id": null })),
        ("an empty id", "wrong_type", json!({ "id": "" })),
        ("an id that is too long", "wrong_type", json!({ "id": "i".repeat(65) })),
        ("an id with a space", "wrong_type", json!({ "id": "mail 1" })),
        ("an id that is a number", "wrong_type", json!({ "id": 1 })),
        ("no name", "missing_field", json!({ "name": null })),
        ("a name of ours", "reserved_name", json!({ "name": "gloed_announced" })),
        ("a name with a space", "bad_name", json!({ "name": "mail opened" })),
        ("a time as text", "wrong_type", json!({ "time": "now" })),
        ("before 2020", "time_out_of_bounds", json!({ "time": 1_577_836_799_999_i64 })),
        ("two minutes ahead", "time_out_of_bounds", json!({ "time": now() + 120_000 })),
        ("an amount with a comma", "bad_amount", json!({ "value": "79,95" })),
        ("half a yen", "bad_amount", json!({ "value": "0.5", "currency": "JPY" })),
        ("nobody", "bad_visitor", json!({ "person": null })),
        ("an empty person", "bad_visitor", json!({ "person": "" })),
        ("a person that is too long", "bad_visitor", json!({ "person": "p".repeat(129) })),
        ("a person that is a number", "wrong_type", json!({ "person": 7 })),
        ("both", "bad_visitor", json!({ "visitor": "AAAAAAAAAAAAAAAAAAAAAA" })),
        ("no visitor's id", "bad_visitor", json!({ "person": null, "visitor": "customer-1" })),
        (
            "a signature that is none",
            "bad_visitor",
            json!({ "person": null, "visitor": "g1.AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA" }),
        ),
        ("a short source", "wrong_type", json!({ "source": "mail" })),
        ("a source of other letters", "wrong_type", json!({ "source": "mail.tool" })),
        ("an unknown channel", "wrong_type", json!({ "channel": "e-mail" })),
    ];
    for (number, (what, code, change)) in rows.into_iter().enumerate() {
        let good = |id: &str| json!({ "id": id, "name": "email_open", "person": format!("customer-{number}") });
        let mut bad = good("2");
        bad.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());

        let answer = environment.server_events(SITE, vec![good("1"), bad, good("3")]).await.unwrap().json().unwrap();

        let receipts = &answer["receipts"];
        assert_eq!(
            (&receipts[1]["status"], &receipts[1]["code"]),
            (&json!("rejected"), &json!(code)),
            "{what}: {answer}"
        );
        assert!(receipts[1]["detail"].as_str().unwrap().contains("events[1]"), "{what}: {answer}");
        assert_eq!(receipts[1]["visitor"], Value::Null, "{what}");
        contract.rejected(what, code);
        assert_eq!(score(environment, visitor_of(&answer, 2)).await, "2", "{what}: the good events beside it are kept");
    }
}
