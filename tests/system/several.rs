//! Three collectors on one Redis, behind a client that asks each in turn: nothing is lost and nothing counts twice,
//! whatever comes how often to whom, and whoever dies.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use engine::{
    Currency, EventName, Lead, LedgerLimits, Millis, Model, Money, SiteFacts, StreamId, Touch, TouchId, Trust,
};
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

/// Visitors of the short form.
const VISITORS: u64 = 60;
/// Within this what a dead collector held is looked after by others.
const TAKEN_OVER: Duration = Duration::from_secs(8);

/// SplitMix64: the same run for the same seed.
struct Random(u64);

impl Random {
    /// A seed of this run, or the one in `GLOED_SEED`; printed, so that the run can be replayed.
    fn fresh(test: &str) -> Self {
        let given = std::env::var("GLOED_SEED").ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or_else(|| u64::try_from(tests::body::now()).unwrap());
        println!("{test}: seed {seed}");
        Self(seed)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap()
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }
}

/// Three collectors that share a store and their secrets.
struct Fleet {
    collectors: Vec<Environment>,
    server: Server,
    _secrets: tempfile::TempDir,
}

impl Fleet {
    async fn start(model: &str) -> Self {
        let server = Server::start(&Settings::new().persistence(Persistence::AppendAlways)).unwrap();
        let secrets = tempfile::tempdir().unwrap();
        let file = secrets.path().join("secrets.toml").display().to_string();
        let setup = Setup::default()
            .model(model)
            .redis(server.url())
            .set("server.secrets", file)
            .set("limits.requests_per_second", 100_000)
            .set("limits.request_burst", 100_000);
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

    async fn applied(&self, living: &[usize]) {
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

/// The event as the ledger keeps it, as far as the model reads it.
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

/// What the model makes of events that each count once.
fn replayed(events: &[Value], stream: &str) -> (String, String) {
    let model = Model::parse(oracle::MODEL, &SiteFacts { currency: Currency::EUR, offsets: Vec::new() }).unwrap();
    let mut lead = Lead::default();
    for event in events {
        engine::record(&mut lead, touch(event, stream), &LedgerLimits::default());
    }
    let evaluation = engine::evaluate(&lead, &model, Millis(tests::body::now()));
    (evaluation.score.shown(), evaluation.stage_name)
}

/// Of every visitor: some events of the last day, of which each is sent one to ten times, shuffled; of every other visitor
/// some ids come again with other content.
fn copies(random: &mut Random, page: &mut Page, reuses: bool) -> (Vec<Value>, Vec<Value>) {
    let names = ["page_view", "add_to_cart", "search", "chat"];
    let (mut events, mut sent) = (Vec::new(), Vec::new());
    for _ in 0..12 {
        let name = names[random.below(names.len())];
        let more = if name == "add_to_cart" {
            json!({ "value": format!("{}.50", random.below(100)), "currency": "EUR" })
        } else {
            json!({})
        };
        let mut event = page.event(name, more);
        // Up to a day late.
        event["time"] = (event["time"].as_i64().unwrap() - i64::try_from(random.below(86_000_000)).unwrap()).into();
        sent.extend(std::iter::repeat_n(event.clone(), 1 + random.below(10)));
        if reuses && random.below(3) == 0 {
            let mut other = event.clone();
            other["name"] = names[random.below(names.len())].into();
            sent.extend(std::iter::repeat_n(other, 1 + random.below(3)));
        }
        events.push(event);
    }
    random.shuffle(&mut sent);
    (events, sent)
}

#[tokio::test(flavor = "multi_thread")]
async fn bar_several_scores_equal_the_oracle() {
    let mut random = Random::fresh("several_scores_equal_the_oracle");
    let fleet = Fleet::start(oracle::MODEL).await;
    // Given a collector of its own, which gets everything once, to compare with
    let lone = Setup::default().model(oracle::MODEL).start().await.unwrap();

    // When each event goes one to ten times, shuffled, to three collectors in turn
    let mut cases = Vec::new();
    let mut turn = 0;
    for visitor in 0..VISITORS {
        let mut page = Page::of_visitor(SITE, visitor);
        let reuses = visitor % 2 == 1;
        let (events, sent) = copies(&mut random, &mut page, reuses);
        let mut id = String::new();
        for part in sent.chunks(5) {
            let body = page.envelope("https://shop.example/", part.to_vec());
            let answer = fleet.collectors[turn % 3].post("/v1/events", &body).await.unwrap();
            assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
            id = visitor_id(&answer.json().unwrap()).map_or(id, str::to_owned);
            turn += 1;
        }
        let mut distinct: Vec<Value> = Vec::new();
        sent.iter().for_each(|event| {
            if !distinct.contains(event) {
                distinct.push(event.clone());
            }
        });
        let answer = lone.post("/v1/events", &page.envelope("https://shop.example/", distinct)).await.unwrap();
        let lone_id = visitor_id(&answer.json().unwrap()).unwrap().to_owned();
        cases.push((id, lone_id, page.stream().to_owned(), events, reuses));
    }
    fleet.applied(&[0, 1, 2]).await;
    lone.applied().await.unwrap();

    // Then every collector says of everybody what the lone one says, and the replay of those whose ids were not reused
    let mut equal = 0_u32;
    for (place, (id, lone_id, stream, events, reuses)) in cases.iter().enumerate() {
        let several = fleet.score(place % 3, id).await;
        let read = lone.visitor(SITE, lone_id).await.unwrap().json().unwrap();
        let as_alone = (&read["score"], &read["stage"]) == (&several.0, &several.1);
        let (score, stage) = replayed(events, stream);
        let as_replayed = *reuses || (several.0.as_str(), several.1.as_str()) == (Some(&*score), Some(&*stage));
        let same_everywhere = fleet.score((place + 1) % 3, id).await == several;
        if as_alone && as_replayed && same_everywhere {
            equal += 1;
        } else {
            println!("visitor {place}: {} {} alone {} replayed {score}", several.0, several.1, read["score"]);
        }
    }
    let bar = Bar::at_least("several_scores_equal_the_oracle", f64::from(equal), "cases", cases.len() as f64);
    assert_eq!(bar.print(), Verdict::Ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn bar_a_collector_that_is_killed_hands_over_and_loses_nothing() {
    let mut fleet = Fleet::start(oracle::MODEL).await;
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
