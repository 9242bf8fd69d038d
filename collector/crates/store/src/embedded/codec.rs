//! The bytes of keys and values. Numbers in keys are big-endian, so that they sort; in values too, for one rule.

use crate::{
    Bound, Document, LeadKey, Message, MessageId, OutboxId, Partition, SiteName, StoreError, StoredLead, UnixMillis,
    Version, VisitorId,
};

/// The newest format of values, and of the store as a whole, that is known.
pub(super) const FORMAT: u8 = 1;

/// Reads a value from its beginning, in steps; what it lacks or has too much is corruption, with the value's name.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Fields<'a> {
    /// The fields behind the format byte.
    pub(super) fn of_value(value: &'a [u8], what: &'static str) -> Result<Self, StoreError> {
        let mut fields = Self { rest: value, what };
        match fields.byte()? {
            FORMAT => Ok(fields),
            0 => Err(fields.corrupt()),
            found => Err(StoreError::Newer { what, found, known: FORMAT }),
        }
    }

    /// The fields of a key, which has no format byte of its own.
    pub(super) const fn of_key(key: &'a [u8], what: &'static str) -> Self {
        Self { rest: key, what }
    }

    fn corrupt(&self) -> StoreError {
        StoreError::Corrupt { what: format!("{} cannot be read", self.what), source: None }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let (array, rest) = self.rest.split_first_chunk().ok_or_else(|| self.corrupt())?;
        self.rest = rest;
        Ok(*array)
    }

    pub(super) fn byte(&mut self) -> Result<u8, StoreError> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn u64(&mut self) -> Result<u64, StoreError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(super) fn i64(&mut self) -> Result<i64, StoreError> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    /// Site, zero, visitor.
    pub(super) fn lead_key(&mut self) -> Result<LeadKey, StoreError> {
        let end = self.rest.iter().position(|byte| *byte == 0).ok_or_else(|| self.corrupt())?;
        let site = std::str::from_utf8(&self.rest[..end]).ok().and_then(|site| SiteName::parse(site).ok());
        let site = site.ok_or_else(|| self.corrupt())?;
        self.rest = &self.rest[end + 1..];
        Ok(LeadKey::new(site, VisitorId::from_bytes(self.array()?)))
    }

    pub(super) const fn rest(self) -> &'a [u8] {
        self.rest
    }
}

