//! Three collectors in this process, on one store, with one clock that the test sets.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use collector::accept;
use collector::app::App;
use collector::clock::{Clock, SetClock, SystemClock};
use collector::config::{Config, Environment, Missing, Overrides, Secrets};
use collector::leads::Writers;
use collector::log_record::KeptLead;
use collector::person;
use collector::start::{self, Ground, Started};
use engine::{Evaluation, EventName, Millis, StreamId, Touch, TouchId};
use store::embedded::{EmbeddedStore, Settings};
use store::log::DiskFiles;
use store::{LeadKey, Partition, Partitions, Queued, SiteName, Store, VisitorId};

use crate::switched::Switched;

/// 2026-11-21T12:00:00Z.
pub(crate) const NOON: Millis = Millis(1_795_262_400_000);
/// `cart` cools, `chat` ends after five minutes, anything else gives nothing.
pub(crate) const MODEL: &str = r#"
version = 1
name = "several"
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

/// The codes of the pool `autumn`.
pub(crate) const CODES: [&str; 5] = ["A-1", "A-2", "A-3", "A-4", "A-5"];

/// The clock of events is the test's; machines and store agree by the real one, so that collectors live while it is moved.
struct Clocks(SetClock);

impl Clock for Clocks {
    fn now(&self) -> Millis {
        self.0.now()
    }

    fn of_the_machine(&self) -> Millis {
        SystemClock.now()
    }
}

/// A collector of this process.
pub(crate) struct Collector {
    pub(crate) started: Started,
    pub(crate) store: Arc<Switched>,
}

impl Collector {
    pub(crate) fn app(&self) -> &Arc<App> {
        &self.started.app
    }

    /// A visitor does something at an instant; acknowledged when this returns.
    pub(crate) async fn takes(&self, key: &LeadKey, id: &str, name: &str, at: Millis) {
        let (id, name) = (TouchId::parse(id).unwrap(), EventName::parse(name).unwrap());
        let touch = Touch::new(id, name, StreamId::parse("stream-1").unwrap(), at);
        accept::append(self.app(), key, vec![touch], None).await.unwrap();
    }

    pub(crate) async fn applied(&self) {
        until("everything applied", async || self.app().tail.is_empty() && self.app().merges.is_empty()).await;
    }

    /// What this collector's decisions see of somebody.
    pub(crate) async fn knows(&self, key: &LeadKey) -> KeptLead {
        Arc::unwrap_or_clone(person::known(self.app(), key).await.unwrap().kept)
    }

    pub(crate) async fn evaluates(&self, key: &LeadKey) -> Evaluation {
        let lead = self.knows(key).await.lead;
        engine::evaluate(&lead, &self.app().sites.get("shop").unwrap().model(), self.app().clock.now())
    }

    pub(crate) fn holds(&self) -> usize {
        count(&self.app().fleet.held())
    }
}

pub(crate) fn count(held: &Partitions) -> usize {
    Partition::all().filter(|partition| held.contains(*partition)).count()
}

/// A store, and whoever works on it.
pub(crate) struct Shop {
    pub(crate) collectors: Vec<Collector>,
    pub(crate) clock: SetClock,
    pub(crate) store: Arc<dyn Store>,
    model: String,
    folder: tempfile::TempDir,
}

