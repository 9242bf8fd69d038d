//! Formats of the log and of kept leads: what was written once is read for ever.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use collector::coupon::register::{Entry, Owner, Teller, Use};
use collector::log_record::{
    ErasureRecord, Fence, KEPT_LEAD_FORMAT, KeptLead, LOG_RECORD_FORMAT, LogRecord, MergeGround, MergeRecord,
    RecordError, TouchesRecord, UnconfirmedEmail, Whose,
};
use collector::quarantine::{Kept, QUARANTINE_FORMAT, QuarantineError};
use collector::refused::Refused;
use engine::{
    Channel, Currency, DecisionId, Device, EventName, Item, LedgerLimits, Millis, Money, OfferId, PageFacts, Scalar,
    SourceFacts, StreamId, Suspicion, Touch, TouchId, Trust, record,
};
use store::{LeadKey, SiteName, VisitorId};

/// A file of `tests/formats/`.
macro_rules! golden {
    ($name:literal) => {
        include_str!(concat!("../../tests/formats/", $name, ".hex"))
    };
}

const START: Millis = Millis(1_790_000_000_000);

fn key(visitor: u8) -> LeadKey {
    LeadKey::new(SiteName::parse("shop").unwrap(), VisitorId::from_bytes([visitor; 16]))
}

fn whose() -> Whose {
    Whose::from(&key(7))
}

fn refused() -> Vec<Refused> {
    let field = Some("items[0].price".to_owned());
    let bad =
        Refused { at: START, id: [1; 8], event: Some("purchase".to_owned()), code: "bad_amount".to_owned(), field };
    let stale = Refused { at: Millis(START.0 + 1), id: [2; 8], event: None, code: "stale".to_owned(), field: None };
    vec![bad, stale]
}

fn touches() -> Vec<Touch> {
    let touch = |id: &str, name: &str, second: i64| {
        let time = Millis(START.0 + 1_000 * second);
        let stream = StreamId::parse("q83vEjRWeJCrze8S").unwrap();
        Touch::new(TouchId::parse(id).unwrap(), EventName::parse(name).unwrap(), stream, time)
    };
    let everything = Touch {
        received: Millis(START.0 + 120_000),
        trust: Trust::Page,
        page: Some(PageFacts {
            host: "shop.example".into(),
            path: "/jassen/regenjas".into(),
            title: Some("Regenjas".into()),
        }),
        source: SourceFacts {
            channel: Channel::Email,
            source: Some("nieuwsbrief".into()),
            medium: Some("email".into()),
            campaign: Some("herfst".into()),
            referrer_host: Some("mail.example".into()),
        },
        country: Some("NL".into()),
        region: Some("NL-UT".into()),
        device: Some(Device::Phone),
        language: Some("nl-NL".into()),
        value: Some(Money::parse("79.95", Currency::EUR).unwrap()),
        transaction: Some("T-1".into()),
        items: vec![Item {
            id: "J-17".into(),
            name: Some("Regenjas".into()),
            category: Some("jassen".into()),
            variant: Some("M".into()),
            price: Some(Money::parse("79.95", Currency::EUR).unwrap()),
            quantity: 1,
        }],
        offer: Some(OfferId::parse("welcome").unwrap()),
        decision: Some(DecisionId::parse("d1").unwrap()),
        properties: [
            ("gift".into(), Scalar::Boolean(true)),
            ("label".into(), Scalar::Text("regen".into())),
            ("size".into(), Scalar::Integer(-42)),
        ]
        .into_iter()
        .collect(),
        removed: vec!["newsletter".into()],
        ..touch("q83vEjRWeJCrze8S:2", "add_to_cart", 60)
    };
    vec![touch("q83vEjRWeJCrze8S:1", "page_view", 0), everything]
}

fn email() -> UnconfirmedEmail {
    UnconfirmedEmail { address: "bezoeker@example.org".to_owned(), at: Millis(START.0 + 60_000) }
}

/// The records of the golden files: touches, an erasure, a merge. From format 2 on touches have a suspicion; from format 3 on
/// there are refused events, and merges.
fn records(suspect: Option<Suspicion>, refused: Vec<Refused>) -> [LogRecord; 3] {
    let mut touches = touches();
    touches[1].suspect = suspect;
    [
        LogRecord::Touches(TouchesRecord { whose: whose(), touches, email: Some(email()), refused }),
        LogRecord::Erasure(ErasureRecord { whose: whose(), at: START }),
        LogRecord::Merge(MergeRecord::new(key(8).visitor, &key(7), MergeGround::Visitors, START)),
    ]
}

