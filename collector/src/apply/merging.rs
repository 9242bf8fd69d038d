//! Applying a merge: two leads of one person become one, in steps that may each be repeated.
//!
//! ```text
//! fence the source ─► join into the target, which notes the source ─ (durable) ─► let the source's touches go
//! ```
//!
//! The two leads may lie in different partitions, so nothing changes both at once. What is fenced takes no more touches:
//! those that still come go to the target. Whether a source was joined already is said by the target, in the same commit as
//! the join, since buckets of folds add up and must not be joined twice. The source keeps its touches until the store says
//! that the join is durable; until then it is due, and looked at again.

use std::time::Duration;

use engine::Span;
use engine::compact::Before;
use store::{Change, Committed, LeadKey, StoreError, Version};

use super::batch::{change, compact};
use super::commit::commit;
use super::poison;
use crate::app::App;
use crate::log_record::{Fence, KeptLead, LogRecord, MergeGround, MergeRecord, RecordError};
use crate::metric::Metric;
use crate::outcome::Merged;
use crate::person::{self, MOST_IDS};
use crate::transition::{announced, announcement};

/// When a fenced lead is looked at again, to let its touches go.
const LET_GO_AFTER: Span = Span::seconds(60);

/// A lead with the version that it was read at.
struct Loaded {
    key: LeadKey,
    version: Version,
    kept: KeptLead,
}

