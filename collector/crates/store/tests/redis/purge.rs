//! What was erased is on no disk.

use std::fs;
use std::path::Path;

use servers::{Cluster, Persistence, Server, Settings};
use store::{Erasure, Store};

use crate::common::{self, change};

/// Settings of a server whose files can be searched: by itself it packs what is longer than twenty bytes.
fn plain(persistence: Persistence) -> Settings {
    common::settings().persistence(persistence).line("rdbcompression no")
}

/// Whether any file of a server, its own words apart, holds these bytes.
fn holds(folder: &Path, needle: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, needle);
        }
        memchr::memmem::find(&fs::read(&path).unwrap(), needle).is_some()
    })
}

async fn erases(store: &impl Store, folders: &[&Path]) {
    // Given a person's lead with a message, among others
    let person = change(7, b"PLANTED-PERSON");
    let others: Vec<_> = (100..200).map(|number| change(number, b"somebody else")).collect();
    store.commit(std::slice::from_ref(&person)).await.unwrap();
    store.commit(&others).await.unwrap();
    store.purge().await.unwrap();
    let id = *person.key.visitor.as_bytes();
    let anywhere = |needle: &[u8]| folders.iter().any(|folder| holds(folder, needle));
    assert!(anywhere(b"PLANTED-PERSON") && anywhere(&id));
    // When it is erased and the store purged
    let tombstone = store::Tombstone { digest: [0xee; 16], ..person.tombstone };
    store.erase(&[Erasure { key: person.key.clone(), tombstone }]).await.unwrap();
    store.purge().await.unwrap();
    // Then neither bytes nor id are on the disk, and the others are there
    assert!(!anywhere(b"PLANTED-PERSON") && !anywhere(&id));
    assert_eq!(store.top(&person.key.site, None, 1000).await.unwrap().len(), 100);
    assert_eq!(store.erased(&[tombstone]).await.unwrap(), [true]);
}

#[tokio::test]
async fn erased_bytes_are_in_no_append_only_file_and_no_snapshot_after_a_purge() {
    for persistence in [Persistence::AppendEverySecond, Persistence::Snapshots] {
        let server = Server::start(&plain(persistence)).unwrap();
        let store = common::open(&server).await;
        if persistence == Persistence::Snapshots {
            tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            server.ask(&["SAVE"]).unwrap();
        }
        erases(&store, &[server.folder()]).await;
    }
}

#[tokio::test]
async fn erased_bytes_are_in_no_file_of_a_cluster_after_a_purge() {
    let cluster = Cluster::start(3, 0, &plain(Persistence::AppendAlways)).unwrap();
    let folders: Vec<&Path> = cluster.nodes().iter().map(Server::folder).collect();
    erases(&common::open_cluster(&cluster).await, &folders).await;
}
