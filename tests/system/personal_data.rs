//! Addresses, card and telephone numbers reach a page by accident. They reach nothing that the collector writes.

use serde_json::{Value, json};
use tests::{
    body::Page,
    environment::{ORIGIN, SITE, Setup, visitor_id},
};

use crate::disk;

/// In every spelling that a browser or a shop may give it.
const PLANTED: [&str; 9] = [
    "jan.jansen@voorbeeld.example",
    "jan.jansen%40voorbeeld.example",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "4111111111111111",
    "4111%201111%201111%201111",
    "+31 6 83142975",
    "+31683142975",
    "0031683142975",
];
/// What must be found nowhere: the parts that no mask may leave over, as bytes and as a number. No digits in a row among them,
/// which a list of partitions by number holds.
const FORBIDDEN: [&str; 6] = ["jan.jansen", "voorbeeld.example", "41111111", "4111 1111", "4111-1111", "83142975"];
/// What stands beside it and is no secret: it has to be found, else the search finds nothing at all.
const HARMLESS: &str = "herkenbaar-regenjas";

/// One event with `planted` everywhere that a page can put text.
fn event_full_of(page: &mut Page, planted: &str) -> Value {
    let encoded: String = planted.replace(' ', "%20").replace('+', "%2B");
    page.event(
        "add_to_cart",
        json!({
            "value": "79.95",
            "transaction_id": planted,
            "offer": planted,
            "decision": planted,
            "email": "jan.jansen@voorbeeld.example",
            "page": {
                "url": format!(
                    "https://shop.example/bedankt/{encoded}/{HARMLESS}?email={encoded}&utm_source={encoded}&utm_medium={encoded}\
                     &utm_campaign={encoded}&gclid={encoded}&q={encoded}&{encoded}=1#{encoded}"
                ),
                "referrer": format!("https://www.example.com/{encoded}?q={encoded}"),
                "title": format!("Bedankt {planted}"),
                "language": planted,
            },
            "items": [{
                "id": planted, "name": format!("Jas van {planted}"), "category": planted, "variant": planted, "price": "79.95"
            }],
            "properties": {
                "harmless": HARMLESS,
                "text": format!("bel of mail {planted}, graag"),
                "number": 4_111_111_111_111_111_i64,
                planted: "as a name",
                format!("removed {planted}"): null,
            },
        }),
    )
}

#[tokio::test]
async fn personal_data_planted_in_events_and_questions_is_found_nowhere_on_disk_or_in_the_output() {
    // Given a shop that keeps a query parameter, and a collector that writes all it can of itself
    let setup =
        Setup::default().set("sites.0.allow_query", vec!["q".to_owned()]).log("info,collector=trace,gloed=trace");
    let mut environment = setup.start().await.unwrap();
    let mut page = Page::of_visitor(SITE, 1);

    // When each is planted everywhere, in good events, bad ones, attributes and questions
    for planted in PLANTED {
        let good = event_full_of(&mut page, planted);
        let mut attributes = event_full_of(&mut page, planted);
        attributes["name"] = json!("set_attributes");
        let mut refused = event_full_of(&mut page, planted);
        refused["name"] = json!(format!("{planted} is no name"));
        let mut body = page.envelope(&format!("https://shop.example/{planted}"), vec![good, attributes, refused]);
        body["consent"]["version"] = json!(planted);
        body["consent"]["source"] = json!(planted);
        body[planted] = json!(planted);
        body["decide"] = json!({
            "slots": ["popup", planted], "claim": planted, "explain": true,
            "properties": { "text": planted, planted: planted, "number": 4_111_111_111_111_111_i64 },
        });
        let answer = environment.post("/v1/events", &body).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json().unwrap()["receipts"][1]["status"], "accepted", "{}", answer.text());
        body["events"] = json!([]);
        assert_eq!(environment.post("/v1/decide", &body).await.unwrap().status, 200);
        body["site"] = json!(planted);
        assert_eq!(environment.post("/v1/decide", &body).await.unwrap().status.as_u16() / 100, 4);
        let headers = [("origin", ORIGIN), ("user-agent", "x"), ("cookie", "mail=jan.jansen@voorbeeld.example")];
        assert_eq!(environment.post_with("/v1/events", &headers, &body).await.unwrap().status.as_u16() / 100, 4);
    }
    environment.applied().await.unwrap();
    environment.collector.stop().await.unwrap();

    // Then what is harmless is on the disk, and none of the rest is; nor in what the process wrote
    assert!(
        !disk::find(&environment.data().join("log"), HARMLESS).is_empty(),
        "the search does not find the log's bytes"
    );
    assert!(!disk::find(&environment.data().join("store"), HARMLESS).is_empty(), "nor the store's");
    for forbidden in FORBIDDEN {
        assert_eq!(disk::find(&environment.data(), forbidden), Vec::<String>::new(), "{forbidden}");
        assert!(!environment.collector.output().contains(forbidden), "{forbidden} is in the output");
    }
    let number = 4_111_111_111_111_111_i64;
    assert_eq!(disk::find_number(&environment.data(), number), Vec::<String>::new());
}

#[tokio::test]
async fn the_address_of_a_sign_up_is_kept_for_the_server_key_alone() {
    let environment = Setup::default().set("sites.0.page_may_see_score", true).start().await.unwrap();
    let mut page = Page::of_visitor(SITE, 1);
    let event = page.event("sign_up", json!({ "email": "jan.jansen@voorbeeld.example" }));
    let mut body = page.envelope("https://shop.example/", vec![event]);
    body["decide"] = json!({});

    let answer = environment.post("/v1/events", &body).await.unwrap().json().unwrap();

    environment.applied().await.unwrap();
    let kept = environment.visitor(SITE, visitor_id(&answer).unwrap()).await.unwrap().json().unwrap();
    assert_eq!(kept["unconfirmed_email"], "jan.jansen@voorbeeld.example");
    assert!(!answer.to_string().contains("jan.jansen"), "no page sees it: {answer}");
    assert!(!environment.collector.output().contains("jan.jansen"));
}
