//! Leads and their versions.

use super::{World, assert_distinct, at_once, bound, number};
use crate::{Change, Committed, LeadKey, Partition, Version};

pub(super) async fn a_lead_that_was_never_committed_is_absent(world: World) {
    // Given nothing, when a lead is loaded, then there is none
    assert_eq!(world.load(1).await, None);
}

pub(super) async fn a_committed_lead_is_loaded_with_its_version(world: World) {
    // Given two committed leads, one without bytes
    let first = world.apply(world.change(1, b"first")).await;
    let second = world.apply(world.change(2, b"")).await;
    // When they are loaded, with one that is absent between them
    let keys = [world.lead(2), world.lead(3), world.lead(1)];
    let loaded = world.store.load(&keys).await.unwrap();
    // Then the answers stand in the order of the questions
    assert_eq!(loaded.len(), 3);
    assert_eq!(loaded[0].as_ref().map(|lead| (lead.version, &lead.bytes[..])), Some((second, &b""[..])));
    assert_eq!(loaded[1], None);
    assert_eq!(loaded[2].as_ref().map(|lead| (lead.version, &lead.bytes[..])), Some((first, &b"first"[..])));
}

pub(super) async fn versions_grow_and_a_stale_one_is_a_conflict(world: World) {
    // Given a lead at its second version
    let first = world.apply(world.change(1, b"one")).await;
    let second = world.apply(Change { expected: first, ..world.change(1, b"two") }).await;
    assert!(Version::ABSENT < first && first < second);
    // When somebody commits from the first, or from none
    for expected in [first, Version::ABSENT, Version(second.0 + 1)] {
        let outcome = world.commit(Change { expected, ..world.change(1, b"stale") }).await;
        // Then it is a conflict that names the current one
        assert_eq!(outcome, Committed::Conflict { current: second });
    }
    assert_eq!(world.load(1).await.unwrap().bytes, b"two");
    // And a lead that is absent conflicts with an expected version
    let outcome = world.commit(Change { expected: second, ..world.change(2, b"stale") }).await;
    assert_eq!(outcome, Committed::Conflict { current: Version::ABSENT });
}

pub(super) async fn a_conflict_changes_nothing(world: World) {
    // Given a lead with index entries and no message
    let lead = Change { heat: bound(5), wake: Some(50), ..world.change(1, b"lead") };
    world.apply(lead).await;
    // When a stale change would move all of it
    let stale = Change { heat: bound(9), wake: Some(90), outbox: vec![world.message(1)], ..world.change(1, b"stale") };
    assert!(matches!(world.commit(stale).await, Committed::Conflict { .. }));
    // Then nothing moved
    assert_eq!(world.load(1).await.unwrap().bytes, b"lead");
    assert_eq!(world.top(10).await, [(1, 5)]);
    assert_eq!(world.due(100).await[0].at, 50);
    assert_eq!(world.outbox().await, []);
}

pub(super) async fn a_second_change_of_one_lead_in_a_batch_is_a_conflict(world: World) {
    // Given two changes of one new lead, when they are committed together
    let changes = [world.change(1, b"first"), world.change(1, b"second")];
    let outcomes = world.store.commit(&changes).await.unwrap();
    // Then the first is applied and the second conflicts with it
    let Committed::Applied(version) = outcomes[0] else { super::panic_with("the first was not applied") };
    assert_eq!(outcomes[1], Committed::Conflict { current: version });
    assert_eq!(world.load(1).await.unwrap().bytes, b"first");
}

pub(super) async fn a_batch_answers_each_change_for_itself(world: World) {
    // Given a lead
    world.apply(world.change(1, b"there")).await;
    // When a batch holds a conflict between two good changes
    let changes = [world.change(2, b"two"), world.change(1, b"stale"), world.change(3, b"three")];
    let outcomes = world.store.commit(&changes).await.unwrap();
    // Then only that one is refused
    assert!(matches!(outcomes[..], [Committed::Applied(_), Committed::Conflict { .. }, Committed::Applied(_)]));
    assert_eq!(world.load(2).await.unwrap().bytes, b"two");
    assert_eq!(world.load(3).await.unwrap().bytes, b"three");
}

