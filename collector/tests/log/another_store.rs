//! The store turns out to be another one than before, or to have nothing: the log brings back what it has.

use std::time::Duration;

use engine::Span;
use store::Durability;

use crate::twin::Twin;
use crate::world::{World, store_in, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_another_one_gets_all_of_the_log_without_a_restart() {
    // Given a collector whose checkpoint covers everything
    let world = World::new();
    let running = world.start().await;
    for number in 0..200 {
        running.look(number % 5, &format!("{number:03}")).await.unwrap();
    }
    running.applied().await;
    let before = running.ids(3).await;
    assert_eq!(before.len(), 40);

    // When there is an empty store in its place
    world.twin.becomes(store_in(&world.data.path().join("another")));
    assert_eq!(running.ids(3).await, Vec::<String>::new());
    // Then all of it comes back by itself, and what comes meanwhile is there too
    running.look(3, "meanwhile").await.unwrap();
    tokio::time::timeout(Duration::from_secs(20), async {
        while running.ids(3).await.len() < 41 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    assert_eq!(running.ids(3).await, [before, vec!["meanwhile".to_owned()]].concat());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_erased_does_not_come_back_in_another_store() {
    let world = World::new();
    let running = world.start().await;
    for number in 1..3 {
        running.look(number, "one").await.unwrap();
    }
    running.applied().await;
    collector::erasure::erase(running.app(), &crate::world::visitor(1)).await.unwrap();
    running.applied().await;

    world.twin.becomes(store_in(&world.data.path().join("another")));

    tokio::time::timeout(Duration::from_secs(20), async {
        while running.ids(2).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    assert_eq!(running.ids(1).await, Vec::<String>::new());
    let tombstone = running.app().erased.tombstone(&crate::world::visitor(1));
    assert_eq!(running.app().store.erased(&[tombstone]).await.unwrap(), [true]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_deleted_under_a_stopped_collector_gets_all_of_the_log() {
    let world = World::new();
    let running = world.start().await;
    for number in 0..50 {
        running.look(1, &format!("{number:03}")).await.unwrap();
    }
    running.applied().await;
    running.stop().await;
    // When the folder of the store is another, empty one at the next start
    let files = world.files.clone();
    let twin = Twin::before(store_in(&world.data.path().join("empty")));
    let again = World { twin, files, ..world };
    let running = again.start().await;
    assert_eq!(running.ids(1).await.len(), 50);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_has_not_made_durable_stays_in_the_log_and_what_it_has_goes_after_a_minute() {
    // Given a store that keeps nothing durable, and a log in two segments whose records are applied
    let mut world = World::new();
    world.config = "[log]\nsegment = \"64KiB\"\ncap = \"1MiB\"\n".to_owned();
    world.twin.says(Durability::Volatile);
    let running = world.start().await;
    for number in 0..100 {
        running.look(1, &format!("{number:04}")).await.unwrap();
    }
    running.applied().await;
    running.app().log.rotate().unwrap();
    // When ten minutes have passed, then nothing has gone, and for how long it is kept is known
    world.pass(Span::minutes(10));
    until("the span to be known", || running.app().progress.retained() >= Span::minutes(10)).await;
    running.stop().await;
    let running = world.start().await;
    assert_eq!(running.app().log.stats().start.0, 1);

    // And when the store has it durably, then it goes
    world.twin.says(Durability::Durable);
    // (the position has to be met once, and then to be old enough)
    until("the span to begin anew", || running.app().progress.retained() < Span::minutes(10)).await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    world.pass(Span::minutes(2));
    until("the old segment to go", || running.app().log.stats().start.0 > 100).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_applied_again_as_it_is_asked_for_and_the_accounting_is_said() {
    let world = World::new();
    let running = world.start().await;
    for number in 0..30 {
        running.look(1, &format!("{number:03}")).await.unwrap();
    }
    running.look(1, "000").await.unwrap();
    running.applied().await;
    let score = running.ids(1).await;

    // When it is applied again to the store that has it all
    let again = running.app().progress.apply_again(None).await.unwrap();
    assert_eq!((again.from, again.end), (1, 32));
    assert_eq!(again.outcomes, [("reapplied".to_owned(), 31)].into());
    assert_eq!(running.ids(1).await, score);
    // And from a position on
    let again = running.app().progress.apply_again(Some(store::log::Position(31))).await.unwrap();
    assert_eq!((again.from, again.end, again.outcomes["reapplied"]), (31, 32, 1));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_is_nobodys_fault() {
    let world = World::new();
    let running = world.start().await;
    // When the store is away for longer than a record is tried
    world.twin.away(true);
    for number in 0..10 {
        running.look(1, &format!("{number:03}")).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(running.app().tail.len(), 10);
    world.twin.away(false);
    // Then everything is applied when it is back, and nothing is in quarantine
    running.applied().await;
    assert_eq!(running.ids(1).await.len(), 10);
    assert_eq!(running.app().quarantine.list().unwrap(), []);
    running.stop().await;
}
