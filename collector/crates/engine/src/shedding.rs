//! What a ledger lets go when it is compacted: reservations that came to nothing, and, over its limits, the oldest.

use std::collections::{BTreeMap, BTreeSet};

use crate::decide::{SEED_PROPERTY, VARIANT_PROPERTY};
use crate::fold::Fold;
use crate::lead::Lead;
use crate::quarantine::Quarantine;
use crate::record::{HORIZON, LedgerLimits, horizon, mark_overflow};
use crate::staying::in_force;
use crate::time::Millis;
use crate::touch::{DecisionId, OfferId, Scalar, Touch, TouchId, Trust, event};
use crate::weight;

/// How far a ledger is over its limits: what is older than the horizon and not our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Surplus {
    touches: usize,
    bytes: usize,
}

impl Surplus {
    /// That of a ledger; `young` is when the horizon begins.
    pub(crate) fn of(lead: &Lead, limits: &LedgerLimits, young: Millis) -> Self {
        let folds: usize = lead.folds.iter().map(weight::of_fold).sum();
        let (mut touches, mut bytes) = (0_usize, folds);
        for touch in lead.touches.iter().filter(|touch| is_older(touch, young)) {
            touches += 1;
            bytes = bytes.saturating_add(weight::of_touch(touch));
        }
        Self { touches: touches.saturating_sub(limits.older), bytes: bytes.saturating_sub(limits.bytes) }
    }

    pub(crate) fn is_none(self) -> bool {
        self.touches == 0 && self.bytes == 0
    }
}

/// Whether a touch is older than the horizon and not our own. Our own are never dropped, nor is anything for their sake.
pub(crate) fn is_older(touch: &Touch, young: Millis) -> bool {
    touch.time < young && touch.received < young && touch.trust < Trust::Product
}

/// Lets touches of our own go that whoever made them says are past use, once they are older than the horizon. Says how many.
pub fn forget_own(lead: &mut Lead, now: Millis, past_use: impl Fn(&Touch) -> bool) -> usize {
    let (before, young) = (lead.touches.len(), now.minus(HORIZON));
    let old = |touch: &Touch| touch.trust == Trust::Product && touch.time < young && touch.received < young;
    lead.touches.retain(|touch| !(old(touch) && past_use(touch)));
    before - lead.touches.len()
}

/// Lets reservations go that are older than the horizon and that nobody can come back to. Says how many.
///
/// A reservation counts for half an hour, and later as a sign that the page may have shown the offer (to whoever claims its
/// code), and for what it says of the experiment. For that the first one of an offer's variant is enough, the first of it that
/// was shown, and one whose decision a touch names, unless it was shown.
pub(crate) fn let_reservations_go(lead: &mut Lead, young: Millis) -> usize {
    let is_reservation = |touch: &Touch| touch.trust == Trust::Product && touch.is(event::RESERVED);
    let mut named: BTreeMap<&DecisionId, bool> = BTreeMap::new();
    for touch in lead.touches.iter().filter(|touch| !is_reservation(touch)) {
        if let Some(decision) = &touch.decision {
            *named.entry(decision).or_default() |= touch.is(event::OFFER_SHOWN);
        }
    }
    let mut reserved: BTreeSet<(&OfferId, [Option<&Scalar>; 2], bool)> = BTreeSet::new();
    let mut going: BTreeSet<TouchId> = BTreeSet::new();
    for touch in lead.touches.iter().filter(|touch| is_reservation(touch)) {
        let answered = touch.decision.as_ref().and_then(|decision| named.get(decision));
        let (shown, awaited) = (answered == Some(&true), answered == Some(&false));
        let variant = [VARIANT_PROPERTY, SEED_PROPERTY].map(|name| touch.properties.get(name));
        // Those that say nothing of an experiment are all alike.
        let first = touch.offer.as_ref().is_none_or(|offer| {
            let first = reserved.insert((offer, variant, false));
            first | (shown && variant != [None, None] && reserved.insert((offer, variant, true)))
        });
        if !first && !awaited && touch.time < young && touch.received < young {
            going.insert(touch.id.clone());
        }
    }
    lead.touches.retain(|touch| !going.contains(&touch.id));
    going.len()
}

/// Lets the oldest go until the ledger is within its limits: buckets first, then what only a browser told of, then what a
/// server told of that is neither an order nor in force. Says how many.
pub(crate) fn drop_oldest(lead: &mut Lead, limits: &LedgerLimits, young: Millis) -> usize {
    let mut surplus = Surplus::of(lead, limits, young);
    if surplus.is_none() {
        return 0;
    }
    let folds: BTreeMap<usize, &Fold> = lead.folds_by_place().into_iter().collect();
    let in_force = in_force(lead, &Quarantine::of(lead));
    let kind = |place: usize, touch: &Touch| match touch.trust {
        _ if touch.is_fold() => Some(0),
        Trust::Browser | Trust::Page => Some(1),
        Trust::Server if !in_force.contains(&place) => Some(2),
        Trust::Server | Trust::Product => None,
    };
    let mut going: BTreeSet<usize> = BTreeSet::new();
    for wanted in 0..3 {
        for (place, touch) in lead.touches.iter().enumerate() {
            if surplus.is_none() {
                break;
            }
            if is_older(touch, young) && kind(place, touch) == Some(wanted) {
                let bytes = weight::of_touch(touch) + folds.get(&place).map_or(0, |fold| weight::of_fold(fold));
                surplus.bytes = surplus.bytes.saturating_sub(bytes);
                surplus.touches = surplus.touches.saturating_sub(1);
                going.insert(place);
            }
        }
    }
    let mut gone: BTreeSet<TouchId> = BTreeSet::new();
    for (place, touch) in std::mem::take(&mut lead.touches).into_iter().enumerate() {
        if going.contains(&place) {
            mark_overflow(lead, horizon(touch.received));
            gone.insert(touch.id);
        } else {
            lead.touches.push(touch);
        }
    }
    lead.folds.retain(|fold| !gone.contains(&fold.id));
    going.len()
}
