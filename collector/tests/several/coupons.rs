//! Signed codes, and what becomes of codes at the till: one code a visitor, one order a code, and leaks are told of.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Request;
use collector::coupon::signed::{Written, verify};
use collector::router;
use engine::{Millis, OfferId, Span};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use store::Queued;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::asking::Page;
use crate::shop::{Collector, MODEL, NOON, Shop, until};

const OFFERS: &str = r#"
[[offers]]
id = "ten"
slot = "popup"
frequency = { per_visitor = "unlimited" }
coupon = { kind = "signed", prefix = "WARM", valid_for = "14d", reveal = "shown" }
content = { nl = { title = "Warm", text = "10 %" } }
[[offers]]
id = "autumn"
slot = "bar"
frequency = { per_visitor = "unlimited" }
coupon = { kind = "pool", pool = "autumn", reveal = "shown" }
content = { nl = { title = "Herfst", text = "5 %" } }
"#;

async fn shop() -> Shop {
    Shop::of_three_with(&format!("{MODEL}{OFFERS}")).await
}

/// A request of the shop's server.
async fn server(to: &Collector, path: &str, body: &Value) -> Value {
    let secrets = std::fs::read_to_string(to.app().data().join("secrets.toml")).unwrap();
    let key = secrets.lines().find_map(|line| line.strip_prefix("server_key = \"")).unwrap().trim_end_matches('"');
    let request = Request::post(path)
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    let answer = router::private(to.app().clone()).oneshot(request).await.unwrap();
    let status = answer.status();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&bytes);
    assert!(status.is_success(), "{status}: {text}");
    serde_json::from_str(&text).unwrap()
}

async fn verifies(code: &str, of: &Collector) -> Value {
    server(of, "/v1/server/coupons/verify", &json!({ "v": 1, "code": code })).await
}

async fn redeems(code: &str, order: &str, who: Option<&Page>, of: &Collector) -> Value {
    let visitor = who.map(|page| page.visitor(of));
    let body = json!({ "v": 1, "code": code, "transaction_id": order, "visitor": visitor });
    server(of, "/v1/server/coupons/redeem", &body).await
}

/// The shop's server tells of an order.
async fn orders(page: &Page, order: &str, code: &str, to: &Collector) {
    let event = json!({ "id": order, "name": "purchase", "visitor": page.visitor(to), "transaction_id": order,
                        "value": "20.00", "properties": { "coupon": code } });
    let answer = server(to, "/v1/server/events", &json!({ "v": 1, "events": [event] })).await;
    assert_eq!(answer["receipts"][0]["status"], "accepted", "{answer}");
    to.applied().await;
}

/// Somebody who was shown both offers, and is known by the store.
async fn comes(number: u32, to: &Collector) -> Page {
    let mut page = Page::of(number);
    let visit = vec![page.event_of("offer_shown", "ten"), page.event_of("offer_shown", "autumn")];
    page.sends(to, visit).await;
    to.applied().await;
    page
}

/// The code of an offer, once a busy machine is not too slow for it.
async fn code_of(offer: &str, page: &Page, of: &Collector) -> String {
    let begin = Instant::now();
    loop {
        let (_, answer) = page.asks(of, json!({ "decide": { "slots": [], "claim": offer } })).await;
        if let Some(code) = answer["claimed"]["code"].as_str() {
            return code.to_owned();
        }
        assert!(begin.elapsed() < Duration::from_secs(30), "{answer}");
    }
}

