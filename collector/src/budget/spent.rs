//! Budgets of which the store had nothing left a moment ago: so that an offer whose day is over costs a decision nothing.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use engine::{Millis, Span};
use store::ResourceName;

use super::Bound;

/// How long it is believed: what lapses is found so soon.
const BELIEVED_FOR: Span = Span::seconds(1);
/// So many are remembered, or none.
const MOST: usize = 10_000;

/// What was found spent.
#[derive(Debug, Default)]
pub struct Spent(Mutex<HashMap<ResourceName, Found>>);

#[derive(Debug, Clone, Copy)]
struct Found {
    limit: u64,
    amount: u64,
    at: Millis,
}

impl Spent {
    /// There was less left than is to be taken.
    pub(super) fn found(&self, bound: &Bound, now: Millis) {
        let mut found = self.lock();
        if found.len() >= MOST {
            found.clear();
        }
        found.insert(bound.resource.clone(), Found { limit: bound.limit, amount: bound.amount(), at: now });
    }

    /// Whether there need be no asking. Where the limit is another one, or less is wanted, there is.
    pub(super) fn is(&self, bound: &Bound, now: Millis) -> bool {
        let found = self.lock().get(&bound.resource).copied();
        found.is_some_and(|found| {
            let age = now.since(found.at).0;
            found.limit == bound.limit && found.amount <= bound.amount() && (0..BELIEVED_FOR.0).contains(&age)
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ResourceName, Found>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
