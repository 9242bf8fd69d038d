//! Properties: what holds for every ledger under every model.
//!
//! `PROPTEST_CASES` says how many sequences each is tried on; without it, ten thousand.

use crate::common::START;
use crate::random::{distinct, models, touches};
use crate::reference::Replay;
use engine::{
    Cause, Evaluation, Lead, LedgerLimits, Line, Millis, Model, Points, Span, Touch, Trust, bound, evaluate,
    next_change, next_notice, record,
};
use proptest::prelude::*;

fn lead<'t>(touches: impl IntoIterator<Item = &'t Touch>) -> Lead {
    let mut lead = Lead::default();
    for touch in touches {
        record(&mut lead, touch.clone(), &LedgerLimits::default());
    }
    lead
}

/// The instant from which a story is looked at: after all of it.
fn end() -> Millis {
    START + Span::days(2)
}

/// An instant after the story: soon, later, or long after.
fn later() -> impl Strategy<Value = Millis> {
    prop_oneof![0..3_600_000_i64, 0..86_400_000_i64, 0..15 * 86_400_000_i64].prop_map(|span| end() + Span(span))
}

/// The instant so many millionths of the way from one to another.
fn between(from: Millis, until: Millis, part: u64) -> Millis {
    let width = u64::try_from(until.0 - from.0).unwrap();
    Millis(from.0 + i64::try_from(u128::from(width) * u128::from(part) / 1_000_000).unwrap())
}

fn sums(evaluation: &Evaluation) -> Vec<Points> {
    let of_score = |score| evaluation.lines.iter().filter(move |line| line.score == score);
    (0..evaluation.scores.len()).map(|score| of_score(score).map(|line| line.points_now).sum()).collect()
}

/// The line of `evaluation` that is the same as one of `own`. One of a limit begins with what it cuts, which another
/// evaluation may not have.
fn same<'e>(evaluation: &'e Evaluation, own: &Evaluation, line: &Line) -> Option<&'e Line> {
    let begin = |line: &Line| (!matches!(line.cause, Cause::Limit { .. })).then_some(line.time);
    let key = |of: &Evaluation, line: &Line| {
        (line.cause.clone(), line.rule.clone(), line.score, of.title(line).to_owned(), begin(line))
    };
    evaluation.lines.iter().find(|other| key(evaluation, other) == key(own, line))
}

