//! Why an offer does not show, and what would show it: asked with the server key, and done.

use hyper::Method;
use serde_json::{Value, json};
use tests::{
    body::Page,
    environment::{Environment, SITE, Setup, visitor_id},
};

pub(crate) const EXPLAIN: &str = "/v1/server/explain";
const URL: &str = "https://shop.example/";

const MODEL: &str = r#"
version = 1
name = "explained"
[[stages]]
name = "cold"
[[rules]]
id = "each"
when = { field = "event", exists = true }
points = 1
[[offers]]
id = "coats"
slot = "popup"
priority = 2
when = { all = [
    { field = "page.path", glob = "/jassen/**" },
    { field = "label", has = "waxed" },
    { field = "attribute.plan", eq = "gold" },
] }
content.nl = { title = "Jassen" }
[[offers]]
id = "everybody"
slot = "popup"
priority = 1
frequency = { per_visitor = "unlimited" }
content.nl = { title = "Welkom" }
[[offers]]
id = "behind"
slot = "popup"
content.nl = { title = "Daarna" }
[[offers]]
id = "over"
slot = "popup"
until = 2020-01-01
content.nl = { title = "Voorbij" }
"#;

async fn explained(environment: &Environment, visitor: &str, url: &str) -> Value {
    let body = json!({ "v": 1, "visitor": visitor, "page": { "url": url }, "decide": { "slots": ["popup"] } });
    let answer = environment.with_server_key(Method::POST, SITE, EXPLAIN, Some(&body)).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().unwrap()
}

fn offer<'a>(explained: &'a Value, id: &str) -> &'a Value {
    explained["offers"].as_array().unwrap().iter().find(|offer| offer["id"] == id).unwrap()
}

#[tokio::test]
async fn what_explain_names_shows_the_offer_once_it_is_done() {
    // given somebody on the front page, to whom the offer for everybody would show
    let environment = Setup::default().model(MODEL).start().await.unwrap();
    let mut page = Page::of_visitor(SITE, 1);
    let event = page.event("page_view", json!({}));
    let told = environment.post("/v1/events", &page.envelope(URL, vec![event])).await.unwrap().json().unwrap();
    let visitor = visitor_id(&told).unwrap().to_owned();

    // when the shop's server asks why the one for coats does not show
    let first = explained(&environment, &visitor, URL).await;
    let coats = offer(&first, "coats");

    // then the answer names three changes, each with what asks for it
    assert_eq!((&coats["shown"], &coats["reason"]), (&json!(false), &json!("page_not_matched")), "{coats}");
    assert_eq!(coats["smallest"], true);
    let changes: Vec<(&str, &str)> = coats["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| (change["kind"].as_str().unwrap(), change["asked"][0].as_str().unwrap()))
        .collect();
    assert_eq!(
        changes,
        [("page", "page.path like /jassen/**"), ("label", "label = waxed"), ("attribute", "attribute.plan = gold")]
    );
    assert_eq!(offer(&first, "everybody")["shown"], true);
    let behind = offer(&first, "behind");
    assert_eq!((&behind["reason"], &behind["changes"][0]["kind"]), (&json!("lower_priority"), &json!("offer_absent")));
    assert_eq!(behind["changes"][0]["name"], "everybody");
    assert_eq!(offer(&first, "over")["not_changeable"], "final");

    // and asking has reserved and counted nothing
    assert_eq!(explained(&environment, &visitor, URL).await["offers"], first["offers"]);
    let lead = environment.visitor(SITE, &visitor).await.unwrap().json().unwrap();
    assert_eq!(lead["score"], "1");

    // when they are done, the decision of that page shows the offer
    let told = [
        json!({ "id": "l", "name": "label_added", "visitor": visitor, "properties": { "label": "waxed" } }),
        json!({ "id": "a", "name": "set_attributes", "visitor": visitor, "properties": { "plan": "gold" } }),
    ];
    assert_eq!(environment.server_events(SITE, told.to_vec()).await.unwrap().status, 200);
    let there = format!("https://{}", coats["changes"][0]["value"].as_str().unwrap());
    assert_eq!(offer(&explained(&environment, &visitor, &there).await, "coats")["shown"], true);
    let mut ask = page.envelope(&there, Vec::new());
    ask["decide"] = json!({ "slots": ["popup"] });
    let decision = environment.post("/v1/decide", &ask).await.unwrap().json().unwrap();
    assert_eq!(decision["offers"][0]["id"], "coats", "{decision}");

    // and now it is reserved, which passes by itself within half an hour
    let reserved = explained(&environment, &visitor, &there).await;
    let coats = offer(&reserved, "coats");
    assert_eq!((&coats["reason"], &coats["changes"][0]["kind"]), (&json!("reserved"), &json!("wait")));
    assert_eq!(coats["until"], coats["changes"][0]["until"]);
    let ahead = coats["until"].as_i64().unwrap() - reserved["at"].as_i64().unwrap();
    assert!((1..=1_800_000).contains(&ahead), "{ahead} ms");
}

#[tokio::test]
async fn nobody_is_explained_to_another_site_and_nothing_of_nobody() {
    let environment = Setup::default().model(MODEL).site("other", &["https://other.example"]).start().await.unwrap();
    let mut page = Page::of_visitor(SITE, 1);
    let event = page.event("page_view", json!({}));
    let told = environment.post("/v1/events", &page.envelope(URL, vec![event])).await.unwrap().json().unwrap();
    let body = json!({ "v": 1, "visitor": visitor_id(&told).unwrap() });
    let other = environment.with_server_key(Method::POST, "other", EXPLAIN, Some(&body)).await.unwrap();
    assert_eq!(other.status, 404, "{}", other.text());
    let nobody = json!({ "v": 1, "person": "customer-never-seen" });
    let nobody = environment.with_server_key(Method::POST, SITE, EXPLAIN, Some(&nobody)).await.unwrap();
    assert_eq!(nobody.status, 404, "{}", nobody.text());
}