/// Order of the numbers kept in the order of the bytes.
pub(super) const fn sortable(number: i64) -> [u8; 8] {
    (number.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

pub(super) const fn from_sortable(bytes: [u8; 8]) -> i64 {
    (u64::from_be_bytes(bytes) ^ (1 << 63)).cast_signed()
}

/// Site, zero, visitor: no site name is the beginning of another's key, since names hold no zero.
pub(super) fn lead_name(key: &LeadKey) -> Vec<u8> {
    let mut bytes = site_prefix(&key.site);
    bytes.extend_from_slice(key.visitor.as_bytes());
    bytes
}

pub(super) fn site_prefix(site: &SiteName) -> Vec<u8> {
    // Room for what follows in the longest key, so that it is allocated once.
    let mut bytes = Vec::with_capacity(site.as_str().len() + 34);
    bytes.extend_from_slice(site.as_str().as_bytes());
    bytes.push(0);
    bytes
}

pub(super) fn lead_key(key: &LeadKey) -> Vec<u8> {
    let mut bytes = vec![key.partition().0];
    bytes.extend_from_slice(&lead_name(key));
    bytes
}

pub(super) fn heat_key(site: &SiteName, bound: Bound, visitor: &VisitorId) -> Vec<u8> {
    let mut bytes = site_prefix(site);
    bytes.extend(sortable(bound.micro_points()).map(|byte| !byte));
    bytes.extend_from_slice(visitor.as_bytes());
    bytes
}

pub(super) fn heat_place(key_behind_site: &[u8]) -> Result<(Bound, VisitorId), StoreError> {
    let mut fields = Fields::of_key(key_behind_site, "a key of the heat index");
    let bound = from_sortable(fields.array()?.map(|byte: u8| !byte));
    Ok((Bound::from_micro_points(bound), VisitorId::from_bytes(fields.array()?)))
}

pub(super) fn wake_key(at: UnixMillis, key: &LeadKey) -> Vec<u8> {
    let mut bytes = sortable(at).to_vec();
    bytes.extend_from_slice(&lead_key(key));
    bytes
}

pub(super) fn outbox_key(id: OutboxId) -> [u8; 9] {
    let mut bytes = [0; 9];
    bytes[..8].copy_from_slice(&id.sequence.to_be_bytes());
    bytes[8] = id.partition.0;
    bytes
}

pub(super) fn outbox_id(key: &[u8]) -> Result<OutboxId, StoreError> {
    let mut fields = Fields::of_key(key, "a key of the outbox");
    Ok(OutboxId { sequence: fields.u64()?, partition: Partition(fields.byte()?) })
}

pub(super) fn message_of_lead_key(key: &LeadKey, id: OutboxId) -> Vec<u8> {
    let mut bytes = lead_name(key);
    bytes.extend_from_slice(&id.sequence.to_be_bytes());
    bytes
}

pub(super) fn message(key: &LeadKey, message: &Message) -> Vec<u8> {
    let mut bytes = vec![FORMAT];
    bytes.extend_from_slice(&lead_name(key));
    bytes.extend_from_slice(&message.id.0);
    bytes.push(message.kind);
    bytes.extend_from_slice(&message.bytes);
    bytes
}

pub(super) fn read_message(value: &[u8]) -> Result<(LeadKey, Message), StoreError> {
    let mut fields = Fields::of_value(value, "a message of the outbox")?;
    let key = fields.lead_key()?;
    let (id, kind) = (MessageId(fields.array()?), fields.byte()?);
    Ok((key, Message { id, kind, bytes: fields.rest().to_vec() }))
}

/// A lead's version and index entries, which stand before its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct LeadHead {
    pub(super) version: Version,
    pub(super) heat: Option<Bound>,
    pub(super) wake: Option<UnixMillis>,
}

const HAS_HEAT: u8 = 1;
const HAS_WAKE: u8 = 2;

pub(super) fn lead(head: LeadHead, lead: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(26 + lead.len());
    bytes.push(FORMAT);
    bytes.extend_from_slice(&head.version.0.to_be_bytes());
    bytes.push(if head.heat.is_some() { HAS_HEAT } else { 0 } | if head.wake.is_some() { HAS_WAKE } else { 0 });
    if let Some(bound) = head.heat {
        bytes.extend_from_slice(&bound.micro_points().to_be_bytes());
    }
    if let Some(at) = head.wake {
        bytes.extend_from_slice(&at.to_be_bytes());
    }
    bytes.extend_from_slice(lead);
    bytes
}

pub(super) fn read_lead(value: &[u8]) -> Result<(LeadHead, &[u8]), StoreError> {
    let mut fields = Fields::of_value(value, "a lead")?;
    let version = Version(fields.u64()?);
    let has = fields.byte()?;
    let heat = (has & HAS_HEAT != 0).then(|| fields.i64().map(Bound::from_micro_points)).transpose()?;
    let wake = (has & HAS_WAKE != 0).then(|| fields.i64()).transpose()?;
    Ok((LeadHead { version, heat, wake }, fields.rest()))
}

pub(super) fn stored_lead(value: &[u8]) -> Result<StoredLead, StoreError> {
    let (head, bytes) = read_lead(value)?;
    Ok(StoredLead { version: head.version, bytes: bytes.to_vec() })
}

pub(super) fn document(version: Version, document: &[u8]) -> Vec<u8> {
    let mut bytes = vec![FORMAT];
    bytes.extend_from_slice(&version.0.to_be_bytes());
    bytes.extend_from_slice(document);
    bytes
}

pub(super) fn read_document(value: &[u8]) -> Result<Document, StoreError> {
    let mut fields = Fields::of_value(value, "a document")?;
    Ok(Document { version: Version(fields.u64()?), bytes: fields.rest().to_vec() })
}
