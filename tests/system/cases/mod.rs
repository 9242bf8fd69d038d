//! The cases that must work (thresholds, exact, mango, first visit, abandoned basket, season, starcheck, b2b and b2c,
//! touchpoints), each sentence through the running collector: events in by HTTP, time by the test clock, and out come
//! visitors, decisions, messages, pages, and what is printed at a terminal.
//!
//! | sentence | test |
//! | --- | --- |
//! | exact: opened, clicked, additional mails, fruitless call, the whole script | `models::exact_from_the_first_mail_to_the_second_notice` |
//! | exact: 11, 12, 13 | `exact_eleven_is_marketings_and_twelve_is_sales` |
//! | exact: certain content raises 5 to 12, 14 stays | `exact_certain_content_raises_to_twelve_and_never_lowers` |
//! | exact: call back by the link's id; forms; customers | `exact_the_call_back_link_forms_and_customers` |
//! | exact: one notice a crossing with a link to the lead's page, lines, touches, labels; search ad with its landing page | `exact_sales_is_told_once_with_all_that_it_needs` |
//! | exact: labels told by a server, content by label with a fallback | `exact_interests_pick_the_content_with_a_fallback` |
//! | exact: share of MQL that became SQL, countries side by side | `exact_four_in_ten_became_sales_in_four_months` |
//! | thresholds: 29, 30, 70, 71; 30 to 70 warm; cooling at the predicted moments | `thresholds_of_the_default_preset_and_how_it_cools` (another model: `transitions::left_alone_…`) |
//! | thresholds: the cart outweighs a mail; no fixed number of rules; every value is the marketer's | `thresholds_a_cart_outweighs_a_mail_in_every_preset`, `thresholds_a_thousand_rules_count`, `models::a_model_is_tried_on_history_…` |
//! | thresholds: explicit and implicit information | `thresholds_explicit_and_implicit_information_gives_points` |
//! | thresholds: calibration | `thresholds_are_proposed_from_the_scores_at_purchase` |
//! | rule of seven: distinct touches, as a condition and shown | `rule_of_seven_counts_distinct_touches` |
//! | mango, first visit | `journeys::mango`, `journeys::first_visit` |
//! | landing: what fits what was looked at before, with a fallback | `exact_interests_pick_the_content_with_a_fallback` |
//! | abandoned basket | `abandoned_basket_…` |
//! | season | `season_…` |
//! | starcheck: labels from downloads choose offers and filter the list; SEO paper | `starcheck_…` |
//! | b2b: slow, one visit never notifies, told at warm; fit and engagement, BANT | `b2b_…` |
//! | b2c: fast, hot within a visit, cools in days; criteria that exist ready-made | `b2c_…` |
//! | whose word counts: forged events, browser only, held until a server tells | `trust_…` |
//! | offers: what each brings, beside who was shown nothing | `experiments_…` |
//! | touchpoints: cost and impact, offline touches by the server | `touchpoints_…` |
//! | touchpoints: BANT counts as fit | `b2b_cold_that_fits_is_shown_apart_from_interest` |

mod basket;
mod business;
mod exact;
mod experiments;
mod season;
mod starcheck;
mod thresholds;
mod touchpoints;
mod trust;

use std::{
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
};

use serde_json::{Value, json};
use tests::{
    binaries,
    body::Page,
    environment::{Environment, SITE, Setup, visitor_id},
};

/// Where pages of the shop lie.
const SHOP: &str = "https://shop.example";

/// A running collector with a clock that the test moves, and what a case does with it.
struct Case {
    environment: Environment,
    /// Events told so far: each has an id of its own.
    told: AtomicU64,
}

impl Case {
    /// A site with a preset, or with a preset and more.
    async fn of(preset: &str, more: &str) -> Self {
        let models =
            if more.is_empty() { vec![preset.to_owned()] } else { vec![preset.to_owned(), "model.toml".into()] };
        Self::start(Setup::default().model(more).set("sites.0.model", models)).await
    }

    /// A site with a model of its own.
    async fn of_model(text: &str) -> Self {
        Self::start(Setup::default().model(text)).await
    }

    async fn start(setup: Setup) -> Self {
        let environment = setup.test_clock().start().await.unwrap();
        Self { environment, told: AtomicU64::new(0) }
    }

    /// The shop's server tells of a person; gives the visitor's id once it is applied.
    async fn tells(&self, person: &str, name: &str, more: Value) -> String {
        self.tells_at(SITE, &[(person, name, more)]).await.remove(0)
    }

