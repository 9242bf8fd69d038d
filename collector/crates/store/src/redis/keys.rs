//! Names of keys, and of what stands in them.
//!
//! Every key of one commit has the tag of its partition, `{00}` to `{ff}`, so that on a cluster they lie in one slot. A
//! visitor is 16 raw bytes and comes before the site, whose length varies; no site name holds a byte below `-`.

use std::sync::LazyLock;

use crate::{DocumentName, LeadKey, Partition, ResourceName, SiteName, StoreError, VisitorId};

/// How many slots a cluster has; fixed by its protocol.
pub(super) const SLOTS: u16 = 16_384;
/// What every key begins with: an ACL grants `~g:*`.
const PREFIX: &str = "g:";

/// The slot of each partition's tag.
static PARTITIONS: LazyLock<[u16; 256]> =
    LazyLock::new(|| std::array::from_fn(|partition| slot_of_tag(format!("{partition:02x}").as_bytes())));

/// The slot in which a partition lies.
pub(super) fn slot(partition: Partition) -> u16 {
    PARTITIONS[usize::from(partition.0)]
}

/// The slot of what stands between the braces of a key: CRC-16 (XMODEM) of it, modulo the number of slots.
fn slot_of_tag(tag: &[u8]) -> u16 {
    crc16::State::<crc16::XMODEM>::calculate(tag) % SLOTS
}

fn of_partition(partition: Partition, kind: char) -> Vec<u8> {
    format!("{PREFIX}{{{:02x}}}{kind}", partition.0).into_bytes()
}

/// A lead: a string of version and the caller's bytes, packed.
pub(super) fn lead(key: &LeadKey) -> Vec<u8> {
    let mut name = of_partition(key.partition(), 'l');
    name.extend_from_slice(key.visitor.as_bytes());
    name.extend_from_slice(key.site.as_str().as_bytes());
    name
}

/// A site's leads of a partition by falling bound: a sorted set of visitors.
pub(super) fn heat(partition: Partition, site: &SiteName) -> Vec<u8> {
    let mut name = of_partition(partition, 'h');
    name.extend_from_slice(site.as_str().as_bytes());
    name
}

/// All leads of a partition by wake time: a sorted set of lead names.
pub(super) fn wake(partition: Partition) -> Vec<u8> {
    of_partition(partition, 'w')
}

/// The highest version that a removed lead of the partition had: a string of 8 bytes.
pub(super) fn floor(partition: Partition) -> Vec<u8> {
    of_partition(partition, 'f')
}

/// The outbox of a partition: a stream.
pub(super) fn outbox(partition: Partition) -> Vec<u8> {
    of_partition(partition, 'o')
}

/// Which messages in the outbox are whose: a sorted set of lead names with places, all of score 0.
pub(super) fn messages_of_leads(partition: Partition) -> Vec<u8> {
    of_partition(partition, 'm')
}

/// The tombstones of a partition: a sorted set of digests, all of score 0.
pub(super) fn tombstones(partition: Partition) -> Vec<u8> {
    of_partition(partition, 't')
}

/// A key on which it is tried whether a command is allowed, one of each kind of value.
pub(super) fn of_check(partition: Partition, kind: &str) -> Vec<u8> {
    let mut name = of_partition(partition, 'c');
    name.extend_from_slice(kind.as_bytes());
    name
}

/// A document: a string of version and the caller's bytes. With its slot.
pub(super) fn document(name: &DocumentName) -> (u16, Vec<u8>) {
    (slot_of_tag(name.as_str().as_bytes()), format!("{PREFIX}d{{{name}}}").into_bytes())
}

/// A resource (a hash) and its holders by expiry (a sorted set). With their slot.
pub(super) fn resource(name: &ResourceName) -> (u16, [Vec<u8>; 2]) {
    let keys = ['r', 'x'].map(|kind| format!("{PREFIX}{kind}{{{name}}}").into_bytes());
    (slot_of_tag(name.as_str().as_bytes()), keys)
}

/// A lead's name in indexes: visitor, then site.
pub(super) fn name(key: &LeadKey) -> Vec<u8> {
    [key.visitor.as_bytes(), key.site.as_str().as_bytes()].concat()
}

/// Reads what [`name`] wrote.
pub(super) fn read_name(name: &[u8]) -> Result<LeadKey, StoreError> {
    let corrupt = || StoreError::Corrupt { what: "a lead's name in an index cannot be read".to_owned(), source: None };
    let (visitor, site) = name.split_first_chunk().ok_or_else(corrupt)?;
    let site = std::str::from_utf8(site).ok().and_then(|site| SiteName::parse(site).ok()).ok_or_else(corrupt)?;
    Ok(LeadKey::new(site, VisitorId::from_bytes(*visitor)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_cluster_specification() {
        // The check value of the specification, and slots that a server named (CLUSTER KEYSLOT).
        assert_eq!(crc16::State::<crc16::XMODEM>::calculate(b"123456789"), 0x31c3);
        assert_eq!(slot_of_tag(b"x"), 16_287);
        assert_eq!(slot(Partition(0)), slot_of_tag(b"00"));
        assert_eq!(slot(Partition(255)), slot_of_tag(b"ff"));
    }

    #[test]
    fn names_are_read_as_they_were_written() {
        let key = LeadKey::new(SiteName::parse("shop").unwrap(), VisitorId::from_bytes([b'{'; 16]));
        assert_eq!(read_name(&name(&key)).unwrap(), key);
        assert_eq!(lead(&key)[..7], *format!("g:{{{:02x}}}l", key.partition().0).as_bytes());
        assert!(read_name(&[0; 16]).is_err());
        assert!(read_name(&[0; 15]).is_err());
    }
}
