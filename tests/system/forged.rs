//! Whoever knows the write key can send a page's events, and makes up what they like: it is worth no point without somebody in front
//! of a page, at most the model's cap an hour with one, and never a second code, an order, or another visitor's anything.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    sync::Arc,
};

use hyper::Method;
use serde_json::{Value, json};
use tests::{
    bar::{Bar, Verdict},
    body::Page,
    environment::{Environment, ORIGIN, SITE, Setup, visitor_id},
};
use tokio::task::JoinSet;

const URL: &str = "https://shop.example/regenjas";
/// What a visitor may gain from browsers alone, as the preset for consumers has it.
const CAP: f64 = 100.0;
/// Events in a request: the most that one may have.
const BATCH: usize = 20;
/// Requests on their way at once.
const AT_ONCE: usize = 8;

const MODEL: &str = r#"
version = 1
name = "forged"
browser_cap = { points = 100, every = "1h" }
half_life = "none"
[[stages]]
name = "cold"
[[stages]]
name = "hot"
enter = "> 70"
[[rules]]
id = "any"
title = "Anything"
when = { field = "event", glob = "*" }
points = 7
[[rules]]
id = "bought"
title = "Bought"
when = { field = "event", eq = "purchase" }
points = 1000
trust = "server"
[[offers]]
id = "ten"
slot = "popup"
goal = "sign_up"
frequency = { per_visitor = "unlimited" }
coupon = { kind = "signed", prefix = "WARM", valid_for = "14d", reveal = "goal" }
content.nl = { title = "Warm", text = "10 %" }
"#;

/// What is made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Forger {
    /// Nobody in front of a page.
    Nobody,
    /// The id of somebody who is there, with a signature of one's own.
    AnothersId,
    /// Somebody in front of the page.
    Person,
    /// The same, asking for codes all the time.
    Claimer,
}

const FORGERS: [Forger; 4] = [Forger::Nobody, Forger::AnothersId, Forger::Person, Forger::Claimer];

/// Whoever is there, and what they have.
struct Honest {
    id: String,
    code: String,
}

async fn code(of: &Environment, page: &Page) -> Option<String> {
    let mut body = page.envelope(URL, Vec::new());
    body["decide"] = json!({ "slots": [], "claim": "ten" });
    let answer = of.post("/v1/decide", &body).await.unwrap().json().unwrap();
    answer["claimed"]["code"].as_str().map(str::to_owned)
}

/// Somebody who was shown the offer, took it and ordered.
async fn honest(environment: &Environment) -> Honest {
    let mut page = Page::of_visitor(SITE, 1 << 40);
    let about = json!({ "offer": "ten" });
    let events = vec![page.event("offer_shown", about.clone()), page.event("sign_up", about)];
    let answer = environment.post("/v1/events", &page.envelope(URL, events)).await.unwrap().json().unwrap();
    let id = visitor_id(&answer).unwrap().to_owned();
    let order = json!({ "id": "o-1", "name": "purchase", "visitor": id, "transaction_id": "T-1", "value": "20.00" });
    environment.server_events(SITE, vec![order]).await.unwrap();
    let code = code(environment, &page).await.unwrap();
    Honest { id, code }
}

/// Events that would be worth something if they were believed.
fn lies(page: &mut Page, honest: &Honest, number: usize) -> Vec<Value> {
    let code = json!({ "code": honest.code, "coupon": honest.code, "pool": "x", "expires": "2030-01-01" });
    let own = json!({ "code": format!("MINE-{number}"), "pool": "x" });
    let made_up = [
        ("page_view", json!({})),
        ("add_to_cart", json!({ "value": "999.00" })),
        ("offer_shown", json!({ "offer": "ten" })),
        ("sign_up", json!({ "offer": "ten" })),
        ("purchase", json!({ "transaction_id": format!("F-{number}"), "value": "9999.00", "properties": code })),
        ("purchase", json!({ "transaction_id": "T-1", "value": "0.01", "properties": code })),
        ("gloed_granted", json!({ "offer": "ten", "properties": own })),
        ("gloed_redeemed", json!({ "offer": "ten", "transaction_id": "F-1", "properties": code })),
        ("email_click", json!({})),
        ("call_outcome", json!({ "properties": { "outcome": "interested" } })),
    ];
    made_up.into_iter().cycle().take(BATCH).map(|(name, more)| page.event(name, more)).collect()
}

/// What one forger came to: the visitors that they were, and every code that they were answered with.
async fn forges(
    environment: &Environment,
    honest: &Honest,
    number: usize,
    requests: usize,
) -> (Vec<String>, Vec<String>) {
    let forger = FORGERS[number % FORGERS.len()];
    let mut page = Page::of_visitor(SITE, number as u64);
    let (mut visitors, mut codes) = (BTreeSet::new(), Vec::new());
    for request in 0..requests {
        let events = lies(&mut page, honest, number * requests + request);
        let mut body = page.envelope(URL, events);
        match forger {
            Forger::Nobody => body["person"] = json!(false),
            Forger::AnothersId => {
                body["person"] = json!(false);
                body["id"] =
                    json!(format!("g1.{}.AAAAAAAAAAAAAAAAAAAAAA", honest.id.split('.').nth(1).unwrap_or(&honest.id)));
            }
            Forger::Person | Forger::Claimer => {}
        }
        let answer = environment.post_with("/v1/events", &[("origin", ORIGIN)], &body).await.unwrap();
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
        visitors.extend(visitor_id(&answer.json().unwrap()).map(str::to_owned));
        if forger == Forger::Claimer {
            codes.extend(code(environment, &page).await);
        }
    }
    (visitors.into_iter().collect(), codes)
}

