//! The embedded store: a folder of this machine, by way of `fjall` (an LSM tree in Rust).
//!
//! ```text
//! leads       partition · site 0 · visitor              → version, heat, wake, the lead's bytes
//! heat        site 0 · falling bound · visitor          → (a range read from its start is the top)
//! wake        time · partition · site 0 · visitor       → (a range read from its start is what is due)
//! outbox      sequence · partition                      → lead, message
//! of_lead     site 0 · visitor · sequence               → (which messages to erase with a lead)
//! documents   name                                      → version, bytes
//! resources   u name | h name 0 holder | x name 0 expiry holder → usage | part held | (what has expired)
//! tombstones  partition · digest
//! meta        format, identity, sequence
//! ```
//!
//! One process, so one ordered index serves all partitions where a cluster would merge 256. One mutex orders the
//! writers: `fjall` has one journal, so they would wait for each other anyway, and under it *read the version, then
//! write* is atomic. Readers take no lock but a snapshot, which shows a batch whole or not at all.
//!
//! A commit writes to the journal's file and never syncs: the log covers durability, and
//! [`persist`](crate::Store::persist) says when it no longer has to.

mod codec;
mod database;
mod journal;
mod leads;
mod purge;
mod resources;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    Change, Committed, Confirmed, Document, DocumentName, Due, Durability, Erasure, Health, HeatCursor, HeatEntry,
    Holder, LeadKey, OutboxId, Partition, Partitions, Queued, Reservation, Reserved, ResourceName, ScanCursor, Scanned,
    SiteName, Store, StoreError, StoredLead, Tombstone, UnixMillis, Usage, Version,
};
use database::Core;

/// How the embedded store uses the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Bytes of memory for blocks read from the disk. Default 64 MiB.
    pub cache_bytes: u64,
    /// Threads that flush and compact. Default 2.
    pub workers: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { cache_bytes: 64 << 20, workers: 2 }
    }
}

/// A store in a folder. Cheap to clone; all clones are the same store.
#[derive(Debug, Clone)]
pub struct EmbeddedStore {
    core: Arc<Core>,
}

impl EmbeddedStore {
    /// Opens the store in this folder, which is made when it is missing. Blocks.
    ///
    /// [`StoreError::InUse`] when another process has it, [`StoreError::Newer`] when a newer version wrote it.
    pub fn open(folder: &Path, settings: Settings) -> Result<Self, StoreError> {
        Ok(Self { core: Arc::new(Core::open(PathBuf::from(folder), settings)?) })
    }

    /// Closes the database and opens it again, in this process: what `fjall` wants after an I/O error, which makes it
    /// refuse every later write. Calls under way end first; calls meanwhile wait.
    ///
    /// What was committed since the last [`persist`](Store::persist) may be gone: apply the log again, and forget every
    /// cached lead and version. When opening fails, every call is [`StoreError::Unavailable`] until a `reopen` succeeds.
    pub async fn reopen(&self) -> Result<(), StoreError> {
        self.blocking("reopen", Core::reopen).await
    }

    /// Runs what may take long on a thread of its own.
    async fn blocking<Output: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Core) -> Result<Output, StoreError> + Send + 'static,
    ) -> Result<Output, StoreError> {
        let core = self.core.clone();
        tokio::task::spawn_blocking(move || work(&core))
            .await
            .map_err(|source| StoreError::Unavailable { doing, source: Box::new(source) })?
    }
}

/// The verbs of a few leads run right here, on the caller's thread, although they may touch the disk: they take
/// microseconds (reads come from memory as a rule, writes end in the page cache), and handing each to another thread
/// would cost more than the work. What may take long goes to a thread of its own.
#[async_trait]
impl Store for EmbeddedStore {
    async fn load(&self, keys: &[LeadKey]) -> Result<Vec<Option<StoredLead>>, StoreError> {
        self.core.load(keys)
    }

    async fn commit(&self, changes: &[Change]) -> Result<Vec<Committed>, StoreError> {
        self.core.commit(changes)
    }

    async fn top(
        &self,
        site: &SiteName,
        after: Option<HeatCursor>,
        limit: usize,
    ) -> Result<Vec<HeatEntry>, StoreError> {
        self.core.top(site, after, limit)
    }

    async fn due(&self, partitions: &Partitions, now: UnixMillis, limit: usize) -> Result<Vec<Due>, StoreError> {
        self.core.due(partitions, now, limit)
    }

    async fn outbox(
        &self,
        partitions: &Partitions,
        after: Option<OutboxId>,
        limit: usize,
    ) -> Result<Vec<Queued>, StoreError> {
        self.core.outbox(partitions, after, limit)
    }

    async fn acknowledge(&self, delivered: &[OutboxId]) -> Result<(), StoreError> {
        self.core.acknowledge(delivered)
    }

    async fn document(&self, name: &DocumentName) -> Result<Option<Document>, StoreError> {
        self.core.document(name)
    }

    async fn put_document(
        &self,
        name: &DocumentName,
        expected: Version,
        bytes: Vec<u8>,
    ) -> Result<Version, StoreError> {
        self.core.put_document(name, expected, &bytes)
    }

    async fn reserve(&self, reservation: &Reservation, now: UnixMillis) -> Result<Reserved, StoreError> {
        self.core.reserve(reservation, now)
    }

    async fn confirm(&self, resource: &ResourceName, holder: Holder) -> Result<Confirmed, StoreError> {
        self.core.confirm(resource, holder)
    }

    async fn release(&self, resource: &ResourceName, holder: Holder) -> Result<(), StoreError> {
        self.core.release(resource, holder)
    }

    async fn usage(&self, resource: &ResourceName) -> Result<Usage, StoreError> {
        self.core.usage(resource)
    }

    async fn scan(
        &self,
        partition: Partition,
        cursor: Option<ScanCursor>,
        limit: usize,
    ) -> Result<Scanned, StoreError> {
        self.blocking("scan", move |core| core.scan(partition, cursor, limit)).await
    }

    async fn erase(&self, erasures: &[Erasure]) -> Result<(), StoreError> {
        self.core.erase(erasures)
    }

    async fn bury(&self, tombstones: &[Tombstone]) -> Result<(), StoreError> {
        self.core.bury(tombstones)
    }

    async fn erased(&self, tombstones: &[Tombstone]) -> Result<Vec<bool>, StoreError> {
        self.core.erased(tombstones)
    }

    async fn tombstones(
        &self,
        partition: Partition,
        after: Option<Tombstone>,
        limit: usize,
    ) -> Result<Vec<Tombstone>, StoreError> {
        self.core.tombstones(partition, after, limit)
    }

    async fn persist(&self) -> Result<Durability, StoreError> {
        self.blocking("persist", Core::persist).await
    }

    async fn purge(&self) -> Result<(), StoreError> {
        self.blocking("purge", Core::purge).await
    }

    async fn reopen(&self) -> Result<(), StoreError> {
        Self::reopen(self).await
    }

    async fn health(&self) -> Result<Health, StoreError> {
        self.core.health()
    }
}
