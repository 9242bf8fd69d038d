//! A bounded number of leads in memory, by how lately somebody asked for them.
//!
//! Two generations: what is asked for is in the young one; when that is full it becomes the old one, and what nobody asked
//! for since the time before goes. So nothing is kept in order, and finding and forgetting cost the same however many there
//! are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use store::{LeadKey, Version};

use crate::log_record::KeptLead;

const SHARDS: usize = 16;
/// Bytes of all leads, about: they are counted by their length in the store, of which they take several times as much here.
const MOST_BYTES: usize = 64 << 20;
/// What a lead takes here for a byte in the store, and what every one takes.
const COST: (usize, usize) = (4, 384);

/// Leads by visitor.
pub(super) struct Memory {
    shards: Vec<Mutex<Shard>>,
    /// Bytes of one generation of one shard.
    room: usize,
}

#[derive(Default)]
struct Shard {
    young: HashMap<LeadKey, Entry>,
    old: HashMap<LeadKey, Entry>,
    /// Bytes of the young ones.
    bytes: usize,
    /// How often this collector itself committed one of this shard.
    commits: u64,
}

struct Entry {
    version: Version,
    kept: Arc<KeptLead>,
    /// When it was last asked for; `None` once this collector has committed another version.
    asked: Option<Instant>,
    /// What this collector has committed: anything older that comes late is not remembered.
    least: Version,
    /// Its bytes, which are read only when the store is away.
    committed: Option<Box<[u8]>>,
    bytes: usize,
}

/// Where a question stands among this collector's own commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    at: Instant,
    commits: u64,
}

impl Default for Memory {
    fn default() -> Self {
        Self::of(MOST_BYTES)
    }
}

impl Memory {
    fn of(bytes: usize) -> Self {
        let shards = std::iter::repeat_with(Mutex::default).take(SHARDS).collect();
        Self { shards, room: bytes / SHARDS / 2 }
    }

    /// What is remembered, and when it was asked for unless it is known to be outdated.
    pub(super) fn get(&self, key: &LeadKey) -> Option<(Arc<KeptLead>, Option<Instant>)> {
        let mut shard = self.shard(key);
        if let Some(entry) = shard.old.remove(key) {
            shard.put(key.clone(), entry, self.room);
        }
        shard.young.get(key).map(|entry| (entry.kept.clone(), entry.asked))
    }

    /// To be taken before the store is asked.
    pub(super) fn asks(&self, key: &LeadKey) -> Asked {
        let commits = self.shard(key).commits;
        Asked { at: Instant::now(), commits }
    }

    /// What is remembered at this version, so that its bytes need not be read again.
    pub(super) fn at_version(&self, key: &LeadKey, version: Version) -> Option<Arc<KeptLead>> {
        let shard = self.shard(key);
        let entry = shard.young.get(key).or_else(|| shard.old.get(key))?;
        (entry.version == version && version != Version::ABSENT).then(|| entry.kept.clone())
    }

    /// Remembers an answer of the store, of so many bytes, unless it is older than what this collector knows.
    pub(super) fn answered(&self, key: &LeadKey, asked: Asked, version: Version, kept: &Arc<KeptLead>, bytes: usize) {
        let mut shard = self.shard(key);
        let known = shard.take(key);
        let least = known.as_ref().map_or(Version::ABSENT, |entry| entry.least);
        // Of a lead that is gone no version is told, and of one that is not remembered none is known: only that nothing was
        // committed here since.
        let is_late = if version == Version::ABSENT || known.is_none() {
            shard.commits != asked.commits
        } else {
            version < least
        };
        let entry = match known {
            Some(known) if is_late => known,
            None if is_late => return,
            _ => {
                let bytes = bytes * COST.0 + COST.1;
                Entry { version, kept: kept.clone(), asked: Some(asked.at), least: version, committed: None, bytes }
            }
        };
        shard.put(key.clone(), entry, self.room);
    }

    /// What is known without the store: also what this collector has committed since.
    pub(super) fn without_store(&self, key: &LeadKey) -> Option<Arc<KeptLead>> {
        let (kept, committed) = {
            let mut shard = self.shard(key);
            let Shard { young, old, .. } = &mut *shard;
            let entry = young.get_mut(key).or_else(|| old.get_mut(key))?;
            (entry.kept.clone(), entry.committed.clone())
        };
        let committed = committed.and_then(|bytes| KeptLead::decode(&bytes).ok());
        Some(committed.map_or(kept, Arc::new))
    }

    /// This collector has committed a version; `lead` is its bytes.
    pub(super) fn outdated(&self, key: &LeadKey, version: Version, lead: Option<&[u8]>) {
        let mut shard = self.shard(key);
        shard.commits += 1;
        let Shard { young, old, .. } = &mut *shard;
        if let Some(entry) = young.get_mut(key).or_else(|| old.get_mut(key)) {
            entry.asked = None;
            entry.least = entry.least.max(version);
            entry.committed = lead.map(Box::from);
        }
    }

    pub(super) fn forget(&self, key: &LeadKey) {
        let mut shard = self.shard(key);
        shard.commits += 1;
        drop(shard.take(key));
    }

