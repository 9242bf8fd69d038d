//! Erasure: at once nobody can read it, soon its bytes are gone, and nothing brings it back.
//!
//! ```text
//! every id of the person ─► tombstones (memory, own file) ─► log ─► store.erase ─► tell the others ─► answer   at once
//!                                            log.rewrite, quarantine, store.purge ◄───┘   within a minute, many at a time
//! another collector told of it ─► tombstones ─► log.rewrite, quarantine
//! ```

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use store::log::Keep;
use store::{Erasure, LeadKey, SiteName, StoreError, Tombstone, VisitorId};

use crate::app::App;
use crate::fleet;
use crate::identity::Tombstones;
use crate::log_record::{ErasureRecord, LogRecord};
use crate::metric::Metric;
use crate::person;
use crate::problem::Problem;

/// Everybody who was erased, as keyed hashes: in memory for every request, in this collector's own file so that
/// neither a replayed log nor a restored store brings them back.
pub struct Erased {
    tombstones: Tombstones,
    known: RwLock<HashSet<Tombstone>>,
    file: Mutex<File>,
    /// Whether the store's files may still have bytes of somebody whom this collector erased itself.
    unpurged: AtomicBool,
}

impl Erased {
    /// Reads the collector's own file, or begins it.
    ///
    /// # Errors
    /// When it can be neither read nor made.
    pub fn open(path: &Path, tombstones: Tombstones) -> std::io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        // A torn last entry was never answered for: cut it, so that what follows stays aligned.
        let whole = bytes.len() - bytes.len() % Tombstone::BYTES;
        file.set_len(whole as u64)?;
        let known = bytes[..whole].as_chunks::<{ Tombstone::BYTES }>().0.iter().copied().map(Tombstone::from_bytes);
        let (known, file) = (RwLock::new(known.collect()), Mutex::new(file));
        Ok(Self { tombstones, known, file, unpurged: AtomicBool::new(false) })
    }

    /// The tombstone that a lead has or would have.
    #[must_use]
    pub fn tombstone(&self, key: &LeadKey) -> Tombstone {
        self.tombstones.of(key)
    }

    /// What the id of a code's owner is covered with; see [`Tombstones::cover`].
    #[must_use]
    pub fn cover(&self, site: &SiteName, code: &str) -> [u8; 16] {
        self.tombstones.cover(site, code)
    }

    /// Whether this visitor was erased.
    #[must_use]
    pub fn contains(&self, key: &LeadKey) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        !known.is_empty() && known.contains(&self.tombstones.of(key))
    }

    /// Remembers that a visitor was erased: durable when this returns. Blocks.
    ///
    /// # Errors
    /// When the file cannot be written; then nothing has changed, and the call can be repeated.
    pub fn add(&self, tombstone: Tombstone) -> std::io::Result<()> {
        self.add_all(&[tombstone]).map(drop)
    }

    /// The same of many at once; says how many were not known.
    ///
    /// # Errors
    /// As of [`add`](Self::add).
    pub fn add_all(&self, tombstones: &[Tombstone]) -> std::io::Result<usize> {
        // Taken first: who comes second must not be told that it is done before it is.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let new: Vec<Tombstone> = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            tombstones.iter().filter(|tombstone| !known.contains(tombstone)).copied().collect()
        };
        if new.is_empty() {
            return Ok(0);
        }
        let bytes: Vec<u8> = new.iter().flat_map(|tombstone| tombstone.to_bytes()).collect();
        let before = file.metadata()?.len();
        if let Err(error) = file.write_all(&bytes).and_then(|()| file.sync_data()) {
            // Half an entry would shift all that follow.
            file.set_len(before)?;
            return Err(error);
        }
        let count = new.len();
        self.known.write().unwrap_or_else(PoisonError::into_inner).extend(new);
        Ok(count)
    }

    /// Whether nobody was ever erased.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// All of them, for the union with the store's at start.
    #[must_use]
    pub fn all(&self) -> Vec<Tombstone> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}

/// Erases a person, under every id that they have: when this returns, no interface shows them and nothing brings them back.
///
/// # Errors
/// When the tombstone cannot be written, the log takes no record or the store is away; who is known by then is unreadable
/// all the same, and the call can be repeated.
pub async fn erase(app: &App, key: &LeadKey) -> Result<(), Problem> {
    let found = settled(app, key).await;
    // With the store away it is this id alone, and applying the record finds the others.
    let everybody = found.as_ref().map_or_else(|_| vec![key.clone()], Clone::clone);
    let mut logged = Vec::with_capacity(everybody.len());
    let mut erasures = Vec::with_capacity(everybody.len());
    for one in everybody {
        let tombstone = retire(app, &one).await?;
        let record = LogRecord::Erasure(ErasureRecord { whose: (&one).into(), at: app.clock.now() });
        let payload = record.encode().map_err(|error| Problem::Internal(error.to_string()))?;
        logged.push(app.log.append(payload));
        erasures.push(Erasure { key: one, tombstone });
    }
    let mut durable = Ok(());
    for one in logged {
        durable = durable.and(one.await.map(|_| ()));
    }
    // Also when the log is full: what is erased makes room. Applying the record would erase too; doing it now means that
    // a store which is away is said now.
    let erased = app.store.erase(&erasures).await;
    // Again: it may have been read between.
    erasures.iter().for_each(|erasure| app.leads.forget(&erasure.key));
    app.erased.unpurged.store(true, Ordering::Relaxed);
    app.erasure_waiting.notify_one();
    durable.map_err(Problem::from)?;
    found.map_err(Problem::StoreUnavailable)?;
    erased.map_err(Problem::StoreUnavailable)?;
    tell(app, &erasures).await;
    Metric::VisitorErased.add(1);
    Ok(())
}

