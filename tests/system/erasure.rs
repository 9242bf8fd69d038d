//! Erased: unreadable at once, gone from the disk within a minute, and nothing brings it back.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::{
    body::Page,
    environment::{Environment, ORIGIN, SITE, Setup, visitor_id},
    waiting,
};

use crate::{disk, exchange::Request};

const OTHER: &str = "other";
const URL: &str = "https://shop.example/";
/// The design: within 60 s the bytes are gone from store, log and outbox.
const GONE_WITHIN: Duration = Duration::from_secs(60);
/// What the erased visitor did and typed.
const DEED: &str = "geheim-verlangen-naar-regenjas";
const ADDRESS: &str = "jan.jansen@voorbeeld.example";
/// What somebody else did, and keeps.
const OTHERS_DEED: &str = "openlijk-verlangen-naar-laarzen";

struct Visitor {
    page: Page,
    id: String,
    signed: String,
}

async fn environment() -> Environment {
    let setup = Setup::default().site(OTHER, &["https://other.example"]).set("sites.0.page_may_see_score", true);
    setup.start().await.unwrap()
}

/// A visitor who did something in the shop, often enough to be in every part of the store.
async fn visitor(environment: &Environment, number: u64, deed: &str) -> Visitor {
    let mut page = Page::of_visitor(SITE, number);
    let mut answer = Value::Null;
    for _ in 0..5 {
        let properties = json!({ "properties": { "deed": deed } });
        let mut events = vec![page.event("add_to_cart", properties.clone()), page.event("begin_checkout", properties)];
        events.push(page.event("sign_up", json!({ "email": if deed == DEED { ADDRESS } else { "piet@x.example" } })));
        answer = send(environment, &page.envelope(URL, events)).await;
    }
    environment.applied().await.unwrap();
    let signed = answer["id"].as_str().unwrap().to_owned();
    Visitor { page, id: visitor_id(&answer).unwrap().to_owned(), signed }
}

async fn send(environment: &Environment, body: &Value) -> Value {
    let answer = environment.post("/v1/events", body).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().unwrap()
}

async fn assert_unreadable(environment: &Environment, visitor: &Visitor, when: &str) {
    assert_eq!(environment.visitor(SITE, &visitor.id).await.unwrap().status, 404, "{when}");
    // Neither the seed nor the signed id is anybody now: a new visitor, cold, without a past.
    let mut by_seed = visitor.page.envelope(URL, Vec::new());
    by_seed["decide"] = json!({});
    let mut by_id = by_seed.clone();
    by_id["id"] = json!(visitor.signed);
    for body in [by_seed, by_id] {
        let answer = environment.post("/v1/decide", &body).await.unwrap().json().unwrap();
        assert_eq!(answer["lead"], json!({ "score": "0", "stage": "cold" }), "{when}: {answer}");
        assert_ne!(visitor_id(&answer).unwrap(), visitor.id, "{when}");
    }
}

/// Where bytes of the visitor still are.
fn traces(environment: &Environment) -> Vec<String> {
    [DEED, ADDRESS].iter().flat_map(|bytes| disk::find(&environment.data(), bytes)).collect()
}

async fn assert_gone_from_the_disk(environment: &Environment, since: Instant) {
    let look = async || {
        let traces = traces(environment);
        if traces.is_empty() { Ok(()) } else { Err(format!("{traces:?}")) }
    };
    let left = GONE_WITHIN.saturating_sub(since.elapsed());
    waiting::until("the erased bytes to be gone from every file", left, look).await.unwrap();
}

/// Kills it, so that whatever the log still holds is applied again.
async fn replayed(environment: &mut Environment) {
    environment.collector.kill_9().await.unwrap();
    environment.collector.restart().await.unwrap();
    environment.applied().await.unwrap();
}

async fn assert_somebody_else_is_untouched(environment: &Environment, other: &Visitor) {
    let kept = environment.visitor(SITE, &other.id).await.unwrap().json().unwrap();
    assert_eq!(kept["unconfirmed_email"], "piet@x.example");
    assert!(kept["lines"].as_array().unwrap().len() > 2, "{kept}");
    assert!(!disk::find(&environment.data(), OTHERS_DEED).is_empty());
}

#[tokio::test]
async fn a_visitor_is_read_and_erased_by_the_signed_id_of_cookie_and_page_too() {
    let environment = environment().await;
    let known = visitor(&environment, 7, OTHERS_DEED).await;

    let read = environment.visitor(SITE, &known.signed).await.unwrap();

    assert_eq!(read.status, 200, "{}", read.text());
    assert_eq!(read.json().unwrap()["id"], json!(known.id), "the id itself");
    // A signature of another site, or of nobody, is no key to the visitor whose id stands before it.
    let forged = format!("g1.{}.AAAAAAAAAAAAAAAAAAAAAA", known.id);
    for (site, signed) in [(OTHER, &known.signed), (SITE, &forged)] {
        for answer in [environment.visitor(site, signed).await.unwrap(), environment.erase(site, signed).await.unwrap()]
        {
            assert_eq!((answer.status.as_u16(), &answer.json().unwrap()["code"]), (400, &json!("bad_parameter")));
        }
    }
    assert_eq!(environment.erase(SITE, &known.signed).await.unwrap().status, 204);
    let gone = environment.visitor(SITE, &known.signed).await.unwrap();
    assert_eq!((gone.status.as_u16(), &gone.json().unwrap()["detail"]), (404, &json!("no such visitor of this site")));
}

