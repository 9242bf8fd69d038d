//! What a loss of power leaves of the database's journal, and telling it from damage.
//!
//! `fjall` writes its journal without syncing it, so a loss of power may leave any part of what came after the last
//! [`persist`](crate::Store::persist): the log has that. But `fjall` itself cuts what it cannot read without saying so, also
//! where it was durable, and refuses the whole database when a batch reads and its checksum does not match. So before it
//! opens one, the newest journal is looked through here, and cut behind its last good batch. Where that would take away what
//! was durable, nothing is changed: a person must look. How far it was durable stands in a file of ours.
//!
//! ```text
//! journal  batches, then zeros or nothing (fjall 3; numbers are little-endian)
//! batch    1 · items u32 · sequence u64 · items · 3 · XXH3 of the items u64 · "FJL\x03"
//! item     2 · type u8 · compression u8 · keyspace u64 · key bytes u16 · value bytes u32 · stored bytes u32 · key · value
//!          4 · keyspace u64
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

const MAGIC: [u8; 4] = *b"FJL\x03";
const MARK: &str = "persisted";
const BUFFER: usize = 1 << 20;

/// How far a journal is durable, at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Mark {
    /// The journal's number, as in its file's name.
    journal: u64,
    /// Bytes of it.
    bytes: u64,
}

/// What was found in the newest journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tidied {
    /// It ends in a whole batch.
    Whole,
    /// It was cut behind its last whole batch, where so many bytes stood that are none.
    Cut {
        /// From its beginning to where it is cut.
        kept: u64,
    },
    /// What is not whole was durable: left as it is.
    Damaged {
        /// The offset of the first batch that does not read.
        offset: u64,
    },
}

impl Mark {
    /// The newest journal, as far as it holds whole batches now; a part of it is passed over that `self` knows of already.
    pub(super) fn advanced(self, folder: &Path) -> io::Result<Self> {
        let Some((journal, path)) = newest(folder)? else { return Ok(self) };
        let from = if journal == self.journal { self.bytes } else { 0 };
        let (bytes, _) = walk(&path, from)?;
        Ok(Self { journal, bytes })
    }

    /// Reads what [`write`](Self::write) left; nothing is known to be durable where it does not read.
    pub(super) fn read(folder: &Path) -> Self {
        let numbers = fs::read_to_string(folder.join(MARK)).ok();
        let parsed = numbers.as_deref().and_then(|text| {
            let (journal, bytes) = text.trim_end().split_once(' ')?;
            Some(Self { journal: journal.parse().ok()?, bytes: bytes.parse().ok()? })
        });
        parsed.unwrap_or_default()
    }

    /// Notes it, in place of what was noted before. Not synced: an older note is true as well.
    pub(super) fn write(self, folder: &Path) -> io::Result<()> {
        let beside = folder.join("persisted.new");
        fs::write(&beside, format!("{} {}\n", self.journal, self.bytes))?;
        fs::rename(beside, folder.join(MARK))
    }
}

/// Makes the newest journal of a database that is not open one that ends in a whole batch.
pub(super) fn tidy(folder: &Path) -> io::Result<Tidied> {
    let Some((journal, path)) = newest(folder)? else { return Ok(Tidied::Whole) };
    let (kept, whole) = walk(&path, 0)?;
    let mark = Mark::read(folder);
    let durable = if mark.journal == journal { mark.bytes } else { 0 };
    if kept < durable || mark.journal > journal {
        return Ok(Tidied::Damaged { offset: kept });
    }
    if whole {
        return Ok(Tidied::Whole);
    }
    let file = OpenOptions::new().write(true).open(&path)?;
    file.set_len(kept)?;
    file.sync_all()?;
    Ok(Tidied::Cut { kept })
}

/// The journal with the highest number: the others were synced when it was begun.
fn newest(folder: &Path) -> io::Result<Option<(u64, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    let mut newest = None;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".jnl"));
        if let Some(number) = name.and_then(|number| number.parse::<u64>().ok()) {
            newest = newest.max(Some((number, path)));
        }
    }
    Ok(newest)
}

/// Where the last whole batch ends, and whether nothing but zeros stands behind it.
fn walk(path: &Path, from: u64) -> io::Result<(u64, bool)> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut reader = Counted { inner: BufReader::with_capacity(BUFFER, file), read: from };
    let mut whole = from;
    loop {
        match batch(&mut reader)? {
            Found::Batch => whole = reader.read,
            Found::End => return Ok((whole, true)),
            Found::Broken => return Ok((whole, false)),
        }
    }
}

enum Found {
    Batch,
    End,
    Broken,
}

fn batch(reader: &mut impl Read) -> io::Result<Found> {
    match read_batch(reader) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(Found::Broken),
        found => found,
    }
}

fn read_batch(reader: &mut impl Read) -> io::Result<Found> {
    let mut tag = [0];
    if reader.read(&mut tag)? == 0 {
        return Ok(Found::End);
    }
    match tag {
        [0] => return Ok(if only_zeros(reader)? { Found::End } else { Found::Broken }),
        [1] => {}
        _ => return Ok(Found::Broken),
    }
    let items = u32::from_le_bytes(array(reader)?);
    let _sequence: [u8; 8] = array(reader)?;
    let mut hash = Xxh3::new();
    for _ in 0..items {
        let tag: [u8; 1] = array(reader)?;
        hash.update(&tag);
        match tag {
            [2] => {
                let head: [u8; 20] = array(reader)?;
                hash.update(&head);
                let [.., k0, k1, _, _, _, _, v0, v1, v2, v3] = head;
                let content = u64::from(u16::from_le_bytes([k0, k1])) + u64::from(u32::from_le_bytes([v0, v1, v2, v3]));
                hash_next(reader, content, &mut hash)?;
            }
            [4] => hash.update(&array::<8>(reader)?),
            _ => return Ok(Found::Broken),
        }
    }
    let end: [u8; 1] = array(reader)?;
    let checksum = u64::from_le_bytes(array(reader)?);
    let magic: [u8; 4] = array(reader)?;
    let whole = end == [3] && magic == MAGIC && checksum == hash.digest();
    Ok(if whole { Found::Batch } else { Found::Broken })
}

fn array<const N: usize>(reader: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Hashes so many bytes. A length that damage has made large ends at the end of the file, and takes no memory.
fn hash_next(reader: &mut impl Read, mut left: u64, hash: &mut Xxh3) -> io::Result<()> {
    let mut piece = [0; 4096];
    while left > 0 {
        let most = piece.len().min(usize::try_from(left).unwrap_or(piece.len()));
        reader.read_exact(&mut piece[..most])?;
        hash.update(&piece[..most]);
        left -= most as u64;
    }
    Ok(())
}

fn only_zeros(reader: &mut impl Read) -> io::Result<bool> {
    static ZEROS: [u8; 65_536] = [0; 65_536];
    let mut piece = vec![0; ZEROS.len()];
    loop {
        match reader.read(&mut piece)? {
            0 => return Ok(true),
            read if piece[..read] == ZEROS[..read] => {}
            _ => return Ok(false),
        }
    }
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    read: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read += read as u64;
        Ok(read)
    }
}
