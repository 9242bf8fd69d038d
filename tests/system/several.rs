//! Three collectors on one Redis, behind a client that asks each in turn: nothing is lost and nothing counts twice,
//! whoever dies. What comes how often to whom is `exactly_once`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};
use servers::{Persistence, Server, Settings};
use tests::{
    bar::{Bar, Verdict},
    body::Page,
    environment::{Environment, SITE, Setup, visitor_id},
    waiting,
};

use crate::oracle;

/// Within this what a dead collector held is looked after by others.
const TAKEN_OVER: Duration = Duration::from_secs(8);

/// Three collectors that share a store and their secrets.
pub(crate) struct Fleet {
    pub(crate) collectors: Vec<Environment>,
    pub(crate) server: Server,
    _secrets: tempfile::TempDir,
}

impl Fleet {
    /// Starts them, each with this setup, and waits until they have shared the partitions out.
    pub(crate) async fn start(setup: Setup) -> Self {
        let server = Server::start(&Settings::new().persistence(Persistence::AppendAlways)).unwrap();
        let secrets = tempfile::tempdir().unwrap();
        let file = secrets.path().join("secrets.toml").display().to_string();
        let setup = setup
            .redis(server.url())
            .set("server.secrets", file)
            .set("limits.requests_per_second", 100_000)
            .set("limits.request_burst", 100_000)
            .set("limits.new_visitors_per_second", 100_000)
            .set("limits.new_visitor_burst", 100_000);
        let mut collectors = Vec::new();
        for _ in 0..3 {
            collectors.push(setup.clone().start().await.unwrap());
        }
        let fleet = Self { collectors, server, _secrets: secrets };
        fleet.shared_out(&[0, 1, 2]).await;
        fleet
    }

    /// Waits until these collectors hold every partition between them, each some.
    async fn shared_out(&self, living: &[usize]) {
        waiting::until("partitions shared out", Duration::from_secs(20), async || {
            let mut held = Vec::new();
            for place in living {
                held.push(self.ready(*place).await["partitions"].as_u64().unwrap_or_default());
            }
            let all = held.iter().sum::<u64>() == 256 && held.iter().all(|held| *held > 0);
            if all { Ok(()) } else { Err(format!("{held:?}")) }
        })
        .await
        .unwrap();
    }

    async fn ready(&self, place: usize) -> Value {
        self.collectors[place].get_private("/readyz").await.unwrap().json().unwrap()
    }

    /// Waits until these have applied all that they acknowledged.
    pub(crate) async fn applied(&self, living: &[usize]) {
        for place in living {
            self.collectors[*place].applied().await.unwrap();
        }
    }

    /// Score, stage and lines of a visitor, without what depends on the moment.
    async fn score(&self, place: usize, id: &str) -> (Value, Value, BTreeMap<String, i64>) {
        let read = self.collectors[place].visitor(SITE, id).await.unwrap().json().unwrap();
        let mut lines: BTreeMap<String, i64> = BTreeMap::new();
        for line in read["lines"].as_array().into_iter().flatten() {
            *lines.entry(format!("{} {} {}", line["rule"], line["time"], line["points_now"])).or_default() += 1;
        }
        (read["score"].clone(), read["stage"].clone(), lines)
    }

    /// Every message that waits, as any collector reads it.
    async fn messages(&self, place: usize) -> Vec<Value> {
        let page =
            self.collectors[place].with_server_key(Method::GET, SITE, "/v1/server/outbox?limit=1000", None).await;
        page.unwrap().json().unwrap()["messages"].as_array().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bar_a_collector_that_is_killed_hands_over_and_loses_nothing() {
    let mut fleet = Fleet::start(Setup::default().model(oracle::MODEL)).await;
    // Given visitors of whom all three hear a part: a hundred and fifty things in the cart are hot, and a hundred are not
    let send = async |fleet: &Fleet, visitor: u64, place: usize, count: usize, first: u64| {
        let mut page = Page::of_visitor(SITE, visitor);
        for _ in 1..first {
            page.event("page_view", json!({}));
        }
        let events = (0..count).map(|_| page.event("add_to_cart", json!({}))).collect();
        let answer = fleet.collectors[place].post("/v1/events", &page.envelope("https://shop.example/", events)).await;
        let answer = answer.unwrap();
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
        visitor_id(&answer.json().unwrap()).unwrap().to_owned()
    };
    let mut ids = BTreeSet::new();
    for visitor in 0..20 {
        for (place, first) in [(1, 1), (2, 51)] {
            ids.insert(send(&fleet, visitor, place, 50, first).await);
        }
    }
    assert_eq!(ids.len(), 20);
    fleet.applied(&[0, 1, 2]).await;

    // When the first is killed with what makes them hot in its log and not in the store
    fleet.server.suspend().unwrap();
    for visitor in 0..20 {
        send(&fleet, visitor, 0, 50, 101).await;
    }
    fleet.collectors[0].collector.kill_9().await.unwrap();
    fleet.server.resume().unwrap();
    let begin = Instant::now();

    // Then the others look after what it held
    fleet.shared_out(&[1, 2]).await;
    let took = begin.elapsed();
    let bar = Bar::at_most("lease_takeover_after_kill", took.as_secs_f64(), "s", TAKEN_OVER.as_secs_f64());
    assert_eq!(bar.print(), Verdict::Ok);

    // and when it is back its log is applied, and everybody is hot, once
    fleet.collectors[0].collector.restart().await.unwrap();
    fleet.applied(&[0, 1, 2]).await;
    fleet.shared_out(&[0, 1, 2]).await;
    for id in &ids {
        let (score, stage, _) = fleet.score(1, id).await;
        assert_eq!((score.as_str(), stage.as_str()), (Some("1050"), Some("hot")));
    }
    let messages = fleet.messages(2).await;
    let hot: Vec<&Value> =
        messages.iter().filter(|message| message["to"] == "hot").map(|one| &one["visitor"]).collect();
    let each: BTreeSet<String> = hot.iter().map(ToString::to_string).collect();
    assert_eq!((hot.len(), each.len(), messages.len()), (20, 20, 20));
    Bar::at_most("transitions_announced_twice", (hot.len() - each.len()) as f64, "messages", 0.0).print();
}
