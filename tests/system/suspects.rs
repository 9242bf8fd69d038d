//! Who may be no person: what programs, pages fetched ahead and mail scanners tell is kept, shown and worth nothing, until
//! there is evidence of a person. By plain requests, as anybody can send them.

use serde_json::{Value, json};
use tests::{
    body::{Page, now},
    environment::{Environment, ORIGIN, SITE, Setup, visitor_id},
    http::PERSON,
    workspace,
};

const URL: &str = "https://shop.example/regenjas";
/// Every event counts; page views by a person more.
const MODEL: &str = r#"
version = 1
name = "suspects"
half_life = "none"
[[stages]]
name = "cold"
[[rules]]
id = "any"
title = "Anything"
when = { field = "event", glob = "*" }
points = 1
[[rules]]
id = "person"
title = "By a person"
when = { field = "event", eq = "page_view" }
points = 100
trust = "page"
"#;

const GOOGLEBOT: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

async fn environment() -> Environment {
    Setup::default().model(MODEL).start().await.unwrap()
}

/// One page view of a visitor, with headers, and with `more` in its envelope, which says nothing of a person by itself; gives
/// the answer.
async fn view(environment: &Environment, page: &mut Page, headers: &[(&str, &str)], more: Value) -> Value {
    let event = page.event("page_view", json!({}));
    let mut body = page.envelope(URL, vec![event]);
    body.as_object_mut().unwrap().remove("person");
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let headers: Vec<(&str, &str)> = [("origin", ORIGIN)].into_iter().chain(headers.iter().copied()).collect();
    let answer = environment.post_with("/v1/events", &headers, &body).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().unwrap()
}

/// The score of a visitor, and why each of their touches is held that is.
async fn standing(environment: &Environment, visitor: &str) -> (String, Vec<String>) {
    environment.applied().await.unwrap();
    let lead = environment.visitor(SITE, visitor).await.unwrap().json().unwrap();
    let held = lead["held"].as_array().unwrap_or_else(|| panic!("{lead}"));
    let reasons = held.iter().map(|held| held["reason"].as_str().unwrap().to_owned());
    (lead["score"].as_str().unwrap().to_owned(), reasons.collect())
}

async fn outcome(environment: &Environment, name: &str) -> f64 {
    environment.metric(&format!("gloed_event_outcomes_total{{outcome=\"{name}\"}}")).await.unwrap()
}

#[tokio::test]
async fn what_nobody_vouches_for_is_held_with_its_reason() {
    let environment = environment().await;
    let agent = |agent: &'static str| ("user-agent", agent);
    for (visitor, (header, more, expected)) in [
        (agent(PERSON), json!({ "person": true }), None),
        (agent("Mozilla/5.0 (Linux; Android 6.0; CUBOT MAX) AppleWebKit/537.36"), json!({ "person": true }), None),
        (agent(PERSON), json!({}), Some("unattested")),
        (agent(GOOGLEBOT), json!({}), Some("bot")),
        (agent("python-requests/2.32.3"), json!({}), Some("bot")),
        (agent(""), json!({}), Some("bot")),
        (agent(PERSON), json!({ "driven": true }), Some("bot")),
        // Nothing that a program says makes it a person.
        (agent(GOOGLEBOT), json!({ "person": true }), Some("bot")),
        (agent(PERSON), json!({ "driven": true, "person": true }), Some("bot")),
        (("sec-purpose", "prefetch;prerender"), json!({}), Some("prerender")),
        (("purpose", "prefetch"), json!({}), Some("prerender")),
        (("x-moz", "prefetch"), json!({ "person": true }), Some("prerender")),
        // Ill-typed, they say nothing.
        (agent(PERSON), json!({ "driven": "yes", "person": 1 }), Some("unattested")),
    ]
    .into_iter()
    .enumerate()
    {
        let mut page = Page::of_visitor(SITE, visitor as u64);
        let answer = view(&environment, &mut page, &[header], more.clone()).await;
        assert_eq!(answer["receipts"], json!([{ "status": "accepted" }]), "{header:?} {more}");
        let found = standing(&environment, visitor_id(&answer).unwrap()).await;
        let expected = expected.map_or(("101".to_owned(), vec![]), |why| ("0".to_owned(), vec![why.to_owned()]));
        assert_eq!(found, expected, "{header:?} {more}");
    }
    assert_eq!((outcome(&environment, "recorded").await, outcome(&environment, "quarantined").await), (2.0, 11.0));
}

#[tokio::test]
async fn evidence_of_a_person_in_the_stream_makes_what_was_held_count() {
    let environment = environment().await;
    let mut page = Page::of_visitor(SITE, 1);
    let bot = [("user-agent", GOOGLEBOT)];

    // Given a suspect's page view, sent twice: it is one, and counted as quarantined once
    let event = page.event("page_view", json!({}));
    let mut body = page.envelope(URL, vec![event]);
    body["person"] = json!(false);
    let mut answer = Value::Null;
    for _ in 0..2 {
        let headers = [("origin", ORIGIN), bot[0]];
        answer = environment.post_with("/v1/events", &headers, &body).await.unwrap().json().unwrap();
        environment.applied().await.unwrap();
    }
    let visitor = visitor_id(&answer).unwrap().to_owned();
    assert_eq!(standing(&environment, &visitor).await, ("0".to_owned(), vec!["bot".to_owned()]));
    assert_eq!((outcome(&environment, "quarantined").await, outcome(&environment, "duplicate").await), (1.0, 1.0));

    // When the same stream comes without suspicion, that alone changes nothing
    view(&environment, &mut page, &[], json!({})).await;
    let held = vec!["bot".to_owned(), "unattested".to_owned()];
    assert_eq!(standing(&environment, &visitor).await, ("0".to_owned(), held));
    // And with evidence of a person all of it counts, the page view of the person more
    view(&environment, &mut page, &[], json!({ "person": true })).await;
    assert_eq!(standing(&environment, &visitor).await, ("103".to_owned(), vec![]));
    assert_eq!(outcome(&environment, "quarantined").await, 2.0, "each was counted once, when it was applied first");
    // Also what comes later
    view(&environment, &mut page, &bot, json!({})).await;
    assert_eq!(standing(&environment, &visitor).await, ("104".to_owned(), vec![]));
}