/// Why a step could not be taken.
enum Failed {
    /// The store is away: to be tried again later.
    Store(StoreError),
    /// Another writer was faster: to be tried again from the beginning.
    Raced,
    /// One of the two was erased meanwhile.
    Erased,
    /// A lead does not read: for a person to look at.
    Record(RecordError),
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<RecordError> for Failed {
    fn from(error: RecordError) -> Self {
        Self::Record(error)
    }
}

/// Carries out a merge. Idempotent: can be repeated after any failure.
///
/// # Errors
/// When the store is away; nothing is lost, it is to be tried again.
pub(super) async fn apply(app: &App, record: &MergeRecord) -> Result<(), StoreError> {
    let Ok((from, into)) = record.keys() else { return Ok(()) };
    let (outcome, head) = loop {
        match merged(app, &from, &into, record.ground).await {
            Ok((outcome, head)) => break (outcome, head),
            Err(Failed::Raced) => continue,
            Err(Failed::Store(error)) => return Err(error),
            Err(Failed::Erased) => break (Merged::Erased, None),
            // It would read no better the next time.
            Err(Failed::Record(error)) => {
                return poison::put_aside(app, &LogRecord::Merge(record.clone()), None, 1, &error.to_string());
            }
        }
    };
    Metric::MergeOutcome.count(outcome.as_str());
    app.progress.tally.merge(outcome);
    app.merges.applied(&from, &into, head.as_ref().map(|head| (&head.key, head.kept.person)));
    Ok(())
}

async fn merged(
    app: &App,
    from: &LeadKey,
    into: &LeadKey,
    ground: MergeGround,
) -> Result<(Merged, Option<Loaded>), Failed> {
    if app.erased.contains(from) || app.erased.contains(into) {
        return Err(Failed::Erased);
    }
    if app.sites.get(into.site.as_str()).is_none() {
        return Err(RecordError::Broken("its site is not in the configuration".to_owned()).into());
    }
    // A merge before this one may have been interrupted.
    for key in [from, into] {
        let own = load(app, key).await?;
        if own.kept.fence.is_some_and(|fence| !fence.done) {
            joined(app, own).await?;
        }
    }
    let (mut source, mut target) = (head(app, from).await?, head(app, into).await?);
    if app.erased.contains(&source.key) || app.erased.contains(&target.key) {
        return Err(Failed::Erased);
    }
    let person = ground == MergeGround::Person;
    if source.key == target.key {
        if person && !target.kept.person {
            target.kept.person = true;
            committed(app, change(app, &target.key, target.version, target.kept.clone())?).await?;
        }
        return Ok((Merged::Already, Some(target)));
    }
    if person && source.kept.person {
        return Ok((Merged::OtherPerson, None));
    }
    if source.kept.sources.len() + target.kept.sources.len() + 2 > MOST_IDS {
        return Ok((Merged::TooManyIds, None));
    }
    // Kept with the fence, so that whoever goes on after a crash knows it: joining hands it on.
    source.kept.person |= person;
    source.kept.fence = Some(Fence { into: target.key.visitor, done: false });
    // From here on nothing is recorded in this lead, and no index shows it.
    committed(app, unindexed(app, &source, Some(LET_GO_AFTER))?).await?;
    let head = joined(app, source).await?;
    Ok((Merged::Merged, Some(head)))
}

/// Everything of a fenced lead is in the one that goes on, which is given back.
async fn joined(app: &App, source: Loaded) -> Result<Loaded, Failed> {
    let mut target = head(app, &source.key).await?;
    if target.key == source.key || target.kept.sources.contains(&source.key.visitor) {
        return Ok(target);
    }
    let told = [announced(&target.kept.lead), announced(&source.kept.lead)].map(|stage| stage.map(str::to_owned));
    let before = Before::of(&target.kept.lead, &app.config.ledger);
    person::join(&mut target.kept, &source.key, source.kept, &app.config.ledger);
    target.kept.joined = Some(app.clock.now());
    compact(app, &target.key, before, &mut target.kept);
    carry_on(app, &mut target, &told)?;
    let change = change(app, &target.key, target.version, target.kept)?;
    let kept = change.lead.as_deref().map_or_else(|| Ok(KeptLead::default()), KeptLead::decode)?;
    let version = committed(app, change).await?;
    Ok(Loaded { version, kept, key: target.key })
}

/// Both may have been announced, in two stages. Where the person is in one of them, nobody is to hear it again.
fn carry_on(app: &App, target: &mut Loaded, told: &[Option<String>; 2]) -> Result<(), RecordError> {
    let Some(site) = app.sites.get(target.key.site.as_str()) else { return Ok(()) };
    let model = site.model();
    let evaluation = engine::evaluate(&target.kept.lead, &model, app.clock.now());
    if !told.iter().flatten().any(|stage| *stage == evaluation.stage_name) {
        return Ok(());
    }
    let found = announcement(&target.key, &target.kept.lead, &model, &evaluation, false, true);
    if let Some(found) = found.map_err(|error| RecordError::Broken(error.to_string()))? {
        engine::record(&mut target.kept.lead, found.touch, &app.config.ledger);
    }
    Ok(())
}

/// For fenced leads that are due: their touches go, once the store says that they are durable where they went.
///
/// # Errors
/// When the store is away.
pub(super) async fn let_go(app: &App, fenced: Vec<LeadKey>) -> Result<(), StoreError> {
    if fenced.is_empty() {
        return Ok(());
    }
    let mut ready = Vec::with_capacity(fenced.len());
    for key in fenced {
        match joined_and_loaded(app, &key).await {
            Ok(own) => ready.extend(own),
            Err(Failed::Store(error)) => return Err(error),
            // It is still due: next time.
            Err(Failed::Raced | Failed::Erased) => {}
            Err(Failed::Record(error)) => tracing::error!(%key, %error, "a merged lead keeps its touches"),
        }
    }
    if ready.is_empty() {
        return Ok(());
    }
    let durability = app.store.persist().await?;
    for (mut own, joined_ago) in ready {
        let Some(fence) = own.kept.fence else { continue };
        let durable = durability.covers(joined_ago);
        if durable {
            own.kept = KeptLead { fence: Some(Fence { done: true, ..fence }), ..KeptLead::default() };
        }
        let wake = (!durable).then_some(LET_GO_AFTER);
        let written = match unindexed(app, &own, wake) {
            Ok(change) => committed(app, change).await,
            Err(error) => Err(error.into()),
        };
        match written {
            Ok(_) | Err(Failed::Raced | Failed::Erased) => {}
            Err(Failed::Store(error)) => return Err(error),
            Err(Failed::Record(error)) => tracing::error!(key = %own.key, %error, "a merged lead cannot be written"),
        }
    }
    Ok(())
}

/// A lead that waits for its touches to go, once they are where they belong, and how long they have been there at least;
/// `None`: it does not wait any more.
async fn joined_and_loaded(app: &App, key: &LeadKey) -> Result<Option<(Loaded, Duration)>, Failed> {
    let own = load(app, key).await?;
    if own.kept.fence.is_none_or(|fence| fence.done) {
        return Ok(None);
    }
    let target = joined(app, own).await?;
    // The target's last join is this one or a later one.
    let ago = target.kept.joined.map_or(0, |at| app.clock.now().0.saturating_sub(at.0));
    let ago = Duration::from_millis(u64::try_from(ago).unwrap_or(0));
    Ok(Some((load(app, key).await?, ago)))
}

/// Follows fences to the lead that goes on.
///
/// Two collectors may fence two leads into each other at the same moment, of which neither is joined then. Of such a circle
/// the lead with the lowest id goes on, whoever finds it.
async fn head(app: &App, key: &LeadKey) -> Result<Loaded, Failed> {
    let mut own = load(app, key).await?;
    let mut fenced: Vec<LeadKey> = Vec::new();
    while let Some(fence) = own.kept.fence
        && fenced.len() < MOST_IDS
    {
        let into = LeadKey::new(key.site.clone(), fence.into);
        fenced.push(own.key);
        let circle = fenced.iter().position(|one| *one == into).and_then(|start| fenced.get(start..));
        own = match circle.and_then(|circle| circle.iter().min()) {
            Some(lowest) => opened(app, lowest).await?,
            None => load(app, &into).await?,
        };
    }
    Ok(own)
}

/// The lead of a circle that goes on after all.
async fn opened(app: &App, key: &LeadKey) -> Result<Loaded, Failed> {
    let mut own = load(app, key).await?;
    if own.kept.fence.take().is_none() {
        // Another collector was faster.
        return Ok(own);
    }
    tracing::info!(%key, "two collectors merged the same leads in opposite directions: this one goes on");
    let change = change(app, key, own.version, own.kept)?;
    let kept = change.lead.as_deref().map_or_else(|| Ok(KeptLead::default()), KeptLead::decode)?;
    let version = committed(app, change).await?;
    Ok(Loaded { version, kept, key: own.key })
}

/// Opens a circle of leads that were merged into each other, if a lead stands in one.
///
/// # Errors
/// When the store is away.
pub(super) async fn open_circle(app: &App, key: &LeadKey) -> Result<(), StoreError> {
    match head(app, key).await {
        Err(Failed::Store(error)) => Err(error),
        // Somebody else is at it, or it is for a person to look at: whoever asks sees what came of it.
        Ok(_) | Err(Failed::Raced | Failed::Erased | Failed::Record(_)) => Ok(()),
    }
}

async fn load(app: &App, key: &LeadKey) -> Result<Loaded, Failed> {
    let stored = app.store.load(std::slice::from_ref(key)).await?.into_iter().next().flatten();
    let version = stored.as_ref().map_or(Version::ABSENT, |stored| stored.version);
    Ok(Loaded { key: key.clone(), version, kept: person::read(stored.as_ref())? })
}

/// The commit of a fenced lead: in no index but that of leads to be looked at again.
fn unindexed(app: &App, own: &Loaded, wake_after: Option<Span>) -> Result<Change, RecordError> {
    Ok(Change {
        key: own.key.clone(),
        expected: own.version,
        tombstone: app.erased.tombstone(&own.key),
        lead: Some(own.kept.encode()?),
        heat: None,
        wake: wake_after.map(|after| (app.clock.now() + after).0),
        outbox: Vec::new(),
    })
}

async fn committed(app: &App, change: Change) -> Result<Version, Failed> {
    match commit(app, &[change]).await?.first() {
        Some(Committed::Applied(version)) => Ok(*version),
        Some(Committed::Erased) => Err(Failed::Erased),
        Some(Committed::Conflict { .. }) | None => Err(Failed::Raced),
    }
}
