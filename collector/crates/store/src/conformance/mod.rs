//! What must hold for every store: one table of cases, run against each backend.
//!
//! A case added here reaches every backend by itself. Cases run side by side against one store, also one that others
//! use: each has a site of its own, with a name nobody had before, and looks at nothing else.

#![expect(clippy::unwrap_used, reason = "a case fails by panicking, as a test does")]

mod documents;
mod erasure;
mod indexes;
mod leads;
mod outbox;
mod resources;

use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::Pin;
use std::sync::Arc;

use crate::{
    Bound, Change, Committed, DocumentName, Due, Holder, LeadKey, Message, MessageId, Partitions, Queued, ResourceName,
    SiteName, Store, StoredLead, Tombstone, UnixMillis, Version, VisitorId,
};

/// A case under way; it panics when the store does not do what it must.
pub type Run = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Something that must hold for every store.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// A sentence in snake case.
    pub name: &'static str,
    /// Tries it on a store.
    pub run: fn(Arc<dyn Store>) -> Run,
}

macro_rules! table {
    ($($module:ident::{$($case:ident),+ $(,)?})+) => {
        vec![$($(Case {
            name: stringify!($case),
            run: |store| Box::pin($module::$case(World::new(store))),
        }),+),+]
    };
}

/// All cases.
pub fn cases() -> Vec<Case> {
    table! {
        leads::{
            a_lead_that_was_never_committed_is_absent,
            a_committed_lead_is_loaded_with_its_version,
            versions_grow_and_a_stale_one_is_a_conflict,
            a_conflict_changes_nothing,
            a_second_change_of_one_lead_in_a_batch_is_a_conflict,
            a_batch_answers_each_change_for_itself,
            a_large_batch_is_answered_in_its_order,
            bytes_are_kept_whatever_they_are,
            a_removed_lead_is_not_scanned,
            a_removed_lead_is_absent_and_its_old_version_stays_stale,
            of_parallel_writers_of_one_version_one_wins,
            parallel_increments_lose_none,
            sites_do_not_see_each_other,
            a_scan_sees_every_lead_in_its_own_partition,
            an_empty_batch_is_answered_with_nothing,
        }
        indexes::{
            the_top_is_by_falling_bound_and_ties_by_visitor,
            the_top_is_paged_without_gap_or_double,
            a_moved_bound_leaves_no_old_entry,
            a_removed_lead_is_in_no_index,
            bounds_beyond_the_range_become_its_ends,
            what_is_due_comes_earliest_first_and_stays_until_changed,
            of_what_is_due_the_earliest_come_first_over_all_partitions,
            what_is_due_is_limited_to_the_partitions_asked_for,
        }
        outbox::{
            messages_stay_until_acknowledged,
            messages_of_a_lead_come_in_the_order_of_its_commits,
            messages_of_a_removed_lead_stay,
            the_outbox_is_paged_and_limited_to_the_partitions_asked_for,
        }
        documents::{
            a_document_is_put_if_its_version_is_as_expected,
            of_parallel_puts_of_one_version_one_wins,
        }
        resources::{
            no_more_is_reserved_than_there_is,
            parallel_reservations_never_overspend,
            a_repeated_reservation_takes_nothing_more,
            an_expired_reservation_is_taken_back_by_who_needs_it,
            an_expired_reservation_that_nobody_took_back_is_confirmed,
            what_is_confirmed_stays_spent,
            what_is_released_can_be_reserved_again,
        }
        erasure::{
            an_erased_lead_is_gone_with_its_entries_and_messages,
            an_erased_lead_does_not_come_back,
            a_buried_tombstone_keeps_a_lead_from_being_made,
            tombstones_are_listed_by_partition,
            erasing_can_be_repeated,
            erasing_a_lead_leaves_the_same_visitor_of_another_site,
            a_message_acknowledged_before_an_erasure_is_no_hindrance,
            other_leads_survive_an_erasure_and_a_purge,
            what_was_committed_is_there_after_persisting,
        }
    }
}

/// A site of its own in a store that others may use too.
#[derive(Clone)]
struct World {
    store: Arc<dyn Store>,
    site: SiteName,
    salt: u64,
}