impl Shop {
    /// A store on which nobody works yet.
    pub(crate) fn closed(model: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("model.toml"), model).unwrap();
        std::fs::write(folder.path().join("autumn.csv"), CODES.join("\n")).unwrap();
        let store = EmbeddedStore::open(&folder.path().join("store"), Settings::default()).unwrap();
        let (store, clock) = (Arc::new(store) as Arc<dyn Store>, SetClock::at(NOON));
        Self { collectors: Vec::new(), clock, store, model: model.to_owned(), folder }
    }

    /// Three who have shared out the partitions.
    pub(crate) async fn of_three() -> Self {
        Self::of_three_with(MODEL).await
    }

    pub(crate) async fn of_three_with(model: &str) -> Self {
        let mut shop = Self::closed(model);
        for _ in 0..3 {
            shop.opens_another().await;
        }
        shop.shared_out(3).await;
        shop
    }

    /// Three who start at the same moment, where nobody was before.
    pub(crate) async fn of_three_at_once(model: &str) -> Self {
        let mut shop = Self::closed(model);
        let data = [0, 1, 2].map(|place| shop.folder.path().join(format!("data-{place}")));
        data.iter().for_each(|data| std::fs::create_dir_all(data).unwrap());
        let sites = shop.config(&data[0]).sites;
        Secrets::load(&data[0].join("secrets.toml"), &sites, Missing::Make, &Environment::new()).unwrap();
        for other in &data[1..] {
            std::fs::copy(data[0].join("secrets.toml"), other.join("secrets.toml")).unwrap();
        }
        let way = || Switched::on(shop.store.clone());
        let ways = [way(), way(), way()];
        ways.iter().for_each(|way| way.far(Duration::from_millis(1)));
        let starting = |place: usize| shop.started(&data[place], ways[place].clone());
        let (one, two, three) = tokio::join!(starting(0), starting(1), starting(2));
        let collectors = [one, two, three].into_iter().zip(ways);
        shop.collectors = collectors.map(|(started, store)| Collector { started, store }).collect();
        shop
    }

    /// One collector more.
    pub(crate) async fn opens_another(&mut self) {
        let way = Switched::on(self.store.clone());
        self.opens(way).await;
    }

    pub(crate) async fn opens(&mut self, way: Arc<Switched>) {
        let data = self.folder.path().join(format!("data-{}", self.collectors.len()));
        // Collectors of one store have the same secrets.
        let secrets = self.folder.path().join("data-0/secrets.toml");
        if secrets.exists() {
            std::fs::create_dir_all(&data).unwrap();
            std::fs::copy(secrets, data.join("secrets.toml")).unwrap();
        }
        let started = self.started(&data, way.clone()).await;
        self.collectors.push(Collector { started, store: way });
    }

    fn config(&self, data: &Path) -> Config {
        let text = "[limits]\nrequests_per_second = 100000\nrequest_burst = 100000\n[[sites]]\nkey = \"shop\"\norigins = [\"https://shop.example\"]\ncurrency = \"EUR\"\n\
                    model = [\"model.toml\"]\npage_may_see_score = true\n\
                    [sites.pools]\nautumn = \"autumn.csv\"\n";
        let overrides = Overrides { data: Some(data.to_owned()), ..Overrides::default() };
        Config::parse(text, self.folder.path(), &Environment::new(), &overrides).unwrap()
    }

    async fn started(&self, data: &Path, way: Arc<Switched>) -> Started {
        let metrics = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle();
        let clock = Arc::new(Clocks(self.clock.clone()));
        let ground = Ground { store: way, writers: Writers::Several, files: Arc::new(DiskFiles) };
        start::start_on(ground, self.config(data), &Environment::new(), clock, metrics).await.unwrap()
    }

    /// The collector at this place is asked to stop, and ends.
    pub(crate) async fn closes(&mut self, place: usize) {
        let Collector { started, .. } = self.collectors.remove(place);
        started.app.draining.store(true, std::sync::atomic::Ordering::SeqCst);
        started.finish().await;
    }

    /// Waits until every partition is held, and each of the first `working` collectors holds some.
    pub(crate) async fn shared_out(&self, working: usize) {
        until("partitions shared out", async || {
            let held: Vec<usize> = self.collectors.iter().map(Collector::holds).collect();
            held.iter().sum::<usize>() == 256 && held[..working].iter().all(|one| *one > 0)
        })
        .await;
    }

    pub(crate) async fn messages(&self) -> Vec<Queued> {
        self.store.outbox(&Partitions::ALL, None, 10_000).await.unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        &self.model
    }
}

/// A visitor of the shop.
pub(crate) fn visitor(number: u32) -> LeadKey {
    let mut bytes = [5; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    LeadKey::new(SiteName::parse("shop").unwrap(), VisitorId::from_bytes(bytes))
}

/// Looks until something holds.
pub(crate) async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let begin = Instant::now();
    while !condition().await {
        assert!(begin.elapsed() < Duration::from_secs(30), "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
