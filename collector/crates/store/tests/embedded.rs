//! The embedded store: what every store must do, and what only this one does.

#![expect(clippy::unwrap_used, reason = "functions that tests share fail as tests do")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use store::conformance;
use store::embedded::{EmbeddedStore, Settings};
use store::{
    Bound, Change, Committed, Durability, Erasure, LeadKey, Message, MessageId, Partition, Partitions, SiteName, Store,
    StoreError, Tombstone, Version, VisitorId,
};

fn open(folder: &Path) -> EmbeddedStore {
    EmbeddedStore::open(folder, Settings::default()).unwrap()
}

/// A new lead of that number, everywhere where a lead can be.
fn change(number: u64, bytes: &[u8]) -> Change {
    let mut visitor = [0x5a; 16];
    visitor[..8].copy_from_slice(&number.to_be_bytes());
    let key = LeadKey::new(SiteName::parse("shop").unwrap(), VisitorId::from_bytes(visitor));
    Change {
        tombstone: Tombstone::of(&key, visitor),
        key,
        expected: Version::ABSENT,
        lead: Some(bytes.to_vec()),
        heat: Some(Bound::from_micro_points(number.cast_signed())),
        wake: Some(number.cast_signed()),
        outbox: vec![Message { id: MessageId(visitor), kind: 1, bytes: bytes.to_vec() }],
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn passes_every_case_of_the_suite() {
    // Given one embedded store
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(open(folder.path()));
    // When all cases run on it at once
    let running: Vec<_> =
        conformance::cases().into_iter().map(|case| (case.name, tokio::spawn((case.run)(store.clone())))).collect();
    // Then all pass
    let mut failed = Vec::new();
    for (name, case) in running {
        if case.await.is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "these cases failed: {failed:?}");
}

#[tokio::test]
async fn everything_is_there_after_reopening() {
    // Given a store with leads, entries, messages, a document and a tombstone, persisted and closed
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let changes: Vec<Change> = (1..=300).map(|number| change(number, &number.to_be_bytes())).collect();
    let committed = store.commit(&changes).await.unwrap();
    let name = store::DocumentName::parse("model/shop").unwrap();
    let version = store.put_document(&name, Version::ABSENT, b"model".to_vec()).await.unwrap();
    store.bury(&[change(999, b"").tombstone]).await.unwrap();
    let identity = store.health().await.unwrap().identity;
    assert_eq!(store.persist().await.unwrap(), Durability::Durable);
    drop(store);

    // When it is opened again
    let store = open(folder.path());
    // Then all of it is there, at the same versions, and new versions are new
    let keys: Vec<LeadKey> = changes.iter().map(|change| change.key.clone()).collect();
    let loaded = store.load(&keys).await.unwrap();
    for ((lead, committed), number) in loaded.into_iter().zip(committed).zip(1u64..) {
        let lead = lead.unwrap();
        assert_eq!((Committed::Applied(lead.version), lead.bytes), (committed, number.to_be_bytes().to_vec()));
    }
    let top = store.top(&keys[0].site, None, 1000).await.unwrap();
    assert_eq!(top.iter().map(|entry| entry.bound.micro_points()).collect::<Vec<_>>(), Vec::from_iter((1..=300).rev()));
    assert_eq!(store.due(&Partitions::ALL, 1000, 1000).await.unwrap().len(), 300);
    assert_eq!(store.outbox(&Partitions::ALL, None, 1000).await.unwrap().len(), 300);
    assert_eq!(store.document(&name).await.unwrap().unwrap().version, version);
    assert_eq!(store.commit(&[change(999, b"")]).await.unwrap(), [Committed::Erased]);
    assert_eq!(store.health().await.unwrap().identity, identity);
    let Committed::Applied(next) = store.commit(&[change(500, b"")]).await.unwrap()[0] else { panic!() };
    assert!(next > version);
}

#[tokio::test]
async fn a_scan_sees_every_lead_exactly_once() {
    // Given leads in all partitions
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let changes: Vec<Change> = (0..2000).map(|number| change(number, b"lead")).collect();
    store.commit(&changes).await.unwrap();
    // When all are scanned in pages
    let mut seen = Vec::new();
    for partition in Partition::all() {
        let mut cursor = None;
        loop {
            let page = store.scan(partition, cursor, 3).await.unwrap();
            seen.extend(page.leads.into_iter().map(|(key, _)| key));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
    }
    // Then none comes twice, none is missing
    let mut expected: Vec<LeadKey> = changes.into_iter().map(|change| change.key).collect();
    expected.sort();
    seen.sort();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn readers_never_see_half_a_commit() {
    // Given a lead whose bound is also in its bytes, that a writer moves all the time
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let lead = change(1, b"");
    let key = lead.key.clone();
    let writer = {
        let store = store.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let mut version = Version::ABSENT;
            for heat in 0..2000i64 {
                let change = Change {
                    expected: version,
                    heat: Some(Bound::from_micro_points(heat)),
                    outbox: Vec::new(),
                    ..lead.clone()
                };
                let outcome = runtime.block_on(store.commit(&[change])).unwrap()[0];
                let Committed::Applied(next) = outcome else { panic!("{outcome:?}") };
                version = next;
            }
        })
    };
    // When the index is read meanwhile, then it holds the lead once, always, once it is there
    let mut there = false;
    while !writer.is_finished() {
        let entries = store.top(&key.site, None, 10).await.unwrap().len();
        assert!(entries == 1 || (!there && entries == 0), "{entries} entries");
        there |= entries == 1;
    }
    writer.join().unwrap();
}

#[tokio::test]
async fn a_store_in_use_is_refused() {
    // Given an open store, when its folder is opened again, then it is refused by name
    let folder = tempfile::tempdir().unwrap();
    let _store = open(folder.path());
    let refused = EmbeddedStore::open(folder.path(), Settings::default());
    assert!(matches!(refused, Err(StoreError::InUse { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused_with_both_numbers() {
    // Given a store that a newer version wrote
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let database = fjall::Database::builder(folder.path()).open().unwrap();
    let meta = database.keyspace("meta", fjall::KeyspaceCreateOptions::default).unwrap();
    meta.insert("format", [9]).unwrap();
    drop((meta, database));
    // When it is opened, then it is refused, and the message names both
    let error = EmbeddedStore::open(folder.path(), Settings::default()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 9, known: 1, .. }), "{error}");
    assert!(error.to_string().contains("format 9") && error.to_string().contains("format 1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn reopening_in_process_keeps_what_was_persisted_and_calls_meanwhile_wait() {
    // Given a store that somebody uses all the time
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.commit(&[change(1, b"lead")]).await.unwrap();
    store.persist().await.unwrap();
    let user = {
        let store = store.clone();
        tokio::spawn(async move {
            for number in 10..200 {
                assert!(store.load(&[change(1, b"").key]).await.unwrap()[0].is_some());
                store.commit(&[change(number, b"more")]).await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
    };
    // When it is reopened several times, then no call fails
    for _ in 0..5 {
        store.reopen().await.unwrap();
    }
    user.await.unwrap();
    assert_eq!(store.top(&change(1, b"").key.site, None, 1000).await.unwrap().len(), 191);
}

#[tokio::test]
async fn a_failed_reopening_makes_calls_unavailable_until_one_succeeds() {
    // Given a store whose folder cannot be opened again
    let parent = tempfile::tempdir().unwrap();
    let (folder, aside) = (parent.path().join("store"), parent.path().join("aside"));
    let store = open(&folder);
    store.commit(&[change(1, b"lead")]).await.unwrap();
    fs::rename(&folder, &aside).unwrap();
    fs::write(&folder, b"not a folder").unwrap();
    // When it is reopened, then that fails, and every call says unavailable
    store.reopen().await.unwrap_err();
    assert!(matches!(store.load(&[]).await, Err(StoreError::Unavailable { .. })));
    assert!(matches!(store.health().await, Err(StoreError::Unavailable { .. })));
    // And once the folder is there again, it works
    fs::remove_file(&folder).unwrap();
    fs::rename(&aside, &folder).unwrap();
    store.reopen().await.unwrap();
    assert!(store.load(&[change(1, b"").key]).await.unwrap()[0].is_some());
}

/// Whether any file below the folder holds these bytes.
fn holds(folder: &Path, needle: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holds(&path, needle));
        } else if memchr::memmem::find(&fs::read(&path).unwrap(), needle).is_some() {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn erased_bytes_are_in_no_file_after_a_purge() {
    // Given a person's bytes in a lead, its messages and its id, among others', some of them in tables already
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let person = change(7, b"PLANTED-PERSON");
    let id = *person.key.visitor.as_bytes();
    let tombstone = Tombstone::of(&person.key, [0xee; 16]);
    let mut version = Version::ABSENT;
    for round in 0..3u64 {
        let others: Vec<Change> = (0..200).map(|n| change(1000 + 200 * round + n, b"somebody else")).collect();
        store.commit(&others).await.unwrap();
        let mut again = Change { expected: version, tombstone, ..person.clone() };
        again.outbox[0].bytes.push(b'0' + round as u8);
        let Committed::Applied(next) = store.commit(&[again]).await.unwrap()[0] else { panic!() };
        version = next;
        if round == 0 {
            store.purge().await.unwrap();
        }
    }
    store.persist().await.unwrap();
    assert!(!holds(folder.path(), b"PLANTED-PERSON").is_empty());
    assert!(!holds(folder.path(), &id).is_empty());

    // When the person is erased and the store purged
    store.erase(&[Erasure { key: person.key.clone(), tombstone }]).await.unwrap();
    store.purge().await.unwrap();

    // Then neither is in any file, and the others are there, also after reopening
    assert_eq!(holds(folder.path(), b"PLANTED-PERSON"), [] as [String; 0]);
    assert_eq!(holds(folder.path(), &id), [] as [String; 0]);
    assert_eq!(store.top(&person.key.site, None, 1000).await.unwrap().len(), 600);
    store.reopen().await.unwrap();
    assert_eq!(store.top(&person.key.site, None, 1000).await.unwrap().len(), 600);
    assert_eq!(store.erased(&[tombstone]).await.unwrap(), [true]);
}
