//! Merging: two ledgers of one person become one.

use std::collections::BTreeSet;

use crate::compact::{Buckets, remember};
use crate::lead::Lead;
use crate::record::{LedgerLimits, horizon, insert, join, mark_overflow, push_out};
use crate::touch::{Touch, TouchId, Trust};

/// Joins the ledger of the same person under another id into `target`.
///
/// Touches join as copies of one id do, however old they are, so merging the same touches again changes nothing, and merging
/// in any order gives the same ledger. Buckets of what was folded add up: **a source must be merged once only**, which its
/// fence is there for (the source is marked as merged before, and never changed after). A server's event that one ledger has
/// folded and the other has not counts once.
///
/// Over the limit of a horizon, what was received first stays.
pub fn merge(target: &mut Lead, source: &Lead, limits: &LedgerLimits) {
    let folded_here = |lead: &Lead, id: &TouchId| lead.folds.iter().any(|fold| fold.holds(id));
    if !source.folds.is_empty() {
        target.touches.retain(|touch| touch.is_fold() || !folded_here(source, &touch.id));
    }
    let mut buckets = Buckets::default();
    for (place, fold) in source.folds_by_place() {
        if let Some(stands) = source.touches.get(place) {
            buckets.put(stands.clone(), fold.clone());
        }
    }
    for touch in source.touches.iter().filter(|touch| !touch.is_fold()) {
        if !folded_here(target, &touch.id) {
            join_in(target, touch.clone());
        }
    }
    buckets.join(target);
    remember(target, source.persons.iter().copied());
    for number in &source.overflowed {
        mark_overflow(target, *number);
    }
    let counted = target.touches.iter().filter(|touch| touch.trust < Trust::Product && !touch.is_fold());
    let horizons: BTreeSet<i64> = counted.map(|touch| horizon(touch.received)).collect();
    for number in horizons {
        while push_out(target, number, limits).is_some() {}
    }
}

fn join_in(target: &mut Lead, touch: Touch) {
    let touch = match target.touches.iter().rposition(|held| held.id == touch.id) {
        Some(found) => join(target.touches.remove(found), touch).1,
        None => touch,
    };
    insert(target, touch);
}
