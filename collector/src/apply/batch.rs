//! Applying a batch of records: load the leads, record the touches, commit with index entries and messages.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use engine::compact::{Before, is_due};
use engine::{Evaluation, Lead, Millis, Model, Outlook, Span, StageCause, TextError, Touch, TouchId, record};
use store::{Bound, Change, Committed, Erasure, LeadKey, StoreError, Version, VisitorId};

use super::attempted::Attempted;
use super::budgets::Settling;
use super::commit::commit;
use super::places::Places;
use super::{budgets, codes, contention, coupons, merging, poison};
use crate::app::App;
use crate::coupon::redemption::leaks;
use crate::erasure;
use crate::leads::Basis;
use crate::log_record::{KeptLead, LogRecord, RecordError, TouchesRecord, UnconfirmedEmail};
use crate::message::Telling;
use crate::metric::Metric;
use crate::notice::{Published, notices};
use crate::outbox;
use crate::outcome::Outcome;
use crate::past_use;
use crate::person::MOST_IDS;
use crate::recovery::{Recovery, recovery};
use crate::refused::{self, Refused};
use crate::site::InForce;
use crate::transition::announcement;

/// What a batch wants of one visitor.
#[derive(Default)]
struct Work<'a> {
    touches: Vec<&'a Touch>,
    /// Touches of our own that follow from what others did: no events, so nobody counts them.
    follows: Vec<&'a Touch>,
    email: Option<UnconfirmedEmail>,
    refused: Vec<Refused>,
    erase: bool,
    /// Visitors whose lead went on as this one, of whom some of it came.
    aliases: BTreeSet<LeadKey>,
    /// How often it was handed on.
    handed_on: usize,
    /// How often it could not be worked out.
    tries: u32,
}

/// Whether the records are met for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    /// From the running process.
    First,
    /// From the log at start: the store may have them already.
    Replay,
    /// From the log, by a process that has applied them before, and counted what became of them.
    Again,
}

