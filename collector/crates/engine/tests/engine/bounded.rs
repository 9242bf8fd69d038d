//! A ledger is bounded: in touches and in bytes, inside one horizon and beyond it, and by our own doings too.

use crate::common::{START, lead, minute, offer_touch, on_page, server_touch, text, touch};
use engine::compact::{Before, is_due};
use engine::{Item, Lead, LedgerLimits, Recorded, Scalar, Span, Touch, Trust, compact, merge, record};
use proptest::prelude::*;

/// As heavy as a touch that travels can be: no text in it twice.
fn heavy(id: &str, at: i64) -> Touch {
    let item = |number: i32| Item {
        id: format!("{id}a{number}{}", "a".repeat(64)).as_str().into(),
        name: Some(format!("{id}b{number}{}", "b".repeat(128)).as_str().into()),
        category: Some(format!("{id}c{number}{}", "c".repeat(128)).as_str().into()),
        variant: Some(format!("{id}d{number}{}", "d".repeat(64)).as_str().into()),
        price: None,
        quantity: 1,
    };
    let property = |number: i32| {
        let value = format!("{id}e{number}{}", "e".repeat(256));
        (format!("{number:0>64}").as_str().into(), Scalar::Text(value.as_str().into()))
    };
    Touch {
        items: (0..20).map(item).collect(),
        properties: (0..24).map(property).collect(),
        ..touch(id, "view_item_list", minute(at))
    }
}

#[test]
fn a_thousand_heavy_touches_of_one_week_are_no_heavier_than_the_limit() {
    // given a page that sends as much as it may
    let limits = LedgerLimits::default();
    let mut lead = Lead::default();
    let outcomes: Vec<Recorded> =
        (0..200).map(|number| record(&mut lead, heavy(&format!("h{number}"), number), &limits)).collect();
    // then what does not fit is over the limit, and the lead says so
    let kept = outcomes.iter().filter(|outcome| **outcome == Recorded::New).count();
    assert!(outcomes[..kept].iter().all(|outcome| *outcome == Recorded::New), "the first ones stay");
    assert!(outcomes[kept..].iter().all(|outcome| *outcome == Recorded::OverLimit));
    let heaviest = heavy("h", 0);
    let one = self::lead([heaviest]).encode().len();
    assert!(lead.encode().len() <= limits.bytes + one, "{} bytes", lead.encode().len());
    assert!(lead.encode().len() > limits.bytes * 8 / 10, "{} bytes", lead.encode().len());
    assert_eq!(lead.overflowed().len(), 1);
    // and the next week has room
    assert_eq!(record(&mut lead, heavy("next", 8 * 1_440), &limits), Recorded::New);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn which_touches_stay_is_a_function_of_the_set(
        (sizes, order) in prop::collection::vec((0..40_i64, 0..200_usize), 0..30).prop_flat_map(|sizes| {
            let order: Vec<usize> = (0..sizes.len()).collect();
            (Just(sizes), Just(order).prop_shuffle())
        }),
        touches in 1..20_usize, bytes in 1..3_000_usize, split in 0..30_usize,
    ) {
        let limits = LedgerLimits { touches, bytes, ..LedgerLimits::default() };
        let all: Vec<Touch> = sizes.iter().enumerate().map(|(number, (at, size))| {
            let term = ("term".into(), text(&"x".repeat(*size)));
            Touch { properties: [term].into_iter().collect(), ..touch(&format!("t{number}"), "search", minute(*at)) }
        }).collect();
        let recorded = |touches: &mut dyn Iterator<Item = &Touch>| {
            let mut lead = Lead::default();
            for touch in touches {
                record(&mut lead, touch.clone(), &limits);
            }
            lead
        };
        let (one, other) = (recorded(&mut all.iter()), recorded(&mut order.iter().map(|place| &all[*place])));
        prop_assert_eq!(one.encode(), other.encode());
        // and so it is for a person whose touches came under two ids
        let split = split.min(order.len());
        let part = |places: &[usize]| recorded(&mut places.iter().map(|place| &all[*place]));
        let mut merged = part(&order[..split]);
        merge(&mut merged, &part(&order[split..]), &limits);
        prop_assert_eq!(merged.touches(), one.touches());
    }
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(10_000)
}

fn own(id: &str, name: &str, offer: &str, decision: &str, day: i64) -> Touch {
    let time = START + Span::days(day);
    Touch { received: time, ..offer_touch(id, name, offer, decision, time) }
}

#[test]
fn reservations_that_came_to_nothing_go_once_they_are_old() {
    // given a page that asks each day and shows nothing, one offer that was shown, one whose goal was reached, and a code
    let mut touches: Vec<Touch> =
        (0..60).map(|day| own(&format!("r{day}"), "gloed_reserved", "bar", &format!("d{day}"), day)).collect();
    touches.push(own("shown", "offer_shown", "bar", "d3", 3));
    touches.push(own("goal", "sign_up", "bar", "d5", 5));
    touches.push(own("code", "gloed_granted", "popup", "p1", 6));
    // when it is compacted
    let compacted = compact(&lead(touches), &LedgerLimits::default(), &[], START + Span::days(60));
    // then the first reservation stays, the one whose goal was reached without having been shown, and those of this week
    let kept: Vec<&str> = compacted.lead.touches().iter().map(|touch| touch.id.as_str()).collect();
    assert_eq!(kept, ["r0", "shown", "goal", "r5", "code", "r53", "r54", "r55", "r56", "r57", "r58", "r59"]);
    assert_eq!(compacted.let_go, 60 - 9);
    assert!(compacted.lead.overflowed().is_empty());
}

