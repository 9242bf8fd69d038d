//! What can go wrong in the log, by what the caller can do about it.

use std::io;
use std::sync::Arc;

use super::Position;

/// Damage that was found: bytes that no writer of ours wrote, or records that are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corruption {
    /// Number of the segment, as in its file's name.
    pub segment: u64,
    /// Offset in that file of the first damaged byte.
    pub offset: u64,
    /// Damaged bytes; 0 when bytes are missing without a trace.
    pub bytes: u64,
    /// The first position that is lost.
    pub first: Position,
    /// The first position after the damage that is there again.
    pub resumes: Position,
}

/// The log could not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The log has reached its cap. Nothing of this append was written; room comes by retiring segments.
    #[error("the log is full: {used} of {cap} bytes, and {wanted} more are wanted")]
    Full {
        /// Bytes in use or waiting.
        used: u64,
        /// The cap.
        cap: u64,
        /// Bytes that this append needs.
        wanted: u64,
    },
    /// A write or sync has failed: whether the append is on the disk is not known, and nothing more is accepted until
    /// the log is opened anew.
    #[error("the log has failed and must be opened anew")]
    Failed {
        /// The failure that stopped it.
        #[source]
        source: Arc<io::Error>,
    },
    /// The payload is longer than a record may be.
    #[error("a record of {found} bytes is too long, at most {allowed} are allowed")]
    TooLarge {
        /// Bytes of the payload.
        found: usize,
        /// The most allowed.
        allowed: usize,
    },
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
    /// The folder is in use by another process, or by a log of this process that was not closed.
    #[error("the log's folder is in use by another process: {folder}")]
    InUse {
        /// Which folder.
        folder: String,
    },
    /// A file could not be read, written or listed, outside of appending.
    #[error("the log cannot {doing} {path}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file or folder.
        path: String,
        /// Why it failed.
        #[source]
        source: Arc<io::Error>,
    },
    /// The log was written by a newer version of this program.
    #[error("{path} has log format {found}, and this version reads up to format {known}: run the newer version again")]
    Newer {
        /// The segment's file.
        path: String,
        /// The format found.
        found: u8,
        /// The newest format that this version reads.
        known: u8,
    },
    /// Reading met damage; the next call goes on behind it.
    #[error(
        "segment {} of the log is damaged at offset {} ({} bytes): records from {} to before {} are lost",
        .0.segment, .0.offset, .0.bytes, .0.first.0, .0.resumes.0
    )]
    Corrupt(Corruption),
}

impl LogError {
    /// A short stable word: label of the metric, field of the log message.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Full { .. } => "log_full",
            Self::Failed { .. } => "log_failed",
            Self::TooLarge { .. } => "log_record_too_large",
            Self::Closed => "log_closed",
            Self::InUse { .. } => "log_in_use",
            Self::Io { .. } => "log_io",
            Self::Newer { .. } => "log_newer",
            Self::Corrupt(_) => "log_corrupt",
        }
    }

    pub(super) fn io(doing: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::Io { doing, path, source: Arc::new(source) }
    }
}
