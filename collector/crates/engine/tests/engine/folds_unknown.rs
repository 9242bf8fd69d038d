//! What a fold does not know: a condition about it is neither true nor false, under no `not` either.

use std::collections::BTreeSet;

use crate::common::{START, lead, minute, model, on_page, text, touch, with};
use crate::reference::{Replay, unfolded};
use engine::{
    Device, Item, Lead, LedgerLimits, Millis, Model, Points, SourceFacts, Span, Touch, Trust, compact, evaluate, unseen,
};
use proptest::prelude::*;
use proptest::sample::select;

/// A model in which a touch that matches gives a point.
fn counting(condition: &str) -> Model {
    model(&format!(
        "version = 1\nname = \"one\"\nhalf_life = \"none\"\n[[stages]]\nname = \"cold\"\n\
         [[rules]]\nid = \"one\"\nwhen = {condition}\npoints = 1\n"
    ))
}

/// Folded as far as is possible, though it may hold only so many old touches.
fn folded(lead: &Lead, older: usize) -> Lead {
    let limits = LedgerLimits { older, ..LedgerLimits::default() };
    compact(lead, &limits, &[], START + Span::days(60)).lead
}

fn points(lead: &Lead, condition: &str) -> i64 {
    evaluate(lead, &counting(condition), START + Span::days(60)).score.0 / Points::whole(1).0
}

/// Searches a month ago: three of one phone with properties, two that say nothing of the kind; and one touch of today.
fn searches() -> Lead {
    let search = |number: i64| touch(&format!("s{number}"), "search", minute(number));
    let filled = |number: i64| Touch {
        country: Some("NL".into()),
        device: Some(Device::Phone),
        ..with([("term", text("jas"))], search(number))
    };
    let today = Span::days(59);
    let last = Touch { received: START + today, ..filled(9) };
    lead((0..3).map(filled).chain((3..5).map(search)).chain([Touch { time: START + today, ..last }]))
}

#[test]
fn what_is_lost_makes_no_condition_true_and_what_was_never_there_is_known() {
    let (whole, small) = (searches(), folded(&searches(), 2));
    assert_eq!(small.touches().iter().filter(|touch| touch.is_fold()).count(), 2, "{:?}", small.touches());
    for (condition, before, after) in [
        // three that had it are unknown; of two it is known that they had none; today's is there
        ("{ field = \"property.term\", eq = \"jas\" }", 4, 1),
        ("{ field = \"property.term\", ne = \"jas\" }", 2, 2),
        ("{ field = \"property.term\", ne = \"trui\" }", 6, 3),
        ("{ field = \"property.term\", exists = false }", 2, 2),
        ("{ not = { field = \"property.term\", eq = \"trui\" } }", 6, 3),
        ("{ not = { field = \"property.other\", exists = true } }", 6, 3),
        ("{ not = { not = { field = \"device\", eq = \"phone\" } } }", 4, 1),
        ("{ field = \"device\", ne = \"desktop\" }", 6, 3),
        ("{ any = [{ field = \"event\", eq = \"search\" }, { field = \"device\", eq = \"phone\" }] }", 6, 6),
        ("{ not = { all = [{ field = \"event\", eq = \"login\" }, { field = \"device\", eq = \"phone\" }] } }", 6, 6),
        ("{ not = { any = [{ field = \"event\", eq = \"login\" }, { field = \"device\", eq = \"tablet\" }] } }", 6, 3),
        // a step that may match is none, and that there was no such sequence is not known either
        ("{ sequence = [{ field = \"event\", eq = \"search\" }, { field = \"property.term\", eq = \"jas\" }] }", 5, 1),
        (
            "{ not = { sequence = [{ field = \"property.term\", eq = \"trui\" }, { field = \"device\", exists = true }] } }",
            6,
            5,
        ),
    ] {
        assert_eq!((points(&whole, condition), points(&small, condition)), (before, after), "{condition}");
    }
}

