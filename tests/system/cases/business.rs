//! `b2b` and `b2c`: slow and fast.

use serde_json::{Value, json};
use tests::{body::Page, environment::SITE};

use super::{Case, crossings};

const DAY: i64 = 86_400_000;

/// Everything that a page can tell of.
fn everything() -> Vec<(&'static str, Value)> {
    let form = |name: &str| json!({ "properties": { "form": name } });
    vec![
        ("page_view", json!({})),
        ("view_item", json!({})),
        ("search", json!({})),
        ("file_download", json!({})),
        ("generate_lead", form("quote")),
        ("generate_lead", form("contact")),
        ("form_submit", form("quote")),
        ("sign_up", json!({})),
        ("chat", json!({})),
        ("add_to_cart", json!({})),
        ("view_cart", json!({})),
        ("begin_checkout", json!({})),
        ("purchase", json!({ "value": "90000.00", "currency": "EUR" })),
    ]
}

#[tokio::test]
async fn b2b_one_single_visit_never_notifies_sales_and_the_second_does_at_warm() {
    let case = Case::of("b2b", "").await;
    let mut page = Page::of_visitor(SITE, 1);
    // given a visitor who does everything there is to do, on every page, for eight hours on end
    let mut visitor = String::new();
    let paths = ["/pricing", "/cases/acme", "/quote", "/"];
    for (number, event) in everything().iter().cycle().take(96).enumerate() {
        visitor = case.visits(&mut page, paths[number % paths.len()], std::slice::from_ref(event)).await;
        case.advance("5m").await;
    }
    assert_eq!(case.visitor(&visitor).await["visits"], 1);
    assert_eq!(case.messages("stage_changed").await, Vec::<Value>::new());

    // when they come back the next day, then sales is told, at warm
    case.advance("1d").await;
    case.visits(&mut page, "/pricing", &[("page_view", json!({}))]).await;
    let told = case.messages("stage_changed").await;
    assert_eq!(crossings(&told), ["cold warm"]);
    assert_eq!(told[0]["via"], json!(["webhook", "mail"]));

    // and weeks later, not days, the lead is cold again
    let warm = told[0]["at"].as_i64().unwrap();
    case.advance("6d").await;
    assert_eq!(case.messages("stage_changed").await.len(), 1);
    case.advance("60d").await;
    let told = case.messages("stage_changed").await;
    assert_eq!(crossings(&told).last().map(String::as_str), Some("warm cold"));
    assert!(told.last().unwrap()["at"].as_i64().unwrap() - warm > 7 * DAY, "{told:#?}");
}

#[tokio::test]
async fn b2b_downloads_and_quotes_weigh() {
    let case = Case::of("b2b", "").await;
    let mut points = Vec::new();
    for (name, more) in [
        ("generate_lead", json!({ "properties": { "form": "quote" } })),
        ("file_download", json!({})),
        ("page_view", json!({})),
    ] {
        let visitor = case.tells(name, name, more).await;
        points.push(case.stands(&visitor).await.0.parse::<f64>().unwrap());
    }
    assert!(points[0] > points[1] && points[1] > points[2] && points[2] > 0.0, "{points:?}");
}

#[tokio::test]
async fn b2b_cold_that_fits_is_shown_apart_from_interest() {
    let case = Case::of("b2b", "").await;
    let known = json!({ "properties": { "company_size": 120, "industry": "logistics", "job_title": "Hoofd inkoop",
        "seniority": "manager" } });
    let visitor = case.tells("acme", "set_attributes", known).await;
    assert_eq!(case.stands(&visitor).await, ("0".to_owned(), "cold".to_owned()));
    let scores = |visitor: &Value| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        visitor["scores"].as_array().unwrap().iter().map(|one| (text(&one["name"]), text(&one["points"]))).collect()
    };
    let both = |engagement: &str, fit: &str| {
        vec![("engagement".to_owned(), engagement.to_owned()), ("fit".to_owned(), fit.to_owned())]
    };
    assert_eq!(scores(&case.visitor(&visitor).await), both("0", "50"));
    // BANT: each of the four answers of a call counts as fit, and none as interest
    let answers = [
        ("budget", json!(true), "60"),
        ("authority", json!(true), "70"),
        ("need", json!(true), "80"),
        ("time", json!("now"), "90"),
    ];
    for (name, answer, fit) in answers {
        case.tells("acme", "set_attributes", json!({ "properties": { name: answer } })).await;
        assert_eq!(scores(&case.visitor(&visitor).await), both("0", fit), "{name}");
    }
    assert_eq!(case.messages("stage_changed").await, Vec::<Value>::new());
}

