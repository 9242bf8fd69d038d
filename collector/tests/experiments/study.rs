//! Results over ledgers: who counts, for what, in which group.

use collector::study::{ExperimentReport, Experiments, GroupRow, Verdict};
use engine::{Currency, Lead, Millis, Model, Money, Scalar, Span, Text, Trust};

use crate::shop::{LATER, START, Visitor, model};

fn report(model: &Model, leads: &[Lead], now: Millis) -> ExperimentReport {
    let mut study = Experiments::new(model, START, now);
    leads.iter().for_each(|lead| study.add(lead));
    study.finish().offers.remove(0)
}

fn row<'r>(report: &'r ExperimentReport, variant: &str) -> &'r GroupRow {
    report.groups.iter().find(|row| row.variant == variant).unwrap()
}

/// Somebody who is shown the offer.
fn shown(model: &Model) -> Visitor {
    let mut visitor = Visitor::new(Visitor::numbers(5_000..10_000).next().unwrap(), false);
    assert_eq!(visitor.meets(model, 1).as_deref(), Some("default"));
    visitor
}

#[test]
fn an_order_counts_with_what_is_left_of_it_and_what_its_code_cost() {
    let model = model("holdout = \"50%\"", "");
    let mut buyer = shown(&model);
    buyer.buys(9_000, "ten", 2);
    let report = report(&model, &[buyer.lead], LATER);
    let row = row(&report, "default");
    // Of 100.00 of which 60.00 goes to what was sold, ten percent off leaves 30.00.
    assert_eq!((row.buyers, row.orders, row.revenue, row.cost, row.margin), (1, 1, 9_000, 1_000, Some(3_000)));
}

/// Seen red with orders of any trust, with no end of the window, and with orders before the offer.
#[test]
fn only_a_servers_orders_within_the_window_after_the_offer_count() {
    let model = model("holdout = \"50%\"", "");
    let counted = |change: &dyn Fn(&mut Visitor)| {
        let mut buyer = shown(&model);
        change(&mut buyer);
        let report = report(&model, &[buyer.lead], LATER);
        (row(&report, "default").orders, row(&report, "default").revenue)
    };
    let week = 7 * 24 * 60;
    assert_eq!(counted(&|buyer| buyer.buys(5_000, "", week)), (1, 5_000));
    assert_eq!(counted(&|buyer| buyer.buys(5_000, "", week + 2)), (0, 0));
    assert_eq!(counted(&|buyer| buyer.buys(5_000, "", 0)), (0, 0));
    let value = |minor| Some(Money { minor, currency: Currency::EUR });
    assert_eq!(counted(&|buyer| buyer.does("purchase", 2, |touch| touch.value = value(5_000))), (0, 0));
    // one order that two tell of is one, and what goes back is taken off
    let transaction = || Some(Text::cut("1"));
    let order = |buyer: &mut Visitor, name: &str, minor, trust| {
        buyer.does(name, 2, |touch| {
            touch.trust = trust;
            touch.value = value(minor);
            touch.transaction = transaction();
        });
    };
    assert_eq!(
        counted(&|buyer| {
            order(buyer, "purchase", 6_000, Trust::Server);
            order(buyer, "purchase", 99_000, Trust::Page);
            order(buyer, "refund", 1_500, Trust::Server);
        }),
        (1, 4_500)
    );
}

#[test]
fn a_visitor_counts_once_their_time_is_up_and_nothing_changes_afterwards() {
    let model = model("holdout = \"50%\"", "");
    let mut buyer = shown(&model);
    buyer.buys(5_000, "", 3);
    let week = START + Span::days(7);
    let at = |now: Millis| {
        let report = report(&model, std::slice::from_ref(&buyer.lead), now);
        (row(&report, "default").exposed, row(&report, "default").settled, row(&report, "default").orders)
    };
    assert_eq!(at(week), (1, 0, 0));
    assert_eq!(at(week + Span::minutes(1)), (1, 1, 1));
    assert_eq!(at(week + Span::days(9)), (1, 1, 1));
}