#[tokio::test]
async fn an_erased_visitor_is_unreadable_at_once_gone_within_a_minute_and_never_comes_back() {
    // Given two visitors whose bytes are in the log and in the store
    let mut environment = environment().await;
    let erased = visitor(&environment, 1, DEED).await;
    let other = visitor(&environment, 2, OTHERS_DEED).await;
    assert!(!disk::find(&environment.data().join("log"), DEED).is_empty());
    assert!(!disk::find(&environment.data().join("store"), DEED).is_empty());

    // When the shop's server erases one
    let begin = Instant::now();
    assert_eq!(environment.erase(SITE, &erased.id).await.unwrap().status, 204);

    // Then nobody reads them any more, not after a crash and a replay either
    assert_unreadable(&environment, &erased, "at once").await;
    replayed(&mut environment).await;
    assert_unreadable(&environment, &erased, "after a crash at once").await;
    assert_gone_from_the_disk(&environment, begin).await;
    replayed(&mut environment).await;
    assert_unreadable(&environment, &erased, "after a crash later").await;
    assert_eq!(traces(&environment), Vec::<String>::new());
    assert_somebody_else_is_untouched(&environment, &other).await;
    // And doing it again is no error
    assert_eq!(environment.erase(SITE, &erased.id).await.unwrap().status, 204);
}

#[tokio::test]
async fn a_page_that_withdraws_consent_erases_its_visitor() {
    let environment = environment().await;
    let mut withdrawing = visitor(&environment, 1, DEED).await;
    let other = visitor(&environment, 2, OTHERS_DEED).await;
    let event = withdrawing.page.event("consent", json!({ "properties": { "state": "denied", "why": DEED } }));
    let mut body = withdrawing.page.envelope(URL, vec![event]);
    body["consent"] = json!({ "state": "denied" });
    body["id"] = json!(withdrawing.signed);

    let begin = Instant::now();
    let headers = [("origin", ORIGIN), ("sec-fetch-site", "same-site")];
    let answer = environment.post_with("/v1/events", &headers, &body).await.unwrap();

    assert_eq!(answer.json().unwrap()["receipts"], json!([{ "status": "accepted" }]));
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("gloed_shop=;") && cookie.contains("Max-Age=0"), "{cookie}");
    assert_unreadable(&environment, &withdrawing, "at once").await;
    assert_gone_from_the_disk(&environment, begin).await;
    assert_somebody_else_is_untouched(&environment, &other).await;
}

#[tokio::test]
async fn who_was_erased_and_comes_again_is_somebody_new_for_good() {
    let environment = environment().await;
    let mut erased = visitor(&environment, 1, DEED).await;
    environment.erase(SITE, &erased.id).await.unwrap();

    // The page still has its old id, and sends what it had not sent yet: then it keeps the new one.
    let event = erased.page.event("add_to_cart", json!({}));
    let mut body = erased.page.envelope(URL, vec![event]);
    body["id"] = json!(erased.signed);
    let first = send(&environment, &body).await;
    let event = erased.page.event("begin_checkout", json!({}));
    body = erased.page.envelope(URL, vec![event]);
    body["id"] = first["id"].clone();
    let second = send(&environment, &body).await;

    environment.applied().await.unwrap();
    assert_eq!(second["id"], Value::Null, "the page keeps the new id already");
    let id = visitor_id(&first).unwrap();
    assert_ne!(id, erased.id);
    assert_eq!(environment.visitor(SITE, id).await.unwrap().json().unwrap()["score"], "40", "only what is new");
    assert_eq!(environment.visitor(SITE, &erased.id).await.unwrap().status, 404);
}

#[tokio::test]
async fn who_was_erased_and_comes_again_with_the_seed_alone_is_one_new_visitor_and_can_withdraw_again() {
    // Given a page that knows nothing but its seed, whose visitor was erased
    let environment = environment().await;
    let mut erased = visitor(&environment, 1, DEED).await;
    environment.erase(SITE, &erased.id).await.unwrap();

    // When it sends an event twice, since the first answer was lost
    let event = erased.page.event("add_to_cart", json!({}));
    let body = erased.page.envelope(URL, vec![event]);
    let (first, again) = (send(&environment, &body).await, send(&environment, &body).await);

    // Then both are the same new visitor, who did it once
    let id = visitor_id(&first).unwrap();
    assert_eq!(visitor_id(&again).unwrap(), id);
    assert_ne!(id, erased.id);
    environment.applied().await.unwrap();
    assert_eq!(environment.visitor(SITE, id).await.unwrap().json().unwrap()["score"], "20");

    // And when that one withdraws, by the seed again, that one is gone
    let event = erased.page.event("consent", json!({ "properties": { "state": "denied" } }));
    let mut body = erased.page.envelope(URL, vec![event]);
    body["consent"] = json!({ "state": "denied" });
    send(&environment, &body).await;
    assert_eq!(environment.visitor(SITE, id).await.unwrap().status, 404);
}

#[tokio::test]
async fn no_other_sites_key_and_nobody_without_one_reads_or_erases() {
    let environment = environment().await;
    let kept = visitor(&environment, 1, DEED).await;
    let path = format!("/v1/visitors/{}", kept.id);

    assert_eq!(environment.visitor(OTHER, &kept.id).await.unwrap().status, 404);
    // Erasing who is not there is no error, and touches nobody.
    assert_eq!(environment.erase(OTHER, &kept.id).await.unwrap().status, 204);
    for method in ["GET", "DELETE"] {
        let mut request = Request::get(&path);
        request.method = method;
        assert_eq!(request.send(environment.private()).await.status, 401);
        assert_eq!(request.with("authorization", "Bearer gsk_guess").send(environment.private()).await.status, 401);
    }

    let read = environment.visitor(SITE, &kept.id).await.unwrap();
    assert_eq!((read.status.as_u16(), &read.json().unwrap()["unconfirmed_email"]), (200, &json!(ADDRESS)));
}
