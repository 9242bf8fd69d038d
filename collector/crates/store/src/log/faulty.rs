//! A file system in memory that can fail, and that knows what a loss of power would leave.
//!
//! It remembers of every file which bytes a finished sync covers, and of every folder which names. It can fail a chosen
//! write or sync, fill up, and hold syncs back; [`power_cut`](FaultyFiles::power_cut) gives the file system as the next
//! start would find it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::{File, Files, FolderLock};

/// The faulty twin of [`DiskFiles`](super::DiskFiles). Clones are the same file system.
#[derive(Debug, Clone, Default)]
pub struct FaultyFiles {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Signalled when a sync is held back or let go.
    held: Condvar,
}

#[derive(Debug, Default)]
struct State {
    contents: Vec<Content>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    locked: BTreeSet<PathBuf>,
    /// Syncs of files that have succeeded.
    syncs: u64,
    /// How many appends, and syncs, succeed before one fails.
    append_fails_after: Option<u64>,
    sync_fails_after: Option<u64>,
    capacity: Option<usize>,
    /// Whether every write and sync fails.
    unwell: bool,
    holding: bool,
    held: usize,
}

#[derive(Debug, Clone, Default)]
struct Content {
    bytes: Vec<u8>,
    durable: usize,
    /// A sync of it has failed: the kernel has dropped what was not durable, and later syncs report success.
    doomed: bool,
}

impl Content {
    fn sync(&mut self) {
        if !self.doomed {
            self.durable = self.bytes.len();
        }
    }
}

impl FaultyFiles {
    /// An empty file system without faults.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets so many appends succeed, and the one after them fail, half-way through its bytes.
    pub fn fail_append_after(&self, successes: u64) {
        self.state().append_fails_after = Some(successes);
    }

    /// Lets so many syncs of files succeed, and the one after them fail; only that one, as in Linux.
    pub fn fail_sync_after(&self, successes: u64) {
        self.state().sync_fails_after = Some(successes);
    }

    /// Lets every write, sync and cut fail from now on, or, with `false`, no more.
    pub fn set_unwell(&self, unwell: bool) {
        self.state().unwell = unwell;
    }

    /// Lets all files together take so many bytes; an append beyond it ends in `ENOSPC` with what fits written.
    /// `None`: without limit.
    pub fn set_capacity(&self, bytes: Option<usize>) {
        self.state().capacity = bytes;
    }

    /// Holds every sync of a file back from now on, until [`release_syncs`](Self::release_syncs).
    pub fn hold_syncs(&self) {
        self.state().holding = true;
    }

    /// Returns when a sync is being held back.
    pub fn wait_for_held_sync(&self) {
        let state = self.state();
        drop(self.shared.held.wait_while(state, |state| state.held == 0));
    }

    /// Lets held syncs, and all later ones, go on.
    pub fn release_syncs(&self) {
        self.state().holding = false;
        self.shared.held.notify_all();
    }

    /// Syncs of files that have succeeded.
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Paths of all files.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.state().names.keys().cloned().collect()
    }

    /// Changes a file behind everybody's back, as a failing disk would; it stays as durable as it was.
    pub fn tamper(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        if let Some(index) = state.names.get(path).copied() {
            let content = &mut state.contents[index];
            change(&mut content.bytes);
            content.durable = content.bytes.len();
        }
    }

    /// The file system as it may be after a loss of power now. Kept is what syncs have covered; of the rest, so much as
    /// `seed` says: each file's up to some length, without some of its sectors, which then read as zeros, and perhaps with a
    /// bit turned. The same seed gives the same. Nobody has a lock in it.
    pub fn power_cut(&self, seed: u64) -> Self {
        let mut random = Random(seed);
        let state = self.state();
        let names = if random.below(2) == 0 { &state.names } else { &state.durable_names };
        let mut after = State::default();
        for (path, index) in names {
            let content = &state.contents[*index];
            let unsafe_bytes = if content.doomed { 0 } else { content.bytes.len() - content.durable };
            let kept = content.durable + random.below(unsafe_bytes as u64 + 1) as usize;
            let mut bytes = content.bytes[..kept].to_vec();
            // Sectors reach the disk in any order.
            for start in (content.durable / SECTOR * SECTOR..kept).step_by(SECTOR) {
                if random.below(6) == 0 {
                    bytes[start.max(content.durable)..(start + SECTOR).min(kept)].fill(0);
                }
            }
            if kept > content.durable && random.below(4) == 0 {
                let at = content.durable + random.below((kept - content.durable) as u64) as usize;
                bytes[at] ^= 1 << random.below(8);
            }
            after.names.insert(path.clone(), after.contents.len());
            after.contents.push(Content { durable: bytes.len(), bytes, doomed: false });
        }
        after.durable_names = after.names.clone();
        Self { shared: Arc::new(Shared { state: Mutex::new(after), held: Condvar::new() }) }
    }
}

