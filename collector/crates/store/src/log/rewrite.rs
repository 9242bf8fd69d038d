//! Taking bytes out of a log that is only ever appended to: for erasure.

use std::path::Path;

use super::frame::{self, Header, Item, Kind, Walk};
use super::segments::{self, Segment};
use super::writer::Shared;
use super::{Corruption, Files, LogError, Position, Settings};

/// What becomes of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keep {
    /// It stays.
    Keep,
    /// Its payload goes; its position stays taken.
    Drop,
    /// It gets another payload.
    Replace(Vec<u8>),
}

/// What a rewrite did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rewritten {
    /// Segments that were written anew; those without a change were left alone.
    pub segments: usize,
    /// Records that stayed.
    pub kept: u64,
    /// Records that went.
    pub dropped: u64,
    /// Records with another payload.
    pub replaced: u64,
    /// Damaged bytes that were left out, since nobody can tell what they hold.
    pub corrupt: Vec<Corruption>,
}

/// Rewrites every sealed segment that `decide` wants changed.
pub(super) fn rewrite(shared: &Shared, mut decide: impl FnMut(Position, &[u8]) -> Keep) -> Result<Rewritten, LogError> {
    let mut report = Rewritten::default();
    let sealed: Vec<Segment> = shared.segments().sealed.iter().copied().collect();
    for segment in sealed {
        let path = segments::path(&shared.folder, segment.number);
        let old = shared.files.read(&path).map_err(LogError::io("read", &path))?;
        let Some(new) = transform(segment, &old, shared.settings, &mut decide, &mut report)? else { continue };
        replace(&shared.folder, &*shared.files, segment.number, &new)?;
        report.segments += 1;

        let (before, after) = (segment.bytes, new.len() as u64);
        if let Some(known) = shared.segments().sealed.iter_mut().find(|known| known.number == segment.number) {
            known.bytes = after;
        }
        shared.resized(before, after);
    }
    Ok(report)
}

/// The segment's bytes after the rewrite; `None` when they are the same.
fn transform(
    segment: Segment,
    old: &[u8],
    settings: Settings,
    decide: &mut impl FnMut(Position, &[u8]) -> Keep,
    report: &mut Rewritten,
) -> Result<Option<Vec<u8>>, LogError> {
    let mut damaged = |offset: usize, bytes: usize, first, resumes| {
        let (offset, bytes) = (offset as u64, bytes as u64);
        report.corrupt.push(Corruption { segment: segment.number, offset, bytes, first, resumes });
    };
    let Ok(header) = Header::decode(old) else {
        damaged(0, old.len(), segment.first, segment.end);
        return Ok(Some(Header::new(segment.first).encode()));
    };
    let mut new = header.encode();
    let mut walk = Walk::new(header);
    while let Some(item) = walk.next(old) {
        let frame = match item {
            Item::Frame(frame) => frame,
            Item::Damage { offset, bytes, first, resumes } => {
                damaged(offset, bytes, first, resumes);
                // Their positions stay taken, as those of erased records.
                for lost in first.0..resumes.0 {
                    frame::encode(&mut new, header.salt, Kind::Erased, Position(lost), &[]);
                }
                continue;
            }
            Item::Tail { offset, bytes } => {
                damaged(offset, bytes, walk.expected(), segment.end);
                continue;
            }
        };
        let payload = &old[frame.payload];
        let decision = if frame.kind == Kind::Record { decide(frame.position, payload) } else { Keep::Keep };
        let (kind, payload) = match &decision {
            Keep::Keep => (frame.kind, payload),
            Keep::Drop => (Kind::Erased, &[][..]),
            Keep::Replace(replacement) if replacement.len() > settings.max_record => {
                return Err(LogError::TooLarge { found: replacement.len(), allowed: settings.max_record });
            }
            Keep::Replace(replacement) => (frame.kind, &replacement[..]),
        };
        frame::encode(&mut new, header.salt, kind, frame.position, payload);
        *match (frame.kind, &decision) {
            (Kind::Erased, _) => continue,
            (Kind::Record, Keep::Keep) => &mut report.kept,
            (Kind::Record, Keep::Drop) => &mut report.dropped,
            (Kind::Record, Keep::Replace(_)) => &mut report.replaced,
        } += 1;
    }
    Ok((new != old).then_some(new))
}

/// Puts new bytes in the place of a segment: after a crash there is the old one or the new one, whole.
fn replace(folder: &Path, files: &dyn Files, number: u64, bytes: &[u8]) -> Result<(), LogError> {
    let (path, beside) = (segments::path(folder, number), segments::rewritten_path(folder, number));
    let mut file = files.create(&beside).map_err(LogError::io("create", &beside))?;
    let written = file.append(bytes).and_then(|()| file.sync());
    if let Err(error) = written {
        // Best effort: what is left over is removed when the log is opened.
        drop(files.remove(&beside));
        return Err(LogError::io("write", &beside)(error));
    }
    files.rename(&beside, &path).map_err(LogError::io("rename", &beside))?;
    files.sync_folder(folder).map_err(LogError::io("sync", folder))
}
