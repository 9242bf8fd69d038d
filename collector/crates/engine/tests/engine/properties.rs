//! Properties: what holds for every ledger.

use crate::common::{START, model, touch};
use engine::{
    Channel, Lead, LedgerLimits, Millis, Model, Points, SourceFacts, Span, StreamId, Touch, Trust, bound, evaluate,
    next_change, preset, record,
};
use proptest::prelude::*;
use std::sync::LazyLock;

/// A model with everything that can bend a score: both signs, caps, limits, expiry, both kinds of keep, thresholds apart.
static BENT: LazyLock<Model> = LazyLock::new(|| {
    model(
        r#"
version = 1
name = "bent"
half_life = "1d"
browser_cap = { points = 60, every = "1h" }
[[stages]]
name = "cold"
[[stages]]
name = "warm"
enter = ">= 20"
leave = "< 12.5"
[[stages]]
name = "hot"
enter = "> 45"
[[rules]]
id = "view"
when = { field = "event", eq = "page_view" }
points = 3.3
per = { times = 3, every = "2h" }
[[rules]]
id = "cart"
when = { field = "event", eq = "add_to_cart" }
points = 20
cap = 35
[[rules]]
id = "remove"
when = { field = "event", eq = "remove_from_cart" }
points = -12
half_life = "6h"
[[rules]]
id = "search"
when = { field = "event", eq = "search" }
points = 7
per = { times = 2 }
keep = "latest"
expires = "3d"
[[rules]]
id = "buy"
when = { field = "event", eq = "purchase" }
points = 9
half_life = "none"
[[rules]]
id = "back"
when = { all = [{ field = "event", eq = "page_view" }, { sequence = [{ field = "event", eq = "search" }, { field = "event", eq = "page_view" }], within = "2h" }] }
points = 2
"#,
    )
});

static B2C: LazyLock<Model> = LazyLock::new(|| model(preset("b2c").unwrap()));

const NAMES: [&str; 6] = ["page_view", "add_to_cart", "remove_from_cart", "search", "purchase", "view_cart"];

/// Touches of a few days; ids repeat, so that copies and conflicts occur.
fn touches(most: usize) -> impl Strategy<Value = Vec<Touch>> {
    let one = (0..40_u8, 0..NAMES.len(), 0..4 * 86_400_i64, 0..3_u8, 0..4_u8, 0..600_i64).prop_map(
        |(id, name, second, stream, kind, delay)| {
            let time = START + Span::seconds(second);
            Touch {
                received: time + Span::seconds(delay),
                trust: [Trust::Browser, Trust::Browser, Trust::Page, Trust::Server][usize::from(kind)],
                stream: StreamId::parse(&format!("stream-{stream}")).unwrap(),
                source: SourceFacts {
                    channel: Channel::Organic,
                    campaign: (kind == 1).then(|| "zomer".into()),
                    ..SourceFacts::default()
                },
                transaction: (name == 4).then(|| format!("T-{}", id % 3).as_str().into()),
                ..touch(&format!("t{id}"), NAMES[name], time)
            }
        },
    );
    prop::collection::vec(one, 0..most)
}

fn lead(touches: &[Touch]) -> Lead {
    let mut lead = Lead::default();
    for touch in touches {
        record(&mut lead, touch.clone(), &LedgerLimits::default());
    }
    lead
}

/// The instant from which a story is looked at: after all of it.
fn end() -> Millis {
    START + Span::days(4)
}

