//! Compaction: what is old becomes buckets with a count, and a ledger stays bounded.
//!
//! What is folded means the same to rules without decay, window or sequence that look at what a bucket keeps (see
//! [`fold`](crate::fold)). Whatever else still matters is left as it is: touches that carry state, and everything younger
//! than the horizon. A stream is folded in parts between pauses that end a session, so that no session falls apart.

use std::collections::{BTreeMap, BTreeSet};

use crate::calendar;
use crate::fold::{Bucket, Fold, id_digest};
use crate::lead::Lead;
use crate::orders::{Orders, moves_money};
use crate::quarantine::{Quarantine, is_evidence, stream_digest};
use crate::record::{HORIZON, LedgerLimits, horizon, mark_overflow};
use crate::sessions::{SESSION_GAP, Sessions, is_visit};
use crate::time::{Millis, Span};
use crate::touch::{Channel, Scalar, Touch, TouchId, Trust, event};

/// Copies of one event may be corrected to times a little apart, so what is near the horizon is left alone for a while.
const SETTLING: Span = Span::minutes(60);

/// A ledger after compaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// The ledger.
    pub lead: Lead,
    /// How many of its touches went into buckets.
    pub folded: usize,
    /// How many touches, each bucket as one, had to go because the ledger was over its limits. The lead says so.
    pub dropped: usize,
}

/// Folds what is older than the horizon, by time and by receipt. `offsets` is the table of the site's zone: from when on it
/// is how many seconds ahead of UTC, as in [`SiteFacts`](crate::SiteFacts).
///
/// What is folded is a little older than the horizon: whole local days, and of each stream only whole parts between pauses of half
/// an hour. What stays as it is: our own touches, whatever is about an offer or moves money, the attributes, labels and
/// consent in force, the cart, the part of a stream that was seen last, and what last told country, device and language.
///
/// Where the ledger is over its limits even so, the oldest buckets go, then the oldest touches that only a browser told of.
#[must_use]
pub fn compact(lead: &Lead, limits: &LedgerLimits, offsets: &[(Millis, i32)], now: Millis) -> Folded {
    let mut compacted = lead.clone();
    let folded = fold(&mut compacted, offsets, now);
    let dropped = drop_oldest(&mut compacted, limits, now.minus(HORIZON));
    Folded { lead: compacted, folded, dropped }
}

/// Buckets by the id of the touch that stands for each.
#[derive(Debug, Default)]
pub(crate) struct Buckets(BTreeMap<TouchId, (Touch, Fold)>);

impl Buckets {
    /// Puts one in, or its count into the one that is there.
    pub(crate) fn put(&mut self, stands: Touch, fold: Fold) {
        if let Some((_, held)) = self.0.get_mut(&fold.id) {
            held.absorb(&fold);
        } else {
            self.0.insert(fold.id.clone(), (stands, fold));
        }
    }

    /// Adds them to those of a ledger.
    pub(crate) fn join(mut self, lead: &mut Lead) {
        for held in &mut lead.folds {
            if let Some((_, fold)) = self.0.remove(&held.id) {
                held.absorb(&fold);
            }
        }
        if self.0.is_empty() {
            return;
        }
        let mut folds: BTreeMap<TouchId, Fold> = lead.folds.drain(..).map(|fold| (fold.id.clone(), fold)).collect();
        for (id, (stands, fold)) in self.0 {
            lead.touches.push(stands);
            folds.insert(id, fold);
        }
        lead.touches.sort_unstable_by(|left, right| left.canonical().cmp(&right.canonical()));
        lead.folds = lead.touches.iter().filter_map(|touch| folds.remove(&touch.id)).collect();
    }
}

/// Remembers streams that a person is behind.
pub(crate) fn remember(lead: &mut Lead, persons: impl IntoIterator<Item = u64>) {
    lead.persons.extend(persons);
    lead.persons.sort_unstable();
    lead.persons.dedup();
}

/// What begins with a touch that leaves, so that its bucket must say so.
#[derive(Debug, Clone, Copy, Default)]
struct Begins {
    visits: u32,
    told: u32,
    /// Where its visit came from, which the bucket must say: what it was known by is gone with the visit's beginning.
    channel: Channel,
}

