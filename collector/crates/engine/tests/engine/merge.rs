//! Merging: however a person's touches were split over ids, together they are one lead.

use crate::common::{START, lead, minute, model, server_touch, touch};
use engine::{
    Channel, Evaluation, Lead, LedgerLimits, Model, Recorded, SourceFacts, Span, StreamId, Suspicion, Touch, Trust,
    compact, evaluate, merge, preset, record,
};
use proptest::prelude::*;
use std::sync::LazyLock;

static B2C: LazyLock<Model> = LazyLock::new(|| model(preset("b2c").unwrap()));

const NAMES: [&str; 7] =
    ["page_view", "add_to_cart", "search", "purchase", "email_click", "remove_from_cart", "view_cart"];

/// Touches of twelve days; ids repeat, so that copies and conflicts occur.
fn touches() -> impl Strategy<Value = Vec<Touch>> {
    let one = (0..40_u8, 0..NAMES.len(), 0..12 * 86_400_i64, 0..3_u8, 0..5_u8, 0..600_i64).prop_map(
        |(id, name, second, stream, kind, delay)| {
            let time = START + Span::seconds(second);
            Touch {
                received: time + Span::seconds(delay),
                trust: [Trust::Browser, Trust::Browser, Trust::Browser, Trust::Page, Trust::Server][usize::from(kind)],
                stream: StreamId::parse(&format!("stream-{stream}")).unwrap(),
                source: SourceFacts { channel: Channel::Organic, ..SourceFacts::default() },
                suspect: (kind == 2).then_some(Suspicion::Bot),
                transaction: (name == 3).then(|| format!("T-{}", id % 3).as_str().into()),
                ..touch(&format!("t{id}"), NAMES[name], time)
            }
        },
    );
    prop::collection::vec(one, 0..40)
}

/// What a marketer sees of a lead; lines as a set.
fn seen(lead: &Lead) -> (Evaluation, Vec<String>) {
    let mut evaluation = evaluate(lead, &B2C, START + Span::days(12));
    let mut lines: Vec<String> = evaluation.lines.drain(..).map(|line| format!("{line:?}")).collect();
    lines.sort_unstable();
    (evaluation, lines)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(10_000),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_partition_over_ids_merged_in_any_order_is_one_lead(
        (touches, order) in touches().prop_flat_map(|touches| (Just(touches), Just((0..4_usize).collect::<Vec<_>>()).prop_shuffle())),
        owners in prop::collection::vec(0..4_usize, 40),
        most in prop::sample::select(vec![5_usize, 1_000]),
    ) {
        // given a person's touches, of distinct ids where the ledger is small, and the same split over four ids
        let distinct = |(number, touch): (usize, Touch)| match most {
            1_000 => touch,
            _ => Touch { id: engine::TouchId::parse(&format!("n{number}")).unwrap(), ..touch },
        };
        let touches: Vec<Touch> = touches.into_iter().enumerate().map(distinct).collect();
        let limits = LedgerLimits { touches: most, ..LedgerLimits::default() };
        let (mut whole, mut parts) = (Lead::default(), vec![Lead::default(); 4]);
        for (touch, owner) in touches.iter().zip(owners.iter().cycle()) {
            record(&mut whole, touch.clone(), &limits);
            record(&mut parts[*owner], touch.clone(), &limits);
        }
        // when the parts are merged in any order
        let mut merged = Lead::default();
        for part in order {
            merge(&mut merged, &parts[part], &limits);
        }
        // then they are the one lead
        prop_assert_eq!(seen(&merged), seen(&whole));
        prop_assert_eq!(merged.encode(), whole.encode());
    }
}

#[test]
fn merging_the_same_touches_again_changes_nothing_and_old_ones_are_not_stale() {
    let old = Touch { received: minute(1), ..touch("a", "page_view", START) };
    let source = lead([old, touch("b", "search", minute(2))]);
    let mut target = lead([touch("c", "page_view", START + Span::days(400))]);
    merge(&mut target, &source, &LedgerLimits::default());
    let once = target.clone();
    merge(&mut target, &source, &LedgerLimits::default());
    assert_eq!((target.touches().len(), &target), (3, &once));
}

#[test]
fn marks_of_what_went_over_the_limit_are_united() {
    let limits = LedgerLimits { touches: 1, ..LedgerLimits::default() };
    let small = |week: i64| {
        let mut lead = Lead::default();
        for id in ["a", "b"] {
            record(&mut lead, touch(&format!("{id}{week}"), "search", START + Span::days(7 * week)), &limits);
        }
        lead
    };
    let mut target = small(0);
    merge(&mut target, &small(3), &limits);
    assert_eq!(target.overflowed().len(), 2);
    // and a horizon that only both together fill is marked too
    let mut target = lead([touch("c", "search", START)]);
    merge(&mut target, &lead([touch("d", "search", minute(1))]), &limits);
    assert_eq!((target.touches().len(), target.overflowed().len()), (1, 1));
    assert_eq!(target.touches()[0].id.as_str(), "c");
}

#[test]
fn equal_buckets_add_up_and_a_server_event_in_both_ledgers_counts_once() {
    // given two folded ledgers of one afternoon, and an import that both have seen, one of them unfolded
    let views = |id: &str, from: i64| {
        let view = |number: i64| {
            let stream = StreamId::parse(&format!("stream-{id}")).unwrap();
            Touch { stream, ..touch(&format!("{id}:{number}"), "page_view", minute(from + number)) }
        };
        let last =
            Touch { stream: StreamId::parse("stream-z").unwrap(), ..touch("z", "login", START + Span::days(30)) };
        (0..5).map(view).chain([server_touch("import", "sign_up", minute(0)), last]).collect::<Vec<_>>()
    };
    let fold = |lead: &Lead| compact(lead, &LedgerLimits::default(), &[], START + Span::days(31)).lead;
    let (one, other) = (lead(views("1", 0)), lead(views("2", 2)));
    let count = |lead: &Lead, name: &str| evaluate(lead, &B2C, START + Span::days(31)).count(lead, name);
    for (mut target, source) in [(fold(&one), fold(&other)), (fold(&one), other.clone()), (one.clone(), fold(&other))] {
        // when they are merged
        merge(&mut target, &source, &LedgerLimits::default());
        // then page views add up, and what is one event is one
        assert_eq!((count(&target, "page_view"), count(&target, "sign_up"), count(&target, "login")), (10, 1, 1));
        assert_eq!(evaluate(&target, &B2C, START + Span::days(31)).visits, 3);
        assert_eq!(Lead::decode(&target.encode()).unwrap(), target);
        // and both imports are duplicates from now on
        let again = Touch { received: START + Span::days(31), ..server_touch("import", "sign_up", minute(0)) };
        assert_eq!(record(&mut target, again, &LedgerLimits::default()), Recorded::Duplicate);
    }
    let (mut target, source) = (fold(&one), fold(&other));
    merge(&mut target, &source, &LedgerLimits::default());
    assert_eq!(target.touches().iter().filter(|touch| touch.is_fold()).count(), 2);
}
