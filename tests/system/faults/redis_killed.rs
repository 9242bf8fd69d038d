//! Redis is killed in the middle of the load, again and again, with a file that it appends to or with nothing at all; among
//! its visitors are some whose last event is older than the log has to be kept.
//!
//! Seen red: `redis_killed_empty_lost` 30,541, `_twice` 451 (lines of visitors of whom a part was left), while the store was
//! asked which one it is every five seconds and when it had failed five times in a row: one that was back sooner was taken for
//! the one before, for so long.

use std::time::{Duration, Instant};

use servers::{Persistence, Server, Settings};
use tests::{
    bar::{Bar, Verdict},
    load::Load,
};

use super::{accounting, body_ahead, chance, is_long, load, nothing_lost_nothing_twice, setup};

/// More than the least time for which the log is kept, a minute.
const AGED: (&str, i64) = ("2m", 120_000);
/// By so much the pages' clocks are behind the collector's: an event of the future would be moved to when it came.
const BEHIND: i64 = 5_000;
/// Within so long applying has failed three or four times, and only with the fifth the store is opened anew.
const BACK_SOON: Duration = Duration::from_millis(600);
/// Rounds of the load: those who came before, and those who come while it is killed.
const BEFORE: u32 = 1;
const MEANWHILE: u32 = 2;

async fn loses_nothing(name: &str, persistence: Persistence) {
    let mut chance = chance(name);
    let kills: u32 = if is_long() { 20 } else { 3 };
    let mut server = Server::start(&Settings::new().persistence(persistence)).unwrap();
    // Segments that are soon full: what may go would go.
    let environment = setup().set("log.segment", "1MiB").redis(server.url()).test_clock().start().await.unwrap();

    // Given visitors who came longer ago than the log has to be kept
    let old = Load { duration: Duration::from_secs(2), ..load(environment.public()) };
    let old = old.run(crate::load::body(BEFORE)).await.unwrap();
    environment.applied().await.unwrap();
    environment.advance(AGED.0).await.unwrap();

    // When Redis is killed and comes back, again and again, at moments of chance
    let duration = Duration::from_secs(5) * kills;
    let meanwhile = Load { duration, ..load(environment.public()) };
    let running = tokio::spawn(async move { meanwhile.run(body_ahead(MEANWHILE, AGED.1 - BEHIND)).await.unwrap() });
    let begin = Instant::now();
    for kill in 0..kills {
        let at = Duration::from_secs(5) * kill + Duration::from_millis(chance.u64(1_000..3_000));
        tokio::time::sleep(at.saturating_sub(begin.elapsed())).await;
        server.kill_9().unwrap();
        // The last time it is back before anybody has given it up.
        let is_last = kill + 1 == kills;
        let away = if is_last { BACK_SOON } else { Duration::from_millis(chance.u64(0..1_500)) };
        println!("killed at {:?}, away for {away:?}", begin.elapsed());
        tokio::time::sleep(away).await;
        tokio::task::block_in_place(|| server.restart()).unwrap();
        assert!(!running.is_finished(), "kill {kill} came after the load");
    }
    let record = running.await.unwrap();

    // Then events were taken in all the while, and each is there once and accounted for
    let taken = record.statuses().get(&Some(200)).copied().unwrap_or_default();
    let share = taken as f64 * 100.0 / record.sent.len() as f64;
    let bar = Bar::at_least(&format!("{name}_accepted"), share, "%", 99.9);
    assert_eq!(bar.print(), Verdict::Ok, "{:?}", record.statuses());
    nothing_lost_nothing_twice(name, &environment, &[&old, &record], AGED.1).await;
    accounting::balances(name, &environment, (old.sent.len() + record.sent.len()) * 10).await;
    let changes = environment.metric("gloed_store_changes_total").await.unwrap();
    assert!(changes >= 1.0, "{changes} of {kills} kills were seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn bar_a_redis_that_appends_and_is_killed_loses_and_doubles_nothing() {
    loses_nothing("redis_killed_appending", Persistence::AppendEverySecond).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bar_a_redis_that_keeps_nothing_and_is_killed_loses_and_doubles_nothing() {
    loses_nothing("redis_killed_empty", Persistence::None).await;
}
