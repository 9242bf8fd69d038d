//! An offer and what it brings: from the decision that shows nothing to what the marketer reads.

use hyper::Method;
use serde_json::{Value, json};
use tests::{
    body::Page,
    browser::{Browser, Look},
    environment::{SITE, Setup, visitor_id},
};

use super::{Case, SHOP, row};
use crate::journeys::marketer;

const VISITORS: u64 = 240;

/// Half of the visitors are held out, so that few are enough.
const MODEL: &str = r#"
version = 1
name = "experiments"
[economics]
margin = "40%"
[[stages]]
name = "cold"
[[offers]]
id = "ten-percent"
slot = "popup"
holdout = "50%"
goal = "sign_up"
coupon = { kind = "fixed", code = "TEN", reveal = "shown", cost = "10%" }
content.nl = { title = "10 % korting" }
"#;

/// Somebody comes, asks and meets the offer; whether it was shown, and who they are.
async fn meets(case: &Case, number: u64) -> (bool, String) {
    let mut page = Page::of_visitor(SITE, number);
    let url = format!("{SHOP}/");
    let view = page.event("page_view", json!({}));
    let mut body = page.envelope(&url, vec![view]);
    body["decide"] = json!({ "slots": ["popup"] });
    let answer = case.environment.post("/v1/events", &body).await.unwrap().json().unwrap();
    let (decision, offer) = (&answer["decision"], &answer["decision"]["offers"][0]);
    let shown = match offer["variant"].as_str() {
        Some("default") => true,
        Some("holdout") => false,
        _ => panic!("{answer}"),
    };
    // Who is held out gets the trigger, and neither words nor code.
    assert_eq!(offer["trigger"], json!({ "kind": "now" }), "{answer}");
    let expected = if shown { (false, json!("TEN")) } else { (true, Value::Null) };
    assert_eq!((offer["content"].is_null(), offer["code"].clone()), expected, "{answer}");
    let told = page.event("offer_shown", json!({ "offer": "ten-percent", "decision": decision["decision"] }));
    let met = case.environment.post("/v1/events", &page.envelope(&url, vec![told])).await.unwrap();
    assert_eq!(met.status.as_u16(), 200, "{}", met.text());
    (shown, visitor_id(&answer).unwrap().to_owned())
}

#[tokio::test]
async fn experiments_tell_what_an_offer_brings_beside_those_who_saw_nothing() {
    let limits = ["requests_per_second", "request_burst", "new_visitors_per_second", "new_visitor_burst"];
    let setup =
        limits.iter().fold(Setup::default().model(MODEL), |setup, limit| setup.set(&format!("limits.{limit}"), 10_000));
    let case = Case::start(setup).await;
    // given visitors of whom half are shown a code that nine in ten use, and half nothing, of whom one in four buys
    let (mut shown, mut held_out) = (Vec::new(), Vec::new());
    for number in 0..VISITORS {
        let (is_shown, visitor) = meets(&case, number).await;
        if is_shown { shown.push(visitor) } else { held_out.push(visitor) }
    }
    case.environment.applied().await.unwrap();
    let buys = |visitors: &[String], part: usize, value: &str, coupon: &str| {
        let order = json!({ "value": value, "currency": "EUR", "properties": { "coupon": coupon } });
        visitors
            .iter()
            .take(visitors.len() * part / 100)
            .map(|one| (one.clone(), "purchase", order.clone()))
            .collect::<Vec<_>>()
    };
    let orders = [buys(&shown, 90, "54.00", "ten"), buys(&held_out, 25, "60.00", "")].concat();
    let told: Vec<_> = orders.iter().map(|(visitor, name, order)| (visitor.as_str(), *name, order.clone())).collect();
    case.tells_at(SITE, &told).await;

    // when their time is not up, then nobody counts; when it is, everybody
    let printed = case.printed(&["report", "experiments", SITE]);
    assert_eq!(row(&printed, "holdout")[..2], [held_out.len().to_string(), "0".to_owned()], "{printed}");
    assert!(printed.contains("ten-percent: no verdict yet"), "{printed}");
    case.advance("8d").await;
    let printed = case.printed(&["report", "experiments", SITE]);
    assert!(printed.contains("ten-percent: brings more margin than showing nothing"), "{printed}");
    let bought = shown.len() * 90 / 100;
    let cells = row(&printed, "default");
    assert_eq!(cells[..2], [shown.len().to_string(), shown.len().to_string()], "{printed}");
    assert_eq!(cells[5], bought.to_string(), "{printed}");
    // Of 60.00 of which 36.00 goes to what was sold, ten percent off leaves 18.00.
    let money = |each: usize| format!("{}.00 EUR", bought * each);
    assert_eq!(cells[6..9], [money(54), money(6), money(18)], "{printed}");

    // and the same over HTTP and as JSON
    let answer = case.environment.with_server_key(Method::GET, SITE, "/v1/server/experiments?since=30d", None).await;
    let answer = answer.unwrap().json().unwrap();
    let told: Value =
        serde_json::from_str(&case.printed(&["report", "experiments", "--since", "30d", "--json"])).unwrap();
    for pointer in
        ["/offers/0/groups/0/exposed", "/offers/0/groups/1/margin", "/offers/0/groups/1/verdict", "/currency"]
    {
        assert!(answer.pointer(pointer).is_some_and(|value| !value.is_null()), "{pointer}: {answer}");
        assert_eq!(answer.pointer(pointer), told.pointer(pointer), "{pointer}");
    }
    assert_eq!((&told["offers"][0]["verdict"], &told["by_margin"]), (&json!("earns"), &json!(true)));
    let refused = case.environment.with_server_key(Method::GET, SITE, "/v1/server/experiments?since=ever", None).await;
    assert_eq!(refused.unwrap().status.as_u16(), 400);

    // and a marketer reads it in words, on any screen
    for look in [Look::default(), Look::phone()] {
        let browser = Browser::start(&look).await.unwrap();
        for (language, said) in
            [("en", "Brings more margin than showing nothing."), ("nl", "Levert meer marge op dan niets tonen.")]
        {
            marketer::open(&case.environment, &browser, &format!("/offers?lang={language}")).await;
            assert!(browser.text(".offer").await.unwrap().contains(said));
            browser.screenshot(&format!("offers-{language}-{}", look.width)).await.unwrap();
            let wide = "return document.documentElement.scrollWidth > innerWidth";
            assert_eq!(browser.execute(wide, &[]).await.unwrap(), json!(false), "{language} {}", look.width);
        }
        assert_eq!(browser.console_errors().await.unwrap(), Vec::<String>::new());
    }
}
