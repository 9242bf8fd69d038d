//! The unapplied tail: touches this collector has taken in and the store does not have yet. A decision sees them, so
//! that whoever got a receipt finds their event counted.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use engine::{Touch, TouchId};
use store::LeadKey;

const SHARDS: usize = 64;

/// Touches by visitor, from before they are durable until they are applied.
pub struct Tail {
    shards: Vec<Mutex<HashMap<LeadKey, Vec<Touch>>>>,
    touches: AtomicU64,
}

impl Default for Tail {
    fn default() -> Self {
        let shards = std::iter::repeat_with(Mutex::default).take(SHARDS).collect();
        Self { shards, touches: AtomicU64::new(0) }
    }
}

impl Tail {
    /// Adds touches. Called before they are handed to the log, so that applying can never overtake it.
    pub fn add(&self, key: &LeadKey, touches: &[Touch]) {
        self.shard(key).entry(key.clone()).or_default().extend_from_slice(touches);
        self.touches.fetch_add(touches.len() as u64, Ordering::Relaxed);
    }

    /// Removes touches that are in the store now, or that the log refused. One of each id: a repeated event that is
    /// still on its way stays.
    pub fn remove<'a>(&self, key: &LeadKey, ids: impl IntoIterator<Item = &'a TouchId>) {
        let mut shard = self.shard(key);
        let Some(held) = shard.get_mut(key) else { return };
        for id in ids {
            if let Some(place) = held.iter().position(|touch| touch.id == *id) {
                held.swap_remove(place);
                self.touches.fetch_sub(1, Ordering::Relaxed);
            }
        }
        if held.is_empty() {
            shard.remove(key);
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
        self.add(into, &moved);
        moving();
        self.remove(from, moved.iter().map(|touch| &touch.id));
    }

    /// What the store may lack of a visitor. The order does not matter: recording is commutative.
    #[must_use]
    pub fn of(&self, key: &LeadKey) -> Vec<Touch> {
        self.shard(key).get(key).cloned().unwrap_or_default()
    }

    /// Whether the store may lack anything of a visitor.
    #[must_use]
    pub fn holds(&self, key: &LeadKey) -> bool {
        self.shard(key).contains_key(key)
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

    fn shard(&self, key: &LeadKey) -> MutexGuard<'_, HashMap<LeadKey, Vec<Touch>>> {
        let shard = &self.shards[usize::from(key.partition().0) % SHARDS];
        // Nothing under these locks can panic half-way.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