#[test]
fn a_condition_that_a_fold_cannot_decide_counts_its_touches_as_unseen() {
    let small = folded(&searches(), 2);
    let count = |condition: &str| unseen(&small, &counting(condition));
    assert_eq!(count("{ field = \"property.term\", eq = \"jas\" }"), 3);
    assert_eq!(count("{ all = [{ field = \"event\", eq = \"search\" }, { field = \"device\", ne = \"phone\" }] }"), 3);
    let known = "{ all = [{ field = \"device\", eq = \"phone\" }, { field = \"label\", has = \"vip\" }] }";
    assert_eq!(count(known), 3, "whatever was known of the visitor");
    assert_eq!(
        count("{ sequence = [{ field = \"event\", eq = \"login\" }, { field = \"country\", eq = \"NL\" }] }"),
        3
    );
    // the event decides, or nothing that was lost is asked
    assert_eq!(count("{ all = [{ field = \"event\", eq = \"login\" }, { field = \"device\", ne = \"phone\" }] }"), 0);
    assert_eq!(count("{ any = [{ field = \"event\", eq = \"search\" }, { field = \"device\", eq = \"phone\" }] }"), 0);
    assert_eq!(count("{ field = \"channel\", eq = \"direct\" }"), 0);
    assert_eq!(unseen(&searches(), &counting("{ field = \"property.term\", eq = \"jas\" }")), 0);
}

#[test]
fn why_not_says_that_it_is_not_known() {
    let small = folded(&searches(), 2);
    let counting = counting("{ field = \"property.term\", eq = \"jas\" }");
    let story = engine::rule_story(&small, &counting, &counting.rules[0].id, START + Span::days(60)).unwrap();
    let told: Vec<String> = story.refused.iter().map(|(_, why)| format!("{why:?}")).collect();
    assert!(told.iter().any(|why| why.contains("property.term = jas: folded, not known any more")), "{told:?}");
}

