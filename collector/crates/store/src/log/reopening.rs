//! Opening a log anew that has failed, in the process that has it open.

use std::path::Path;

use super::frame::Header;
use super::segments::{self, Segment, Segments};
use super::writer::create_segment;
use super::{File, Files, LogError};

/// A segment to go on with, and those before it.
pub(super) struct Begun {
    pub(super) segments: Segments,
    pub(super) header: Header,
    pub(super) file: Box<dyn File>,
}

/// Cuts what a failure has left behind the last durable record, and begins a new segment: whatever the kernel did to the
/// pages that it could not write, nothing acknowledged will stand behind them. After an error nothing has changed that
/// counts, and it can be tried again.
pub(super) fn begin(folder: &Path, files: &dyn Files, known: &Segments) -> Result<Begun, LogError> {
    let Segments { mut sealed, active } = known.clone();
    let active_path = segments::path(folder, active.number);
    files.cut(&active_path, active.bytes).map_err(LogError::io("cut", &active_path))?;
    let next_number = remove_half_made(folder, files, active)?;
    let (next, header, file) =
        create_segment(folder, files, next_number, active.end).map_err(LogError::io("begin a segment in", folder))?;
    if active.first == active.end {
        files.remove(&active_path).map_err(LogError::io("remove", &active_path))?;
    } else {
        sealed.push_back(active);
    }
    Ok(Begun { segments: Segments { sealed, active: next }, header, file })
}

/// Removes segments behind the active one, which a failed rotation may have left: nothing was ever written into them. Gives
/// a number that no file has had.
fn remove_half_made(folder: &Path, files: &dyn Files, active: Segment) -> Result<u64, LogError> {
    let names = files.list(folder).map_err(LogError::io("list", folder))?;
    let mut last = active.number;
    for number in names.iter().filter_map(|name| segments::number(name)).filter(|number| *number > active.number) {
        let path = segments::path(folder, number);
        files.remove(&path).map_err(LogError::io("remove", &path))?;
        last = last.max(number);
    }
    files.sync_folder(folder).map_err(LogError::io("sync", folder))?;
    Ok(last.saturating_add(1))
}
