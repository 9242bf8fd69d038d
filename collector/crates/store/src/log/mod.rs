//! The durable log: bytes in, opaque to it; acknowledged only when they are on the disk.
//!
//! ```text
//! append ─► queue ─► one write, one fdatasync a group ─► tail callback (in order) ─► append resolves
//! ```
//!
//! Written by one thread of its own into segments of a folder (`frame.rs` says which bytes). What it promises:
//!
//! - An append that resolved is on the disk: it is there after a loss of power.
//! - Before an append resolves, its record was handed to the tail callback: whoever got an answer sees its own write.
//!   The callback gets every record of this process exactly once, in the order of the log.
//! - A failed write or `fdatasync` is never tried again: everything waiting fails, every later append fails, until the
//!   log is opened anew ([`Log::reopen`], or by a new process). After a failed sync the kernel may have dropped the dirty
//!   pages and report success next time, so nothing is ever written behind them.
//! - A torn tail is cut and *said*; damage in the middle is found, said and stepped over; neither ends in a panic.
//! - The log never grows beyond its cap: an append that does not fit is refused before anything is written.
//! - Every opening begins a new segment, so that nothing acknowledged ever stands behind a tail of doubtful health.

mod error;
#[cfg(feature = "testsuite")]
pub mod faulty;
mod files;
mod frame;
mod reader;
mod recovery;
mod reopening;
mod rewrite;
mod segments;
mod survey;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

pub use error::{Corruption, LogError};
pub use files::{DiskFiles, File, Files, FolderLock};
pub use reader::Reader;
pub use recovery::{Recovery, TornTail};
pub use rewrite::{Keep, Rewritten};
pub use survey::{Survey, SurveyedSegment, survey};
pub use writer::Appending;

use reopening::Begun;
use segments::Segments;
use writer::{Shared, Tail, Writer};

/// Where a record stands: its number in the log, from 1, without gaps. Fixed for ever, rewriting included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

impl Position {
    /// The first position of a new log.
    pub const FIRST: Self = Self(1);

    /// The position after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// A record of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it stands.
    pub position: Position,
    /// What was appended.
    pub payload: Vec<u8>,
}

/// How large a log may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// A segment is closed before a record that would make it larger than this. Default 64 MiB.
    pub segment_bytes: u64,
    /// The most bytes that all segments may take together. Default 4 GiB.
    pub cap_bytes: u64,
    /// The longest payload. Default 1 MiB.
    pub max_record: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, cap_bytes: 4 << 30, max_record: 1 << 20 }
    }
}

/// How large a log is, and how it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Bytes of all segments.
    pub bytes: u64,
    /// Segments, the active one included.
    pub segments: usize,
    /// The oldest record that is kept (equal to `end` when there is none).
    pub start: Position,
    /// The position that the next record gets.
    pub end: Position,
    /// Records that wait for the disk.
    pub waiting: usize,
    /// `fdatasync` calls that appends have caused since the log was opened.
    pub syncs: u64,
    /// How long the last of them took.
    pub last_sync: Duration,
    /// Whether a write or sync has failed, so that nothing is accepted any more.
    pub failed: bool,
}

/// A durable log in a folder. Shared by reference; it is closed when dropped.
pub struct Log {
    shared: Arc<Shared>,
    writer: Mutex<WriterThread>,
    /// Held until the writer has ended.
    lock: Mutex<Option<FolderLock>>,
}

/// Who writes.
enum WriterThread {
    /// A thread, which may have ended by itself when the log has failed.
    Running(JoinHandle<Option<Tail>>),
    /// Nobody, until the log is opened anew.
    Ended(Tail),
    /// Nobody, ever again.
    Gone,
}

impl fmt::Debug for Log {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Log").field("folder", &self.shared.folder).field("stats", &self.stats()).finish()
    }
}

impl Log {
    /// Opens the log in this folder, which is made when it is missing. Reads and verifies all of it, cuts a torn tail,
    /// and begins a new segment. Blocks while it does.
    ///
    /// `tail` gets every record appended from now on, in groups, in order, once it is durable and before its append
    /// resolves. It runs on the writer's thread and holds up every append while it does: it should only put the records
    /// where others find them. What was in the log before is read with [`read`](Self::read).
    pub fn open(
        folder: &Path,
        settings: Settings,
        files: Arc<dyn Files>,
        tail: impl FnMut(Vec<Record>) + Send + 'static,
    ) -> Result<(Self, Recovery), LogError> {
        let lock = files.lock(folder).map_err(|error| match error.kind() {
            std::io::ErrorKind::WouldBlock => LogError::InUse { folder: folder.display().to_string() },
            _ => LogError::io("lock", folder)(error),
        })?;
        let recovery::Recovered { report, mut sealed, next_number } = recovery::recover(folder, &*files)?;
        if let Some(torn) = report.torn {
            tracing::warn!(torn.segment, torn.offset, torn.bytes, "the log's last record was torn and is cut");
        }
        for damage in &report.corrupt {
            tracing::error!(?damage, "the log is damaged");
        }

        let (active, header, file) = writer::create_segment(folder, &*files, next_number, report.end)
            .map_err(LogError::io("begin a segment in", folder))?;
        // Otherwise each start without an event would leave a segment behind.
        while let Some(empty) = sealed.pop_back_if(|last| last.first == last.end && last.bytes == active.bytes) {
            let path = segments::path(folder, empty.number);
            files.remove(&path).map_err(LogError::io("remove", &path))?;
        }

        let shared = Arc::new(Shared::new(folder.to_owned(), settings, files, Segments { sealed, active }));
        let writer = start(Writer::new(shared.clone(), file, header, active, Box::new(tail)), folder)?;
        Ok((Self { shared, writer: Mutex::new(writer), lock: Mutex::new(Some(lock)) }, report))
    }

