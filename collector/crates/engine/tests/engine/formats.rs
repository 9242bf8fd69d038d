//! Formats: what was written once is read for ever, and nothing else is.

use crate::common::{START, lead, minute, model, on_page, server_touch, touch};
use engine::lead::LEAD_FORMAT;
use engine::{
    Channel, Currency, Device, FormatError, Item, Lead, LedgerLimits, Money, OfferId, Points, Scalar, SourceFacts,
    Span, Suspicion, Touch, Trust, compact, evaluate, preset,
};

/// The lead of format 1: two touches, every field of the second filled.
const FORMAT_1: &str = include_str!("formats/lead-1.hex");
/// The lead of format 2: those touches, the second one suspect, and what ten page views and a told mail became.
const FORMAT_2: &str = include_str!("formats/lead-2.hex");
/// The lead of format 3: the same, of which the folds say what they lost.
const FORMAT_3: &str = include_str!("formats/lead-3.hex");

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
    assert_eq!(lead.encode(), bytes(FORMAT_3), "a change of these bytes is a new format");
    assert_eq!(lead.touches().len(), 4, "{:?}", lead.touches());
    let evaluation = evaluate(&lead, &model(preset("b2c").unwrap()), minute(1));
    assert_eq!((evaluation.score.to_string(), evaluation.visits), ("21".to_owned(), 3));
}

#[test]
fn a_lead_without_folds_is_written_as_earlier_versions_read_it() {
    assert_eq!((golden().encode()[0], golden_3().encode()[0]), (2, LEAD_FORMAT));
}

#[test]
fn an_empty_lead_is_five_bytes() {
    assert_eq!(Lead::default().encode(), [2, 0, 0, 0, 0]);
    assert!(Lead::decode(&[LEAD_FORMAT, 0, 0, 0, 0]).unwrap().is_empty());
    assert!(Lead::decode(&[1, 0, 0]).unwrap().is_empty());
}

#[test]
fn other_formats_are_refused_naming_both_versions() {
    assert_eq!(Lead::decode(&[]), Err(FormatError::Empty));
    assert_eq!(Lead::decode(&[0, 1]), Err(FormatError::Unknown { found: 0, newest: 3 }));
    let newer = Lead::decode(&[9, 1]).unwrap_err().to_string();
    assert!(newer.contains("format 9") && newer.contains("up to format 3"), "{newer}");
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
