//! `thresholds` and the rule of seven: the default preset.

use engine::{
    Currency, EventName, Lead, LedgerLimits, Millis, Model, Money, SiteFacts, StreamId, Touch, TouchId, Trust,
    next_change, record,
};
use serde_json::{Value, json};
use tests::{
    body::Page,
    environment::{SITE, Setup},
};

use super::{Case, crossings, row};

/// As many points as an event is worth euros, beside the preset.
const POINTS: &str = r#"
[[rules]]
id = "worth"
when = { field = "event", eq = "worth" }
points_per = { points = 1, value = "1.00" }
"#;

fn worth(points: u32) -> Value {
    json!({ "value": format!("{points}.00"), "currency": "EUR" })
}

/// When a lead of so many points leaves its stages, as the engine predicts.
fn predicted(points: i64, time: i64) -> Vec<i64> {
    let facts = SiteFacts { currency: Currency::EUR, offsets: Vec::new() };
    let model = Model::parse(&format!("{}{POINTS}", engine::preset("b2c").unwrap()), &facts).unwrap();
    let stream = StreamId::parse("server00").unwrap();
    let touch = Touch::new(TouchId::parse("1").unwrap(), EventName::parse("worth").unwrap(), stream, Millis(time));
    let value = Some(Money { minor: points * 100, currency: Currency::EUR });
    let mut lead = Lead::default();
    record(&mut lead, Touch { trust: Trust::Server, value, ..touch }, &LedgerLimits::default());
    let after = |at: &Millis| next_change(&lead, &model, *at).map(|change| change.at);
    std::iter::successors(after(&Millis(time)), after).map(|at| at.0).collect()
}

#[tokio::test]
async fn thresholds_of_the_default_preset_and_how_it_cools() {
    let case = Case::of("b2c", POINTS).await;
    // given leads of 29, 30, 70 and 71 points
    let mut hot = String::new();
    for (points, stage) in [(29, "cold"), (30, "warm"), (70, "warm"), (71, "hot")] {
        hot = case.tells(&format!("lead-{points}"), "worth", worth(points)).await;
        assert_eq!(case.stands(&hot).await, (points.to_string(), stage.to_owned()));
    }
    // when nothing more happens, then the hot one is warm, then cold, at the predicted moments, each told once
    let time = case.visitor(&hot).await["since"].as_i64().unwrap();
    case.advance("60d").await;
    let messages = case.messages_of("stage_changed", &hot).await;
    assert_eq!(crossings(&messages), ["cold hot", "hot warm", "warm cold"]);
    let moments: Vec<i64> = messages[1..].iter().map(|message| message["at"].as_i64().unwrap()).collect();
    assert_eq!(moments, predicted(71, time));
    assert!(messages[1..].iter().all(|message| message["why"] == json!({ "cause": "cooling" })), "{messages:#?}");
}

#[tokio::test]
async fn thresholds_a_cart_outweighs_a_mail_in_every_preset() {
    let presets = ["b2c", "b2b", "exact"];
    let mut setup = Setup::default().set("sites.0.model", vec![presets[0].to_owned()]);
    for (number, preset) in presets.iter().enumerate().skip(1) {
        let setup_with = setup.site(preset, &["https://other.example"]);
        setup = setup_with.set(&format!("sites.{number}.model"), vec![(*preset).to_owned()]);
    }
    let case = Case::start(setup).await;
    for (preset, site) in [("b2c", SITE), ("b2b", "b2b"), ("exact", "exact")] {
        let events = [("cart", "view_cart", json!({})), ("mail", "email_open", json!({}))];
        let mut points = Vec::new();
        for visitor in case.tells_at(site, &events).await {
            let visitor = case.environment.visitor(site, &visitor).await.unwrap().json().unwrap();
            points.push(visitor["score"].as_str().unwrap().parse::<f64>().unwrap());
        }
        assert!(points[0] > points[1] && points[1] > 0.0, "{preset}: {points:?}");
    }
}

#[tokio::test]
async fn thresholds_a_thousand_rules_count() {
    let rule = |number: usize| {
        format!("[[rules]]\nid = \"r{number}\"\nwhen = {{ field = \"event\", eq = \"e{number}\" }}\npoints = 1\n")
    };
    let case = Case::of("b2c", &(0..1_000).map(rule).collect::<String>()).await;
    let visitor = case.tells("anna", "e999", json!({})).await;
    assert_eq!(case.stands(&visitor).await.0, "1");
}

