//! Who was merged into whom, as far as this collector remembers: merges that are in the log and not applied yet, all of
//! them, and the last of those that are.
//!
//! What is true of a merge stands in the store, as a fence on the lead that was merged. This is what an answer knows
//! without asking the store: which signed id the page is to have. Who is forgotten here is found at their fence again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use store::{LeadKey, VisitorId};

/// Applied merges that are remembered: about ten megabytes.
const MOST_KNOWN: usize = 65_536;
/// Merges in a row that are followed. A person has fewer ids than this.
const MOST_STEPS: usize = 128;

/// A merge that is in the log, or on its way there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    /// The order in which they are applied.
    sequence: usize,
    /// Whose lead is joined.
    pub(crate) from: LeadKey,
    /// Whose lead goes on.
    pub(crate) into: LeadKey,
    /// Whether that is a person's.
    pub(crate) person: bool,
}

/// The lead that a merged one went into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    into: VisitorId,
    person: bool,
}

/// Merges of all sites.
#[derive(Default)]
pub struct Merges {
    pending: Mutex<HashMap<LeadKey, Vec<Arc<Pending>>>>,
    /// How many there are, so that whoever finds none takes no lock.
    count: AtomicUsize,
    begun: AtomicUsize,
    /// How often something moved to the lead that goes on: whoever read leads and found this changed may have missed it.
    moved: AtomicUsize,
    known: RwLock<HashMap<LeadKey, Known>>,
}

impl Merges {
    /// Remembers a merge from before it is handed to the log, so that no decision misses it.
    pub(crate) fn begin(&self, from: &LeadKey, into: &LeadKey, person: bool) -> Arc<Pending> {
        let mut pending = self.pending();
        let sequence = self.begun.fetch_add(1, Ordering::Relaxed);
        let merge = Arc::new(Pending { sequence, from: from.clone(), into: into.clone(), person });
        for end in [from, into] {
            pending.entry(end.clone()).or_default().push(merge.clone());
        }
        self.count.fetch_add(1, Ordering::Release);
        merge
    }

    /// Forgets one that the log refused.
    pub(crate) fn refused(&self, merge: &Pending) {
        self.remove(&merge.from, &merge.into);
    }

    /// Forgets one that is applied; `head`: the lead that both are now, unless it was not carried out.
    pub(crate) fn applied(&self, from: &LeadKey, into: &LeadKey, head: Option<(&LeadKey, bool)>) {
        if let Some((head, person)) = head {
            [from, into].into_iter().filter(|one| *one != head).for_each(|one| self.learn(one, head.visitor, person));
        }
        self.remove(from, into);
    }

