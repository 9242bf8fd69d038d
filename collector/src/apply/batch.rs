//! Applying a batch of records: load the leads, record the touches, commit with index entries.

use std::collections::BTreeMap;

use engine::model::Basis;
use engine::{LedgerLimits, Millis, Model, Points, Span, Touch, TouchId, record};
use store::{Bound, Change, Committed, Erasure, LeadKey, StoreError, StoredLead, Version};

use crate::app::App;
use crate::log_record::{KeptLead, LogRecord, RecordError, TouchesRecord, UnconfirmedEmail};
use crate::metric::Metric;
use crate::outcome::Outcome;

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
    for (((key, work), outcome), committed) in taken.into_iter().zip(outcomes).zip(committed) {
        match committed {
            Committed::Applied(_) => settle(app, &key, &work.touches, &outcome),
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
    if let Some(email) = &work.email
        && kept.email.as_ref().is_none_or(|known| known.at <= email.at)
    {
        kept.email = Some(email.clone());
    }
    Ok((change(app, key, expected, &kept)?, outcomes))
}

/// The commit of a lead as it is, with its places in the indexes.
pub(crate) fn change(app: &App, key: &LeadKey, expected: Version, kept: &KeptLead) -> Result<Change, RecordError> {
    let now = app.clock.now();
    let model = app.sites.get(key.site.as_str()).map(|site| site.model());
    let wake = now + model.as_ref().map_or(REFRESH.1, |model| refresh_after(model));
    let bound = model.map_or(Points::ZERO, |model| engine::bound(&kept.lead, &model, now, wake));
    // Leads without points are in no index: most visitors leave after one page, and an index of them orders nothing.
    let indexed = bound > Points::ZERO;
    Ok(Change {
        key: key.clone(),
        expected,
        tombstone: app.erased.tombstone(key),
        lead: Some(kept.encode()?),
        heat: indexed.then(|| Bound::from_micro_points(bound.0)),
        wake: indexed.then_some(wake.0),
        outbox: Vec::new(),
    })
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

/// Looks again at leads whose bound is old: points have cooled since.
///
/// # Errors
/// When the store is away.
pub(crate) async fn refresh(app: &App, now: Millis) -> Result<usize, StoreError> {
    const AT_ONCE: usize = 500;
    let due = app.store.due(&store::Partitions::ALL, now.0, AT_ONCE).await?;
    let keys: Vec<LeadKey> = due.into_iter().map(|due| due.key).collect();
    let stored = app.store.load(&keys).await?;
    let mut changes = Vec::with_capacity(keys.len());
    for (key, stored) in keys.iter().zip(stored) {
        let Some(stored) = stored else { continue };
        let changed =
            contained(|| KeptLead::decode(&stored.bytes).and_then(|kept| change(app, key, stored.version, &kept)));
        match changed {
            Some(Ok(change)) => changes.push(change),
            Some(Err(error)) => tracing::error!(%key, %error, "a lead cannot be read"),
            None => tracing::error!(%key, "a lead's bound could not be worked out: it panicked, a fault of ours"),
        }
    }
    // One that another writer changes meanwhile gets its new bound from that writer.
    app.store.commit(&changes).await?;
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