#[test]
fn who_is_held_out_counts_when_the_offer_would_have_been_shown_and_reaches_the_goal_by_themselves() {
    let model = model("holdout = \"50%\"", "");
    let mut held = Visitor::new(Visitor::numbers(0..5_000).next().unwrap(), true);
    assert_eq!(held.meets(&model, 1).as_deref(), Some("holdout"));
    held.does("sign_up", 5, |_| ());
    let mut through = shown(&model);
    through.does("sign_up", 5, |touch| touch.offer = engine::OfferId::parse("ten").ok());
    // and somebody for whom it was reserved and not shown
    let mut left = Visitor::new(Visitor::numbers(5_000..10_000).nth(1).unwrap(), false);
    left.asks(&model, 1);
    let report = report(&model, &[held.lead, through.lead, left.lead], LATER);
    let of = |variant: &str| {
        (row(&report, variant).exposed, row(&report, variant).goals, row(&report, variant).through_offer)
    };
    assert_eq!((of("holdout"), of("default")), ((1, 1, 0), (1, 1, 1)));
    let bands: Vec<_> = report.bands.iter().map(|band| (band.stage.as_str(), band.groups[0].exposed)).collect();
    assert_eq!(bands, [("cold", 0), ("hot", 1)]);
}

#[test]
fn visitors_who_were_divided_otherwise_are_left_out_and_it_is_said() {
    let before = model("holdout = \"50%\"", "");
    let after = model("holdout = \"10%\"", "");
    let mut new = Visitor::new(Visitor::numbers(5_000..10_000).nth(1).unwrap(), false);
    new.meets(&after, 1);
    let report = report(&after, &[shown(&before).lead, new.lead], LATER);
    assert_eq!((report.divided_otherwise, row(&report, "default").exposed), (1, 1));
}

/// Seen red with groups compared without a look at their sizes.
#[test]
fn groups_that_are_not_as_large_as_they_should_be_are_refused_a_verdict() {
    let model = model("holdout = \"50%\"", "");
    let crowd = |held: usize, shown: usize| {
        let all = Visitor::numbers(0..5_000).take(held).chain(Visitor::numbers(5_000..10_000).take(shown));
        let met = |number| {
            let mut visitor = Visitor::new(number, false);
            visitor.meets(&model, 1);
            visitor.lead
        };
        report(&model, &all.map(met).collect::<Vec<_>>(), LATER)
    };
    assert_eq!(crowd(100, 100).verdict, Verdict::TooEarly { visitors: None });
    let lost = crowd(60, 140);
    assert!(lost.sample_ratio.mismatch);
    assert_eq!(lost.verdict, Verdict::SampleRatio);
    assert!(lost.groups.iter().all(|row| row.verdict.is_none_or(|verdict| verdict == Verdict::SampleRatio)));
}

/// Seen red with an impression of any decision.
#[test]
fn without_a_holdout_there_is_no_verdict_and_forged_variants_change_nothing() {
    let without = model("holdout = \"0%\"", "");
    assert_eq!(report(&without, &[shown(&without).lead], LATER).verdict, Verdict::NoHoldout);
    // given a page that says that it was held out
    let model = model("holdout = \"50%\"", "");
    let mut forging = shown(&model);
    forging.does("offer_shown", 2, |touch| {
        touch.offer = engine::OfferId::parse("ten").ok();
        touch.decision = engine::DecisionId::parse("d1").ok();
        touch.properties = [("variant".into(), Scalar::Text("holdout".into()))].into_iter().collect();
    });
    // and one that tells of an impression that no decision gave, beside one that was reserved and not shown
    let mut made_up = Visitor::new(Visitor::numbers(0..5_000).nth(2).unwrap(), false);
    made_up.asks(&model, 1);
    made_up.is_told_to_have_met("d9", 2);
    let report = report(&model, &[forging.lead, made_up.lead], LATER);
    assert_eq!((row(&report, "holdout").exposed, row(&report, "default").exposed), (0, 1));
}
