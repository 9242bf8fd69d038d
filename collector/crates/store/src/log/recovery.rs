//! Opening a log: what is there, what is torn, what is damaged.

use std::collections::VecDeque;
use std::path::Path;

use super::frame::{FORMAT, Header, HeaderFault, Item, Walk};
use super::segments::{self, Segment};
use super::{Corruption, Files, LogError, Position};

/// What opening a log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Where the last segment ended in a record that was not whole, and was cut. Ordinary after a crash: such a record
    /// was never acknowledged.
    pub torn: Option<TornTail>,
    /// Damage that no crash explains. What stands behind it is kept and read.
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
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| segments::number(name)).collect();
    numbers.sort_unstable();

    let mut survey =
        Survey { folder, files, expected: None, sealed: VecDeque::new(), torn: None, corrupt: vec![], records: 0 };
    for (index, number) in numbers.iter().enumerate() {
        survey.segment(*number, index + 1 == numbers.len())?;
    }
    let end = survey.expected.unwrap_or(Position::FIRST);
    let start = survey.sealed.front().map_or(end, |segment| segment.first);
    let report = Recovery { torn: survey.torn, corrupt: survey.corrupt, start, end, records: survey.records };
    let next_number = numbers.last().map_or(1, |last| last.saturating_add(1));
    Ok(Recovered { report, sealed: survey.sealed, next_number })
}

struct Survey<'a> {
    folder: &'a Path,
    files: &'a dyn Files,
    /// The position that comes next; unknown before the first segment.
    expected: Option<Position>,
    sealed: VecDeque<Segment>,
    torn: Option<TornTail>,
    corrupt: Vec<Corruption>,
    records: u64,
}

impl Survey<'_> {
    fn segment(&mut self, number: u64, is_last: bool) -> Result<(), LogError> {
        let path = segments::path(self.folder, number);
        let bytes = self.files.read(&path).map_err(LogError::io("read", &path))?;
        let header = match Header::decode(&bytes) {
            Ok(header) => header,
            Err(HeaderFault::Newer(found)) => {
                return Err(LogError::Newer { path: path.display().to_string(), found, known: FORMAT });
            }
            Err(HeaderFault::Damaged) => return self.headless(number, bytes.len() as u64, is_last),
        };
        self.missing_before(number, header.first);

        let mut walk = Walk::new(header);
        let mut length = bytes.len() as u64;
        while let Some(item) = walk.next(&bytes) {
            match item {
                Item::Frame(_) => self.records += 1,
                Item::Damage { offset, bytes, first, resumes } => {
                    self.corrupt.push(Corruption {
                        segment: number,
                        offset: offset as u64,
                        bytes: bytes as u64,
                        first,
                        resumes,
                    });
                }
                Item::Tail { offset, bytes } if is_last => {
                    length = offset as u64;
                    self.torn = Some(TornTail { segment: number, offset: length, bytes: bytes as u64 });
                }
                // What was lost here shows when the next segment says where it begins.
                Item::Tail { offset, bytes } => self.corrupt.push(Corruption {
                    segment: number,
                    offset: offset as u64,
                    bytes: bytes as u64,
                    first: walk.expected(),
                    resumes: walk.expected(),
                }),
            }
        }
        if is_last {
            // Also when nothing is torn: records that a killed process wrote but did not sync are read from here on, so
            // they have to be on the disk.
            self.files.cut(&path, length).map_err(LogError::io("cut", &path))?;
        }
        self.expected = Some(walk.expected());
        self.sealed.push_back(Segment { number, first: header.first, end: walk.expected(), bytes: length });
        Ok(())
    }

    /// A segment without a readable header: of the last one, a crash while it was made; of another, damage.
    fn headless(&mut self, number: u64, bytes: u64, is_last: bool) -> Result<(), LogError> {
        let expected = self.expected.unwrap_or(Position::FIRST);
        if is_last && bytes <= super::frame::HEADER_BYTES as u64 {
            let path = segments::path(self.folder, number);
            self.files.remove(&path).map_err(LogError::io("remove", &path))?;
            self.torn = Some(TornTail { segment: number, offset: 0, bytes });
            return Ok(());
        }
        self.corrupt.push(Corruption { segment: number, offset: 0, bytes, first: expected, resumes: expected });
        self.sealed.push_back(Segment { number, first: expected, end: expected, bytes });
        Ok(())
    }

    /// Says so when this segment does not begin where the one before it ended.
    fn missing_before(&mut self, number: u64, first: Position) {
        let Some(expected) = self.expected.filter(|expected| *expected != first) else { return };
        if let Some(known) =
            self.corrupt.last_mut().filter(|known| known.resumes == expected && known.resumes == known.first)
        {
            known.resumes = first;
            return;
        }
        self.corrupt.push(Corruption { segment: number, offset: 0, bytes: 0, first: expected, resumes: first });
    }
}
