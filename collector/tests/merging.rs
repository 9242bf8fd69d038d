//! Merging through a running collector whose clock the test sets: one lead comes of it, whatever is asked in whichever order.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use collector::accept;
use collector::app::App;
use collector::clock::SetClock;
use collector::config::{Config, Environment, Overrides};
use collector::log_record::{Fence, KeptLead, MergeGround};
use collector::person::{self, MOST_IDS};
use collector::start::{self, Started};
use collector::{erasure, outbox};
use engine::{EventName, Millis, Span, StreamId, Touch, TouchId};
use store::{Change, Committed, LeadKey, Partitions, SiteName, VisitorId};

/// 2026-11-21T12:00:00Z.
const NOON: Millis = Millis(1_795_262_400_000);
/// Rules that only the whole of a person's touches gives right: a limit, a sequence in time, a count.
const MODEL: &str = r#"
version = 1
name = "merging"
half_life = "none"
[[stages]]
name = "cold"
[[stages]]
name = "warm"
enter = ">= 30"
[[stages]]
name = "hot"
enter = "> 70"
[[rules]]
id = "view"
title = "Looked"
when = { field = "event", eq = "page_view" }
points = 1
[[rules]]
id = "search"
title = "Searched, three times at most"
when = { field = "event", eq = "search" }
points = 10
per = { times = 3 }
[[rules]]
id = "chat"
title = "Chatted"
when = { field = "event", eq = "chat" }
points = 20
[[rules]]
id = "form"
title = "At least forty"
when = { field = "event", eq = "generate_lead" }
raise_to = 40
"#;

struct Shop {
    started: Started,
    clock: SetClock,
    _data: tempfile::TempDir,
}

impl Shop {
    async fn open() -> Self {
        let data = tempfile::tempdir().unwrap();
        std::fs::write(data.path().join("model.toml"), MODEL).unwrap();
        let text = "[[sites]]\nkey = \"shop\"\norigins = [\"https://shop.example\"]\ncurrency = \"EUR\"\n\
                    model = [\"model.toml\"]\n";
        let environment = Environment::new();
        let overrides = Overrides { data: Some(data.path().join("data")), ..Overrides::default() };
        let config = Config::parse(text, data.path() as &Path, &environment, &overrides).unwrap();
        let metrics = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle();
        let clock = SetClock::at(NOON);
        let started = start::start(config, &environment, Arc::new(clock.clone()), metrics).await.unwrap();
        Self { started, clock, _data: data }
    }

    fn app(&self) -> &App {
        &self.started.app
    }

    async fn tell(&self, key: &LeadKey, touches: Vec<Touch>) {
        accept::append(self.app(), key, touches, None).await.unwrap();
    }

    async fn merge(&self, from: &LeadKey, into: &LeadKey, ground: MergeGround) {
        assert!(accept::merge(self.app(), from, into, ground).await.unwrap());
    }

    async fn applied(&self) {
        until("everything applied", async || self.app().tail.is_empty() && self.app().merges.is_empty()).await;
    }

    /// What the store has of a visitor.
    async fn kept(&self, key: &LeadKey) -> KeptLead {
        let stored = self.app().store.load(std::slice::from_ref(key)).await.unwrap().remove(0);
        stored.map_or_else(KeptLead::default, |stored| KeptLead::decode(&stored.bytes).unwrap())
    }

    /// Who a visitor is, and what decisions make of them: lines as a set, then score and stage.
    async fn seen(&self, key: &LeadKey) -> (LeadKey, Vec<String>) {
        let person = person::known(self.app(), key).await.unwrap();
        let site = self.app().sites.get("shop").unwrap();
        let evaluation = engine::evaluate(&person.kept.lead, &site.model(), NOON.plus(Span::minutes(60)));
        let mut seen: Vec<String> = evaluation.lines.iter().map(|line| format!("{line:?}")).collect();
        seen.sort_unstable();
        seen.push(format!("{} {} {}", evaluation.score, evaluation.stage_name, evaluation.visits));
        (person.key, seen)
    }

    async fn heat(&self) -> Vec<LeadKey> {
        let top = self.app().store.top(&SiteName::parse("shop").unwrap(), None, 100).await.unwrap();
        top.into_iter().map(|entry| entry.key).collect()
    }

    /// Stages that were told of: visitor, from, to.
    async fn told(&self) -> Vec<String> {
        let page = outbox::read(self.app(), None, None, 100).await.unwrap();
        page.messages.iter().map(|one| format!("{} {} {}", one["visitor"], one["from"], one["to"])).collect()
    }
}

