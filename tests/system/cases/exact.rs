//! `exact`: a programme of nurture mails that hands a lead to sales at twelve points.

use serde_json::json;
use tests::{
    body::Page,
    environment::{SITE, Setup},
};

use super::{Case, crossings, row};

async fn exact() -> Case {
    Case::of("exact", "").await
}

/// A person who opened so many mails, which gives as many points.
async fn opened(case: &Case, person: &str, mails: usize) -> String {
    let events = vec![(person, "email_open", json!({})); mails];
    case.tells_at(SITE, &events).await.pop().unwrap_or_default()
}

#[tokio::test]
async fn exact_eleven_is_marketings_and_twelve_is_sales() {
    let case = exact().await;
    for (mails, stage) in [(11, "mql"), (12, "sql"), (13, "sql")] {
        let visitor = opened(&case, &format!("lead-{mails}"), mails).await;
        assert_eq!(case.stands(&visitor).await, (mails.to_string(), stage.to_owned()));
        let told = case.messages_of("stage_changed", &visitor).await;
        assert_eq!(told.len(), usize::from(stage == "sql"), "{told:#?}");
    }
}

#[tokio::test]
async fn exact_certain_content_raises_to_twelve_and_never_lowers() {
    let case = exact().await;
    let prices = json!({ "page": { "url": "https://shop.example/prijzen" } });
    let blog = json!({ "page": { "url": "https://shop.example/blog/sepa" } });
    for (person, mails, page, score) in
        [("five", 5, &prices, "12"), ("fourteen", 14, &prices, "14"), ("reader", 5, &blog, "5")]
    {
        opened(&case, person, mails).await;
        // What is told within one millisecond has no order but that of its ids.
        case.advance("1m").await;
        let visitor = case.tells(person, "page_view", page.clone()).await;
        assert_eq!(case.stands(&visitor).await.0, score, "{person}");
    }
}

#[tokio::test]
async fn exact_the_call_back_link_forms_and_customers() {
    let case = exact().await;
    let property = |name: &str, value: &str| json!({ "properties": { name: value } });

    // the link counts by its id, and not as any click
    for (link, score) in [("call-back", "8"), ("white-paper", "3"), ("call-back-terms", "3")] {
        let visitor = case.tells(&format!("click {link}"), "email_click", property("link", link)).await;
        assert_eq!(case.stands(&visitor).await.0, score, "{link}");
    }
    // a form for contact or a quote is sales' at once, one for a download or information is not
    for (form, stage) in [("contact", "sql"), ("quote", "sql"), ("download", "mql"), ("information", "mql")] {
        let mut page = Page::of_visitor(SITE, u64::try_from(form.len()).unwrap());
        let sent = [("generate_lead", property("form", form))];
        // (whatever a page sends that nobody was seen to use sets no stage)
        let visitor = case.visits_with(&mut page, "/formulier", json!({ "person": false }), &sent).await;
        assert_eq!(case.stands(&visitor).await.1, "mql", "{form}");
        case.visits(&mut page, "/formulier", &sent).await;
        assert_eq!(case.stands(&visitor).await.1, stage, "{form}");
        let told = case.messages_of("stage_changed", &visitor).await.len();
        assert_eq!(told, usize::from(stage == "sql"), "{form}");
    }
    // a known customer is sales' at six, if the server knows them
    for (mails, stage) in [(5, "mql"), (6, "sql")] {
        let person = format!("customer-{mails}");
        case.tells(&person, "set_attributes", json!({ "properties": { "customer": true } })).await;
        let visitor = opened(&case, &person, mails).await;
        assert_eq!(case.stands(&visitor).await.1, stage, "{mails}");
    }
}

#[tokio::test]
async fn exact_sales_is_told_once_with_all_that_it_needs() {
    let case = exact().await;
    // given somebody who comes by an advertisement for SEPA and downloads the paper there
    let mut page = Page::of_visitor(SITE, 1);
    let landing = "/landing/sepa?utm_source=google&utm_medium=cpc&utm_campaign=nl-sepa-2026&q=secret";
    let events = [("page_view", json!({})), ("file_download", json!({ "properties": { "file": "sepa.pdf" } }))];
    let visitor = case.visits(&mut page, landing, &events).await;
    assert_eq!(case.messages("stage_changed").await, Vec::<serde_json::Value>::new());

    // when they ask for a quote, and nothing but small things happens after it
    let quote = json!({ "properties": { "form": "quote" } });
    case.visits_with(&mut page, "/offerte", json!({ "person": true }), &[("generate_lead", quote)]).await;
    for _ in 0..3 {
        case.tells(&visitor, "email_open", json!({})).await;
        case.advance("1h").await;
    }

    // then sales is told, once, by both ways, with the page of the lead, what happened, and its interests
    let messages = case.messages_of("stage_changed", &visitor).await;
    let [told] = messages.as_slice() else { panic!("not one: {messages:#?}") };
    assert_eq!(crossings(&messages), ["mql sql"]);
    assert_eq!(told["via"], json!(["webhook", "mail"]));
    assert_eq!(told["url"], format!("/sites/{SITE}/leads/{visitor}"));
    assert_eq!(told["labels"], json!(["sepa"]), "from the campaign");
    let names: Vec<_> = told["touches"].as_array().unwrap().iter().map(|touch| touch["name"].as_str()).collect();
    assert_eq!(names, [Some("generate_lead"), Some("file_download"), Some("page_view")]);
    assert_eq!(told["touches"][2]["path"], "/landing/sepa");
    assert_eq!(told["why"]["rule"], "sales_form");
    // and the campaign is on the lead
    let explained = case.printed(&["model", "explain", "in-force", &visitor]);
    assert!(explained.contains("sql since"), "{explained}");
}

