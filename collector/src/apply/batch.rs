//! Applying a batch of records: load the leads, record the touches, commit with index entries and messages. And looking
//! again at leads whose wake time has come, which is the same without touches.

use std::collections::BTreeMap;

use engine::model::Basis;
use engine::{
    Evaluation, Lead, LedgerLimits, Millis, Model, Points, Span, StageCause, TextError, Touch, TouchId, record,
};
use store::{Bound, Change, Committed, Erasure, LeadKey, Partition, SiteName, StoreError, StoredLead, Version};

use crate::app::App;
use crate::log_record::{KeptLead, LogRecord, RecordError, TouchesRecord, UnconfirmedEmail};
use crate::message::Telling;
use crate::metric::Metric;
use crate::notice::{Published, notices};
use crate::outbox;
use crate::outcome::Outcome;
use crate::recovery::{Recovery, recovery};
use crate::site::InForce;
use crate::transition::announcement;

/// How long a heat bound stands before it is looked at again, at most and at least. The heat page is exact whatever the
/// bounds are, since it evaluates what it shows; tight bounds only make it evaluate less.
const REFRESH: (Span, Span) = (Span::minutes(10), Span::minutes(6 * 60));

/// What a batch wants of one visitor.
#[derive(Default)]
struct Work {
    touches: Vec<Touch>,
    email: Option<UnconfirmedEmail>,
    erase: bool,
}

/// Whether the records are met for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    /// From the running process.
    First,
    /// From the log at start: the store may have them already.
    Replay,
}

/// Applies records, touches of one visitor merged. Idempotent: can be repeated after any failure.
///
/// # Errors
/// When the store is away; nothing is lost, the batch is to be tried again.
pub(crate) async fn apply(app: &App, records: &[LogRecord], pass: Pass) -> Result<(), StoreError> {
    let mut work: BTreeMap<LeadKey, Work> = BTreeMap::new();
    for record in records {
        let Ok(key) = record.whose().key() else { continue };
        let work = work.entry(key).or_default();
        match record {
            LogRecord::Touches(record) => {
                work.touches.extend(record.touches.iter().cloned());
                work.email = record.email.clone().or(work.email.take());
            }
            LogRecord::Erasure(_) => work.erase = true,
        }
    }
    erase(app, &work).await?;

    let mut open: Vec<(LeadKey, Work)> = Vec::new();
    for (key, work) in work {
        if work.erase || app.erased.contains(&key) {
            settle(app, &key, &work.touches, &vec![Outcome::Erased; work.touches.len()]);
        } else if app.sites.get(key.site.as_str()).is_some() {
            open.push((key, work));
        } else {
            put_aside(app, &key, work, "its site is not in the configuration");
        }
    }
    while !open.is_empty() {
        open = attempt(app, open, pass).await?;
    }
    Ok(())
}

async fn erase(app: &App, work: &BTreeMap<LeadKey, Work>) -> Result<(), StoreError> {
    let erasures: Vec<Erasure> = work
        .iter()
        .filter(|(_, work)| work.erase)
        .map(|(key, _)| Erasure { key: key.clone(), tombstone: app.erased.tombstone(key) })
        .collect();
    if erasures.is_empty() { Ok(()) } else { app.store.erase(&erasures).await }
}

/// What cannot be applied goes to quarantine, where a person finds it, and does not hold up the others.
fn put_aside(app: &App, key: &LeadKey, work: Work, reason: &str) {
    let ids: Vec<TouchId> = work.touches.iter().map(|touch| touch.id.clone()).collect();
    for _ in &ids {
        Metric::EventOutcome.count(Outcome::Quarantined.as_str());
    }
    let record = LogRecord::Touches(TouchesRecord { whose: key.into(), touches: work.touches, email: work.email });
    let name = format!("{}-{}", key.visitor, app.clock.now().0);
    let kept = record.encode().is_ok_and(|bytes| super::quarantine(app, &name, &bytes).is_ok());
    tracing::error!(%key, reason, kept, events = ids.len(), "events could not be applied and are put aside");
    app.tail.remove(key, &ids);
}

