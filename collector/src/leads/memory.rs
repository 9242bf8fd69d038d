//! A bounded number of leads in memory, by how lately somebody asked for them.
//!
//! Two generations: what is asked for is in the young one; when that is full it becomes the old one, and what nobody asked
//! for since the time before goes. So nothing is kept in order, and finding and forgetting cost the same however many there
//! are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use store::{LeadKey, Version};

const SHARDS: usize = 16;
/// Bytes of all leads, about.
const MOST_BYTES: usize = 64 << 20;
/// What every lead takes beside its own bytes.
const COST: usize = 256;

/// Leads by visitor.
pub(super) struct Memory {
    shards: Vec<Mutex<Shard>>,
    /// Bytes of one generation of one shard.
    room: usize,
}

#[derive(Default)]
struct Shard {
    young: HashMap<LeadKey, Held>,
    old: HashMap<LeadKey, Held>,
    /// Bytes of the young ones.
    bytes: usize,
    /// How often this collector itself committed one of this shard.
    commits: u64,
}

/// A lead as it is remembered.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    /// The version that the store gave it; [`Version::ABSENT`]: it had none.
    pub(super) version: Version,
    /// As the store has it, and so a tenth of what it takes once it is read; none where the store has none.
    pub(super) bytes: Arc<[u8]>,
    /// When the store was asked for it, or was given it by this collector.
    pub(super) asked: Instant,
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

    /// What is remembered.
    pub(super) fn get(&self, key: &LeadKey) -> Option<Held> {
        let mut shard = self.shard(key);
        if let Some(held) = shard.old.remove(key) {
            shard.put(key.clone(), held, self.room);
        }
        shard.young.get(key).cloned()
    }

    /// To be taken before the store is asked.
    pub(super) fn asks(&self, key: &LeadKey) -> Asked {
        let commits = self.shard(key).commits;
        Asked { at: Instant::now(), commits }
    }

    /// Remembers an answer of the store, unless it is older than what this collector knows.
    pub(super) fn answered(&self, key: &LeadKey, asked: Asked, version: Version, bytes: &[u8]) {
        let mut shard = self.shard(key);
        let known = shard.take(key);
        // Of a lead that is gone no version is told, and of one that is not remembered none is known: only that nothing was
        // committed here since.
        let is_late = match &known {
            Some(known) if version != Version::ABSENT => version < known.version,
            _ => shard.commits != asked.commits,
        };
        let held = match known {
            Some(known) if is_late => known,
            None if is_late => return,
            Some(known) if known.version == version => Held { asked: asked.at, ..known },
            _ => Held { version, bytes: bytes.into(), asked: asked.at },
        };
        shard.put(key.clone(), held, self.room);
    }

    /// This collector has committed a version at some instant after `began`.
    pub(super) fn committed(&self, key: &LeadKey, version: Version, bytes: &[u8], began: Instant) {
        let mut shard = self.shard(key);
        shard.commits += 1;
        // Of two commits in a row the answers may come in any order.
        let held = match shard.take(key) {
            Some(known) if version != Version::ABSENT && known.version > version => known,
            _ => Held { version, bytes: bytes.into(), asked: began },
        };
        shard.put(key.clone(), held, self.room);
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

impl Held {
    fn cost(&self) -> usize {
        self.bytes.len() + COST
    }
}

impl Shard {
    fn take(&mut self, key: &LeadKey) -> Option<Held> {
        let young = self.young.remove(key).inspect(|held| self.bytes -= held.cost());
        young.or_else(|| self.old.remove(key))
    }

    fn put(&mut self, key: LeadKey, held: Held, room: usize) {
        let cost = held.cost();
        if self.bytes + cost > room {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        // One that is larger than all the room is not remembered.
        if cost <= room {
            self.bytes += cost;
            self.young.insert(key, held);
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

    /// The version that is remembered, and its first byte.
    fn seen(memory: &Memory, number: u32) -> Option<(u64, Option<u8>)> {
        memory.get(&key(number)).map(|held| (held.version.0, held.bytes.first().copied()))
    }

    #[test]
    fn what_is_committed_here_takes_the_place_of_what_was_read_and_is_not_undone_by_late_answers() {
        let memory = Memory::default();
        memory.answered(&key(1), memory.asks(&key(1)), Version(3), b"y");
        assert_eq!(seen(&memory, 1), Some((3, Some(b'y'))));

        // given a question that is on its way when this collector commits
        let (before, began) = (memory.asks(&key(1)), Instant::now());
        memory.committed(&key(1), Version(4), b"x", began);
        assert_eq!(seen(&memory, 1), Some((4, Some(b'x'))));
        assert_eq!(memory.get(&key(1)).unwrap().asked, began);
        // then its answer comes too late, and so does that of a commit before
        memory.answered(&key(1), before, Version(3), b"y");
        memory.committed(&key(1), Version(3), b"y", began);
        assert_eq!(seen(&memory, 1), Some((4, Some(b'x'))));
        // and what another collector committed since takes its place
        memory.answered(&key(1), memory.asks(&key(1)), Version(5), b"y");
        assert_eq!(seen(&memory, 1), Some((5, Some(b'y'))));
    }

    #[test]
    fn of_a_store_that_counts_versions_anew_nothing_of_before_is_remembered() {
        let memory = Memory::default();
        memory.answered(&key(1), memory.asks(&key(1)), Version(9), b"x");
        // given a question that is on its way when the store turns out to be another one
        let before = memory.asks(&key(2));
        memory.forget_all();
        memory.answered(&key(2), before, Version(9), b"x");
        assert_eq!((seen(&memory, 1), seen(&memory, 2)), (None, None));
        // then its lower versions count
        memory.answered(&key(1), memory.asks(&key(1)), Version(1), b"y");
        assert_eq!(seen(&memory, 1), Some((1, Some(b'y'))));
    }

    #[test]
    fn an_answer_of_before_a_commit_is_not_remembered_of_somebody_new() {
        let memory = Memory::default();
        // given a question about somebody of whom nothing is remembered, while the first event is committed
        let before = memory.asks(&key(1));
        memory.committed(&key(1), Version(1), b"x", Instant::now());
        memory.answered(&key(1), before, Version::ABSENT, b"");
        assert_eq!(seen(&memory, 1), Some((1, Some(b'x'))));
        // or forgotten again, as whoever is erased
        memory.forget(&key(1));
        memory.answered(&key(1), before, Version(1), b"x");
        assert_eq!(seen(&memory, 1), None);
        // and somebody who is gone from the store is gone from here
        memory.answered(&key(1), memory.asks(&key(1)), Version(1), b"x");
        memory.answered(&key(1), memory.asks(&key(1)), Version::ABSENT, b"");
        assert_eq!(seen(&memory, 1), Some((0, None)));
    }

    #[test]
    fn what_nobody_asks_for_goes_and_the_rest_has_an_end() {
        let each = 100 + COST;
        let memory = Memory::of(each * 40 * SHARDS);
        let held = |memory: &Memory| {
            let count = |shard: &Mutex<Shard>| {
                let shard = shard.lock().unwrap();
                shard.young.len() + shard.old.len()
            };
            memory.shards.iter().map(count).sum::<usize>()
        };
        memory.answered(&key(0), memory.asks(&key(0)), Version(1), &[b'x'; 100]);
        for number in 1..10_000 {
            memory.answered(&key(number), memory.asks(&key(number)), Version(1), &[b'x'; 100]);
            if number % 50 == 0 {
                assert_eq!(seen(&memory, 0), Some((1, Some(b'x'))), "asked for all the while");
            }
        }
        assert!(held(&memory) <= 40 * SHARDS && held(&memory) > 15 * SHARDS, "{}", held(&memory));
        assert_eq!(seen(&memory, 1), None);
        // and one that is larger than the room is nowhere
        memory.answered(&key(2), memory.asks(&key(2)), Version(1), &vec![0; each * 40]);
        assert_eq!(seen(&memory, 2), None);
    }
}
