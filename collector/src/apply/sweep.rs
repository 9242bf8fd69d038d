//! The sweep: after a model came into force every lead of its site is looked at under it, so that bounds, wakes and stages
//! are those of the new model. Until it ends scores are new wherever they are shown, and only the order of the heat index
//! is partly the old one.
//!
//! It goes partition by partition on a thread of its own, beside events and answers. How far it is stands in the store, in
//! the document `sweep/<site>`, written behind the commits that it speaks of: after a crash it goes on where it was, and a
//! store that has lost its last commits has lost that too.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use engine::Millis;
use serde::{Deserialize, Serialize};
use store::{DocumentName, Partition, StoreError, Version};
use thiserror::Error;

use super::batch::{self, AT_ONCE};
use crate::app::App;
use crate::metric::Metric;
use crate::site::Site;

/// The format that is written.
const FORMAT: u8 = 1;
/// After the store did not answer.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Of a store.
const PARTITIONS: u16 = 256;

/// How far the sweep of a site is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    /// Which model's sweep this is: its number, and when it came into force.
    of: (u32, Millis),
    /// The first partition that is not done; [`PARTITIONS`]: it is over.
    next: u16,
    /// Leads that were looked at.
    leads: u64,
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
            // Another collector is ahead, or the store was opened anew: what stands there now is where to go on.
            Err(SweepError::Store(StoreError::Conflict { .. })) => {}
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
    let document = app.store.document(&name).await?;
    let mut version = document.as_ref().map_or(Version::ABSENT, |document| document.version);
    let found = document.and_then(|document| match document.bytes.split_first() {
        Some((&FORMAT, rest)) => postcard::from_bytes::<Progress>(rest).ok(),
        _ => None,
    });
    let key = site.config.key.as_str();
    let mut progress = match found.filter(|found| found.of == of) {
        Some(found) if found.next >= PARTITIONS => return Ok(End::Done),
        Some(found) => {
            tracing::info!(site = key, partition = found.next, "looking at leads under the new model goes on");
            found
        }
        None => Progress { of, next: 0, leads: 0 },
    };
    while let Ok(partition) = u8::try_from(progress.next) {
        say_left(app, site, PARTITIONS - progress.next);
        let Some(leads) = look_through(app, site, of, Partition(partition)).await? else { return Ok(End::Left) };
        progress.next += 1;
        progress.leads += leads;
        let bytes = postcard::to_extend(&progress, vec![FORMAT]);
        let bytes = bytes.map_err(|error| SweepError::Broken(error.to_string()))?;
        version = app.store.put_document(&name, version, bytes).await?;
    }
    if progress.leads > 0 {
        tracing::info!(site = key, leads = progress.leads, "every lead was looked at under the new model");
    }
    Ok(End::Done)
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
            let looked_at = batch::look_at(app, leads).await?.leads as u64;
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
