//! Documents.

use super::{World, at_once, panic_with};
use crate::{StoreError, Version};

pub(super) async fn a_document_is_put_if_its_version_is_as_expected(world: World) {
    // Given no document
    let name = world.document();
    assert_eq!(world.store.document(&name).await.unwrap(), None);
    // When it is put, and put again from its version
    let first = world.store.put_document(&name, Version::ABSENT, b"one".to_vec()).await.unwrap();
    let second = world.store.put_document(&name, first, b"two".to_vec()).await.unwrap();
    // Then it is the second, and a stale writer is told the current version
    assert!(second > first);
    for expected in [Version::ABSENT, first] {
        match world.store.put_document(&name, expected, b"stale".to_vec()).await {
            Err(StoreError::Conflict { current, .. }) => assert_eq!(current, second),
            other => panic_with(&format!("a conflict was expected, not {other:?}")),
        }
    }
    let document = world.store.document(&name).await.unwrap().unwrap();
    assert_eq!((document.version, document.bytes), (second, b"two".to_vec()));
}

pub(super) async fn of_parallel_puts_of_one_version_one_wins(world: World) {
    // Given a document, when sixteen put it from its version at once
    let name = world.document();
    let version = world.store.put_document(&name, Version::ABSENT, vec![]).await.unwrap();
    let results = at_once((0..16u8).map(|writer| {
        let (world, name) = (world.clone(), name.clone());
        async move { world.store.put_document(&name, version, vec![writer]).await }
    }))
    .await;
    // Then one is put and the others are told of it
    let winners: Vec<u8> = (0..16).filter(|writer| results[usize::from(*writer)].is_ok()).collect();
    assert_eq!(winners.len(), 1);
    assert!(results.iter().all(|result| matches!(result, Ok(_) | Err(StoreError::Conflict { .. }))));
    assert_eq!(world.store.document(&name).await.unwrap().unwrap().bytes, winners);
}