/// Applies records, touches of one visitor merged. Idempotent: can be repeated after any failure, with what `attempted` knows
/// of it.
///
/// # Errors
/// When the store is away; nothing is lost, the batch is to be tried again.
pub(crate) async fn apply(
    app: &App,
    records: &[LogRecord],
    pass: Pass,
    attempted: &mut Attempted,
) -> Result<(), StoreError> {
    let void = coupons::keep(app, records).await?;
    let redeemed = codes::register(app, records, |key, touch| void.has(key, &touch.id)).await?;
    let mut work: BTreeMap<LeadKey, Work<'_>> = BTreeMap::new();
    for record in records {
        match record {
            LogRecord::Touches(record) => {
                let Ok(key) = record.whose.key() else { continue };
                let good = record.touches.iter().filter(|touch| !void.has(&key, &touch.id)).collect::<Vec<_>>();
                let work = work.entry(key).or_default();
                work.touches.extend(good);
                work.refused.extend(record.refused.iter().cloned());
                work.email = record.email.clone().or(work.email.take());
            }
            LogRecord::Erasure(record) => {
                let Ok(key) = record.whose.key() else { continue };
                work.entry(key).or_default().erase = true;
            }
            // Applied for itself: see `merging`.
            LogRecord::Merge(_) => {}
        }
    }
    for (owner, touch) in &redeemed {
        work.entry(owner.clone()).or_default().follows.push(touch);
    }
    erase(app, &work).await?;

    let mut open: Vec<(LeadKey, Work<'_>)> = Vec::new();
    let (mut erased, mut homeless) = (Vec::new(), Vec::new());
    for (key, work) in work {
        if work.erase || app.erased.contains(&key) {
            erased.push((key, work.touches));
        } else if app.sites.get(key.site.as_str()).is_some() {
            open.push((key, work));
        } else {
            homeless.push((key, work));
        }
    }
    for round in 0.. {
        open = attempt(app, open, pass, attempted).await?;
        if open.is_empty() {
            break;
        }
        contention::give_way(round).await;
    }
    // Last: put aside and counted once, however often the others are tried.
    for (key, work) in homeless {
        put_aside(app, &key, work, "its site is not in the configuration")?;
    }
    for (key, touches) in erased {
        settle(app, &key, &touches, &vec![Outcome::Erased; touches.len()], pass);
    }
    Ok(())
}

/// Erases whoever is to be, under all of their ids: whoever asked for it may not have known them all.
async fn erase(app: &App, work: &BTreeMap<LeadKey, Work<'_>>) -> Result<(), StoreError> {
    let mut erasures = Vec::new();
    for (key, _) in work.iter().filter(|(_, work)| work.erase) {
        for one in erasure::everybody(app, key).await? {
            erasures.push(Erasure { tombstone: app.erased.tombstone(&one), key: one });
        }
    }
    if !erasures.is_empty() {
        app.store.erase(&erasures).await?;
        // Again: it may have been read between.
        erasures.iter().for_each(|erasure| app.leads.forget(&erasure.key));
        erasure::tell(app, &erasures).await;
    }
    Ok(())
}

/// What cannot be applied goes to quarantine, where a person finds it, and does not hold up the others.
fn put_aside(app: &App, key: &LeadKey, work: Work<'_>, reason: &str) -> Result<(), StoreError> {
    let Work { touches, email, refused, tries, .. } = work;
    let touches = touches.into_iter().cloned().collect();
    let record = LogRecord::Touches(TouchesRecord { whose: key.into(), touches, email, refused });
    poison::put_aside(app, &record, None, tries.max(1), reason)
}

/// What could not be worked out is tried again, with the lead read anew, until it has failed too often.
fn failed<'a>(
    app: &App,
    key: LeadKey,
    mut work: Work<'a>,
    reason: &str,
    again: &mut BTreeMap<LeadKey, Work<'a>>,
) -> Result<(), StoreError> {
    app.leads.forget(&key);
    work.tries += 1;
    if work.tries >= poison::TRIES {
        return put_aside(app, &key, work, reason);
    }
    again.entry(key).or_default().add(work);
    Ok(())
}

/// One round: everything is committed but what another writer changed meanwhile, which is returned.
async fn attempt<'a>(
    app: &App,
    open: Vec<(LeadKey, Work<'a>)>,
    pass: Pass,
    attempted: &mut Attempted,
) -> Result<Vec<(LeadKey, Work<'a>)>, StoreError> {
    let bases = bases(app, &open).await?;
    let mut changes = Vec::with_capacity(open.len());
    let mut outcomes = Vec::with_capacity(open.len());
    let mut taken = Vec::with_capacity(open.len());
    let mut again: BTreeMap<LeadKey, Work<'_>> = BTreeMap::new();
    for ((key, work), basis) in open.into_iter().zip(bases) {
        match contained(|| joined(app, &key, &work, &basis, pass)) {
            // Only a commit finds out that what was remembered is outdated, and there will be none.
            Some(Ok(Joined::Elsewhere(_) | Joined::Nothing)) if matches!(basis, Basis::Remembered(_)) => {
                app.leads.forget(&key);
                again.entry(key).or_default().add(work);
            }
            Some(Ok(Joined::Elsewhere(into))) if work.handed_on < MOST_IDS => {
                if work.handed_on % LOOK_FOR_CIRCLE == LOOK_FOR_CIRCLE - 1 {
                    merging::open_circle(app, &key).await?;
                }
                hand_on(app, &key, into, work, &mut again)
            }
            Some(Ok(Joined::Elsewhere(_))) => put_aside(app, &key, work, "its lead was merged in a circle")?,
            // Nothing of it is kept.
            Some(Ok(Joined::Nothing)) => {}
            Some(Ok(Joined::Here { change, outcomes: mut outcome, settling })) => {
                budgets::settle(app, &key, &settling).await?;
                attempted.recall(work.keys(&key), &work.touches, &mut outcome);
                changes.push(change);
                outcomes.push(outcome);
                taken.push((key, work));
            }
            // A lead of ours that does not read is damage: said aloud, left as it is for a person to look at.
            Some(Err(error)) => {
                failed(app, key, work, &format!("its lead cannot be read: {error}"), &mut again)?;
            }
            None => failed(app, key, work, "working it out panicked, which is a fault of ours", &mut again)?,
        }
    }
    let committed = match commit(app, &changes).await {
        Ok(committed) => committed,
        Err(error) => {
            for ((key, work), outcome) in taken.iter().zip(&outcomes) {
                attempted.unanswered(key, &work.touches, outcome);
            }
            return Err(error);
        }
    };
    // What is still open may fail, and then all of the batch comes again.
    let is_whole = again.is_empty() && !committed.iter().any(|one| matches!(one, Committed::Conflict { .. }));
    for (((key, work), outcome), committed) in taken.into_iter().zip(outcomes).zip(committed) {
        match committed {
            Committed::Applied(_) => {
                Metric::LeadCommitted.add(1);
                settle(app, &key, &work.touches, &outcome, pass);
            }
            Committed::Erased => {
                settle(app, &key, &work.touches, &vec![Outcome::Erased; work.touches.len()], pass);
            }
            Committed::Conflict { .. } => {
                Metric::ApplyConflict.add(1);
                again.entry(key).or_default().add(work);
                continue;
            }
        }
        if is_whole {
            attempted.ended(work.keys(&key), &work.touches);
        } else {
            attempted.counted(&key, &work.touches);
        }
    }
    app.applied.notify_waiters();
    Ok(again.into_iter().collect())
}