    /// The same of several people and at any site, in one request.
    async fn tells_at(&self, site: &str, events: &[(&str, &str, Value)]) -> Vec<String> {
        let event = |(person, name, more): &(&str, &str, Value)| {
            let id = format!("told-{}", self.told.fetch_add(1, Ordering::Relaxed));
            let whom = if person.len() == 22 { "visitor" } else { "person" };
            let mut event = json!({ "id": id, whom: person, "name": name });
            event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            event
        };
        let mut visitors = Vec::new();
        for events in events.chunks(50) {
            let answer = self.environment.server_events(site, events.iter().map(event).collect()).await.unwrap();
            let answer = answer.json().unwrap();
            let receipts = answer["receipts"].as_array().unwrap_or_else(|| panic!("{answer}"));
            let visitor =
                |receipt: &Value| receipt["visitor"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
            visitors.extend(receipts.iter().map(visitor));
        }
        self.environment.applied().await.unwrap();
        visitors
    }

    /// A page of the shop tells; gives the visitor's id once it is applied.
    async fn visits(&self, page: &mut Page, path: &str, events: &[(&str, Value)]) -> String {
        self.visits_with(page, path, json!({}), events).await
    }

    /// The same, with more in the envelope than a page sends by itself: that somebody has used it, where they came from.
    async fn visits_with(&self, page: &mut Page, path: &str, more: Value, events: &[(&str, Value)]) -> String {
        let events = events.iter().map(|(name, more)| page.event(name, more.clone())).collect();
        let mut body = page.envelope(&format!("{SHOP}{path}"), events);
        merge(&mut body, more);
        let answer = self.environment.post("/v1/events", &body).await.unwrap().json().unwrap();
        self.environment.applied().await.unwrap();
        visitor_id(&answer).unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// The offers that a page of the shop is answered with.
    async fn decided(&self, page: &Page, path: &str, slots: &[&str]) -> Vec<String> {
        let mut body = page.envelope(&format!("{SHOP}{path}"), Vec::new());
        let fields = body.as_object_mut().unwrap();
        fields.remove("events");
        fields.insert("decide".to_owned(), json!({ "slots": slots }));
        let answer = self.environment.post("/v1/decide", &body).await.unwrap().json().unwrap();
        let offers = answer["offers"].as_array().unwrap_or_else(|| panic!("{answer}"));
        offers.iter().map(|offer| offer["id"].as_str().unwrap().to_owned()).collect()
    }

    async fn visitor(&self, id: &str) -> Value {
        self.environment.visitor(SITE, id).await.unwrap().json().unwrap()
    }

    /// Score and stage.
    async fn stands(&self, id: &str) -> (String, String) {
        let visitor = self.visitor(id).await;
        let text = |key: &str| visitor[key].as_str().unwrap_or_else(|| panic!("{visitor}")).to_owned();
        (text("score"), text("stage"))
    }

    /// The messages in the outbox of one type, oldest first.
    async fn messages(&self, kind: &str) -> Vec<Value> {
        let mut messages = self.environment.outbox().await.unwrap();
        messages.retain(|message| message["type"] == kind);
        messages
    }

    /// The same about one visitor.
    async fn messages_of(&self, kind: &str, visitor: &str) -> Vec<Value> {
        let mut messages = self.messages(kind).await;
        messages.retain(|message| message["visitor"] == visitor);
        messages
    }

    async fn advance(&self, by: &str) -> i64 {
        self.environment.advance(by).await.unwrap()
    }

    /// What a command of `gloed` prints.
    fn printed(&self, arguments: &[&str]) -> String {
        let (code, output, errors) = self.run(arguments);
        assert_eq!(code, Some(0), "{errors}");
        output
    }

    /// How a command of `gloed` ends, what it prints, and what it complains of.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(binaries::gloed().unwrap());
        command.args(arguments).arg("--config").arg(self.environment.config());
        let output = command.arg("--data").arg(self.environment.data()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }
}

/// Puts what is in one object into another, deeply.
fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            more.into_iter().for_each(|(key, value)| merge(into.entry(key).or_insert(Value::Null), value));
        }
        (into, more) => *into = more,
    }
}

/// The cells of a printed table whose line begins with `name`.
#[track_caller]
fn row(printed: &str, name: &str) -> Vec<String> {
    let line = printed.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}:\n{printed}"));
    line[name.len()..].split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
}

/// From and to of each message about a stage: `cold warm`.
fn crossings(messages: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    messages.iter().map(|one| format!("{} {}", text(&one["from"]), text(&one["to"]))).collect()
}

/// An article, as pages and servers tell of it.
fn article(id: &str, name: &str, price: &str, quantity: u32) -> Value {
    json!({ "id": id, "name": name, "price": price, "currency": "EUR", "quantity": quantity })
}
