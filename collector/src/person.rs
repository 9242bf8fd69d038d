//! A person as this collector knows them: the lead of one visitor, and those of everybody who was merged with them.
//!
//! ```text
//! visitor ─ fences (store), merges on their way ─► the lead that goes on, ids ─ join, tail ─► Person
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use engine::{LedgerLimits, Touch};
use store::{LeadKey, StoreError, StoredLead};

use crate::app::App;
use crate::leads::Age;
use crate::log_record::{Fence, KeptLead, RecordError};
use crate::merges::Lineage;
use crate::problem::Problem;
use crate::refused;

/// The most ids that one person may have. Beyond it somebody passes a link around.
pub const MOST_IDS: usize = 100;
/// Visitors that are looked at for one person: merges that will be refused may be among those on their way.
const MOST_MEMBERS: usize = 2 * MOST_IDS;
/// How often somebody is looked up anew while leads move.
const MOST_LOOKS: usize = 5;

/// What is known of somebody: one lead, whichever of their ids was asked for.
#[derive(Debug, Clone)]
pub struct Person {
    /// The lead that goes on: whom the visitor asked for is now.
    pub key: LeadKey,
    /// What is kept there, with everything that is on its way.
    pub kept: Arc<KeptLead>,
}

/// One visitor, as far as their own lead goes.
struct Member {
    tail: Vec<Touch>,
    kept: Arc<KeptLead>,
}

/// Everything that is known of a visitor: what the store has, what is on its way there, and the same of whoever was merged
/// with them, also when that is only in the log. Who was erased is somebody of whom nothing is known.
///
/// # Errors
/// [`Problem::StoreUnavailable`].
pub async fn known(app: &App, key: &LeadKey) -> Result<Person, Problem> {
    looked_up_until_still(app, key, &Reading::Store).await
}

/// The same for a decision: what the store has may be a moment old, and older while the store is away. Says whether it is.
///
/// # Errors
/// [`Problem::StoreUnavailable`]: the store is away, and nothing is remembered of this visitor.
pub async fn for_decision(app: &App, key: &LeadKey) -> Result<(Person, Age), Problem> {
    let oldest = Mutex::new(Age::Fresh);
    let person = looked_up_until_still(app, key, &Reading::Remembered(&oldest)).await?;
    let age = *oldest.lock().unwrap_or_else(PoisonError::into_inner);
    Ok((person, age))
}

/// How leads are read.
enum Reading<'a> {
    /// As the store has them.
    Store,
    /// As they are remembered, for a moment; what is older is noted.
    Remembered(&'a Mutex<Age>),
}

impl Reading<'_> {
    async fn lead(&self, app: &App, key: &LeadKey) -> Result<Arc<KeptLead>, Problem> {
        match self {
            Self::Store => {
                let stored = app.store.load(std::slice::from_ref(key)).await.map_err(Problem::StoreUnavailable)?;
                read(stored.into_iter().next().flatten().as_ref()).map(Arc::new).map_err(unreadable)
            }
            Self::Remembered(oldest) => {
                let (kept, age) = app.leads.read(&app.store, key).await.map_err(Problem::StoreUnavailable)?;
                let mut oldest = oldest.lock().unwrap_or_else(PoisonError::into_inner);
                *oldest = age.max(*oldest);
                Ok(kept)
            }
        }
    }
}

async fn looked_up_until_still(app: &App, key: &LeadKey, reading: &Reading<'_>) -> Result<Person, Problem> {
    if app.erased.contains(key) {
        return Ok(Person { key: key.clone(), kept: Arc::default() });
    }
    let mut looks = 0;
    loop {
        let moved = app.merges.moved();
        let person = looked_up(app, key, reading).await?;
        looks += 1;
        // Who the sources of a lead are is known once it is read, and only then is looked for what is on its way to them: what
        // moved in between may be in neither.
        if person.kept.sources.is_empty() || app.merges.moved() == moved || looks == MOST_LOOKS {
            return Ok(person);
        }
    }
}

async fn looked_up(app: &App, key: &LeadKey, reading: &Reading<'_>) -> Result<Person, Problem> {
    // Merges and tail before the store: what is applied in between is then seen twice, which joining forgives, not missed.
    let pending = app.merges.about(key);
    let tail = app.tail.of(key);
    let kept = reading.lead(app, key).await?;
    let idle = |source: &LeadKey| app.merges.about(source).is_empty() && !app.tail.holds(source);
    let alone = sources(key, &kept).all(|source| idle(&source));
    if pending.is_empty() && kept.fence.is_none() && alone {
        return Ok(Person { key: key.clone(), kept: KeptLead::shared_with(kept, tail, &app.config.ledger) });
    }
    gathered(app, key, Member { tail, kept }, reading).await
}

