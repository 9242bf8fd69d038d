//! Erasure, and what is durable.

use std::time::Duration;

use super::{World, bound};
use crate::{Change, Committed, Durability, Erasure, LeadKey, Partition, SiteName, Tombstone, Version};

fn erasure(world: &World, number: u64) -> Erasure {
    Erasure { key: world.lead(number), tombstone: world.tombstone(number) }
}

/// A lead in both indexes with a message.
fn everywhere(world: &World, number: u64) -> Change {
    let outbox = vec![world.message(number)];
    Change { heat: bound(10), wake: Some(100), outbox, ..world.change(number, b"lead") }
}

async fn is_nowhere(world: &World) -> bool {
    world.load(1).await.is_none()
        && world.top(10).await.is_empty()
        && world.due(1000).await.is_empty()
        && world.outbox().await.is_empty()
        && world
            .store
            .scan(world.lead(1).partition(), None, 1_000_000)
            .await
            .unwrap()
            .leads
            .iter()
            .all(|(key, _)| *key != world.lead(1))
}

pub(super) async fn an_erased_lead_is_gone_with_its_entries_and_messages(world: World) {
    // Given a lead in both indexes, with messages of two commits
    let version = world.apply(everywhere(&world, 1)).await;
    world.apply(Change { expected: version, outbox: vec![world.message(2)], ..everywhere(&world, 1) }).await;
    assert_eq!(world.outbox().await.len(), 2);
    // When it is erased
    world.store.erase(&[erasure(&world, 1)]).await.unwrap();
    // Then no interface shows it
    assert!(is_nowhere(&world).await);
    assert_eq!(world.store.erased(&[world.tombstone(2), world.tombstone(1)]).await.unwrap(), [false, true]);
}

pub(super) async fn an_erased_lead_does_not_come_back(world: World) {
    // Given an erased lead
    let version = world.apply(everywhere(&world, 1)).await;
    world.store.erase(&[erasure(&world, 1)]).await.unwrap();
    // When a replayed log commits it, as new or from the version it had
    for expected in [Version::ABSENT, version] {
        let outcome = world.commit(Change { expected, ..everywhere(&world, 1) }).await;
        // Then it is refused as erased, and nothing of it is there
        assert_eq!(outcome, Committed::Erased);
        assert!(is_nowhere(&world).await);
    }
}

pub(super) async fn a_buried_tombstone_keeps_a_lead_from_being_made(world: World) {
    // Given a tombstone whose lead's key nobody knows, buried twice
    world.store.bury(&[world.tombstone(1)]).await.unwrap();
    world.store.bury(&[world.tombstone(1)]).await.unwrap();
    // When its lead is committed, then it is refused; another is not
    assert_eq!(world.commit(everywhere(&world, 1)).await, Committed::Erased);
    world.apply(world.change(2, b"another")).await;
}

pub(super) async fn tombstones_are_listed_by_partition(world: World) {
    // Given tombstones in many partitions
    let all: Vec<_> = (0..600).map(|number| world.tombstone(number)).collect();
    world.store.bury(&all).await.unwrap();
    // When every partition is listed in pages of two
    let mut listed = Vec::new();
    for partition in Partition::all() {
        let mut after = None;
        loop {
            let page = world.store.tombstones(partition, after, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(*last);
            assert!(page.iter().all(|tombstone| tombstone.partition == partition));
            listed.extend(page);
        }
    }
    // Then each comes once, in order
    assert!(listed.is_sorted());
    super::assert_distinct(listed.clone());
    assert!(all.iter().all(|tombstone| listed.contains(tombstone)));
}

pub(super) async fn erasing_can_be_repeated(world: World) {
    // Given a lead, and a key that never had one
    world.apply(everywhere(&world, 1)).await;
    // When both are erased, twice
    for _ in 0..2 {
        world.store.erase(&[erasure(&world, 1), erasure(&world, 2)]).await.unwrap();
    }
    // Then neither is there nor comes
    assert!(is_nowhere(&world).await);
    assert_eq!(world.commit(everywhere(&world, 2)).await, Committed::Erased);
}

pub(super) async fn erasing_a_lead_leaves_the_same_visitor_of_another_site(world: World) {
    // Given one visitor at two sites of which one's name begins as the other's, each in all indexes with a message
    world.apply(everywhere(&world, 1)).await;
    let longer = World { site: SiteName::parse(&format!("{}-b", world.site)).unwrap(), ..world.clone() };
    let key = LeadKey::new(longer.site.clone(), world.lead(1).visitor);
    let tombstone = Tombstone::of(&key, longer.unique(99));
    longer.apply(Change { key, tombstone, ..everywhere(&longer, 1) }).await;
    // When the lead of the shorter name is erased
    world.store.erase(&[erasure(&world, 1)]).await.unwrap();
    // Then the other is where it was
    assert!(is_nowhere(&world).await);
    assert_eq!(longer.load(1).await.unwrap().bytes, b"lead");
    assert_eq!(longer.top(10).await, [(1, 10)]);
    assert_eq!((longer.due(1000).await.len(), longer.outbox().await.len()), (1, 1));
}

pub(super) async fn a_message_acknowledged_before_an_erasure_is_no_hindrance(world: World) {
    // Given a lead with two messages of which one is acknowledged
    let outbox = vec![world.message(1), world.message(2)];
    world.apply(Change { outbox, ..world.change(1, b"lead") }).await;
    let queued = world.outbox().await;
    world.store.acknowledge(&[queued[0].id]).await.unwrap();
    // When it is erased, then no message is left, and acknowledging the other is passed over
    world.store.erase(&[erasure(&world, 1)]).await.unwrap();
    assert_eq!(world.outbox().await, []);
    world.store.acknowledge(&[queued[1].id]).await.unwrap();
}

pub(super) async fn other_leads_survive_an_erasure_and_a_purge(world: World) {
    // Given three leads of which one is erased
    for number in 1..=3 {
        world.apply(everywhere(&world, number)).await;
    }
    world.store.erase(&[erasure(&world, 2)]).await.unwrap();
    // When its bytes are made to leave the disk
    world.store.purge().await.unwrap();
    // Then the others are where they were, and it stays erased
    assert_eq!(world.top(10).await, [(1, 10), (3, 10)]);
    assert_eq!(world.outbox().await.len(), 2);
    assert_eq!(world.due(100).await.len(), 2);
    assert_eq!(world.load(3).await.unwrap().bytes, b"lead");
    assert_eq!(world.commit(everywhere(&world, 2)).await, Committed::Erased);
}

pub(super) async fn what_was_committed_is_there_after_persisting(world: World) {
    // Given a lead
    world.apply(everywhere(&world, 1)).await;
    // When the store is asked to persist, then it says how far it is, and is well
    let durability = world.store.persist().await.unwrap();
    assert!(durability.covers(Duration::MAX) || matches!(durability, Durability::Pending | Durability::Volatile));
    let health = world.store.health().await.unwrap();
    assert!(!health.identity.is_empty());
    assert_eq!(world.store.health().await.unwrap().identity, health.identity);
    assert_eq!(world.load(1).await.unwrap().bytes, b"lead");
}