#[tokio::test]
async fn thresholds_explicit_and_implicit_information_gives_points() {
    // given a rule for each kind of information, each with a weight of its own
    let attribute = |id: &str, test: &str| format!("while = {{ field = \"attribute.{id}\", {test} }}");
    let event = |name: &str| format!("when = {{ field = \"event\", eq = \"{name}\" }}");
    let rules = [
        ("place", attribute("place", "in = [\"Utrecht\"]")),
        (
            "age",
            "while = { all = [{ field = \"attribute.age\", gte = 30 }, { field = \"attribute.age\", lt = 40 }] }"
                .into(),
        ),
        ("company_size", attribute("company_size", "gte = 50")),
        ("industry", attribute("industry", "eq = \"logistics\"")),
        ("job_title", attribute("job_title", "glob = \"*nkoop*\"")),
        ("seniority", attribute("seniority", "in = [\"manager\"]")),
        ("date", "while = { field = \"days_until.renewal\", lte = 36500 }".into()),
        ("label", "while = { field = \"label\", has = \"seo\" }".into()),
        ("open", event("email_open")),
        ("click", event("email_click")),
        ("forward", event("email_forward")),
        ("reply", event("email_reply")),
        ("page", "when = { field = \"page.path\", glob = \"/prijzen\" }".into()),
        ("download", event("file_download")),
        ("goal", event("goal_reached")),
        (
            "cart",
            "while = { all = [{ field = \"cart.quantity\", gt = 0 }, { field = \"last_seen\", gte = \"60m\" }] }"
                .into(),
        ),
    ];
    let written: String = (0_u32..)
        .zip(&rules)
        .map(|(number, (id, basis))| format!("[[rules]]\nid = \"{id}\"\n{basis}\npoints = {}\n", 1 << number))
        .collect();
    let head = "version = 1\nname = \"all\"\nhalf_life = \"none\"\n[[stages]]\nname = \"cold\"\n";
    let case = Case::of_model(&format!("{head}{written}")).await;

    // when a form, a mail tool, the site and the CRM each tell what they know
    let known = json!({ "properties": { "place": "Utrecht", "age": 34, "company_size": 120, "industry": "logistics",
        "job_title": "Hoofd inkoop", "seniority": "manager", "renewal": "2030-01-01" } });
    let seo = json!({ "properties": { "label": "seo" } });
    let mut visitor = case.tells("anna", "set_attributes", known).await;
    assert_eq!(case.stands(&visitor).await.0, "127", "seven facts");
    case.tells("anna", "label_added", seo.clone()).await;
    for name in ["email_open", "email_click", "email_forward", "email_reply"] {
        case.tells("anna", name, json!({})).await;
    }
    case.tells("anna", "page_view", json!({ "page": { "url": "https://shop.example/prijzen" } })).await;
    for name in ["file_download", "goal_reached", "add_to_cart"] {
        visitor = case.tells("anna", name, json!({})).await;
    }
    // then each gives its own points, and the cart when it is left
    assert_eq!(case.stands(&visitor).await.0, "32767");
    case.advance("61m").await;
    assert_eq!(case.stands(&visitor).await.0, "65535");
    // and a label that is taken away takes its points along, and is no sign of life
    case.tells("anna", "label_removed", seo).await;
    assert_eq!(case.stands(&visitor).await.0, (65_535 - 128).to_string());
    // whereas what they do themselves ends the cart's being left
    case.tells("anna", "login", json!({})).await;
    assert_eq!(case.stands(&visitor).await.0, (65_535 - 128 - 32_768).to_string());
}

#[tokio::test]
async fn thresholds_are_proposed_from_the_scores_at_purchase() {
    let case = Case::of("b2c", POINTS).await;
    // given forty buyers who had 41 to 80 points just before
    let people: Vec<String> = (41..=80).map(|points| format!("lead-{points}")).collect();
    let tell = |(points, person): (u32, &String)| {
        [(person.clone(), "worth", worth(points)), (person.clone(), "purchase", json!({ "transaction_id": person }))]
    };
    let events: Vec<(String, &str, Value)> = (41..).zip(&people).flat_map(tell).collect();
    // an order in a later millisecond than what came before it
    for name in ["worth", "purchase"] {
        let part: Vec<(&str, &str, Value)> = events
            .iter()
            .filter(|(_, kind, _)| *kind == name)
            .map(|(person, name, more)| (person.as_str(), *name, more.clone()))
            .collect();
        case.tells_at(SITE, &part).await;
        case.advance("1s").await;
    }
    // then mean and median are told, and thresholds proposed from them
    let printed = case.printed(&["model", "calibrate"]);
    assert!(printed.contains("40 purchases; score just before: mean 60.5, median 60"), "{printed}");
    assert_eq!(row(&printed, "hot"), [">= 50"], "{printed}");
    assert_eq!(row(&printed, "warm"), [">= 25"], "{printed}");
}

#[tokio::test]
async fn rule_of_seven_counts_distinct_touches() {
    let case = Case::of("b2c", "").await;
    let mut page = Page::of_visitor(SITE, 1);
    let shown = async |visitor: &str| {
        let visitor = case.visitor(visitor).await;
        let seven = visitor["lines"].as_array().unwrap().iter().any(|line| line["rule"] == "seven_touches");
        (visitor["touchpoints"].as_i64().unwrap(), seven)
    };
    // given a visit of many pages, which is one touch, and a mail that is opened twice that day, which is one more
    let view = ("page_view", json!({}));
    let mut visitor = case.visits(&mut page, "/", &[view.clone(), view.clone(), view.clone()]).await;
    assert_eq!(shown(&visitor).await, (1, false));
    case.tells(&visitor, "email_open", json!({})).await;
    case.tells(&visitor, "email_open", json!({})).await;
    assert_eq!(shown(&visitor).await, (2, false));
    // when visits follow, then the seventh makes the rule hold
    for count in 3..=7 {
        case.advance("2h").await;
        visitor = case.visits(&mut page, "/", &[view.clone(), view.clone()]).await;
        assert_eq!(shown(&visitor).await, (count, count == 7), "after visit {}", count - 1);
    }
}
