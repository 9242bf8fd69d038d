//! The unapplied tail: touches this collector has taken in and the store does not have yet. A decision sees them, so
//! that whoever got a receipt finds their event counted.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use engine::{Millis, Touch, TouchId};
use store::LeadKey;

const SHARDS: usize = 64;

/// Touches by visitor, from before they are durable until they are applied.
pub struct Tail {
    shards: Vec<Mutex<Shard>>,
    touches: AtomicU64,
}

/// Some visitors' touches.
#[derive(Default)]
struct Shard {
    held: HashMap<LeadKey, Vec<Touch>>,
    /// How many were received in each span of [`SPAN`] milliseconds: few entries, whose first is the oldest.
    received: BTreeMap<i64, u32>,
}

/// To how many milliseconds it is known when the oldest touch came.
const SPAN: i64 = 64;

impl Shard {
    fn came(&mut self, touch: &Touch) {
        *self.received.entry(touch.received.0.div_euclid(SPAN)).or_default() += 1;
    }

    fn went(&mut self, touch: &Touch) {
        let span = touch.received.0.div_euclid(SPAN);
        match self.received.get_mut(&span) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(self.received.remove(&span)),
        }
    }
}

impl Default for Tail {
    fn default() -> Self {
        let shards = std::iter::repeat_with(Mutex::default).take(SHARDS).collect();
        Self { shards, touches: AtomicU64::new(0) }
    }
}

impl Tail {
    /// Adds touches. Called before they are handed to the log, so that applying can never overtake it.
    pub fn add(&self, key: &LeadKey, touches: Vec<Touch>) {
        let mut shard = self.shard(key);
        touches.iter().for_each(|touch| shard.came(touch));
        let count = touches.len() as u64;
        shard.held.entry(key.clone()).or_default().extend(touches);
        drop(shard);
        self.touches.fetch_add(count, Ordering::Relaxed);
    }

    /// Removes touches that are in the store now, or that the log refused. One of each id: a repeated event that is
    /// still on its way stays.
    pub fn remove<'a>(&self, key: &LeadKey, ids: impl IntoIterator<Item = &'a TouchId>) {
        let mut shard = self.shard(key);
        for id in ids {
            let Some(held) = shard.held.get_mut(key) else { return };
            if let Some(place) = held.iter().position(|touch| touch.id == *id) {
                let touch = held.swap_remove(place);
                if held.is_empty() {
                    shard.held.remove(key);
                }
                shard.went(&touch);
                self.touches.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    /// Touches of a visitor whose lead goes on as another: from now on they are on their way to that one. `moving` is called
    /// while they are on their way to both.
    pub fn readdress<'a>(
        &self,
        from: &LeadKey,
        into: &LeadKey,
        ids: impl IntoIterator<Item = &'a TouchId>,
        moving: impl FnOnce(),
    ) {
        let mut moved = self.of(from);
        let mut wanted: Vec<&TouchId> = ids.into_iter().collect();
        moved.retain(|touch| {
            let found = wanted.iter().position(|id| **id == touch.id);
            found.map(|place| wanted.swap_remove(place)).is_some()
        });
        // There first: whoever reads in between finds them twice, which recording joins, and never misses them.
        let ids: Vec<TouchId> = moved.iter().map(|touch| touch.id.clone()).collect();
        self.add(into, moved);
        moving();
        self.remove(from, &ids);
    }

    /// What the store may lack of a visitor. The order does not matter: recording is commutative.
    #[must_use]
    pub fn of(&self, key: &LeadKey) -> Vec<Touch> {
        self.shard(key).held.get(key).cloned().unwrap_or_default()
    }

    /// Whether the store may lack anything of a visitor.
    #[must_use]
    pub fn holds(&self, key: &LeadKey) -> bool {
        self.shard(key).held.contains_key(key)
    }

    /// Touches on their way, of all visitors.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.touches.load(Ordering::Relaxed)
    }

    /// Whether everything taken in is in the store.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When the oldest of them came, at the earliest; `None` when there is none.
    #[must_use]
    pub fn oldest(&self) -> Option<Millis> {
        let first = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.received.first_key_value().map(|(span, _)| Millis(span * SPAN))
        };
        self.shards.iter().filter_map(first).min()
    }

    fn shard(&self, key: &LeadKey) -> MutexGuard<'_, Shard> {
        let shard = &self.shards[usize::from(key.partition().0) % SHARDS];
        // Nothing under these locks can panic half-way.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use engine::{EventName, StreamId};
    use store::{SiteName, VisitorId};

    use super::*;

    fn touch(id: &str, received: i64) -> Touch {
        let (id, name) = (TouchId::parse(id).unwrap(), EventName::parse("chat").unwrap());
        Touch::new(id, name, StreamId::parse("stream-1").unwrap(), Millis(received))
    }

    #[test]
    fn the_oldest_is_known_until_it_goes_and_moves_along_with_its_visitor() {
        let key = |byte| LeadKey::new(SiteName::parse("shop").unwrap(), VisitorId::from_bytes([byte; 16]));
        let tail = Tail::default();
        assert_eq!(tail.oldest(), None);
        tail.add(&key(1), vec![touch("a", 64_000), touch("b", 128_010)]);
        tail.add(&key(2), vec![touch("c", 128_020)]);
        assert_eq!(tail.oldest(), Some(Millis(64_000)));

        tail.readdress(&key(1), &key(3), [&TouchId::parse("a").unwrap()], || ());
        assert_eq!(tail.oldest(), Some(Millis(64_000)));
        tail.remove(&key(3), [&TouchId::parse("a").unwrap()]);
        assert_eq!(tail.oldest(), Some(Millis(128_000)));
        tail.remove(&key(1), [&TouchId::parse("b").unwrap()]);
        tail.remove(&key(2), [&TouchId::parse("c").unwrap()]);
        assert_eq!((tail.oldest(), tail.len()), (None, 0));
    }
}
