//! What became of touches whose commit was sent and never answered.
//!
//! The store may have made such a commit all the same. Made again, the batch finds its own touches in the lead, and without
//! this would count as duplicates what was recorded once.

use std::collections::BTreeMap;

use engine::{Touch, TouchId};
use store::LeadKey;

use crate::outcome::Outcome;

/// Outcomes of the commits of one batch that were not answered.
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

    /// The store says that it did not make the commit of these touches: what is found now is somebody else's.
    pub(super) fn refused(&mut self, key: &LeadKey, touches: &[&Touch]) {
        if !self.outcomes.is_empty() {
            for touch in touches {
                self.outcomes.remove(&(key.clone(), touch.id.clone()));
            }
        }
    }

    /// What became of touches that are in the lead already: if it was this batch that put them there, what it did then.
    pub(super) fn recall(&self, key: &LeadKey, touches: &[&Touch], outcomes: &mut [Outcome]) {
        if self.outcomes.is_empty() {
            return;
        }
        let mut seen: BTreeMap<&TouchId, usize> = BTreeMap::new();
        for (touch, outcome) in touches.iter().zip(outcomes) {
            let nth = seen.entry(&touch.id).or_default();
            let noted = self.outcomes.get(&(key.clone(), touch.id.clone()));
            if let (Outcome::Duplicate | Outcome::Reapplied, Some(then)) = (*outcome, noted.and_then(|of| of.get(*nth)))
            {
                *outcome = *then;
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
        attempted.recall(&key(), touches, &mut outcomes);
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
    fn what_the_store_refused_was_put_there_by_somebody_else() {
        let a = touch("a");
        let touches = [&a];
        let mut attempted = Attempted::default();
        attempted.unanswered(&key(), &touches, &[Outcome::Recorded]);
        attempted.refused(&key(), &touches);
        assert_eq!(recalled(&attempted, &touches, vec![Outcome::Duplicate]), [Outcome::Duplicate]);
    }
}