/// What the leads of a round are now: as they are remembered, and the rest as the store has them.
async fn bases(app: &App, open: &[(LeadKey, Work<'_>)]) -> Result<Vec<Basis>, StoreError> {
    let alone = app.fleet.is_alone();
    let remembered: Vec<_> = open.iter().map(|(key, _)| app.leads.basis(key, alone)).collect();
    let unknown = open.iter().zip(&remembered).filter(|(_, remembered)| remembered.is_none());
    let keys: Vec<LeadKey> = unknown.map(|((key, _), _)| key.clone()).collect();
    let mut loaded = if keys.is_empty() { Vec::new() } else { app.store.load(&keys).await? }.into_iter();
    Ok(remembered.into_iter().filter_map(|known| known.or_else(|| loaded.next().map(Basis::Loaded))).collect())
}

impl Work<'_> {
    /// The lead that it is for, and those that went on as this one.
    fn keys<'a>(&'a self, key: &'a LeadKey) -> impl Iterator<Item = &'a LeadKey> + Clone {
        std::iter::once(key).chain(&self.aliases)
    }

    fn add(&mut self, other: Self) {
        self.touches.extend(other.touches);
        self.follows.extend(other.follows);
        self.refused.extend(other.refused);
        self.email = other.email.or(self.email.take());
        self.aliases.extend(other.aliases);
        self.handed_on = self.handed_on.max(other.handed_on);
        self.tries = self.tries.max(other.tries);
    }
}

/// How often something is handed on before it is looked whether it goes in a circle.
const LOOK_FOR_CIRCLE: usize = 8;

/// Hands what came for a lead that was merged to the one that it was merged into.
fn hand_on<'a>(app: &App, key: &LeadKey, into: VisitorId, mut work: Work<'a>, again: &mut BTreeMap<LeadKey, Work<'a>>) {
    let into = LeadKey::new(key.site.clone(), into);
    app.tail.readdress(key, &into, work.touches.iter().map(|touch| &touch.id), || app.merges.moving());
    work.handed_on += 1;
    work.aliases.insert(key.clone());
    again.entry(into).or_default().add(work);
}

/// What `work` gives; `None` when it panics. It would do so every time, and hold up everybody's events behind these.
pub(super) fn contained<T>(work: impl FnOnce() -> T) -> Option<T> {
    // What a panic may leave half done is dropped with it: the work owns all that it changes.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).ok()
}