/// How many sequences each property is tried on.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(10_000)
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
        (touches, shuffled) in touches(30).prop_flat_map(|touches| {
            let touches = distinct(touches);
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
    fn split_over_several_leads_and_merged_in_any_order_is_one_lead(
        touches in touches(30),
        places in prop::collection::vec(0..4_usize, 30),
        order in Just([0, 1, 2, 3]).prop_shuffle(),
    ) {
        // given a person whose touches arrive under several ids
        let external: Vec<_> = touches.into_iter().filter(|touch| touch.trust < Trust::Product).collect();
        let part = |number: usize| {
            let own = external.iter().zip(&places).filter(move |(_, place)| **place == number);
            lead(own.map(|(touch, _)| touch))
        };
        // when the parts are recorded into one, in any order, each in its own order
        let merged = lead(order.map(part).iter().flat_map(Lead::touches));
        // then it is the lead that would have been
        prop_assert_eq!(merged.encode(), lead(&external).encode());
    }

    #[test]
    fn a_lead_reads_back(touches in touches(30)) {
        let lead = lead(&touches);
        prop_assert_eq!(Lead::decode(&lead.encode()).unwrap(), lead);
    }

    #[test]
    fn decoding_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), written in models()) {
        let framed = [&[1, 0][..], &bytes].concat();
        for input in [&bytes, &framed] {
            if let Ok(lead) = Lead::decode(input) {
                let _evaluated = evaluate(&lead, &written.model, Millis(i64::MAX));
                let _forecast = next_change(&lead, &written.model, Millis(i64::MAX));
            }
        }
    }

    #[test]
    fn damaged_leads_never_panic(
        touches in touches(6),
        written in models(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let mut bytes = lead(&touches).encode();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(lead) = Lead::decode(&bytes) {
            let _evaluated = evaluate(&lead, &written.model, end());
            let _forecast = next_change(&lead, &written.model, end());
        }
    }

    #[test]
    fn each_score_is_the_sum_of_its_lines_after_every_touch(
        touches in touches(14), written in models(), at in later(),
    ) {
        let mut lead = Lead::default();
        for touch in touches {
            record(&mut lead, touch, &LedgerLimits::default());
            let evaluation = evaluate(&lead, &written.model, lead.last_touched().unwrap_or(at));
            prop_assert_eq!(sums(&evaluation), &evaluation.scores[..]);
        }
        let evaluation = evaluate(&lead, &written.model, at);
        prop_assert_eq!(sums(&evaluation), &evaluation.scores[..]);
        prop_assert_eq!(evaluation.score, evaluation.scores[0]);
        // The bound over an instant is the score by another way of computing it.
        prop_assert_eq!(evaluation.score, bound(&lead, &written.model, at, at));
    }

    #[test]
    fn scores_stage_and_since_are_those_of_the_reference(
        touches in touches(16), written in models(), at in later(), early in 0..200_i64,
    ) {
        let lead = lead(&touches);
        // Also an instant in the middle of the story: what is known then is a ledger of its own.
        let until = START + Span::minutes(early * 15);
        let known = self::lead(lead.touches().iter().filter(|touch| touch.time <= until));
        for (lead, at) in [(&lead, at), (&known, until)] {
            let evaluation = evaluate(lead, &written.model, at);
            let reference = Replay::new(lead, &written.model, evaluation.at);
            prop_assert_eq!(&evaluation.scores, &reference.scores(evaluation.at));
            prop_assert_eq!((evaluation.stage, evaluation.since), reference.stage(evaluation.at));
        }
    }

    #[test]
    fn the_next_change_is_that_of_the_reference(touches in touches(10), written in models(), at in later()) {
        let lead = lead(&touches);
        match next_change(&lead, &written.model, at) {
            Some(change) => {
                let reference = Replay::new(&lead, &written.model, change.at);
                prop_assert_eq!(reference.next_change(at), Some((change.at, change.to_stage)));
                prop_assert_eq!(change.score, reference.scores(change.at)[0]);
            }
            None => {
                let reference = Replay::new(&lead, &written.model, at + Span::days(367));
                prop_assert_eq!(reference.next_change(at), None);
            }
        }
    }

    #[test]
    fn the_next_beginning_or_end_of_what_is_told_of_is_exact(
        touches in touches(14), written in models(), at in later(), probes in prop::collection::vec(0..1_000_000_u64, 4),
    ) {
        let (lead, model) = (lead(&touches), &written.model);
        let now = evaluate(&lead, model, at);
        let held = |at| evaluate(&lead, model, at).told_of;
        for (_, since) in &now.told_of {
            prop_assert!(*since <= now.at, "since {:?} at {:?}", since, now.at);
        }
        let until = match next_notice(&lead, model, &now) {
            Some(change) => {
                prop_assert!(change > now.at);
                prop_assert_ne!(held(change), now.told_of.clone());
                change - Span(1)
            }
            None => now.at + Span::days(90),
        };
        prop_assert_eq!(held(until), now.told_of.clone());
        for part in probes {
            let at = between(now.at, until, part);
            prop_assert_eq!(held(at), now.told_of.clone(), "at {:?}", at);
        }
    }

    #[test]
    fn the_next_change_is_exact(
        touches in touches(14), written in models(), at in later(), probes in prop::collection::vec(0..1_000_000_u64, 4),
    ) {
        let (lead, model) = (lead(&touches), &written.model);
        let now = evaluate(&lead, model, at);
        let stage = |at| evaluate(&lead, model, at).stage;
        let Some(change) = next_change(&lead, model, at) else {
            for part in probes {
                let at = between(now.at, now.at + Span::days(90), part);
                prop_assert_eq!(stage(at), now.stage, "at {:?}", at);
            }
            return Ok(());
        };
        let there = evaluate(&lead, model, change.at);
        prop_assert!(change.at > now.at);
        prop_assert_eq!(now.stage, change.from_stage);
        prop_assert_ne!(change.to_stage, change.from_stage);
        prop_assert_eq!((there.stage, there.since, there.score), (change.to_stage, change.at, change.score));
        prop_assert_eq!(stage(change.at - Span(1)), now.stage);
        let after = evaluate(&lead, model, change.at + Span(1));
        prop_assert!(after.since >= change.at);
        prop_assert!(after.stage == change.to_stage || after.since == change.at + Span(1));
        for part in probes {
            let at = between(now.at, change.at - Span(1), part);
            prop_assert_eq!(stage(at), now.stage, "at {:?}", at);
        }
    }

    #[test]
    fn a_line_never_grows_and_says_when_it_changes_next(
        touches in touches(14), written in models(), at in later(), parts in prop::collection::vec(0..1_000_000_u64, 4),
    ) {
        let (lead, model) = (lead(&touches), &written.model);
        let first = evaluate(&lead, model, at);
        for line in first.lines.iter().filter(|line| !matches!(line.cause, Cause::Limit { .. })) {
            prop_assert!(line.points_now.0.abs() <= line.points_then.0.abs(), "{:?}", line);
        }
        let mut instants: Vec<_> = parts.iter().map(|part| between(first.at, first.at + Span::days(3), *part)).collect();
        instants.sort_unstable();
        let mut before = first.clone();
        for at in instants {
            let next = evaluate(&lead, model, at);
            for line in next.lines.iter().filter(|line| !matches!(line.cause, Cause::Limit { .. })) {
                let was = same(&before, &next, line).map(|line| line.points_now.0.abs());
                // A line that was not there before began in between.
                prop_assert!(was.map_or(line.time > before.at, |was| line.points_now.0.abs() <= was), "{:?}", line);
            }
            before = next;
        }
        for line in first.lines.iter().take(3).chain(first.lines.iter().rev().take(2)) {
            let Some((next, points)) = line.next_change else { continue };
            let now = |at| same(&evaluate(&lead, model, at), &first, line).map_or(Points::ZERO, |line| line.points_now);
            // A state may end or begin before then; it is no part of what a line foresees.
            if model.rules.iter().all(|rule| matches!(rule.basis, engine::model::Basis::Touch(_))) {
                prop_assert_eq!((now(next), now(next - Span(1))), (points, line.points_now), "{:?}", line);
            }
        }
    }

    #[test]
    fn a_bound_is_never_exceeded(
        touches in touches(14), written in models(), at in later(), minutes in 1..20_000_i64,
        parts in prop::collection::vec(0..1_000_000_u64, 4),
    ) {
        let (lead, model) = (lead(&touches), &written.model);
        let until = at + Span::minutes(minutes);
        let highest = bound(&lead, model, at, until);
        let changes = evaluate(&lead, model, at).lines.into_iter().filter_map(|line| Some(line.next_change?.0));
        let instants = changes.filter(|next| *next <= until).take(4).collect::<Vec<_>>();
        for inside in parts.iter().map(|part| between(at, until, *part)).chain(instants) {
            let score = evaluate(&lead, model, inside).score;
            prop_assert!(score <= highest, "{} at {:?} is above {}", score, inside, highest);
        }
    }
}

/// Where everything only cools the bound is reached at once.
#[test]
fn a_bound_of_what_only_cools_is_the_score_now() {
    let model: Model = crate::common::model(engine::preset("b2c").unwrap());
    let touch = crate::common::touch("a", "add_to_cart", START);
    let lead = lead([&touch]);
    assert_eq!(bound(&lead, &model, START, end()), evaluate(&lead, &model, START).score);
}
