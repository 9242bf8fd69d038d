//! What the collector must have come to: a plain replay, in memory, of every event that it said yes to.
//!
//! The model has no half-life and no limits over time, so that what is left of a score does not depend on the moment at
//! which it is read, and the comparison is exact, line by line.

use std::collections::BTreeMap;

use engine::{
    Currency, EventName, Lead, LedgerLimits, Millis, Model, Money, SiteFacts, StreamId, Touch, TouchId, Trust, evaluate,
};
use serde_json::Value;
use tests::{
    environment::{Environment, SITE, visitor_id},
    load::{Record, Turn},
};

/// Each name of [`events`] has a weight of its own, one rule reads an amount, and one keeps only the first three.
pub(crate) const MODEL: &str = r#"
version = 1
name = "oracle"
half_life = "none"
[[stages]]
name = "cold"
[[stages]]
name = "hot"
enter = "> 1000"
[[rules]]
id = "page_view"
title = "Looked"
when = { field = "event", eq = "page_view" }
points = 1
[[rules]]
id = "add_to_cart"
title = "Put into the cart"
when = { field = "event", eq = "add_to_cart" }
points = 7
[[rules]]
id = "dear"
title = "Something dear"
when = { field = "value", gte = "50.00" }
points = "0.5"
[[rules]]
id = "search"
title = "Searched"
when = { field = "event", eq = "search" }
points = 100
per = { times = 3 }
"#;

/// The ten events of one request of the load: enough kinds for every rule.
pub(crate) fn events(page: &mut tests::body::Page, turn: Turn) -> Vec<Value> {
    (0..10)
        .map(|place| match place {
            0..6 => page.event("page_view", serde_json::json!({})),
            6..9 => {
                let value = format!("{}.50", (turn.turn * 10 + place) % 100);
                page.event("add_to_cart", serde_json::json!({ "value": value, "currency": "EUR" }))
            }
            _ => page.event("search", serde_json::json!({ "properties": { "term": "regenjas" } })),
        })
        .collect()
}

/// One line of an explanation, as it is compared: rule, time, points now.
type Line = (String, i64, String);

/// How the collector differs from the replay.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Acknowledged events, in all.
    pub(crate) acknowledged: usize,
    /// Lines that the replay has and the collector has not.
    pub(crate) lost: usize,
    /// Lines that the collector has too often, or that nothing acknowledged explains.
    pub(crate) doubled: usize,
    /// Visitors whose score or stage differs, with both.
    pub(crate) scores: Vec<String>,
}

/// Compares every visitor of a finished load with the replay of what was acknowledged to them.
pub(crate) async fn difference(environment: &Environment, record: &Record) -> Difference {
    difference_at(environment, record, Millis(tests::body::now())).await
}

/// The same with a collector whose clock shows `now`, or a little more.
pub(crate) async fn difference_at(environment: &Environment, record: &Record, now: Millis) -> Difference {
    environment.applied().await.unwrap();
    let site = SiteFacts { currency: Currency::EUR, offsets: Vec::new() };
    let model = Model::parse(MODEL, &site).unwrap();
    let acknowledged = record.acknowledged().unwrap();
    let mut leads: BTreeMap<u32, Lead> = BTreeMap::new();
    for one in &acknowledged {
        let lead = leads.entry(one.visitor).or_default();
        engine::record(lead, touch(&one.event, one.body["stream"].as_str().unwrap()), &LedgerLimits::default());
    }
    let mut difference = Difference { acknowledged: acknowledged.len(), ..Difference::default() };
    for (visitor, id) in ids(record) {
        let read = environment.visitor(SITE, &id).await.unwrap().json().unwrap();
        let wanted = evaluate(&leads[&visitor], &model, now);
        if (read["score"].as_str(), read["stage"].as_str()) != (Some(&wanted.score.shown()), Some(&wanted.stage_name)) {
            let found = if read["score"].is_null() { read.clone() } else { read["score"].clone() };
            let scores = format!("{visitor}: {found} {} in place of {}", read["stage"], wanted.score.shown());
            difference.scores.push(scores);
        }
        let mut balance: BTreeMap<Line, i64> = BTreeMap::new();
        for line in &wanted.lines {
            let rule = line.rule.as_ref().map(ToString::to_string).unwrap_or_default();
            *balance.entry((rule, line.time.0, line.points_now.to_string())).or_default() += 1;
        }
        // Of a visitor who is not there every line is lost.
        for line in read["lines"].as_array().into_iter().flatten() {
            let text = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
            *balance.entry((text("rule"), line["time"].as_i64().unwrap(), text("points_now"))).or_default() -= 1;
        }
        let count = |sign: i64| balance.values().map(|left| usize::try_from(left * sign).unwrap_or(0)).sum::<usize>();
        difference.lost += count(1);
        difference.doubled += count(-1);
    }
    difference
}

/// The id of every visitor who got an answer; one that changed on the way would be a visitor split in two.
fn ids(record: &Record) -> BTreeMap<u32, String> {
    let mut ids = BTreeMap::new();
    for exchange in record.sent.iter().filter(|exchange| exchange.status == Some(200)) {
        let answer: Value = serde_json::from_slice(&exchange.answer).unwrap();
        let id = visitor_id(&answer).unwrap().to_owned();
        let known = ids.entry(exchange.turn.visitor).or_insert_with(|| id.clone());
        assert_eq!(*known, id, "visitor {} became another", exchange.turn.visitor);
    }
    ids
}

/// The event as the ledger keeps it, as far as the model reads it. Its id is the contract's: (stream, n).
fn touch(event: &Value, stream: &str) -> Touch {
    let time = Millis(event["time"].as_i64().unwrap());
    let id = TouchId::parse(&format!("{stream}.{}", event["n"])).unwrap();
    let name = EventName::parse(event["name"].as_str().unwrap()).unwrap();
    let mut touch = Touch::new(id, name, StreamId::parse(stream).unwrap(), time);
    touch.received = time;
    touch.trust = Trust::Browser;
    touch.value = event["value"].as_str().map(|value| Money::parse(value, Currency::EUR).unwrap());
    touch
}
