//! Leads as decisions read them: from the store, a bounded number of them remembered for a moment, and for longer while the
//! store is away.
//!
//! ```text
//! decision ─► remembered, asked for less than 150 ms ago ───────────────────────────► fresh
//!         └─► asked for, many in one round trip (`asking`) ─► within 40 ms ─────────► fresh
//!                                                         └─► away ─► remembered ───► of before
//!                                                                └─► not remembered ► an error
//! ```
//!
//! What this collector commits itself is asked for anew at once, so a decision never misses an event that has left the tail.
//! What others commit is seen when it is next asked for: that is the larger part of the 250 ms in which an acknowledged event
//! is visible everywhere.

mod asking;
mod memory;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use store::{Change, LeadKey, Store, StoreError, Version};

use crate::log_record::KeptLead;
use asking::Asking;
use memory::Memory;

/// How long what was read serves decisions without being asked for again.
pub const SERVES: Duration = Duration::from_millis(150);
/// How long a decision waits for the store; a page is to have its answer within 50 ms, whatever that does.
const PATIENCE: Duration = Duration::from_millis(40);
/// How long nobody waits for a store that was just found to be away; meanwhile it is asked all the same.
const AWAY_FOR: Duration = Duration::from_millis(250);

/// How old an answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Age {
    /// As the store has it, or had it [`SERVES`] ago.
    Fresh,
    /// As the store had it before it was away.
    Before,
}

/// Leads that decisions read.
pub struct Leads {
    memory: Arc<Memory>,
    asking: Arc<Asking>,
    /// Until when the store is taken for away, in milliseconds since `begun`.
    away_until: Arc<AtomicU64>,
    begun: Instant,
}

impl Default for Leads {
    fn default() -> Self {
        Self { memory: Arc::default(), asking: Arc::default(), away_until: Arc::default(), begun: Instant::now() }
    }
}

impl Leads {
    /// A lead for a decision, an empty one where the store has none.
    ///
    /// # Errors
    /// When the store does not answer in time and nothing is remembered of this visitor, or the lead does not read.
    pub(crate) async fn read(&self, store: &Arc<dyn Store>, key: &LeadKey) -> Result<(Arc<KeptLead>, Age), StoreError> {
        if let Some((kept, Some(asked))) = self.memory.get(key)
            && asked.elapsed() < SERVES
        {
            return Ok((kept, Age::Fresh));
        }
        let asked = self.asking.ask(store, &self.memory, key);
        let failed = if self.is_away() {
            // Not waited for, but asked: so it is noticed when it is back.
            let (until, begun) = (self.away_until.clone(), asked);
            tokio::spawn(async move {
                if let Ok(Ok(_)) = begun.await {
                    until.store(0, Ordering::Relaxed);
                }
            });
            away("known to be away a moment ago")
        } else {
            match tokio::time::timeout(PATIENCE, asked).await {
                Ok(Ok(Ok(kept))) => return Ok((kept, Age::Fresh)),
                Ok(Ok(Err(error))) if !error.is_transient() => return Err(error),
                Ok(Ok(Err(error))) => error,
                Ok(Err(_)) => away("the question was dropped"),
                Err(_) => away("no answer in time"),
            }
        };
        if !self.is_away() {
            let until = self.begun.elapsed() + AWAY_FOR;
            self.away_until.store(u64::try_from(until.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
        match self.memory.without_store(key) {
            Some(kept) => Ok((kept, Age::Before)),
            None => Err(failed),
        }
    }

    /// Whether decisions do without the store at present.
    #[must_use]
    pub fn is_away(&self) -> bool {
        let until = Duration::from_millis(self.away_until.load(Ordering::Relaxed));
        self.begun.elapsed() < until
    }

    /// This collector has committed a change: what is remembered of the lead serves nobody any more, and the new one whoever
    /// asks while the store is away. To be called before its touches leave the tail.
    pub(crate) fn committed(&self, change: &Change, version: Version) {
        self.memory.outdated(&change.key, version, change.lead.as_deref());
    }

    /// Nothing is remembered of a visitor any more.
    pub(crate) fn forget(&self, key: &LeadKey) {
        self.memory.forget(key);
    }

    /// Nothing is remembered any more of anybody: the store may have lost what it had, and counts versions anew.
    pub(crate) fn forget_all(&self) {
        self.memory.forget_all();
    }
}

fn away(why: &'static str) -> StoreError {
    StoreError::Unavailable { doing: "read a lead", source: why.into() }
}
