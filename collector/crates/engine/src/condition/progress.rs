//! How far a sequence has come, kept while touches are taken one after the other.

use super::{Facts, Sequence};
use crate::time::Millis;
use crate::touch::Touch;

/// How far a sequence has come with the touches that it has seen.
///
/// Of all the ways in which its first steps can have been taken, the one that began last is kept: it stays inside `within`
/// for longest. So a touch costs no more the more there were before it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    /// How many touches of the ledger were looked at.
    pub(crate) taken: usize,
    /// Of as many first steps as the place says, and one: when the first of them was taken, at the latest. Descending.
    begun: Vec<Millis>,
}

impl Progress {
    /// Looks at the next touch that the sequence sees. `sure`: by what is known; else by what may be.
    pub(crate) fn take(&mut self, sequence: &Sequence, touch: &Touch, sure: bool, facts: &impl Facts) {
        // Only what comes after the first step spoils it, so what spoils it may be the first step itself.
        if sequence.without.as_ref().is_some_and(|without| without.surely(facts, !sure) != sure) {
            self.begun.clear();
        }
        // From the last step on, so that one touch takes one step.
        for (number, step) in sequence.steps.iter().enumerate().take(self.begun.len() + 1).rev() {
            if step.surely(facts, sure) != sure {
                continue;
            }
            let begun = match number.checked_sub(1) {
                None => Some(touch.time),
                Some(before) => self.begun.get(before).copied(),
            };
            match (begun, self.begun.get_mut(number)) {
                (Some(begun), Some(held)) => *held = begun,
                (Some(begun), None) => self.begun.push(begun),
                (None, _) => {}
            }
        }
    }

    /// How many steps were reached by what is not before `since`.
    pub(crate) fn reached(&self, since: Option<Millis>) -> usize {
        since.map_or(self.begun.len(), |since| self.begun.partition_point(|begun| *begun >= since))
    }
}