    /// Opens a log that has failed anew, in place: what the failure left behind the last durable record is cut, and a new
    /// segment begins. Nothing happens to a log that is well. Blocks.
    ///
    /// # Errors
    /// When the disk is not well yet: the log stays failed, and this can be tried again. [`LogError::Closed`] when it was
    /// closed, and [`LogError::Failed`] for good when the tail callback has panicked.
    pub fn reopen(&self) -> Result<(), LogError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let _maintenance = self.shared.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(failure) = self.shared.failure() else { return Ok(()) };
        let tail = match std::mem::replace(&mut *writer, WriterThread::Gone) {
            // It has failed, so it ends: there is nothing that it waits for.
            WriterThread::Running(ending) => ending.join().ok().flatten().ok_or(failure)?,
            WriterThread::Ended(tail) => tail,
            WriterThread::Gone => return Err(failure),
        };
        let known = self.shared.segments().clone();
        let Begun { segments, header, file } = match reopening::begin(&self.shared.folder, &*self.shared.files, &known)
        {
            Ok(begun) => begun,
            Err(error) => {
                *writer = WriterThread::Ended(tail);
                return Err(error);
            }
        };
        let active = segments.active;
        *self.shared.segments() = segments;
        self.shared.accept_again()?;
        *writer = start(Writer::new(self.shared.clone(), file, header, active, tail), &self.shared.folder)?;
        tracing::warn!(
            position = active.first.0,
            segment = active.number,
            "the log is opened anew and takes records again"
        );
        Ok(())
    }

    /// Appends a record. It is taken when this returns, in the order of the calls; the future resolves with its
    /// position when it is on the disk and `tail` has had it.
    pub fn append(&self, payload: Vec<u8>) -> Appending {
        self.shared.append(payload)
    }

    /// Reads what is durable now, from a position on. Blocks when a segment is read.
    pub fn read(&self, from: Position) -> Reader {
        Reader::new(self.shared.clone(), from)
    }

    /// Removes sealed segments all of whose records stand before this position, and returns how many. Blocks.
    pub fn retire(&self, before: Position) -> Result<usize, LogError> {
        let _maintenance = self.shared.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
        let (folder, files) = (&self.shared.folder, &self.shared.files);
        let mut retired = 0;
        loop {
            let oldest = self.shared.segments().sealed.front().copied();
            let Some(segment) = oldest.filter(|segment| segment.end <= before) else { break };
            let path = segments::path(folder, segment.number);
            files.remove(&path).map_err(LogError::io("remove", &path))?;
            self.shared.segments().sealed.pop_front();
            self.shared.resized(segment.bytes, 0);
            retired += 1;
        }
        if retired > 0 {
            files.sync_folder(folder).map_err(LogError::io("sync", folder))?;
        }
        Ok(retired)
    }

    /// Lets `decide` say of every record appended before the call whether its payload stays, and returns when those that
    /// do not are in no file of the log any more. Positions stay as they are. Appends go on meanwhile, into a segment
    /// begun for the purpose. Needs room for one more segment beside the cap. Blocks.
    pub fn rewrite(&self, decide: impl FnMut(Position, &[u8]) -> Keep) -> Result<Rewritten, LogError> {
        let _maintenance = self.shared.maintenance.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.rotate()?;
        rewrite::rewrite(&self.shared, decide)
    }

    /// Seals the active segment, so that [`retire`](Self::retire) can take it later; nothing happens when it is empty.
    /// Blocks.
    pub fn rotate(&self) -> Result<(), LogError> {
        self.shared.rotate()
    }

    /// About how many bytes the records from a position on take: exact for whole segments, in proportion within one.
    pub fn bytes_from(&self, position: Position) -> u64 {
        let segments = self.shared.segments();
        let behind = segments.iter().filter(|segment| segment.end > position);
        let share = |segment: &segments::Segment| {
            let (all, of) = (segment.end.0 - segment.first.0, segment.end.0 - position.0.max(segment.first.0));
            u64::try_from(u128::from(segment.bytes) * u128::from(of) / u128::from(all.max(1))).unwrap_or(segment.bytes)
        };
        behind.map(share).sum()
    }

    /// How large the log is, and how it does.
    pub fn stats(&self) -> Stats {
        let writer::Counters { waiting, syncs, last_sync, failed } = self.shared.counters();
        let segments = self.shared.segments();
        Stats {
            bytes: segments.bytes(),
            segments: segments.sealed.len() + 1,
            start: segments.start(),
            end: segments.active.end,
            waiting,
            syncs,
            last_sync,
            failed,
        }
    }

    /// Refuses new appends, waits until those taken are durable or have failed, and gives the folder back. Blocks.
    pub fn close(&self) {
        self.shared.close();
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let WriterThread::Running(writer) = std::mem::replace(&mut *writer, WriterThread::Gone)
            // Dropped by its own callback: the thread cannot wait for itself, and ends right after.
            && writer.thread().id() != std::thread::current().id()
        {
            // What it gives back is for another writer, and it catches the callback's panics.
            drop(writer.join());
        }
        drop(writer);
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

fn start(writer: Writer, folder: &Path) -> Result<WriterThread, LogError> {
    let thread = std::thread::Builder::new().name("log".to_owned()).spawn(move || writer.run());
    Ok(WriterThread::Running(thread.map_err(LogError::io("start a thread for", folder))?))
}

impl Drop for Log {
    fn drop(&mut self) {
        self.close();
    }
}
