//! Compaction: what is old becomes buckets with a count, and a ledger stays bounded.
//!
//! What is folded means the same to rules without decay, window or sequence that look at what a bucket keeps (see
//! [`fold`](crate::fold)). Whatever else still matters is left as it is (`staying`), and so is everything younger than the
//! horizon. A stream is folded in parts between pauses that end a session, so that no session falls apart.

use std::collections::{BTreeMap, BTreeSet};

use crate::calendar;
use crate::fold::{Bucket, Fold, id_digest};
use crate::lead::Lead;
use crate::quarantine::{Quarantine, is_evidence, stream_digest};
use crate::record::{HORIZON, LedgerLimits, horizon, mark_overflow};
use crate::sessions::{SESSION_GAP, Sessions, gap_before, is_visit};
pub use crate::shedding::forget_own;
use crate::shedding::{Surplus, drop_oldest, is_older, let_reservations_go};
use crate::staying::{Barriers, Sources, staying};
use crate::time::{Millis, Span};
use crate::touch::{Touch, TouchId, Trust};
use crate::weight;

/// Copies of one event may be corrected to times a little apart, so what is near the horizon is left alone for a while.
const SETTLING: Span = Span::minutes(60);

/// A ledger after compaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// The ledger.
    pub lead: Lead,
    /// How many of its touches went into buckets.
    pub folded: usize,
    /// How many of our own reservations went, since nobody can come back to them.
    pub let_go: usize,
    /// How many touches, each bucket as one, had to go because the ledger was over its limits. The lead says so.
    pub dropped: usize,
}

/// Folds what is older than the horizon, by time and by receipt. `offsets` is the table of the site's zone: from when on it
/// is how many seconds ahead of UTC, as in [`SiteFacts`](crate::SiteFacts).
///
/// What is folded is a little older than the horizon: whole local days, and of each stream only whole parts between pauses
/// of half an hour. What stays as it is: our own touches but for reservations that came to nothing; whatever carries
/// properties or a campaign, is about an offer, moves money or decides something (a call, a form); what would change places
/// with any of these; attributes, labels and consent in force, the cart, the part of a stream that was seen last, and what
/// last told country, device and language.
///
/// Where the ledger is over its limits even so, the older half of what stays only for its properties or campaign is folded,
/// then all of it; then the oldest buckets go, then the oldest touches that only a browser told of, and last what a server
/// told of that is neither an order nor in force. The lead says of which horizons that was.
#[must_use]
pub fn compact(lead: &Lead, limits: &LedgerLimits, offsets: &[(Millis, i32)], now: Millis) -> Folded {
    let mut compacted = lead.clone();
    let young = now.minus(HORIZON);
    let let_go = let_reservations_go(&mut compacted, young);
    let mut folded = fold(&mut compacted, offsets, now, None);
    for part in [2, 1] {
        if Surplus::of(&compacted, limits, young).is_none() {
            break;
        }
        let older: Vec<Millis> =
            compacted.touches.iter().filter(|touch| is_older(touch, young)).map(|touch| touch.time).collect();
        folded += fold(&mut compacted, offsets, now, Some(older.get(older.len() / part).copied().unwrap_or(young)));
    }
    let dropped = drop_oldest(&mut compacted, limits, young);
    Folded { lead: compacted, folded, let_go, dropped }
}

/// How large a ledger was, and when it was last added to, before it grew: what [`is_due`] compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    large: bool,
    received: Option<Millis>,
}

impl Before {
    /// A ledger as it is before anything is recorded in it.
    #[must_use]
    pub fn of(lead: &Lead, limits: &LedgerLimits) -> Self {
        let large = is_large(lead, limits);
        // What is announced follows from the rest, and may be recorded without anything having been added.
        let added = |touch: &&Touch| touch.trust < Trust::Product || touch.offer.is_some();
        let received = lead.touches.iter().filter(added).map(|touch| touch.received).max();
        Self { large, received: received.filter(|_| large) }
    }
}

