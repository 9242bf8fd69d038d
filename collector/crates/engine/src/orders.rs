//! Orders: one purchase counts once, whichever streams tell of it.

use std::collections::BTreeMap;

use crate::quarantine::Quarantine;
use crate::touch::{Touch, Trust, event};

/// What a touch is among those that tell of the same order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Telling {
    /// It is the one that counts: the most trusted, then the earliest.
    pub(crate) counts: bool,
    /// It is the earliest of all: when the order took effect.
    pub(crate) first: bool,
}

/// Which touches tell of an order that another touch tells of too.
#[derive(Debug, Clone, Default)]
pub(crate) struct Orders {
    /// By place in the ledger; only touches with a transaction id are in it.
    tellings: BTreeMap<usize, Telling>,
}

impl Orders {
    /// What is held tells of nothing.
    pub(crate) fn of(touches: &[Touch], quarantine: &Quarantine) -> Self {
        let mut groups: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
        for (place, touch) in touches.iter().enumerate() {
            if let Some(transaction) = touch.transaction.as_ref().filter(|_| moves_money(touch))
                && quarantine.reason(place).is_none()
            {
                groups.entry((touch.name.as_str(), transaction.as_str())).or_default().push(place);
            }
        }
        let trust = |place: usize| touches.get(place).map_or(Trust::Browser, |touch| touch.trust);
        let mut tellings = BTreeMap::new();
        for places in groups.values() {
            // Places ascend in canonical order, so the first of the most trusted is the earliest.
            let best = places.iter().copied().map(trust).max();
            let counting = places.iter().copied().find(|place| Some(trust(*place)) == best);
            for (number, place) in places.iter().enumerate() {
                tellings.insert(*place, Telling { counts: Some(*place) == counting, first: number == 0 });
            }
        }
        Self { tellings }
    }

    /// Places of touches that do not count, ascending.
    pub(crate) fn uncounted(&self) -> Vec<usize> {
        self.tellings.iter().filter(|(_, telling)| !telling.counts).map(|(place, _)| *place).collect()
    }

    /// What the touch at this place is. One without a transaction id stands for itself.
    pub(crate) fn telling(&self, place: usize) -> Telling {
        self.tellings.get(&place).copied().unwrap_or(Telling { counts: true, first: true })
    }
}

/// Whether a touch tells of money, which a browser alone is not believed about.
pub(crate) fn moves_money(touch: &Touch) -> bool {
    touch.is(event::PURCHASE) || touch.is(event::REFUND)
}
