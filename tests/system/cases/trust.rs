//! Whose word counts: what a browser can forge, how a lead is marked of whom only browsers tell, and what is held of it.

use serde_json::{Value, json};
use tests::{
    body::Page,
    browser::{Browser, Look},
    environment::SITE,
};

use super::{Case, crossings};
use crate::{exchange::SOON, journeys::marketer::open};

#[tokio::test]
async fn trust_b2b_fifteen_forged_events_of_as_many_streams_warm_nobody() {
    let case = Case::of("b2b", "").await;
    let names = ["page_view", "view_item", "file_download", "generate_lead", "sign_up", "chat", "add_to_cart"];
    let mut visitor = String::new();
    // given somebody who knows the write key, and sends whatever gives points under one seed, each time as another device
    for (number, name) in names.into_iter().cycle().take(15).enumerate() {
        let mut page = Page::of_visitor(SITE, 1);
        let device = json!({ "stream": format!("forged-{number:09}") });
        let event = [(name, json!({ "properties": { "form": "quote" } }))];
        visitor = case.visits_with(&mut page, "/pricing", device, &event).await;
        case.advance("1s").await;
    }
    // then they are cold, within the cap, and sales hears of nothing
    let (score, stage) = case.stands(&visitor).await;
    assert!(score.parse::<f64>().unwrap() <= 40.0 && stage == "cold", "{score}, {stage}");
    assert_eq!(case.messages("stage_changed").await, Vec::<Value>::new());
}

#[tokio::test]
async fn trust_exact_clicks_in_mails_that_a_browser_tells_of_give_nothing() {
    let case = Case::of("exact", "").await;
    let mut page = Page::of_visitor(SITE, 1);
    let mut visitor = String::new();
    for link in ["white-paper", "case", "call-back"] {
        let click = [("email_click", json!({ "properties": { "link": link } }))];
        visitor = case.visits_with(&mut page, "/", json!({ "person": true }), &click).await;
    }
    assert_eq!(case.stands(&visitor).await, ("0".to_owned(), "mql".to_owned()));
    // whereas the mail tool is believed
    case.tells(&visitor, "email_click", json!({ "properties": { "link": "call-back" } })).await;
    assert_eq!(case.stands(&visitor).await.0, "8");
}

