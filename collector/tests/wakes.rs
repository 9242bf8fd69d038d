//! Which leads stand in the store's indexes, and when they leave them, by a collector whose clock the test sets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use collector::accept;
use collector::app::App;
use collector::clock::SetClock;
use collector::config::{Config, Environment, Overrides};
use collector::log_record::KeptLead;
use collector::outbox;
use collector::start::{self, Started};
use engine::{EventName, Millis, Span, StreamId, Touch, TouchId};
use store::{Due, HeatEntry, LeadKey, Partitions, SiteName, VisitorId};

/// 2026-11-21T12:00:00Z.
const NOON: Millis = Millis(1_795_262_400_000);
/// `cart` cools, `chat` ends after five minutes, anything else gives nothing.
const MODEL: &str = r#"
version = 1
name = "wakes"
half_life = "1h"
[[stages]]
name = "cold"
[[stages]]
name = "warm"
enter = ">= 30"
[[rules]]
id = "cart"
title = "Cart"
when = { field = "event", eq = "add_to_cart" }
points = 100
[[rules]]
id = "chat"
title = "Chat"
when = { field = "event", eq = "chat" }
points = 40
half_life = "none"
expires = "5m"
"#;

/// How long a bound stands under this model at most, and how much less it may.
const STANDS: Span = Span::minutes(10);
const STANDS_LESS: Span = Span::seconds(75);

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

    /// A visitor does something at noon, and it is applied.
    async fn happens(&self, visitor: u8, name: &str) -> LeadKey {
        let key = LeadKey::new(SiteName::parse("shop").unwrap(), VisitorId::from_bytes([visitor; 16]));
        let (id, name) = (TouchId::parse("1").unwrap(), EventName::parse(name).unwrap());
        let touch = Touch::new(id, name, StreamId::parse("stream-1").unwrap(), NOON);
        accept::append(self.app(), &key, vec![touch], None).await.unwrap();
        until("everything applied", async || self.app().tail.is_empty()).await;
        key
    }

    /// So many pages are looked at, a minute apart from an instant on, and it is applied.
    async fn looks(&self, visitor: u8, from: Millis, count: i64) -> LeadKey {
        let key = LeadKey::new(SiteName::parse("shop").unwrap(), VisitorId::from_bytes([visitor; 16]));
        let look = |number: i64| {
            let id = TouchId::parse(&format!("{}-{number}", from.0)).unwrap();
            let time = from.plus(Span::minutes(number));
            Touch::new(id, EventName::parse("page_view").unwrap(), StreamId::parse("stream-1").unwrap(), time)
        };
        accept::append(self.app(), &key, (0..count).map(look).collect(), None).await.unwrap();
        until("everything applied", async || self.app().tail.is_empty()).await;
        key
    }

    async fn heat(&self) -> Vec<HeatEntry> {
        self.app().store.top(&SiteName::parse("shop").unwrap(), None, 100).await.unwrap()
    }

    /// Every wake time there is.
    async fn wakes(&self) -> Vec<Due> {
        self.app().store.due(&Partitions::ALL, i64::MAX, 100).await.unwrap()
    }

    async fn messages(&self) -> usize {
        self.app().store.outbox(&Partitions::ALL, None, 100).await.unwrap().len()
    }
}

