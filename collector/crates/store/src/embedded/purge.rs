//! Making erased bytes leave the disk.
//!
//! They stand in two kinds of files. Journals: `fjall` deletes one when it is sealed and all it holds is flushed into
//! tables, but seals the active one only when it has grown beyond 64 MB; so a purge pushes ballast through it. Tables: a
//! major compaction writes them anew without what is removed, and the old files go when the set of tables that they
//! belong to is forgotten, which happens at a later flush. All this is `fjall`'s own affair and may change; so a purge
//! believes none of it, but looks whether every file that was there at its start is gone, and says so when not.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::thread;
use std::time::{Duration, Instant};

use fjall::{Keyspace, PersistMode};

use super::database::{Core, Open, failed};
use crate::StoreError;

const DOING: &str = "purge";
/// One value of ballast, and how many of them exceed the size at which `fjall` seals a journal.
const BALLAST_BYTES: usize = 4 << 20;
const BALLAST_VALUES: u64 = 17;
/// A key that no keyspace has; removing it gives a flush something to write.
const NO_KEY: [u8; 1] = [0];
/// How often it is tried before giving up.
const ROUNDS: usize = 3;
/// How long a flush may take before giving up.
const PATIENCE: Duration = Duration::from_secs(50);

impl Core {
    pub(super) fn purge(&self) -> Result<(), StoreError> {
        let _purging = self.purging.lock().unwrap_or_else(PoisonError::into_inner);
        let reading = self.reading();
        let open = reading.open(DOING)?;
        let before = files(self.folder(), open)?;
        let mut left = None;
        for _ in 0..ROUNDS {
            open.push_ballast()?;
            open.flush_all()?;
            // One by one: clearing a keyspace leaves its files behind until the next start.
            for number in 0..BALLAST_VALUES {
                open.ballast.remove(number.to_be_bytes()).map_err(failed(DOING))?;
            }
            open.flush(&open.ballast)?;
            for keyspace in open.keyspaces() {
                keyspace.major_compact().map_err(failed(DOING))?;
            }
            for keyspace in open.keyspaces() {
                keyspace.remove(NO_KEY).map_err(failed(DOING))?;
            }
            open.flush_all()?;
            left = files(self.folder(), open)?.intersection(&before).next().cloned();
            if left.is_none() {
                return Ok(());
            }
        }
        let left = format!("a file of before the purge is still there: {left:?}");
        Err(StoreError::Unavailable { doing: DOING, source: left.into() })
    }
}

impl Open {
    fn push_ballast(&self) -> Result<(), StoreError> {
        // Looks random, so that the journal's compression leaves its length.
        let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
        for number in 0..BALLAST_VALUES {
            let value: Vec<u8> = (0..BALLAST_BYTES / 8)
                .flat_map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    state.to_le_bytes()
                })
                .collect();
            self.ballast.insert(number.to_be_bytes(), value).map_err(failed(DOING))?;
        }
        Ok(())
    }

    fn flush_all(&self) -> Result<(), StoreError> {
        self.keyspaces().into_iter().try_for_each(|keyspace| self.flush(keyspace))
    }

    /// Writes what a keyspace has in memory into a table, and returns when it is there.
    fn flush(&self, keyspace: &Keyspace) -> Result<(), StoreError> {
        keyspace.rotate_memtable().map_err(failed(DOING))?;
        let begun = Instant::now();
        while keyspace.sealed_memtable_count() > 0 {
            // The workers end at a failure, and this would wait for ever.
            self.database.persist(PersistMode::Buffer).map_err(failed(DOING))?;
            if begun.elapsed() > PATIENCE {
                return Err(StoreError::Unavailable { doing: DOING, source: "a flush takes too long".into() });
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

/// All journals and tables.
fn files(folder: &Path, open: &Open) -> Result<BTreeSet<PathBuf>, StoreError> {
    let unavailable = |source: io::Error| StoreError::Unavailable { doing: DOING, source: source.into() };
    let mut files = BTreeSet::new();
    let tables = open.keyspaces().map(|keyspace| keyspace.path().join("tables"));
    for place in [folder.to_owned()].into_iter().chain(tables) {
        for entry in fs::read_dir(&place).map_err(unavailable)? {
            let path = entry.map_err(unavailable)?.path();
            if place != folder || path.extension().is_some_and(|extension| extension == "jnl") {
                files.insert(path);
            }
        }
    }
    Ok(files)
}
