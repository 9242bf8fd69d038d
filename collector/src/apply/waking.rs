//! Looking again at leads whose wake time has come, or whose model is another one: as applying a batch, without touches.

use engine::Millis;
use store::{Change, LeadKey, Partitions, StoreError, StoredLead};

use super::batch::{change, contained};
use super::commit::commit;
use super::merging;
use crate::app::App;
use crate::log_record::KeptLead;

/// Leads looked at in one commit, and the most commits in a row: events are not to wait for long.
pub(super) const AT_ONCE: usize = 500;
const IN_A_ROW: usize = 10;

/// Looks again at leads of these partitions that were to wake until `horizon`: points have cooled since, and a stage may be
/// left without any event. Says at how many.
///
/// # Errors
/// When the store is away.
pub(crate) async fn wake(app: &App, partitions: &Partitions, horizon: Millis) -> Result<usize, StoreError> {
    let mut woken = 0;
    if *partitions == Partitions::NONE {
        return Ok(woken);
    }
    for _ in 0..IN_A_ROW {
        let due = app.store.due(partitions, horizon.0, AT_ONCE).await?;
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

async fn look_again(app: &App, keys: Vec<LeadKey>) -> Result<usize, StoreError> {
    let stored = app.store.load(&keys).await?;
    let leads = keys.into_iter().zip(stored).filter_map(|(key, stored)| Some((key, stored?)));
    let LookedAt { leads, fenced } = look_at(app, leads.collect()).await?;
    let looked_at = leads + fenced.len();
    merging::let_go(app, fenced).await?;
    Ok(looked_at)
}

/// What looking at leads came to.
pub(super) struct LookedAt {
    /// How many were looked at.
    pub(super) leads: usize,
    /// Those that were merged into another and have not let their touches go yet: nothing of them changes. The thread that
    /// applies the log wakes and finishes them.
    fenced: Vec<LeadKey>,
}

/// Looks at leads anew, as they were just read: their bounds, wakes and stages. One that another writer has changed since is
/// looked at by that writer.
///
/// # Errors
/// When the store is away; it can be begun again at any time.
pub(super) async fn look_at(app: &App, leads: Vec<(LeadKey, StoredLead)>) -> Result<LookedAt, StoreError> {
    let mut changes = Vec::with_capacity(leads.len());
    let mut fenced = Vec::new();
    for (key, stored) in leads {
        let changed = contained(|| {
            let kept = KeptLead::decode(&stored.bytes)?;
            match kept.fence {
                Some(_) => Ok(None),
                None => change(app, &key, stored.version, kept).map(Some),
            }
        });
        let fault = match changed {
            Some(Ok(Some(change))) => {
                changes.push(change);
                continue;
            }
            Some(Ok(None)) => {
                fenced.push(key);
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
    // One that another writer has changed meanwhile was looked at by that writer.
    commit(app, &changes).await?;
    Ok(LookedAt { leads: changes.len(), fenced })
}