fn key(visitor: u8) -> LeadKey {
    LeadKey::new(SiteName::parse("shop").unwrap(), VisitorId::from_bytes([visitor; 16]))
}

fn touch(id: &str, name: &str, minute: i64) -> Touch {
    let stream = StreamId::parse(&format!("stream-{}", minute.rem_euclid(3))).unwrap();
    let time = NOON.plus(Span::minutes(minute));
    Touch::new(TouchId::parse(id).unwrap(), EventName::parse(name).unwrap(), stream, time)
}

async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let begin = Instant::now();
    while !condition().await {
        assert!(begin.elapsed() < Duration::from_secs(20), "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A plain generator: what comes of a seed is the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_partition_of_a_persons_touches_merged_in_any_order_is_one_lead() {
    let shop = Shop::open().await;
    let names = ["page_view", "search", "chat", "generate_lead"];
    for seed in 1..=12_u8 {
        // given a person's touches under one id, and the same split over four ids, some of them told twice
        let mut dice = Dice(u64::from(seed));
        let ids: Vec<LeadKey> = (0..5).map(|part| key(seed * 8 + part)).collect();
        let touches: Vec<Touch> = (0..24)
            .map(|number| {
                let name = names[dice.below(names.len())];
                touch(&format!("t{number}"), name, -i64::try_from(dice.below(600)).unwrap())
            })
            .collect();
        shop.tell(&ids[4], touches.clone()).await;
        // when they are told and merged in a random order: a merge may come before, between and after what it is about
        let mut steps: Vec<Step> =
            touches.iter().map(|touch| Step::Tell(dice.below(4), Box::new(touch.clone()))).collect();
        steps.extend((0..6).map(|place| Step::Tell(dice.below(4), Box::new(touches[place * 3].clone()))));
        for (from, into) in [(1, 0), (2, 1), (2, 3)] {
            let (from, into) = if dice.below(2) == 0 { (from, into) } else { (into, from) };
            steps.insert(dice.below(steps.len()), Step::Merge(from, into));
        }
        for step in steps {
            match step {
                Step::Tell(part, touch) => shop.tell(&ids[part], vec![*touch]).await,
                Step::Merge(from, into) => shop.merge(&ids[from], &ids[into], MergeGround::Visitors).await,
            }
            if dice.below(8) == 0 {
                shop.applied().await;
            }
        }
        // then every id is the one lead, before it is applied and after, and after the sources have let go
        let (_, whole) = shop.seen(&ids[4]).await;
        for (when, apply) in [("at once", false), ("applied", true)] {
            if apply {
                shop.applied().await;
            }
            for id in &ids[..4] {
                assert_eq!(shop.seen(id).await.1, whole, "seed {seed}, {when}");
            }
        }
    }
    shop.clock.set(NOON.plus(Span::minutes(2)));
    until("the sources to let go", async || {
        let mut waiting = 0;
        for seed in 1..=12_u8 {
            for part in 0..4 {
                let kept = shop.kept(&key(seed * 8 + part)).await;
                waiting += usize::from(kept.fence.is_some_and(|fence| !fence.done || !kept.lead.is_empty()));
            }
        }
        waiting == 0
    })
    .await;
    for seed in 1..=12_u8 {
        let (_, whole) = shop.seen(&key(seed * 8 + 4)).await;
        for part in 0..4 {
            assert_eq!(shop.seen(&key(seed * 8 + part)).await.1, whole, "seed {seed}, let go");
        }
    }
}

enum Step {
    Tell(usize, Box<Touch>),
    Merge(usize, usize),
}

#[tokio::test(flavor = "multi_thread")]
async fn later_events_follow_a_merge_back_is_nothing_and_chains_have_no_circle() {
    let shop = Shop::open().await;
    shop.tell(&key(1), vec![touch("1", "chat", 0)]).await;
    shop.tell(&key(2), vec![touch("2", "chat", 0)]).await;

    for (from, into) in [(1, 2), (2, 1), (1, 2), (2, 2), (2, 3), (3, 1)] {
        shop.merge(&key(from), &key(into), MergeGround::Visitors).await;
    }
    shop.tell(&key(1), vec![touch("3", "chat", 1)]).await;

    for when in ["at once", "applied"] {
        for id in [1, 2, 3] {
            let (head, seen) = shop.seen(&key(id)).await;
            assert_eq!((head, seen.last().unwrap().as_str()), (key(3), "60 warm 2"), "{id} {when}");
        }
        shop.applied().await;
    }
    // and no index shows who was merged, nor does anything wait for them but letting go
    assert_eq!(shop.heat().await, [key(3)]);
    assert_eq!(shop.kept(&key(3)).await.sources, [key(1).visitor, key(2).visitor]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_keeps_its_touches_until_they_are_durable_where_they_went() {
    let shop = Shop::open().await;
    shop.tell(&key(1), vec![touch("1", "chat", 0)]).await;
    shop.merge(&key(1), &key(2), MergeGround::Person).await;
    shop.applied().await;

    let fence = Fence { into: key(2).visitor, done: false };
    let source = shop.kept(&key(1)).await;
    assert_eq!((source.fence, source.lead.touches().len()), (Some(fence), 1));
    assert!(shop.kept(&key(2)).await.person);

    shop.clock.set(NOON.plus(Span::seconds(61)));
    let done = KeptLead { fence: Some(Fence { done: true, ..fence }), ..KeptLead::default() };
    until("the source to let go", async || shop.kept(&key(1)).await == done).await;
    assert_eq!(
        shop.app()
            .store
            .due(&Partitions::ALL, i64::MAX, 100)
            .await
            .unwrap()
            .iter()
            .filter(|due| due.key == key(1))
            .count(),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_that_was_interrupted_after_the_fence_is_finished_and_seen_as_finished_before() {
    // given a lead with a fence, whose touches nobody has joined: a crash came between the two
    let shop = Shop::open().await;
    shop.tell(&key(1), vec![touch("1", "chat", 0)]).await;
    shop.tell(&key(2), vec![touch("2", "search", 0)]).await;
    shop.applied().await;
    let stored = shop.app().store.load(&[key(1)]).await.unwrap().remove(0).unwrap();
    let fence = Some(Fence { into: key(2).visitor, done: false });
    let kept = KeptLead { fence, ..KeptLead::decode(&stored.bytes).unwrap() };
    let change = Change {
        key: key(1),
        expected: stored.version,
        tombstone: shop.app().erased.tombstone(&key(1)),
        lead: Some(kept.encode().unwrap()),
        heat: None,
        wake: Some(NOON.plus(Span::seconds(60)).0),
        outbox: Vec::new(),
    };
    let committed = shop.app().store.commit(&[change]).await.unwrap();
    assert!(matches!(committed[0], Committed::Applied(_)));

    // then whoever comes by the old id is seen as one person
    let (head, seen) = shop.seen(&key(1)).await;
    assert_eq!((head, seen.last().unwrap().as_str()), (key(2), "30 warm 1"));
    // and when the source is looked at again, or merged again, it is finished, once
    shop.merge(&key(1), &key(2), MergeGround::Visitors).await;
    shop.applied().await;
    shop.clock.set(NOON.plus(Span::minutes(2)));
    until("the source to let go", async || shop.kept(&key(1)).await.fence.is_some_and(|fence| fence.done)).await;
    for id in [1, 2] {
        assert_eq!(shop.seen(&key(id)).await.1.last().unwrap(), "30 warm 1");
    }
    assert_eq!(shop.kept(&key(2)).await.sources, [key(1).visitor]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_merge_brings_about_is_told_once_and_what_was_told_is_not_told_again() {
    let shop = Shop::open().await;
    let chats = |from: usize, count: usize| {
        (from..from + count).map(|number| touch(&format!("c{number}"), "chat", 0)).collect::<Vec<_>>()
    };
    let told = |visitor: u8, from: &str, to: &str| format!("\"{}\" \"{from}\" \"{to}\"", key(visitor).visitor);

    // given two who are cold and warm together: the one that goes on is told of, once
    shop.tell(&key(1), chats(0, 1)).await;
    shop.tell(&key(2), chats(1, 1)).await;
    shop.merge(&key(1), &key(2), MergeGround::Visitors).await;
    shop.applied().await;
    assert_eq!(shop.told().await, [told(2, "cold", "warm")]);
    shop.merge(&key(1), &key(2), MergeGround::Visitors).await;
    shop.applied().await;
    assert_eq!(shop.told().await.len(), 1);

    // given a visitor who was told of as warm and becomes a person of whom nothing was told: nobody hears it twice
    shop.tell(&key(3), chats(10, 2)).await;
    shop.applied().await;
    shop.merge(&key(3), &key(4), MergeGround::Person).await;
    shop.applied().await;
    assert_eq!(shop.told().await[1..], [told(3, "cold", "warm")]);

    // given a hot person, and a visitor who was told of as warm after that: hot is not told again
    shop.tell(&key(6), chats(20, 4)).await;
    shop.applied().await;
    shop.clock.set(NOON.plus(Span::seconds(1)));
    shop.tell(&key(5), chats(30, 2)).await;
    shop.applied().await;
    shop.merge(&key(5), &key(6), MergeGround::Person).await;
    shop.applied().await;
    assert_eq!(shop.told().await[2..], [told(6, "cold", "hot"), told(5, "cold", "warm")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_person_a_crowd_and_the_erased_are_not_merged() {
    let shop = Shop::open().await;
    // given a visitor who is a person
    shop.tell(&key(1), vec![touch("1", "chat", 0)]).await;
    shop.merge(&key(1), &key(2), MergeGround::Person).await;
    // when they are to be another person too, it is refused
    shop.merge(&key(1), &key(3), MergeGround::Person).await;
    shop.applied().await;
    assert_eq!(shop.seen(&key(1)).await.0, key(2));
    assert_eq!(shop.seen(&key(3)).await.1.last().unwrap(), "0 cold 0");
    // but the shop may say that two are one, whoever they are
    shop.merge(&key(1), &key(3), MergeGround::Visitors).await;
    shop.applied().await;
    assert_eq!(shop.seen(&key(1)).await.0, key(3));

    // Who was erased is not merged, and nothing of it is begun
    erasure::erase(shop.app(), &key(1)).await.unwrap();
    for id in [1, 2, 3] {
        assert!(shop.app().erased.contains(&key(id)), "{id} is the same person");
        assert_eq!(shop.seen(&key(id)).await.1.last().unwrap(), "0 cold 0");
    }
    shop.tell(&key(4), vec![touch("4", "chat", 0)]).await;
    assert!(!accept::merge(shop.app(), &key(4), &key(2), MergeGround::Visitors).await.unwrap());
    assert!(shop.app().merges.is_empty());

    // A person has an end of ids
    for number in 0..=u8::try_from(MOST_IDS).unwrap() {
        shop.merge(&key(100 + number), &key(50), MergeGround::Visitors).await;
    }
    shop.applied().await;
    assert_eq!(shop.kept(&key(50)).await.sources.len(), MOST_IDS - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn erasing_waits_for_a_merge_that_was_answered_and_takes_everybody_with_it() {
    let shop = Shop::open().await;
    for round in 0..10_u8 {
        let [first, second, third] = [round * 3 + 1, round * 3 + 2, round * 3 + 3].map(key);
        shop.tell(&first, vec![touch("1", "chat", 0)]).await;
        shop.tell(&second, vec![touch("2", "page_view", 0)]).await;
        shop.merge(&first, &second, MergeGround::Visitors).await;
        shop.merge(&second, &third, MergeGround::Visitors).await;

        // by any of their ids: the one that was merged first, the one between, the one that goes on
        let asked = [&first, &second, &third][usize::from(round) % 3];
        erasure::erase(shop.app(), asked).await.unwrap();

        for id in [&first, &second, &third] {
            assert!(shop.app().erased.contains(id), "round {round}: {id}");
            assert!(person::known(shop.app(), id).await.unwrap().kept.lead.is_empty());
            assert_eq!(shop.app().store.load(std::slice::from_ref(id)).await.unwrap(), [None]);
        }
    }
    shop.applied().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_folded_is_joined_once_however_often_the_source_is_looked_at() {
    // given somebody whose old page views are folded into counts
    let shop = Shop::open().await;
    let views = |from: Millis, count: i64| -> Vec<Touch> {
        let view = |number: i64| {
            let touch = touch(&format!("{}-{number}", from.0), "page_view", 0);
            let time = from.plus(Span::minutes(number));
            Touch { time, received: time, ..touch }
        };
        (0..count).map(view).collect()
    };
    let later = NOON.plus(Span::days(10));
    shop.tell(&key(1), views(NOON, 900)).await;
    shop.clock.set(later);
    shop.tell(&key(1), views(later, 300)).await;
    shop.applied().await;
    assert!(shop.kept(&key(1)).await.lead.touches().len() < 400);

    // when they are merged, again, and looked at again
    shop.merge(&key(1), &key(2), MergeGround::Visitors).await;
    shop.merge(&key(1), &key(2), MergeGround::Visitors).await;
    shop.applied().await;
    let count = async || {
        let lead = person::known(shop.app(), &key(1)).await.unwrap().kept.lead.clone();
        let views = lead.touches().iter().filter(|touch| touch.is("page_view"));
        views.map(|touch| lead.fold(touch).map_or(1, |fold| fold.count)).sum::<u32>()
    };
    assert_eq!(count().await, 1_200);
    shop.clock.set(later.plus(Span::minutes(2)));
    until("the source to let go", async || shop.kept(&key(1)).await.fence.is_some_and(|fence| fence.done)).await;

    // then each still counts once
    assert_eq!(count().await, 1_200);
}
