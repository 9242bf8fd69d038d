//! What of a ledger is not folded: what a bucket could not say, what is still in force, and what may not change places with
//! either.
//!
//! Nothing here looks at a model, since a fold must mean the same under the next one. So it goes by what touches carry: a
//! rule that sets a stage, hands a lead back or gives a label asks of a touch what only that touch can tell.

use std::collections::{BTreeMap, BTreeSet};

use crate::lead::Lead;
use crate::orders::{Orders, moves_money};
use crate::quarantine::Quarantine;
use crate::time::Millis;
use crate::touch::{Scalar, SourceFacts, Touch, Trust, event};

/// Events that decide something by themselves, whatever they carry: what models hand a lead back or set a stage for.
const ACTS: [&str; 3] = [event::CALL_OUTCOME, event::FORM_SUBMIT, event::GENERATE_LEAD];

/// Events that change what is known of a visitor for longer than they last.
const OF_STATE: [&str; 6] = [
    event::ADD_TO_CART,
    event::REMOVE_FROM_CART,
    event::CONSENT,
    event::LABEL_ADDED,
    event::LABEL_REMOVED,
    event::SET_ATTRIBUTES,
];

/// Where the visits of touches came from, by the touch's place: what conditions see of each of them.
pub(crate) type Sources = BTreeMap<usize, SourceFacts>;

/// Whether a touch carries what a bucket does not keep and conditions are about: properties, the campaign of its visit.
fn has_details(place: usize, touch: &Touch, sources: &Sources) -> bool {
    let source = sources.get(&place).unwrap_or(&touch.source);
    !touch.properties.is_empty() || !touch.removed.is_empty() || source.campaign.is_some()
}

/// Whether a touch decides something, so that it is never folded at all: an order, or an act.
fn decides(touch: &Touch) -> bool {
    moves_money(touch) || ACTS.iter().any(|name| touch.is(name))
}

/// Places of touches that stay as they are. Before `details_until` those go too that only carry details.
pub(crate) fn staying(
    lead: &Lead,
    quarantine: &Quarantine,
    sources: &Sources,
    details_until: Option<Millis>,
) -> BTreeSet<usize> {
    let mut staying = in_force(lead, quarantine);
    let detailed = |place: usize, touch: &Touch| {
        has_details(place, touch, sources) && details_until.is_none_or(|until| touch.time >= until)
    };
    for (place, touch) in lead.touches.iter().enumerate() {
        if touch.trust == Trust::Product || decides(touch) || detailed(place, touch) {
            staying.insert(place);
        }
    }
    staying
}

/// When something was decided, or told with details, ascending: nothing is moved to the other side of that, since a rule may
/// have handed the lead back there, or set its stage.
#[derive(Debug)]
pub(crate) struct Barriers(Vec<Millis>);

impl Barriers {
    /// Those of a ledger, of which these places stay.
    pub(crate) fn of(lead: &Lead, staying: &BTreeSet<usize>, sources: &Sources) -> Self {
        let touches = staying.iter().filter_map(|place| Some((*place, lead.touches.get(*place)?)));
        let weighty = touches.filter(|(place, touch)| {
            touch.trust < Trust::Product && (decides(touch) || has_details(*place, touch, sources))
        });
        Self(weighty.map(|(_, touch)| touch.time).collect())
    }

    /// Whether one lies on the way from one instant to another.
    pub(crate) fn between(&self, one: Millis, other: Millis) -> bool {
        let next = self.0.partition_point(|at| *at < one.min(other));
        self.0.get(next).is_some_and(|at| *at <= one.max(other))
    }
}

/// Places of touches that carry something that is still in force, or may be.
pub(crate) fn in_force(lead: &Lead, quarantine: &Quarantine) -> BTreeSet<usize> {
    let orders = Orders::of(&lead.touches, quarantine);
    let mut staying = BTreeSet::new();
    // Walked from the end: what is met first is what is in force.
    let (mut country, mut device, mut language, mut consent, mut bought) = (false, false, false, false, false);
    let mut attributes: BTreeMap<&str, Trust> = BTreeMap::new();
    let mut labels: BTreeSet<&str> = BTreeSet::new();
    for (place, touch) in lead.touches.iter().enumerate().rev() {
        let own = touch.trust == Trust::Product;
        let mut stays = own || touch.offer.is_some() || touch.transaction.is_some() || moves_money(touch);
        if quarantine.reason(place).is_some() {
            // Once there is evidence of a person it counts like any other, so nothing is known to be past.
            stays |= OF_STATE.iter().any(|name| touch.is(name));
        } else if !own {
            stays |= touch.country.is_some() && !std::mem::replace(&mut country, true);
            stays |= touch.device.is_some() && !std::mem::replace(&mut device, true);
            stays |= touch.language.is_some() && !std::mem::replace(&mut language, true);
            stays |= match touch.name.as_str() {
                event::ADD_TO_CART | event::REMOVE_FROM_CART => !bought,
                event::CONSENT if touch.properties.get("state").and_then(Scalar::text).is_some() => {
                    !std::mem::replace(&mut consent, true)
                }
                event::LABEL_ADDED | event::LABEL_REMOVED if touch.trust == Trust::Server => {
                    touch.properties.get("label").and_then(Scalar::text).is_some_and(|label| labels.insert(label))
                }
                event::SET_ATTRIBUTES => sets_anew(touch, &mut attributes),
                _ => false,
            };
            bought |= touch.is(event::PURCHASE) && orders.telling(place).first;
        }
        if stays {
            staying.insert(place);
        }
    }
    staying
}

/// Whether a touch sets or removes an attribute that nothing as trusted sets or removes later, by what was met so far.
fn sets_anew<'a>(touch: &'a Touch, later: &mut BTreeMap<&'a str, Trust>) -> bool {
    let names = touch.properties.iter().map(|(name, _)| name).chain(touch.removed.iter().map(|name| name.as_str()));
    let mut anew = false;
    for name in names {
        let best = later.get(name).copied();
        anew |= best < Some(touch.trust);
        later.insert(name, best.map_or(touch.trust, |best| best.max(touch.trust)));
    }
    anew
}
