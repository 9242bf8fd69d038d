//! What became of everything that this process has applied, counted as often as it was applied.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::outcome::{Merged, Outcome};

/// How often each outcome was met, by its label; that of merges begins with `merge_`. None that was never met.
pub(super) type Counted = BTreeMap<String, u64>;

/// Counts outcomes.
#[derive(Debug, Default)]
pub(super) struct Tally {
    events: [AtomicU64; Outcome::ALL.len()],
    merges: [AtomicU64; Merged::ALL.len()],
}

impl Tally {
    pub(super) fn event(&self, outcome: Outcome) {
        self.events[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn merge(&self, outcome: Merged) {
        self.merges[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// All so far.
    pub(super) fn counted(&self) -> Counted {
        let events = Outcome::ALL.iter().map(|outcome| outcome.as_str().to_owned()).zip(&self.events);
        let merges = Merged::ALL.iter().map(|outcome| format!("merge_{}", outcome.as_str())).zip(&self.merges);
        let counts = events.chain(merges).map(|(label, count)| (label, count.load(Ordering::Relaxed)));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// What was counted since.
    pub(super) fn since(&self, before: &Counted) -> Counted {
        let mut counted = self.counted();
        for (label, count) in &mut counted {
            *count -= before.get(label).copied().unwrap_or_default();
        }
        counted.retain(|_, count| *count > 0);
        counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_is_counted_under_its_own_label() {
        let tally = Tally::default();
        for outcome in Outcome::ALL {
            tally.event(outcome);
        }
        let before = tally.counted();
        assert_eq!(before.len(), Outcome::ALL.len());
        for outcome in Merged::ALL {
            tally.merge(outcome);
        }
        tally.event(Outcome::Stale);
        let since = tally.since(&before);
        assert_eq!((since["stale"], since["merge_already"], since.len()), (1, 1, Merged::ALL.len() + 1));
    }
}