impl World {
    fn new(store: Arc<dyn Store>) -> Self {
        let salt = RandomState::new().build_hasher().finish();
        Self { store, site: SiteName::parse(&format!("case-{salt:016x}")).unwrap(), salt }
    }

    /// Bytes that no other case has.
    fn unique(&self, number: u64) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        bytes[8..].copy_from_slice(&self.salt.to_be_bytes());
        bytes
    }

    /// The key of the visitor of that number; visitors sort as their numbers do.
    fn lead(&self, number: u64) -> LeadKey {
        LeadKey::new(self.site.clone(), VisitorId::from_bytes(self.unique(number)))
    }

    fn tombstone(&self, number: u64) -> Tombstone {
        Tombstone::of(&self.lead(number), self.unique(number))
    }

    /// A new lead of that number, in no index and without messages.
    fn change(&self, number: u64, bytes: &[u8]) -> Change {
        Change {
            key: self.lead(number),
            expected: Version::ABSENT,
            tombstone: self.tombstone(number),
            lead: Some(bytes.to_vec()),
            heat: None,
            wake: None,
            outbox: Vec::new(),
        }
    }

    fn message(&self, number: u64) -> Message {
        Message { id: MessageId(self.unique(number)), kind: 7, bytes: format!("message {number}").into_bytes() }
    }

    fn holder(&self, number: u64) -> Holder {
        Holder(self.unique(number))
    }

    fn resource(&self) -> ResourceName {
        ResourceName::parse(&format!("budget/{}", self.site)).unwrap()
    }

    fn document(&self) -> DocumentName {
        DocumentName::parse(&format!("model/{}", self.site)).unwrap()
    }

    async fn commit(&self, change: Change) -> Committed {
        self.store.commit(&[change]).await.unwrap()[0]
    }

    /// Commits what must succeed.
    async fn apply(&self, change: Change) -> Version {
        match self.commit(change).await {
            Committed::Applied(version) => version,
            other => panic_with(&format!("applied was expected, not {other:?}")),
        }
    }

    async fn load(&self, number: u64) -> Option<StoredLead> {
        self.store.load(&[self.lead(number)]).await.unwrap().remove(0)
    }

    /// Numbers and bounds of this site's top.
    async fn top(&self, limit: usize) -> Vec<(u64, i64)> {
        let entries = self.store.top(&self.site, None, limit).await.unwrap();
        entries.iter().map(|entry| (number(&entry.key), entry.bound.micro_points())).collect()
    }

    /// What is due of this site.
    async fn due(&self, now: UnixMillis) -> Vec<Due> {
        let all = self.store.due(&Partitions::ALL, now, 100_000).await.unwrap();
        all.into_iter().filter(|due| due.key.site == self.site).collect()
    }

    /// What waits in the outbox of this site.
    async fn outbox(&self) -> Vec<Queued> {
        let all = self.store.outbox(&Partitions::ALL, None, 100_000).await.unwrap();
        all.into_iter().filter(|queued| queued.key.site == self.site).collect()
    }
}

/// The number of a visitor that [`World::lead`] made.
fn number(key: &LeadKey) -> u64 {
    u64::from_be_bytes(*key.visitor.as_bytes().first_chunk().unwrap())
}

fn bound(micro_points: i64) -> Option<Bound> {
    Some(Bound::from_micro_points(micro_points))
}

#[expect(clippy::panic, reason = "a case fails by panicking, as a test does")]
fn panic_with(message: &str) -> ! {
    panic!("{message}")
}

/// Runs so many futures at once, on the runtime's threads, and gives their results.
async fn at_once<Output, Task>(tasks: impl IntoIterator<Item = Task>) -> Vec<Output>
where
    Output: Send + 'static,
    Task: Future<Output = Output> + Send + 'static,
{
    let spawned: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    let mut results = Vec::new();
    for task in spawned {
        results.push(task.await.unwrap());
    }
    results
}

fn assert_distinct<T: std::hash::Hash + Eq>(items: impl IntoIterator<Item = T>) {
    let mut seen = HashSet::new();
    assert!(items.into_iter().all(|item| seen.insert(item)), "an item came twice");
}
