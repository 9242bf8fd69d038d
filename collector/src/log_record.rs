//! What the log holds: everything that changes a lead is one of these first.

mod earlier;

use std::sync::Arc;

use engine::{Lead, LedgerLimits, Millis, Touch};
use serde::{Deserialize, Serialize};
use store::{LeadKey, SiteName, StoredLead, VisitorId};
use thiserror::Error;

use crate::refused::Refused;

/// The format that is written, and the newest that is read.
pub const LOG_RECORD_FORMAT: u8 = 3;
/// The format of a kept lead; its ledger has a format of its own.
pub const KEPT_LEAD_FORMAT: u8 = 2;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogRecord {
    /// Touches of one visitor: of one request, or our own.
    Touches(TouchesRecord),
    /// A visitor is erased.
    Erasure(ErasureRecord),
    /// Two visitors of a site are one person.
    Merge(MergeRecord),
}

/// Touches as they are written in a [`LogRecord`], which is read as the whole of one.
#[derive(Serialize)]
enum Borrowed<'a> {
    Touches(&'a TouchesRecord),
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
    /// Events of the same request that became no touch.
    pub refused: Vec<Refused>,
}

/// The erasure of a visitor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureRecord {
    /// Whose.
    pub whose: Whose,
    /// When it was asked for.
    pub at: Millis,
}

/// Two visitors are one person. Of one site, since it is named once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeRecord {
    /// Whose lead goes on.
    pub into: Whose,
    /// The visitor whose lead is joined into it.
    from: [u8; 16],
    /// Who says so.
    pub ground: MergeGround,
    /// When it was asked for.
    pub at: Millis,
}

/// What a merge rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MergeGround {
    /// A visitor turned out to be a person whom the shop knows: `into` is the person's lead. Who is another person already
    /// is not merged.
    Person,
    /// The shop's server says of two visitors that they are one, whoever they are.
    Visitors,
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
#[derive(Debug, Clone, Error, PartialEq, Eq)]
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
    /// The site's name, as it was written.
    #[must_use]
    pub fn site(&self) -> &str {
        &self.site
    }

    /// The key of the lead.
    ///
    /// # Errors
    /// When the site's name is none.
    pub fn key(&self) -> Result<LeadKey, RecordError> {
        let site = SiteName::parse(&self.site).map_err(|error| RecordError::Broken(error.to_string()))?;
        Ok(LeadKey::new(site, VisitorId::from_bytes(self.visitor)))
    }
}

impl MergeRecord {
    /// The merge of two leads of one site.
    #[must_use]
    pub fn new(from: VisitorId, into: &LeadKey, ground: MergeGround, at: Millis) -> Self {
        Self { into: into.into(), from: *from.as_bytes(), ground, at }
    }

    /// The keys of both leads: from, into.
    ///
    /// # Errors
    /// When the site's name is none.
    pub fn keys(&self) -> Result<(LeadKey, LeadKey), RecordError> {
        let into = self.into.key()?;
        Ok((LeadKey::new(into.site.clone(), VisitorId::from_bytes(self.from)), into))
    }
}

impl LogRecord {
    /// Format byte and content.
    ///
    /// # Errors
    /// Never for these types; kept so that nothing panics.
    pub fn encode(&self) -> Result<Vec<u8>, RecordError> {
        postcard::to_extend(self, vec![LOG_RECORD_FORMAT]).map_err(|error| RecordError::Broken(error.to_string()))
    }

    /// As [`encode`](Self::encode) writes them, without taking them.
    ///
    /// # Errors
    /// As of [`encode`](Self::encode).
    pub(crate) fn encode_touches(record: &TouchesRecord) -> Result<Vec<u8>, RecordError> {
        let written = postcard::to_extend(&Borrowed::Touches(record), vec![LOG_RECORD_FORMAT]);
        written.map_err(|error| RecordError::Broken(error.to_string()))
    }

    /// Reads what [`LogRecord::encode`] wrote, in this format or an earlier one.
    ///
    /// # Errors
    /// See [`RecordError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let (format, content) = content(bytes, LOG_RECORD_FORMAT)?;
        let read = match format {
            1 => earlier::record_1(content),
            2 => earlier::record_2(content),
            _ => postcard::from_bytes(content),
        };
        read.map_err(|error| RecordError::Broken(error.to_string()))
    }
}

/// What the store keeps of a visitor: the ledger, and beside it what no page may ever see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptLead {
    /// The ledger.
    pub lead: Lead,
    /// The last address given, readable with the server key only.
    pub email: Option<UnconfirmedEmail>,
    /// Where this lead went, once it was merged into another. Nothing is recorded here any more.
    pub fence: Option<Fence>,
    /// Every other id of this person, ascending: whose leads were joined into this one.
    pub sources: Vec<VisitorId>,
    /// Whether this is the lead of a person whom the shop knows, by a merge.
    pub person: bool,
    /// When another lead was last joined into this one.
    pub joined: Option<Millis>,
    /// The last events that became no touch.
    pub refused: Vec<Refused>,
}

