//! Leads as they were last read or committed here, a bounded number of them: for decisions, and for applying.
//!
//! ```text
//! decision ─► remembered, as the store had it less than 150 ms ago ─────────────────► fresh
//!         └─► asked for, many in one round trip (`asking`) ─► within 40 ms ─────────► fresh
//!                                                         └─► away ─► remembered ───► of before
//!                                                                └─► not remembered ► an error
//! applying ─► remembered ─► commit, if the store still has that version
//!         └─► loaded
//! ```
//!
//! What this collector commits is remembered as it is committed, so a decision never misses an event that has left the tail.
//! What others commit is seen when it is next asked for: that is the larger part of the 250 ms in which an acknowledged event
//! is visible everywhere. A store of this collector's own has no others, and is asked for what is not remembered only.
//!
//! Applying may rest on what is outdated: a version is the store's, is never given out twice, and a commit says which one it
//! was made from, so what another collector changed is a conflict, and read anew (ADR 25).

mod asking;
mod memory;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use store::{Change, LeadKey, Store, StoreError, StoredLead, Version};

use crate::log_record::{KeptLead, RecordError};
use crate::person;
use asking::Asking;
use memory::Memory;

pub(crate) use memory::Held;

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

/// Who commits to a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writers {
    /// This process and no other: what it remembers of what it committed is what the store has.
    Alone,
    /// Maybe other collectors too.
    Several,
}

/// A lead to be changed. It is not decoded before it is its turn: those of a batch together would take many times the memory.
#[derive(Debug)]
pub(crate) enum Basis {
    /// As it is remembered.
    Remembered(Held),
    /// As it was just loaded.
    Loaded(Option<StoredLead>),
}

impl Basis {
    /// The version that the change is to be made from; [`Version::ABSENT`]: there is no lead yet.
    pub(crate) fn version(&self) -> Version {
        match self {
            Self::Remembered(held) => held.version,
            Self::Loaded(stored) => stored.as_ref().map_or(Version::ABSENT, |stored| stored.version),
        }
    }

    /// The lead, an empty one where there is none.
    ///
    /// # Errors
    /// When it does not read.
    pub(crate) fn read(&self) -> Result<KeptLead, RecordError> {
        match self {
            Self::Remembered(held) => held.read(),
            Self::Loaded(stored) => person::read(stored.as_ref()),
        }
    }
}

/// Leads that are remembered.
pub struct Leads {
    writers: Writers,
    memory: Arc<Memory>,
    asking: Arc<Asking>,
    /// Until when the store is taken for away, in milliseconds since `begun`.
    away_until: Arc<AtomicU64>,
    begun: Instant,
}

impl Leads {
    /// Of a store, none remembered yet.
    #[must_use]
    pub fn of(writers: Writers) -> Self {
        let (memory, asking, away_until) = (Arc::default(), Arc::default(), Arc::default());
        Self { writers, memory, asking, away_until, begun: Instant::now() }
    }

    /// A lead for a decision, an empty one where the store has none.
    ///
    /// # Errors
    /// When the store does not answer in time and nothing is remembered of this visitor, or the lead does not read.
    pub(crate) async fn read(&self, store: &Arc<dyn Store>, key: &LeadKey) -> Result<(Arc<KeptLead>, Age), StoreError> {
        if let Some(held) = self.memory.get(key).filter(|held| self.is_fresh(held)) {
            return Ok((Arc::new(held.read().map_err(unreadable)?), Age::Fresh));
        }
        let failed = if self.writers == Writers::Alone {
            // Its store works in place: many questions at once would save it nothing.
            match asking::alone(store, &self.memory, key).await {
                Ok(kept) => return Ok((kept, Age::Fresh)),
                Err(error) if !error.is_transient() => return Err(error),
                Err(error) => error,
            }
        } else if self.is_away() {
            let asked = self.asking.ask(store, &self.memory, key);
            // Not waited for, but asked: so it is noticed when it is back.
            let (until, begun) = (self.away_until.clone(), asked);
            tokio::spawn(async move {
                if let Ok(Ok(_)) = begun.await {
                    until.store(0, Ordering::Relaxed);
                }
            });
            away("known to be away a moment ago")
        } else {
            let asked = self.asking.ask(store, &self.memory, key);
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
        match self.memory.get(key) {
            Some(held) => Ok((Arc::new(held.read().map_err(unreadable)?), Age::Before)),
            None => Err(failed),
        }
    }

    /// Whether decisions do without the store at present.
    #[must_use]
    pub fn is_away(&self) -> bool {
        let until = Duration::from_millis(self.away_until.load(Ordering::Relaxed));
        self.begun.elapsed() < until
    }

    /// Whether what is remembered is what the store has, or had [`SERVES`] ago.
    fn is_fresh(&self, held: &Held) -> bool {
        self.writers == Writers::Alone || held.asked.elapsed() < SERVES
    }

    /// A lead to be changed, as it is remembered; `None`: it is to be loaded. `alone`: no other collector is known to be at
    /// work, so that what is remembered is most likely what the store has; else only what is fresh is.
    pub(crate) fn basis(&self, key: &LeadKey, alone: bool) -> Option<Basis> {
        self.memory.get(key).filter(|held| alone || self.is_fresh(held)).map(Basis::Remembered)
    }

    /// This collector has committed a change at some instant after `began`. To be called before its touches leave the tail.
    pub(crate) fn committed(&self, change: &Change, version: Version, began: Instant) {
        self.memory.committed(&change.key, version, change.lead.as_deref().unwrap_or_default(), began);
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

impl Held {
    fn read(&self) -> Result<KeptLead, RecordError> {
        if self.version == Version::ABSENT { Ok(KeptLead::default()) } else { KeptLead::decode(&self.bytes) }
    }
}

fn unreadable(error: RecordError) -> StoreError {
    StoreError::Corrupt { what: error.to_string(), source: None }
}

fn away(why: &'static str) -> StoreError {
    StoreError::Unavailable { doing: "read a lead", source: why.into() }
}

#[cfg(test)]
mod tests {
    use store::{SiteName, VisitorId};

    use super::*;

    fn key() -> LeadKey {
        LeadKey::new(SiteName::parse("shop").unwrap(), VisitorId::from_bytes([7; 16]))
    }

    /// The version that applying would go on from.
    fn basis(leads: &Leads, alone: bool) -> Option<u64> {
        leads.basis(&key(), alone).map(|basis| basis.version().0)
    }

    #[test]
    fn applying_goes_on_from_what_was_committed_here_and_beside_others_only_from_what_is_fresh() {
        let bytes = KeptLead::default().encode().unwrap();
        let before = Instant::now().checked_sub(SERVES).unwrap();
        for (writers, began, alone, expected) in [
            (Writers::Alone, before, true, Some(3)),
            (Writers::Several, before, true, Some(3)),
            (Writers::Several, before, false, None),
            (Writers::Several, Instant::now(), false, Some(3)),
        ] {
            // given a lead that was committed here, now or a while ago
            let leads = Leads::of(writers);
            leads.memory.committed(&key(), Version(3), &bytes, began);
            // then it is gone on from where nobody else is likely to have written since
            assert_eq!(basis(&leads, alone), expected, "{writers:?}, alone: {alone}");
            // and not any more once nobody knows what became of it
            leads.forget(&key());
            assert_eq!(basis(&leads, alone), None);
        }
    }
}