/// Bytes that a disk writes wholly or not at all.
const SECTOR: usize = 512;

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// Counts down to the call that fails.
fn fails_now(after: &mut Option<u64>) -> bool {
    match after {
        Some(0) => {
            *after = None;
            true
        }
        Some(left) => {
            *left -= 1;
            false
        }
        None => false,
    }
}

#[derive(Debug)]
struct FaultyFile {
    files: FaultyFiles,
    index: usize,
}

impl File for FaultyFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.files.state();
        if state.unwell || fails_now(&mut state.append_fails_after) {
            state.contents[self.index].bytes.extend_from_slice(&bytes[..bytes.len() / 2]);
            return Err(io::Error::other("a write failed, as it was told to"));
        }
        let used: usize = state.contents.iter().map(|content| content.bytes.len()).sum();
        let room = state.capacity.map_or(usize::MAX, |capacity| capacity.saturating_sub(used));
        state.contents[self.index].bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.files.state();
        // What was written before the sync began is what it covers.
        let covered = state.contents[self.index].bytes.len();
        if state.holding {
            state.held += 1;
            self.files.shared.held.notify_all();
            let released = self.files.shared.held.wait_while(state, |state| state.holding);
            state = released.unwrap_or_else(PoisonError::into_inner);
            state.held -= 1;
        }
        if state.unwell || fails_now(&mut state.sync_fails_after) {
            state.contents[self.index].doomed = true;
            return Err(io::Error::other("a sync failed, as it was told to"));
        }
        state.syncs += 1;
        let content = &mut state.contents[self.index];
        if !content.doomed {
            content.durable = content.durable.max(covered.min(content.bytes.len()));
        }
        Ok(())
    }
}

impl State {
    fn index(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// Gives the folder back.
struct Unlock {
    files: FaultyFiles,
    folder: PathBuf,
}

impl Drop for Unlock {
    fn drop(&mut self) {
        self.files.state().locked.remove(&self.folder);
    }
}

impl Files for FaultyFiles {
    fn lock(&self, folder: &Path) -> io::Result<FolderLock> {
        if !self.state().locked.insert(folder.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(FolderLock::new(Unlock { files: self.clone(), folder: folder.to_owned() }))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        let inside = state.names.keys().filter(|path| path.parent() == Some(folder));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.state();
        Ok(state.contents[state.index(path)?].bytes.clone())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut state = self.state();
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let index = state.contents.len();
        state.contents.push(Content::default());
        state.names.insert(path.to_owned(), index);
        Ok(Box::new(FaultyFile { files: self.clone(), index }))
    }

    fn cut(&self, path: &Path, length: u64) -> io::Result<()> {
        let mut state = self.state();
        if state.unwell {
            return Err(io::Error::other("a cut failed, as it was told to"));
        }
        let index = state.index(path)?;
        let content = &mut state.contents[index];
        content.bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        content.durable = content.durable.min(content.bytes.len());
        content.sync();
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        let index = state.index(from)?;
        state.names.remove(from);
        state.names.insert(to.to_owned(), index);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.index(path)?;
        state.names.remove(path);
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state();
        let inside: BTreeMap<_, _> = state
            .names
            .iter()
            .filter(|(path, _)| path.parent() == Some(folder))
            .map(|(path, index)| (path.clone(), *index))
            .collect();
        state.durable_names.retain(|path, _| path.parent() != Some(folder));
        state.durable_names.extend(inside);
        Ok(())
    }
}