/// The kept lead of the golden files, whose ledger is of the format named.
fn kept(suspect: Option<Suspicion>) -> KeptLead {
    let mut kept = KeptLead { email: Some(email()), ..KeptLead::default() };
    for touch in touches() {
        let suspect = suspect.filter(|_| touch.is("add_to_cart"));
        let touch = Touch { suspect, ..touch };
        record(&mut kept.lead, touch, &LedgerLimits::default());
    }
    kept
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn log_records_of_every_format_load() {
    let (touches_1, erasure_1) = (bytes(golden!("log-touches-1")), bytes(golden!("log-erasure-1")));
    let (touches_2, erasure_2) = (bytes(golden!("log-touches-2")), bytes(golden!("log-erasure-2")));
    let (touches_3, erasure_3) = (bytes(golden!("log-touches-3")), bytes(golden!("log-erasure-3")));
    let merge_3 = bytes(golden!("log-merge-3"));
    let [first, erasure, merge] = records(None, Vec::new());
    let [second, ..] = records(Some(Suspicion::Bot), Vec::new());
    let [third, ..] = records(Some(Suspicion::Bot), refused());
    assert_eq!(LogRecord::decode(&touches_1).unwrap(), first);
    assert_eq!(LogRecord::decode(&touches_2).unwrap(), second);
    assert_eq!(LogRecord::decode(&touches_3).unwrap(), third);
    for erased in [&erasure_1, &erasure_2, &erasure_3] {
        assert_eq!(LogRecord::decode(erased).unwrap(), erasure);
    }
    assert_eq!(LogRecord::decode(&merge_3).unwrap(), merge);
    // and what is written is the newest
    for (written, golden) in [(third, touches_3), (erasure, erasure_3), (merge, merge_3)] {
        assert_eq!(written.encode().unwrap(), golden, "a change of these bytes is a new format");
    }
}

#[test]
fn kept_leads_of_every_format_load() {
    let (ledger_1, ledger_2) = (bytes(golden!("kept-lead-1")), bytes(golden!("kept-lead-2")));
    assert_eq!(KeptLead::decode(&ledger_1).unwrap(), kept(None));
    assert_eq!(KeptLead::decode(&ledger_2).unwrap(), kept(Some(Suspicion::Bot)));
    // given one that others were merged into, with events that were refused; and one that was merged
    let merged = KeptLead {
        sources: vec![key(8).visitor, key(9).visitor],
        person: true,
        joined: Some(START),
        refused: refused(),
        ..kept(Some(Suspicion::Bot))
    };
    let fenced = KeptLead { fence: Some(Fence { into: key(7).visitor, done: true }), ..KeptLead::default() };
    // with ledgers of an older format, and of the newest
    assert_eq!(KeptLead::decode(&bytes(golden!("kept-lead-3"))).unwrap(), merged);
    assert_eq!(KeptLead::decode(&bytes(golden!("kept-lead-3-fenced"))).unwrap(), fenced);
    let newest = [(merged, golden!("kept-lead-3-ledger-4")), (fenced, golden!("kept-lead-3-fenced-ledger-4"))];
    for (lead, golden) in newest {
        assert_eq!(KeptLead::decode(&bytes(golden)).unwrap(), lead);
        assert_eq!(lead.encode().unwrap(), bytes(golden), "a change of these bytes is a new format");
    }
}

#[test]
fn records_in_quarantine_of_every_format_load() {
    let kept = Kept {
        at: START,
        position: Some(258),
        tries: 5,
        reason: "it panicked".to_owned(),
        payload: vec![LOG_RECORD_FORMAT, 1, 2],
    };
    let golden = bytes(golden!("quarantine-1"));
    assert_eq!(Kept::decode("it", &golden).unwrap(), kept);
    assert_eq!(kept.encode().unwrap(), golden, "a change of these bytes is a new format");
    let newer = [QUARANTINE_FORMAT + 1, 0];
    assert!(matches!(Kept::decode("it", &newer), Err(QuarantineError::Broken { why, .. }) if why.contains("format 2")));
}

#[test]
fn newer_formats_are_refused_naming_both_versions() {
    let newest = LOG_RECORD_FORMAT;
    assert_eq!(LogRecord::decode(&[newest + 1, 0]), Err(RecordError::Newer { found: newest + 1, newest }));
    assert_eq!(LogRecord::decode(&[]), Err(RecordError::Empty));
    let newest = KEPT_LEAD_FORMAT;
    assert_eq!(KeptLead::decode(&[newest + 1, 0]), Err(RecordError::Newer { found: newest + 1, newest }));
}

#[test]
fn entries_of_the_register_of_codes_of_every_format_load() {
    let used = |transaction: &str, at: i64, teller: Teller| Use {
        transaction: transaction.to_owned(),
        at: START.0 + at,
        teller,
    };
    let entry = Entry {
        owner: Some(Owner {
            visitor: VisitorId::from_bytes([7; 16]),
            offer: OfferId::parse("ten").unwrap(),
            granted: START,
            last_day: Some("2026-12-09".to_owned()),
        }),
        uses: vec![used("T-1", 100_000, Teller::Order), used("T-2", 200_000, Teller::TillOfAnother)],
    };
    let (golden, cover) = (bytes(golden!("code-1")), [0x5a; 16]);
    assert_eq!(Entry::decode(&golden, cover).unwrap(), entry);
    assert_eq!(entry.encode(cover).unwrap(), golden, "a change of these bytes is a new format");
}
