//! The digest that decides between two contents under one id.
//!
//! FNV-1a with 64 bits over the postcard bytes of the content: small, without a dependency, the same on every machine.
//! It is no defence: two contents made to collide are told apart by their bytes, so the join stays commutative.

use serde::Serialize;

use crate::money::Money;
use crate::text::Text;
use crate::touch::{
    DecisionId, Device, EventName, Item, OfferId, PageFacts, Properties, PropertyName, SourceFacts, StreamId, Touch,
};

/// What copies of one id are compared by: everything but id, times, trust and suspicion.
#[derive(Serialize)]
struct Content<'a> {
    name: &'a EventName,
    stream: &'a StreamId,
    page: &'a Option<PageFacts>,
    source: &'a SourceFacts,
    country: &'a Option<Text<8>>,
    region: &'a Option<Text<64>>,
    device: &'a Option<Device>,
    language: &'a Option<Text<16>>,
    value: &'a Option<Money>,
    transaction: &'a Option<Text<64>>,
    items: &'a [Item],
    offer: &'a Option<OfferId>,
    decision: &'a Option<DecisionId>,
    properties: &'a Properties,
    removed: &'a [PropertyName],
}

/// The digest of a touch's content, and the bytes that decide when digests are equal. Compares in that order.
pub(crate) fn rank(touch: &Touch) -> (u64, Vec<u8>) {
    let bytes = content(touch);
    (fnv1a(&bytes), bytes)
}

/// The digest of a touch's content: equal content, equal digest, whatever its times and trust.
#[must_use]
pub fn digest(touch: &Touch) -> u64 {
    fnv1a(&content(touch))
}

fn content(touch: &Touch) -> Vec<u8> {
    // Every field by name: one that is added later does not compile until it is placed here.
    let Touch {
        id: _,
        time: _,
        received: _,
        trust: _,
        suspect: _,
        name,
        stream,
        page,
        source,
        country,
        region,
        device,
        language,
        value,
        transaction,
        items,
        offer,
        decision,
        properties,
        removed,
    } = touch;
    let content = Content {
        name,
        stream,
        page,
        source,
        country,
        region,
        device,
        language,
        value,
        transaction,
        items,
        offer,
        decision,
        properties,
        removed,
    };
    #[expect(clippy::expect_used, reason = "writing to memory fails only for sequences of unknown length: none here")]
    postcard::to_allocvec(&content).expect("a touch has no sequence of unknown length")
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo; offset basis and prime as in draft-eastlake-fnv).
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv1a_gives_its_published_values() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