fn points(lead: &Value) -> f64 {
    lead["score"].as_str().unwrap().parse().unwrap()
}

/// What the shop's people are told of money.
async fn figures(environment: &Environment) -> Value {
    let mut figures = Vec::new();
    for report in ["report_carts", "report_touchpoints"] {
        let told = environment.admin(&json!({ "command": report, "site": SITE, "since": "30d" })).await.unwrap();
        figures.push(if report == "report_carts" { told } else { told["orders"].clone() });
    }
    figures.into()
}

/// Short: 20,000 events of 40 forgers. Long: a million of 200.
#[tokio::test(flavor = "multi_thread")]
async fn bar_forged_events_are_worth_no_point_no_second_code_and_no_money() {
    // Given somebody with a code and an order
    let long = env::var_os("GLOED_LONG").is_some();
    let (forgers, requests) = if long { (200, 250) } else { (40, 25) };
    let environment = Setup::default()
        .model(MODEL)
        .set("limits.requests_per_second", 100_000)
        .set("limits.request_burst", 100_000)
        .set("limits.new_visitors_per_second", 100_000)
        .set("limits.new_visitor_burst", 100_000)
        .start()
        .await
        .unwrap();
    let honest = honest(&environment).await;
    environment.applied().await.unwrap();
    let before = (figures(&environment).await, environment.visitor(SITE, &honest.id).await.unwrap().json().unwrap());

    // When others make up what they like
    let shared = Arc::new((environment, honest));
    let mut forging = JoinSet::new();
    let mut came: Vec<(Forger, Vec<String>, Vec<String>)> = Vec::new();
    let mut collect = |(number, (visitors, codes)): (usize, (Vec<String>, Vec<String>))| {
        came.push((FORGERS[number % FORGERS.len()], visitors, codes));
    };
    for number in 0..forgers {
        if forging.len() == AT_ONCE {
            collect(forging.join_next().await.unwrap().unwrap());
        }
        let shared = shared.clone();
        forging.spawn(async move { (number, forges(&shared.0, &shared.1, number, requests).await) });
    }
    while let Some(forged) = forging.join_next().await {
        collect(forged.unwrap());
    }
    let (environment, honest) = Arc::into_inner(shared).unwrap();
    environment.applied().await.unwrap();

    // Then they have what a person in front of a page may have, and nothing else
    let (mut without, mut over, mut second, mut unmarked) = (0.0, 0, 0, 0);
    let mut money = 0;
    let mut holders: BTreeMap<String, usize> = BTreeMap::from([(honest.code.clone(), 1)]);
    for (forger, visitors, answered) in &came {
        for visitor in visitors {
            let lead = environment.visitor(SITE, visitor).await.unwrap().json().unwrap();
            if matches!(forger, Forger::Nobody | Forger::AnothersId) {
                without += points(&lead).abs();
            }
            over += usize::from(points(&lead) > CAP);
            // Of whom all is held there is nothing to mark: they have no points, and the page says that all is held.
            unmarked += usize::from(points(&lead) > 0.0 && lead["browser_only"] != true);
            let lines = lead["lines"].as_array().unwrap();
            money += lines.iter().filter(|line| line["rule"] == "bought").count();
            let held: BTreeSet<&str> =
                lead["codes"].as_array().unwrap().iter().filter_map(|code| code["code"].as_str()).collect();
            second += held.len().saturating_sub(1);
            held.into_iter().for_each(|code| *holders.entry(code.to_owned()).or_default() += 1);
        }
        let different: BTreeSet<&String> = answered.iter().collect();
        second += different.len().saturating_sub(1);
        if *forger != Forger::Claimer {
            second += answered.len();
        } else {
            assert!(!answered.is_empty(), "who does what a person does is given what a person is");
        }
    }
    second += holders.values().map(|held| held - 1).sum::<usize>();
    let after = (figures(&environment).await, environment.visitor(SITE, &honest.id).await.unwrap().json().unwrap());
    let same = |field: &str| before.1[field] == after.1[field];
    money += usize::from(before.0 != after.0) + usize::from(!["score", "codes", "lines"].into_iter().all(same));
    let till = json!({ "v": 1, "code": honest.code });
    let path = "/v1/server/coupons/verify";
    let told = environment.with_server_key(Method::POST, SITE, path, Some(&till)).await.unwrap().json().unwrap();
    assert_eq!((&told["valid"], &told["leaked"]), (&json!(true), &json!(false)), "{told}");
    assert_eq!(unmarked, 0, "leads of which only browsers told");
    println!("{} events of {forgers} forgers", forgers * requests * BATCH);
    let verdicts = [
        Bar::at_most("forged_points", without, "points", 0.0).print(),
        Bar::at_most("forged_over_cap", over as f64, "visitors", 0.0).print(),
        Bar::at_most("forged_second_codes", second as f64, "codes", 0.0).print(),
        Bar::at_most("forged_revenue", money as f64, "figures", 0.0).print(),
    ];
    assert_eq!(verdicts, [Verdict::Ok; 4], "{before:?} {after:?}");
}
