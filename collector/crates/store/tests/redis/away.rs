//! A server that is away, hangs, or comes back empty.

use std::time::{Duration, Instant};

use servers::{Persistence, Server};
use store::{Committed, Store, StoreError, Version};

use crate::common::{self, change};

/// Tries until it works; at most for five seconds.
async fn until_it_works(store: &impl Store) {
    let begun = Instant::now();
    while let Err(error) = store.load(&[change(1, b"").key]).await {
        assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_server_that_was_killed_is_unavailable_at_once_and_used_again_when_it_is_back() {
    // Given a store with a lead on a server that syncs every write
    let mut server = Server::start(&common::settings().persistence(Persistence::AppendAlways)).unwrap();
    let store = common::open(&server).await;
    store.commit(&[change(1, b"lead")]).await.unwrap();
    let identity = store.health().await.unwrap().identity;
    // When the server is killed
    server.kill_9().unwrap();
    // Then every call says so, and soon without trying
    let begun = Instant::now();
    for _ in 0..200 {
        let error = store.load(&[change(1, b"").key]).await.unwrap_err();
        assert!(error.is_transient(), "{error}");
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    // And when it is back it is another one, which knows no script, and the lead is there
    server.restart().unwrap();
    until_it_works(&store).await;
    assert_ne!(store.health().await.unwrap().identity, identity);
    assert_eq!(store.load(&[change(1, b"").key]).await.unwrap()[0].as_ref().unwrap().bytes, b"lead");
    assert!(matches!(store.commit(&[change(2, b"lead")]).await.unwrap()[..], [Committed::Applied(_)]));
}

#[tokio::test]
async fn a_version_that_a_server_has_lost_does_not_come_again() {
    // Given a lead on a server that keeps nothing, and the server started again
    let mut server = Server::start(&common::settings()).unwrap();
    let store = common::open(&server).await;
    let Committed::Applied(lost) = store.commit(&[change(1, b"lead")]).await.unwrap()[0] else { panic!() };
    server.restart().unwrap();
    until_it_works(&store).await;
    // When the lead is made anew, then its version is a later one
    let Committed::Applied(anew) = store.commit(&[change(1, b"anew")]).await.unwrap()[0] else { panic!() };
    assert!(anew > lost);
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_and_used_again_when_it_goes_on() {
    // Given a server that hangs
    let server = Server::start(&common::settings()).unwrap();
    let store = common::open_impatient(&server).await;
    store.commit(&[change(1, b"lead")]).await.unwrap();
    server.suspend().unwrap();
    // When something is committed, then that is unavailable within the time for an answer
    let begun = Instant::now();
    let error = store.commit(&[change(2, b"lead")]).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { doing: "commit", .. }), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    // And when it goes on, the same commit is applied, or known to have been
    server.resume().unwrap();
    until_it_works(&store).await;
    match store.commit(&[change(2, b"lead")]).await.unwrap()[0] {
        Committed::Applied(_) => {}
        Committed::Conflict { current } => assert_ne!(current, Version::ABSENT),
        Committed::Erased => panic!("it was not erased"),
    }
    assert_eq!(store.load(&[change(2, b"").key]).await.unwrap()[0].as_ref().unwrap().bytes, b"lead");
}

#[tokio::test]
async fn a_server_whose_memory_is_full_refuses_a_commit_whole() {
    // Given a server with little memory
    let server = Server::start(&common::settings().line("maxmemory 4mb")).unwrap();
    let store = common::open(&server).await;
    // When leads are committed until it is full
    let large = vec![7; 1 << 16];
    let mut number = 1;
    let error = loop {
        match store.commit(&[change(number, &large)]).await {
            Ok(_) => number += 1,
            Err(error) => break error,
        }
        assert!(number < 1000, "it never is");
    };
    // Then the last is refused, and nothing of it is there
    assert!(error.is_transient(), "{error}");
    let key = change(number, b"").key;
    assert_eq!(store.load(std::slice::from_ref(&key)).await.unwrap(), [None]);
    assert!(store.top(&key.site, None, 10_000).await.unwrap().iter().all(|entry| entry.key != key));
    let due = store.due(&store::Partitions::ALL, i64::MAX, 10_000).await.unwrap();
    assert!(due.iter().all(|due| due.key != key));
}