/// One round: everything is committed but what another writer changed meanwhile, which is returned.
async fn attempt(app: &App, open: Vec<(LeadKey, Work)>, pass: Pass) -> Result<Vec<(LeadKey, Work)>, StoreError> {
    let keys: Vec<LeadKey> = open.iter().map(|(key, _)| key.clone()).collect();
    let stored = app.store.load(&keys).await?;
    let mut changes = Vec::with_capacity(open.len());
    let mut outcomes = Vec::with_capacity(open.len());
    let mut taken = Vec::with_capacity(open.len());
    for ((key, work), stored) in open.into_iter().zip(stored) {
        match contained(|| joined(app, &key, &work, stored, pass)) {
            Some(Ok((change, outcome))) => {
                changes.push(change);
                outcomes.push(outcome);
                taken.push((key, work));
            }
            // A lead of ours that does not read is damage: said aloud, left as it is for a person to look at.
            Some(Err(error)) => put_aside(app, &key, work, &format!("its lead cannot be read: {error}")),
            None => put_aside(app, &key, work, "working them out panicked, which is a fault of ours"),
        }
    }
    let committed = app.store.commit(&changes).await?;
    let mut again = Vec::new();
    let messages = changes.iter().map(|change| change.outbox.len() as u64);
    for ((((key, work), outcome), messages), committed) in taken.into_iter().zip(outcomes).zip(messages).zip(committed)
    {
        match committed {
            Committed::Applied(_) => {
                Metric::OutboxMessage.add(messages);
                settle(app, &key, &work.touches, &outcome);
            }
            Committed::Erased => settle(app, &key, &work.touches, &vec![Outcome::Erased; work.touches.len()]),
            Committed::Conflict { .. } => again.push((key, work)),
        }
    }
    Ok(again)
}

/// What `work` gives; `None` when it panics. It would do so every time, and hold up everybody's events behind these.
fn contained<T>(work: impl FnOnce() -> T) -> Option<T> {
    // What a panic may leave half done is dropped with it: the work owns all that it changes.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).ok()
}

/// The lead with the touches in it, as a change to commit.
fn joined(
    app: &App,
    key: &LeadKey,
    work: &Work,
    stored: Option<StoredLead>,
    pass: Pass,
) -> Result<(Change, Vec<Outcome>), RecordError> {
    let (expected, mut kept) = match stored {
        Some(stored) => (stored.version, KeptLead::decode(&stored.bytes)?),
        None => (Version::ABSENT, KeptLead::default()),
    };
    let limits = LedgerLimits::default();
    let outcomes = work
        .touches
        .iter()
        .map(|touch| match (record(&mut kept.lead, touch.clone(), &limits).into(), pass) {
            (Outcome::Duplicate, Pass::Replay) => Outcome::Reapplied,
            (outcome, _) => outcome,
        })
        .collect();
    if kept.lead.touches().len() > limits.touches
        && let Some(site) = app.sites.get(key.site.as_str())
    {
        kept.lead = engine::compact(&kept.lead, &limits, &site.model().offsets, app.clock.now()).lead;
    }
    if let Some(email) = &work.email
        && kept.email.as_ref().is_none_or(|known| known.at <= email.at)
    {
        kept.email = Some(email.clone());
    }
    Ok((change(app, key, expected, kept)?, outcomes))
}

/// The commit of a lead as it is now: with its places in the indexes, and what is to be announced.
fn change(app: &App, key: &LeadKey, expected: Version, mut kept: KeptLead) -> Result<Change, RecordError> {
    let unindexed = |lead: &KeptLead| {
        let (tombstone, lead) = (app.erased.tombstone(key), Some(lead.encode()?));
        Ok(Change { key: key.clone(), expected, tombstone, lead, heat: None, wake: None, outbox: Vec::new() })
    };
    let Some(site) = app.sites.get(key.site.as_str()) else { return unindexed(&kept) };
    let (in_force, now) = (site.in_force(), app.clock.now());
    let model = &*in_force.model;
    let broken = |error: &dyn std::fmt::Display| RecordError::Broken(error.to_string());
    let evaluation = engine::evaluate(&kept.lead, model, now);
    let (tellings, recovery_at) =
        tellings(key, &kept.lead, model, &evaluation, &in_force).map_err(|error| broken(&error))?;
    let mut messages = Vec::new();
    for Telling { touch, message } in tellings {
        if let Some((id, told)) = message {
            messages.push(outbox::message(id, touch.time, &told).map_err(|error| broken(&error))?);
        }
        record(&mut kept.lead, touch, &LedgerLimits::default());
    }
    let change_at = engine::next_change(&kept.lead, model, now).map(|next| next.at);
    let refresh_at = now + refresh_after(model);
    let look_again_at = change_at.map_or(refresh_at, |at| at.min(refresh_at));
    let bound = engine::bound(&kept.lead, model, now, look_again_at);
    // Leads without points or timers are in no index: most visitors leave after one page, and an index of them orders
    // nothing.
    let heat = (bound > Points::ZERO).then(|| Bound::from_micro_points(bound.0));
    let wake = if heat.is_some() { Some(look_again_at) } else { change_at };
    let notice_at = engine::next_notice(&kept.lead, model, &evaluation);
    let wake = [wake, notice_at, recovery_at].into_iter().flatten().min();
    // Later than now, whatever the forecast says: a lead that is always due would be looked at without end.
    let wake = wake.map(|at| at.max(now + Span(1)).0);
    Ok(Change { heat, wake, outbox: messages, ..unindexed(&kept)? })
}

