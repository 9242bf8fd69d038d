//! What one visitor does in two weeks, who says it how often, and what it must come to.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tests::{body::Page, environment::SITE};

use crate::random::Random;

/// Touches that a ledger of this test may have before it counts as large, and is folded; announcements of its stage count
/// too, so whoever is not to be folded stays well below.
pub(crate) const LARGE: usize = 8;
/// An event happened at most so long before it is sent, and at least ten seconds before.
const LATE: usize = 86_000_000;
const LEAST: i64 = 10_000;

/// Each kind of event has a weight of its own, one rule reads an amount, and one keeps only the first three. No half-life:
/// what is left of a score does not depend on the moment at which it is read.
pub(crate) const MODEL: &str = r#"
version = 1
name = "exactly-once"
half_life = "none"
[[stages]]
name = "cold"
[[stages]]
name = "hot"
enter = "> 50"
[[rules]]
id = "page_view"
title = "Looked"
when = { field = "event", eq = "page_view" }
points = 1
[[rules]]
id = "view_item"
title = "Looked at something"
when = { field = "event", eq = "view_item" }
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
[[rules]]
id = "store_visit"
title = "Came to the store"
when = { field = "event", eq = "store_visit" }
points = 1000
"#;

/// Who says that something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Teller {
    Page,
    Server,
}

/// Every content that was ever sent under each id.
type Contents = BTreeMap<(Teller, String), Vec<Value>>;

/// One visitor.
#[derive(Debug, Clone)]
pub(crate) struct Story {
    pub(crate) page: Page,
    pub(crate) random: Random,
    /// It grows large, and is folded in the second week.
    pub(crate) folds: bool,
    /// Some ids come again with other content.
    reuses: bool,
    server_events: usize,
    first_week: Contents,
    second_week: Contents,
}

impl Story {
    /// The story of this visitor: every other one is folded, and of each kind every other one has ids that are used twice.
    pub(crate) fn of(seed: u64, visitor: u64) -> Self {
        Self {
            page: Page::of_visitor(SITE, visitor),
            random: Random::of(seed, visitor),
            folds: visitor.is_multiple_of(2),
            reuses: visitor % 4 >= 2,
            server_events: 0,
            first_week: Contents::new(),
            second_week: Contents::new(),
        }
    }

    /// What happened in the day before `now` of the first week.
    pub(crate) fn begin(&mut self, now: i64) {
        let (from_page, from_server) = if self.folds { (LARGE - 2, 2) } else { (2, 1) };
        self.first_week = self.happened(now, from_page, from_server);
    }

    /// What happened in the day before `now` of the second week: together with the first more than what is large, or not.
    pub(crate) fn go_on(&mut self, now: i64) {
        let (from_page, from_server) = if self.folds { (4 + self.random.below(3), 1) } else { (1, 1) };
        self.second_week = self.happened(now, from_page, from_server);
    }

    fn happened(&mut self, now: i64, from_page: usize, from_server: usize) -> Contents {
        let mut contents = Contents::new();
        for place in 0..from_page + from_server {
            let teller = if place < from_page { Teller::Page } else { Teller::Server };
            let mut event = self.content(now, teller);
            let id = match teller {
                Teller::Page => self.page.event("", json!({}))["n"].clone(),
                Teller::Server => {
                    self.server_events += 1;
                    json!(format!("{}:{}", self.page.seed(), self.server_events))
                }
            };
            let field = if teller == Teller::Page { "n" } else { "id" };
            event[field] = id.clone();
            let mut same_id = vec![event];
            if self.reuses && self.random.below(3) == 0 {
                let mut other = self.content(now, teller);
                other[field] = id.clone();
                same_id.push(other);
            }
            contents.insert((teller, id.to_string()), same_id);
        }
        contents
    }