/// How many ledgers each property is tried on: `PROPTEST_CASES`, else 500.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(500)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn recording_is_idempotent_and_order_independent(
        (touches, shuffled) in touches(30).prop_flat_map(|touches| {
            let twice: Vec<_> = touches.iter().chain(&touches).cloned().collect();
            (Just(touches), Just(twice).prop_shuffle())
        }),
    ) {
        prop_assert_eq!(lead(&touches).encode(), lead(&shuffled).encode());
    }

    #[test]
    fn distinct_touches_beyond_the_limit_are_kept_alike_in_any_order(
        (touches, shuffled) in touches(30).prop_flat_map(|mut touches| {
            for (number, touch) in touches.iter_mut().enumerate() {
                touch.id = engine::TouchId::parse(&format!("n{number}")).unwrap();
            }
            (Just(touches.clone()), Just(touches).prop_shuffle())
        }),
        limit in 1..12_usize,
    ) {
        let limits = LedgerLimits { touches: limit, ..LedgerLimits::default() };
        let keep = |touches: &[Touch]| {
            let mut lead = Lead::default();
            for touch in touches {
                record(&mut lead, touch.clone(), &limits);
            }
            lead.encode()
        };
        prop_assert_eq!(keep(&touches), keep(&shuffled));
    }

    #[test]
    fn a_lead_reads_back(touches in touches(30)) {
        let lead = lead(&touches);
        prop_assert_eq!(Lead::decode(&lead.encode()).unwrap(), lead);
    }

    #[test]
    fn decoding_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let framed = [&[1, 0][..], &bytes].concat();
        for input in [&bytes, &framed] {
            if let Ok(lead) = Lead::decode(input) {
                let _evaluated = evaluate(&lead, &BENT, Millis(i64::MAX));
            }
        }
    }

    #[test]
    fn damaged_leads_never_panic(touches in touches(6), damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5)) {
        let mut bytes = lead(&touches).encode();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(lead) = Lead::decode(&bytes) {
            let _evaluated = evaluate(&lead, &BENT, end());
            let _forecast = next_change(&lead, &B2C, end());
        }
    }

    #[test]
    fn the_score_is_the_sum_of_its_lines_and_no_line_grows(touches in touches(40), seconds in 0..20 * 86_400_i64) {
        for model in [&*BENT, &*B2C] {
            let lead = lead(&touches);
            let at = end() + Span::seconds(seconds);
            let evaluation = evaluate(&lead, model, at);
            let sum: Points = evaluation.lines.iter().map(|line| line.points_now).sum();
            prop_assert_eq!(evaluation.score, sum);
            // The bound over an instant is the score by the other way of computing it.
            prop_assert_eq!(evaluation.score, bound(&lead, model, at, at));
            for line in evaluation.lines.iter().rev().take(6) {
                prop_assert!(line.points_now.0.abs() <= line.points_then.0.abs(), "{:?}", line);
                if let Some((next, points)) = line.next_change {
                    let same = |other: &&engine::Line| (&other.cause, &other.rule, other.time) == (&line.cause, &line.rule, line.time);
                    let now = |at| evaluate(&lead, model, at).lines.iter().find(same).map_or(Points::ZERO, |line| line.points_now);
                    prop_assert_eq!((now(next), now(next - Span(1))), (points, line.points_now));
                    prop_assert!(points.0.abs() < line.points_now.0.abs(), "{:?}", line);
                }
            }
        }
    }

    #[test]
    fn the_next_change_is_exact(touches in touches(25), probes in prop::collection::vec(0..1_000_000_u64, 8)) {
        for model in [&*BENT, &*B2C] {
            let lead = lead(&touches);
            let now = evaluate(&lead, model, end());
            let probe = |from: Millis, until: Millis, part: u64| {
                let width = u64::try_from(until.0 - from.0).unwrap();
                Millis(from.0 + i64::try_from(u128::from(width) * u128::from(part) / 1_000_000).unwrap())
            };
            match next_change(&lead, model, end()) {
                Some(change) => {
                    let there = evaluate(&lead, model, change.at);
                    prop_assert!(change.at > now.at);
                    prop_assert_eq!(now.stage, change.from_stage);
                    prop_assert_ne!(change.to_stage, change.from_stage);
                    prop_assert_eq!((there.stage, there.since, there.score), (change.to_stage, change.at, change.score));
                    prop_assert_eq!(evaluate(&lead, model, change.at - Span(1)).stage, now.stage);
                    for &part in &probes {
                        let at = probe(now.at, change.at - Span(1), part);
                        prop_assert_eq!(evaluate(&lead, model, at).stage, now.stage, "at {:?}", at);
                    }
                }
                None => {
                    for &part in &probes {
                        let at = probe(now.at, now.at + Span::days(90), part);
                        prop_assert_eq!(evaluate(&lead, model, at).stage, now.stage, "at {:?}", at);
                    }
                }
            }
        }
    }

    #[test]
    fn a_bound_is_never_exceeded_and_always_reached(touches in touches(25), hours in 1..200_i64, part in 0..1_000_i64) {
        let (lead, until) = (lead(&touches), end() + Span::minutes(hours * 60));
        let highest = bound(&lead, &BENT, end(), until);
        let inside = Millis(end().0 + (until.0 - end().0) / 1_000 * part);
        prop_assert!(evaluate(&lead, &BENT, inside).score <= highest);
        // Points change at whole seconds after a touch, all of which lie on whole seconds here.
        let reached = |at: Millis| evaluate(&lead, &BENT, at).score == highest;
        let mut at = end();
        let mut found = reached(at);
        while !found && at < until {
            let next = evaluate(&lead, &BENT, at).lines.iter().filter_map(|line| line.next_change).map(|(next, _)| next).min();
            let Some(next) = next else { break };
            at = next;
            found = at <= until && reached(at);
        }
        prop_assert!(found, "{} is never reached", highest);
    }

    #[test]
    fn since_is_when_the_stage_last_changed(touches in touches(25), seconds in 0..10 * 86_400_i64) {
        // given a ledger, seen at an instant after all of it
        let (lead, at) = (lead(&touches), end() + Span::seconds(seconds));
        let evaluation = evaluate(&lead, &BENT, at);
        // then at the instant named, with what had happened by then, the stage was the same, and not just before
        let then = |instant: Millis| {
            let known: Vec<_> = lead.touches().iter().filter(|touch| touch.time <= instant).cloned().collect();
            evaluate(&self::lead(&known), &BENT, instant)
        };
        // (a purchase told twice counts as its most trusted telling, which a part of the ledger may not hold)
        let told_twice = touches.iter().any(|touch| touch.transaction.is_some());
        if !told_twice && evaluation.why != engine::StageCause::Initial {
            prop_assert_eq!(then(evaluation.since).stage, evaluation.stage);
            prop_assert_ne!(then(evaluation.since - Span(1)).stage, evaluation.stage);
        }
    }
}
