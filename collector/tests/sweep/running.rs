//! A `gloed` process on a data folder that the test has filled through the store's own verbs.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use collector::admin::Client;
use collector::log_record::KeptLead;
use engine::{Lead, LedgerLimits, Millis, Span, Touch, bound, record};
use serde_json::{Value, json};
use store::embedded::{EmbeddedStore, Settings};
use store::{Bound, Change, Committed, LeadKey, SiteName, Store as _, Tombstone, Version, VisitorId};

use crate::median;

/// How long something may take that is a matter of moments.
const SOON: Duration = Duration::from_secs(20);
/// Leads of one commit while the store is filled.
const AT_ONCE: u64 = 2_000;

/// A collector's folder, and the process on it.
pub(crate) struct Collector {
    folder: tempfile::TempDir,
    process: Option<Process>,
}

struct Process {
    child: Child,
    public: SocketAddr,
    private: SocketAddr,
    output: Arc<Mutex<String>>,
}

impl Collector {
    /// A collector that has its model, stopped, with so many leads in its store as that model has them: of one to eleven
    /// touches of the last two days, six in the middle.
    pub(crate) async fn with_leads(count: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("model.toml"), median::text(0)).unwrap();
        let config = "[limits]\nrequests_per_second = 100000\nrequest_burst = 1000000\n\
                      [[sites]]\nkey = \"shop\"\norigins = [\"https://shop.example\"]\ncurrency = \"EUR\"\n\
                      model = [\"model.toml\"]\n";
        std::fs::write(folder.path().join("gloed.toml"), config).unwrap();
        let mut collector = Self { folder, process: None };
        // The first start adopts the model, so that there is nothing to sweep before the test publishes another.
        collector.start();
        until("the empty store to be looked through", SOON, || collector.left() == 0);
        collector.stop();
        let begin = Instant::now();
        fill(&collector.folder.path().join("data/store"), count).await;
        println!("{count} leads were put into the store in {:.1} s", begin.elapsed().as_secs_f64());
        collector
    }

    /// Starts the process, and waits until it is ready.
    pub(crate) fn start(&mut self) {
        let mut gloed = Command::new(env!("CARGO_BIN_EXE_gloed"));
        gloed.current_dir(self.folder.path()).arg("serve").stderr(Stdio::piped()).stdin(Stdio::null());
        let (public, private) = (free_address(), free_address());
        gloed.args(["--public", &public.to_string(), "--private", &private.to_string()]);
        let mut child = gloed.spawn().unwrap();
        let output = Arc::new(Mutex::new(String::new()));
        let (lines, kept) = (BufReader::new(child.stderr.take().unwrap()), output.clone());
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut kept = kept.lock().unwrap();
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        self.process = Some(Process { child, public, private, output });
        until("the collector to be ready", SOON, || self.output().contains(" ready "));
    }

    /// Asks the process to stop, and waits until it has.
    pub(crate) fn stop(&mut self) {
        let mut process = self.process.take().unwrap();
        let ended = Command::new("kill").arg(process.child.id().to_string()).status().unwrap();
        assert!(ended.success() && process.child.wait().unwrap().success());
    }

    /// Ends the process at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.child.kill().unwrap();
        process.child.wait().unwrap();
    }

    /// Where pages reach it.
    pub(crate) fn public(&self) -> SocketAddr {
        self.process.as_ref().unwrap().public
    }

    /// What it has written.
    pub(crate) fn output(&self) -> String {
        self.process.as_ref().unwrap().output.lock().unwrap().clone()
    }

    /// Publishes a text.
    pub(crate) async fn publish(&self, text: &str) {
        let mut client = Client::connect(&self.folder.path().join("data")).await.unwrap();
        let import = json!({ "command": "model_import", "site": "shop", "text": text, "by": "test" });
        let number = client.ask(&import).await.unwrap()["number"].clone();
        let publish =
            json!({ "command": "model_publish", "site": "shop", "number": number, "by": "test", "notify": false });
        let published: Value = client.ask(&publish).await.unwrap();
        assert_eq!(published["number"], number);
    }

    /// A metric without labels; 0 when it was never set.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let mut stream = TcpStream::connect(self.process.as_ref().unwrap().private).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let value = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().unwrap())
    }

    /// Of how many partitions the leads are still to be looked at.
    pub(crate) fn left(&self) -> u64 {
        self.metric("gloed_sweep_partitions_left")
    }

    /// The site's heat index, as it lies in the store of a collector that is stopped: each lead's visitor and bound.
    pub(crate) async fn heat(&self, most: usize) -> Vec<(VisitorId, i64)> {
        let store = EmbeddedStore::open(&self.folder.path().join("data/store"), Settings::default()).unwrap();
        let entries = store.top(&SiteName::parse("shop").unwrap(), None, most).await.unwrap();
        entries.into_iter().map(|entry| (entry.key.visitor, entry.bound.micro_points())).collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // The test has failed: what it left running is of no use.
            drop(process.child.kill());
            drop(process.child.wait());
        }
    }
}

/// Looks until something holds, at most for `limit`.
pub(crate) fn until(what: &str, limit: Duration, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < limit, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn now() -> Millis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Millis(i64::try_from(since.as_millis()).unwrap())
}

/// The visitor with this number: spread over all partitions.
pub(crate) fn visitor(number: u64) -> VisitorId {
    let bits = u128::from(number).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    VisitorId::from_bytes(bits.to_be_bytes())
}

/// The lead with this number, as the collector would have it at `now`.
fn lead(number: u64, now: Millis) -> Lead {
    let mut lead = Lead::default();
    let touches = usize::try_from(number % 11 + 1).unwrap();
    let begin = now - Span::minutes(i64::try_from(number % 1_440).unwrap() + 1_440);
    for place in 0..touches {
        let touch = median::touch(place);
        let time = begin + touch.time.since(median::touch(0).time);
        record(&mut lead, Touch { time, received: time, ..touch }, &LedgerLimits::default());
    }
    lead
}

/// Puts so many leads into the store. They are to wake only after the test.
async fn fill(folder: &Path, count: u64) {
    let store = EmbeddedStore::open(folder, Settings::default()).unwrap();
    let (model, now, site) = (median::model(0), now(), SiteName::parse("shop").unwrap());
    let wake = now + Span::days(1);
    for first in (0..count).step_by(usize::try_from(AT_ONCE).unwrap()) {
        let change = |number: u64| {
            let (key, lead) = (LeadKey::new(site.clone(), visitor(number)), lead(number, now));
            let bound = bound(&lead, &model, now, wake);
            let mut digest = [0; 16];
            digest.copy_from_slice(&u128::from(number).to_be_bytes());
            Change {
                tombstone: Tombstone { partition: key.partition(), digest },
                key,
                expected: Version::ABSENT,
                lead: Some(KeptLead { lead, ..KeptLead::default() }.encode().unwrap()),
                heat: (bound.0 > 0).then(|| Bound::from_micro_points(bound.0)),
                wake: (bound.0 > 0).then_some(wake.0),
                outbox: Vec::new(),
            }
        };
        let changes: Vec<Change> = (first..count.min(first + AT_ONCE)).map(change).collect();
        let committed = store.commit(&changes).await.unwrap();
        assert!(committed.iter().all(|outcome| matches!(outcome, Committed::Applied(_))));
    }
    store.persist().await.unwrap();
}
