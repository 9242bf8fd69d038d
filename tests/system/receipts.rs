//! What a page is told about its events, and who it is taken for.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::{
    body::Page,
    environment::{Environment, ORIGIN, SITE, Setup, visitor_id},
};

const URL: &str = "https://shop.example/regenjas";
/// Every event gives points for ever, so that a score says which were counted: 1 each, 100 for one name.
const COUNTING: &str = r#"
version = 1
name = "counting"
half_life = "none"
[[stages]]
name = "cold"
[[rules]]
id = "each"
title = "Each event"
when = { not = { field = "event", eq = "dear" } }
points = 1
[[rules]]
id = "dear"
title = "A dear one"
when = { field = "event", eq = "dear" }
points = 100
"#;

async fn counting() -> Environment {
    Setup::default().site("other", &["https://other.example"]).model(COUNTING).start().await.unwrap()
}

async fn events(environment: &Environment, body: &Value) -> Value {
    let answer = environment.post("/v1/events", body).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().unwrap()
}

/// The score that the server key reads, once everything is applied.
async fn score(environment: &Environment, id: &str) -> String {
    environment.applied().await.unwrap();
    let answer = environment.visitor(SITE, id).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().unwrap()["score"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn receipts_are_in_order_and_good_events_beside_bad_ones_are_kept() {
    let environment = counting().await;
    let mut page = Page::of_visitor(SITE, 1);
    let good = page.event("page_view", json!({}));
    let nameless = page.event("page_view", json!({ "name": null }));
    let dear = page.event("dear", json!({}));
    let early = page.event("page_view", json!({ "time": 0 }));
    let last = page.event("page_view", json!({ "properties": { "text": "é".repeat(200) } }));

    let answer = events(&environment, &page.envelope(URL, vec![good, nameless, dear, early, last])).await;

    let receipts = answer["receipts"].as_array().unwrap();
    let told: Vec<&str> =
        receipts.iter().map(|receipt| receipt["code"].as_str().or(receipt["status"].as_str()).unwrap()).collect();
    assert_eq!(told, ["accepted", "missing_field", "accepted", "time_out_of_bounds", "accepted"]);
    assert_eq!(receipts[1]["status"], "rejected");
    assert_eq!(receipts[1]["retry"], false);
    assert!(receipts[1]["detail"].as_str().unwrap().contains("events[1].name"), "{answer}");
    assert_eq!(receipts[4]["truncated"], json!(["events[4].properties.text"]));
    assert_eq!(score(&environment, visitor_id(&answer).unwrap()).await, "102");
}

#[tokio::test]
async fn an_event_that_is_sent_again_is_one_touch() {
    let environment = counting().await;
    let mut page = Page::of_visitor(SITE, 1);
    let mut batch = vec![page.event("dear", json!({})), page.event("page_view", json!({}))];
    let first = page.envelope(URL, batch.clone());
    batch.push(page.event("page_view", json!({})));
    let again = page.envelope(URL, batch);

    let answer = events(&environment, &first).await;
    events(&environment, &first).await;
    // Before it is applied and after: both are one touch.
    environment.applied().await.unwrap();
    let last = events(&environment, &again).await;

    assert_eq!(last["receipts"], json!([{ "status": "accepted" }, { "status": "accepted" }, { "status": "accepted" }]));
    assert_eq!(score(&environment, visitor_id(&answer).unwrap()).await, "102");
    let metrics = environment.metrics().await.unwrap();
    let outcome = |name: &str| metrics.get(&format!("gloed_event_outcomes_total{{outcome=\"{name}\"}}")).copied();
    assert_eq!((outcome("recorded"), outcome("duplicate")), (Some(3.0), Some(4.0)));
}

#[tokio::test]
async fn a_decision_in_the_same_call_sees_the_events_of_the_call() {
    let environment = Setup::default().set("sites.0.page_may_see_score", true).start().await.unwrap();
    let mut page = Page::of_visitor(SITE, 1);
    let batch = vec![page.event("add_to_cart", json!({})), page.event("begin_checkout", json!({}))];
    let mut body = page.envelope(URL, batch);
    body["decide"] = json!({ "slots": ["popup"] });

    let answer = events(&environment, &body).await;

    // Preset b2c: 20 points each, warm from 30.
    assert_eq!(answer["decision"]["lead"], json!({ "score": "40", "stage": "warm" }));
    let mut asked = page.envelope(URL, Vec::new());
    asked["id"] = answer["id"].clone();
    asked["decide"] = json!({});
    let alone = environment.post("/v1/decide", &asked).await.unwrap().json().unwrap();
    assert_eq!(alone["lead"], answer["decision"]["lead"], "and so does the next one");
}

#[tokio::test]
async fn on_the_same_site_the_id_lives_in_a_cookie_that_scripts_cannot_read() {
    let environment = counting().await;
    let mut page = Page::of_visitor(SITE, 1);
    let origin = ("origin", ORIGIN);
    let event = page.event("page_view", json!({}));
    let body = page.envelope(URL, vec![event]);

    for fetch_site in ["same-site", "same-origin"] {
        let headers = [origin, ("sec-fetch-site", fetch_site)];
        let answer = environment.post_with("/v1/events", &headers, &body).await.unwrap();

        let cookie = answer.header("set-cookie").unwrap();
        let attributes: BTreeSet<&str> = cookie.split("; ").skip(1).collect();
        assert_eq!(
            attributes,
            BTreeSet::from(["Path=/", "Max-Age=34214400", "Secure", "HttpOnly", "SameSite=Lax"]),
            "13 months and no more"
        );
        assert!(cookie.starts_with("gloed_shop=g1."), "{cookie}");
        assert_eq!(answer.json().unwrap()["id"], Value::Null, "a script must not see it");
    }
    for headers in [vec![origin], vec![origin, ("sec-fetch-site", "cross-site")]] {
        let answer = environment.post_with("/v1/events", &headers, &body).await.unwrap();
        assert_eq!(answer.header("set-cookie"), None);
        assert!(visitor_id(&answer.json().unwrap()).is_some());
    }

    // A cookie that verifies is the visitor, whatever else the body says, and is not set again.
    let first = environment.post("/v1/events", &body).await.unwrap().json().unwrap();
    let cookie = format!("theme=dark; gloed_shop={}", first["id"].as_str().unwrap());
    let mut stranger = Page::of_visitor(SITE, 2);
    let headers = [origin, ("sec-fetch-site", "same-site"), ("cookie", cookie.as_str())];
    let event = stranger.event("dear", json!({}));
    let body = stranger.envelope(URL, vec![event]);
    let answer = environment.post_with("/v1/events", &headers, &body).await.unwrap();
    assert_eq!((answer.header("set-cookie"), &answer.json().unwrap()["id"]), (None, &Value::Null));
    assert_eq!(score(&environment, visitor_id(&first).unwrap()).await, "101");
}

#[tokio::test]
async fn parallel_first_requests_of_one_seed_are_one_visitor() {
    let environment = counting().await;
    let mut page = Page::of_visitor(SITE, 1);
    let bodies: Vec<Value> = (0..20)
        .map(|_| {
            let event = page.event("page_view", json!({}));
            page.envelope(URL, vec![event])
        })
        .collect();

    let mut answers = tokio::task::JoinSet::new();
    let address = format!("http://{}/v1/events", environment.public());
    for body in bodies {
        let address = address.clone();
        answers
            .spawn(async move { tests::http::Http::new().post(&address, &[], &body).await.unwrap().json().unwrap() });
    }
    let answers = answers.join_all().await;

    let ids: BTreeSet<&str> = answers.iter().map(|answer| visitor_id(answer).unwrap()).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(score(&environment, ids.first().unwrap()).await, "20");
}

#[tokio::test]
async fn an_id_that_does_not_verify_is_a_new_visitor_with_an_answer_of_the_same_shape() {
    let environment = counting().await;
    let mut page = Page::of_visitor(SITE, 1);
    let event = page.event("dear", json!({}));
    let known = events(&environment, &page.envelope(URL, vec![event])).await;
    let signed = known["id"].as_str().unwrap().to_owned();
    let mut other_page = Page::of_visitor("other", 1);
    let event = other_page.event("page_view", json!({}));
    let of_other_site = environment
        .post_with("/v1/events", &[("origin", "https://other.example")], &other_page.envelope(URL, vec![event]))
        .await
        .unwrap()
        .json()
        .unwrap();
    let (body, tag) = signed.rsplit_once('.').unwrap();
    let forged_tag = format!("{body}.{}{}", if tag.starts_with('A') { 'B' } else { 'A' }, &tag[1..]);
    let stolen = format!("g1.{}.{tag}", visitor_id(&of_other_site).unwrap());

    let mut seen = BTreeSet::from([visitor_id(&known).unwrap().to_owned()]);
    for id in [forged_tag.as_str(), &stolen, of_other_site["id"].as_str().unwrap(), "", "g1..", &"x".repeat(5_000)] {
        let mut body = page.envelope(URL, vec![json!({ "n": 1, "name": "page_view", "time": tests::body::now() })]);
        body.as_object_mut().unwrap().remove("seed");
        body["id"] = json!(id);
        let answer = events(&environment, &body).await;

        let shape = |answer: &Value| answer.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(shape(&answer), shape(&known), "{id}");
        assert!(seen.insert(visitor_id(&answer).unwrap().to_owned()), "{id} became somebody who was there");
        assert_eq!(score(&environment, visitor_id(&answer).unwrap()).await, "1", "{id}");
    }
    assert_eq!(score(&environment, visitor_id(&known).unwrap()).await, "100", "nothing was added to the known one");
    assert_eq!(environment.visitor(SITE, visitor_id(&of_other_site).unwrap()).await.unwrap().status, 404);
}

#[tokio::test]
async fn fields_that_nobody_reads_are_counted_and_hurt_nobody() {
    let environment = counting().await;
    let mut page = Page::of_visitor(SITE, 1);
    let event = page.event("page_view", json!({ "colour": "red", "properties": { "list": [1], "half": 0.5 } }));
    let mut body = page.envelope(URL, vec![event]);
    body["extra"] = json!({ "deep": [1, 2] });

    let answer = events(&environment, &body).await;

    assert_eq!((&answer["ignored"], &answer["receipts"][0]["status"]), (&json!(4), &json!("accepted")));
    assert_eq!(environment.metric("gloed_fields_ignored_total").await.unwrap(), 4.0);
}
