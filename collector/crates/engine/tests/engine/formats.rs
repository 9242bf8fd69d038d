//! Formats: what was written once is read for ever, and nothing else is.

use crate::common::{START, lead, minute, model, on_page, server_touch, touch};
use crate::random::touches;
use engine::lead::LEAD_FORMAT;
use engine::{
    Channel, Currency, Device, FormatError, Item, Lead, LedgerLimits, Money, OfferId, Points, Scalar, SourceFacts,
    Span, Suspicion, Touch, TouchId, Trust, compact, evaluate, preset, record,
};
use proptest::prelude::*;

/// The lead of format 1: two touches, every field of the second filled.
const FORMAT_1: &str = include_str!("formats/lead-1.hex");
/// The lead of format 2: those touches, the second one suspect, and what ten page views and a told mail became.
const FORMAT_2: &str = include_str!("formats/lead-2.hex");
/// The lead of format 3: the same, of which the folds say what they lost.
const FORMAT_3: &str = include_str!("formats/lead-3.hex");
/// The same lead in format 4.
const FORMAT_4: &str = include_str!("formats/lead-4.hex");

fn golden() -> Lead {
    let everything = Touch {
        received: minute(2),
        trust: Trust::Page,
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
        decision: Some(engine::DecisionId::parse("d1").unwrap()),
        properties: [
            ("gift".into(), Scalar::Boolean(true)),
            ("label".into(), Scalar::Text("regen".into())),
            ("size".into(), Scalar::Integer(-42)),
        ]
        .into_iter()
        .collect(),
        removed: vec!["newsletter".into()],
        ..on_page("/jassen/regenjas", touch("q83vEjRWeJCrze8S:2", "add_to_cart", minute(1)))
    };
    lead([touch("q83vEjRWeJCrze8S:1", "page_view", START), everything])
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn format_1_loads_and_evaluates_to_its_recorded_score() {
    let lead = Lead::decode(&bytes(FORMAT_1)).unwrap();
    assert_eq!(lead, golden());
    // It is written in the newest format from then on, and means the same.
    assert_eq!(Lead::decode(&lead.encode()).unwrap(), lead);
    assert_eq!(evaluate(&lead, &model(preset("b2c").unwrap()), minute(1)).score, Points::whole(21));
}

/// The lead of format 3: those touches, the second one suspect, and what ten page views and a told mail became.
fn golden_3() -> Lead {
    let month_ago = START - Span::days(30);
    let views = (0..10).map(|number| {
        let view = touch(&format!("old:{number}"), "page_view", month_ago + Span::minutes(number));
        on_page("/jassen", Touch { trust: Trust::Page, country: Some("NL".into()), ..view })
    });
    let sent = Touch { items: golden().touches()[1].items.clone(), ..server_touch("sent", "email_sent", month_ago) };
    let mut touches = golden().touches().to_vec();
    touches[1].suspect = Some(Suspicion::Prerender);
    compact(&lead(views.chain([sent]).chain(touches)), &LedgerLimits::default(), &[], minute(5)).lead
}

#[test]
fn format_2_loads_and_evaluates_to_its_recorded_score() {
    let lead = Lead::decode(&bytes(FORMAT_2)).unwrap();
    let mut touches = golden().touches().to_vec();
    touches[1].suspect = Some(Suspicion::Prerender);
    assert_eq!(lead.touches()[2..], touches);
    let counts: Vec<usize> = lead.counts().collect();
    assert_eq!(counts.iter().sum::<usize>(), 13, "{:?}", lead.touches());
    let evaluation = evaluate(&lead, &model(preset("b2c").unwrap()), minute(1));
    assert_eq!((evaluation.score.to_string(), evaluation.visits), ("21".to_owned(), 3));
    // It is written in the newest format from then on, and means the same.
    assert_eq!(Lead::decode(&lead.encode()).unwrap(), lead);
}

#[test]
fn format_3_loads_and_evaluates_to_its_recorded_score() {
    let lead = Lead::decode(&bytes(FORMAT_3)).unwrap();
    assert_eq!(lead, golden_3());
    assert_eq!(lead.touches().len(), 4, "{:?}", lead.touches());
    let evaluation = evaluate(&lead, &model(preset("b2c").unwrap()), minute(1));
    assert_eq!((evaluation.score.to_string(), evaluation.visits), ("21".to_owned(), 3));
}

#[test]
fn format_4_loads_as_the_same_lead_in_fewer_bytes() {
    let lead = Lead::decode(&bytes(FORMAT_4)).unwrap();
    assert_eq!(lead, golden_3());
    let written = lead.encode();
    assert_eq!(written, bytes(FORMAT_4), "a change of these bytes is a new format");
    assert!(written.len() < bytes(FORMAT_3).len());
}

#[test]
fn a_text_and_a_place_are_what_they_say_or_the_lead_is_refused() {
    // given a lead of one touch
    let sound = lead([on_page("/jassen", touch("q83vEjRWeJCrze8S.7", "page_view", START))]).encode();
    assert!(Lead::decode(&sound).is_ok());
    // when any one byte of it is another
    for place in 1..sound.len() {
        for other in 0..=u8::MAX {
            let mut damaged = sound.clone();
            damaged[place] = other;
            // then it is refused, or is a lead that reads back
            if let Ok(read) = Lead::decode(&damaged) {
                assert_eq!(Lead::decode(&read.encode()), Ok(read));
            }
        }
    }
    // and a place beyond the table is told
    let mut beyond = sound.clone();
    let last = beyond.len();
    // path, title, nothing more, no folds, no persons
    beyond[last - 5] = 99;
    assert!(Lead::decode(&beyond).unwrap_err().to_string().contains("no text 98"));
}

/// A touch that has of everything what the digits of `chosen` say, and the rest as it is.
fn filled(touch: Touch, chosen: u16) -> Touch {
    let everything = golden().touches()[1].clone();
    let has = |digit: u32| chosen >> digit & 1 == 1;
    let id = if has(0) { touch.id } else { TouchId::parse(&format!("{}.{chosen}", touch.stream)).unwrap() };
    Touch {
        id,
        received: if has(1) { touch.received } else { touch.time + Span(i64::from(chosen)) },
        page: if has(2) { everything.page } else { touch.page },
        source: if has(3) { everything.source } else { touch.source },
        country: everything.country.filter(|_| has(4)),
        region: everything.region.filter(|_| has(5)),
        device: everything.device.filter(|_| has(6)),
        language: everything.language.filter(|_| has(7)),
        transaction: everything.transaction.filter(|_| has(8)),
        items: if has(9) { everything.items } else { touch.items },
        offer: everything.offer.filter(|_| has(10)),
        decision: everything.decision.filter(|_| has(11)),
        properties: if has(12) { everything.properties } else { touch.properties },
        removed: if has(13) { everything.removed } else { touch.removed },
        value: everything.value.filter(|_| has(14)),
        suspect: Some(Suspicion::Prerender).filter(|_| has(15)),
        ..touch
    }
}

/// A ledger without folds, as formats 2 and 3 have it.
fn in_format(format: u8, lead: &Lead) -> Vec<u8> {
    let none: &[u64] = &[];
    postcard::to_extend(&(lead.overflowed(), lead.touches(), none, none), vec![format]).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_in_an_earlier_format_reads_as_the_same_lead(
        touches in touches(40), chosen in prop::collection::vec(any::<u16>(), 40),
    ) {
        let limits = LedgerLimits { touches: 30, ..LedgerLimits::default() };
        let mut lead = Lead::default();
        for (touch, chosen) in touches.into_iter().zip(chosen) {
            record(&mut lead, filled(touch, chosen), &limits);
        }
        for format in [2, 3] {
            prop_assert_eq!(Lead::decode(&in_format(format, &lead)), Ok(lead.clone()));
        }
        let written = lead.encode();
        prop_assert_eq!(Lead::decode(&written), Ok(lead.clone()));
        prop_assert!(written.len() <= in_format(3, &lead).len() + 16 * lead.touches().len() + 8);
    }
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(10_000)
}

#[test]
fn an_empty_lead_is_seven_bytes() {
    assert_eq!(Lead::default().encode(), [LEAD_FORMAT, 0, 0, 0, 0, 0, 0]);
    assert!(Lead::decode(&[2, 0, 0, 0, 0]).unwrap().is_empty());
    assert!(Lead::decode(&[3, 0, 0, 0, 0]).unwrap().is_empty());
    assert!(Lead::decode(&[1, 0, 0]).unwrap().is_empty());
}

#[test]
fn other_formats_are_refused_naming_both_versions() {
    assert_eq!(Lead::decode(&[]), Err(FormatError::Empty));
    assert_eq!(Lead::decode(&[0, 1]), Err(FormatError::Unknown { found: 0, newest: 4 }));
    let newer = Lead::decode(&[9, 1]).unwrap_err().to_string();
    assert!(newer.contains("format 9") && newer.contains("up to format 4"), "{newer}");
}

#[test]
fn broken_bytes_are_refused() {
    let sound = golden_3().encode();
    for end in 1..sound.len() {
        assert!(matches!(Lead::decode(&sound[..end]), Err(FormatError::Broken { .. })), "cut at {end}");
    }
    let longer = [&sound[..], &[0]].concat();
    assert!(Lead::decode(&longer).unwrap_err().to_string().contains("1 bytes after its end"));
    // a length that the input cannot hold allocates nothing and is refused
    for format in 1..=LEAD_FORMAT {
        assert!(Lead::decode(&[format, 0, 0xff, 0xff, 0xff, 0xff, 0x0f]).is_err());
    }
}
