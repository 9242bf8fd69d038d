//! The embedded store after a loss of power, and on a disk that turns bits: what was durable is there, or it is said that it
//! is not.

#![expect(clippy::unwrap_used, reason = "functions that tests share fail as tests do")]

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use store::embedded::{EmbeddedStore, Settings};
use store::{Change, LeadKey, SiteName, Store, StoreError, Tombstone, Version, VisitorId};

/// Bytes of a journal in which all that these tests write has room.
const BEGINNING: u64 = 64 * 1024;

fn open(folder: &Path) -> Result<EmbeddedStore, StoreError> {
    EmbeddedStore::open(folder, Settings::default())
}

fn change(number: u64) -> Change {
    let mut visitor = [0x5a; 16];
    visitor[..8].copy_from_slice(&number.to_be_bytes());
    let key = LeadKey::new(SiteName::parse("shop").unwrap(), VisitorId::from_bytes(visitor));
    let lead = Some(format!("lead {number} ").repeat(20).into_bytes());
    let tombstone = Tombstone::of(&key, visitor);
    Change { tombstone, key, expected: Version::ABSENT, lead, heat: None, wake: None, outbox: Vec::new() }
}

async fn commit(store: &EmbeddedStore, numbers: std::ops::Range<u64>) {
    for number in numbers {
        store.commit(&[change(number)]).await.unwrap();
    }
}

/// How many of these are there, from the first on: whatever is lost is lost from the end.
async fn there(store: &EmbeddedStore, numbers: std::ops::Range<u64>) -> u64 {
    let keys: Vec<LeadKey> = numbers.map(|number| change(number).key).collect();
    let found: Vec<bool> = store.load(&keys).await.unwrap().iter().map(Option::is_some).collect();
    let count = found.iter().take_while(|found| **found).count();
    assert!(found[count..].iter().all(|found| !found), "a hole in what is there: {found:?}");
    count as u64
}

fn journal(folder: &Path) -> PathBuf {
    let journals = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    journals.filter(|path| path.extension().is_some_and(|end| end == "jnl")).max().unwrap()
}

/// Where the zeros at the end of the newest journal begin.
fn content(folder: &Path) -> usize {
    let mut bytes = Vec::new();
    fs::File::open(journal(folder)).unwrap().take(BEGINNING).read_to_end(&mut bytes).unwrap();
    bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1
}

/// A store of which ten leads are durable and ten are not; with where the journal ended before and after those.
async fn half_durable(folder: &Path) -> (usize, usize) {
    let store = open(folder).unwrap();
    commit(&store, 0..10).await;
    store.persist().await.unwrap();
    let durable = content(folder);
    commit(&store, 10..20).await;
    // Into the file, and no further.
    store.health().await.unwrap();
    let end = content(folder);
    drop(store);
    (durable, end)
}

fn change_journal(folder: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let path = journal(folder);
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_journal_torn_anywhere_behind_what_was_durable_is_cut() {
    let origin = tempfile::tempdir().unwrap();
    let (durable, end) = half_durable(origin.path()).await;
    // Given one that ends at any of many places, or lost a sector there, or has a bit turned there
    let mut seen = std::collections::BTreeSet::new();
    for at in (durable..end).step_by(331) {
        for way in 0..3 {
            let copy = tempfile::tempdir().unwrap();
            copy_folder(origin.path(), copy.path());
            change_journal(copy.path(), |bytes| match way {
                0 => bytes[at..].fill(0),
                1 => bytes[at..(at + 512).min(end)].fill(0),
                _ => bytes[at] ^= 1 << (at % 8),
            });
            // When it is opened
            let store = open(copy.path()).unwrap();
            // Then what was durable is there, and what came later as far as it is whole; and it goes on
            let kept = there(&store, 0..20).await;
            assert!(kept >= 10, "{kept} at {at}, way {way}");
            seen.insert(kept);
            commit(&store, 100..103).await;
            store.persist().await.unwrap();
            drop(store);
            let store = open(copy.path()).unwrap();
            assert_eq!((there(&store, 0..20).await, there(&store, 100..103).await), (kept, 3));
        }
    }
    assert!(seen.len() > 3, "{seen:?}");
}

#[tokio::test]
async fn damage_where_it_was_durable_is_refused_and_nothing_is_changed() {
    let origin = tempfile::tempdir().unwrap();
    let (durable, _) = half_durable(origin.path()).await;
    let mut refused = 0;
    for at in (0..durable).step_by(83) {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(origin.path(), copy.path());
        change_journal(copy.path(), |bytes| bytes[at] ^= 1);
        let before = fs::read(journal(copy.path())).unwrap();
        // When a store is opened one of whose durable bits has turned, then it says so, and leaves it to a person. (Of a
        // batch everything but its sequence number is under its checksum.)
        match open(copy.path()) {
            Err(StoreError::Corrupt { what, .. }) => {
                assert!(what.contains("damaged at byte"), "{what}");
                assert_eq!(fs::read(journal(copy.path())).unwrap(), before);
                refused += 1;
            }
            other => assert!(other.is_ok() && there(&other.unwrap(), 0..10).await == 10, "byte {at}"),
        }
    }
    assert!(refused > 20, "{refused}");
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else if path.extension().is_some_and(|end| end == "jnl") {
            // Few of the zeros that a journal ends with.
            let mut bytes = Vec::new();
            fs::File::open(&path).unwrap().take(BEGINNING).read_to_end(&mut bytes).unwrap();
            assert!(bytes.ends_with(&[0; 4096]), "all that is written is copied");
            fs::write(target, bytes).unwrap();
        } else {
            fs::copy(&path, target).unwrap();
        }
    }
}
