//! A store as one collector has it: the same for all, but each can be cut off from it, has a clock that may be another, and
//! may be kept from hearing of the others.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use collector::clock::{Clock as _, SystemClock};
use store::{
    Change, Committed, Confirmed, Document, DocumentName, Due, Durability, Erasure, Health, HeatCursor, HeatEntry,
    Holder, LeadKey, OutboxId, Partition, Partitions, Queued, Reservation, Reserved, ResourceName, ScanCursor, Scanned,
    SiteName, Store, StoreError, StoredLead, Tombstone, UnixMillis, Usage, Version,
};

/// One collector's way to the store.
pub(crate) struct Switched {
    store: Arc<dyn Store>,
    /// How far the store's clock is behind, in milliseconds.
    behind: AtomicI64,
    away: AtomicBool,
    /// Calls do not come back while it is away, in place of failing.
    silent: AtomicBool,
    /// Documents of the fleet are this collector's own.
    alone: Mutex<Option<String>>,
    /// What the store is called in place of its own name.
    identity: Mutex<Option<String>>,
    commits: AtomicUsize,
    /// Milliseconds of the way to the store.
    trip: AtomicU64,
    /// What `commit` waits for before it reaches the store.
    hold_commits: AtomicBool,
}

impl Switched {
    pub(crate) fn on(store: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self {
            store,
            behind: AtomicI64::new(0),
            away: AtomicBool::new(false),
            silent: AtomicBool::new(false),
            alone: Mutex::new(None),
            identity: Mutex::new(None),
            commits: AtomicUsize::new(0),
            trip: AtomicU64::new(0),
            hold_commits: AtomicBool::new(false),
        })
    }

    /// Cuts the collector off: calls fail, or do not come back if `silent`.
    pub(crate) fn cut(&self, silent: bool) {
        self.silent.store(silent, Ordering::SeqCst);
        self.away.store(true, Ordering::SeqCst);
    }

    pub(crate) fn mend(&self) {
        self.away.store(false, Ordering::SeqCst);
    }

    /// The store's clock is so far behind this collector's.
    pub(crate) fn clock_behind(&self, milliseconds: i64) {
        self.behind.store(milliseconds, Ordering::SeqCst);
    }

    /// The collector hears of no other, and nobody hears of it.
    pub(crate) fn hears_of_nobody(&self, name: &str) {
        *self.alone.lock().unwrap() = Some(name.to_owned());
    }

    /// The store looks like another one from now on.
    pub(crate) fn is_another(&self, name: &str) {
        *self.identity.lock().unwrap() = Some(name.to_owned());
    }

    /// Commits wait until they are let go.
    pub(crate) fn hold_commits(&self, hold: bool) {
        self.hold_commits.store(hold, Ordering::SeqCst);
    }

    /// The store is so far away: others come in between a question and the next.
    pub(crate) fn far(&self, trip: Duration) {
        self.trip.store(u64::try_from(trip.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// How often `commit` was called.
    pub(crate) fn commits(&self) -> usize {
        self.commits.load(Ordering::SeqCst)
    }

    async fn reached(&self) -> Result<(), StoreError> {
        match self.trip.load(Ordering::SeqCst) {
            0 => {}
            trip => tokio::time::sleep(Duration::from_millis(trip)).await,
        }
        while self.away.load(Ordering::SeqCst) {
            if !self.silent.load(Ordering::SeqCst) {
                return Err(StoreError::Unavailable { doing: "reach it", source: "cut off by the test".into() });
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }

    fn named(&self, name: &DocumentName) -> DocumentName {
        match &*self.alone.lock().unwrap() {
            Some(own) if name.as_str() == "fleet/roll" => DocumentName::parse(&format!("fleet/roll/{own}")).unwrap(),
            _ => name.clone(),
        }
    }
}

#[async_trait]
impl Store for Switched {
    async fn load(&self, keys: &[LeadKey]) -> Result<Vec<Option<StoredLead>>, StoreError> {
        self.reached().await?;
        self.store.load(keys).await
    }

    async fn commit(&self, changes: &[Change]) -> Result<Vec<Committed>, StoreError> {
        self.commits.fetch_add(1, Ordering::SeqCst);
        while self.hold_commits.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.reached().await?;
        self.store.commit(changes).await
    }

    async fn top(
        &self,
        site: &SiteName,
        after: Option<HeatCursor>,
        limit: usize,
    ) -> Result<Vec<HeatEntry>, StoreError> {
        self.reached().await?;
        self.store.top(site, after, limit).await
    }

    async fn due(&self, partitions: &Partitions, now: UnixMillis, limit: usize) -> Result<Vec<Due>, StoreError> {
        self.reached().await?;
        self.store.due(partitions, now, limit).await
    }

    async fn outbox(
        &self,
        partitions: &Partitions,
        after: Option<OutboxId>,
        limit: usize,
    ) -> Result<Vec<Queued>, StoreError> {
        self.reached().await?;
        self.store.outbox(partitions, after, limit).await
    }

    async fn acknowledge(&self, delivered: &[OutboxId]) -> Result<(), StoreError> {
        self.reached().await?;
        self.store.acknowledge(delivered).await
    }

    async fn document(&self, name: &DocumentName) -> Result<Option<Document>, StoreError> {
        self.reached().await?;
        self.store.document(&self.named(name)).await
    }

    async fn put_document(
        &self,
        name: &DocumentName,
        expected: Version,
        bytes: Vec<u8>,
    ) -> Result<Version, StoreError> {
        self.reached().await?;
        self.store.put_document(&self.named(name), expected, bytes).await
    }

    async fn reserve(&self, reservation: &Reservation, now: UnixMillis) -> Result<Reserved, StoreError> {
        self.reached().await?;
        self.store.reserve(reservation, now).await
    }

    async fn confirm(&self, resource: &ResourceName, holder: Holder) -> Result<Confirmed, StoreError> {
        self.reached().await?;
        self.store.confirm(resource, holder).await
    }

    async fn release(&self, resource: &ResourceName, holder: Holder) -> Result<(), StoreError> {
        self.reached().await?;
        self.store.release(resource, holder).await
    }

    async fn usage(&self, resource: &ResourceName) -> Result<Usage, StoreError> {
        self.reached().await?;
        self.store.usage(resource).await
    }

    async fn scan(
        &self,
        partition: Partition,
        cursor: Option<ScanCursor>,
        limit: usize,
    ) -> Result<Scanned, StoreError> {
        self.reached().await?;
        self.store.scan(partition, cursor, limit).await
    }

    async fn erase(&self, erasures: &[Erasure]) -> Result<(), StoreError> {
        self.reached().await?;
        self.store.erase(erasures).await
    }

    async fn bury(&self, tombstones: &[Tombstone]) -> Result<(), StoreError> {
        self.reached().await?;
        self.store.bury(tombstones).await
    }

    async fn erased(&self, tombstones: &[Tombstone]) -> Result<Vec<bool>, StoreError> {
        self.reached().await?;
        self.store.erased(tombstones).await
    }

    async fn tombstones(
        &self,
        partition: Partition,
        after: Option<Tombstone>,
        limit: usize,
    ) -> Result<Vec<Tombstone>, StoreError> {
        self.reached().await?;
        self.store.tombstones(partition, after, limit).await
    }

    async fn persist(&self) -> Result<Durability, StoreError> {
        self.reached().await?;
        self.store.persist().await
    }

    async fn purge(&self) -> Result<(), StoreError> {
        self.reached().await?;
        self.store.purge().await
    }

    async fn health(&self) -> Result<Health, StoreError> {
        self.reached().await?;
        let health = self.store.health().await?;
        let clock = SystemClock.now().0 - self.behind.load(Ordering::SeqCst);
        let identity = self.identity.lock().unwrap().clone().unwrap_or(health.identity);
        Ok(Health { clock: Some(clock), identity, ..health })
    }
}
