//! The database underneath: opening it, and what every verb needs of it.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode};

use super::Settings;
use super::codec::FORMAT;
use super::journal::{self, Mark, Tidied};
use crate::{BoxError, Durability, Health, StoreError, Version};

/// The embedded store without its asynchronous coat.
pub(super) struct Core {
    folder: PathBuf,
    settings: Settings,
    /// `None` only after a `reopen` that failed.
    open: RwLock<Option<Open>>,
    /// Held from reading a version to writing the next.
    writer: Mutex<Sequence>,
    /// How far the journal is durable. Held while it is made so.
    durable: Mutex<Mark>,
    /// Held by a purge: two at once would do the same work twice.
    pub(super) purging: Mutex<()>,
}

/// The last number given out; versions and outbox places are drawn from it.
#[derive(Debug, Default)]
struct Sequence(u64);

/// An open database with its keyspaces.
pub(super) struct Open {
    pub(super) database: Database,
    pub(super) leads: Keyspace,
    pub(super) heat: Keyspace,
    pub(super) wake: Keyspace,
    pub(super) outbox: Keyspace,
    pub(super) of_lead: Keyspace,
    pub(super) documents: Keyspace,
    pub(super) resources: Keyspace,
    pub(super) tombstones: Keyspace,
    pub(super) ballast: Keyspace,
    meta: Keyspace,
    identity: String,
}

const META_FORMAT: &str = "format";
const META_IDENTITY: &str = "identity";
const META_SEQUENCE: &str = "sequence";

impl fmt::Debug for Core {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Core").field("folder", &self.folder).field("settings", &self.settings).finish()
    }
}

/// A database that is open for reading; holds off a `reopen` while it lives.
pub(super) struct Reading<'a>(RwLockReadGuard<'a, Option<Open>>);

impl Reading<'_> {
    pub(super) fn open(&self, doing: &'static str) -> Result<&Open, StoreError> {
        self.0.as_ref().ok_or_else(|| StoreError::Unavailable { doing, source: "the database is not open".into() })
    }
}

impl Core {
    pub(super) fn open(folder: PathBuf, settings: Settings) -> Result<Self, StoreError> {
        let (open, last) = Open::at(&folder, &settings)?;
        Ok(Self {
            durable: Mutex::new(Mark::read(&folder)),
            folder,
            settings,
            open: RwLock::new(Some(open)),
            writer: Mutex::new(Sequence(last)),
            purging: Mutex::new(()),
        })
    }

