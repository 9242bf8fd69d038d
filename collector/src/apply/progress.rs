//! How far applying is, for whoever asks from another thread; and wishes to apply the log again.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use engine::Span;
use serde::{Deserialize, Serialize};
use store::log::Position;
use tokio::sync::{Mutex, MutexGuard, mpsc, oneshot};

use super::tally::Tally;

/// Wishes that wait. One at a time is carried out.
const WISHES: usize = 4;

/// How far applying is.
pub struct Progress {
    applied: AtomicU64,
    /// Whether the store lacks some that it had.
    lacks: AtomicBool,
    /// Which store the log is applied to.
    store: std::sync::Mutex<Option<String>>,
    /// For how long records are kept, in ms.
    retained: AtomicI64,
    pub(super) tally: Tally,
    wish: mpsc::Sender<Wish>,
    /// Held by the thread that applies.
    wishes: Mutex<mpsc::Receiver<Wish>>,
}

/// That the log be applied again.
pub(super) struct Wish {
    /// From which record on; `None`: the oldest.
    pub(super) from: Option<Position>,
    pub(super) done: oneshot::Sender<Reapplied>,
}

/// What applying the log again came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reapplied {
    /// The position that it began at.
    pub from: u64,
    /// The position behind the last record that was applied again.
    pub end: u64,
    /// What became of the events and merges in them: `reapplied` is what the store had already.
    pub outcomes: BTreeMap<String, u64>,
}

impl Default for Progress {
    fn default() -> Self {
        let (wish, wishes) = mpsc::channel(WISHES);
        Self {
            applied: AtomicU64::new(Position::FIRST.0),
            lacks: AtomicBool::new(false),
            store: std::sync::Mutex::default(),
            retained: AtomicI64::new(0),
            tally: Tally::default(),
            wish,
            wishes: Mutex::new(wishes),
        }
    }
}

impl Progress {
    /// Every record before it is in the store, or was when it was applied.
    #[must_use]
    pub fn applied(&self) -> Position {
        Position(self.applied.load(Ordering::Acquire))
    }

    /// Whether the store may lack events that it had: it was found to be another one, or to be behind, and the log is being
    /// applied to it again. They are in no tail.
    #[must_use]
    pub fn is_again(&self) -> bool {
        self.lacks.load(Ordering::Acquire)
    }

    /// Whether the store of this identity is the one that the log is applied to.
    #[must_use]
    pub fn is_on(&self, identity: &str) -> bool {
        self.store.lock().unwrap_or_else(PoisonError::into_inner).as_deref() == Some(identity)
    }

    /// For how long the log's records have been kept, at least.
    #[must_use]
    pub fn retained(&self) -> Span {
        Span(self.retained.load(Ordering::Relaxed))
    }

    /// Applies the log again, from a position or the oldest record on, to the store that there is now; returns when all that
    /// is in it now has been.
    ///
    /// # Errors
    /// In words, when too many ask at once, or applying broke off.
    pub async fn apply_again(&self, from: Option<Position>) -> Result<Reapplied, String> {
        let (done, ended) = oneshot::channel();
        self.wish.try_send(Wish { from, done }).map_err(|_| "the log is being applied again already".to_owned())?;
        ended.await.map_err(|_| "applying broke off; it begins again at the checkpoint by itself".to_owned())
    }

    pub(super) fn reached(&self, position: Position) {
        self.applied.store(position.0, Ordering::Release);
    }

    pub(super) fn lacks(&self, lacks: bool) {
        self.lacks.store(lacks, Ordering::Release);
    }

    pub(super) fn goes_on_in(&self, identity: &str) {
        *self.store.lock().unwrap_or_else(PoisonError::into_inner) = Some(identity.to_owned());
    }

    pub(super) fn keeps(&self, span: Span) {
        self.retained.store(span.0, Ordering::Relaxed);
    }

    /// Wishes, for the thread that applies.
    pub(super) async fn wishes(&self) -> MutexGuard<'_, mpsc::Receiver<Wish>> {
        self.wishes.lock().await
    }
}
