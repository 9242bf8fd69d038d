//! Ends of the collector in the middle of the load, sudden and orderly: what was acknowledged is there, once, and the collector
//! is soon back.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::{
    bar::{Bar, Verdict},
    body::Page,
    environment::{Environment, ORIGIN, SITE, Setup},
    load::{Load, Turn},
    waiting,
};

use crate::oracle;

/// The most that a restart may take, from the start of the process until it serves.
const READY_LIMIT: f64 = 2.0;
/// Between two ends at least so many events are acknowledged.
const BETWEEN: f64 = 800.0;
/// In the long form the log has this many bytes before the load begins.
const LARGE_LOG: f64 = 256e6;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// SIGKILL.
    Sudden,
    /// SIGTERM.
    Orderly,
}

#[derive(Default)]
struct Visitor(Option<Page>);

fn body(visitor: &mut Visitor, turn: Turn) -> Vec<u8> {
    let page = visitor.0.get_or_insert_with(|| Page::of_visitor(SITE, u64::from(turn.visitor)));
    let events = oracle::events(page, turn);
    page.envelope("https://shop.example/", events).to_string().into_bytes()
}

async fn accepted(environment: &Environment, least: f64) {
    waiting::until("events between two ends", Duration::from_secs(20), async || {
        let name = "gloed_event_receipts_total{code=\"accepted\"}";
        let accepted = environment.metric(name).await.map_err(|fault| fault.to_string())?;
        if accepted >= least { Ok(()) } else { Err(accepted.to_string()) }
    })
    .await
    .unwrap();
}

fn load(environment: &Environment, visitors: u32, duration: Duration) -> Load {
    Load {
        headers: vec![("origin".to_owned(), ORIGIN.to_owned())],
        visitors,
        duration,
        again: true,
        ..Load::bench(environment.public())
    }
}

/// Makes the log large, by visitors whom nobody looks at afterwards.
async fn fill(environment: &Environment) {
    let filler = |visitor: &mut Visitor, turn: Turn| {
        let page = visitor.0.get_or_insert_with(|| Page::of_visitor(SITE, 1_000_000 + u64::from(turn.visitor)));
        let long = json!({ "properties": { "a": "x".repeat(400), "b": "y".repeat(400), "c": "z".repeat(400) } });
        let events = (0..10).map(|_| page.event("page_view", long.clone())).collect();
        page.envelope("https://shop.example/", events).to_string().into_bytes()
    };
    while environment.metric("gloed_log_bytes").await.unwrap() < LARGE_LOG {
        let filling = Load { events_per_second: 5_000, ..load(environment, 2_000, Duration::from_secs(20)) };
        filling.run(filler).await.unwrap();
    }
}

async fn nothing_is_lost_or_doubled(end: End) {
    // Given a load that goes on whatever happens, and sends again what got no answer
    let long = std::env::var_os("GLOED_LONG").is_some();
    let ends: u32 = if long { 50 } else { 4 };
    let retain = if long { "2h" } else { "60s" };
    let mut environment = Setup::default().model(oracle::MODEL).set("log.retain", retain).start().await.unwrap();
    if long {
        fill(&environment).await;
    }
    let load = load(&environment, 200, Duration::from_millis(2_500) * ends);
    let running = tokio::spawn(async move { load.run(body).await.unwrap() });

    // When the collector ends and is started again, again and again
    let mut slowest = Duration::ZERO;
    for number in 0..ends {
        accepted(&environment, BETWEEN).await;
        match end {
            End::Sudden => environment.collector.kill_9().await.unwrap(),
            End::Orderly => drop(environment.collector.stop().await.unwrap()),
        }
        if number == 1 && !long {
            // A kill leaves what the store wrote in the system's memory; a power cut may not. The log alone must do.
            std::fs::remove_dir_all(environment.data().join("store")).unwrap();
        }
        let begin = Instant::now();
        environment.collector.restart().await.unwrap();
        slowest = slowest.max(begin.elapsed());
        assert!(!running.is_finished(), "end {number} came after the load");
    }
    let record = running.await.unwrap();

    // Then every visitor is what a plain replay of the acknowledged events makes of them
    assert_eq!(record.statuses().into_keys().collect::<Vec<_>>(), [Some(200)], "{:?}", record.statuses());
    let difference = oracle::difference(&environment, &record).await;
    assert_eq!(difference, oracle::Difference { acknowledged: record.sent.len() * 10, ..Default::default() });
    // And once more, of the store alone: after an orderly end nothing is left to replay
    environment.collector.restart().await.unwrap();
    assert_eq!(oracle::difference(&environment, &record).await.scores, Vec::<String>::new());
    let name = if end == End::Sudden { "ready_after_kill" } else { "ready_after_sigterm" };
    let bar = Bar::at_most(name, slowest.as_secs_f64(), "s", READY_LIMIT);
    assert_ne!(bar.print(), Verdict::Short, "the slowest of {ends} starts took {slowest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bar_nothing_acknowledged_is_lost_or_doubled_by_kills_in_the_middle_of_the_load() {
    nothing_is_lost_or_doubled(End::Sudden).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bar_nothing_acknowledged_is_lost_or_doubled_by_orderly_ends_in_the_middle_of_the_load() {
    nothing_is_lost_or_doubled(End::Orderly).await;
}
