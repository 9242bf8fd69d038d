//! Which collector this is: a random id, made at the first start and kept in its data folder beside its log.

use std::fmt;
use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// The id of a collector: 128 random bits. Its log, its checkpoint and its leases go by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CollectorId([u8; CollectorId::BYTES]);

impl CollectorId {
    const BYTES: usize = 16;
    /// The file in the data folder.
    const FILE: &'static str = "collector-id";

    /// An id of these bytes; every value is one.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The id's bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Whether this is the data folder of a collector that has run.
    #[must_use]
    pub fn is_made(data: &Path) -> bool {
        data.join(Self::FILE).exists()
    }

    /// The id of the collector whose data folder this is; made when there is none. Blocks.
    ///
    /// # Errors
    /// When the file cannot be read or written, or holds anything else.
    pub fn load_or_make(data: &Path) -> std::io::Result<Self> {
        let path = data.join(Self::FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::read(text.trim()).ok_or_else(|| {
                let allowed = "allowed is the id of a collector, 22 base64url characters";
                std::io::Error::other(format!("{} holds {} bytes; {allowed}", path.display(), text.len()))
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let mut bytes = [0; Self::BYTES];
                getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
                let made = Self(bytes);
                // Beside and renamed: a crash leaves a whole id or none.
                let beside = path.with_extension("new");
                let mut file = std::fs::File::create(&beside)?;
                writeln!(file, "{made}")?;
                file.sync_all()?;
                std::fs::rename(&beside, &path)?;
                Ok(made)
            }
            Err(error) => Err(error),
        }
    }

    fn read(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Display for CollectorId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for CollectorId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CollectorId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_made_once_and_another_folder_has_another() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let made = CollectorId::load_or_make(one.path()).unwrap();
        assert_eq!(CollectorId::load_or_make(one.path()).unwrap(), made);
        assert_ne!(CollectorId::load_or_make(other.path()).unwrap(), made);
    }

    #[test]
    fn what_is_no_id_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(CollectorId::FILE);
        std::fs::write(&path, "mine").unwrap();
        let error = CollectorId::load_or_make(folder.path()).unwrap_err();
        assert!(error.to_string().contains("22 base64url characters"), "{error}");
        assert_eq!(std::fs::read_to_string(path).unwrap(), "mine");
    }
}
