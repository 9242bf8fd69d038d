//! Redis was away for long, and what came in meanwhile waits; then it is back, and the visitors go on.
//!
//! What is measured is how fast the queue shrinks: events that are accepted and not in the store yet. The saturation is how
//! fast it does so, in the same run and with as much of the same kind in it, while nobody sends anything. Live load takes
//! from both sides: its events are added to the queue, and taking them in costs.
//!
//! Seen red: 9,764 of 38,966 a second, a quarter, and begun too late, on a debug build that paused after each batch in which
//! events had come in.

use std::time::{Duration, Instant};

use servers::{Persistence, Server, Settings};
use tests::{
    bar::{Bar, Verdict},
    environment::Environment,
    load::{Load, Record},
};

use super::{accounting, accounting::Accounts, is_long, is_release, load, nothing_lost_nothing_twice, setup};

/// How many events a second come in while Redis is away.
const INTAKE: u32 = 10_000;
/// For how long the live load goes on: longer than it takes to drain.
const LIVE: Duration = Duration::from_secs(6);
/// How often the queue is looked at.
const EVERY: Duration = Duration::from_millis(20);
/// The queue is drained when so much of it is left: with live load there is always something in it.
const LEFT: f64 = 0.02;
/// Connecting anew, and trying again, begins this soon.
const BEGUN_WITHIN: Duration = Duration::from_secs(10);
const DRAINED_WITHIN: Duration = Duration::from_secs(120);

/// Takes `events` in while the server hangs: it comes back as the one that it was.
async fn pile_up(server: &Server, environment: &Environment, round: u32, events: u32) -> Record {
    server.suspend().unwrap();
    let load = Load {
        events_per_second: INTAKE,
        // No more of each than what a ledger holds singly.
        visitors: events / 500,
        duration: Duration::from_secs((events / INTAKE).into()),
        ..load(environment.public())
    };
    load.run(crate::load::body(round)).await.unwrap()
}

/// Lets the server go on and waits until the queue is drained; says by how many events a second it shrank, from its first
/// shrinking on: connecting anew takes as long as it takes.
async fn drain(server: &Server, environment: &Environment) -> f64 {
    let whole = Accounts::read(environment).await.waiting();
    let begin = Instant::now();
    server.resume().unwrap();
    let mut first = None;
    let mut looks = tokio::time::interval(EVERY);
    while begin.elapsed() < DRAINED_WITHIN {
        looks.tick().await;
        let left = Accounts::read(environment).await.waiting();
        let now = Instant::now();
        match first {
            None if left < whole * 0.98 => first = Some((now, left)),
            Some((since, had)) if left < whole * LEFT => {
                let rate = (had - left) / (now - since).as_secs_f64();
                println!("{whole} waited; they began to go after {:?}, and {rate:.0} went a second", since - begin);
                assert!(since - begin < BEGUN_WITHIN, "{:?}", since - begin);
                return rate;
            }
            _ => {}
        }
    }
    panic!("not drained within {DRAINED_WITHIN:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bar_a_backlog_drains_while_live_load_goes_on() {
    // Given a collector, and how fast it applies what has piled up when nobody sends anything
    let events = if is_long() { 1_000_000 } else { 100_000 };
    let server = Server::start(&Settings::new().persistence(Persistence::AppendEverySecond)).unwrap();
    let environment = setup().redis(server.url()).start().await.unwrap();
    let before = pile_up(&server, &environment, 1, events).await;
    let saturation = drain(&server, &environment).await;

    // When as much has piled up and Redis is back while live load goes on
    let away = pile_up(&server, &environment, 2, events).await;
    let live = Load { duration: if is_long() { 10 * LIVE } else { LIVE }, ..load(environment.public()) };
    let live = tokio::spawn(async move { live.run(crate::load::body(3)).await.unwrap() });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let drained = drain(&server, &environment).await;
    let was_live = !live.is_finished();
    let live = live.await.unwrap();

    // Then it is drained about as fast, and nothing is lost or counted twice
    let share = Bar::at_least("backlog_drain_share", drained * 100.0 / saturation, "%", 50.0).print();
    assert!(was_live, "the load ended before the backlog was drained");
    let records = [&before, &away, &live];
    for record in records {
        assert!(record.statuses().keys().eq([&Some(200)]), "{:?}", record.statuses());
    }
    nothing_lost_nothing_twice("backlog", &environment, &records, 0).await;
    accounting::balances("backlog", &environment, records.map(|record| record.sent.len()).iter().sum::<usize>() * 10)
        .await;
    assert!(!is_release() || share == Verdict::Ok, "{drained:.0} a second of {saturation:.0}");
}