/// The same of a visitor who is not alone.
async fn gathered(app: &App, key: &LeadKey, first: Member, reading: &Reading<'_>) -> Result<Person, Problem> {
    let mut lineage = Lineage::default();
    let mut pending = Vec::new();
    let mut members: BTreeMap<LeadKey, Member> = BTreeMap::new();
    let mut open = vec![(key.clone(), Some(first))];
    while let Some((next, member)) = open.pop() {
        if members.contains_key(&next) || members.len() >= MOST_MEMBERS || app.erased.contains(&next) {
            continue;
        }
        let mut about = app.merges.about(&next);
        let mut member = match member {
            Some(member) => member,
            None => {
                let tail = app.tail.of(&next);
                Member { tail, kept: reading.lead(app, &next).await? }
            }
        };
        // What is merged into somebody who is in this lead already is this person too.
        for source in sources(&next, &member.kept) {
            about.extend(app.merges.about(&source));
            member.tail.extend(app.tail.of(&source));
        }
        open.extend(about.iter().flat_map(|merge| [(merge.from.clone(), None), (merge.into.clone(), None)]));
        pending.extend(about);
        if let Some(fence) = member.kept.fence {
            let into = LeadKey::new(next.site.clone(), fence.into);
            lineage.fence(&next, &into, false);
            open.push((into, None));
        }
        members.insert(next, member);
    }
    for (one, member) in &members {
        if let Some(Fence { into, .. }) = member.kept.fence {
            let person = members.get(&LeadKey::new(one.site.clone(), into)).is_some_and(|member| member.kept.person);
            app.merges.learn(one, into, person);
        }
    }
    lineage.take(pending);
    let head = lineage.head(key);
    let person = lineage.is_person(&head);
    let mut united = united(head, members, &app.config.ledger);
    if person && !united.kept.person {
        Arc::make_mut(&mut united.kept).person = true;
    }
    Ok(united)
}

/// One person of several visitors; `head` is whose lead goes on.
fn united(head: LeadKey, mut members: BTreeMap<LeadKey, Member>, limits: &LedgerLimits) -> Person {
    let joined: Vec<_> = members.values().flat_map(|member| member.kept.sources.clone()).collect();
    let mut tail = Vec::new();
    let mut kept = KeptLead::default();
    if let Some(first) = members.remove(&head) {
        tail.extend(first.tail);
        kept = Arc::unwrap_or_clone(first.kept);
    }
    for (key, member) in members {
        tail.extend(member.tail);
        // What was merged and stands in another's lead already is not joined a second time.
        if !joined.contains(&key.visitor) {
            join(&mut kept, &key, Arc::unwrap_or_clone(member.kept), limits);
        }
    }
    kept.fence = None;
    Person { key: head, kept: Arc::new(kept.with(tail, limits)) }
}

/// Joins the lead of `source` into `target`, with everything that stands beside it. To be done once for each source.
pub(crate) fn join(target: &mut KeptLead, source_key: &LeadKey, source: KeptLead, limits: &LedgerLimits) {
    engine::merge(&mut target.lead, &source.lead, limits);
    if let Some(email) = source.email
        && target.email.as_ref().is_none_or(|known| known.at < email.at)
    {
        target.email = Some(email);
    }
    refused::keep(&mut target.refused, source.refused);
    target.person |= source.person;
    target.joined = target.joined.max(source.joined);
    target.sources.extend(source.sources);
    target.sources.push(source_key.visitor);
    target.sources.sort_unstable();
    target.sources.dedup();
}

/// Who was joined into a lead.
fn sources<'a>(key: &'a LeadKey, kept: &'a KeptLead) -> impl Iterator<Item = LeadKey> + 'a {
    kept.sources.iter().map(|source| LeadKey::new(key.site.clone(), *source))
}

/// A lead as the store has it; an empty one where it has none.
pub(crate) fn read(stored: Option<&StoredLead>) -> Result<KeptLead, RecordError> {
    stored.map_or_else(|| Ok(KeptLead::default()), |stored| KeptLead::decode(&stored.bytes))
}

fn unreadable(error: RecordError) -> Problem {
    Problem::StoreUnavailable(StoreError::Corrupt { what: error.to_string(), source: None })
}
