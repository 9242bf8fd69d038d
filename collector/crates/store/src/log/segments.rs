//! Which segments there are.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::Position;

/// A segment: the records from `first` to before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) first: Position,
    pub(super) end: Position,
    /// Bytes that are on the disk.
    pub(super) bytes: u64,
}

/// All of them, as far as they are durable.
#[derive(Debug, Clone)]
pub(super) struct Segments {
    /// Oldest first; never written again, but replaced by a rewrite.
    pub(super) sealed: VecDeque<Segment>,
    pub(super) active: Segment,
}

impl Segments {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Segment> {
        self.sealed.iter().chain([&self.active])
    }

    pub(super) fn bytes(&self) -> u64 {
        self.iter().map(|segment| segment.bytes).sum()
    }

    pub(super) fn start(&self) -> Position {
        self.sealed.front().unwrap_or(&self.active).first
    }
}

pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:08}.log"))
}

/// Where a segment is written anew, before it takes the old one's place.
pub(super) fn rewritten_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:08}.new"))
}

/// The number in a segment's file name.
pub(super) fn number(file_name: &str) -> Option<u64> {
    let digits = file_name.strip_suffix(".log")?;
    (digits.len() >= 8 && digits.bytes().all(|digit| digit.is_ascii_digit())).then(|| digits.parse().ok())?
}
