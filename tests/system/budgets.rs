//! Budgets over three collectors on a real Redis: no more is reserved than there is, also when a collector and Redis die.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tests::{
    bar::{Bar, Verdict},
    body::Page,
    environment::{ORIGIN, SITE, Setup},
    http::Http,
    waiting,
};
use tokio::task::JoinSet;

use crate::several::Fleet;

const URL: &str = "https://shop.example/";
const CAP: usize = 3;
/// Who ask at once.
const VISITORS: u64 = 1_000;
/// Who ask while something dies: each again and again until there is an answer.
const PERSISTENT: u64 = 300;
/// Who has no answer for longer than this has found a fault: after a store was lost nothing is given for a while.
const LIMIT: Duration = Duration::from_secs(90);
/// Before somebody asks again who had no answer.
const PAUSE: Duration = Duration::from_millis(100);

const MODEL: &str = r#"
version = 1
name = "budgets"
[[stages]]
name = "cold"
[[offers]]
id = "scarce"
slot = "popup"
budget = { total = 3 }
content.nl = { title = "Drie" }
"#;

fn setup() -> Setup {
    Setup::default().model(MODEL).set("limits.decisions_in_flight", 2_000)
}

/// Collectors as clients that outlive them know them.
#[derive(Clone)]
struct Clients {
    http: Http,
    collectors: Vec<String>,
}

impl Clients {
    fn of(fleet: &Fleet) -> Self {
        let collectors = fleet.collectors.iter().map(|one| format!("http://{}", one.public())).collect();
        Self { http: Http::new(), collectors }
    }

    async fn post(&self, turn: usize, path: &str, body: &Value) -> Option<Value> {
        let collector = &self.collectors[turn % self.collectors.len()];
        let answer = self.http.post(&format!("{collector}{path}"), &[("origin", ORIGIN)], body).await.ok()?;
        if answer.status.is_success() { answer.json().ok() } else { None }
    }

    /// The decision that reserved the offer for a visitor; `None`: there is nothing left, or an answer that was lost reserved it.
    /// Asked again, of one collector after the other, while there is no answer.
    async fn asks(&self, visitor: u64) -> Option<String> {
        let mut body = Page::of_visitor(SITE, visitor).envelope(URL, Vec::new());
        body["decide"] = json!({ "slots": ["popup"] });
        let begin = Instant::now();
        for turn in usize::try_from(visitor).unwrap().. {
            assert!(begin.elapsed() < LIMIT, "visitor {visitor} has no answer");
            let Some(answer) = self.post(turn, "/v1/decide", &body).await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            if answer["offers"][0]["id"] == "scarce" {
                return answer["decision"].as_str().map(str::to_owned);
            }
            if !answer["reasons"].as_array().is_some_and(|all| all.contains(&json!("unavailable"))) {
                return None;
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }

    /// Everybody asks at once; `answered` counts them.
    fn all_ask(&self, visitors: std::ops::Range<u64>, answered: &Arc<AtomicUsize>) -> JoinSet<Option<String>> {
        let mut asking = JoinSet::new();
        for visitor in visitors {
            let (clients, answered) = (self.clone(), answered.clone());
            asking.spawn(async move {
                let decision = clients.asks(visitor).await;
                answered.fetch_add(1, Ordering::Relaxed);
                decision
            });
        }
        asking
    }
}

/// Decisions that reserved the offer.
async fn reserved(mut asking: JoinSet<Option<String>>) -> BTreeSet<String> {
    let mut reserved = BTreeSet::new();
    while let Some(asked) = asking.join_next().await {
        reserved.extend(asked.unwrap());
    }
    reserved
}

fn judge(reserved: usize, least: usize, what: &str) {
    let over = reserved.saturating_sub(CAP);
    let enough = Bar::at_least(&format!("budget_reserved{what}"), reserved as f64, "reservations", least as f64);
    let over = Bar::at_most(&format!("budget_over{what}"), over as f64, "reservations", 0.0);
    assert_eq!([enough.print(), over.print()], [Verdict::Ok; 2]);
}

/// The same in one process (`collector/tests/several/budgets.rs`) was seen red with a limit of one more in the store.
#[tokio::test(flavor = "multi_thread")]
async fn bar_a_thousand_who_ask_three_collectors_at_once_reserve_as_many_as_there_are() {
    // Given an offer that may be shown three times, when a thousand ask at once
    let fleet = Fleet::start(setup()).await;
    let reserved = reserved(Clients::of(&fleet).all_ask(0..VISITORS, &Arc::default())).await;
    // Then three have it
    judge(reserved.len(), CAP, "");
}

/// What becomes of Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Killed, and started again with what it had.
    Killed,
    /// Killed, and started again without anything.
    Emptied,
}

async fn a_collector_and_redis_die(fate: Fate, what: &str) {
    // Given three times of which one is spent
    let mut fleet = Fleet::start(setup()).await;
    let clients = Clients::of(&fleet);
    let mut first = Page::of_visitor(SITE, 1_000_000);
    let decision = clients.asks(1_000_000).await.unwrap();
    let shown = first.event("offer_shown", json!({ "offer": "scarce", "decision": decision }));
    clients.post(1, "/v1/events", &first.envelope(URL, vec![shown])).await.unwrap();
    fleet.applied(&[0, 1, 2]).await;

    // When many ask, and in the middle of it Redis and a collector are killed, and come back
    let answered = Arc::new(AtomicUsize::new(0));
    let asking = clients.all_ask(0..PERSISTENT, &answered);
    waiting::until("the first answers", Duration::from_secs(30), async || {
        let answered = answered.load(Ordering::Relaxed);
        if answered > 0 { Ok(()) } else { Err("none".to_owned()) }
    })
    .await
    .unwrap();
    fleet.server.kill_9().unwrap();
    fleet.collectors[0].collector.kill_9().await.unwrap();
    match fate {
        Fate::Killed => fleet.server.restart().unwrap(),
        Fate::Emptied => fleet.server.restart_empty().unwrap(),
    }
    fleet.collectors[0].collector.restart().await.unwrap();

    let after = clients.all_ask(PERSISTENT..2 * PERSISTENT, &answered);

    // Then no more than two others were answered with it, whoever asked again, or only then
    let others = reserved(asking).await.len() + reserved(after).await.len();
    judge(others + 1, 1, what);
}

#[tokio::test(flavor = "multi_thread")]
async fn bar_no_more_is_reserved_than_there_is_when_a_collector_and_redis_are_killed() {
    a_collector_and_redis_die(Fate::Killed, "_after_kills").await;
}

/// Seen red with a collector that starts on an empty store and takes from it at once (4 reservations, 1 over).
#[tokio::test(flavor = "multi_thread")]
async fn bar_no_more_is_reserved_than_there_is_when_redis_has_lost_everything() {
    a_collector_and_redis_die(Fate::Emptied, "_after_a_loss").await;
}