fn conditions() -> impl Strategy<Value = String> {
    let leaf = select(&[
        r#"{ field = "event", eq = "search" }"#,
        r#"{ field = "page.path", glob = "/a*" }"#,
        r#"{ field = "page.host", ne = "shop.example" }"#,
        r#"{ field = "item.id", has = "J-1" }"#,
        r#"{ field = "item.category", has = "jassen" }"#,
        r#"{ field = "quantity", gte = 2 }"#,
        r#"{ field = "channel", eq = "direct" }"#,
        r#"{ field = "campaign", exists = false }"#,
        r#"{ field = "source", ne = "nieuwsbrief" }"#,
        r#"{ field = "country", in = ["NL", "BE"] }"#,
        r#"{ field = "country", ne = "NL" }"#,
        r#"{ field = "device", exists = true }"#,
        r#"{ field = "property.term", ne = "jas" }"#,
        r#"{ field = "property.term", eq = "jas" }"#,
        r#"{ field = "trust", gte = "page" }"#,
        r#"{ field = "offer", exists = false }"#,
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(3, 12, 3, |inner| {
        let list = || prop::collection::vec(inner.clone(), 0..3).prop_map(|parts| parts.join(", "));
        prop_oneof![
            inner.clone().prop_map(|part| format!("{{ not = {part} }}")),
            list().prop_map(|parts| format!("{{ all = [{parts}] }}")),
            list().prop_map(|parts| format!("{{ any = [{parts}] }}")),
        ]
    })
}

fn touches() -> impl Strategy<Value = Vec<Touch>> {
    let one = (0..30_i64, 0..1_440_i64, 0..3_usize, 0..3_usize, any::<[bool; 8]>());
    let touch = |(day, at, name, path, filled): (i64, i64, usize, usize, [bool; 8])| {
        let time = START + Span::days(day) + Span::minutes(at);
        let name = ["search", "page_view", "select_item"][name];
        let [country, device, campaign, source, property, page, item, trusted] = filled;
        let mut touch = Touch { received: time, ..touch(&format!("{day}-{at}-{name}"), name, time) };
        if page {
            touch = on_page(["/a", "/a/b", "/b"][path], touch);
        }
        if property {
            touch = with([("term", text(["jas", "trui", "jas"][path]))], touch);
        }
        let item = item.then(|| Item {
            id: ["J-1", "J-2", ""][path].into(),
            name: None,
            category: (path == 0).then(|| "jassen".into()),
            variant: None,
            price: None,
            quantity: 1 + u32::try_from(path).unwrap(),
        });
        Touch {
            country: country.then(|| ["NL", "BE", "DE"][path].into()),
            device: device.then_some(Device::Phone),
            source: SourceFacts {
                campaign: (campaign && path == 0).then(|| "zomer".into()),
                source: source.then(|| "nieuwsbrief".into()),
                ..SourceFacts::default()
            },
            items: item.into_iter().collect(),
            trust: if trusted { Trust::Page } else { Trust::Browser },
            ..touch
        }
    };
    prop::collection::vec(one.prop_map(touch), 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn folding_makes_no_condition_true_and_changes_none_that_it_can_decide(
        touches in touches(), condition in conditions(), older in 4..40_usize,
    ) {
        let whole = lead(touches);
        let small = folded(&whole, older);
        let gone: usize = whole.touches().len() - small.counts().sum::<usize>();
        let (before, after) = (points(&whole, &condition), points(&small, &condition));
        prop_assert!(after <= before, "{} after {}", after, before);
        if gone == 0 && unseen(&small, &counting(&condition)) == 0 {
            prop_assert_eq!(after, before);
        }
    }

    #[test]
    fn folded_ledgers_mean_what_the_reference_says(
        touches in touches(), one in conditions(), other in conditions(), spoils in conditions(), older in 4..40_usize,
    ) {
        // given a folded ledger, and rules about touches and about what happened in order
        let small = folded(&lead(touches), older);
        let rules = format!(
            "[[rules]]\nid = \"one\"\nwhen = {one}\npoints = 1\n[[rules]]\nid = \"steps\"\nwhen = {{ sequence = \
             [{one}, {other}], without = {spoils} }}\npoints = 100\n[[rules]]\nid = \"never\"\nwhile = {{ not = {{ \
             sequence = [{other}, {one}] }} }}\npoints = 10_000\n"
        );
        let head = "version = 1\nname = \"two\"\nhalf_life = \"none\"\n[[stages]]\nname = \"cold\"\n";
        let model = model(&format!("{head}{rules}"));
        // then engine and reference agree, touch by touch as many as each stands for
        let at = START + Span::days(60);
        let touches = unfolded(&small);
        let reference = Replay::of(&touches, &model, at);
        prop_assert_eq!(evaluate(&small, &model, at).scores, reference.scores(at));
    }
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(10_000)
}

#[test]
fn a_fold_of_an_earlier_version_knows_nothing_but_what_it_keeps() {
    let bytes: Vec<u8> = include_str!("formats/lead-2.hex")
        .as_bytes()
        .iter()
        .filter(|byte| byte.is_ascii_hexdigit())
        .copied()
        .collect::<Vec<u8>>()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    let old = Lead::decode(&bytes).unwrap();
    let counts = |condition: &str| {
        let condition = format!("{{ all = [{{ field = \"page.path\", eq = \"/jassen\" }}, {condition}] }}");
        evaluate(&old, &counting(&condition), Millis(START.0 + 1)).score
    };
    assert_eq!(counts("{ field = \"channel\", eq = \"direct\" }"), Points::whole(10));
    for unknown in ["country", "property.term", "campaign", "device"] {
        let absent = format!("{{ field = \"{unknown}\", exists = false }}");
        assert_eq!(counts(&absent), Points::ZERO, "{unknown}");
    }
    let ids: BTreeSet<_> = old.touches().iter().map(|touch| &touch.id).collect();
    assert_eq!(ids.len(), old.touches().len());
}