pub(super) async fn a_large_batch_is_answered_in_its_order(world: World) {
    // Given every third of three hundred leads, and every third tombstone
    let there: Vec<Change> = (0..300).step_by(3).map(|number| world.change(number, b"there")).collect();
    world.store.commit(&there).await.unwrap();
    let buried: Vec<_> = (1..300).step_by(3).map(|number| world.tombstone(number)).collect();
    world.store.bury(&buried).await.unwrap();
    // When all are committed as new in one batch
    let changes: Vec<Change> = (0..300).map(|number| world.change(number, &number.to_be_bytes())).collect();
    let outcomes = world.store.commit(&changes).await.unwrap();
    // Then each answer is its own, and the leads are loaded in the order of the keys
    let keys: Vec<LeadKey> = changes.iter().map(|change| change.key.clone()).collect();
    let loaded = world.store.load(&keys).await.unwrap();
    assert_eq!((outcomes.len(), loaded.len()), (300, 300));
    for (number, (outcome, lead)) in (0u64..).zip(outcomes.into_iter().zip(loaded)) {
        let bytes = lead.as_ref().map(|lead| lead.bytes.clone());
        let version = lead.map_or(Version::ABSENT, |lead| lead.version);
        let expected = match number % 3 {
            0 => (Committed::Conflict { current: version }, Some(b"there".to_vec())),
            1 => (Committed::Erased, None),
            _ => (Committed::Applied(version), Some(number.to_be_bytes().to_vec())),
        };
        assert_eq!((outcome, bytes), expected);
    }
}

pub(super) async fn bytes_are_kept_whatever_they_are(world: World) {
    // Given leads of every byte, of line ends, and of half a mebibyte
    let large: Vec<u8> = (0..1 << 19).map(|number: u32| (number % 251) as u8).collect();
    let all: Vec<u8> = (0..=255).collect();
    for (number, bytes) in [(1, all.as_slice()), (2, b"\r\n$-1\r\n\0"), (3, &large)] {
        world.apply(world.change(number, bytes)).await;
        // When they are loaded, then they are the same
        assert!(world.load(number).await.unwrap().bytes == bytes, "lead {number}");
    }
}

pub(super) async fn a_removed_lead_is_not_scanned(world: World) {
    // Given two leads of one partition, of which one is removed
    let partition = world.lead(1).partition();
    let other = (2..).find(|other| world.lead(*other).partition() == partition).unwrap();
    let version = world.apply(world.change(1, b"lead")).await;
    world.apply(world.change(other, b"other")).await;
    world.apply(Change { expected: version, lead: None, ..world.change(1, b"") }).await;
    // When the partition is scanned, then the other is seen alone
    let page = world.store.scan(partition, None, 100_000).await.unwrap();
    let ours = page.leads.iter().filter(|(key, _)| key.site == world.site);
    assert_eq!(ours.map(|(key, _)| number(key)).collect::<Vec<_>>(), [other]);
}

pub(super) async fn a_removed_lead_is_absent_and_its_old_version_stays_stale(world: World) {
    // Given a lead that was removed and made anew
    let first = world.apply(world.change(1, b"first")).await;
    let removal = Change { expected: first, lead: None, ..world.change(1, b"") };
    assert_eq!(world.apply(removal).await, Version::ABSENT);
    assert_eq!(world.load(1).await, None);
    let again = world.apply(world.change(1, b"again")).await;
    // When somebody commits from the version before, then it is a conflict
    assert!(again > first);
    let outcome = world.commit(Change { expected: first, ..world.change(1, b"stale") }).await;
    assert_eq!(outcome, Committed::Conflict { current: again });
}

