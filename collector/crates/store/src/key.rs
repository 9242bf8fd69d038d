//! What names a lead, and where in the store it lies.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A text that is not the name it was read as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {found:?} is not valid: {allowed}")]
pub struct Unparsable {
    /// What was to be read: `site name`, `visitor id`, …
    pub what: &'static str,
    /// The beginning of what was found, at most 80 characters.
    pub found: String,
    /// What would have been allowed.
    pub allowed: &'static str,
}

impl Unparsable {
    pub(crate) fn new(what: &'static str, found: &str, allowed: &'static str) -> Self {
        Self { what, found: found.chars().take(80).collect(), allowed }
    }
}

/// The public key of a site: 1 to 64 of `a-z A-Z 0-9 _ -`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteName(Arc<str>);

impl SiteName {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// Reads a site name; anything but 1 to 64 of `a-z A-Z 0-9 _ -` is an error.
    pub fn parse(text: &str) -> Result<Self, Unparsable> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if text.is_empty() || text.len() > Self::MAX_BYTES || !text.bytes().all(allowed) {
            return Err(Unparsable::new("site name", text, "1 to 64 of a-z A-Z 0-9 _ -"));
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SiteName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for SiteName {
    type Err = Unparsable;

    fn from_str(text: &str) -> Result<Self, Unparsable> {
        Self::parse(text)
    }
}

/// One visitor of one site: 128 bits, written as 22 base64url characters (RFC 4648 §5, no padding).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VisitorId([u8; VisitorId::BYTES]);

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl VisitorId {
    /// Bytes of an id.
    pub const BYTES: usize = 16;
    /// Characters of an id in text.
    pub const CHARACTERS: usize = 22;

    /// An id of these bytes; every value is an id.
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The id's bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Reads 22 base64url characters. Exactly one text is accepted for each id: the four bits that 22 characters carry
    /// beyond 128 must be zero, so that an id cannot be written in two ways.
    pub fn parse(text: &str) -> Result<Self, Unparsable> {
        let unparsable = || Unparsable::new("visitor id", text, "22 base64url characters, the last one of A, Q, g, w");
        if text.len() != Self::CHARACTERS {
            return Err(unparsable());
        }
        let mut bits: u32 = 0;
        let mut count = 0;
        let mut bytes = Vec::with_capacity(Self::BYTES);
        for character in text.bytes() {
            let value = match character {
                b'A'..=b'Z' => character - b'A',
                b'a'..=b'z' => character - b'a' + 26,
                b'0'..=b'9' => character - b'0' + 52,
                b'-' => 62,
                b'_' => 63,
                _ => return Err(unparsable()),
            };
            bits = (bits << 6) | u32::from(value);
            count += 6;
            if count >= 8 {
                count -= 8;
                bytes.push((bits >> count) as u8);
                bits &= (1 << count) - 1;
            }
        }
        match <[u8; Self::BYTES]>::try_from(bytes) {
            Ok(bytes) if bits == 0 => Ok(Self(bytes)),
            _ => Err(unparsable()),
        }
    }

    /// The partition in which this visitor's lead lies.
    ///
    /// FNV-1a over the 16 bytes (64 bit, offset basis `0xcbf29ce484222325`, prime `0x100000001b3`), the eight bytes of
    /// the result xor-ed into one. Fixed for ever, since it says where data lies: golden vectors in `tests/keys.rs`.
    pub fn partition(&self) -> Partition {
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        for byte in self.0 {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Partition(hash.to_le_bytes().into_iter().fold(0, |folded, byte| folded ^ byte))
    }
}

impl fmt::Display for VisitorId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; Self::CHARACTERS];
        let number = u128::from_be_bytes(self.0);
        for (place, character) in text.iter_mut().enumerate() {
            // 22 characters hold 132 bits: the id is followed by four zero bits.
            let value = if place == Self::CHARACTERS - 1 { number << 4 } else { number >> (122 - 6 * place) };
            *character = ALPHABET[(value & 63) as usize];
        }
        formatter.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for VisitorId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "VisitorId({self})")
    }
}

impl FromStr for VisitorId {
    type Err = Unparsable;

    fn from_str(text: &str) -> Result<Self, Unparsable> {
        Self::parse(text)
    }
}

/// A lead's key: the site and its visitor.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeadKey {
    /// The site.
    pub site: SiteName,
    /// The visitor of that site.
    pub visitor: VisitorId,
}

impl LeadKey {
    /// The key of this visitor of this site.
    pub const fn new(site: SiteName, visitor: VisitorId) -> Self {
        Self { site, visitor }
    }

    /// The partition in which the lead lies; see [`VisitorId::partition`].
    pub fn partition(&self) -> Partition {
        self.visitor.partition()
    }
}

impl fmt::Display for LeadKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.site, self.visitor)
    }
}

/// One of the store's 256 partitions. Everything that one commit touches lies in one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(pub u8);

impl Partition {
    /// All 256, in order.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> {
        (0..=u8::MAX).map(Self)
    }
}

/// A set of partitions: those that this collector looks after.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Partitions([u64; 4]);

impl Partitions {
    /// All 256, as a lone collector has.
    pub const ALL: Self = Self([u64::MAX; 4]);
    /// None.
    pub const NONE: Self = Self([0; 4]);

    /// This set and one more.
    #[must_use]
    pub fn with(mut self, partition: Partition) -> Self {
        self.0[usize::from(partition.0 / 64)] |= 1 << (partition.0 % 64);
        self
    }

    /// Whether the set holds this one.
    pub const fn contains(&self, partition: Partition) -> bool {
        self.0[(partition.0 / 64) as usize] & (1 << (partition.0 % 64)) != 0
    }
}

impl fmt::Debug for Partitions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(Partition::all().filter(|one| self.contains(*one)).map(|one| one.0)).finish()
    }
}

/// The version of a lead or a document; 0 stands for *there is none*.
///
/// Opaque but for equality and order: versions of one key only grow, also across a removal (so that a writer which read
/// the lead before it was removed and made anew cannot pass for current), and they leave gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version(pub u64);

impl Version {
    /// There is none: the version to expect when making a lead or document.
    pub const ABSENT: Self = Self(0);
}

/// What is left of an erased lead: a keyed hash of its id that the caller makes, and the partition in which it lay.
///
/// The store compares it and no more; who does not have the key cannot tell whose it was. The partition is kept beside
/// the hash because a tombstone must lie where the lead would, to be checked in the same atomic step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tombstone {
    /// The partition of the lead.
    pub partition: Partition,
    /// Keyed hash of site and visitor, made by the caller.
    pub digest: [u8; 16],
}

impl Tombstone {
    /// Bytes of an encoded tombstone.
    pub const BYTES: usize = 17;

    /// The tombstone of this lead, with the digest that the caller computed of its key.
    pub fn of(key: &LeadKey, digest: [u8; 16]) -> Self {
        Self { partition: key.partition(), digest }
    }

    /// Partition byte, then digest: for keeping tombstones outside the store.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[0] = self.partition.0;
        bytes[1..].copy_from_slice(&self.digest);
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; every value is a tombstone.
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let mut digest = [0; 16];
        digest.copy_from_slice(&bytes[1..]);
        Self { partition: Partition(bytes[0]), digest }
    }
}

impl fmt::Debug for Tombstone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Tombstone({}, {:032x})", self.partition.0, u128::from_be_bytes(self.digest))
    }
}