    /// Remembers a fence that was met in the store.
    pub(crate) fn learn(&self, from: &LeadKey, into: VisitorId, person: bool) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_KNOWN
            && let Some(one) = known.keys().next().cloned()
        {
            known.remove(&one);
        }
        known.insert(from.clone(), Known { into, person });
    }

    /// Forgets everything about an erased visitor.
    pub(crate) fn forget(&self, key: &LeadKey) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|from, to| from != key && (from.site != key.site || to.into != key.visitor));
    }

    /// Merges on their way.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.count.load(Ordering::Acquire) as u64
    }

    /// Whether none is on its way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// To be called when something is where it goes on already, and before it leaves where it was.
    pub(crate) fn moving(&self) {
        self.moved.fetch_add(1, Ordering::AcqRel);
    }

    /// How often something has moved. Where it differs after leads were read, that may have been neither where it came from nor
    /// where it went.
    pub(crate) fn moved(&self) -> usize {
        self.moved.load(Ordering::Acquire)
    }

    /// Merges on their way that concern a visitor.
    pub(crate) fn about(&self, key: &LeadKey) -> Vec<Arc<Pending>> {
        if self.is_empty() {
            return Vec::new();
        }
        self.pending().get(key).cloned().unwrap_or_default()
    }

    /// The lead that a visitor's goes on as, and whether that is a person's; `None`: their own, as far as is known here.
    pub(crate) fn successor(&self, key: &LeadKey) -> Option<(LeadKey, bool)> {
        let mut line = Lineage::default();
        let mut pending = Vec::new();
        let (mut open, mut seen) = (vec![key.clone()], BTreeSet::new());
        while let Some(next) = open.pop() {
            if !seen.insert(next.clone()) || seen.len() > MOST_STEPS {
                continue;
            }
            for merge in self.about(&next) {
                open.extend([merge.from.clone(), merge.into.clone()]);
                pending.push(merge);
            }
            if let Some(known) = self.known(&next) {
                let into = LeadKey::new(next.site.clone(), known.into);
                line.fence(&next, &into, known.person);
                open.push(into);
            }
        }
        line.take(pending);
        let head = line.head(key);
        let person = line.is_person(&head);
        (head != *key).then_some((head, person))
    }

    fn known(&self, key: &LeadKey) -> Option<Known> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if known.is_empty() { None } else { known.get(key).copied() }
    }

    fn remove(&self, from: &LeadKey, into: &LeadKey) {
        self.moving();
        let mut pending = self.pending();
        let held = pending.get(from).and_then(|held| held.iter().find(|one| one.from == *from && one.into == *into));
        let Some(merge) = held.cloned() else { return };
        for end in [from, into] {
            if let Some(held) = pending.get_mut(end) {
                held.retain(|one| one.sequence != merge.sequence);
                if held.is_empty() {
                    pending.remove(end);
                }
            }
        }
        self.count.fetch_sub(1, Ordering::Release);
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<LeadKey, Vec<Arc<Pending>>>> {
        // Nothing under this lock can panic half-way.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What merges come to: which lead goes on as which. Never a circle, since only heads are joined.
#[derive(Debug, Default)]
pub(crate) struct Lineage {
    parents: BTreeMap<LeadKey, LeadKey>,
    persons: BTreeSet<LeadKey>,
}

impl Lineage {
    /// Takes what was merged before.
    pub(crate) fn fence(&mut self, from: &LeadKey, into: &LeadKey, person: bool) {
        self.parents.insert(from.clone(), into.clone());
        if person {
            self.persons.insert(into.clone());
        }
    }

    /// Takes merges that are still to be applied, in their order.
    pub(crate) fn take(&mut self, mut pending: Vec<Arc<Pending>>) {
        pending.sort_by_key(|merge| merge.sequence);
        pending.dedup_by_key(|merge| merge.sequence);
        for merge in pending {
            let (from, into) = (self.head(&merge.from), self.head(&merge.into));
            if merge.person || self.persons.contains(&from) {
                self.persons.insert(into.clone());
            }
            if from != into {
                self.parents.insert(from, into);
            }
        }
    }

    /// Whether a lead is a person's, as far as these merges say.
    pub(crate) fn is_person(&self, key: &LeadKey) -> bool {
        self.persons.contains(key)
    }

    /// Where a lead goes on.
    pub(crate) fn head(&self, key: &LeadKey) -> LeadKey {
        let steps = std::iter::successors(Some(key), |one| self.parents.get(one));
        steps.take(MOST_STEPS).last().unwrap_or(key).clone()
    }
}

#[cfg(test)]
mod tests {
    use store::SiteName;

    use super::*;

    fn key(byte: u8) -> LeadKey {
        LeadKey::new(SiteName::parse("shop").unwrap(), VisitorId::from_bytes([byte; 16]))
    }

    #[test]
    fn merges_are_followed_through_what_is_pending_and_what_is_known() {
        let merges = Merges::default();
        assert_eq!(merges.successor(&key(1)), None);

        // given 1 → 2 applied, 2 → 3 and 4 → 1 on their way
        merges.applied(&key(1), &key(2), Some((&key(2), false)));
        merges.begin(&key(2), &key(3), true);
        merges.begin(&key(4), &key(1), false);

        for one in [1, 2, 4] {
            assert_eq!(merges.successor(&key(one)), Some((key(3), true)), "{one}");
        }
        assert_eq!(merges.successor(&key(3)), None);
        // and nobody who was erased is led anywhere
        merges.applied(&key(2), &key(3), None);
        merges.applied(&key(4), &key(1), None);
        merges.forget(&key(2));
        assert_eq!(merges.successor(&key(1)), None);
        assert_eq!(merges.count.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_merge_back_or_into_oneself_leads_nowhere_new() {
        let merges = Merges::default();
        merges.begin(&key(1), &key(2), false);
        merges.begin(&key(2), &key(1), false);
        merges.begin(&key(2), &key(2), false);
        assert_eq!(merges.successor(&key(1)), Some((key(2), false)), "the first one counts");
        assert_eq!(merges.successor(&key(2)), None);
    }

    #[test]
    fn the_same_merge_asked_for_twice_is_on_its_way_until_both_are_applied() {
        let merges = Merges::default();
        merges.begin(&key(1), &key(2), false);
        merges.begin(&key(1), &key(2), false);
        merges.applied(&key(1), &key(2), None);
        assert_eq!(merges.about(&key(2)).len(), 1);
        merges.applied(&key(1), &key(2), None);
        assert!(merges.about(&key(1)).is_empty());
    }

    #[test]
    fn what_is_remembered_has_an_end() {
        let merges = Merges::default();
        for number in 0..=u32::try_from(MOST_KNOWN).unwrap() {
            let mut bytes = [9; 16];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            merges.learn(
                &LeadKey::new(SiteName::parse("shop").unwrap(), VisitorId::from_bytes(bytes)),
                key(1).visitor,
                false,
            );
        }
        assert_eq!(merges.known.read().unwrap().len(), MOST_KNOWN);
    }
}
