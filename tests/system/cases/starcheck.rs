//! `starcheck`: a free download for each topic puts a label on the lead; labels choose offers and filter the list.

use hyper::Method;
use serde_json::json;
use tests::{
    body::Page,
    browser::{Browser, Look},
    environment::SITE,
    http::Http,
};

use super::Case;
use crate::{exchange::SOON, journeys::marketer::open};

const TOPICS: &str = r#"
[[labels]]
label = "love"
when = { all = [{ field = "event", eq = "file_download" }, { field = "property.topic", eq = "love" }] }
expires = "90d"
[[labels]]
label = "career"
when = { all = [{ field = "event", eq = "file_download" }, { field = "property.topic", eq = "career" }] }
expires = "90d"
[[labels]]
label = "seo"
when = { field = "page.path", glob = "/seo/**" }

[offers_policy]
holdout = "0%"
[[offers]]
id = "love-reading"
slot = "feed"
priority = 20
when = { field = "label", has = "love" }
content.en = { title = "A reading about love" }
[[offers]]
id = "career-reading"
slot = "feed"
priority = 10
when = { field = "label", has = "career" }
content.en = { title = "A reading about work" }
[[offers]]
id = "seo-paper"
slot = "bar"
when = { field = "label", has = "seo" }
content.en = { title = "The SEO white paper" }
"#;

#[tokio::test]
async fn starcheck_a_download_labels_the_lead_and_the_label_chooses_the_offer_for_a_while() {
    let case = Case::of("b2c", TOPICS).await;
    let mut page = Page::of_visitor(SITE, 1);
    let download = |topic: &str| ("file_download", json!({ "properties": { "topic": topic } }));
    case.visits(&mut page, "/", &[("page_view", json!({}))]).await;
    assert_eq!(case.decided(&page, "/", &["feed", "bar"]).await, Vec::<String>::new());

    let visitor = case.visits(&mut page, "/gratis", &[download("career")]).await;
    assert_eq!(case.visitor(&visitor).await["labels"], json!(["career"]));
    assert_eq!(case.decided(&page, "/", &["feed"]).await, ["career-reading"]);
    case.advance("60d").await;
    case.visits(&mut page, "/gratis", &[download("love")]).await;
    assert_eq!(case.visitor(&visitor).await["labels"], json!(["career", "love"]));
    assert_eq!(case.decided(&page, "/", &["feed"]).await, ["love-reading"]);

    // and an interest that was not shown again is over
    case.advance("31d").await;
    assert_eq!(case.visitor(&visitor).await["labels"], json!(["love"]));
}

#[tokio::test]
async fn starcheck_the_seo_paper_is_offered_after_interest_in_seo_was_shown() {
    let case = Case::of("b2c", TOPICS).await;
    let mut page = Page::of_visitor(SITE, 1);
    case.visits(&mut page, "/", &[("page_view", json!({}))]).await;
    assert_eq!(case.decided(&page, "/", &["bar"]).await, Vec::<String>::new());
    case.visits(&mut page, "/seo/zoekwoorden", &[("page_view", json!({}))]).await;
    assert_eq!(case.decided(&page, "/", &["bar"]).await, ["seo-paper"]);
}

#[tokio::test]
async fn starcheck_labels_filter_the_heat_page() {
    let case = Case::of("b2c", TOPICS).await;
    // given three leads, of whom a download labels one and the server another
    let download = json!({ "properties": { "topic": "love" } });
    let love = case.tells("anna", "file_download", download).await;
    let told = case.tells("bas", "label_added", json!({ "properties": { "label": "lease" } })).await;
    let without = case.tells("cees", "view_item", json!({})).await;
    case.tells("bas", "view_item", json!({})).await;
    // and a marketer who has logged in
    let pages = format!("http://{}", case.environment.private());
    let http = Http::new();
    let form = format!("password={}", case.environment.admin_password().unwrap());
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let entered = http.send(Method::POST, &format!("{pages}/login"), &headers, form).await.unwrap();
    let cookie = entered.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let list = async |query: &str| {
        let address = format!("{pages}/sites/{SITE}/leads{query}");
        http.send(Method::GET, &address, &[("cookie", cookie.as_str())], "").await.unwrap().text()
    };
    let shown = async |query: &str| {
        let page = list(query).await;
        [&love, &told, &without].map(|visitor| page.contains(&format!("/leads/{visitor}")))
    };
    // then every label can be chosen, and shows its own leads
    let all = list("").await;
    for label in ["love", "career", "seo", "lease"] {
        assert!(all.contains(&format!("<option value=\"{label}\">")), "{label} is no choice");
    }
    assert_eq!(shown("").await, [true, true, true]);
    assert_eq!(shown("?label=love").await, [true, false, false]);
    assert_eq!(shown("?label=lease").await, [false, true, false]);
    assert_eq!(shown("?label=career").await, [false, false, false]);
}

#[tokio::test]
async fn starcheck_labels_filter_the_list_on_a_phone_in_both_languages() {
    let case = Case::of("b2c", TOPICS).await;
    let download = json!({ "properties": { "topic": "love" } });
    case.tells("anna", "file_download", download).await;
    case.tells("bas", "label_added", json!({ "properties": { "label": "lease" } })).await;
    case.tells("bas", "view_item", json!({})).await;
    for (language, button, label) in [("nl-NL", "Filteren", "love"), ("en-GB", "Filter", "lease")] {
        let look = Look { language: language.to_owned(), ..Look::phone() };
        let marketer = Browser::start(&look).await.unwrap();
        open(&case.environment, &marketer, &format!("/sites/{SITE}/leads")).await;
        assert_eq!(marketer.count("tr.lead").await.unwrap(), 2);
        // when the marketer chooses a label
        let choose = "document.querySelector('select[name=label]').value = arguments[0]";
        marketer.execute(choose, &[label.into()]).await.unwrap();
        assert_eq!(marketer.text("form.filters button").await.unwrap(), button);
        marketer.click("form.filters button").await.unwrap();
        marketer.wait_for_script("location.search.includes('label=')", SOON).await.unwrap();
        // then only its lead is listed, the choice stands, and nothing is wider than the phone
        assert_eq!(marketer.count("tr.lead").await.unwrap(), 1);
        assert!(marketer.text("tr.lead").await.unwrap().contains(label));
        let chosen = "return document.querySelector('select[name=label]').value";
        assert_eq!(marketer.execute(chosen, &[]).await.unwrap(), label);
        let wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(marketer.execute(wide, &[]).await.unwrap(), 0);
        marketer.screenshot(&format!("labels-{language}")).await.unwrap();
        // and the lead's own page shows its distinct touches
        marketer.click("tr.lead a").await.unwrap();
        marketer.wait_for("#score", SOON).await.unwrap();
        let page = marketer.text("main").await.unwrap();
        let touchpoints = if language == "nl-NL" { "Contactmomenten" } else { "Distinct touches" };
        assert!(page.contains(touchpoints), "{touchpoints} is not in {page}");
        assert_eq!(marketer.execute(wide, &[]).await.unwrap(), 0);
        marketer.screenshot(&format!("lead-{language}")).await.unwrap();
        assert_eq!(marketer.console_errors().await.unwrap(), Vec::<String>::new());
    }
}
