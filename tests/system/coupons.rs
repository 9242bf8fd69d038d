//! Codes at the till, over real collectors on a real Redis: one order has a code, also when the store is lost and filled again.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};
use servers::{Persistence, Server, Settings};
use tests::{
    body::Page,
    environment::{Environment, SITE, Setup, visitor_id},
};

const URL: &str = "https://shop.example/";
const LIMIT: Duration = Duration::from_secs(30);
const MODEL: &str = r#"
version = 1
name = "codes"
[[stages]]
name = "cold"
[[offers]]
id = "ten"
slot = "popup"
coupon = { kind = "signed", prefix = "WARM", valid_for = "14d", reveal = "shown" }
content.nl = { title = "Warm", text = "10 %" }
"#;

async fn till(environment: &Environment, what: &str, body: Value) -> Value {
    let path = format!("/v1/server/coupons/{what}");
    let begin = Instant::now();
    loop {
        let answer = environment.with_server_key(Method::POST, SITE, &path, Some(&body)).await.unwrap();
        match answer.status.as_u16() {
            200 => return answer.json().unwrap(),
            // Asked again, with the same order, while the store is another one.
            503 if begin.elapsed() < LIMIT => tokio::time::sleep(Duration::from_millis(50)).await,
            _ => panic!("{}", answer.text()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_code_and_which_order_comes_back_from_the_log_when_the_store_has_lost_everything() {
    // Given a code that one order used, and one that somebody else used
    let mut server = Server::start(&Settings::new().persistence(Persistence::AppendAlways)).unwrap();
    let environment = Setup::default().model(MODEL).redis(server.url()).start().await.unwrap();
    let (mut codes, mut visitors) = (Vec::new(), Vec::new());
    for visitor in 0..3 {
        let mut page = Page::of_visitor(SITE, visitor);
        let events = vec![page.event("page_view", json!({}))];
        let answer = environment.post("/v1/events", &page.envelope(URL, events)).await.unwrap().json().unwrap();
        visitors.push(visitor_id(&answer).unwrap().to_owned());
        let mut body = page.envelope(URL, Vec::new());
        body["decide"] = json!({ "slots": ["popup"] });
        let answer = environment.post("/v1/decide", &body).await.unwrap().json().unwrap();
        codes.push(answer["offers"][0]["code"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned());
    }
    let redeem = json!({ "v": 1, "code": codes[0], "transaction_id": "T-0" });
    assert_eq!(till(&environment, "redeem", redeem.clone()).await["valid"], true);
    let order = json!({ "id": "o-1", "name": "purchase", "visitor": visitors[2], "transaction_id": "T-1",
                        "value": "20.00", "properties": { "coupon": codes[1].to_lowercase() } });
    environment.server_events(SITE, vec![order]).await.unwrap();
    environment.applied().await.unwrap();
    let mut before = Vec::new();
    for code in &codes {
        before.push(till(&environment, "verify", json!({ "v": 1, "code": code })).await);
    }
    let told = |at: usize| (before[at]["refused"].as_str(), before[at]["leaked"] == true);
    assert_eq!(
        [told(0), told(1), told(2)],
        [(Some("already_redeemed"), false), (Some("already_redeemed"), true), (None, false)]
    );

    // When the store has lost everything, and the log is applied to it
    server.restart_empty().unwrap();
    let begin = Instant::now();
    for (code, before) in codes.iter().zip(&before) {
        let body = json!({ "v": 1, "code": code });
        while till(&environment, "verify", body.clone()).await != *before {
            assert!(begin.elapsed() < LIMIT, "not as before: {before}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    // Then the order that has the code may ask again, and no other
    assert_eq!(till(&environment, "redeem", redeem).await["valid"], true);
    let another = json!({ "v": 1, "code": codes[0], "transaction_id": "T-9" });
    assert_eq!(till(&environment, "redeem", another).await["refused"], "already_redeemed");
}
