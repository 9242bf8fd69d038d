//! What is known of touches whose batch has to be made again.
//!
//! The store may have made a commit that it never answered, even later than the next one was refused. Made again, the batch
//! finds its own touches in the lead, and without this would count as duplicates, or as there before, what was recorded once.
//! And of a batch that broke off, some may have been counted already. What this cannot tell: the commit was not made, and another
//! collector recorded an event with the same id in between. That is then counted by both.

use std::collections::BTreeMap;

use engine::{Touch, TouchId};
use store::LeadKey;

use crate::outcome::Outcome;

/// What is known of the touches of batches that were not applied to their end. It outlives a batch: after a store was opened
/// anew, or has turned out to be another one, records come again in batches that are cut otherwise.
#[derive(Debug, Default)]
pub(super) struct Attempted {
    touches: BTreeMap<(LeadKey, TouchId), Known>,
}

#[derive(Debug)]
enum Known {
    /// A commit of it was sent and not answered; what it would have become, in the order in which the batch has it: it may have
    /// one more than once.
    Unanswered(Vec<Outcome>),
    /// What became of it is counted.
    Counted,
}

impl Attempted {
    /// The commit of these touches was sent. What is known of an earlier one stays: that may have been made.
    pub(super) fn unanswered(&mut self, key: &LeadKey, touches: &[&Touch], outcomes: &[Outcome]) {
        let mut noted: BTreeMap<&TouchId, Vec<Outcome>> = BTreeMap::new();
        for (touch, outcome) in touches.iter().zip(outcomes) {
            noted.entry(&touch.id).or_default().push(*outcome);
        }
        for (id, outcomes) in noted {
            self.touches.entry((key.clone(), id.clone())).or_insert(Known::Unanswered(outcomes));
        }
    }

    /// What became of these touches is counted, and others of their batch are still open: it may come again.
    pub(super) fn counted(&mut self, key: &LeadKey, touches: &[&Touch]) {
        for touch in touches {
            self.touches.insert((key.clone(), touch.id.clone()), Known::Counted);
        }
    }

    /// These touches are counted, and their batch is at its end: nobody need know any more.
    pub(super) fn ended<'a>(&mut self, keys: impl Iterator<Item = &'a LeadKey> + Clone, touches: &[&Touch]) {
        if !self.touches.is_empty() {
            for touch in touches {
                for key in keys.clone() {
                    self.touches.remove(&(key.clone(), touch.id.clone()));
                }
            }
        }
    }

    /// Everything that was handed out is applied: none of it comes again uncounted.
    pub(super) fn all_applied(&mut self) {
        self.touches.clear();
    }

    /// What became of touches that come again: if it was this process that put them into the lead, what it did then. They may
    /// have been sent to any of these leads, since a lead may have been merged meanwhile.
    pub(super) fn recall<'a>(
        &self,
        keys: impl Iterator<Item = &'a LeadKey> + Clone,
        touches: &[&Touch],
        outcomes: &mut [Outcome],
    ) {
        if self.touches.is_empty() {
            return;
        }
        let mut seen: BTreeMap<&TouchId, usize> = BTreeMap::new();
        for (touch, outcome) in touches.iter().zip(outcomes) {
            let nth = seen.entry(&touch.id).or_default();
            match keys.clone().find_map(|key| self.touches.get(&(key.clone(), touch.id.clone()))) {
                // Also where the store has lost it meanwhile.
                Some(Known::Counted) => *outcome = Outcome::Reapplied,
                Some(Known::Unanswered(then)) if matches!(outcome, Outcome::Duplicate | Outcome::Reapplied) => {
                    *outcome = then.get(*nth).copied().unwrap_or(*outcome);
                }
                _ => {}
            }
            *nth += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::{EventName, Millis, StreamId};
    use store::{SiteName, VisitorId};

    use super::*;

    fn touch(id: &str) -> Touch {
        let (id, name) = (TouchId::parse(id).unwrap(), EventName::parse("chat").unwrap());
        Touch::new(id, name, StreamId::parse("stream-1").unwrap(), Millis(0))
    }

    fn key() -> LeadKey {
        LeadKey::new(SiteName::parse("shop").unwrap(), VisitorId::from_bytes([7; 16]))
    }

    fn recalled(attempted: &Attempted, touches: &[&Touch], mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
        attempted.recall([key()].iter(), touches, &mut outcomes);
        outcomes
    }

    #[test]
    fn what_an_unanswered_commit_recorded_is_recorded_and_what_was_twice_in_it_is_so_once() {
        // given a commit without an answer, of a batch in which one touch stands twice
        let (a, b) = (touch("a"), touch("b"));
        let touches = [&a, &a, &b];
        let then = [Outcome::Recorded, Outcome::Duplicate, Outcome::Quarantined];
        let mut attempted = Attempted::default();
        attempted.unanswered(&key(), &touches, &then);
        // when the batch is made again and finds all of them in the lead
        let found = vec![Outcome::Duplicate; 3];
        // then they are what they were
        assert_eq!(recalled(&attempted, &touches, found.clone()), then);
        // and still so when that is not answered either
        attempted.unanswered(&key(), &touches, &found);
        assert_eq!(recalled(&attempted, &touches, found), then);
        // and what the lead does not have yet becomes what it becomes now
        assert_eq!(recalled(&attempted, &touches[2..], vec![Outcome::Recorded]), [Outcome::Recorded]);
    }

    #[test]
    fn it_is_known_of_a_lead_that_was_merged_meanwhile_and_no_longer_than_until_it_is_counted() {
        let a = touch("a");
        let mut attempted = Attempted::default();
        attempted.unanswered(&key(), &[&a], &[Outcome::Recorded]);
        // given a lead that goes on as another one
        let into = LeadKey::new(SiteName::parse("shop").unwrap(), VisitorId::from_bytes([8; 16]));
        let keys = [into, key()];
        let mut outcomes = [Outcome::Reapplied];
        attempted.recall(keys.iter(), &[&a], &mut outcomes);
        assert_eq!(outcomes, [Outcome::Recorded]);
        // when it is counted at the end of its batch, then the next one is a duplicate
        attempted.ended(keys.iter(), &[&a]);
        assert_eq!(recalled(&attempted, &[&a], vec![Outcome::Duplicate]), [Outcome::Duplicate]);
    }

    #[test]
    fn what_is_counted_is_not_counted_again_wherever_the_store_stands() {
        let (a, b) = (touch("a"), touch("b"));
        let mut attempted = Attempted::default();
        attempted.counted(&key(), &[&a]);
        // whether the store has it still or has lost it
        for found in [Outcome::Duplicate, Outcome::Recorded] {
            let outcomes = recalled(&attempted, &[&a, &b], vec![found; 2]);
            assert_eq!(outcomes, [Outcome::Reapplied, found]);
        }
        // until all is applied: the same event may come once more then
        attempted.all_applied();
        assert_eq!(recalled(&attempted, &[&a], vec![Outcome::Duplicate]), [Outcome::Duplicate]);
    }
}
