//! What can go wrong in a store, by what the caller can do about it.

use crate::Version;

/// The fault underneath, of whatever the store is built on.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A store could not do what it was asked.
///
/// A lost race for a *lead* is no error but an answer, [`Committed::Conflict`](crate::Committed::Conflict), since it is
/// one change among many.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store cannot be reached or written now: whether the call took effect is not known. Try again later.
    #[error("the store is unavailable while trying to {doing}")]
    Unavailable {
        /// What was tried, as in "while trying to *commit*".
        doing: &'static str,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// A document has another version than expected. Load it, decide again.
    #[error("document {name} has version {}, not {}", current.0, expected.0)]
    Conflict {
        /// The document.
        name: String,
        /// The version that was expected.
        expected: Version,
        /// The version it has.
        current: Version,
    },
    /// The store holds what it cannot have written. Nothing was changed; a person must look.
    #[error("the store is corrupt: {what}")]
    Corrupt {
        /// What was found, and where.
        what: String,
        /// Why, when something underneath found it.
        #[source]
        source: Option<BoxError>,
    },
    /// The data was written by a newer version of this program.
    #[error("{what} has format {found}, and this version reads up to format {known}: run the newer version again")]
    Newer {
        /// What is newer.
        what: &'static str,
        /// The format found.
        found: u8,
        /// The newest format that this version reads.
        known: u8,
    },
    /// Something is longer than a store takes.
    #[error("{what} is {found} bytes long, at most {allowed} are allowed")]
    TooLarge {
        /// What is too long.
        what: &'static str,
        /// Its bytes.
        found: usize,
        /// The most allowed.
        allowed: usize,
    },
    /// The folder is in use by another process.
    #[error("the store is in use by another process: {place}")]
    InUse {
        /// Which folder or address.
        place: String,
    },
}

impl StoreError {
    /// A short stable word: label of the metric, field of the log.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "store_unavailable",
            Self::Conflict { .. } => "store_conflict",
            Self::Corrupt { .. } => "store_corrupt",
            Self::Newer { .. } => "store_newer",
            Self::TooLarge { .. } => "store_too_large",
            Self::InUse { .. } => "store_in_use",
        }
    }

    /// Whether the same call may succeed later without anybody's doing.
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}