/// What marks a lead as merged into another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence {
    /// The lead that goes on, of the same site; it may have been merged further since.
    pub into: VisitorId,
    /// Whether everything is done: what was here is durable there, and has gone from here.
    pub done: bool,
}

/// What stands before the ledger, as it is written.
type Beside = (Option<UnconfirmedEmail>, Option<([u8; 16], bool)>, Vec<[u8; 16]>, bool, Option<Millis>, Vec<Refused>);

impl KeptLead {
    /// Format byte, what stands beside the ledger, and the ledger in its own format.
    ///
    /// # Errors
    /// Never for these types; kept so that nothing panics.
    pub fn encode(&self) -> Result<Vec<u8>, RecordError> {
        let fence = self.fence.map(|fence| (*fence.into.as_bytes(), fence.done));
        let sources: Vec<[u8; 16]> = self.sources.iter().map(|source| *source.as_bytes()).collect();
        let beside = (&self.email, fence, sources, self.person, self.joined, &self.refused);
        let written = postcard::to_extend(&beside, vec![KEPT_LEAD_FORMAT]);
        let mut bytes = written.map_err(|error| RecordError::Broken(error.to_string()))?;
        bytes.extend_from_slice(&self.lead.encode());
        Ok(bytes)
    }

    /// Reads what [`KeptLead::encode`] wrote, in this format or an earlier one.
    ///
    /// # Errors
    /// See [`RecordError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let broken = |error: postcard::Error| RecordError::Broken(error.to_string());
        let (format, content) = content(bytes, KEPT_LEAD_FORMAT)?;
        let (kept, ledger) = match format {
            1 => earlier::beside_1(content).map_err(broken)?,
            _ => {
                let (beside, ledger) = postcard::take_from_bytes::<Beside>(content).map_err(broken)?;
                (Self::beside(beside), ledger)
            }
        };
        let lead = Lead::decode(ledger).map_err(|error| RecordError::Broken(error.to_string()))?;
        Ok(Self { lead, ..kept })
    }

    /// All but the ledger.
    fn beside((email, fence, sources, person, joined, refused): Beside) -> Self {
        let fence = fence.map(|(into, done)| Fence { into: VisitorId::from_bytes(into), done });
        let sources = sources.into_iter().map(VisitorId::from_bytes).collect();
        Self { lead: Lead::default(), email, fence, sources, person, joined, refused }
    }
}

impl KeptLead {
    /// What others read too, with what is on its way there: the same one where that is nothing.
    #[must_use]
    pub fn shared_with(kept: Arc<Self>, tail: Vec<Touch>, limits: &LedgerLimits) -> Arc<Self> {
        if tail.is_empty() { kept } else { Arc::new(Arc::unwrap_or_clone(kept).with(tail, limits)) }
    }

    /// The same with what is on its way there.
    #[must_use]
    pub fn with(mut self, tail: Vec<Touch>, limits: &LedgerLimits) -> Self {
        for touch in tail {
            engine::record(&mut self.lead, touch, limits);
        }
        self
    }

    /// A visitor as this collector knows them: what the store has, and the tail on its way there. Whoever calls must have
    /// taken the tail first: what is applied in between is then seen twice, which recording joins, not missed.
    ///
    /// # Errors
    /// When the stored bytes do not read.
    pub fn with_tail(
        stored: Option<&StoredLead>,
        tail: Vec<Touch>,
        limits: &LedgerLimits,
    ) -> Result<Self, RecordError> {
        let kept = stored.map_or_else(|| Ok(Self::default()), |stored| Self::decode(&stored.bytes))?;
        Ok(kept.with(tail, limits))
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

#[cfg(test)]
mod tests {
    use engine::{EventName, StreamId, TouchId};

    use super::*;

    #[test]
    fn touches_that_are_only_lent_are_written_as_the_record_that_owns_them() {
        // given a record of one touch
        let key = LeadKey::new(SiteName::parse("shop").unwrap(), VisitorId::from_bytes([7; 16]));
        let (id, name) = (TouchId::parse("stream-1.7").unwrap(), EventName::parse("page_view").unwrap());
        let touch = Touch::new(id, name, StreamId::parse("stream-1").unwrap(), Millis(9));
        let email = Some(UnconfirmedEmail { address: "jan@voorbeeld.nl".to_owned(), at: Millis(9) });
        let record = TouchesRecord { whose: (&key).into(), touches: vec![touch], email, refused: Vec::new() };
        // when it is written without being taken
        let lent = LogRecord::encode_touches(&record).unwrap();
        // then it is the whole record
        let owned = LogRecord::Touches(record);
        assert_eq!(lent, owned.encode().unwrap());
        assert_eq!(LogRecord::decode(&lent), Ok(owned));
    }
}
