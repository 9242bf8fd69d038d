//! Messages.

use super::{World, assert_distinct};
use crate::{Change, Partitions, Version};

pub(super) async fn messages_stay_until_acknowledged(world: World) {
    // Given a lead committed with two messages
    let messages = vec![world.message(1), world.message(2)];
    world.apply(Change { outbox: messages.clone(), ..world.change(1, b"lead") }).await;
    // When the outbox is read twice
    let first = world.outbox().await;
    let second = world.outbox().await;
    // Then both messages come both times, with their names and places
    assert_eq!(first, second);
    assert_eq!(first.iter().map(|queued| queued.message.clone()).collect::<Vec<_>>(), messages);
    assert!(first.iter().all(|queued| queued.key == world.lead(1)));
    // And one that is acknowledged, twice, does not come again
    for _ in 0..2 {
        world.store.acknowledge(&[first[0].id]).await.unwrap();
        assert_eq!(world.outbox().await, first[1..]);
    }
}

pub(super) async fn messages_of_a_lead_come_in_the_order_of_its_commits(world: World) {
    // Given a lead that was committed twenty times with a message each
    let mut version = Version::ABSENT;
    for number in 0..20 {
        let change = Change { expected: version, outbox: vec![world.message(number)], ..world.change(1, b"lead") };
        version = world.apply(change).await;
    }
    // When the outbox is read, then they stand in that order
    let ids: Vec<_> = world.outbox().await.into_iter().map(|queued| queued.message.id).collect();
    assert_eq!(ids, (0..20).map(|number| world.message(number).id).collect::<Vec<_>>());
}

pub(super) async fn messages_of_a_removed_lead_stay(world: World) {
    // Given a lead with a message, removed with another
    let outbox = vec![world.message(1)];
    let version = world.apply(Change { outbox, ..world.change(1, b"lead") }).await;
    let outbox = vec![world.message(2)];
    world.apply(Change { expected: version, lead: None, outbox, ..world.change(1, b"") }).await;
    // When the outbox is read, then both are there: what they tell of has happened
    let ids: Vec<_> = world.outbox().await.into_iter().map(|queued| queued.message.id).collect();
    assert_eq!(ids, [world.message(1).id, world.message(2).id]);
}

pub(super) async fn the_outbox_is_paged_and_limited_to_the_partitions_asked_for(world: World) {
    // Given fifty leads with a message each
    let changes: Vec<Change> =
        (0..50).map(|n| Change { outbox: vec![world.message(n)], ..world.change(n, b"lead") }).collect();
    world.store.commit(&changes).await.unwrap();
    // When it is read in pages of seven
    let mut ours = Vec::new();
    let mut after = None;
    loop {
        let page = world.store.outbox(&Partitions::ALL, after, 7).await.unwrap();
        assert!(page.len() <= 7);
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        ours.extend(page.into_iter().filter(|queued| queued.key.site == world.site));
    }
    // Then each comes once, and the places rise
    assert_eq!(ours.len(), 50);
    assert!(ours.is_sorted_by_key(|queued| queued.id));
    assert_distinct(ours.iter().map(|queued| queued.message.id));
    // And one partition's are only its own
    let partition = world.lead(1).partition();
    let some = world.store.outbox(&Partitions::NONE.with(partition), None, 1000).await.unwrap();
    assert!(some.iter().any(|queued| queued.key == world.lead(1)));
    assert!(some.iter().all(|queued| queued.key.partition() == partition));
}
