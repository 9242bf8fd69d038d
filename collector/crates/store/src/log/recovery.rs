//! Opening a log: what is there, what is torn, what is damaged.

use std::collections::VecDeque;
use std::path::Path;

use super::frame::HEADER_BYTES;
use super::segments::{self, Segment};
use super::survey::{Survey, SurveyedSegment, survey};
use super::{Corruption, Files, LogError, Position};

/// What opening a log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Where the last segment ended in a record that was not whole, and was cut. Ordinary after a crash: such a record
    /// was never acknowledged.
    pub torn: Option<TornTail>,
    /// Damage, which no crash explains unless it is in the last segment. What stands behind it is kept and read.
    pub corrupt: Vec<Corruption>,
    /// The oldest record that is kept (equal to `end` when there is none).
    pub start: Position,
    /// The position that the next record gets.
    pub end: Position,
    /// Whole records found.
    pub records: u64,
}

/// A tail that was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TornTail {
    /// Number of the segment, as in its file's name.
    pub segment: u64,
    /// Offset at which it was cut.
    pub offset: u64,
    /// Bytes that were dropped.
    pub bytes: u64,
}

/// What recovery hands on to the writer.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) report: Recovery,
    pub(super) sealed: VecDeque<Segment>,
    /// The number that the next segment gets.
    pub(super) next_number: u64,
}

/// Reads and verifies all segments, cuts a torn tail, removes what a rewrite left half-done.
pub(super) fn recover(folder: &Path, files: &dyn Files) -> Result<Recovered, LogError> {
    let names = files.list(folder).map_err(LogError::io("list", folder))?;
    for name in names.iter().filter(|name| name.ends_with(".new")) {
        let path = folder.join(name);
        files.remove(&path).map_err(LogError::io("remove", &path))?;
    }
    let Survey { segments: found, damage: corrupt } = survey(folder, files, |_, _| ())?;
    let next_number = found.last().map_or(1, |last| last.number.saturating_add(1));
    let records = found.iter().map(|segment| segment.records + segment.erased).sum();
    let mut sealed: VecDeque<Segment> = found.iter().map(Segment::from).collect();
    let torn = found.last().map(|last| tidy(folder, files, last, &mut sealed)).transpose()?.flatten();
    let end = found.last().map_or(Position::FIRST, |last| last.end);
    let start = sealed.front().map_or(end, |segment| segment.first);
    Ok(Recovered { report: Recovery { torn, corrupt, start, end, records }, sealed, next_number })
}

/// Makes the last segment one that ends in a whole record.
fn tidy(
    folder: &Path,
    files: &dyn Files,
    last: &SurveyedSegment,
    sealed: &mut VecDeque<Segment>,
) -> Result<Option<TornTail>, LogError> {
    let path = segments::path(folder, last.number);
    let torn = |offset| TornTail { segment: last.number, offset, bytes: last.unfinished };
    if !last.readable {
        if last.bytes > HEADER_BYTES as u64 {
            return Ok(None);
        }
        // A crash while it was made.
        files.remove(&path).map_err(LogError::io("remove", &path))?;
        sealed.pop_back();
        return Ok(Some(torn(0)));
    }
    let whole = last.bytes - last.unfinished;
    // Also when nothing is torn: records that a killed process wrote but did not sync are read from here on, so they have
    // to be on the disk.
    files.cut(&path, whole).map_err(LogError::io("cut", &path))?;
    if let Some(segment) = sealed.back_mut() {
        segment.bytes = whole;
    }
    Ok((last.unfinished > 0).then(|| torn(whole)))
}

impl From<&SurveyedSegment> for Segment {
    fn from(found: &SurveyedSegment) -> Self {
        Self { number: found.number, first: found.first, end: found.end, bytes: found.bytes }
    }
}