fn fold(lead: &mut Lead, offsets: &[(Millis, i32)], now: Millis) -> usize {
    let young = now.minus(HORIZON).minus(SETTLING);
    let Some(midnight) = calendar::local_midnight(calendar::local_day(young, offsets), offsets) else { return 0 };
    let old = |touch: &Touch| touch.time < midnight.min(young) && touch.received < young;
    if !lead.touches.iter().any(|touch| old(touch) && !touch.is_fold()) {
        return 0;
    }
    let quarantine = Quarantine::of(lead);
    let (staying, seen_last) = (staying(lead, &quarantine), seen_last(lead, &quarantine));
    let mut leaving: BTreeMap<usize, Begins> = BTreeMap::new();
    for part in parts(&lead.touches) {
        let of_part = || part.iter().filter_map(|place| Some((*place, lead.touches.get(*place)?)));
        if part.iter().any(|place| seen_last.contains(place)) || !of_part().all(|(_, touch)| old(touch)) {
            continue;
        }
        for held in [false, true] {
            let alike: Vec<(usize, &Touch)> =
                of_part().filter(|(place, _)| quarantine.reason(*place).is_some() == held).collect();
            leaving.extend(what_leaves(&alike, &staying));
        }
    }
    let touches = std::mem::take(&mut lead.touches);
    let mut buckets = Buckets::default();
    let mut persons = BTreeSet::new();
    for (place, mut touch) in touches.into_iter().enumerate() {
        let Some(begins) = leaving.get(&place) else {
            lead.touches.push(touch);
            continue;
        };
        let held = quarantine.reason(place);
        if held.is_none() && is_evidence(&touch) {
            persons.insert(stream_digest(&touch.stream));
        }
        let noon = calendar::local_noon(calendar::local_day(touch.time, offsets), offsets).unwrap_or(touch.time);
        touch.source.channel = begins.channel;
        let stands = Bucket::of(&touch, noon, held).touch();
        let fold = Fold {
            id: stands.id.clone(),
            count: 1,
            first: touch.time,
            last: touch.time,
            visits: begins.visits,
            told: begins.told,
            ids: (touch.trust == Trust::Server).then(|| id_digest(&touch.id)).into_iter().collect(),
        };
        buckets.put(stands, fold);
    }
    buckets.join(lead);
    remember(lead, persons);
    leaving.len()
}

/// Places of a visitor's last touch that counts, and of the last one that is part of a visit. No fold is either: it stands
/// at noon, which may be later than a touch of that morning that was left in the ledger as the last.
fn seen_last(lead: &Lead, quarantine: &Quarantine) -> Vec<usize> {
    let seen = |(place, touch): &(usize, &Touch)| {
        touch.trust < Trust::Product && !touch.is_fold() && quarantine.reason(*place).is_none()
    };
    let mut seen = lead.touches.iter().enumerate().rev().filter(seen).peekable();
    let last = seen.peek().map(|(place, _)| *place);
    last.into_iter().chain(seen.find(|(_, touch)| is_visit(touch)).map(|(place, _)| place)).collect()
}

/// The places of each stream's touches between pauses that end a session; our own and folds are in none.
fn parts(touches: &[Touch]) -> Vec<Vec<usize>> {
    let mut parts: Vec<Vec<usize>> = Vec::new();
    let mut open: BTreeMap<&str, (usize, Millis)> = BTreeMap::new();
    let theirs = |(_, touch): &(usize, &Touch)| touch.trust < Trust::Product && !touch.is_fold();
    for (place, touch) in touches.iter().enumerate().filter(theirs) {
        let going_on = open.get(touch.stream.as_str()).filter(|(_, last)| touch.time.since(*last) < SESSION_GAP);
        let part = going_on.map_or(parts.len(), |(part, _)| *part);
        match parts.get_mut(part) {
            Some(part) => part.push(place),
            None => parts.push(vec![place]),
        }
        open.insert(touch.stream.as_str(), (part, touch.time));
    }
    parts
}

