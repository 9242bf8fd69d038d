//! Reading what is durable: for applying the log again.

use std::collections::VecDeque;
use std::sync::Arc;

use super::frame::{Header, Item, Kind, Walk};
use super::segments::{self, Segment};
use super::writer::Shared;
use super::{Corruption, LogError, Position, Record};

/// Records in the order of the log, up to what was durable when reading began.
///
/// Damage is an item of its own, [`LogError::Corrupt`], after which reading goes on; after any other error it is over.
/// Holds one segment in memory at a time.
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    from: Position,
    end: Position,
    segments: VecDeque<Segment>,
    current: Option<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    number: u64,
    bytes: Vec<u8>,
    walk: Walk,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, from: Position) -> Self {
        let known = shared.segments().clone();
        let segments = known.iter().filter(|segment| segment.end > from).copied().collect();
        Self { shared, from, end: known.active.end, segments, current: None }
    }

    /// The position behind what was durable when reading began.
    pub fn end(&self) -> Position {
        self.end
    }

    fn load(&self, segment: Segment) -> Result<Loaded, LogError> {
        let path = segments::path(&self.shared.folder, segment.number);
        let mut bytes = self.shared.files.read(&path).map_err(LogError::io("read", &path))?;
        // What is behind that is not durable yet, or belongs to whoever reads later. A rewritten segment may be longer
        // or shorter, but is whole.
        if segment.number == self.shared.segments().active.number {
            bytes.truncate(usize::try_from(segment.bytes).unwrap_or(usize::MAX));
        }
        let Ok(header) = Header::decode(&bytes) else {
            return Err(LogError::Corrupt(Corruption {
                segment: segment.number,
                offset: 0,
                bytes: bytes.len() as u64,
                first: segment.first,
                resumes: segment.end,
            }));
        };
        Ok(Loaded { number: segment.number, bytes, walk: Walk::new(header) })
    }
}

impl Iterator for Reader {
    type Item = Result<Record, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(current) = &mut self.current else {
                let segment = self.segments.pop_front()?;
                match self.load(segment) {
                    Ok(loaded) => self.current = Some(loaded),
                    Err(damage @ LogError::Corrupt(_)) => return Some(Err(damage)),
                    Err(error) => {
                        self.segments.clear();
                        return Some(Err(error));
                    }
                }
                continue;
            };
            let damage = match current.walk.next(&current.bytes) {
                None => {
                    self.current = None;
                    continue;
                }
                Some(Item::Frame(frame)) => {
                    if frame.kind == Kind::Record && frame.position >= self.from {
                        let payload = current.bytes[frame.payload].to_vec();
                        return Some(Ok(Record { position: frame.position, payload }));
                    }
                    continue;
                }
                Some(Item::Damage { offset, bytes, first, resumes }) => (offset, bytes, first, resumes),
                Some(Item::Tail { offset, bytes }) => {
                    let resumes = self.segments.front().map_or(current.walk.expected(), |next| next.first);
                    (offset, bytes, current.walk.expected(), resumes)
                }
            };
            return Some(Err(LogError::Corrupt(Corruption {
                segment: current.number,
                offset: damage.0 as u64,
                bytes: damage.1 as u64,
                first: damage.2,
                resumes: damage.3,
            })));
        }
    }
}
