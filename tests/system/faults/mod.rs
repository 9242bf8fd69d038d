//! Whatever goes wrong between the collector and its store: nothing acknowledged is lost, nothing counts twice, and every
//! event is accounted for.
//!
//! Each run prints its seed; `GLOED_SEED` replays its course (which fault, in which order, for how long). `GLOED_LONG=1`
//! runs the full counts.

mod accounting;
mod backlog;
mod bus;
mod cluster;
mod proxy;
mod redis_killed;
mod standstill;
mod watch;

use engine::Millis;
use serde_json::Value;
use tests::{
    bar::{Bar, Verdict},
    body::Page,
    environment::{Environment, ORIGIN, SITE, Setup},
    load::{Load, Record, Turn},
};

use crate::{load::Visitor, oracle};

/// Chance of this run, from a printed seed.
fn chance(test: &str) -> fastrand::Rng {
    let given = std::env::var("GLOED_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    println!("{test}: GLOED_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

fn is_long() -> bool {
    std::env::var_os("GLOED_LONG").is_some()
}

/// A collector that never refuses for coming too often: its clients share few addresses.
fn setup() -> Setup {
    Setup::default().model(oracle::MODEL).set("limits.requests_per_second", 10_000).set("limits.request_burst", 10_000)
}

/// The bench load from pages of [`ORIGIN`].
fn load(address: std::net::SocketAddr) -> Load {
    Load { headers: vec![("origin".to_owned(), ORIGIN.to_owned())], ..Load::bench(address) }
}

/// Bodies of pages whose clocks are ahead by so many ms, as a collector's test clock may be.
fn body_ahead(round: u32, ahead: i64) -> impl Fn(&mut Visitor, Turn) -> Vec<u8> + Send + Sync + 'static {
    let body = crate::load::body(round);
    move |visitor, turn| {
        let mut body: Value = serde_json::from_slice(&body(visitor, turn)).unwrap();
        let later = |time: &mut Value| *time = (time.as_i64().unwrap() + ahead).into();
        later(&mut body["sent"]);
        body["events"].as_array_mut().unwrap().iter_mut().for_each(|event| later(&mut event["time"]));
        body.to_string().into_bytes()
    }
}

/// The page of a visitor of the load.
fn page_of(round: u32, visitor: u32) -> Page {
    Page::of_visitor(SITE, u64::from(round) << 32 | u64::from(visitor))
}

/// Every acknowledged event is there, once, as the oracle has it.
async fn nothing_lost_nothing_twice(name: &str, environment: &Environment, records: &[&Record], ahead: i64) {
    let (mut lost, mut twice, mut scores) = (0, 0, Vec::new());
    for record in records {
        let now = Millis(tests::body::now() + ahead);
        let difference = oracle::difference_at(environment, record, now).await;
        assert!(difference.acknowledged > 0);
        lost += difference.lost;
        twice += difference.doubled;
        scores.extend(difference.scores);
    }
    let verdicts = [
        Bar::at_most(&format!("{name}_lost"), lost as f64, "events", 0.0).print(),
        Bar::at_most(&format!("{name}_twice"), twice as f64, "events", 0.0).print(),
    ];
    assert_eq!((verdicts, scores), ([Verdict::Ok; 2], Vec::new()));
}

/// Whether what is measured is worth asserting: a debug build says nothing about speed and memory.
fn is_release() -> bool {
    !cfg!(debug_assertions) || std::env::var_os("GLOED_BIN_DIR").is_some()
}