/// Enough to be warm under `b2c`.
fn interest() -> [(&'static str, Value); 3] {
    ["add_to_cart", "view_cart", "sign_up"].map(|name| (name, json!({})))
}

#[tokio::test]
async fn trust_a_lead_of_browsers_alone_says_so_until_the_server_tells_of_it() {
    let case = Case::of("b2c", "").await;
    let mut page = Page::of_visitor(SITE, 1);
    let visitor = case.visits(&mut page, "/", &interest()).await;
    assert_eq!(case.visitor(&visitor).await["browser_only"], true);
    let told = case.messages("stage_changed").await;
    assert_eq!((crossings(&told), &told[0]["browser_only"]), (vec!["cold warm".to_owned()], &json!(true)));
    // when the server tells of them, then the next message has no mark
    case.tells(&visitor, "email_open", json!({})).await;
    assert_eq!(case.visitor(&visitor).await["browser_only"], false);
    case.visits(&mut page, "/afrekenen", &["begin_checkout", "add_payment_info"].map(|name| (name, json!({})))).await;
    let told = case.messages("stage_changed").await;
    assert_eq!(
        (crossings(&told), &told[1]["browser_only"]),
        (vec!["cold warm".into(), "warm hot".into()], &json!(false))
    );
    // and a lead of whom the server alone tells never had one
    let other = case.tells("anna", "email_open", json!({})).await;
    assert_eq!(case.visitor(&other).await["browser_only"], false);
}

#[tokio::test]
async fn trust_what_browsers_alone_tell_is_held_where_the_model_says_so_until_the_server_tells_of_the_lead() {
    let preset = engine::preset("b2c").unwrap();
    let case = Case::of_model(&preset.replace("browser_only = \"tell\"", "browser_only = \"hold\"")).await;
    let nothing = Vec::<Value>::new();
    // given two who become warm, one of whom leaves the cart, by the word of their browsers
    let (mut page, mut other) = (Page::of_visitor(SITE, 1), Page::of_visitor(SITE, 2));
    let visitor = case.visits(&mut page, "/", &interest()).await;
    let silent = case.visits(&mut other, "/", &interest()).await;
    assert_eq!(case.stands(&visitor).await.1, "warm");
    case.advance("2h").await;
    assert_eq!(
        (case.messages("stage_changed").await, case.messages("cart_abandoned").await),
        (nothing.clone(), nothing)
    );

    // when the server tells of one of them, then what still holds is told, of that one alone and once
    for _ in 0..2 {
        case.tells(&visitor, "email_sent", json!({})).await;
    }
    let told = case.messages("stage_changed").await;
    assert_eq!((crossings(&told), &told[0]["visitor"]), (vec!["cold warm".to_owned()], &json!(visitor)));
    assert_eq!(told[0]["browser_only"], false);
    let carts = case.messages("cart_abandoned").await;
    assert_eq!(carts.iter().map(|one| &one["visitor"]).collect::<Vec<_>>(), [&json!(visitor)]);
    // and reports count the move once, when it was made
    let printed = case.printed(&["report", "stages", SITE, "--since", "1d"]);
    assert_eq!(super::row(&printed, "warm")[..2], ["2", "2"], "{printed}");
    assert_eq!(case.messages_of("stage_changed", &silent).await, Vec::<Value>::new());
}

#[tokio::test]
async fn trust_the_pages_mark_a_warm_lead_of_browsers_alone_in_both_languages() {
    let case = Case::of("b2c", "").await;
    let (mut page, mut cold) = (Page::of_visitor(SITE, 1), Page::of_visitor(SITE, 2));
    let visitor = case.visits(&mut page, "/", &interest()).await;
    case.visits(&mut cold, "/", &[("view_item", json!({}))]).await;
    let vouched = case.tells("anna", "email_reply", json!({})).await;
    case.tells(&vouched, "add_to_cart", json!({})).await;
    case.tells(&vouched, "view_cart", json!({})).await;
    for (look, size) in [(Look::default(), "wide"), (Look::phone(), "phone")] {
        for (language, mark) in [("nl-NL", "Alleen browser"), ("en-GB", "Browser only")] {
            let look = Look { language: language.to_owned(), ..look.clone() };
            let marketer = Browser::start(&look).await.unwrap();
            open(&case.environment, &marketer, &format!("/sites/{SITE}/leads")).await;
            // then of three leads the warm one of browsers alone is marked, and the mark is explained
            assert_eq!(marketer.count("tr.lead").await.unwrap(), 3);
            assert_eq!(marketer.count("tr.lead .chip.alone").await.unwrap(), 1);
            assert_eq!(marketer.text("tr.lead .chip.alone").await.unwrap(), mark);
            assert!(marketer.text("p.mark").await.unwrap().starts_with(mark));
            let wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
            assert_eq!(marketer.execute(wide, &[]).await.unwrap(), 0);
            marketer.screenshot(&format!("browser-only-list-{size}-{language}")).await.unwrap();
            // and so it is on its own page
            marketer.click(&format!("a[href*=\"{visitor}\"]")).await.unwrap();
            marketer.wait_for("#browser-only", SOON).await.unwrap();
            assert_eq!(marketer.text("h1 .chip.alone").await.unwrap(), mark);
            assert_eq!(marketer.execute(wide, &[]).await.unwrap(), 0);
            marketer.screenshot(&format!("browser-only-lead-{size}-{language}")).await.unwrap();
            assert_eq!(marketer.console_errors().await.unwrap(), Vec::<String>::new());
        }
    }
}
