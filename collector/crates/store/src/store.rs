//! The contract of a store.

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    Change, Committed, Confirmed, Document, DocumentName, Due, Erasure, HeatCursor, HeatEntry, Holder, LeadKey,
    OutboxId, Partition, Partitions, Queued, Reservation, Reserved, ResourceName, ScanCursor, Scanned, SiteName,
    StoreError, StoredLead, Tombstone, UnixMillis, Usage, Version,
};

/// Whether what was committed survives a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// All that was committed before the call is durable: the log before it may go.
    Durable,
    /// All that was committed at least so long before the call is durable; the store makes the rest so in its own time.
    DurableBefore(Duration),
    /// The store makes it durable in its own time, and how far it is with it is not known yet: ask again.
    Pending,
    /// The store keeps nothing: never.
    Volatile,
}

impl Durability {
    /// Whether what was committed so long before the call is durable.
    pub fn covers(self, ago: Duration) -> bool {
        match self {
            Self::Durable => true,
            Self::DurableBefore(age) => ago >= age,
            Self::Pending | Self::Volatile => false,
        }
    }
}

/// How a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Which store this is. When it differs from before, the store is another one and the log is applied again.
    pub identity: String,
    /// The store's own clock, when it has one besides ours.
    pub clock: Option<UnixMillis>,
    /// Bytes it takes, on disk or in memory, as far as it knows.
    pub bytes: u64,
}

/// Where leads are kept.
///
/// Verbs of the domain, not commands of a database; batch first, since a round trip may stand behind each. Answers of a
/// batch stand in the order of the questions. All times are arguments.
///
/// **Atomic** is one lead: its bytes, version, index entries and messages are all changed or none is, seen by every
/// reader and after every crash. A batch is *not* atomic: each change in it succeeds or fails for itself. Everything a
/// commit touches lies in the lead's [`Partition`], so that a cluster can keep this promise.
///
/// **Durable** is only what [`persist`](Store::persist) has said is. A commit may be lost when power is lost; the log
/// applies it again, and applying is idempotent.
///
/// A call whose future is dropped may or may not have taken effect, as one that failed with
/// [`StoreError::Unavailable`].
#[async_trait]
pub trait Store: Send + Sync {
    /// Loads leads; `None` where there is none.
    async fn load(&self, keys: &[LeadKey]) -> Result<Vec<Option<StoredLead>>, StoreError>;

    /// Changes leads, each if it still has the version expected and was not erased. One change a lead: a second one in
    /// the same call is a conflict. The answer says for each what became of it.
    async fn commit(&self, changes: &[Change]) -> Result<Vec<Committed>, StoreError>;

    /// The hottest leads of a site: by falling bound, among equals by rising visitor id, strictly after `after`. At
    /// most `limit`; fewer only at the end.
    async fn top(&self, site: &SiteName, after: Option<HeatCursor>, limit: usize)
    -> Result<Vec<HeatEntry>, StoreError>;

    /// Leads of these partitions whose wake time is `now` or earlier, earliest first, at most `limit`. They stay due
    /// until a commit gives them another wake time.
    async fn due(&self, partitions: &Partitions, now: UnixMillis, limit: usize) -> Result<Vec<Due>, StoreError>;

    /// Messages of these partitions that wait for delivery, in the order of [`OutboxId`], strictly after `after`, at
    /// most `limit`. They stay until acknowledged.
    async fn outbox(
        &self,
        partitions: &Partitions,
        after: Option<OutboxId>,
        limit: usize,
    ) -> Result<Vec<Queued>, StoreError>;

    /// Removes delivered messages; those that are gone already are passed over.
    async fn acknowledge(&self, delivered: &[OutboxId]) -> Result<(), StoreError>;

    /// A document, when there is one.
    async fn document(&self, name: &DocumentName) -> Result<Option<Document>, StoreError>;

    /// Writes a document if it has the version expected ([`Version::ABSENT`]: if there is none), and returns the new
    /// version; [`StoreError::Conflict`] otherwise.
    async fn put_document(&self, name: &DocumentName, expected: Version, bytes: Vec<u8>)
    -> Result<Version, StoreError>;

    /// Sets a part of a resource aside. First takes back what has expired by `now`. A holder that already holds a part
    /// keeps that one (the amount is not changed, the expiry becomes the later of the two), so the call can be repeated.
    async fn reserve(&self, reservation: &Reservation, now: UnixMillis) -> Result<Reserved, StoreError>;

    /// Spends what the holder has reserved, for good; can be repeated. A reservation that has expired but that nobody
    /// took back is still good: it was promised to nobody else.
    async fn confirm(&self, resource: &ResourceName, holder: Holder) -> Result<Confirmed, StoreError>;

    /// Gives back what the holder has reserved and not confirmed; can be repeated. What is confirmed stays spent.
    async fn release(&self, resource: &ResourceName, holder: Holder) -> Result<(), StoreError>;

    /// How much of a resource is used; zero for one that nobody ever reserved.
    async fn usage(&self, resource: &ResourceName) -> Result<Usage, StoreError>;

    /// Leads of a partition, all sites, page by page: start with `None`, go on with [`Scanned::next`]. A lead that is
    /// there all the while is seen at least once; one that comes, changes or goes meanwhile may be seen or not. `limit`
    /// is a hint for the size of a page.
    async fn scan(&self, partition: Partition, cursor: Option<ScanCursor>, limit: usize)
    -> Result<Scanned, StoreError>;

    /// Erases leads with their index entries and messages, and leaves tombstones: no interface shows them afterwards
    /// and no commit brings them back. Can be repeated. The bytes leave the disk with [`purge`](Store::purge).
    async fn erase(&self, erasures: &[Erasure]) -> Result<(), StoreError>;

    /// Leaves tombstones of leads whose keys are not known, as a collector's own file has them.
    async fn bury(&self, tombstones: &[Tombstone]) -> Result<(), StoreError>;

    /// For each, whether the store has it.
    async fn erased(&self, tombstones: &[Tombstone]) -> Result<Vec<bool>, StoreError>;

    /// Tombstones of a partition by rising digest, strictly after `after`, at most `limit`.
    async fn tombstones(
        &self,
        partition: Partition,
        after: Option<Tombstone>,
        limit: usize,
    ) -> Result<Vec<Tombstone>, StoreError>;

    /// Makes durable what was committed before the call, or says how far the store is with it.
    async fn persist(&self) -> Result<Durability, StoreError>;

    /// Makes the bytes of what was erased, removed or replaced before the call leave the disk. May take long.
    async fn purge(&self) -> Result<(), StoreError>;

    /// Begins anew after calls have failed for a while: an embedded store closes and opens its files. What was committed
    /// since the last [`persist`](Store::persist) may be gone afterwards, so the caller applies its log again. A store that
    /// mends itself has nothing to do.
    async fn reopen(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// How the store is; an error when it is not there.
    async fn health(&self) -> Result<Health, StoreError>;
}
