//! Quarantine: records that could not be applied, each in a file of its own with the reason, until somebody has looked.
//!
//! ```text
//! data/quarantine/ID.record     format byte, then (see [`Kept`]) when, why, after how many tries, and the record as it was
//!                 ID.taken      one that is on its way back into the log
//! ```
//!
//! ID is a digest of the record: a record that comes here twice, as after a crash, is here once. What is in a file is
//! durable before the log goes on without it.

mod replaying;

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use engine::Millis;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

pub use replaying::{Replayed, replay};

/// The format that is written, and the newest that is read.
pub const QUARANTINE_FORMAT: u8 = 1;

const HERE: &str = "record";
const TAKEN: &str = "taken";

/// A folder of records that could not be applied.
#[derive(Debug, Clone)]
pub struct Quarantine {
    folder: PathBuf,
}

/// A record in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// When it was put here.
    pub at: Millis,
    /// Where it stood in the log; `None` of what several records said of one visitor.
    pub position: Option<u64>,
    /// How often applying it was tried.
    pub tries: u32,
    /// Why it could not be applied.
    pub reason: String,
    /// The record as it was in the log.
    pub payload: Vec<u8>,
}

/// The name of a record in quarantine: 16 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct QuarantineId(String);

/// Why a record in quarantine cannot be had.
#[derive(Debug, Error)]
pub enum QuarantineError {
    /// There is none of this name.
    #[error("{0:?} is not in quarantine")]
    Unknown(String),
    /// A file or the folder.
    #[error("the quarantine's {what}: {source}")]
    Io {
        /// Which file, or the folder.
        what: String,
        /// The system's word.
        source: io::Error,
    },
    /// A file is not one of ours.
    #[error("{name} does not read: {why}")]
    Broken {
        /// Which.
        name: String,
        /// Why.
        why: String,
    },
}

impl QuarantineId {
    fn of(payload: &[u8]) -> Self {
        let digest = Sha256::digest(payload);
        Self(digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }

    /// Reads a name; `None` when it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 16 && text.bytes().all(digit)).then(|| Self(text.to_owned()))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Kept {
    /// Format byte and content.
    ///
    /// # Errors
    /// Never for this type; kept so that nothing panics.
    pub fn encode(&self) -> Result<Vec<u8>, QuarantineError> {
        let broken =
            |error: postcard::Error| QuarantineError::Broken { name: "a record".into(), why: error.to_string() };
        postcard::to_extend(self, vec![QUARANTINE_FORMAT]).map_err(broken)
    }

    /// Reads what [`Kept::encode`] wrote; `name` is for the message.
    ///
    /// # Errors
    /// [`QuarantineError::Broken`].
    pub fn decode(name: &str, bytes: &[u8]) -> Result<Self, QuarantineError> {
        let broken = |why: String| QuarantineError::Broken { name: name.to_owned(), why };
        match bytes.split_first() {
            Some((&QUARANTINE_FORMAT, content)) => {
                postcard::from_bytes(content).map_err(|error| broken(error.to_string()))
            }
            Some((found, _)) => Err(broken(format!("format {found}; this version reads {QUARANTINE_FORMAT}"))),
            None => Err(broken("it is empty".to_owned())),
        }
    }
}

impl Quarantine {
    /// The quarantine of a data folder. Touches no file.
    #[must_use]
    pub fn of(data: &Path) -> Self {
        Self { folder: data.join("quarantine") }
    }

    /// For the collector at its start: puts back what a crash has left on its way to the log.
    ///
    /// # Errors
    /// When the folder cannot be read or changed.
    pub fn recover(&self) -> Result<(), QuarantineError> {
        for id in self.with_extension(TAKEN)? {
            self.rename(&id, TAKEN, HERE)?;
        }
        Ok(())
    }

    /// Keeps a record: durable when this returns. Blocks.
    ///
    /// # Errors
    /// When it is not kept; then nobody may go on without it.
    pub fn put(&self, kept: &Kept) -> Result<QuarantineId, QuarantineError> {
        let id = QuarantineId::of(&kept.payload);
        let bytes = kept.encode()?;
        let write = || {
            DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
            let (path, beside) = (self.path(&id, HERE), self.path(&id, "new"));
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&beside, path)?;
            fs::File::open(&self.folder)?.sync_all()
        };
        write().map_err(|source| QuarantineError::Io { what: "folder".to_owned(), source })?;
        Ok(id)
    }