    /// Nothing is remembered any more: the store counts versions anew.
    pub(super) fn forget_all(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            *shard = Shard { commits: shard.commits + 1, ..Shard::default() };
        }
    }

    fn shard(&self, key: &LeadKey) -> MutexGuard<'_, Shard> {
        let shard = &self.shards[usize::from(key.partition().0) % SHARDS];
        // Nothing under these locks can panic half-way.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    fn take(&mut self, key: &LeadKey) -> Option<Entry> {
        let young = self.young.remove(key).inspect(|entry| self.bytes -= entry.bytes);
        young.or_else(|| self.old.remove(key))
    }

    fn put(&mut self, key: LeadKey, entry: Entry, room: usize) {
        if self.bytes + entry.bytes > room {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        // One that is larger than all the room is not remembered.
        if entry.bytes <= room {
            self.bytes += entry.bytes;
            self.young.insert(key, entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use store::{SiteName, VisitorId};

    use super::*;

    fn key(number: u32) -> LeadKey {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        LeadKey::new(SiteName::parse("shop").unwrap(), VisitorId::from_bytes(bytes))
    }

    fn kept(person: bool) -> Arc<KeptLead> {
        Arc::new(KeptLead { person, ..KeptLead::default() })
    }

    /// Whether the lead of a person is remembered, and whether it serves.
    fn seen(memory: &Memory, number: u32) -> Option<(bool, bool)> {
        memory.get(&key(number)).map(|(kept, asked)| (kept.person, asked.is_some()))
    }

    #[test]
    fn what_is_committed_here_serves_nobody_until_it_is_asked_for_again() {
        let memory = Memory::default();
        memory.answered(&key(1), memory.asks(&key(1)), Version(3), &kept(false), 100);
        assert_eq!(seen(&memory, 1), Some((false, true)));

        // given a question that is on its way when this collector commits
        let before = memory.asks(&key(1));
        let committed = KeptLead { person: true, ..KeptLead::default() }.encode().unwrap();
        memory.outdated(&key(1), Version(4), Some(&committed));
        assert!(memory.without_store(&key(1)).unwrap().person);
        assert_eq!(seen(&memory, 1), Some((false, false)), "kept for when the store is away");
        // then its answer comes too late, and the next one serves
        memory.answered(&key(1), before, Version(3), &kept(false), 100);
        assert_eq!(seen(&memory, 1), Some((false, false)));
        memory.answered(&key(1), memory.asks(&key(1)), Version(4), &kept(true), 100);
        assert_eq!(seen(&memory, 1), Some((true, true)));
    }

    #[test]
    fn of_a_store_that_counts_versions_anew_nothing_of_before_is_remembered() {
        let memory = Memory::default();
        memory.answered(&key(1), memory.asks(&key(1)), Version(9), &kept(true), 100);
        // given a question that is on its way when the store turns out to be another one
        let before = memory.asks(&key(2));
        memory.forget_all();
        memory.answered(&key(2), before, Version(9), &kept(true), 100);
        assert_eq!((seen(&memory, 1), seen(&memory, 2)), (None, None));
        // then its lower versions count
        memory.answered(&key(1), memory.asks(&key(1)), Version(1), &kept(false), 100);
        assert_eq!(seen(&memory, 1), Some((false, true)));
    }

    #[test]
    fn an_answer_of_before_a_commit_is_not_remembered_of_somebody_new() {
        let memory = Memory::default();
        // given a question about somebody of whom nothing is remembered, while the first event is committed
        let before = memory.asks(&key(1));
        memory.outdated(&key(1), Version(1), None);
        memory.answered(&key(1), before, Version::ABSENT, &kept(false), 0);
        assert_eq!(seen(&memory, 1), None);
        // and somebody who is gone from the store is gone from here
        memory.answered(&key(1), memory.asks(&key(1)), Version(1), &kept(true), 9);
        memory.answered(&key(1), memory.asks(&key(1)), Version::ABSENT, &kept(false), 0);
        assert_eq!(seen(&memory, 1), Some((false, true)));
        assert!(memory.at_version(&key(1), Version::ABSENT).is_none());
    }

    #[test]
    fn what_nobody_asks_for_goes_and_the_rest_has_an_end() {
        let each = 100 * COST.0 + COST.1;
        let memory = Memory::of(each * 40 * SHARDS);
        let held = |memory: &Memory| {
            let count = |shard: &Mutex<Shard>| {
                let shard = shard.lock().unwrap();
                shard.young.len() + shard.old.len()
            };
            memory.shards.iter().map(count).sum::<usize>()
        };
        memory.answered(&key(0), memory.asks(&key(0)), Version(1), &kept(true), 100);
        for number in 1..10_000 {
            memory.answered(&key(number), memory.asks(&key(number)), Version(1), &kept(false), 100);
            if number % 50 == 0 {
                assert_eq!(seen(&memory, 0), Some((true, true)), "asked for all the while");
            }
        }
        assert!(held(&memory) <= 40 * SHARDS && held(&memory) > 15 * SHARDS, "{}", held(&memory));
        assert_eq!(seen(&memory, 1), None);
        // and one that is larger than the room is nowhere
        memory.answered(&key(2), memory.asks(&key(2)), Version(1), &kept(false), each * 40);
        assert_eq!(seen(&memory, 2), None);
    }
}