#[tokio::test]
async fn exact_interests_pick_the_content_with_a_fallback() {
    let offer = |id: &str, priority: u32, when: &str| {
        format!(
            "[[offers]]\nid = \"{id}\"\nslot = \"feed\"\npriority = {priority}\n{when}\
             content.nl = {{ title = \"{id}\" }}\n"
        )
    };
    let offers = [
        "[offers_policy]\nholdout = \"0%\"\n".to_owned(),
        offer("about-sepa", 20, "when = { field = \"label\", has = \"sepa\" }\n"),
        offer("about-invoicing", 10, "when = { field = \"label\", has = \"invoicing\" }\n"),
        offer("about-us", 1, ""),
    ];
    let case = Case::of("exact", &offers.concat()).await;
    let mut page = Page::of_visitor(SITE, 1);

    // given a visitor of whom nothing is known, then what is for everybody
    let visitor = case.visits(&mut page, "/", &[("page_view", json!({}))]).await;
    assert_eq!(case.decided(&page, "/", &["feed"]).await, ["about-us"]);
    // when the shop's server tells what they ticked in the confirmation
    let label = |label: &str| json!({ "properties": { "label": label } });
    case.tells(&visitor, "label_added", label("invoicing")).await;
    assert_eq!(case.decided(&page, "/", &["feed"]).await, ["about-invoicing"]);
    // and what they read
    case.visits(&mut page, "/sepa/uitleg", &[("page_view", json!({}))]).await;
    assert_eq!(case.decided(&page, "/", &["feed"]).await, ["about-sepa"]);
    assert_eq!(case.visitor(&visitor).await["labels"], json!(["invoicing", "sepa"]));
    // and without the interest, the fallback again
    case.tells(&visitor, "label_removed", label("invoicing")).await;
    case.tells(&visitor, "label_removed", label("sepa")).await;
    assert_eq!(case.decided(&page, "/", &["feed"]).await, ["about-us"]);
}

#[tokio::test]
async fn exact_four_in_ten_became_sales_in_four_months() {
    // given two countries, each with a model of its own
    let setup = Setup::default().site("belgium", &["https://be.example"]);
    let setup = setup.set("sites.0.model", vec!["exact".to_owned()]).set("sites.1.model", vec!["exact".to_owned()]);
    let case = Case::start(setup).await;
    // and ten leads here and five there, of whom four and one become sales' over the months, one of them twice
    let mail = json!({});
    let people: Vec<String> = (0..10).map(|number| format!("lead-{number}")).collect();
    let first = |count: usize| -> Vec<_> {
        people[..count].iter().map(|person| (person.as_str(), "email_open", mail.clone())).collect()
    };
    case.tells_at(SITE, &first(10)).await;
    case.tells_at("belgium", &first(5)).await;
    let quote = json!({ "properties": { "form": "quote" } });
    for person in &people[..4] {
        case.advance("20d").await;
        case.tells(person, "generate_lead", quote.clone()).await;
    }
    case.tells("lead-0", "call_outcome", json!({ "properties": { "outcome": "fruitless" } })).await;
    case.tells("lead-0", "generate_lead", quote.clone()).await;
    case.tells_at("belgium", &[("lead-0", "generate_lead", quote)]).await;

    // when four months are asked for, then it is 40 % and 20 %, side by side
    let report = ["report", "stages", SITE, "belgium", "--since", "120d"];
    let printed = case.printed(&report);
    assert_eq!(
        row(&printed, "stage"),
        [
            "shop: leads",
            "shop: entered",
            "shop: rose",
            "shop: share",
            "belgium: leads",
            "belgium: entered",
            "belgium: rose",
            "belgium: share"
        ],
        "{printed}"
    );
    assert_eq!(row(&printed, "mql"), ["10", "10", "4", "40.0 %", "5", "5", "1", "20.0 %"], "{printed}");
    assert_eq!(row(&printed, "sql"), ["4", "4", "–", "–", "1", "1", "–", "–"], "{printed}");

    // and publishing another model rewrites nothing of it
    let strict = case.environment.config().with_file_name("strict.toml");
    let preset = engine::preset("exact").unwrap().replace("enter = \">= 12\"", "enter = \">= 1\"");
    std::fs::write(&strict, preset.replace("enter = \">= 6\"", "enter = \">= 1\"")).unwrap();
    case.printed(&["model", "publish", strict.to_str().unwrap(), "--site", SITE]);
    tests::waiting::until("the sweep", crate::exchange::SOON, async || {
        let output = case.environment.collector.output();
        if output.contains("every lead was looked at under the new model") { Ok(()) } else { Err(output) }
    })
    .await
    .unwrap();
    let after = case.printed(&report);
    assert_eq!(row(&after, "mql")[..4], ["10", "10", "4", "40.0 %"], "{after}");
    assert_eq!(row(&after, "sql")[1], "4", "whom a model alone moved has not entered: {after}");
}