/// What becomes of one visitor's work.
enum Joined {
    /// The change to commit, what became of each touch, and of what they took from budgets.
    Here { change: Change, outcomes: Vec<Outcome>, settling: Vec<Settling> },
    /// The lead was merged into this one.
    Elsewhere(VisitorId),
    /// There is nothing to keep: only of a lead that is there is it said what was refused.
    Nothing,
}

/// The lead with the touches in it, as a change to commit.
fn joined(app: &App, key: &LeadKey, work: &Work<'_>, basis: &Basis, pass: Pass) -> Result<Joined, RecordError> {
    let (expected, mut kept) = (basis.version(), basis.read()?);
    if let Some(fence) = kept.fence {
        return Ok(Joined::Elsewhere(fence.into));
    }
    work.aliases.iter().for_each(|alias| app.merges.learn(alias, key.visitor, kept.person));
    if work.touches.is_empty() && kept.lead.is_empty() {
        return Ok(Joined::Nothing);
    }
    let limits = app.config.ledger;
    let before = Before::of(&kept.lead, &limits);
    let mut outcomes: Vec<Outcome> = work
        .touches
        .iter()
        .map(|touch| match (record(&mut kept.lead, (*touch).clone(), &limits).into(), pass) {
            (Outcome::Duplicate, Pass::Replay | Pass::Again) => Outcome::Reapplied,
            (outcome, _) => outcome,
        })
        .collect();
    for touch in &work.follows {
        record(&mut kept.lead, (*touch).clone(), &limits);
    }
    let held = engine::held(&kept.lead);
    for (touch, outcome) in work.touches.iter().zip(&mut outcomes) {
        if *outcome == Outcome::Recorded && held.iter().any(|(id, _)| **id == touch.id) {
            *outcome = Outcome::Quarantined;
        }
    }
    let not_taken = work.touches.iter().zip(&outcomes);
    refused::keep(&mut kept.refused, not_taken.filter_map(|(touch, outcome)| Refused::by_the_ledger(touch, *outcome)));
    refused::keep(&mut kept.refused, work.refused.iter().cloned());
    compact(app, key, before, &mut kept);
    if let Some(email) = &work.email
        && kept.email.as_ref().is_none_or(|known| known.at <= email.at)
    {
        kept.email = Some(email.clone());
    }
    let settling = budgets::of(&kept.lead, &work.touches);
    Ok(Joined::Here { change: change(app, key, expected, kept)?, outcomes, settling })
}

/// Folds what is old in a lead that has grown large since `before`, and forgets what nobody asks of our own doings any more.
pub(super) fn compact(app: &App, key: &LeadKey, before: Before, kept: &mut KeptLead) {
    let (limits, now) = (app.config.ledger, app.clock.now());
    let Some(site) = app.sites.get(key.site.as_str()) else { return };
    let model = site.model();
    if is_due(before, &kept.lead, &limits, &model.offsets, now) {
        past_use::forget(&mut kept.lead, now);
        kept.lead = engine::compact(&kept.lead, &limits, &model.offsets, now).lead;
    }
}

/// The commit of a lead as it is now: with its places in the indexes, and what is to be announced.
pub(super) fn change(app: &App, key: &LeadKey, expected: Version, mut kept: KeptLead) -> Result<Change, RecordError> {
    let unindexed = |lead: &KeptLead| {
        let (tombstone, lead) = (app.erased.tombstone(key), Some(lead.encode()?));
        Ok(Change { key: key.clone(), expected, tombstone, lead, heat: None, wake: None, outbox: Vec::new() })
    };
    let Some(site) = app.sites.get(key.site.as_str()) else { return unindexed(&kept) };
    let (in_force, now) = (site.in_force(), app.clock.now());
    let model = &*in_force.model;
    let broken = |error: &dyn std::fmt::Display| RecordError::Broken(error.to_string());
    let outlook = Outlook::of(&kept.lead, model, now);
    let (tellings, recovery_at) =
        tellings(key, &kept, model, &outlook.evaluation, &in_force).map_err(|error| broken(&error))?;
    // With nothing to tell, the lead is as it was replayed.
    let as_it_is = tellings.is_empty().then(|| Places::of(key, &outlook, model, now));
    let mut messages = Vec::new();
    for Telling { touch, message } in tellings {
        if let Some((id, told)) = message {
            messages.push(outbox::message(id, touch.time, &told).map_err(|error| broken(&error))?);
        }
        record(&mut kept.lead, touch, &app.config.ledger);
    }
    let Places { bound, wake } =
        as_it_is.unwrap_or_else(|| Places::of(key, &Outlook::of(&kept.lead, model, now), model, now));
    let heat = bound.map(|bound| Bound::from_micro_points(bound.0));
    // Later than now, whatever the forecast says: a lead that is always due would be looked at without end.
    let wake = wake.into_iter().chain(recovery_at).min().map(|at| at.max(now + Span(1)).0);
    Ok(Change { heat, wake, outbox: messages, ..unindexed(&kept)? })
}

