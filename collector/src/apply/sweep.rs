//! The sweep: after a model came into force every lead of its site is looked at under it, so that bounds, wakes and stages
//! are those of the new model. Until it ends scores are new wherever they are shown, and only the order of the heat index
//! is partly the old one.
//!
//! It goes partition by partition on a thread of its own, beside events and answers; each collector looks through the
//! partitions that it holds, once every other one has the model too (what one of them commits under the old one would else
//! stand behind the sweep). Which are done stands in the store, in the document `sweep/<site>`, written behind the commits that
//! it speaks of: after a crash, its own or of the partition's holder, it goes on where it was, and a store that has lost its last
//! commits has lost that too.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use engine::Millis;
use serde::{Deserialize, Serialize};
use store::{DocumentName, Partition, StoreError, Version};
use thiserror::Error;

use super::waking::{self, AT_ONCE};
use crate::app::App;
use crate::metric::Metric;
use crate::site::Site;

/// The format that is written, and the newest that is read.
const FORMAT: u8 = 2;
/// After the store did not answer.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// Between two looks at what other collectors do.
const PAUSE: Duration = Duration::from_millis(250);
/// How long other collectors are waited for that do not have the model yet: one of them may be unable to read it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Of a store.
const PARTITIONS: u16 = 256;

/// How far the sweep of a site is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    /// Which model's sweep this is: its number, and when it came into force.
    of: (u32, Millis),
    /// Partitions whose leads were all looked at.
    done: BTreeSet<u8>,
    /// Leads that were looked at.
    leads: u64,
}

impl Progress {
    /// Reads a document; `None` where it is not one of ours, and the sweep begins anew.
    fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (&FORMAT, content) => postcard::from_bytes(content).ok(),
            // One collector went from the first partition to the last.
            (1, content) => {
                let (of, next, leads) = postcard::from_bytes::<((u32, Millis), u16, u64)>(content).ok()?;
                Some(Self { of, done: (0..=u8::MAX).filter(|partition| u16::from(*partition) < next).collect(), leads })
            }
            _ => None,
        }
    }

    fn left(&self) -> u16 {
        PARTITIONS.saturating_sub(u16::try_from(self.done.len()).unwrap_or(PARTITIONS))
    }
}

/// Why a sweep ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Every lead was looked at.
    Done,
    /// Another model came into force, which has a sweep of its own, or the process is to stop.
    Left,
}

/// Why a sweep cannot go on.
#[derive(Debug, Error)]
enum SweepError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// How far it is cannot be written.
    #[error("{0}")]
    Broken(String),
}

/// Looks at every lead of a site, from where it is for the model in force; nothing where that is done. Returns at once.
pub(crate) fn begin(app: &Arc<App>, site: &Arc<Site>) {
    let of = model_of(site);
    say_left(app, site, PARTITIONS);
    let (app, site) = (app.clone(), site.clone());
    let runtime = tokio::runtime::Handle::current();
    drop(tokio::task::spawn_blocking(move || runtime.block_on(until_done(&app, &site, of))));
}

async fn until_done(app: &App, site: &Site, of: (u32, Millis)) {
    let key = site.config.key.as_str();
    loop {
        match run(app, site, of).await {
            Ok(End::Left) => return,
            Ok(End::Done) if model_of(site) == of => return say_left(app, site, 0),
            Ok(End::Done) => return,
            Err(error) => {
                tracing::warn!(site = key, %error, "leads could not be looked at under the new model; trying again")
            }
        }
        tokio::time::sleep(TRY_AGAIN).await;
    }
}