/// Tells the other collectors. The store refuses whoever was erased by itself, so an erasure does not fail for this: who is
/// not told finds out at the next look at everything.
pub(crate) async fn tell(app: &App, erasures: &[Erasure]) {
    let tombstones: Vec<Tombstone> = erasures.iter().map(|erasure| erasure.tombstone).collect();
    if let Err(error) = fleet::erasures::tell(app, &tombstones).await {
        tracing::warn!(%error, "the other collectors were not told of an erasure; they will find out");
    }
}

/// Every id of the person that a visitor is, once no merge of theirs is on its way: one that was answered before is carried
/// out before, so that nobody is left out, and nobody is taken for this person whom the merge will refuse.
async fn settled(app: &App, key: &LeadKey) -> Result<Vec<LeadKey>, StoreError> {
    let begun = Instant::now();
    loop {
        let moved = app.merges.moved();
        let ids = ids(app, key).await?;
        if ids.iter().all(|id| app.merges.about(id).is_empty()) && app.merges.moved() == moved {
            return Ok(ids);
        }
        if begun.elapsed() > PATIENCE {
            let source = format!("not applied within {} s", PATIENCE.as_secs()).into();
            return Err(StoreError::Unavailable { doing: "carry out merges before an erasure", source });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Every id of the person that a visitor is, this one first, all of them retired. For whoever applies an erasure: every merge
/// that stands before it in the log is carried out.
///
/// # Errors
/// When the store is away, or a tombstone cannot be written.
pub(crate) async fn everybody(app: &App, key: &LeadKey) -> Result<Vec<LeadKey>, StoreError> {
    let ids = ids(app, key).await?;
    for id in &ids {
        let retired = retire(app, id).await;
        retired
            .map_err(|problem| StoreError::Unavailable { doing: "retire an id", source: problem.to_string().into() })?;
    }
    Ok(ids)
}

/// What the store says of who this person is.
async fn ids(app: &App, key: &LeadKey) -> Result<Vec<LeadKey>, StoreError> {
    let mut found = vec![key.clone()];
    let mut asked = 0;
    while let Some(next) = found.get(asked).cloned() {
        asked += 1;
        let stored = app.store.load(std::slice::from_ref(&next)).await?.into_iter().next().flatten();
        match person::read(stored.as_ref()) {
            Ok(kept) => {
                for visitor in kept.fence.map(|fence| fence.into).into_iter().chain(kept.sources) {
                    let other = LeadKey::new(next.site.clone(), visitor);
                    if !found.contains(&other) {
                        found.push(other);
                    }
                }
            }
            // It is erased too.
            Err(error) => tracing::error!(key = %next, %error, "a lead to be erased cannot be read"),
        }
    }
    Ok(found)
}

/// Retires an id: from now on nobody is read by it.
async fn retire(app: &App, key: &LeadKey) -> Result<Tombstone, Problem> {
    let tombstone = app.erased.tombstone(key);
    let internal = |error: String| Problem::Internal(error);
    let erased = app.erased.clone();
    let added = tokio::task::spawn_blocking(move || erased.add(tombstone)).await;
    added.map_err(|error| internal(error.to_string()))?.map_err(|error| internal(format!("tombstone: {error}")))?;
    app.merges.forget(key);
    app.leads.forget(key);
    Ok(tombstone)
}

/// Takes the bytes of erased visitors out of log, quarantine and store, several at a time, until the process ends.
pub async fn clean(app: Arc<App>) {
    // The process before this one may have ended between an erasure and its cleaning. Its record is in the log still.
    if !app.erased.is_empty() && clean_log(&app).await != Some(false) {
        clean_quarantine(&app).await;
        purge_store(&app).await;
    }
    loop {
        app.erasure_waiting.notified().await;
        // Rewriting costs the whole log: those who come within this time share one pass.
        tokio::time::sleep(GATHER).await;
        // What the log's records come to may get into quarantine until they are gone from there, so the log comes first.
        while clean_log(&app).await.is_none() || !clean_quarantine(&app).await || !purge_if_wanted(&app).await {
            tokio::time::sleep(GATHER).await;
        }
    }
}

/// Takes the records of erased visitors out of the log; says whether it holds an erasure, `None` when it failed.
async fn clean_log(app: &Arc<App>) -> Option<bool> {
    let cleaning = app.clone();
    let rewritten = tokio::task::spawn_blocking(move || {
        let mut holds_erasure = false;
        let report = cleaning.log.rewrite(|_, payload| match LogRecord::decode(payload) {
            Ok(LogRecord::Erasure(_)) => {
                holds_erasure = true;
                Keep::Keep
            }
            record if tells_of_erased(&cleaning, payload, record.as_ref().ok()) => Keep::Drop,
            _ => Keep::Keep,
        });
        (report, holds_erasure)
    });
    match rewritten.await {
        Ok((Ok(report), holds_erasure)) => {
            tracing::info!(dropped = report.dropped, "erased visitors' records left the log");
            Some(holds_erasure)
        }
        Ok((Err(error), _)) => {
            tracing::error!(%error, "erased visitors' records are still in the log");
            None
        }
        Err(error) => {
            tracing::error!(%error, "rewriting the log ended early");
            None
        }
    }
}

/// Whether the records of erased visitors are gone from quarantine.
async fn clean_quarantine(app: &Arc<App>) -> bool {
    let cleaning = app.clone();
    let removed = tokio::task::spawn_blocking(move || {
        cleaning.quarantine.remove_all(|payload| {
            let record = LogRecord::decode(payload);
            !matches!(record, Ok(LogRecord::Erasure(_))) && tells_of_erased(&cleaning, payload, record.as_ref().ok())
        })
    });
    match removed.await {
        Ok(Ok(removed)) => {
            if removed > 0 {
                tracing::info!(removed, "erased visitors' records left the quarantine");
            }
            true
        }
        Ok(Err(error)) => {
            tracing::error!(%error, "erased visitors' records are still in quarantine");
            false
        }
        Err(error) => {
            tracing::error!(%error, "cleaning the quarantine ended early");
            false
        }
    }
}

/// Whether a record tells of somebody who was erased; `None`: it does not read.
fn tells_of_erased(app: &App, payload: &[u8], record: Option<&LogRecord>) -> bool {
    let gone = |key: &LeadKey| app.erased.contains(key);
    match record {
        Some(LogRecord::Touches(record)) => record.whose.key().is_ok_and(|key| gone(&key)),
        Some(LogRecord::Erasure(record)) => record.whose.key().is_ok_and(|key| gone(&key)),
        Some(LogRecord::Merge(record)) => record.keys().is_ok_and(|(from, into)| gone(&from) || gone(&into)),
        // Nobody can say whose it is. But an id stands in a record as it is: any 16 bytes may be one of somebody erased.
        None => payload.windows(VisitorId::BYTES).any(|bytes| {
            let visitor = bytes.try_into().ok().map(VisitorId::from_bytes);
            visitor.is_some_and(|id| app.sites.iter().any(|site| gone(&LeadKey::new(site.name.clone(), id))))
        }),
    }
}

/// The same where this collector erased somebody; whom another one erased, that one purges.
async fn purge_if_wanted(app: &App) -> bool {
    if !app.erased.unpurged.swap(false, Ordering::Relaxed) {
        return true;
    }
    let purged = purge_store(app).await;
    app.erased.unpurged.fetch_or(!purged, Ordering::Relaxed);
    purged
}

/// Whether the bytes are gone from the store's files.
async fn purge_store(app: &App) -> bool {
    match app.store.purge().await {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(%error, "erased visitors' bytes are still in the store's files");
            false
        }
    }
}

/// How long an erasure waits for merges that are on their way, and between two looks at them.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(5);

/// How long erasures wait for others; well below the minute in which the bytes must be gone.
const GATHER: Duration = Duration::from_secs(15);

#[cfg(test)]
mod tests {
    use store::{SiteName, VisitorId};

    use super::*;

    #[test]
    fn a_torn_entry_is_cut_and_the_others_are_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tombstones");
        let open = || Erased::open(&path, Tombstones::new("key".to_owned().into())).unwrap();
        let key = |byte| LeadKey::new(SiteName::parse("shop").unwrap(), VisitorId::from_bytes([byte; 16]));
        // given one visitor erased, and a crash in the middle of writing a second
        let erased = open();
        erased.add(erased.tombstone(&key(1))).unwrap();
        drop(erased);
        OpenOptions::new().append(true).open(&path).unwrap().write_all(&[7; 5]).unwrap();
        // when it starts again and erases a third
        let erased = open();
        erased.add(erased.tombstone(&key(3))).unwrap();
        drop(erased);
        // then both are known
        let erased = open();
        assert_eq!([1, 2, 3].map(|byte| erased.contains(&key(byte))), [true, false, true]);
    }
}