/// What is to be told of a lead as it is now, and when to look again at what waits.
fn tellings(
    key: &LeadKey,
    kept: &KeptLead,
    model: &Model,
    evaluation: &Evaluation,
    in_force: &InForce,
) -> Result<(Vec<Telling>, Option<Millis>), TextError> {
    let lead = &kept.lead;
    let joined_since = kept.joined.is_some_and(|at| at >= in_force.since);
    let by_model = !joined_since && made_by_model(lead, evaluation, in_force.since);
    // What a new model makes of what was there already is noted, and told to nobody unless whoever published it asked.
    let mut tellings: Vec<Telling> =
        announcement(key, lead, model, evaluation, by_model, !in_force.notify)?.into_iter().collect();
    let published = Published { since: in_force.since, notify: in_force.notify };
    tellings.extend(notices(key, lead, model, evaluation, published)?);
    let mut look_at = None;
    match recovery(key, lead, model, evaluation)? {
        Recovery::None => {}
        Recovery::Waits(until) => look_at = Some(until),
        Recovery::Tell(telling) => tellings.push(*telling),
    }
    let (leaked, judged_at) = leaks(key, lead, model, evaluation)?;
    tellings.extend(leaked);
    Ok((tellings, look_at.into_iter().chain(judged_at).min()))
}

/// Whether a stage comes of the model rather than of anything that happened since the model came into force.
fn made_by_model(lead: &Lead, evaluation: &Evaluation, in_force_since: Millis) -> bool {
    let moved_since = match &evaluation.why {
        StageCause::Touch { touch, .. } | StageCause::HandBack { touch, .. } => {
            lead.touch(touch).is_some_and(|touch| touch.received >= in_force_since)
        }
        StageCause::Initial | StageCause::State { .. } | StageCause::Cooling => false,
    };
    evaluation.since < in_force_since && !moved_since
}

/// Counts what became of each touch, and takes them out of the tail: the store has them.
fn settle(app: &App, key: &LeadKey, touches: &[&Touch], outcomes: &[Outcome], pass: Pass) {
    let now = app.clock.now();
    for (touch, outcome) in touches.iter().zip(outcomes) {
        app.progress.tally.event(*outcome);
        // What became of it was counted when it was applied first.
        let outcome = if pass == Pass::Again { Outcome::Reapplied } else { *outcome };
        Metric::EventOutcome.count(outcome.as_str());
        if outcome != Outcome::Reapplied {
            let waited = u64::try_from(now.since(touch.received).0).unwrap_or_default();
            Metric::VisibleSeconds.seconds(Duration::from_millis(waited));
        }
    }
    let ids: Vec<&TouchId> = touches.iter().map(|touch| &touch.id).collect();
    app.tail.remove(key, ids);
}

#[cfg(test)]
mod tests {
    use super::contained;

    #[test]
    fn what_panics_is_held_and_what_does_not_is_handed_on() {
        assert_eq!(contained(|| 7), Some(7));
        assert_eq!(contained(|| [1, 2, 3][std::hint::black_box(3)]), None);
    }
}
