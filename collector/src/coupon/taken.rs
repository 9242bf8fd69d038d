//! Which codes of a pool this process has found with somebody else: what need not be asked again.
//!
//! What is found is not believed at once. Somebody may have been given the code by another collector a moment ago, and be
//! asking here now: their ledger says so within a second, and until then only the store knows whose it is.

use std::sync::atomic::{AtomicI64, Ordering};

use engine::Span;
use store::UnixMillis;

use super::pool::LEASE;

/// From when on it is believed: by then a grant is applied, wherever collector and store are well.
const BELIEVED_AFTER: Span = Span::seconds(10);
/// Not found with anybody.
const FREE: UnixMillis = UnixMillis::MIN;

/// When each code of a pool was found with somebody, by its place.
#[derive(Debug)]
pub(super) struct Taken(Box<[AtomicI64]>);

impl Taken {
    pub(super) fn none_of(codes: usize) -> Self {
        Self(std::iter::repeat_with(|| AtomicI64::new(FREE)).take(codes).collect())
    }

    /// The code at this place was found with somebody.
    pub(super) fn found(&self, place: usize, now: UnixMillis) {
        if let Some(found) = self.0.get(place)
            && is_forgotten(found.load(Ordering::Relaxed), now)
        {
            found.store(now, Ordering::Relaxed);
        }
    }

    /// Whether the code at this place need not be asked for: it is with somebody, and whoever that is has it in their ledger.
    pub(super) fn is_believed(&self, place: usize, now: UnixMillis) -> bool {
        self.0.get(place).is_some_and(|found| is_believed(found.load(Ordering::Relaxed), now))
    }

    /// Whether no code of the pool need be asked for.
    pub(super) fn are_all_believed(&self, now: UnixMillis) -> bool {
        self.0.iter().all(|found| is_believed(found.load(Ordering::Relaxed), now))
    }
}

fn is_believed(found: UnixMillis, now: UnixMillis) -> bool {
    !is_forgotten(found, now) && now.saturating_sub(found) >= BELIEVED_AFTER.0
}

/// A lease that was found may have ended by now.
fn is_forgotten(found: UnixMillis, now: UnixMillis) -> bool {
    found == FREE || now.saturating_sub(found) >= LEASE.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_believed_after_a_moment_and_until_a_lease_may_have_ended() {
        let taken = Taken::none_of(2);
        let noon = 1_795_262_400_000;
        assert!(!taken.is_believed(0, noon));
        taken.found(0, noon);
        assert!(!taken.is_believed(0, noon + BELIEVED_AFTER.0 - 1));
        // found once more, it is believed no later
        taken.found(0, noon + 1);
        assert!(taken.is_believed(0, noon + BELIEVED_AFTER.0));
        assert!(!taken.are_all_believed(noon + BELIEVED_AFTER.0), "the other one may be free");
        taken.found(1, noon);
        assert!(taken.are_all_believed(noon + LEASE.0 - 1));
        assert!(!taken.is_believed(0, noon + LEASE.0));
        taken.found(0, noon + LEASE.0);
        assert!(taken.is_believed(0, noon + LEASE.0 + BELIEVED_AFTER.0));
    }
}
