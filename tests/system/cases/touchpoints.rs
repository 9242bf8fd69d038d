//! `touchpoints`: what each kind of touch costs, and what comes of it.

use serde_json::json;
use tests::environment::SITE;

use super::{Case, row};

const MODEL: &str = r#"
version = 1
name = "touchpoints"
half_life = "none"
[[stages]]
name = "cold"
[[stages]]
name = "hot"
enter = ">= 50"
[[rules]]
id = "call"
when = { field = "event", eq = "call_outcome" }
points = 50
[[rules]]
id = "webinar"
when = { field = "event", eq = "webinar" }
points = 10

[[touch_kinds]]
event = "call_outcome"
title = "Phone call"
cost = "12.50"
impact = 3
[[touch_kinds]]
event = "webinar"
title = "Webinar"
cost = "4.00"
impact = 1
[[touch_kinds]]
event = "voicemail"
title = "Voicemail"
cost = "1.00"
impact = 0
"#;

#[tokio::test]
async fn touchpoints_cost_a_hot_lead_and_an_order_by_kind() {
    let case = Case::of_model(MODEL).await;
    // given what the sales people do, told by the server: a webinar, then a call that makes hot; a call alone; a webinar
    // that leads to nothing; two messages on a machine
    case.tells("anna", "webinar", json!({})).await;
    case.advance("1h").await;
    case.tells_at(
        SITE,
        &[("bas", "call_outcome", json!({})), ("cees", "webinar", json!({})), ("cees", "voicemail", json!({}))],
    )
    .await;
    case.tells_at(SITE, &[("anna", "call_outcome", json!({})), ("cees", "voicemail", json!({}))]).await;
    case.advance("1h").await;
    // when one of them orders, and somebody nobody ever spoke to, and one orders in a browser that nobody believes
    let order = |number: &str| json!({ "transaction_id": number, "value": "100.00", "currency": "EUR" });
    case.tells_at(SITE, &[("anna", "purchase", order("1")), ("dirk", "purchase", order("2"))]).await;
    case.advance("1h").await;

    // then costs and successes are told by kind: of the lead that had both, three quarters are the call's
    let printed = case.printed(&["report", "touchpoints", SITE, "--since", "7d"]);
    let call = ["2", "2", "3", "25.00 EUR", "2", "1.75", "14.28 EUR", "1", "0.75", "33.33 EUR"];
    assert_eq!(row(&printed, "Phone call"), call, "{printed}");
    let webinar = ["2", "2", "1", "8.00 EUR", "1", "0.25", "32.00 EUR", "1", "0.25", "32.00 EUR"];
    assert_eq!(row(&printed, "Webinar"), webinar, "{printed}");
    assert_eq!(
        row(&printed, "Voicemail"),
        ["2", "1", "0", "2.00 EUR", "0", "0.00", "–", "0", "0.00", "–"],
        "{printed}"
    );
    assert!(printed.contains("2 leads became hot and 2 orders came in"), "{printed}");

    // and without any kinds it says what is missing
    let case = Case::of("b2c", "").await;
    let (code, _, said) = case.run(&["report", "touchpoints"]);
    assert_eq!(code, Some(64));
    assert!(said.contains("lists no kinds of touch: add [[touch_kinds]]"), "{said}");
}