/// What leaves of one part of a stream, and what of its visits and distinct touches the buckets must count from now on: as
/// many as what stays does not make by itself. Nothing leaves where what stays would make more than there were.
fn what_leaves(part: &[(usize, &Touch)], staying: &BTreeSet<usize>) -> BTreeMap<usize, Begins> {
    let mut leaving: BTreeMap<usize, Begins> = BTreeMap::new();
    let (mut all, mut rest) = (Sessions::default(), Sessions::default());
    let holding = what_holds_visits(part, staying);
    let told = |sessions: &Sessions<'_>| sessions.touchpoints - sessions.count();
    for (place, touch) in part {
        let before = (all.count(), told(&all));
        all.take(touch);
        if staying.contains(place) || holding.contains(place) {
            rest.take(touch);
        } else {
            let (visits, told) = (all.count() - before.0, told(&all) - before.1);
            let channel = all.source.unwrap_or(&touch.source).channel;
            leaving.insert(*place, Begins { visits, told, channel });
        }
    }
    let missing = all.count().checked_sub(rest.count()).zip(told(&all).checked_sub(told(&rest)));
    let Some((mut visits, mut told)) = missing else { return BTreeMap::new() };
    for begins in leaving.values_mut() {
        begins.visits = begins.visits.min(visits);
        begins.told = begins.told.min(told);
        visits -= begins.visits;
        told -= begins.told;
    }
    if let Some(mut first) = leaving.first_entry() {
        first.get_mut().visits += visits;
        first.get_mut().told += told;
    }
    leaving
}

/// Places of what must stay for the sake of what stays later in the same visit: its beginning, which says where the visit
/// came from, and as much in between as keeps it one visit.
fn what_holds_visits(part: &[(usize, &Touch)], staying: &BTreeSet<usize>) -> BTreeSet<usize> {
    let mut sessions = Sessions::default();
    let mut visits: Vec<Vec<(usize, Millis)>> = Vec::new();
    for (place, touch) in part {
        let before = sessions.count();
        sessions.take(touch);
        if sessions.source.is_none() {
            continue;
        }
        match visits.last_mut().filter(|_| sessions.count() == before) {
            Some(visit) => visit.push((*place, touch.time)),
            None => visits.push(vec![(*place, touch.time)]),
        }
    }
    let mut holding = BTreeSet::new();
    for visit in visits {
        let last = visit.iter().rposition(|(place, _)| staying.contains(place));
        let Some(until) = last.and_then(|last| visit.get(..=last)) else { continue };
        holding.extend(until.first().map(|(place, _)| *place));
        let mut held = until.first().map_or(Millis(0), |(_, at)| *at);
        for ((place, at), (_, next)) in until.iter().zip(until.iter().skip(1)) {
            if staying.contains(place) || next.since(held) >= SESSION_GAP {
                holding.insert(*place);
                held = *at;
            }
        }
    }
    holding
}

/// Places of touches that carry something that is still in force, or may be.
fn staying(lead: &Lead, quarantine: &Quarantine) -> BTreeSet<usize> {
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
            stays |= carries_state(touch);
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

/// Whether a touch changes what is known of a visitor for longer than it lasts.
fn carries_state(touch: &Touch) -> bool {
    let names = [
        event::ADD_TO_CART,
        event::REMOVE_FROM_CART,
        event::CONSENT,
        event::LABEL_ADDED,
        event::LABEL_REMOVED,
        event::SET_ATTRIBUTES,
    ];
    names.iter().any(|name| touch.is(name))
}

/// Lets the oldest go until the ledger is within its limits: buckets first, then what only a browser told of. Says how many.
fn drop_oldest(lead: &mut Lead, limits: &LedgerLimits, young: Millis) -> usize {
    let older = |touch: &&Touch| touch.time < young && touch.received < young && touch.trust < Trust::Product;
    let mut over = lead.touches.iter().filter(older).count().saturating_sub(limits.older);
    let mut bytes = lead.encode().len().saturating_sub(limits.bytes);
    if over == 0 && bytes == 0 {
        return 0;
    }
    let folds: BTreeMap<usize, &Fold> = lead.folds_by_place().into_iter().collect();
    let mut going: BTreeSet<usize> = BTreeSet::new();
    let kind = |fold: bool| lead.touches.iter().enumerate().filter(move |(_, touch)| touch.is_fold() == fold);
    for (place, touch) in kind(true).chain(kind(false)) {
        if over == 0 && bytes == 0 {
            break;
        }
        if older(&touch) && (touch.is_fold() || touch.trust <= Trust::Page) {
            let fold = folds.get(&place).map(|fold| (*fold).clone());
            let alone = Lead { touches: vec![touch.clone()], folds: fold.into_iter().collect(), ..Lead::default() };
            bytes = bytes.saturating_sub(alone.encode().len().saturating_sub(Lead::default().encode().len()));
            over = over.saturating_sub(1);
            going.insert(place);
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