/// Whether compacting a ledger may come to anything: it has grown large, or it was, and a day has become old enough to be
/// folded since it was last added to. In between there is nothing to be found, however much is added.
#[must_use]
pub fn is_due(before: Before, lead: &Lead, limits: &LedgerLimits, offsets: &[(Millis, i32)], now: Millis) -> bool {
    let grown = !before.large;
    let old_until = |at: Millis| old_until(offsets, at);
    is_large(lead, limits) && (grown || before.received.is_none_or(|at| old_until(at) < old_until(now)))
}

/// Whether a ledger is so large that it is worth compacting: of more touches than one horizon may have, or of more bytes.
fn is_large(lead: &Lead, limits: &LedgerLimits) -> bool {
    let touches = &lead.touches;
    let bytes = || touches.iter().map(weight::of_touch).sum::<usize>();
    touches.len() > limits.touches || (weight::may_exceed(touches, limits.bytes) && bytes() > limits.bytes)
}

/// Until when what happened and was received is old enough to be folded: a local midnight.
fn old_until(offsets: &[(Millis, i32)], now: Millis) -> Option<Millis> {
    let young = now.minus(HORIZON).minus(SETTLING);
    calendar::local_midnight(calendar::local_day(young, offsets), offsets).map(|midnight| midnight.min(young))
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
}

/// Folds what is old and does not stay. With `details_until` also what happened before that and stays only for details,
/// which are lost then: the lead says so.
fn fold(lead: &mut Lead, offsets: &[(Millis, i32)], now: Millis, details_until: Option<Millis>) -> usize {
    let Some(until) = old_until(offsets, now) else { return 0 };
    let old = |touch: &Touch| touch.time < until && touch.received < until;
    if !lead.touches.iter().any(|touch| old(touch) && !touch.is_fold()) {
        return 0;
    }
    let noon_of =
        |touch: &Touch| calendar::local_noon(calendar::local_day(touch.time, offsets), offsets).unwrap_or(touch.time);
    let quarantine = Quarantine::of(lead);
    let (parts, seen_last) = (parts(&lead.touches), seen_last(lead, &quarantine));
    let sources = sources(lead, &parts, &quarantine);
    let mut staying = staying(lead, &quarantine, &sources, details_until);
    let barriers = Barriers::of(lead, &staying, &sources);
    let barred = |(_, touch): &(usize, &Touch)| old(touch) && barriers.between(touch.time, noon_of(touch));
    staying.extend(lead.touches.iter().enumerate().filter(barred).map(|(place, _)| place));
    let mut leaving: BTreeMap<usize, Begins> = BTreeMap::new();
    for part in &parts {
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
        // What was known of it by its visit is gone with the visit's beginning.
        if let Some(source) = sources.get(&place) {
            touch.source = source.clone();
        }
        let stands = Bucket::of(&touch, noon_of(&touch), held).touch();
        if details_until.is_some() {
            mark_overflow(lead, horizon(touch.received));
        }
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
        let going_on = open.get(touch.stream.as_str()).filter(|(_, last)| touch.time.since(*last) < gap_before(touch));
        let part = going_on.map_or(parts.len(), |(part, _)| *part);
        match parts.get_mut(part) {
            Some(part) => part.push(place),
            None => parts.push(vec![place]),
        }
        open.insert(touch.stream.as_str(), (part, touch.time));
    }
    parts
}

/// Where the visit of each touch came from.
fn sources(lead: &Lead, parts: &[Vec<usize>], quarantine: &Quarantine) -> Sources {
    let mut sources = Sources::new();
    for part in parts {
        // What is held makes no visit, until somebody turns out to be behind it: then it is as good as any other.
        for held in [false, true] {
            let mut sessions = Sessions::default();
            for place in part.iter().filter(|place| quarantine.reason(**place).is_some() == held) {
                let Some(touch) = lead.touches.get(*place) else { continue };
                sessions.take(touch);
                sources.extend(sessions.source.map(|source| (*place, source.clone())));
            }
        }
    }
    sources
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
            leaving.insert(*place, Begins { visits, told });
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
