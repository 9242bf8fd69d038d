//! A lead's value: its version, which the script compares, and the caller's bytes, packed.
//!
//! Touches of one visit repeat each other, so packing (LZ4, a microsecond) leaves about a third of a lead.

use super::leads::corrupt;
use crate::{StoreError, StoredLead, Version};

/// Bytes of the version, which come first.
const HEAD: usize = 8;
/// The caller's bytes as they are.
const PLAIN: u8 = 0;
/// How many the caller's bytes are, seven bits a byte, the lowest first; then these as a block of LZ4 with [`WORDS`].
const LZ4: u8 = 1;
/// Fewer bytes are not worth packing.
const WORTH_PACKING: usize = 64;
/// No lead is longer: what says that it is does not read.
const LONGEST: usize = 64 << 20;
/// What leads are likely to hold, by rising likelihood: it can be referred to before it has come. Part of the format: with
/// other words, what was packed with these does not read.
const WORDS: &[u8] = b"refundfile_downloadgenerate_leadsign_uploginsearchemail_openemail_clickgooglenewsletteremailcpc\
    www.google.comwww.bing.comwww.facebook.comhttps://www.remove_from_cartview_cartbegin_checkoutpurchaseadd_to_cart\
    view_itempage_viewEUR";

/// The value of a lead.
pub(super) fn pack(version: Version, lead: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(HEAD + 6 + lead.len());
    value.extend_from_slice(&version.0.to_be_bytes());
    let packed = (lead.len() >= WORTH_PACKING).then(|| lz4_flex::block::compress_with_dict(lead, WORDS));
    match packed.filter(|packed| packed.len() + 4 < lead.len()) {
        Some(packed) => {
            value.push(LZ4);
            let mut length = lead.len();
            while length > 0x7f {
                value.push(0x80 | (length & 0x7f) as u8);
                length >>= 7;
            }
            value.push(length as u8);
            value.extend_from_slice(&packed);
        }
        None => {
            value.push(PLAIN);
            value.extend_from_slice(lead);
        }
    }
    value
}

/// Reads what [`pack`] wrote.
pub(super) fn unpack(value: &[u8]) -> Result<StoredLead, StoreError> {
    let odd = || corrupt("a lead");
    let (version, packed) = value.split_first_chunk().ok_or_else(odd)?;
    let (kind, packed) = packed.split_first().ok_or_else(odd)?;
    let bytes = match *kind {
        PLAIN => packed.to_vec(),
        LZ4 => {
            let (length, packed) = length(packed).filter(|(length, _)| *length <= LONGEST).ok_or_else(odd)?;
            let bytes = lz4_flex::block::decompress_with_dict(packed, length, WORDS).map_err(|_| odd())?;
            Some(bytes).filter(|bytes| bytes.len() == length).ok_or_else(odd)?
        }
        found => return Err(StoreError::Newer { what: "a lead on Redis", found, known: LZ4 }),
    };
    Ok(StoredLead { version: Version(u64::from_be_bytes(*version)), bytes })
}

/// A length and what comes behind it.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let end = bytes.iter().take(5).position(|byte| byte & 0x80 == 0)?;
    let (length, rest) = bytes.split_at_checked(end + 1)?;
    Some((length.iter().rev().fold(0, |length, byte| length << 7 | usize::from(byte & 0x7f)), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leads_are_unpacked_as_they_were_packed() {
        let repeated = b"page_view shop.example /jassen/regenjas ".repeat(20);
        let mixed: Vec<u8> = (0..1000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for (lead, most) in [(&b""[..], 9), (b"lead", 13), (&repeated, 80), (&mixed, 1009)] {
            let value = pack(Version(7), lead);
            assert!(value.len() <= most, "{} bytes for {}", value.len(), lead.len());
            assert_eq!(unpack(&value).unwrap(), StoredLead { version: Version(7), bytes: lead.to_vec() });
        }
    }

    #[test]
    fn what_was_not_packed_here_is_corrupt_or_newer() {
        let value = pack(Version(7), &[7; 1000]);
        for cut in 0..value.len() {
            assert!(matches!(unpack(&value[..cut]), Err(StoreError::Corrupt { .. })), "{cut}");
        }
        for length in [&[0xff; 5][..], &[0xff, 0xff, 0xff, 0xff, 0x0f], &[0x01]] {
            let odd = [&value[..HEAD + 1], length, &value[HEAD + 3..]].concat();
            assert!(matches!(unpack(&odd), Err(StoreError::Corrupt { .. })), "{length:?}");
        }
        let mut newer = value;
        newer[HEAD] = 2;
        assert!(matches!(unpack(&newer), Err(StoreError::Newer { found: 2, known: 1, .. })));
    }
}
