//! A cluster whose slots move and whose masters go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use servers::Cluster;
use store::redis::RedisStore;
use store::{Change, Committed, Partition, Store, StoreError, Version};

use crate::common::{self, change};

/// The slot of a partition, as the cluster says.
fn slot(cluster: &Cluster, partition: Partition) -> u16 {
    let key = format!("g:{{{:02x}}}w", partition.0);
    match cluster.nodes()[0].ask(&["CLUSTER", "KEYSLOT", &key]).unwrap() {
        servers::Reply::Number(slot) => u16::try_from(slot).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Raises the number in a lead by one, reloading at a conflict, until the store takes it.
async fn raise(store: &RedisStore, number: u64) {
    let begun = Instant::now();
    let mut last = String::new();
    loop {
        assert!(begun.elapsed() < Duration::from_secs(20), "lead {number} could not be raised: {last}");
        let key = change(number, b"").key;
        let loaded = match store.load(&[key]).await {
            Ok(loaded) => loaded,
            Err(error) => {
                last = format!("{error}: {:?}", std::error::Error::source(&error).map(ToString::to_string));
                continue;
            }
        };
        let (expected, count) = match &loaded[0] {
            None => (Version::ABSENT, 0),
            Some(lead) => (lead.version, u32::from_be_bytes(lead.bytes[..].try_into().unwrap())),
        };
        let raised = Change { expected, outbox: Vec::new(), ..change(number, &(count + 1).to_be_bytes()) };
        match store.commit(&[raised]).await {
            Ok(outcomes) if matches!(outcomes[..], [Committed::Applied(_)]) => return,
            Ok(outcomes) => last = format!("{outcomes:?}"),
            Err(error) => last = format!("{error}: {:?}", std::error::Error::source(&error).map(ToString::to_string)),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn count(store: &RedisStore, number: u64) -> u32 {
    let lead = store.load(&[change(number, b"").key]).await.unwrap()[0].clone().unwrap();
    u32::from_be_bytes(lead.bytes.try_into().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_that_move_under_load_lose_nothing_and_double_nothing() {
    // Given leads that are raised all the time
    let cluster = Cluster::start(3, 0, &common::settings()).unwrap();
    let store = Arc::new(common::open_cluster(&cluster).await);
    let stop = Arc::new(AtomicBool::new(false));
    let raising: Vec<_> = (0..8u64)
        .map(|number| {
            let (store, stop) = (store.clone(), stop.clone());
            tokio::spawn(async move {
                let mut raised = 0;
                while !stop.load(Ordering::Relaxed) {
                    raise(&store, number).await;
                    raised += 1;
                }
                raised
            })
        })
        .collect();
    // When the slots of their partitions are moved to every node in turn
    for node in [0, 1, 2, 0, 1, 2] {
        for number in 0..8 {
            cluster.move_slot(slot(&cluster, change(number, b"").key.partition()), node).unwrap();
        }
    }
    stop.store(true, Ordering::Relaxed);
    while !raising.iter().all(tokio::task::JoinHandle::is_finished) {
        for number in 0..8 {
            cluster.agree(slot(&cluster, change(number, b"").key.partition()), 2).unwrap();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Then each has been raised as often as was said
    for (number, raising) in (0..8).zip(raising) {
        let raised = raising.await.unwrap();
        assert_eq!(count(&store, number).await, raised, "lead {number}");
    }
    assert_eq!(store.top(&change(0, b"").key.site, None, 100).await.unwrap().len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_whose_master_is_away_fail_for_themselves_until_a_replica_takes_over() {
    // Given a cluster with replicas, and a lead on each master
    let mut cluster = Cluster::start(3, 1, &common::settings()).unwrap();
    let store = common::open_cluster(&cluster).await;
    let on = |cluster: &Cluster, node: usize| {
        let owner = |number: &u64| cluster.owner(slot(cluster, change(*number, b"").key.partition()), 0).unwrap();
        (0..).find(|number| owner(number) == Some(node)).unwrap()
    };
    let [here, there] = [on(&cluster, 0), on(&cluster, 1)];
    for number in [here, there] {
        raise(&store, number).await;
    }
    let identity = store.health().await.unwrap().identity;
    // (Replication is asynchronous, and what it loses the log brings back: here it is to have arrived.)
    let mut connection = cluster.node(1).connect().unwrap();
    let key = format!("g:{{{:02x}}}cs", change(there, b"").key.partition().0);
    connection.ask(&["SET", &key, "1", "EX", "60"]).unwrap();
    assert_eq!(connection.ask(&["WAIT", "1", "5000"]).unwrap(), servers::Reply::Number(1));
    // When one of the masters is killed
    cluster.node(1).kill_9().unwrap();
    // Then what lies on it is unavailable, and the rest is not
    let error = store.load(&[change(there, b"").key]).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    raise(&store, here).await;
    // And when its replica has taken over, all of it goes on, as another store
    raise(&store, there).await;
    assert_eq!((count(&store, here).await, count(&store, there).await), (2, 2));
    cluster.wait_until_whole(Duration::from_secs(20)).unwrap();
    assert_ne!(store.health().await.unwrap().identity, identity);
}
