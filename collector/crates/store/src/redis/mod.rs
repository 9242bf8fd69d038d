//! The store on Redis or Valkey: one server, or a cluster.
//!
//! ```text
//! g:{p}l visitor site   lead: version, the caller's bytes packed; goes by itself after the retention
//! g:{p}h site           heat index of a site: visitors by falling bound
//! g:{p}w                wake index: leads by wake time; those that never wake, at its end
//! g:{p}o                outbox: a stream
//! g:{p}m                which messages in the outbox are whose
//! g:{p}t                tombstones
//! g:{p}f                the highest version that a removed lead had
//! g:d{name}             document: version, the caller's bytes
//! g:r{name} g:x{name}   resource: usage and parts, and its holders by expiry
//! ```
//!
//! `p` is a partition in two hexadecimal digits. What one commit touches has one tag in braces, so that on a cluster it lies
//! in one slot; one script changes all of it (`scripts/`), which is what makes a commit atomic. Many scripts and commands go
//! in one round trip. What lies in all partitions is read of all at once and merged here (`merged`).
//!
//! Nothing is sent twice by itself. A call that got no answer is [`Unavailable`](StoreError::Unavailable), whether it took
//! effect or not; a commit that did is then a conflict when it is tried again, and whoever made it loads the lead and sees.

mod address;
mod call;
mod check;
mod cluster;
mod durability;
mod few;
mod health;
mod indexes;
mod keys;
mod leads;
mod link;
mod merged;
mod packing;
mod purge;
mod rights;
mod servers;
mod settings;
mod topology;
mod trip;
mod versions;

use std::fmt;
use std::sync::Mutex;

use async_trait::async_trait;

pub use address::{Address, AddressError};
pub use check::{CheckError, Warning};
pub use settings::Settings;

use crate::{
    Change, Committed, Confirmed, Document, DocumentName, Due, Durability, Erasure, Health, HeatCursor, HeatEntry,
    Holder, LeadKey, OutboxId, Partition, Partitions, Queued, Reservation, Reserved, ResourceName, ScanCursor, Scanned,
    SiteName, Store, StoreError, StoredLead, Tombstone, UnixMillis, Usage, Version,
};
use servers::Servers;

/// A store on Redis.
pub struct RedisStore {
    address: Address,
    settings: Settings,
    servers: Servers,
    /// What was seen of the servers whenever somebody asked what is durable.
    seen: Mutex<durability::Seen>,
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RedisStore").field("address", &self.address).finish_non_exhaustive()
    }
}

impl RedisStore {
    /// Connects, and checks that the servers are such as a store can stand on. Connections live on the runtime that this is
    /// called on. Also says what is legal but weakens the promise.
    ///
    /// # Errors
    /// See [`CheckError`].
    pub async fn open(address: Address, settings: Settings) -> Result<(Self, Vec<Warning>), CheckError> {
        let servers = Servers::new(&address, &settings).map_err(CheckError::Unusable)?;
        let store = Self { address, settings, servers, seen: Mutex::default() };
        let warnings = store.check().await?;
        Ok((store, warnings))
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn load(&self, keys: &[LeadKey]) -> Result<Vec<Option<StoredLead>>, StoreError> {
        self.load_leads(keys).await
    }

    async fn commit(&self, changes: &[Change]) -> Result<Vec<Committed>, StoreError> {
        self.commit_changes(changes).await
    }

    async fn top(
        &self,
        site: &SiteName,
        after: Option<HeatCursor>,
        limit: usize,
    ) -> Result<Vec<HeatEntry>, StoreError> {
        self.read_top(site, after, limit).await
    }

    async fn due(&self, partitions: &Partitions, now: UnixMillis, limit: usize) -> Result<Vec<Due>, StoreError> {
        self.read_due(partitions, now, limit).await
    }

    async fn outbox(
        &self,
        partitions: &Partitions,
        after: Option<OutboxId>,
        limit: usize,
    ) -> Result<Vec<Queued>, StoreError> {
        self.read_outbox(partitions, after, limit).await
    }

    async fn acknowledge(&self, delivered: &[OutboxId]) -> Result<(), StoreError> {
        self.acknowledge_messages(delivered).await
    }

    async fn document(&self, name: &DocumentName) -> Result<Option<Document>, StoreError> {
        self.read_document(name).await
    }

    async fn put_document(
        &self,
        name: &DocumentName,
        expected: Version,
        bytes: Vec<u8>,
    ) -> Result<Version, StoreError> {
        self.write_document(name, expected, &bytes).await
    }

    async fn reserve(&self, reservation: &Reservation, now: UnixMillis) -> Result<Reserved, StoreError> {
        self.reserve_part(reservation, now).await
    }

    async fn confirm(&self, resource: &ResourceName, holder: Holder) -> Result<Confirmed, StoreError> {
        self.confirm_part(resource, holder).await
    }

    async fn release(&self, resource: &ResourceName, holder: Holder) -> Result<(), StoreError> {
        self.release_part(resource, holder).await
    }

    async fn usage(&self, resource: &ResourceName) -> Result<Usage, StoreError> {
        self.read_usage(resource).await
    }

    async fn scan(
        &self,
        partition: Partition,
        cursor: Option<ScanCursor>,
        limit: usize,
    ) -> Result<Scanned, StoreError> {
        self.scan_partition(partition, cursor, limit).await
    }

    async fn erase(&self, erasures: &[Erasure]) -> Result<(), StoreError> {
        self.erase_leads(erasures).await
    }

    async fn bury(&self, tombstones: &[Tombstone]) -> Result<(), StoreError> {
        self.bury_tombstones(tombstones).await
    }

    async fn erased(&self, tombstones: &[Tombstone]) -> Result<Vec<bool>, StoreError> {
        self.has_tombstones(tombstones).await
    }

    async fn tombstones(
        &self,
        partition: Partition,
        after: Option<Tombstone>,
        limit: usize,
    ) -> Result<Vec<Tombstone>, StoreError> {
        self.list_tombstones(partition, after, limit).await
    }

    async fn persist(&self) -> Result<Durability, StoreError> {
        self.durability().await
    }

    async fn purge(&self) -> Result<(), StoreError> {
        self.purge_files().await
    }

    async fn health(&self) -> Result<Health, StoreError> {
        self.read_health().await
    }
}
