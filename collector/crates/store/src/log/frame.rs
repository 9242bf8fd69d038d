//! The bytes of a segment.
//!
//! ```text
//! segment  header, the same header again, frames
//! header   magic "GLOEDLOG" · format u8 · 3 × 0 · first position u64 · salt u64 · CRC32C of all that u32    (32 bytes)
//! frame    length of the payload u32 · CRC32C u32 · kind u8 · position u64 · payload                   (17 bytes + payload)
//! ```
//!
//! Numbers are little-endian. The CRC of a frame covers the segment's salt and all of the frame but itself. The salt is
//! random: who writes payloads cannot plant one that reads as a frame when damage makes us look for the next good one.
//! The header stands twice because without its salt nothing of the segment could be verified. The position stands in
//! every frame so that it is known after damage how many records are lost.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::Range;

use super::Position;

/// The newest format of segments that is known.
pub(super) const FORMAT: u8 = 1;
const MAGIC: &[u8; 8] = b"GLOEDLOG";
const HEADER_COPY: usize = 32;
/// No log comes so far: a header that says so is damaged, and counting on from there would overflow.
const MOST_POSITION: u64 = 1 << 62;
/// Bytes before the first frame: the header and its copy.
pub(super) const HEADER_BYTES: usize = 2 * HEADER_COPY;
/// Bytes of a frame beside its payload.
pub(super) const FRAME_BYTES: usize = 17;

/// What a frame holds. The number is its byte on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A record.
    Record = 1,
    /// What is left of a record that was erased: its position.
    Erased = 2,
}

/// What stands at the head of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) first: Position,
    pub(super) salt: u64,
}

/// Why a header cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderFault {
    Newer(u8),
    Damaged,
}

impl Header {
    /// The header of a new segment, with a salt of its own.
    pub(super) fn new(first: Position) -> Self {
        // Seeded by the operating system; a hash of nothing under it is as unpredictable as the salt has to be.
        Self { first, salt: RandomState::new().build_hasher().finish() }
    }

    pub(super) fn encode(self) -> Vec<u8> {
        let mut copy = Vec::with_capacity(HEADER_BYTES);
        copy.extend_from_slice(MAGIC);
        copy.extend_from_slice(&[FORMAT, 0, 0, 0]);
        copy.extend_from_slice(&self.first.0.to_le_bytes());
        copy.extend_from_slice(&self.salt.to_le_bytes());
        copy.extend_from_slice(&crc32c::crc32c(&copy).to_le_bytes());
        copy.extend_from_within(..);
        copy
    }

    pub(super) fn decode(segment: &[u8]) -> Result<Self, HeaderFault> {
        let mut fault = HeaderFault::Damaged;
        for copy in segment.chunks_exact(HEADER_COPY).take(2) {
            if copy[..8] != *MAGIC || u32_at(copy, 28) != Some(crc32c::crc32c(&copy[..28])) {
                continue;
            }
            if copy[8] > FORMAT {
                fault = HeaderFault::Newer(copy[8]);
            } else if let (Some(first), Some(salt)) = (u64_at(copy, 12), u64_at(copy, 20))
                && first < MOST_POSITION
            {
                return Ok(Self { first: Position(first), salt });
            }
        }
        Err(fault)
    }
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}

fn checksum(salt: u64, length: &[u8], rest: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(crc32c::crc32c(&salt.to_le_bytes()), length), rest)
}

/// Appends a frame to `segment`. The payload must be shorter than 4 GiB: the log's settings see to it.
pub(super) fn encode(segment: &mut Vec<u8>, salt: u64, kind: Kind, position: Position, payload: &[u8]) {
    let start = segment.len();
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    segment.extend_from_slice(&length);
    segment.extend_from_slice(&[0; 4]);
    segment.push(kind as u8);
    segment.extend_from_slice(&position.0.to_le_bytes());
    segment.extend_from_slice(payload);
    let crc = checksum(salt, &length, &segment[start + 8..]);
    segment[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

/// A frame that was read and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) position: Position,
    pub(super) payload: Range<usize>,
}

/// What stands at one place of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Frame(Frame),
    /// Damage with a good frame behind it. The positions from `first` to before `resumes` are lost.
    Damage {
        offset: usize,
        bytes: usize,
        first: Position,
        resumes: Position,
    },
    /// Bytes to the end of the segment that hold no good frame.
    Tail {
        offset: usize,
        bytes: usize,
    },
}

/// Walks through the frames of a segment. Holds no bytes itself, so that who walks may own them.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    header: Header,
    offset: usize,
    expected: Position,
}

impl Walk {
    pub(super) const fn new(header: Header) -> Self {
        Self { header, offset: HEADER_BYTES, expected: header.first }
    }

    /// The position after the last frame that was seen.
    pub(super) const fn expected(&self) -> Position {
        self.expected
    }

    /// What comes next; `None` at the end. Always the same `segment` is to be given.
    pub(super) fn next(&mut self, segment: &[u8]) -> Option<Item> {
        if self.offset >= segment.len() {
            return None;
        }
        if let Some(frame) = self.frame_at(segment, self.offset)
            && frame.position == self.expected
        {
            self.offset = frame.payload.end;
            self.expected = frame.position.next();
            return Some(Item::Frame(frame));
        }
        let (offset, first) = (self.offset, self.expected);
        let found = (offset..segment.len()).find_map(|at| Some((at, self.frame_at(segment, at)?.position)));
        if let Some((resumes_at, resumes)) = found {
            self.offset = resumes_at;
            self.expected = resumes;
            return Some(Item::Damage { offset, bytes: resumes_at - offset, first, resumes });
        }
        self.offset = segment.len();
        Some(Item::Tail { offset, bytes: segment.len() - offset })
    }

    /// The frame at `offset`, if it is whole, undamaged, and not from before what was seen already.
    fn frame_at(&self, segment: &[u8], offset: usize) -> Option<Frame> {
        let kind = match segment.get(offset + 8)? {
            1 => Kind::Record,
            2 => Kind::Erased,
            _ => return None,
        };
        let position = Position(u64_at(segment, offset + 9)?);
        // Cheap, and true of hardly any place but a frame: what makes looking for the next frame fast.
        let most = (segment.len() - self.offset) / FRAME_BYTES;
        if position < self.expected || position.0 - self.expected.0 > most as u64 {
            return None;
        }
        let length = u32_at(segment, offset)? as usize;
        let end = offset.checked_add(FRAME_BYTES)?.checked_add(length)?;
        let rest = segment.get(offset + 8..end)?;
        let good = u32_at(segment, offset + 4)? == checksum(self.header.salt, &segment[offset..offset + 4], rest);
        good.then_some(Frame { kind, position, payload: offset + FRAME_BYTES..end })
    }
}
