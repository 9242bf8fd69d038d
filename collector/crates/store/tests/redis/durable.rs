//! What a store says of its durability.

use std::time::{Duration, Instant};

use servers::{Persistence, Server};
use store::{Durability, Store};

use crate::common::{self, change};

/// Asks until the store says that what was committed by then is durable, at most for half a minute.
async fn until_durable(store: &impl Store, committed: Instant) {
    loop {
        let durability = store.persist().await.unwrap();
        if durability.covers(committed.elapsed()) {
            return;
        }
        assert!(committed.elapsed() < Duration::from_secs(30), "{durability:?}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

#[tokio::test]
async fn a_server_that_keeps_nothing_is_volatile() {
    let server = Server::start(&common::settings()).unwrap();
    assert_eq!(common::open(&server).await.persist().await.unwrap(), Durability::Volatile);
}

#[tokio::test]
async fn what_an_append_only_file_has_synced_is_durable_and_survives_a_kill() {
    // Given a lead on a server that syncs every second
    let mut server = Server::start(&common::settings().persistence(Persistence::AppendEverySecond)).unwrap();
    let store = common::open(&server).await;
    store.commit(&[change(1, b"lead")]).await.unwrap();
    assert_eq!(store.persist().await.unwrap(), Durability::Pending);
    // When the store says that it is durable, then so it is
    until_durable(&store, Instant::now()).await;
    server.kill_9().unwrap();
    server.restart().unwrap();
    let store = common::open(&server).await;
    assert!(store.load(&[change(1, b"").key]).await.unwrap()[0].is_some());
    // And of the server that was started anew nothing is known yet
    assert_eq!(store.persist().await.unwrap(), Durability::Pending);
}

#[tokio::test]
async fn what_was_there_before_a_snapshot_is_durable() {
    // Given a lead on a server with snapshots, of which none was taken yet
    let server = Server::start(&common::settings().persistence(Persistence::Snapshots)).unwrap();
    let store = common::open(&server).await;
    store.commit(&[change(1, b"lead")]).await.unwrap();
    let committed = Instant::now();
    assert!(!store.persist().await.unwrap().covers(Duration::MAX));
    // When one is taken a while later (its times are told in seconds), then what was committed before it is durable
    tokio::time::sleep(Duration::from_secs(3)).await;
    server.ask(&["BGSAVE"]).unwrap();
    until_durable(&store, committed).await;
}

#[tokio::test]
async fn what_a_replica_has_acknowledged_is_durable_and_what_it_has_not_is_not() {
    // Given a server that keeps nothing, with a replica that hangs
    let server = Server::start(&common::settings()).unwrap();
    let replica =
        Server::start(&servers::Settings::new().line(format!("replicaof 127.0.0.1 {}", server.port()))).unwrap();
    let store = common::open(&server).await;
    until_durable(&store, Instant::now()).await;
    replica.suspend().unwrap();
    store.commit(&[change(1, b"lead")]).await.unwrap();
    let begun = Instant::now();
    // When it is asked what is durable, then not what was committed since
    while begun.elapsed() < Duration::from_secs(2) {
        assert!(!store.persist().await.unwrap().covers(Duration::ZERO));
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    // And when the replica goes on, it is
    replica.resume().unwrap();
    until_durable(&store, Instant::now()).await;
}