#[test]
fn our_own_touches_are_not_counted_among_the_bytes_that_browsers_may_have() {
    // given heavy touches of our own, and a page view a day
    let announced = |day: i64| Touch {
        trust: Trust::Product,
        time: START + Span::days(day),
        received: START + Span::days(day),
        ..heavy(&format!("a{day}"), 0)
    };
    let view = |day: i64| Touch {
        received: START + Span::days(day),
        ..on_page("/a", touch(&format!("v{day}"), "page_view", START + Span::days(day)))
    };
    let limits = LedgerLimits { bytes: 20_000, ..LedgerLimits::default() };
    let whole = lead((0..30).map(view).chain((0..30).map(announced)));
    // when the ledger is compacted
    let compacted = compact(&whole, &limits, &[], START + Span::days(40));
    // then no page view goes for their sake
    assert_eq!(compacted.dropped, 0);
    assert_eq!(compacted.lead.counts().sum::<usize>(), 60);
}

#[test]
fn over_the_limits_details_go_before_touches_and_orders_never() {
    // given searches with a term each day, calls, a server's mails with properties, and an order
    let day = |number: i64| START + Span::days(number);
    let with_term = |touch: Touch, term: &str| Touch {
        received: touch.time,
        properties: [("term".into(), text(term))].into_iter().collect(),
        ..touch
    };
    let search = |number: i64| with_term(touch(&format!("s{number}"), "search", day(number)), "jas");
    let again = |number: i64| with_term(touch(&format!("u{number}"), "search", day(number) + Span::minutes(1)), "trui");
    let call = with_term(server_touch("call", "call_outcome", day(1)), "fruitless");
    let order = Touch { transaction: Some("T-1".into()), ..server_touch("order", "purchase", day(2)) };
    let whole = lead((0..20).map(search).chain((0..20).map(again)).chain([call, order]));
    let at = |older: usize| compact(&whole, &LedgerLimits { older, ..LedgerLimits::default() }, &[], day(60));
    let folds = |lead: &Lead| lead.touches().iter().filter(|touch| touch.is_fold()).count();
    // when there is room for most, then the older half is folded, two searches a day as one, and nothing is dropped; the day
    // in which the half ends keeps both, since the second is of the visit that the first began
    let most = at(35);
    assert_eq!((folds(&most.lead), most.dropped, most.lead.overflowed().is_empty()), (7, 0, false));
    // when there is room for few, then every search is folded, and the oldest buckets go
    let few = at(10);
    assert_eq!((few.lead.touches().len(), few.dropped > 0), (10, true));
    let kept = |name: &str| few.lead.touches().iter().any(|touch| touch.is(name) && !touch.is_fold());
    assert!(kept("call_outcome") && kept("purchase"));
    // and mails of a server that are past go at last, so that no ledger grows for ever
    let call = |number: i64| with_term(server_touch(&format!("c{number}"), "call_outcome", day(number)), "fruitless");
    let calls = lead((0..30).map(call));
    let few = compact(&calls, &LedgerLimits { older: 10, ..LedgerLimits::default() }, &[], day(60));
    assert_eq!(few.lead.touches().len(), 10);
}

#[test]
fn a_ledger_is_compacted_when_it_grows_large_and_then_once_a_day() {
    // given a limit of ten touches, and a lead that has eleven
    let limits = LedgerLimits { touches: 10, ..LedgerLimits::default() };
    let view = |number: i64| touch(&format!("v{number}"), "page_view", minute(number));
    let ten = lead((0..10).map(view));
    let eleven = lead((0..10).map(view).chain([Touch { trust: Trust::Product, ..view(10) }]));
    let due = |before: &Lead, after: &Lead, at| is_due(Before::of(before, &limits), after, &limits, &[], at);
    // then it is due when it passes the limit, not again for every touch, and again when a day more is old enough
    assert!(!due(&ten, &ten, minute(11)));
    assert!(due(&ten, &eleven, minute(11)));
    assert!(!due(&eleven, &eleven, minute(12)));
    assert!(due(&eleven, &eleven, minute(12) + Span::days(1)));
    // a reservation of a later day counts as added, an announcement does not
    let tomorrow = minute(12) + Span::days(1);
    let with = |name: &str| {
        let own = Touch { received: tomorrow, ..offer_touch("own", name, "bar", "d1", tomorrow) };
        let offer = own.offer.clone().filter(|_| name == "gloed_reserved");
        lead(eleven.touches().iter().cloned().chain([Touch { offer, ..own }]))
    };
    assert!(!due(&with("gloed_reserved"), &eleven, tomorrow));
    assert!(due(&with("gloed_announced"), &eleven, tomorrow));
    // and so it is with bytes
    let light = LedgerLimits { bytes: 500, ..LedgerLimits::default() };
    assert!(is_due(Before::of(&Lead::default(), &light), &ten, &light, &[], minute(11)));
    assert!(!is_due(Before::of(&ten, &light), &ten, &light, &[], minute(12)));
}