/// What is to be told of a lead as it is now, and when to look again at what waits.
fn tellings(
    key: &LeadKey,
    lead: &Lead,
    model: &Model,
    evaluation: &Evaluation,
    in_force: &InForce,
) -> Result<(Vec<Telling>, Option<Millis>), TextError> {
    let by_model = made_by_model(lead, evaluation, in_force.since);
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
    Ok((tellings, look_at))
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

/// The time in which no line can have fallen below three quarters: 0.4 of the shortest half-life (log2 of 4/3 is 0.415),
/// or the shortest expiry.
fn refresh_after(model: &Model) -> Span {
    let half_lives = model.rules.iter().filter_map(|rule| rule.half_life).chain(model.half_life);
    let fades = half_lives.map(|half_life| Span(half_life.0 / 5 * 2));
    let expires = model.rules.iter().filter_map(|rule| match &rule.basis {
        Basis::Touch(rule) => rule.expires,
        Basis::State(_) => None,
    });
    fades.chain(expires).min().unwrap_or(REFRESH.1).clamp(REFRESH.0, REFRESH.1)
}

/// Counts what became of each touch, and takes them out of the tail: the store has them.
fn settle(app: &App, key: &LeadKey, touches: &[Touch], outcomes: &[Outcome]) {
    let now = app.clock.now();
    for (touch, outcome) in touches.iter().zip(outcomes) {
        Metric::EventOutcome.count(outcome.as_str());
        if *outcome != Outcome::Reapplied {
            let waited = u64::try_from(now.since(touch.received).0).unwrap_or_default();
            Metric::VisibleSeconds.seconds(std::time::Duration::from_millis(waited));
        }
    }
    let ids: Vec<&TouchId> = touches.iter().map(|touch| &touch.id).collect();
    app.tail.remove(key, ids);
}

/// Leads looked at in one commit, and the most commits in a row: events are not to wait for long.
const AT_ONCE: usize = 500;
const IN_A_ROW: usize = 10;

/// Looks again at leads whose wake time has come: points have cooled since, and a stage may be left without any event.
/// Says at how many.
///
/// # Errors
/// When the store is away.
pub(crate) async fn wake(app: &App) -> Result<usize, StoreError> {
    let mut woken = 0;
    for _ in 0..IN_A_ROW {
        let due = app.store.due(&store::Partitions::ALL, app.clock.now().0, AT_ONCE).await?;
        let more = due.len() == AT_ONCE;
        // Events that are on their way may keep a lead where it is: applying them looks at it too.
        let keys: Vec<LeadKey> = due.into_iter().map(|due| due.key).filter(|key| !app.tail.holds(key)).collect();
        let looked_at = look_again(app, keys).await?;
        woken += looked_at;
        if !more || looked_at == 0 {
            break;
        }
    }
    Ok(woken)
}

/// Looks at every lead of a site anew, as a new model asks for: bounds, wakes, stages. Events go on being applied
/// meanwhile; a lead that one of them changes is looked at by that. Says how many leads it was.
///
/// # Errors
/// When the store is away; it can be begun again at any time.
pub(crate) async fn sweep(app: &App, site: &SiteName) -> Result<usize, StoreError> {
    let mut seen = 0;
    for partition in Partition::all() {
        let mut cursor = None;
        loop {
            let page = app.store.scan(partition, cursor, AT_ONCE).await?;
            let keys: Vec<LeadKey> =
                page.leads.into_iter().map(|(key, _)| key).filter(|key| key.site == *site).collect();
            if !keys.is_empty() {
                seen += look_again(app, keys).await?;
            }
            cursor = page.next;
            // Events are not to wait for it.
            tokio::task::yield_now().await;
            if cursor.is_none() {
                break;
            }
        }
    }
    Ok(seen)
}

async fn look_again(app: &App, keys: Vec<LeadKey>) -> Result<usize, StoreError> {
    let stored = app.store.load(&keys).await?;
    let mut changes = Vec::with_capacity(keys.len());
    for (key, stored) in keys.into_iter().zip(stored) {
        let Some(stored) = stored else { continue };
        let changed =
            contained(|| KeptLead::decode(&stored.bytes).and_then(|kept| change(app, &key, stored.version, kept)));
        let fault = match changed {
            Some(Ok(change)) => {
                changes.push(change);
                continue;
            }
            Some(Err(error)) => format!("it cannot be read: {error}"),
            None => "working it out panicked, which is a fault of ours".to_owned(),
        };
        tracing::error!(%key, fault, "a lead is left out of the indexes until its next event");
        changes.push(Change {
            tombstone: app.erased.tombstone(&key),
            key,
            expected: stored.version,
            lead: Some(stored.bytes),
            heat: None,
            wake: None,
            outbox: Vec::new(),
        });
    }
    let committed = app.store.commit(&changes).await?;
    // One that another writer has changed meanwhile was looked at by that writer.
    let applied = changes.iter().zip(committed).filter(|(_, committed)| matches!(committed, Committed::Applied(_)));
    Metric::OutboxMessage.add(applied.map(|(change, _)| change.outbox.len() as u64).sum());
    Ok(changes.len())
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
