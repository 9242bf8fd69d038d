//! What the files of a log hold, by reading them and nothing else.

use std::io;
use std::path::Path;

use super::frame::{self, FORMAT, Header, HeaderFault, Item, Kind, Walk};
use super::{Corruption, Files, LogError, Position, segments};

/// What the files of a log hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Survey {
    /// Segments, oldest first.
    pub segments: Vec<SurveyedSegment>,
    /// Damage, in the order of the log. Of the last segment a loss of power may leave some too, where parts of records that
    /// nobody was told of have reached the disk and others have not.
    pub damage: Vec<Corruption>,
}

/// One segment as it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SurveyedSegment {
    /// Its number, as in its file's name.
    pub number: u64,
    /// The position of its first record.
    pub first: Position,
    /// The position behind its last record.
    pub end: Position,
    /// Bytes of the file.
    pub bytes: u64,
    /// Records in it.
    pub records: u64,
    /// Places of records that were erased.
    pub erased: u64,
    /// Bytes behind its last whole record: of the last segment a record that was not finished, or is being written right
    /// now; of another, damage.
    pub unfinished: u64,
    /// Whether it has a header that reads; without one, none of its records do.
    pub readable: bool,
}

/// Reads all segments in a folder, and hands every record to `visit`. Takes no lock and changes nothing, so it may be done
/// beside whoever writes the log: a segment that goes meanwhile is passed over, and what is written meanwhile may be seen in
/// part. Holds one segment in memory at a time. Blocks.
///
/// # Errors
/// [`LogError::Io`] when folder or files cannot be read, [`LogError::Newer`] when a newer version wrote one.
pub fn survey(folder: &Path, files: &dyn Files, mut visit: impl FnMut(Position, &[u8])) -> Result<Survey, LogError> {
    let names = files.list(folder).map_err(LogError::io("list", folder))?;
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| segments::number(name)).collect();
    numbers.sort_unstable();
    let mut surveyor = Surveyor { expected: None, survey: Survey::default() };
    for (index, number) in numbers.iter().enumerate() {
        let path = segments::path(folder, *number);
        let bytes = match files.read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(LogError::io("read", &path)(error)),
        };
        let is_last = index + 1 == numbers.len();
        match Header::decode(&bytes) {
            Ok(header) => surveyor.segment(*number, header, &bytes, is_last, &mut visit),
            Err(HeaderFault::Newer(found)) => {
                return Err(LogError::Newer { path: path.display().to_string(), found, known: FORMAT });
            }
            Err(HeaderFault::Damaged) => surveyor.headless(*number, bytes.len() as u64, is_last),
        }
    }
    Ok(surveyor.survey)
}

struct Surveyor {
    /// The position that comes next; unknown before the first segment.
    expected: Option<Position>,
    survey: Survey,
}

impl Surveyor {
    fn segment(
        &mut self,
        number: u64,
        header: Header,
        bytes: &[u8],
        is_last: bool,
        visit: &mut impl FnMut(Position, &[u8]),
    ) {
        self.missing_before(number, header.first);
        let (mut records, mut erased, mut unfinished) = (0, 0, 0);
        let mut walk = Walk::new(header);
        while let Some(item) = walk.next(bytes) {
            let (offset, damaged, first, resumes) = match item {
                Item::Frame(frame) if frame.kind == Kind::Erased => {
                    erased += 1;
                    continue;
                }
                Item::Frame(frame) => {
                    records += 1;
                    visit(frame.position, &bytes[frame.payload]);
                    continue;
                }
                Item::Damage { offset, bytes, first, resumes } => (offset, bytes, first, resumes),
                Item::Tail { bytes, .. } if is_last => {
                    unfinished = bytes as u64;
                    continue;
                }
                // What was lost here shows when the next segment says where it begins.
                Item::Tail { offset, bytes } => {
                    unfinished = bytes as u64;
                    (offset, bytes, walk.expected(), walk.expected())
                }
            };
            let (offset, bytes) = (offset as u64, damaged as u64);
            self.survey.damage.push(Corruption { segment: number, offset, bytes, first, resumes });
        }
        let (first, end, bytes) = (header.first, walk.expected(), bytes.len() as u64);
        self.expected = Some(end);
        let readable = true;
        self.survey.segments.push(SurveyedSegment { number, first, end, bytes, records, erased, unfinished, readable });
    }

    /// A segment without a readable header: of the last one, a crash while it was made; of another, damage.
    fn headless(&mut self, number: u64, bytes: u64, is_last: bool) {
        let expected = self.expected.unwrap_or(Position::FIRST);
        if !is_last || bytes > frame::HEADER_BYTES as u64 {
            let corruption = Corruption { segment: number, offset: 0, bytes, first: expected, resumes: expected };
            self.survey.damage.push(corruption);
        }
        self.survey.segments.push(SurveyedSegment {
            number,
            first: expected,
            end: expected,
            bytes,
            records: 0,
            erased: 0,
            unfinished: bytes,
            readable: false,
        });
    }

    /// Says so when this segment does not begin where the one before it ended.
    fn missing_before(&mut self, number: u64, first: Position) {
        let Some(expected) = self.expected.filter(|expected| *expected != first) else { return };
        let known = self.survey.damage.last_mut();
        if let Some(known) = known.filter(|known| known.resumes == expected && known.resumes == known.first) {
            known.resumes = first;
            return;
        }
        self.survey.damage.push(Corruption { segment: number, offset: 0, bytes: 0, first: expected, resumes: first });
    }
}
