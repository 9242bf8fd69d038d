//! Names, ids and partitions.

use proptest::prelude::*;
use store::{DocumentName, LeadKey, Partition, Partitions, ResourceName, SiteName, Tombstone, VisitorId};

#[test]
fn golden_vectors_of_the_partition_hash() {
    // Given ids, when their partition is asked for, then it is the one in which their data lies already
    let mut counting = [0; 16];
    for (index, byte) in counting.iter_mut().enumerate() {
        *byte = index as u8;
    }
    for (bytes, partition) in
        [([0x00; 16], GOLDEN[0]), ([0xff; 16], GOLDEN[1]), (counting, GOLDEN[2]), (*b"0123456789abcdef", GOLDEN[3])]
    {
        assert_eq!(VisitorId::from_bytes(bytes).partition(), Partition(partition), "{bytes:02x?}");
    }
}

/// Computed by an independent implementation (Python: FNV-1a 64, its eight bytes xor-ed).
const GOLDEN: [u8; 4] = [144, 34, 32, 97];

#[test]
fn partitions_are_even() {
    // Given visitors that differ in one number, when their partitions are counted, then each has about its share
    let mut counts = [0; 256];
    for number in 0..25_600u128 {
        counts[usize::from(VisitorId::from_bytes(number.to_be_bytes()).partition().0)] += 1;
    }
    assert!(counts.iter().all(|count| (50..=150).contains(count)), "{counts:?}");
}

#[test]
fn a_visitor_id_is_written_in_one_way_only() {
    // Given an id and its text
    let id = VisitorId::from_bytes([0xff; 16]);
    assert_eq!(id.to_string(), "_____________________w");
    assert_eq!(VisitorId::from_bytes([0; 16]).to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
    // When a text is not exactly that of an id, then it is refused
    for text in [
        "",
        "AAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAB",
        "AAAAAAAAAAA AAAAAAAAAA",
        "AAAAAAAAAAA+AAAAAAAAAA",
        "ééééééééééé",
    ] {
        assert!(VisitorId::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn names_are_bounded() {
    // Given texts at and beyond the limits, when they are parsed, then only those within are names
    let (longest, too_long) = ("a".repeat(64), "a".repeat(65));
    for text in ["a", "shop-nl", "A_b-9", longest.as_str()] {
        assert_eq!(SiteName::parse(text).unwrap().as_str(), text);
    }
    for text in ["", too_long.as_str(), "a b", "a/b", "a\0b", "é", "a.b"] {
        let error = SiteName::parse(text).unwrap_err();
        assert!(error.to_string().contains("site name"), "{error}");
    }
    for text in ["", "a b", "a\0", "é", "a".repeat(129).as_str()] {
        assert!(DocumentName::parse(text).is_err() && ResourceName::parse(text).is_err(), "{text:?}");
    }
    assert_eq!(DocumentName::parse("model/shop-nl.v2").unwrap().to_string(), "model/shop-nl.v2");
}

#[test]
fn a_set_of_partitions_holds_what_was_put_in() {
    // Given a set, when some are put in, then it holds them and no others
    let set = [0, 63, 64, 255].into_iter().fold(Partitions::NONE, |set, one| set.with(Partition(one)));
    let held: Vec<u8> = Partition::all().filter(|one| set.contains(*one)).map(|one| one.0).collect();
    assert_eq!(held, [0, 63, 64, 255]);
    assert!(Partition::all().all(|one| Partitions::ALL.contains(one)));
}

proptest! {
    /// Any id reads back from its text, any tombstone from its bytes.
    #[test]
    fn texts_and_bytes_read_back(bytes: [u8; 16], digest: [u8; 16]) {
        let id = VisitorId::from_bytes(bytes);
        let text = id.to_string();
        prop_assert_eq!(text.len(), VisitorId::CHARACTERS);
        prop_assert_eq!(VisitorId::parse(&text).unwrap(), id);
        let tombstone = Tombstone::of(&LeadKey::new(SiteName::parse("shop").unwrap(), id), digest);
        prop_assert_eq!(Tombstone::from_bytes(tombstone.to_bytes()), tombstone);
    }

    /// Reading never panics, and accepts only what it would write.
    #[test]
    fn any_text_is_an_id_that_writes_itself_or_none(text in "\\PC{0,30}|[A-Za-z0-9_-]{22}") {
        if let Ok(id) = VisitorId::parse(&text) {
            prop_assert_eq!(id.to_string(), text);
        }
    }
}
