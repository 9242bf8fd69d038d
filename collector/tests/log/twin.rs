//! A store that can be taken away, put in the place of another, and made to refuse.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use async_trait::async_trait;
use store::{
    Change, Committed, Confirmed, Document, DocumentName, Due, Durability, Erasure, Health, HeatCursor, HeatEntry,
    Holder, LeadKey, OutboxId, Partition, Partitions, Queued, Reservation, Reserved, ResourceName, ScanCursor, Scanned,
    SiteName, Store, StoreError, StoredLead, Tombstone, UnixMillis, Usage, Version,
};

/// What befalls whoever commits a lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The store says that it is too large.
    Refused,
    /// The store panics.
    Panic,
}

/// Stands before a store. Clones are the same.
#[derive(Clone)]
pub(crate) struct Twin {
    inner: Arc<RwLock<Arc<dyn Store>>>,
    away: Arc<AtomicBool>,
    durability: Arc<Mutex<Option<Durability>>>,
    cursed: Arc<Mutex<Vec<(LeadKey, Fate)>>>,
}

impl Twin {
    pub(crate) fn before(store: Arc<dyn Store>) -> Self {
        Self {
            inner: Arc::new(RwLock::new(store)),
            away: Arc::default(),
            durability: Arc::default(),
            cursed: Arc::default(),
        }
    }

    /// From now on it is another store.
    pub(crate) fn becomes(&self, store: Arc<dyn Store>) {
        *self.inner.write().unwrap() = store;
    }

    pub(crate) fn away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// What it says of its durability, in place of the truth.
    pub(crate) fn says(&self, durability: Durability) {
        *self.durability.lock().unwrap() = Some(durability);
    }

    pub(crate) fn curse(&self, key: &LeadKey, fate: Fate) {
        self.cursed.lock().unwrap().push((key.clone(), fate));
    }

    pub(crate) fn lift_curses(&self) {
        self.cursed.lock().unwrap().clear();
    }

    fn store(&self) -> Result<Arc<dyn Store>, StoreError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable { doing: "answer", source: "it was taken away".into() });
        }
        Ok(self.inner.read().unwrap().clone())
    }
}

#[async_trait]
impl Store for Twin {
    async fn load(&self, keys: &[LeadKey]) -> Result<Vec<Option<StoredLead>>, StoreError> {
        self.store()?.load(keys).await
    }

    async fn commit(&self, changes: &[Change]) -> Result<Vec<Committed>, StoreError> {
        let cursed = self.cursed.lock().unwrap().clone();
        let fate = changes.iter().find_map(|change| cursed.iter().find(|(key, _)| *key == change.key));
        match fate.map(|(_, fate)| fate) {
            None => self.store()?.commit(changes).await,
            Some(Fate::Refused) => Err(StoreError::TooLarge { what: "a lead", found: 2, allowed: 1 }),
            Some(Fate::Panic) => panic!("a store that panics at this lead"),
        }
    }

    async fn top(
        &self,
        site: &SiteName,
        after: Option<HeatCursor>,
        limit: usize,
    ) -> Result<Vec<HeatEntry>, StoreError> {
        self.store()?.top(site, after, limit).await
    }

    async fn due(&self, partitions: &Partitions, now: UnixMillis, limit: usize) -> Result<Vec<Due>, StoreError> {
        self.store()?.due(partitions, now, limit).await
    }

    async fn outbox(
        &self,
        partitions: &Partitions,
        after: Option<OutboxId>,
        limit: usize,
    ) -> Result<Vec<Queued>, StoreError> {
        self.store()?.outbox(partitions, after, limit).await
    }

    async fn acknowledge(&self, delivered: &[OutboxId]) -> Result<(), StoreError> {
        self.store()?.acknowledge(delivered).await
    }

    async fn document(&self, name: &DocumentName) -> Result<Option<Document>, StoreError> {
        self.store()?.document(name).await
    }

    async fn put_document(
        &self,
        name: &DocumentName,
        expected: Version,
        bytes: Vec<u8>,
    ) -> Result<Version, StoreError> {
        self.store()?.put_document(name, expected, bytes).await
    }

    async fn reserve(&self, reservation: &Reservation, now: UnixMillis) -> Result<Reserved, StoreError> {
        self.store()?.reserve(reservation, now).await
    }

    async fn confirm(&self, resource: &ResourceName, holder: Holder) -> Result<Confirmed, StoreError> {
        self.store()?.confirm(resource, holder).await
    }

    async fn release(&self, resource: &ResourceName, holder: Holder) -> Result<(), StoreError> {
        self.store()?.release(resource, holder).await
    }

    async fn usage(&self, resource: &ResourceName) -> Result<Usage, StoreError> {
        self.store()?.usage(resource).await
    }

    async fn scan(
        &self,
        partition: Partition,
        cursor: Option<ScanCursor>,
        limit: usize,
    ) -> Result<Scanned, StoreError> {
        self.store()?.scan(partition, cursor, limit).await
    }

    async fn erase(&self, erasures: &[Erasure]) -> Result<(), StoreError> {
        self.store()?.erase(erasures).await
    }

    async fn bury(&self, tombstones: &[Tombstone]) -> Result<(), StoreError> {
        self.store()?.bury(tombstones).await
    }

    async fn erased(&self, tombstones: &[Tombstone]) -> Result<Vec<bool>, StoreError> {
        self.store()?.erased(tombstones).await
    }

    async fn tombstones(
        &self,
        partition: Partition,
        after: Option<Tombstone>,
        limit: usize,
    ) -> Result<Vec<Tombstone>, StoreError> {
        self.store()?.tombstones(partition, after, limit).await
    }

    async fn persist(&self) -> Result<Durability, StoreError> {
        let durability = self.store()?.persist().await?;
        Ok(self.durability.lock().unwrap().unwrap_or(durability))
    }

    async fn purge(&self) -> Result<(), StoreError> {
        self.store()?.purge().await
    }

    async fn reopen(&self) -> Result<(), StoreError> {
        self.store()?.reopen().await
    }

    async fn health(&self) -> Result<Health, StoreError> {
        self.store()?.health().await
    }
}
