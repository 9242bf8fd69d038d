//! A disk that fails, fills up, or has no more room for the log: nothing is acknowledged that is not on it, and soon after it
//! is well everything is as before, in the same process.

use std::time::{Duration, Instant};

use collector::problem::Problem;
use engine::Span;

use crate::bar;
use crate::world::{Answer, Running, World};

/// Seconds in which events are to be accepted again.
const NORMAL_WITHIN: f64 = 5.0;

fn assert_refused((status, retry_after, body): &Answer) {
    assert_eq!((*status, retry_after.as_deref()), (503, Some("5")), "{body}");
    let problem: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(problem["code"], "log_unavailable");
}

/// How long it takes until events are accepted again.
async fn accepted_again(running: &Running, number: u64) -> f64 {
    let begin = Instant::now();
    loop {
        let answer = running.post(number, 1).await;
        match answer.0 {
            200 => return begin.elapsed().as_secs_f64(),
            _ => assert_refused(&answer),
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "{answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bar_after_a_failing_fsync_nothing_is_acknowledged_until_the_disk_is_well() {
    // Given a collector that has acknowledged something
    let world = World::new();
    let running = world.start().await;
    running.look(1, "before").await.unwrap();

    // When every sync fails
    world.files.set_unwell(true);
    assert!(matches!(running.look(1, "during-1").await, Err(Problem::LogUnavailable(_))));
    // Then nothing is acknowledged, however long it lasts, and it is said that it is not ready
    let begin = Instant::now();
    let mut number = 1;
    while begin.elapsed() < Duration::from_secs(1) {
        assert_refused(&running.post(number, 1).await);
        number += 1;
    }
    assert_eq!((&running.ready().await["log"], &running.ready().await["ready"]), (&"log_failed".into(), &false.into()));
    // While a mistake of the client's stays the client's
    assert_eq!(running.post(1, 500).await.0, 413);

    // And when the disk is well, it is normal again, in the same process
    world.files.set_unwell(false);
    let seconds = accepted_again(&running, number).await;
    running.look(1, "after").await.unwrap();
    running.applied().await;
    assert_eq!(running.ready().await["ready"], true);
    // with what was acknowledged and nothing else, also after a loss of power
    assert_eq!(running.ids(1).await, ["after", "before"]);
    let after = World::of(tempfile::tempdir().unwrap(), world.files.power_cut(7), crate::twin::Twin::before(empty()));
    running.stop().await;
    let running = after.start().await;
    assert_eq!(running.ids(1).await, ["after", "before"]);
    running.stop().await;
    assert!(bar::at_most("accepting_after_failed_fsync", seconds, "s", NORMAL_WITHIN));
}

/// A store in a folder that nobody removes before the process ends.
fn empty() -> std::sync::Arc<store::embedded::EmbeddedStore> {
    crate::world::store_in(&tempfile::tempdir().unwrap().keep().join("store"))
}

#[tokio::test(flavor = "multi_thread")]
async fn bar_on_a_full_disk_nothing_is_acknowledged_until_there_is_room() {
    // Given a disk with little room
    let world = World::new();
    world.files.set_capacity(Some(40_000));
    let running = world.start().await;
    // When it fills up
    let mut acknowledged = Vec::new();
    for number in 0..2_000 {
        let id = format!("{number:05}");
        match running.look(1, &id).await {
            Ok(()) => acknowledged.push(id),
            Err(problem) => {
                assert_eq!((problem.status().as_u16(), problem.retry_after()), (503, Some(5)));
                break;
            }
        }
    }
    assert!(acknowledged.len() > 50 && acknowledged.len() < 2_000, "{}", acknowledged.len());
    // Then nothing larger than the room that is left is acknowledged, although the log is opened anew again and again
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(1) {
        assert_refused(&running.post(1, 50).await);
    }
    // And when there is room, it is normal again
    world.files.set_capacity(None);
    let seconds = accepted_again(&running, 1_000).await;
    running.applied().await;
    let kept = running.ids(1).await;
    assert!(acknowledged.iter().all(|id| kept.contains(id)), "{} of {}", kept.len(), acknowledged.len());
    running.stop().await;
    assert!(bar::at_most("accepting_after_full_disk", seconds, "s", NORMAL_WITHIN));
}

#[tokio::test(flavor = "multi_thread")]
async fn bar_a_full_log_refuses_and_takes_events_again_when_it_has_let_go_of_old_ones() {
    // Given a log that may have 128 KiB
    let mut world = World::new();
    world.config = "[log]\nsegment = \"64KiB\"\ncap = \"128KiB\"\n".to_owned();
    let running = world.start().await;
    // When it is full
    let (mut number, mut count) = (1, 20);
    let refused = loop {
        let answer = running.post(number, count).await;
        match (answer.0, count) {
            (200, _) => number += count,
            // To the brim.
            (_, 20) => count = 1,
            _ => break answer,
        }
        assert!(number < 10_000);
    };
    // Then that is said, and nothing of the log is let go of before its time, although the store has it
    assert_refused(&refused);
    running.applied().await;
    assert_eq!(running.ready().await["log"], "log_full");
    // (how far applying is, is noted every second)
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    world.pass(Span::seconds(59));
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_refused(&running.post(number, 20).await);
    // And when the minute is over, it takes events again
    world.pass(Span::seconds(2));
    let seconds = accepted_again(&running, number).await;
    running.applied().await;
    running.stop().await;
    assert!(bar::at_most("accepting_after_full_log", seconds, "s", NORMAL_WITHIN));
}