pub(super) async fn of_parallel_writers_of_one_version_one_wins(world: World) {
    // Given a lead, when sixteen writers commit from its version at once
    let version = world.apply(world.change(1, b"before")).await;
    let outcomes = at_once((0..16u8).map(|writer| {
        let world = world.clone();
        async move { world.commit(Change { expected: version, ..world.change(1, &[writer]) }).await }
    }))
    .await;
    // Then one is applied, and its bytes are what is loaded
    let winners: Vec<u8> = (0..16).filter(|n| matches!(outcomes[usize::from(*n)], Committed::Applied(_))).collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(world.load(1).await.unwrap().bytes, winners);
}

pub(super) async fn parallel_increments_lose_none(world: World) {
    // Given a counter in a lead, when eight writers raise it ten times each, reloading at a conflict
    world.apply(world.change(1, &[0])).await;
    at_once((0..8).map(|_| {
        let world = world.clone();
        async move {
            for _ in 0..10 {
                loop {
                    let lead = world.load(1).await.unwrap();
                    let raised = Change { expected: lead.version, ..world.change(1, &[lead.bytes[0] + 1]) };
                    if matches!(world.commit(raised).await, Committed::Applied(_)) {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }
        }
    }))
    .await;
    // Then none is lost
    assert_eq!(world.load(1).await.unwrap().bytes, [80]);
}

pub(super) async fn sites_do_not_see_each_other(world: World) {
    // Given two sites of which one's name begins as the other's, with the same visitor
    let longer = crate::SiteName::parse(&format!("{}-b", world.site)).unwrap();
    let theirs = LeadKey::new(longer.clone(), world.lead(1).visitor);
    world.apply(Change { heat: bound(1), ..world.change(1, b"ours") }).await;
    world.apply(Change { key: theirs.clone(), heat: bound(2), ..world.change(1, b"theirs") }).await;
    // When each is asked, then it knows its own
    let loaded = world.store.load(&[world.lead(1), theirs.clone()]).await.unwrap();
    assert_eq!(loaded[0].as_ref().unwrap().bytes, b"ours");
    assert_eq!(loaded[1].as_ref().unwrap().bytes, b"theirs");
    assert_eq!(world.top(10).await, [(1, 1)]);
    let top = world.store.top(&longer, None, 10).await.unwrap();
    assert_eq!(top.iter().map(|entry| &entry.key).collect::<Vec<_>>(), [&theirs]);
}

pub(super) async fn a_scan_sees_every_lead_in_its_own_partition(world: World) {
    // Given a thousand leads
    let changes: Vec<Change> = (0..1000).map(|number| world.change(number, &number.to_be_bytes())).collect();
    world.store.commit(&changes).await.unwrap();
    let mut seen = Vec::new();
    // When every partition is scanned in small pages
    for partition in Partition::all() {
        let mut cursor = None;
        loop {
            let page = world.store.scan(partition, cursor, 3).await.unwrap();
            for (key, lead) in page.leads.into_iter().filter(|(key, _)| key.site == world.site) {
                assert_eq!(key.partition(), partition);
                assert_eq!(lead.bytes, number(&key).to_be_bytes());
                seen.push(number(&key));
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
    }
    // Then every lead was seen, in the partition of its visitor
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, (0..1000).collect::<Vec<_>>());
}

pub(super) async fn an_empty_batch_is_answered_with_nothing(world: World) {
    // Given nothing to do, when it is done, then nothing happens
    assert_eq!(world.store.load(&[]).await.unwrap(), []);
    assert_eq!(world.store.commit(&[]).await.unwrap(), []);
    assert_eq!(world.store.erased(&[]).await.unwrap(), [] as [bool; 0]);
    world.store.acknowledge(&[]).await.unwrap();
    world.store.erase(&[]).await.unwrap();
    assert_distinct(world.top(10).await);
}