async fn run(app: &App, site: &Site, of: (u32, Millis)) -> Result<End, SweepError> {
    let name = DocumentName::parse(&format!("sweep/{}", site.name));
    let name = name.map_err(|error| SweepError::Broken(error.to_string()))?;
    let key = site.config.key.as_str();
    let (mut version, mut progress) = load(app, &name, of).await?;
    if !progress.done.is_empty() && progress.left() > 0 {
        tracing::info!(site = key, left = progress.left(), "looking at leads under the new model goes on");
    }
    let begun = Instant::now();
    while progress.left() > 0 && !app.fleet.agrees(site) && begun.elapsed() < PATIENCE {
        tokio::time::sleep(PAUSE).await;
    }
    let mut looked_at = 0;
    loop {
        if progress.of != of || model_of(site) != of || app.draining.load(Ordering::Relaxed) {
            return Ok(End::Left);
        }
        say_left(app, site, progress.left());
        if progress.left() == 0 {
            break;
        }
        let held = app.fleet.held();
        let mine = |partition: &Partition| held.contains(*partition) && !progress.done.contains(&partition.0);
        let Some(partition) = Partition::all().find(mine) else {
            // The rest is for others.
            tokio::time::sleep(PAUSE).await;
            (version, progress) = load(app, &name, of).await?;
            continue;
        };
        let Some(leads) = look_through(app, site, of, partition).await? else { return Ok(End::Left) };
        looked_at += leads;
        while progress.of == of && progress.done.insert(partition.0) {
            progress.leads += leads;
            let bytes = postcard::to_extend(&progress, vec![FORMAT]);
            let bytes = bytes.map_err(|error| SweepError::Broken(error.to_string()))?;
            match app.store.put_document(&name, version, bytes).await {
                Ok(written) => version = written,
                // Another collector was faster with a partition of its own.
                Err(StoreError::Conflict { .. }) => (version, progress) = load(app, &name, of).await?,
                Err(error) => return Err(error.into()),
            }
        }
    }
    if looked_at > 0 {
        tracing::info!(site = key, looked_at, leads = progress.leads, "every lead was looked at under the new model");
    }
    Ok(End::Done)
}

/// How far the sweep of a model is; that of a later one, where it has begun.
async fn load(app: &App, name: &DocumentName, of: (u32, Millis)) -> Result<(Version, Progress), StoreError> {
    let document = app.store.document(name).await?;
    let version = document.as_ref().map_or(Version::ABSENT, |document| document.version);
    let found = document.and_then(|document| Progress::decode(&document.bytes));
    let counts = |found: &Progress| found.of == of || found.of.1 > of.1;
    let progress = found.filter(counts).unwrap_or_else(|| Progress { of, done: BTreeSet::new(), leads: 0 });
    Ok((version, progress))
}

/// Looks at the leads of one partition and says how many; `None` where it is left.
async fn look_through(
    app: &App,
    site: &Site,
    of: (u32, Millis),
    partition: Partition,
) -> Result<Option<u64>, StoreError> {
    let (mut cursor, mut seen) = (None, 0);
    loop {
        if model_of(site) != of || app.draining.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let page = app.store.scan(partition, cursor, AT_ONCE).await?;
        let leads: Vec<_> = page.leads.into_iter().filter(|(key, _)| key.site == site.name).collect();
        if !leads.is_empty() {
            let looked_at = waking::look_at(app, leads).await?.leads as u64;
            Metric::SweepLead.add(looked_at);
            seen += looked_at;
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(Some(seen));
        }
    }
}

/// Which model is in force: its number, and since when.
fn model_of(site: &Site) -> (u32, Millis) {
    let in_force = site.in_force();
    (in_force.number, in_force.since)
}

/// Partitions of a site that are still to be done, for its pages; of all sites, for `/metrics`.
fn say_left(app: &App, site: &Site, left: u16) {
    site.sweep_left.store(left, Ordering::Relaxed);
    let all = app.sites.iter().map(|site| u64::from(site.sweep_left.load(Ordering::Relaxed)));
    Metric::SweepLeft.level(all.sum());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_a_lone_collector_of_before_was_is_read() {
        let of = (3, Millis(1_795_262_400_000));
        let before = postcard::to_extend(&(of, 200_u16, 7_u64), vec![1]).unwrap();
        let read = Progress::decode(&before).unwrap();
        assert_eq!((read.of, read.leads, read.left()), (of, 7, 56));
        assert!(read.done.contains(&199) && !read.done.contains(&200));

        let now = postcard::to_extend(&read, vec![FORMAT]).unwrap();
        assert_eq!(Progress::decode(&now), Some(read));
        assert_eq!(Progress::decode(&[FORMAT + 1]), None);
    }
}
