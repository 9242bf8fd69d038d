//! What the log holds: everything that changes a lead is one of these first.

use engine::{Lead, LedgerLimits, Millis, Touch, format_1};
use serde::{Deserialize, Serialize};
use store::{LeadKey, SiteName, StoredLead, VisitorId};
use thiserror::Error;

/// The format that is written, and the newest that is read.
pub const LOG_RECORD_FORMAT: u8 = 2;
/// The format of a kept lead; its ledger has a format of its own.
pub const KEPT_LEAD_FORMAT: u8 = 1;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogRecord {
    /// Touches of one visitor: of one request, or our own.
    Touches(TouchesRecord),
    /// A visitor is erased.
    Erasure(ErasureRecord),
}

/// Touches of one visitor that become visible together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TouchesRecord {
    /// Whose.
    pub whose: Whose,
    /// The touches.
    pub touches: Vec<Touch>,
    /// An address given with a sign-up.
    pub email: Option<UnconfirmedEmail>,
}

/// The erasure of a visitor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureRecord {
    /// Whose.
    pub whose: Whose,
    /// When it was asked for.
    pub at: Millis,
}

/// A visitor of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whose {
    site: String,
    visitor: [u8; 16],
}

/// An address somebody typed. It says nothing about who the visitor is until it is confirmed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnconfirmedEmail {
    /// The address.
    pub address: String,
    /// When it was given.
    pub at: Millis,
}

impl std::fmt::Debug for UnconfirmedEmail {
    // Addresses never reach a log.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("UnconfirmedEmail").field("at", &self.at).finish_non_exhaustive()
    }
}

/// Why bytes are no record or kept lead.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RecordError {
    /// No bytes.
    #[error("no bytes")]
    Empty,
    /// Written by a newer version.
    #[error("format {found} is newer than {newest}, the newest this version reads")]
    Newer {
        /// Found.
        found: u8,
        /// Known.
        newest: u8,
    },
    /// Not what a format says.
    #[error("does not read as its format says: {0}")]
    Broken(String),
}

impl From<&LeadKey> for Whose {
    fn from(key: &LeadKey) -> Self {
        Self { site: key.site.as_str().to_owned(), visitor: *key.visitor.as_bytes() }
    }
}

impl Whose {
    /// The key of the lead.
    ///
    /// # Errors
    /// When the site's name is none.
    pub fn key(&self) -> Result<LeadKey, RecordError> {
        let site = SiteName::parse(&self.site).map_err(|error| RecordError::Broken(error.to_string()))?;
        Ok(LeadKey::new(site, VisitorId::from_bytes(self.visitor)))
    }
}

impl LogRecord {
    /// Whose record it is.
    #[must_use]
    pub fn whose(&self) -> &Whose {
        match self {
            Self::Touches(record) => &record.whose,
            Self::Erasure(record) => &record.whose,
        }
    }

    /// Format byte and content.
    ///
    /// # Errors
    /// Never for these types; kept so that nothing panics.
    pub fn encode(&self) -> Result<Vec<u8>, RecordError> {
        postcard::to_extend(self, vec![LOG_RECORD_FORMAT]).map_err(|error| RecordError::Broken(error.to_string()))
    }

    /// Reads what [`LogRecord::encode`] wrote, in this format or an earlier one.
    ///
    /// # Errors
    /// See [`RecordError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let (format, content) = content(bytes, LOG_RECORD_FORMAT)?;
        let read = match format {
            1 => postcard::from_bytes::<LogRecord1>(content).map(Self::from),
            _ => postcard::from_bytes(content),
        };
        read.map_err(|error| RecordError::Broken(error.to_string()))
    }
}

/// A record of format 1: touches without a suspicion. Read, never written.
#[derive(Deserialize)]
enum LogRecord1 {
    Touches(TouchesRecord1),
    Erasure(ErasureRecord),
}

#[derive(Deserialize)]
struct TouchesRecord1 {
    whose: Whose,
    touches: Vec<format_1::Touch>,
    email: Option<UnconfirmedEmail>,
}

impl From<LogRecord1> for LogRecord {
    fn from(old: LogRecord1) -> Self {
        match old {
            LogRecord1::Touches(TouchesRecord1 { whose, touches, email }) => {
                let touches = touches.into_iter().map(Touch::from).collect();
                Self::Touches(TouchesRecord { whose, touches, email })
            }
            LogRecord1::Erasure(record) => Self::Erasure(record),
        }
    }
}

/// What the store keeps of a visitor: the ledger, and beside it what no page may ever see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptLead {
    /// The ledger.
    pub lead: Lead,
    /// The last address given, readable with the server key only.
    pub email: Option<UnconfirmedEmail>,
}

impl KeptLead {
    /// Format byte, what stands beside the ledger, and the ledger in its own format.
    ///
    /// # Errors
    /// Never for these types; kept so that nothing panics.
    pub fn encode(&self) -> Result<Vec<u8>, RecordError> {
        let beside = postcard::to_extend(&self.email, vec![KEPT_LEAD_FORMAT]);
        let mut bytes = beside.map_err(|error| RecordError::Broken(error.to_string()))?;
        bytes.extend_from_slice(&self.lead.encode());
        Ok(bytes)
    }

    /// Reads what [`KeptLead::encode`] wrote.
    ///
    /// # Errors
    /// See [`RecordError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let (_, content) = content(bytes, KEPT_LEAD_FORMAT)?;
        let (email, ledger) =
            postcard::take_from_bytes(content).map_err(|error| RecordError::Broken(error.to_string()))?;
        let lead = Lead::decode(ledger).map_err(|error| RecordError::Broken(error.to_string()))?;
        Ok(Self { lead, email })
    }
}

impl KeptLead {
    /// A visitor as this collector knows them: what the store has, and the tail on its way there. Whoever calls must have
    /// taken the tail first: what is applied in between is then seen twice, which recording joins, not missed.
    ///
    /// # Errors
    /// When the stored bytes do not read.
    pub fn with_tail(stored: Option<&StoredLead>, tail: Vec<Touch>) -> Result<Self, RecordError> {
        let mut kept = stored.map_or_else(|| Ok(Self::default()), |stored| Self::decode(&stored.bytes))?;
        let limits = LedgerLimits::default();
        for touch in tail {
            engine::record(&mut kept.lead, touch, &limits);
        }
        Ok(kept)
    }
}

/// The format byte, one that is known, and what follows it.
fn content(bytes: &[u8], newest: u8) -> Result<(u8, &[u8]), RecordError> {
    match bytes.split_first() {
        None => Err(RecordError::Empty),
        Some((&found, content)) if found <= newest && found > 0 => Ok((found, content)),
        Some((&found, _)) => Err(RecordError::Newer { found, newest }),
    }
}
