//! What became of touches whose commit was sent and never answered.
//!
//! The store may have made such a commit all the same, even later than the next one was refused. Made again, the batch finds
//! its own touches in the lead, and without this would count as duplicates what was recorded once. What it cannot tell: the
//! commit was not made, and another collector recorded an event with the same id in between. That is then counted by both.

use std::collections::BTreeMap;

use engine::{Touch, TouchId};
use store::LeadKey;

use crate::outcome::Outcome;

/// Outcomes of commits that were not answered, until the batch is made again.
#[derive(Debug, Default)]
pub(super) struct Attempted {
    /// By touch, in the order in which the batch has it: it may have one more than once.
    outcomes: BTreeMap<(LeadKey, TouchId), Vec<Outcome>>,
}

impl Attempted {
    /// The commit of these touches was sent. What is known of an earlier one stays: that may have been made.
    pub(super) fn unanswered(&mut self, key: &LeadKey, touches: &[&Touch], outcomes: &[Outcome]) {
        let mut noted: BTreeMap<&TouchId, Vec<Outcome>> = BTreeMap::new();
        for (touch, outcome) in touches.iter().zip(outcomes) {
            noted.entry(&touch.id).or_default().push(*outcome);
        }
        for (id, outcomes) in noted {
            self.outcomes.entry((key.clone(), id.clone())).or_insert(outcomes);
        }
    }

    /// What became of touches that are in the lead already: if it was this batch that put them there, what it did then. They may
    /// have been sent to any of these leads, since a lead may have been merged meanwhile.
    pub(super) fn recall<'a>(
        &self,
        keys: impl Iterator<Item = &'a LeadKey> + Clone,
        touches: &[&Touch],
        outcomes: &mut [Outcome],
    ) {
        if self.outcomes.is_empty() {
            return;
        }
        let mut seen: BTreeMap<&TouchId, usize> = BTreeMap::new();
        for (touch, outcome) in touches.iter().zip(outcomes) {
            let nth = seen.entry(&touch.id).or_default();
            let noted = keys.clone().find_map(|key| self.outcomes.get(&(key.clone(), touch.id.clone())));
            if let (Outcome::Duplicate | Outcome::Reapplied, Some(then)) = (*outcome, noted.and_then(|of| of.get(*nth)))
            {
                *outcome = *then;
            }
            *nth += 1;
        }
    }

    /// These touches are counted: nobody need know any more.
    pub(super) fn counted<'a>(&mut self, keys: impl Iterator<Item = &'a LeadKey> + Clone, touches: &[&Touch]) {
        if self.outcomes.is_empty() {
            return;
        }
        for touch in touches {
            for key in keys.clone() {
                self.outcomes.remove(&(key.clone(), touch.id.clone()));
            }
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
        // when it is counted, then the next one is a duplicate
        attempted.counted(keys.iter(), &[&a]);
        assert_eq!(recalled(&attempted, &[&a], vec![Outcome::Duplicate]), [Outcome::Duplicate]);
    }
}
