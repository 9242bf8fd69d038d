//! The census: every lead of a site, each once, for whatever works through all of them.

use std::collections::BTreeSet;

use engine::Lead;
use store::{Partition, SiteName, StoreError};

use crate::app::App;
use crate::log_record::KeptLead;

/// Leads of one page of a scan.
const PAGE: usize = 512;

/// Does what works through every lead on a thread of its own: answers to pages do not wait for it.
pub(crate) fn aside<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> tokio::task::JoinHandle<T> {
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || runtime.block_on(work))
}

/// Hands every lead of a site to `visit`, each once. One that does not read is passed over and said aloud.
pub(crate) async fn each_lead(
    app: &App,
    site: &SiteName,
    mut visit: impl FnMut(&str, &Lead),
) -> Result<(), StoreError> {
    for partition in Partition::all() {
        let mut cursor = None;
        // A lead that changes meanwhile may be seen twice.
        let mut seen = BTreeSet::new();
        loop {
            let page = app.store.scan(partition, cursor, PAGE).await?;
            for (key, stored) in page.leads.iter().filter(|(key, _)| key.site == *site) {
                if !seen.insert(key.visitor) || app.erased.contains(key) {
                    continue;
                }
                match KeptLead::decode(&stored.bytes) {
                    // What was merged into another is seen there.
                    Ok(kept) if kept.fence.is_some() => {}
                    Ok(kept) => visit(&key.visitor.to_string(), &kept.lead),
                    Err(error) => tracing::error!(%key, %error, "a lead cannot be read"),
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
    }
    Ok(())
}