    // Nothing here panics half-way through a change that a lock protects, so a poisoned lock is as good as another.
    pub(super) fn reading(&self) -> Reading<'_> {
        Reading(self.open.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn reopen(&self) -> Result<(), StoreError> {
        // In the order in which every verb takes them.
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        let mut sequence = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        // The folder is locked until the old database is gone.
        drop(open.take());
        let (reopened, last) = Open::at(&self.folder, &self.settings)?;
        // What was given out may be lost on the disk, but not in the memory of those who got it.
        sequence.0 = sequence.0.max(last);
        *open = Some(reopened);
        Ok(())
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes the writers' turn, for one batch.
    pub(super) fn writing<'a>(&'a self, open: &'a Open) -> Writing<'a> {
        let sequence = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let drawn = sequence.0;
        Writing { open, sequence, drawn, batch: open.database.batch() }
    }

    pub(super) fn persist(&self) -> Result<Durability, StoreError> {
        let reading = self.reading();
        let open = reading.open("persist")?;
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        // What stands in the file before it is synced is durable afterwards.
        open.database.persist(PersistMode::Buffer).map_err(failed("persist"))?;
        let reached = durable.advanced(&self.folder);
        open.database.persist(PersistMode::SyncData).map_err(failed("persist"))?;
        // Without the note damage would be taken for the trace of a loss of power, no more.
        match reached.and_then(|reached| reached.write(&self.folder).map(|()| reached)) {
            Ok(reached) => *durable = reached,
            Err(error) => tracing::warn!(%error, "how far the store is durable could not be noted"),
        }
        Ok(Durability::Durable)
    }

    pub(super) fn health(&self) -> Result<Health, StoreError> {
        let reading = self.reading();
        let open = reading.open("check its health")?;
        // Syncs nothing; its answer says whether an earlier failure has stopped the database.
        open.database.persist(PersistMode::Buffer).map_err(failed("check its health"))?;
        let bytes = open.database.disk_space().map_err(failed("check its health"))?;
        Ok(Health { identity: open.identity.clone(), clock: None, bytes })
    }
}

impl Open {
    fn at(folder: &Path, settings: &Settings) -> Result<(Self, u64), StoreError> {
        tidy(folder)?;
        let database = Database::builder(folder)
            .cache_size(settings.cache_bytes)
            .worker_threads(settings.workers.max(1))
            .open()
            .map_err(|error| match error {
                fjall::Error::Locked => StoreError::InUse { place: folder.display().to_string() },
                error => failed("open")(error),
            })?;
        let keyspace = |name, memory_mib: u64| {
            let options = || KeyspaceCreateOptions::default().max_memtable_size(memory_mib << 20);
            database.keyspace(name, options).map_err(failed("open"))
        };

        // Before anything else is read: a newer version may have another set of keyspaces.
        let meta = keyspace("meta", 1)?;
        let identity = match meta.get(META_FORMAT).map_err(failed("open"))?.as_deref() {
            Some([found]) if *found > FORMAT => {
                return Err(StoreError::Newer { what: "the embedded store", found: *found, known: FORMAT });
            }
            Some([FORMAT]) => meta.get(META_IDENTITY).map_err(failed("open"))?.map(|bytes| bytes.to_vec()),
            None => None,
            Some(other) => {
                return Err(StoreError::Corrupt { what: format!("its format reads {other:?}"), source: None });
            }
        };
        let identity = match identity {
            Some(identity) => identity,
            None => found(&database, &meta)?,
        };
        let last = match meta.get(META_SEQUENCE).map_err(failed("open"))? {
            None => 0,
            Some(bytes) => super::codec::Fields::of_key(&bytes, "the last sequence number").u64()?,
        };
        let open = Self {
            leads: keyspace("leads", 32)?,
            heat: keyspace("heat", 8)?,
            wake: keyspace("wake", 8)?,
            outbox: keyspace("outbox", 8)?,
            of_lead: keyspace("of_lead", 8)?,
            documents: keyspace("documents", 8)?,
            resources: keyspace("resources", 8)?,
            tombstones: keyspace("tombstones", 8)?,
            ballast: keyspace("ballast", 16)?,
            meta,
            identity: String::from_utf8_lossy(&identity).into_owned(),
            database,
        };
        Ok((open, last))
    }

    /// All keyspaces that may hold what belongs to a person, and those that share the journal with them.
    pub(super) fn keyspaces(&self) -> [&Keyspace; 10] {
        [
            &self.leads,
            &self.heat,
            &self.wake,
            &self.outbox,
            &self.of_lead,
            &self.documents,
            &self.resources,
            &self.tombstones,
            &self.ballast,
            &self.meta,
        ]
    }
}

/// Sees to it that the database finds a journal that reads, or refuses one that has lost what was durable.
fn tidy(folder: &Path) -> Result<(), StoreError> {
    let unavailable = |source: std::io::Error| StoreError::Unavailable { doing: "open", source: source.into() };
    match journal::tidy(folder).map_err(unavailable)? {
        Tidied::Whole => Ok(()),
        Tidied::Cut { kept } => {
            tracing::warn!(kept, "the store's journal was torn and is cut; the log has what stood there");
            Ok(())
        }
        Tidied::Damaged { offset } => {
            let what = format!("its journal is damaged at byte {offset}, where it was durable; nothing was changed");
            Err(StoreError::Corrupt { what, source: None })
        }
    }
}

/// Founds a new store: gives it its format and a name that no other has.
fn found(database: &Database, meta: &Keyspace) -> Result<Vec<u8>, StoreError> {
    // Two states that the operating system seeded are 128 random bits; they need not be secret.
    let random = || RandomState::new().build_hasher().finish();
    let identity = format!("{:016x}{:016x}", random(), random()).into_bytes();
    let mut batch = database.batch().durability(Some(PersistMode::SyncAll));
    batch.insert(meta, META_FORMAT, [FORMAT].as_slice());
    batch.insert(meta, META_IDENTITY, identity.as_slice());
    batch.commit().map_err(failed("found"))?;
    Ok(identity)
}

/// A turn to write: one batch, all or nothing.
pub(super) struct Writing<'a> {
    open: &'a Open,
    sequence: MutexGuard<'a, Sequence>,
    drawn: u64,
    pub(super) batch: OwnedWriteBatch,
}

impl Writing<'_> {
    /// A number that no version and no place in the outbox has had.
    pub(super) fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.drawn
    }

    pub(super) fn draw_version(&mut self) -> Version {
        Version(self.draw())
    }

    /// Writes the batch, in the page cache when this returns.
    pub(super) fn finish(mut self, doing: &'static str) -> Result<(), StoreError> {
        if self.drawn > self.sequence.0 {
            self.batch.insert(&self.open.meta, META_SEQUENCE, self.drawn.to_be_bytes().as_slice());
            // Also when the write fails: it may have reached the disk all the same.
            self.sequence.0 = self.drawn;
        }
        self.batch.commit().map_err(failed(doing))
    }
}

/// Sorts a fault of `fjall` by what can be done about it.
pub(super) fn failed(doing: &'static str) -> impl Fn(fjall::Error) -> StoreError {
    move |error| match &error {
        fjall::Error::JournalRecovery(_)
        | fjall::Error::InvalidVersion(_)
        | fjall::Error::Decompress(_)
        | fjall::Error::InvalidTrailer
        | fjall::Error::InvalidTag(_)
        | fjall::Error::Unrecoverable => corrupt(doing, error.into()),
        fjall::Error::Storage(cause) if !matches!(cause, fjall::LsmError::Io(_)) => corrupt(doing, error.into()),
        _ => StoreError::Unavailable { doing, source: error.into() },
    }
}

fn corrupt(doing: &'static str, source: BoxError) -> StoreError {
    StoreError::Corrupt { what: format!("found while trying to {doing}"), source: Some(source) }
}