async fn leaks(shop: &Shop) -> Vec<Value> {
    let read = |queued: Queued| serde_json::from_slice::<Value>(&queued.message.bytes[9..]).unwrap();
    let messages = shop.messages().await.into_iter().map(read);
    messages.filter(|message| message["type"] == "coupon_leaked").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_fifty_times_has_one_signed_code_that_verifies_without_asking() {
    // Given visitors, and three collectors
    let shop = Arc::new(shop().await);
    let (page, other) = (Arc::new(comes(1, &shop.collectors[0]).await), comes(2, &shop.collectors[0]).await);
    // When one asks all of them at once and often
    let mut asking = JoinSet::new();
    for place in 0..3 {
        let (shop, page) = (shop.clone(), page.clone());
        asking.spawn(async move {
            let mut codes = Vec::new();
            for _ in 0..17 {
                codes.push(code_of("ten", &page, &shop.collectors[place]).await);
            }
            codes
        });
    }
    let codes = asking.join_all().await.concat();
    // Then there is one code, of fifty answers, and next week too
    assert!(codes.len() > 50 && codes.iter().all(|code| *code == codes[0]), "{codes:?}");
    shop.clock.set(NOON + Span::days(5));
    assert_eq!(code_of("ten", &page, &shop.collectors[1]).await, codes[0]);
    // and a till with the key knows it, its last day, and whose it is
    let site = shop.collectors[0].app().sites.get("shop").unwrap();
    let (offer, keys) = (OfferId::parse("ten").unwrap(), site.identities.coupon_keys());
    let verified = verify(&Written::read(&codes[0]).unwrap(), &offer, &keys).unwrap();
    assert_eq!(verified.last_day.to_string(), "2026-12-05");
    assert!(verified.is_of(&offer, page.key(&shop.collectors[0]).visitor));
    assert!(!verified.is_of(&offer, other.key(&shop.collectors[0]).visitor));
    let theirs = code_of("ten", &other, &shop.collectors[2]).await;
    assert_ne!(theirs, codes[0]);
    // and so does the collector, however it is typed
    let answer = verifies(&codes[0].to_lowercase().replace('-', " "), &shop.collectors[2]).await;
    let expected = json!({ "v": 1, "valid": true, "offer": "ten", "visitor": page.visitor(&shop.collectors[0]),
                           "granted": NOON.0, "expires": "2026-12-05", "leaked": false });
    assert_eq!(answer, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_code_of_anybodys_is_unknown_and_a_code_ends_by_itself() {
    let shop = shop().await;
    let one = &shop.collectors[0];
    let code = code_of("ten", &comes(1, one).await, one).await;
    let forged = format!("{}X", &code[..code.len() - 1]);
    for unknown in ["", "WARM10", "two words", &forged, "A-5", &"x".repeat(500)] {
        let answer = verifies(unknown, one).await;
        assert_eq!((&answer["valid"], &answer["refused"]), (&json!(false), &json!("unknown")), "{unknown}");
        assert_eq!(redeems(unknown, "T-1", None, one).await["refused"], "unknown", "{unknown}");
    }
    // Given its last day, 5 December in Amsterdam, then it is good until that is over
    shop.clock.set(Millis(1_796_511_599_999));
    assert_eq!(verifies(&code, one).await["valid"], true);
    shop.clock.set(Millis(1_796_511_600_000));
    assert_eq!(verifies(&code, one).await["refused"], "expired");
    assert_eq!(redeems(&code, "T-1", None, one).await["refused"], "expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_orders_at_once_at_three_collectors_one_has_the_code_and_may_ask_again() {
    let shop = Arc::new(shop().await);
    let mut codes = Vec::new();
    for number in 0..4 {
        let page = comes(number, &shop.collectors[0]).await;
        codes.push(code_of(if number == 0 { "autumn" } else { "ten" }, &page, &shop.collectors[0]).await);
    }
    // When three tills redeem each code at once, for an order each
    let mut redeeming = JoinSet::new();
    for (number, code) in codes.iter().cloned().enumerate() {
        for place in 0..3 {
            let (shop, code) = (shop.clone(), code.clone());
            redeeming.spawn(async move {
                let answer = redeems(&code, &format!("T-{number}-{place}"), None, &shop.collectors[place]).await;
                (number, answer["valid"] == true, answer)
            });
        }
    }
    let answers = redeeming.join_all().await;
    for (number, code) in codes.iter().enumerate() {
        // Then one has it, and all are told which
        let mut had = answers.iter().filter(|(of, valid, _)| *of == number && *valid);
        let (Some((.., answer)), None) = (had.next(), had.next()) else { panic!("{answers:?}") };
        let order = answer["redeemed"]["transaction_id"].as_str().unwrap();
        let all = answers.iter().filter(|(of, ..)| *of == number);
        assert!(all.clone().all(|(.., told)| told["redeemed"]["transaction_id"] == *order), "{answers:?}");
        assert!(all.filter(|(_, valid, _)| !valid).all(|(.., told)| told["refused"] == "already_redeemed"));
        // and it may ask again, and nobody else
        for collector in &shop.collectors {
            assert_eq!(redeems(code, order, None, collector).await["valid"], true);
            assert_eq!(redeems(code, "T-else", None, collector).await["refused"], "already_redeemed");
            assert_eq!(verifies(code, collector).await["refused"], "already_redeemed");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_somebody_else_used_is_told_of_once_and_ones_own_never() {
    let shop = shop().await;
    let [one, other, ..] = &shop.collectors[..] else { panic!("three") };
    let mut pages = Vec::new();
    for number in 0..4 {
        pages.push(comes(number, one).await);
    }
    let [owner, friend, own, twice] = &mut pages[..] else { panic!("four") };
    // Given an order of somebody else with a code, one with one's own, and one that the owner's page knows
    let (leaked, kept, known) =
        (code_of("ten", owner, one).await, code_of("autumn", own, one).await, code_of("ten", twice, one).await);
    orders(friend, "T-leak", &leaked, other).await;
    orders(own, "T-own", &kept, other).await;
    orders(friend, "T-page", &known, other).await;
    let mut page_tells = twice.event("purchase");
    page_tells["transaction_id"] = "T-page".into();
    twice.sends(one, vec![page_tells]).await;
    one.applied().await;
    // Then it is known at once, and told when the owner's page had its time
    assert_eq!(verifies(&leaked, one).await["leaked"], true);
    assert_eq!(verifies(&kept, one).await["leaked"], false);
    assert_eq!(leaks(&shop).await, Vec::<Value>::new());
    shop.clock.set(NOON + Span::minutes(11));
    until("the leak is told", async || !leaks(&shop).await.is_empty()).await;
    let told = leaks(&shop).await;
    let fields = ["visitor", "offer", "transaction_id"].map(|name| told[0][name].as_str().unwrap());
    assert_eq!((told.len(), fields), (1, [owner.visitor(one).as_str(), "ten", "T-leak"]), "{told:?}");
    // and it stands on the lead, and is not told again
    shop.clock.set(NOON + Span::days(2));
    orders(friend, "T-leak", &leaked, one).await;
    let lead = one.knows(&owner.key(one)).await.lead;
    let names: Vec<&str> = lead.touches().iter().map(|touch| touch.name.as_str()).collect();
    assert_eq!(names.iter().filter(|name| **name == "gloed_leaked").count(), 1, "{names:?}");
    assert_eq!(names.iter().filter(|name| **name == "gloed_redeemed").count(), 1, "{names:?}");
    assert_eq!(leaks(&shop).await.len(), 1);
    // A till that names somebody else is told at once
    let third = code_of("autumn", friend, one).await;
    assert_eq!(redeems(&third, "T-till", Some(friend), one).await["leaked"], false);
    assert_eq!(redeems(&third, "T-till", Some(owner), one).await["leaked"], true);
}
