//! Erasures, told from collector to collector: who is erased by one is refused by all.
//!
//! A document holds the last tombstones that were told of, and how many there ever were. Who missed more than it holds reads
//! the store's own. The store refuses commits of erased visitors by itself, whether or not a collector has heard: this is
//! about what a collector says and logs.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use store::{Document, DocumentName, Partition, Store, StoreError, Tombstone, Version};
use thiserror::Error;

use super::{MOST_TRIES, News, lock};
use crate::app::App;
use crate::erasure::Erased;

const FORMAT: u8 = 1;
/// Tombstones that the document holds: 17 kB, and more than are erased between two looks.
const KEPT: usize = 1_024;
/// Tombstones of a partition that are read at once.
const AT_ONCE: usize = 1_024;

/// Why erasures cannot be told of or followed.
#[derive(Debug, Error)]
pub(crate) enum ErasuresError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The collector's own file of tombstones.
    #[error("the file of tombstones: {0}")]
    File(#[from] std::io::Error),
    /// The document.
    #[error("the document of erasures {0}")]
    Document(String),
}

/// The last tombstones that were told of, oldest first.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    /// How many there ever were.
    count: u64,
    last: Vec<([u8; 16], u8)>,
}

impl Told {
    fn decode(document: Option<&Document>) -> Result<Self, ErasuresError> {
        let Some(document) = document else { return Ok(Self::default()) };
        match document.bytes.split_first() {
            Some((&FORMAT, content)) => postcard::from_bytes(content)
                .map_err(|error| ErasuresError::Document(format!("does not read: {error}"))),
            found => {
                let found = found.map_or(0, |(format, _)| *format);
                Err(ErasuresError::Document(format!("has format {found}, and this version reads {FORMAT}")))
            }
        }
    }

    /// Adds those that are not among the last, and says whether there was any.
    fn add(&mut self, tombstones: &[Tombstone]) -> bool {
        let before = self.count;
        for tombstone in tombstones {
            let entry = (tombstone.digest, tombstone.partition.0);
            if !self.last.contains(&entry) {
                self.last.push(entry);
                self.count += 1;
            }
        }
        self.last.drain(..self.last.len().saturating_sub(KEPT));
        self.count > before
    }

    /// Those told of after the first `known`; `None` when they are not all here any more.
    fn after(&self, known: u64) -> Option<Vec<Tombstone>> {
        let missed = usize::try_from(self.count.saturating_sub(known)).ok()?;
        let from = self.last.len().checked_sub(missed)?;
        let read =
            |(digest, partition): &([u8; 16], u8)| Tombstone { partition: Partition(*partition), digest: *digest };
        Some(self.last.get(from..)?.iter().map(read).collect())
    }
}

/// Tells the other collectors of tombstones that the store has. Can be repeated.
///
/// # Errors
/// When the store is away: the others find out when they next read the store's own.
pub(crate) async fn tell(app: &App, tombstones: &[Tombstone]) -> Result<(), ErasuresError> {
    let name = name()?;
    for _ in 0..MOST_TRIES {
        let document = app.store.document(&name).await?;
        let mut told = Told::decode(document.as_ref())?;
        // A store that was lost begins anew, and those who follow would miss what is counted twice.
        told.count = told.count.max(lock(&app.fleet.known).erasures);
        if !told.add(tombstones) {
            return Ok(());
        }
        let version = document.map_or(Version::ABSENT, |document| document.version);
        let bytes = postcard::to_extend(&told, vec![FORMAT]);
        let bytes = bytes.map_err(|error| ErasuresError::Document(error.to_string()))?;
        match app.store.put_document(&name, version, bytes).await {
            Ok(_) => {
                // What others told of before stands in it too, and may not be known here.
                take_in(app, &told).await?;
                return Ok(());
            }
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ErasuresError::Document(format!("was changed by others {MOST_TRIES} times in a row")))
}

/// Takes in what other collectors told.
///
/// # Errors
/// When the store is away, or this collector's own file cannot be written.
pub(super) async fn follow(app: &Arc<App>) -> Result<(), ErasuresError> {
    let document = app.store.document(&name()?).await?;
    take_in(app, &Told::decode(document.as_ref())?).await
}

async fn take_in(app: &App, told: &Told) -> Result<(), ErasuresError> {
    let known = lock(&app.fleet.known).erasures;
    if told.count <= known {
        return Ok(());
    }
    let new = match told.after(known) {
        Some(missed) => remember(&app.erased, missed).await?,
        None => unite(&app.erased, &*app.store).await?,
    };
    app.fleet.tell(&News { erasures: told.count, ..News::default() });
    if new > 0 {
        // A tombstone does not say whose it is: all that is remembered is read again when it is asked for.
        app.leads.forget_all();
        // What of theirs is in this collector's log goes too.
        app.erasure_waiting.notify_one();
    }
    Ok(())
}

/// Before the store's tombstones are read for the first time: how many were told of by now.
///
/// # Errors
/// When the store is away.
pub(crate) async fn told_so_far(store: &dyn Store) -> Result<u64, ErasuresError> {
    Ok(Told::decode(store.document(&name()?).await?.as_ref())?.count)
}

/// What was told of by then is known here.
pub(crate) fn known(app: &App, count: u64) {
    lock(&app.fleet.known).erasures = count;
}

/// Tombstones of the store and of this collector's own file become one set in both. Says how many were new here.
///
/// # Errors
/// When the store is away, or the file cannot be written.
pub(crate) async fn unite(erased: &Arc<Erased>, store: &dyn Store) -> Result<usize, ErasuresError> {
    store.bury(&erased.all()).await?;
    let mut new = 0;
    for partition in Partition::all() {
        let mut after = None;
        loop {
            let found = store.tombstones(partition, after, AT_ONCE).await?;
            after = found.last().copied();
            let more = found.len() == AT_ONCE;
            new += remember(erased, found).await?;
            if !more {
                break;
            }
        }
    }
    Ok(new)
}

async fn remember(erased: &Arc<Erased>, tombstones: Vec<Tombstone>) -> Result<usize, ErasuresError> {
    if tombstones.is_empty() {
        return Ok(0);
    }
    let erased = erased.clone();
    let adding = tokio::task::spawn_blocking(move || erased.add_all(&tombstones)).await;
    Ok(adding.map_err(std::io::Error::other)??)
}

fn name() -> Result<DocumentName, ErasuresError> {
    DocumentName::parse("fleet/erasures").map_err(|error| ErasuresError::Document(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tombstone(number: u64) -> Tombstone {
        Tombstone { partition: Partition(7), digest: u128::from(number).to_be_bytes() }
    }

    #[test]
    fn who_missed_some_gets_those_and_who_missed_too_many_is_told_so() {
        let mut told = Told::default();
        assert!(told.add(&[tombstone(1), tombstone(2)]));
        assert!(!told.add(&[tombstone(2)]), "it was told");
        assert!(told.add(&[tombstone(3)]));
        assert_eq!(told.after(1), Some(vec![tombstone(2), tombstone(3)]));
        assert_eq!(told.after(3), Some(Vec::new()));

        let many: Vec<Tombstone> = (10..10 + KEPT as u64).map(tombstone).collect();
        assert!(told.add(&many));
        assert_eq!((told.count, told.last.len()), (3 + KEPT as u64, KEPT));
        assert_eq!(told.after(3), Some(many));
        assert_eq!(told.after(2), None);
    }
}
