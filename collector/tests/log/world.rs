//! A collector in this process, with its log on a faulty disk in memory and its store behind a [`Twin`], and what a visitor
//! does there.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use collector::app::App;
use collector::clock::{Clock as _, SetClock};
use collector::config::{Config, Environment, Overrides};
use collector::leads::Writers;
use collector::log_record::KeptLead;
use collector::problem::Problem;
use collector::start::{self, Ground, Started};
use collector::{accept, serve};
use engine::{EventName, Millis, Span, StreamId, Touch, TouchId};
use store::embedded::{EmbeddedStore, Settings};
use store::log::Files as _;
use store::log::faulty::FaultyFiles;
use store::{LeadKey, SiteName, VisitorId};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::twin::Twin;

/// 2026-11-21T12:00:00Z.
pub(crate) const NOON: Millis = Millis(1_795_262_400_000);
/// A point for each event, for ever: the score is how many events there were.
const MODEL: &str = r#"
version = 1
name = "counting"
half_life = "none"
[[stages]]
name = "cold"
[[stages]]
name = "warm"
enter = ">= 1000"
[[rules]]
id = "all"
title = "Did anything"
when = { field = "event", eq = "page_view" }
points = 1
"#;

/// What a collector stands on, which outlives it.
pub(crate) struct World {
    pub(crate) data: TempDir,
    pub(crate) files: FaultyFiles,
    pub(crate) twin: Twin,
    pub(crate) clock: SetClock,
    /// More of the configuration.
    pub(crate) config: String,
}

/// A collector that runs.
pub(crate) struct Running {
    pub(crate) started: Started,
    public: SocketAddr,
    private: SocketAddr,
}

/// An answer: status, `Retry-After`, body.
pub(crate) type Answer = (u16, Option<String>, String);

impl World {
    pub(crate) fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let store = store_in(&data.path().join("store"));
        Self::of(data, FaultyFiles::new(), Twin::before(store))
    }

    /// One whose log lies in these files, wherever they were before.
    pub(crate) fn of(data: TempDir, files: FaultyFiles, twin: Twin) -> Self {
        let log = data.path().join("log");
        for path in files.paths() {
            files.rename(&path, &log.join(path.file_name().unwrap())).unwrap();
        }
        files.sync_folder(&log).unwrap();
        std::fs::write(data.path().join("model.toml"), MODEL).unwrap();
        Self { data, files, twin, clock: SetClock::at(NOON), config: String::new() }
    }

    /// Starts a collector here.
    pub(crate) async fn start(&self) -> Running {
        let sites = "[[sites]]\nkey = \"shop\"\norigins = [\"https://shop.example\"]\ncurrency = \"EUR\"\n\
                     model = [\"model.toml\"]\n";
        let environment = Environment::new();
        let overrides = Overrides { data: Some(self.data.path().to_owned()), ..Overrides::default() };
        let limits = "[limits]\nrequests_per_second = 100000\nrequest_burst = 100000\n";
        let text = format!("{limits}{}\n{sites}", self.config);
        let config = Config::parse(&text, self.data.path(), &environment, &overrides).unwrap();
        let metrics = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle();
        let ground =
            Ground { store: Arc::new(self.twin.clone()), writers: Writers::Alone, files: Arc::new(self.files.clone()) };
        let clock = Arc::new(self.clock.clone());
        let started = start::start_on(ground, config, &environment, clock, metrics).await.unwrap();
        let listen = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (public, private) = (listen().await, listen().await);
        let addresses = (public.local_addr().unwrap(), private.local_addr().unwrap());
        tokio::spawn(serve::serve(started.app.clone(), public, private, std::future::pending()));
        Running { started, public: addresses.0, private: addresses.1 }
    }

    pub(crate) fn pass(&self, span: Span) {
        self.clock.set(self.clock.now() + span);
    }
}

pub(crate) fn store_in(folder: &Path) -> Arc<EmbeddedStore> {
    Arc::new(EmbeddedStore::open(folder, Settings::default()).unwrap())
}

pub(crate) fn visitor(number: u8) -> LeadKey {
    LeadKey::new(SiteName::parse("shop").unwrap(), VisitorId::from_bytes([number; 16]))
}

pub(crate) fn touch(id: &str, at: Millis) -> Touch {
    let name = EventName::parse("page_view").unwrap();
    let mut touch = Touch::new(TouchId::parse(id).unwrap(), name, StreamId::parse("stream-1").unwrap(), at);
    touch.received = at;
    touch
}

impl Running {
    pub(crate) fn app(&self) -> &Arc<App> {
        &self.started.app
    }

    /// One page view of a visitor, on the disk when this returns.
    pub(crate) async fn look(&self, number: u8, id: &str) -> Result<(), Problem> {
        let touch = touch(id, self.app().clock.now());
        accept::append(self.app(), &visitor(number), vec![touch], None).await
    }

    pub(crate) async fn applied(&self) {
        until("everything applied", || self.app().tail.is_empty()).await;
        // A record without touches, or one put aside, is in no tail.
        let end = self.app().log.stats().end;
        until("the end of the log applied", || self.app().progress.applied() >= end).await;
    }

    /// The events of a visitor in the store, each as often as it counts, in order of id.
    pub(crate) async fn ids(&self, number: u8) -> Vec<String> {
        let stored = self.app().store.load(&[visitor(number)]).await.unwrap().remove(0);
        let Some(stored) = stored else { return Vec::new() };
        let kept = KeptLead::decode(&stored.bytes).unwrap();
        let mut ids: Vec<String> = kept.lead.touches().iter().map(|touch| touch.id.to_string()).collect();
        ids.sort_unstable();
        ids
    }

    pub(crate) async fn ready(&self) -> serde_json::Value {
        serde_json::from_str(&request(self.private, "GET", "/readyz", "").await.2).unwrap()
    }

    /// Page views as a browser sends them.
    pub(crate) async fn post(&self, first: u64, count: u64) -> Answer {
        let now = self.app().clock.now().0;
        let page_view = |n| serde_json::json!({ "n": n, "time": now, "name": "page_view" });
        let events: Vec<_> = (first..first + count).map(page_view).collect();
        let body = serde_json::json!({ "v": 1, "site": "shop", "seed": "AAAAAAAAAAAAAAAAAAAAAA",
            "stream": "AAAAAAAAAAAAAAAA", "sent": now, "person": true, "consent": { "state": "granted" },
            "page": { "url": "https://shop.example/" }, "events": events });
        request(self.public, "POST", "/v1/events", &body.to_string()).await
    }

    /// Ends it as a signal does.
    pub(crate) async fn stop(self) {
        self.started.finish().await;
    }
}

async fn request(to: SocketAddr, method: &str, path: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         origin: https://shop.example\r\nuser-agent: Mozilla/5.0 (X11; Linux x86_64) Chrome/150.0.0.0\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let retry_after = head.lines().find_map(|line| line.strip_prefix("retry-after: ")).map(str::to_owned);
    (status, retry_after, body.to_owned())
}

/// Waits for what sends no event, at most 20 s.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_secs(20), "{what}: not in time");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