#[tokio::test]
async fn a_servers_word_about_the_stream_is_evidence_too() {
    let environment = environment().await;
    let mut page = Page::of_visitor(SITE, 1);
    let answer = view(&environment, &mut page, &[], json!({ "driven": true })).await;
    let visitor = visitor_id(&answer).unwrap().to_owned();
    let told = |source: &str| json!({ "id": "o-1", "name": "order_paid", "visitor": visitor, "source": source });

    // Of another stream it says nothing about this one
    environment.server_events(SITE, vec![told("another-stream")]).await.unwrap();
    assert_eq!(standing(&environment, &visitor).await, ("1".to_owned(), vec!["bot".to_owned()]));
    environment.server_events(SITE, vec![told(page.stream())]).await.unwrap();
    assert_eq!(standing(&environment, &visitor).await, ("3".to_owned(), vec![]));
}

#[tokio::test]
async fn a_mail_scanner_that_follows_every_link_gives_nothing() {
    let environment = environment().await;
    let begin = now() - 600_000;
    let tell = |second: i64, name: &str, link: &str| {
        json!({ "id": format!("{name}-{second}"), "name": name, "time": begin + second * 1_000, "person": "p",
                "source": "mail-tool", "channel": "email", "properties": { "mail": "m-1", "link": link } })
    };
    let mut told = vec![tell(0, "email_sent", ""), tell(60, "email_open", "")];
    // Given clicks on three links within ten seconds, and one by somebody who has read the mail
    told.extend(["/a", "/b", "/c"].into_iter().zip([61, 65, 70]).map(|(link, at)| tell(at, "email_click", link)));
    told.push(tell(300, "email_click", "/b"));

    let answer = environment.server_events(SITE, told).await.unwrap().json().unwrap();

    // Then the open and the clicks of the scanner are held; the mail and the last click count
    let visitor = answer["receipts"][0]["visitor"].as_str().unwrap();
    assert_eq!(standing(&environment, visitor).await, ("2".to_owned(), vec!["scanner".to_owned(); 4]));
    assert_eq!((outcome(&environment, "recorded").await, outcome(&environment, "quarantined").await), (2.0, 4.0));
    // And what a person does on a page changes nothing about that
    let page_view = json!({ "id": "v", "name": "page_view", "person": "p", "source": "mail-tool" });
    environment.server_events(SITE, vec![page_view]).await.unwrap();
    assert_eq!(standing(&environment, visitor).await, ("103".to_owned(), vec!["scanner".to_owned(); 4]));
}

#[tokio::test]
async fn a_suspect_is_offered_nothing_and_takes_no_code_and_a_person_is_at_once() {
    // Given the demo's offers: a code in a bar, at the first page view
    let offers = workspace::root().join("web-demo/demo.offers.toml").display().to_string();
    let setup = Setup::default().set("sites.0.model", vec!["b2c".to_owned(), offers]);
    let environment = setup.set("sites.0.page_may_see_score", true).start().await.unwrap();
    let ask = json!({ "decide": { "slots": ["bar"], "claim": "first-visit" } });
    let granted = async || {
        let metrics = environment.metrics().await.unwrap();
        metrics.iter().filter(|(name, _)| name.starts_with("gloed_coupons")).map(|(_, count)| count).sum::<f64>()
    };

    for (visitor, headers, why) in
        [(1, ("user-agent", GOOGLEBOT), "bot"), (2, ("sec-purpose", "prefetch;prerender"), "prerender")]
    {
        let mut page = Page::of_visitor(SITE, visitor);
        let answer = view(&environment, &mut page, &[headers], ask.clone()).await;
        let decision = &answer["decision"];
        assert_eq!((&decision["offers"], &decision["reasons"]), (&json!([]), &json!([why])), "{decision}");
        assert_eq!(decision["claimed"], json!({ "id": "first-visit", "refused": why }));
        assert_eq!(decision["lead"], json!({ "score": "0", "stage": "cold" }));
        assert_eq!(granted().await, 0.0);
    }
    assert_eq!(environment.metric("gloed_decisions_total{outcome=\"withheld\"}").await.unwrap(), 2.0);

    // When the page is looked at, or a person comes who has touched nothing yet, then the offer is there
    for visitor in [2, 3] {
        let mut page = Page::of_visitor(SITE, visitor);
        let answer = view(&environment, &mut page, &[], json!({ "decide": { "slots": ["bar"] } })).await;
        let decision = &answer["decision"];
        assert_eq!(decision["offers"][0]["code"], "WELKOM5", "{decision}");
        assert_eq!(decision.get("reasons"), None);
    }
    assert_eq!(granted().await, 2.0);
}