    fn content(&mut self, now: i64, teller: Teller) -> Value {
        let names: &[&str] = if teller == Teller::Page {
            &["page_view", "view_item", "search", "chat"]
        } else {
            &["store_visit", "chat"]
        };
        let name = names[self.random.below(names.len())];
        let time = now - LEAST - i64::try_from(self.random.below(LATE)).unwrap();
        let mut event = json!({ "name": name, "time": time });
        if name == "view_item" {
            event["value"] = format!("{}.50", self.random.below(100)).into();
            event["currency"] = "EUR".into();
        }
        event
    }

    /// What a collector is told that hears everything once, in order, of the week that is going on.
    pub(crate) fn once(&self) -> Vec<(Teller, Value)> {
        let week = if self.second_week.is_empty() { &self.first_week } else { &self.second_week };
        contents(week).collect()
    }

    /// One to ten copies of everything of the week that is going on, one to three of what came the week before; shuffled.
    pub(crate) fn copies(&mut self) -> Vec<(Teller, Value)> {
        let again = if self.second_week.is_empty() { 0 } else { 3 };
        let week = self.once();
        let before: Vec<_> = contents(&self.first_week).filter(|_| again > 0).collect();
        let mut sent = self.repeated(week, 10);
        sent.extend(self.repeated(before, again));
        self.random.shuffle(&mut sent);
        sent
    }

    /// Everything once more, after folding; the ids that a page used in the first week also with content of now.
    pub(crate) fn afterwards(&mut self, now: i64) -> Vec<(Teller, Value)> {
        let ids: Vec<u64> = contents(&self.first_week)
            .filter(|(teller, _)| *teller == Teller::Page)
            .filter_map(|(_, event)| event["n"].as_u64())
            .collect();
        let mut sent: Vec<_> = contents(&self.first_week).chain(contents(&self.second_week)).collect();
        for id in ids {
            // It says of itself that it is of the first week: whatever it holds, it is too late.
            let mut other = self.content(now - 9 * 86_400_000, Teller::Page);
            other["n"] = id.into();
            sent.push((Teller::Page, other));
        }
        self.random.shuffle(&mut sent);
        sent
    }

    fn repeated(&mut self, events: Vec<(Teller, Value)>, most: usize) -> Vec<(Teller, Value)> {
        let mut sent = Vec::new();
        for event in events {
            sent.extend(std::iter::repeat_n(event, 1 + self.random.below(most)));
        }
        sent
    }

    /// Ids that were told of.
    pub(crate) fn ids(&self) -> usize {
        self.first_week.len() + self.second_week.len()
    }

    /// The oracle, which knows nothing of the engine: every score, in half points, that is right when each id counts once.
    /// Where ids were used twice either content may count, so there are several; else there is one.
    pub(crate) fn right_scores(&self) -> BTreeSet<i64> {
        // By how often was searched, since that counts three times at most.
        let mut possible = BTreeSet::from([(0_i64, 0_i64)]);
        for same_id in self.first_week.values().chain(self.second_week.values()) {
            possible = possible
                .iter()
                .flat_map(|(searches, half_points)| {
                    same_id.iter().map(move |event| match event["name"].as_str() {
                        Some("search") => (searches + 1, *half_points),
                        _ => (*searches, half_points + half_points_of(event)),
                    })
                })
                .collect();
        }
        possible.into_iter().map(|(searches, half_points)| half_points + 200 * searches.min(3)).collect()
    }
}

fn contents(week: &Contents) -> impl Iterator<Item = (Teller, Value)> {
    week.iter().flat_map(|((teller, _), same_id)| same_id.iter().map(|event| (*teller, event.clone())))
}

fn half_points_of(event: &Value) -> i64 {
    let dear = event["value"].as_str().is_some_and(|value| value.parse::<f64>().unwrap() >= 50.0);
    let points = match event["name"].as_str() {
        Some("page_view") => 1,
        Some("view_item") => 7,
        Some("store_visit") => 1000,
        _ => 0,
    };
    2 * points + i64::from(dear)
}