    /// The names of all records, in order of name. Blocks.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self) -> Result<Vec<QuarantineId>, QuarantineError> {
        self.with_extension(HERE)
    }

    /// One record. Blocks.
    ///
    /// # Errors
    /// When there is none of this name, or it does not read.
    pub fn read(&self, id: &QuarantineId) -> Result<Kept, QuarantineError> {
        Kept::decode(id.as_str(), &fs::read(self.path(id, HERE)).map_err(|source| unread(id, source))?)
    }

    /// Lets go of a record for good. Blocks.
    ///
    /// # Errors
    /// When there is none of this name, or the system refuses.
    pub fn remove(&self, id: &QuarantineId) -> Result<(), QuarantineError> {
        fs::remove_file(self.path(id, HERE)).map_err(|source| unread(id, source))
    }

    /// Lets go of every record of which `gone` holds, those on their way back into the log too, and of files that nobody can
    /// read. Says of how many. Blocks.
    ///
    /// # Errors
    /// When the folder cannot be read or changed.
    pub fn remove_all(&self, mut gone: impl FnMut(&[u8]) -> bool) -> Result<usize, QuarantineError> {
        let mut removed = 0;
        for extension in [HERE, TAKEN] {
            for id in self.with_extension(extension)? {
                let path = self.path(&id, extension);
                // One that was let go of meanwhile is gone too.
                let Ok(bytes) = fs::read(&path) else { continue };
                if Kept::decode(id.as_str(), &bytes).is_ok_and(|kept| !gone(&kept.payload)) {
                    continue;
                }
                fs::remove_file(&path).map_err(|source| unread(&id, source))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Takes a record out, to go back into the log: gone from the list, and back in it at the next start unless
    /// [`let_go`](Self::let_go) is called before.
    fn take(&self, id: &QuarantineId) -> Result<Kept, QuarantineError> {
        let kept = self.read(id)?;
        self.rename(id, HERE, TAKEN)?;
        Ok(kept)
    }

    /// The record is in the log again.
    fn let_go(&self, id: &QuarantineId) -> Result<(), QuarantineError> {
        fs::remove_file(self.path(id, TAKEN)).map_err(|source| unread(id, source))
    }

    /// The log did not take the record.
    fn put_back(&self, id: &QuarantineId) -> Result<(), QuarantineError> {
        self.rename(id, TAKEN, HERE)
    }

    fn rename(&self, id: &QuarantineId, from: &str, to: &str) -> Result<(), QuarantineError> {
        fs::rename(self.path(id, from), self.path(id, to)).map_err(|source| unread(id, source))
    }

    fn path(&self, id: &QuarantineId, extension: &str) -> PathBuf {
        self.folder.join(format!("{}.{extension}", id.as_str()))
    }

    fn with_extension(&self, extension: &str) -> Result<Vec<QuarantineId>, QuarantineError> {
        let failed = |source| QuarantineError::Io { what: "folder".to_owned(), source };
        let entries = match fs::read_dir(&self.folder) {
            // Made with the first record.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(extension)?.strip_suffix('.'));
            ids.extend(id.and_then(QuarantineId::parse));
        }
        ids.sort_unstable();
        Ok(ids)
    }
}

fn unread(id: &QuarantineId, source: io::Error) -> QuarantineError {
    match source.kind() {
        io::ErrorKind::NotFound => QuarantineError::Unknown(id.0.clone()),
        _ => QuarantineError::Io { what: format!("record {}", id.0), source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(payload: &[u8]) -> Kept {
        Kept { at: Millis(7), position: Some(3), tries: 5, reason: "it panicked".to_owned(), payload: payload.to_vec() }
    }

    #[test]
    fn what_is_put_in_is_there_once_until_it_is_let_go_of() {
        let data = tempfile::tempdir().unwrap();
        let quarantine = Quarantine::of(data.path());
        assert_eq!(quarantine.list().unwrap(), []);
        // given two records, one of which comes twice
        let (one, other) = (quarantine.put(&kept(b"one")).unwrap(), quarantine.put(&kept(b"other")).unwrap());
        assert_eq!(quarantine.put(&kept(b"one")).unwrap(), one);
        assert_eq!(quarantine.list().unwrap().len(), 2);
        assert_eq!(quarantine.read(&one).unwrap(), kept(b"one"));
        // when one is removed, then it alone is gone
        quarantine.remove(&one).unwrap();
        assert_eq!(quarantine.list().unwrap(), [other]);
        assert!(matches!(quarantine.read(&one), Err(QuarantineError::Unknown(_))));
    }

    #[test]
    fn one_on_its_way_to_the_log_comes_back_after_a_crash() {
        let data = tempfile::tempdir().unwrap();
        let quarantine = Quarantine::of(data.path());
        let id = quarantine.put(&kept(b"one")).unwrap();
        // given one that was taken, and no word from the log
        assert_eq!(quarantine.take(&id).unwrap(), kept(b"one"));
        assert_eq!(quarantine.list().unwrap(), []);
        // when the collector starts again, then it is there
        quarantine.recover().unwrap();
        assert_eq!(quarantine.list().unwrap(), [id]);
    }

    #[test]
    fn what_concerns_somebody_is_removed_wherever_it_stands() {
        let data = tempfile::tempdir().unwrap();
        let quarantine = Quarantine::of(data.path());
        let [here, taken, other] =
            [b"jan 1", b"jan 2", b"piet1"].map(|payload| quarantine.put(&kept(payload)).unwrap());
        quarantine.take(&taken).unwrap();
        assert_eq!(quarantine.remove_all(|payload| payload.starts_with(b"jan")).unwrap(), 2);
        quarantine.recover().unwrap();
        assert_eq!(quarantine.list().unwrap(), [other]);
        assert!(quarantine.read(&here).is_err());
    }

    #[test]
    fn no_other_name_reaches_a_file() {
        for refused in ["", "../secrets", "0123456789ABCDEF", "0123456789abcde", "0123456789abcdef0"] {
            assert_eq!(QuarantineId::parse(refused), None, "{refused}");
        }
        assert!(QuarantineId::parse("0123456789abcdef").is_some());
    }
}
