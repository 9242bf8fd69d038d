//! The heat index and the wake index.

use super::{World, assert_distinct, bound, number};
use crate::{Bound, Change, Partitions};

pub(super) async fn the_top_is_by_falling_bound_and_ties_by_visitor(world: World) {
    // Given leads with bounds below, at and above zero, two of them equal, and one without
    for (number, heat) in [(1, 10), (2, -5), (3, 70), (4, 0), (6, 10), (5, 10)] {
        world.apply(Change { heat: bound(heat), ..world.change(number, b"lead") }).await;
    }
    world.apply(world.change(7, b"in no index")).await;
    // When the top is read, then it falls, and equals stand by visitor
    let expected = [(3, 70), (1, 10), (5, 10), (6, 10), (4, 0), (2, -5)];
    assert_eq!(world.top(10).await, expected);
    assert_eq!(world.top(2).await, expected[..2]);
    assert_eq!(world.top(0).await, []);
}

pub(super) async fn the_top_is_paged_without_gap_or_double(world: World) {
    // Given a hundred leads of which ten each have the same bound
    let changes: Vec<Change> = (0..100u64)
        .map(|number| Change { heat: bound((number % 10).cast_signed()), ..world.change(number, b"lead") })
        .collect();
    world.store.commit(&changes).await.unwrap();
    // When it is read in pages of seven
    let mut paged = Vec::new();
    let mut after = None;
    loop {
        let page = world.store.top(&world.site, after, 7).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.cursor());
        paged.extend(page.iter().map(|entry| (number(&entry.key), entry.bound.micro_points())));
    }
    // Then the pages together are the whole
    assert_distinct(paged.clone());
    assert_eq!(paged.len(), 100);
    assert_eq!(paged, world.top(1000).await);
}

pub(super) async fn a_moved_bound_leaves_no_old_entry(world: World) {
    // Given a lead in both indexes
    let mut version = world.apply(Change { heat: bound(10), wake: Some(100), ..world.change(1, b"lead") }).await;
    // When its bound rises, falls, stays, and its wake time moves with it or not
    for (heat, wake) in [(20, Some(100)), (5, Some(300)), (5, Some(200)), (5, None), (7, Some(150))] {
        let change = Change { expected: version, heat: bound(heat), wake, ..world.change(1, b"lead") };
        version = world.apply(change).await;
        // Then it stands once, where it was last put
        assert_eq!(world.top(10).await, [(1, heat)]);
        assert_eq!(world.due(1000).await.iter().map(|due| due.at).collect::<Vec<_>>(), Vec::from_iter(wake));
    }
    // And taken out of both, it is in none
    world.apply(Change { expected: version, ..world.change(1, b"lead") }).await;
    assert_eq!(world.top(10).await, []);
    assert_eq!(world.due(1000).await, []);
}

pub(super) async fn a_removed_lead_is_in_no_index(world: World) {
    // Given a lead in both indexes
    let version = world.apply(Change { heat: bound(10), wake: Some(100), ..world.change(1, b"lead") }).await;
    // When it is removed, although the change names places for it
    let removal = Change { expected: version, lead: None, heat: bound(20), wake: Some(200), ..world.change(1, b"") };
    world.apply(removal).await;
    // Then it is in none
    assert_eq!(world.top(10).await, []);
    assert_eq!(world.due(1000).await, []);
}

pub(super) async fn bounds_beyond_the_range_become_its_ends(world: World) {
    // Given bounds at and beyond both ends
    for (number, heat) in [(1, i64::MIN), (2, i64::MAX), (3, Bound::MAX.micro_points() - 1), (4, 0)] {
        world.apply(Change { heat: bound(heat), ..world.change(number, b"lead") }).await;
    }
    // When the top is read, then their order is right and the ends are exact
    let (most, least) = (Bound::MAX.micro_points(), Bound::MIN.micro_points());
    assert_eq!(world.top(10).await, [(2, most), (3, most - 1), (4, 0), (1, least)]);
}

pub(super) async fn what_is_due_comes_earliest_first_and_stays_until_changed(world: World) {
    // Given leads with wake times, one before 1970
    let mut versions = Vec::new();
    for (number, wake) in [(1, 300), (2, -100), (3, 200), (4, 201)] {
        versions.push(world.apply(Change { wake: Some(wake), ..world.change(number, b"lead") }).await);
    }
    // When it is asked what is due at 200, twice
    for _ in 0..2 {
        let due: Vec<_> = world.due(200).await.iter().map(|due| (number(&due.key), due.at)).collect();
        // Then those up to and including then, earliest first
        assert_eq!(due, [(2, -100), (3, 200)]);
    }
    // And one that was given a later time is due then
    world.apply(Change { expected: versions[1], wake: Some(250), ..world.change(2, b"lead") }).await;
    let due: Vec<_> = world.due(250).await.iter().map(|due| number(&due.key)).collect();
    assert_eq!(due, [3, 4, 2]);
}

pub(super) async fn of_what_is_due_the_earliest_come_first_over_all_partitions(world: World) {
    // Given two hundred leads that are due since long ago
    let long_ago = i64::MIN / 4;
    let wake = |number: u64| Some(long_ago + number.cast_signed() * 1024);
    let changes: Vec<Change> =
        (0..200).rev().map(|number| Change { wake: wake(number), ..world.change(number, b"lead") }).collect();
    world.store.commit(&changes).await.unwrap();
    // When all are asked for, then they come in order
    let due = world.store.due(&Partitions::ALL, long_ago + 1_000_000, 100_000).await.unwrap();
    let ours: Vec<_> = due.iter().filter(|due| due.key.site == world.site).map(|due| number(&due.key)).collect();
    assert_eq!(ours, Vec::from_iter(0..200));
    // And of fewer, ours are the earliest of ours (others may have leads that are due as long)
    let some = world.store.due(&Partitions::ALL, long_ago + 1_000_000, 50).await.unwrap();
    let ours: Vec<_> = some.iter().filter(|due| due.key.site == world.site).map(|due| number(&due.key)).collect();
    assert!(some.len() == 50 && some.is_sorted_by_key(|due| due.at));
    assert_eq!(ours, Vec::from_iter(0..ours.len() as u64));
}

pub(super) async fn what_is_due_is_limited_to_the_partitions_asked_for(world: World) {
    // Given two leads in different partitions
    let other = (2..).find(|other| world.lead(*other).partition() != world.lead(1).partition()).unwrap();
    for number in [1, other] {
        world.apply(Change { wake: Some(i64::MIN / 2), ..world.change(number, b"lead") }).await;
    }
    // When one partition is asked for
    let partitions = Partitions::NONE.with(world.lead(other).partition());
    let due = world.store.due(&partitions, i64::MIN / 2, 1000).await.unwrap();
    // Then the other's lead is not in the answer
    let ours: Vec<_> = due.iter().filter(|due| due.key.site == world.site).map(|due| number(&due.key)).collect();
    assert_eq!(ours, [other]);
    assert_eq!(world.store.due(&Partitions::NONE, i64::MAX, 1000).await.unwrap(), []);
}
