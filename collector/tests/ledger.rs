//! A bounded ledger in a running collector: by the configuration's limits, and said wherever it matters.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use collector::accept;
use collector::app::App;
use collector::clock::SetClock;
use collector::config::{Config, Environment, Overrides};
use collector::log_record::KeptLead;
use collector::models;
use collector::site::Site;
use collector::start::{self, Started};
use engine::{EventName, Lead, Millis, Scalar, Span, StreamId, Touch, TouchId};
use store::{LeadKey, SiteName, VisitorId};

/// 2026-11-21T12:00:00Z.
const NOON: Millis = Millis(1_795_262_400_000);

/// A model in which a search gives a point, `condition` permitting.
fn model(condition: &str) -> String {
    format!(
        "version = 1\nname = \"searches\"\nhalf_life = \"none\"\n[[stages]]\nname = \"cold\"\n[[stages]]\nname = \"warm\"\n\
         enter = \">= 900\"\n[[rules]]\nid = \"search\"\npoints = 1\nwhen = {condition}\n"
    )
}

struct Shop {
    started: Started,
    clock: SetClock,
    _data: tempfile::TempDir,
}

impl Shop {
    /// With these limits.
    async fn open(ledger: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        std::fs::write(data.path().join("model.toml"), model("{ field = \"event\", eq = \"search\" }")).unwrap();
        let text = format!(
            "[ledger]\n{ledger}\n[[sites]]\nkey = \"shop\"\norigins = [\"https://shop.example\"]\ncurrency = \"EUR\"\n\
             time_zone = \"UTC\"\nmodel = [\"model.toml\"]\n"
        );
        let environment = Environment::new();
        let overrides = Overrides { data: Some(data.path().join("data")), ..Overrides::default() };
        let config = Config::parse(&text, data.path() as &Path, &environment, &overrides).unwrap();
        let metrics = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle();
        let clock = SetClock::at(NOON);
        let started = start::start(config, &environment, Arc::new(clock.clone()), metrics).await.unwrap();
        Self { started, clock, _data: data }
    }

    fn app(&self) -> &Arc<App> {
        &self.started.app
    }

    fn site(&self) -> &Arc<Site> {
        self.app().sites.get("shop").unwrap()
    }

    /// A visitor searches so often, a minute apart from an instant on, and it is applied. The lead then.
    async fn searches(&self, from: Millis, count: i64) -> Lead {
        let key = LeadKey::new(SiteName::parse("shop").unwrap(), VisitorId::from_bytes([1; 16]));
        let search = |number: i64| {
            let id = TouchId::parse(&format!("{}-{number}", from.0)).unwrap();
            let (name, stream) = (EventName::parse("search").unwrap(), StreamId::parse("stream-1").unwrap());
            let touch = Touch::new(id, name, stream, from.plus(Span::minutes(number)));
            Touch { properties: [("term".into(), Scalar::Text("jas".into()))].into_iter().collect(), ..touch }
        };
        accept::append(self.app(), &key, (0..count).map(search).collect(), None).await.unwrap();
        let begin = Instant::now();
        while !self.app().tail.is_empty() {
            assert!(begin.elapsed() < Duration::from_secs(20), "not applied in time");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let stored = self.app().store.load(&[key]).await.unwrap().remove(0).unwrap();
        KeptLead::decode(&stored.bytes).unwrap().lead
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configured_limits_hold() {
    // given a limit of thirty events a week
    let shop = Shop::open("touches = 30").await;

    // when a visitor searches forty times
    let lead = shop.searches(NOON, 40).await;

    // then thirty are kept, and the lead says so
    assert_eq!((lead.touches().len(), lead.overflowed().len()), (30, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn publish_and_backtest_say_how_many_events_a_new_condition_cannot_see() {
    // given somebody who searched forty times, of which there is room for a few once they are old
    let shop = Shop::open("touches = 50\nolder = 20").await;
    shop.searches(NOON, 40).await;
    shop.clock.set(NOON + Span::days(10));
    let lead = shop.searches(NOON + Span::days(10), 20).await;
    let folded: u32 = lead.touches().iter().filter_map(|touch| lead.fold(touch)).map(|fold| fold.count).sum();
    assert_eq!((folded, lead.counts().sum::<usize>()), (40, 60));

    // when a model that asks for the term is tried on them
    let by_term =
        model("{ all = [{ field = \"event\", eq = \"search\" }, { field = \"property.term\", ne = \"trui\" }] }");
    let by_term = models::Submission::read(shop.site(), models::Written::Toml(&by_term), NOON).unwrap();
    let (number, _) = models::import(shop.app(), shop.site(), &Arc::new(by_term), "test").await.unwrap();
    let new = models::find(shop.app(), shop.site(), &models::Which::Number(number)).await.unwrap();
    let both = (shop.site().model(), new);
    let report = models::backtest(shop.app(), shop.site(), both, Span::days(30)).await.unwrap();

    // then the report says that forty are not seen, and so it does of the version; the model there was sees all
    assert_eq!(report.unseen, 40);
    assert_eq!(models::unseen(shop.app(), shop.site(), number).await.unwrap(), 40);
    assert_eq!(models::unseen(shop.app(), shop.site(), 1).await.unwrap(), 0);
}
