//! Records that cannot be applied: out of the way soon, and not lost.

use collector::erasure;
use collector::log_record::LogRecord;
use collector::quarantine::{Replayed, replay};

use crate::twin::{Fate, Twin};
use crate::world::{Running, World, store_in, visitor};

async fn around(running: &Running, poison: impl AsyncFn()) {
    running.look(2, "before").await.unwrap();
    poison().await;
    running.look(2, "after").await.unwrap();
    running.applied().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_panics_or_is_refused_five_times_goes_to_quarantine_and_comes_back_from_there() {
    for fate in [Fate::Panic, Fate::Refused] {
        // Given a visitor whose events cannot be applied, and another
        let world = World::new();
        let running = world.start().await;
        world.twin.curse(&visitor(1), fate);

        // When both do something
        around(&running, async || running.look(1, "poison").await.unwrap()).await;

        // Then the other's is applied, and the poison is in quarantine with its reason
        assert_eq!(running.ids(2).await, ["after", "before"]);
        let quarantined = running.app().quarantine.list().unwrap();
        assert_eq!(quarantined.len(), 1, "{fate:?}");
        let kept = running.app().quarantine.read(&quarantined[0]).unwrap();
        assert_eq!(kept.tries, 5);
        let reason = if fate == Fate::Panic { "panicked" } else { "at most 1 are allowed" };
        assert!(kept.reason.contains(reason), "{}", kept.reason);
        assert!(matches!(LogRecord::decode(&kept.payload), Ok(LogRecord::Touches(_))));
        assert_eq!(running.ready().await["quarantined"], 1);

        // And tried again it is back there, until the cause is gone
        assert_eq!(replay(running.app(), &quarantined[0]).await.unwrap(), Replayed::Again);
        assert_eq!(running.app().quarantine.list().unwrap(), quarantined);
        world.twin.lift_curses();
        assert_eq!(replay(running.app(), &quarantined[0]).await.unwrap(), Replayed::Applied);
        assert_eq!(running.ids(1).await, ["poison"]);
        assert_eq!(running.app().quarantine.list().unwrap(), []);
        assert!(replay(running.app(), &quarantined[0]).await.is_err());
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_read_is_put_aside_and_stays_there_over_restarts() {
    let world = World::new();
    let running = world.start().await;
    let garbage = async || {
        running.app().log.append(vec![3, 0xff, 0xff, 0xff]).await.unwrap();
    };

    around(&running, garbage).await;

    assert_eq!(running.ids(2).await, ["after", "before"]);
    let quarantined = running.app().quarantine.list().unwrap();
    assert_eq!(quarantined.len(), 1);
    let kept = running.app().quarantine.read(&quarantined[0]).unwrap();
    assert_eq!((kept.position, kept.payload), (Some(2), vec![3, 0xff, 0xff, 0xff]));
    assert!(replay(running.app(), &quarantined[0]).await.unwrap_err().contains("does not read"));
    running.stop().await;
    let running = world.start().await;
    assert_eq!(running.app().quarantine.list().unwrap(), quarantined);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_that_was_in_the_log_at_start_does_not_hold_the_start_up() {
    let world = World::new();
    let running = world.start().await;
    world.twin.away(true);
    running.look(1, "poison").await.unwrap();
    running.look(2, "one").await.unwrap();
    // Killed before anything was applied, with a store that has nothing
    let data = tempfile::tempdir().unwrap();
    let twin = Twin::before(store_in(&data.path().join("store")));
    twin.curse(&visitor(1), Fate::Panic);
    let cut = World::of(data, world.files.power_cut(1), twin);
    world.twin.away(false);
    running.stop().await;

    let running = cut.start().await;

    assert_eq!(running.ids(2).await, ["one"]);
    assert_eq!(running.app().quarantine.list().unwrap().len(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_records_of_an_erased_visitor_leave_the_quarantine_and_the_log_read_or_unread() {
    // Given records of two visitors in quarantine, one of each read and one not
    let world = World::new();
    let running = world.start().await;
    let app = running.app();
    let mut unread = Vec::new();
    for number in 1..3 {
        world.twin.curse(&visitor(number), Fate::Refused);
        running.look(number, "poison").await.unwrap();
        let garbage = [&[3, 0xff][..], visitor(number).visitor.as_bytes(), b"what they did"].concat();
        app.log.append(garbage.clone()).await.unwrap();
        unread.push(garbage);
    }
    running.applied().await;
    assert_eq!(app.quarantine.list().unwrap().len(), 4);

    // When one of them is erased
    erasure::erase(app, &visitor(1)).await.unwrap();

    // Then within a minute nothing of theirs is there any more, nor in the log, and the other's is
    let begin = std::time::Instant::now();
    while app.quarantine.list().unwrap().len() > 2 {
        assert!(begin.elapsed().as_secs() < 60, "still there");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let left: Vec<Vec<u8>> = app.log.read(store::log::Position::FIRST).map(|record| record.unwrap().payload).collect();
    assert!(!left.contains(&unread[0]) && left.contains(&unread[1]));
    for id in app.quarantine.list().unwrap() {
        let payload = app.quarantine.read(&id).unwrap().payload;
        assert!(payload.windows(16).any(|bytes| bytes == visitor(2).visitor.as_bytes()));
    }
    running.stop().await;
}