async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let begin = Instant::now();
    while !condition().await {
        assert!(begin.elapsed() < Duration::from_secs(20), "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_without_points_is_in_no_index() {
    let shop = Shop::open().await;

    shop.happens(1, "page_view").await;

    assert_eq!((shop.heat().await, shop.wakes().await), (Vec::new(), Vec::new()));
    assert_eq!(shop.messages().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_wakes_when_its_stage_changes_or_earlier_when_its_bound_is_to_be_renewed() {
    let shop = Shop::open().await;

    // A hundred points are warm for longer than a bound stands, which under this model is ten minutes, less up to an eighth
    let cart = shop.happens(1, "add_to_cart").await;
    let renewed = &shop.wakes().await[0];
    assert_eq!(renewed.key, cart);
    let (earliest, latest) = (NOON.plus(STANDS).minus(STANDS_LESS), NOON.plus(STANDS));
    assert!(earliest.0 < renewed.at && renewed.at <= latest.0, "{renewed:?}");
    // Forty points end after five minutes
    let chat = shop.happens(2, "chat").await;
    let wakes = shop.wakes().await;
    assert_eq!(wakes[0], Due { key: chat.clone(), at: NOON.plus(Span::minutes(5)).0 });

    let bounds: Vec<_> = shop.heat().await.into_iter().map(|entry| (entry.key, entry.bound.micro_points())).collect();
    // A hundred and forty million millionths, each up to the next number with five binary digits
    assert_eq!(bounds, [(cart, 24 << 22), (chat, 20 << 21)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_changes_no_bound_moves_no_index_entry_until_the_bound_is_due_to_be_renewed() {
    // Given a lead with points
    let shop = Shop::open().await;
    shop.happens(1, "add_to_cart").await;
    let (heat, wakes) = (shop.heat().await, shop.wakes().await);
    // It is renewed at instants an eighth of ten minutes apart: from here on the next of them is the latest that is allowed
    let next = Millis(wakes[0].at).plus(STANDS_LESS).minus(STANDS);

    // When it looks at a page just before that
    let before = next.minus(Span(1));
    shop.clock.set(before);
    shop.looks(1, before, 1).await;

    // Then its entries are the same
    assert_eq!((shop.heat().await, shop.wakes().await), (heat, wakes.clone()));

    // And when it looks at another a moment later, it wakes an eighth later
    shop.clock.set(next);
    shop.looks(1, next, 1).await;
    assert_eq!(shop.wakes().await[0].at, wakes[0].at + STANDS_LESS.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn bounds_fall_as_leads_cool_and_who_has_no_points_left_leaves_the_indexes() {
    // Given a lead that cools and one whose points end
    let shop = Shop::open().await;
    let cart = shop.happens(1, "add_to_cart").await;
    shop.happens(2, "chat").await;
    assert_eq!(shop.messages().await, 2);

    // When an hour has passed
    let later = NOON.plus(Span::minutes(60));
    shop.clock.set(later);
    until("both have woken", async || shop.wakes().await.iter().all(|due| due.at > later.0)).await;

    // Then one has half its bound, the other is gone, and that it is cold is announced
    let heat = shop.heat().await;
    assert_eq!(heat.iter().map(|entry| &entry.key).collect::<Vec<_>>(), [&cart]);
    assert!((49_000_000..51_000_000).contains(&heat[0].bound.micro_points()), "{heat:?}");
    assert_eq!(shop.messages().await, 3);

    // And in the end nothing is left to look at
    shop.clock.set(NOON.plus(Span::days(30)));
    until("everything is cold", async || shop.wakes().await.is_empty()).await;
    assert_eq!(shop.heat().await, Vec::new());
    assert_eq!(shop.messages().await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_nobody_came_for_leave_the_outbox() {
    // Given a message of noon and two of five minutes later, when the chat ends and somebody else begins
    let shop = Shop::open().await;
    shop.happens(1, "chat").await;
    shop.clock.set(NOON.plus(Span::minutes(5)));
    until("it has woken", async || shop.messages().await == 2).await;
    shop.happens(2, "add_to_cart").await;
    assert_eq!(shop.messages().await, 3);

    // When those older than noon, and then those older than a minute after it, are dropped
    let before = outbox::drop_older(shop.app(), &Partitions::ALL, NOON).await.unwrap();
    let after = outbox::drop_older(shop.app(), &Partitions::ALL, NOON.plus(Span::minutes(1))).await.unwrap();

    // Then only the one of noon has gone
    assert_eq!((before, after, shop.messages().await), (0, 1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_that_has_grown_is_folded_and_nothing_is_forgotten() {
    // given somebody who looked at 900 pages, and ten days later at 300 more
    let shop = Shop::open().await;
    shop.looks(1, NOON, 900).await;
    shop.clock.set(NOON + Span::days(10));

    // when the ledger is over its limit of a thousand
    let key = shop.looks(1, NOON + Span::days(10), 300).await;

    // then what is old stands as daily counts, and all twelve hundred still count
    let stored = shop.app().store.load(&[key]).await.unwrap().remove(0).unwrap();
    let lead = KeptLead::decode(&stored.bytes).unwrap().lead;
    let counts = lead.touches().iter().map(|touch| lead.fold(touch).map_or(1, |fold| fold.count));
    assert_eq!(counts.sum::<u32>(), 1_200);
    assert!(lead.touches().len() < 400, "{} touches are kept", lead.touches().len());
}
