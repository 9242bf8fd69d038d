//! Recording: how a touch joins the ledger.
//!
//! The ledger is a join: recording the same touches again, in any order, with any repetition, ends in the same bytes.
//! Copies of one id become one touch (highest trust, then the smallest digest of the content; earliest time), so no copy
//! is ever counted twice and none depends on which came first.

use crate::digest;
use crate::lead::Lead;
use crate::time::{Millis, Span};
use crate::touch::{Suspicion, Touch, TouchId, Trust};
use crate::weight;

/// How long a touch can still be joined by a copy, and how old a browser's event may be on arrival.
pub const HORIZON: Span = Span::days(7);

/// How large a ledger may grow. Our own touches are counted in none of it and never refused.
///
/// What is received inside one horizon is bounded on arrival. What is older is bounded when it is folded (see
/// [`compact`](crate::compact())).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerLimits {
    /// Touches received inside one horizon.
    pub touches: usize,
    /// Touches older than the horizon that are left when it is folded, each bucket as one.
    pub older: usize,
    /// Bytes of the touches received inside one horizon, and likewise of those older than it when it is folded. Counted a
    /// little high.
    pub bytes: usize,
}

impl Default for LedgerLimits {
    /// A thousand touches a week is a person who does something every ten minutes, day and night.
    fn default() -> Self {
        Self { touches: 1_000, older: 4_000, bytes: 1 << 20 }
    }
}

/// What became of a touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Recorded {
    /// It is in the ledger.
    New,
    /// The same content was there already. The ledger may still have learned an earlier time or a higher trust.
    Duplicate,
    /// Other content under the same id: one of the two stays, whichever came first.
    Conflict,
    /// From a browser, and older on receipt than the horizon; or what stands for a fold, which only folding makes; or at a
    /// time outside [`Millis::EARLIEST`] to [`Millis::LATEST`]: not kept.
    Stale,
    /// The limit of its horizon was reached by touches received before it: not kept, and the lead says so.
    OverLimit,
}

/// Joins a touch into the ledger.
///
/// Horizons for the limit are counted from 1970 in blocks of seven days of `received`, not from touch to touch: which
/// touches stay is then a function of the set, not of the order of arrival. Those received first stay (by id where
/// received together), so one that arrives late may push out another.
pub fn record(lead: &mut Lead, touch: Touch, limits: &LedgerLimits) -> Recorded {
    let late = touch.trust <= Trust::Page && touch.received.since(touch.time) > HORIZON;
    if touch.is_fold() || late || !touch.is_in_calendar() {
        return Recorded::Stale;
    }
    // It may be in a bucket by now: an import can be repeated at any time.
    if lead.folds.iter().any(|fold| fold.holds(&touch.id)) {
        return Recorded::Duplicate;
    }
    let (outcome, joined) = match lead.touches.iter().rposition(|held| held.id == touch.id) {
        Some(found) => {
            let held = lead.touches.remove(found);
            let (outcome, joined) = join(held, touch);
            (outcome, joined)
        }
        None => (Recorded::New, touch),
    };
    let (horizon, own, id) = (horizon(joined.received), joined.trust == Trust::Product, joined.id.clone());
    insert(lead, joined);
    if own {
        return outcome;
    }
    let mut outcome = outcome;
    while let Some(pushed_out) = push_out(lead, horizon, limits) {
        if pushed_out == id {
            outcome = Recorded::OverLimit;
        }
    }
    outcome
}

/// Puts a touch in its place.
pub(crate) fn insert(lead: &mut Lead, touch: Touch) {
    let place = lead.touches.partition_point(|held| held.canonical() < touch.canonical());
    lead.touches.insert(place, touch);
}

/// Says that a horizon had more touches than are left.
pub(crate) fn mark_overflow(lead: &mut Lead, number: i64) {
    if let Err(place) = lead.overflowed.binary_search(&number) {
        lead.overflowed.insert(place, number);
    }
}

/// The number of the horizon that an instant lies in.
pub(crate) fn horizon(received: Millis) -> i64 {
    received.0.div_euclid(HORIZON.0)
}

/// Takes the touch that was received last out of a horizon that has more than its limit. Folds are of older ones.
///
/// In order of receipt a touch stays while there is room for one more before it, in number and in bytes. The one that fills
/// the last bytes stays, so that what comes later finds no room either, and what stays does not depend on who came first.
pub(crate) fn push_out(lead: &mut Lead, number: i64, limits: &LedgerLimits) -> Option<TouchId> {
    if lead.touches.len() <= limits.touches && !weight::may_exceed(&lead.touches, limits.bytes) {
        return None;
    }
    let counted =
        |touch: &&Touch| touch.trust != Trust::Product && horizon(touch.received) == number && !touch.is_fold();
    let last = lead.touches.iter().filter(counted).max_by_key(|touch| (touch.received, &touch.id))?;
    let before = || lead.touches.iter().filter(counted).map(weight::of_touch).sum::<usize>() - weight::of_touch(last);
    if lead.touches.iter().filter(counted).count() <= limits.touches && before() < limits.bytes {
        return None;
    }
    let id = last.id.clone();
    lead.touches.retain(|touch| touch.id != id);
    mark_overflow(lead, number);
    Some(id)
}

/// Joins two copies of one id.
pub(crate) fn join(held: Touch, arrived: Touch) -> (Recorded, Touch) {
    let (time, received) = (held.time.min(arrived.time), held.received.min(arrived.received));
    let (held_rank, arrived_rank) = (digest::rank(&held), digest::rank(&arrived));
    let outcome = if held_rank == arrived_rank { Recorded::Duplicate } else { Recorded::Conflict };
    let arrived_wins = match arrived.trust.cmp(&held.trust) {
        std::cmp::Ordering::Equal => arrived_rank < held_rank,
        order => order.is_gt(),
    };
    // Of equally trusted copies one that is beyond suspicion is enough.
    let suspect = match arrived.trust.cmp(&held.trust) {
        std::cmp::Ordering::Equal => {
            [arrived.suspect, held.suspect].into_iter().min_by_key(|why| why.map(Suspicion::weight)).flatten()
        }
        order if order.is_gt() => arrived.suspect,
        _ => held.suspect,
    };
    let mut joined = if arrived_wins { arrived } else { held };
    joined.suspect = suspect;
    joined.time = time;
    joined.received = received;
    (outcome, joined)
}