#[tokio::test]
async fn b2c_becomes_hot_within_a_visit_is_offered_something_at_once_and_cools_in_days() {
    let offer = "[offers_policy]\nholdout = \"0%\"\n[[offers]]\nid = \"hot\"\nslot = \"bar\"\nwhen = { field = \"stage\", eq = \"hot\" }\n\
                 content.en = { title = \"Need a hand?\" }";
    let case = Case::of("b2c", offer).await;
    let mut page = Page::of_visitor(SITE, 1);
    let steps = ["page_view", "view_item", "add_to_cart", "sign_up", "view_cart"];
    let visitor = case.visits(&mut page, "/", &steps.map(|name| (name, json!({})))).await;
    assert_eq!(case.stands(&visitor).await.1, "warm");
    assert_eq!(case.decided(&page, "/", &["bar"]).await, Vec::<String>::new());
    let steps = ["begin_checkout", "add_shipping_info"];
    case.visits(&mut page, "/afrekenen", &steps.map(|name| (name, json!({})))).await;
    assert_eq!(case.stands(&visitor).await.1, "hot");
    assert_eq!(case.decided(&page, "/", &["bar"]).await, ["hot"]);
    // and hours to days later it is over
    case.advance("1d").await;
    assert_eq!(case.stands(&visitor).await.1, "warm");
    case.advance("6d").await;
    assert_eq!(case.stands(&visitor).await.1, "cold");
    let told = case.messages("stage_changed").await;
    assert_eq!(crossings(&told), ["cold warm", "warm hot", "hot warm", "warm cold"]);
}

#[tokio::test]
async fn b2c_sales_is_told_at_hot_or_never_as_the_model_says() {
    let preset = engine::preset("b2c").unwrap();
    let quiet = preset.replace("name = \"warm\"\n", "name = \"warm\"\nvia = []\n");
    let quiet = quiet.replace("name = \"cold\"\n", "name = \"cold\"\nvia = []\n");
    let hot = quiet.replace("name = \"hot\"\n", "name = \"hot\"\nvia = [\"webhook\"]\n");
    let case = Case::of_model(&hot).await;
    let worth = [("add_to_cart", json!({})), ("sign_up", json!({}))];
    let mut page = Page::of_visitor(SITE, 1);
    case.visits(&mut page, "/", &worth).await;
    case.visits(&mut page, "/", &[("begin_checkout", json!({})), ("generate_lead", json!({}))]).await;
    let told = case.messages("stage_changed").await;
    assert_eq!(crossings(&told), ["cold warm", "warm hot"]);
    assert_eq!((&told[0]["via"], &told[1]["via"]), (&json!([]), &json!(["webhook"])));
}

#[tokio::test]
async fn b2c_behaviour_of_every_kind_is_a_criterion_that_exists() {
    // given the presets, with nothing added but a rule about forms that a social network brought
    let more = "[[rules]]\nid = \"social_form\"\nwhen = { all = [{ field = \"event\", eq = \"generate_lead\" }, \
                { field = \"channel\", eq = \"social\" }] }\npoints = 5\n";
    let case = Case::of("b2b", more).await;
    let counted = async |visitor: &str| -> Vec<String> {
        let lines = case.visitor(visitor).await["lines"].take();
        let rules = lines.as_array().unwrap().iter().filter_map(|line| line["rule"].as_str());
        let mut rules: Vec<String> = rules.map(str::to_owned).collect();
        rules.sort();
        rules.dedup();
        rules
    };
    // when a lead comes by a social network to the blog, as a browser tells it: with the referrer on the first page alone
    let mut page = Page::of_visitor(SITE, 1);
    let from = |host: &str| json!({ "page": { "referrer": format!("https://{host}/") } });
    let view = [("page_view", json!({}))];
    case.visits_with(&mut page, "/blog/tips", from("www.facebook.com"), &view).await;
    case.visits_with(&mut page, "/en/cases/acme", from("shop.example"), &view).await;
    let form = [("generate_lead", json!({ "properties": { "form": "contact" } }))];
    let visitor = case.visits_with(&mut page, "/en/contact", from("shop.example"), &form).await;
    // and comes back the next day by an advertisement to the prices, and does what leads do
    case.advance("1d").await;
    let ad = "/en/pricing/x?utm_source=google&utm_medium=cpc&utm_campaign=herfst";
    case.visits_with(&mut page, ad, from("www.google.nl"), &view).await;
    let done = ["sign_up", "file_download", "chat", "add_to_cart"].map(|name| (name, json!({})));
    case.visits_with(&mut page, "/", from("shop.example"), &done).await;
    // while the shop's systems tell what they know
    let label = json!({ "properties": { "label": "seo" } });
    for (name, more) in [("email_open", json!({})), ("label_added", label), ("goal_reached", json!({}))] {
        case.tells(&visitor, name, more).await;
    }
    // then each has its rule
    let rules = counted(&visitor).await;
    for rule in [
        "came_by_social",
        "social_form",
        "came_by_ad",
        "top_of_funnel",
        "middle_of_funnel",
        "bottom_of_funnel",
        "pricing_page",
        "came_back",
        "sign_up",
        "file_download",
        "generate_lead",
        "chat",
        "email_open",
        "add_to_cart",
        "label_added",
        "goal_reached",
    ] {
        assert!(rules.iter().any(|held| held == rule), "{rule} is not in {rules:?}");
    }
}
