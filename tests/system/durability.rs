//! Power cuts in the middle of the load: what was acknowledged is there, once, and the collector is soon back.

use std::time::{Duration, Instant};

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
/// Between two kills at least so many events are acknowledged.
const BETWEEN: f64 = 200.0;

#[derive(Default)]
struct Visitor(Option<Page>);

fn body(visitor: &mut Visitor, turn: Turn) -> Vec<u8> {
    let page = visitor.0.get_or_insert_with(|| Page::of_visitor(SITE, u64::from(turn.visitor)));
    let events = oracle::events(page, turn);
    page.envelope("https://shop.example/", events).to_string().into_bytes()
}

async fn accepted(environment: &Environment, least: f64) {
    waiting::until("events between two kills", Duration::from_secs(20), async || {
        let name = "gloed_event_receipts_total{code=\"accepted\"}";
        let accepted = environment.metric(name).await.map_err(|fault| fault.to_string())?;
        if accepted >= least { Ok(()) } else { Err(accepted.to_string()) }
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn bar_nothing_acknowledged_is_lost_or_doubled_by_kills_in_the_middle_of_the_load() {
    // Given a load that goes on whatever happens, and sends again what got no answer
    let kills: u32 = if std::env::var_os("GLOED_LONG").is_some() { 50 } else { 5 };
    let mut environment = Setup::default().model(oracle::MODEL).start().await.unwrap();
    let load = Load {
        headers: vec![("origin".to_owned(), ORIGIN.to_owned())],
        visitors: 100,
        events_per_second: 500,
        duration: Duration::from_secs(2) * kills,
        again: true,
        ..Load::bench(environment.public())
    };
    let running = tokio::spawn(async move { load.run(body).await.unwrap() });

    // When the collector is killed and started again, again and again
    let mut slowest = Duration::ZERO;
    for kill in 0..kills {
        accepted(&environment, BETWEEN).await;
        environment.collector.kill_9().await.unwrap();
        if kill == 1 {
            // A kill leaves what the store wrote in the system's memory; a power cut may not. The log alone must do.
            std::fs::remove_dir_all(environment.data().join("store")).unwrap();
        }
        let begin = Instant::now();
        environment.collector.restart().await.unwrap();
        slowest = slowest.max(begin.elapsed());
        assert!(!running.is_finished(), "kill {kill} came after the load");
    }
    let record = running.await.unwrap();

    // Then every visitor is what a plain replay of the acknowledged events makes of them
    assert_eq!(record.statuses().into_keys().collect::<Vec<_>>(), [Some(200)], "{:?}", record.statuses());
    let difference = oracle::difference(&environment, &record).await;
    assert_eq!(difference, oracle::Difference { acknowledged: record.sent.len() * 10, ..Default::default() });
    // And once more, of the store alone: after an orderly end nothing is left to replay
    environment.collector.restart().await.unwrap();
    assert_eq!(oracle::difference(&environment, &record).await.scores, Vec::<String>::new());
    let bar = Bar::at_most("ready_after_kill", slowest.as_secs_f64(), "s", READY_LIMIT);
    assert_ne!(bar.print(), Verdict::Short, "the slowest of {kills} starts took {slowest:?}");
}
