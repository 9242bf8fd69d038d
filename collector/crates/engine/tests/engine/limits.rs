//! How often a visitor sees offers: each limit, its reason, and the moment from which it is no reason any more.

use crate::common::{START, add, at_page, decide_at, lead, minute, model, offer_touch, on_page, site, touch};
use engine::model::Budget;
use engine::{
    Considered, Lead, Millis, Model, Moment, OfferId, Reason, SiteFacts, Slot, Span, StreamId, Touch, Withheld,
};
use proptest::prelude::*;

/// Two offers that interrupt and one in the page, each as often as anybody likes, and what a model says beside.
fn shop(policy: &str, one: &str) -> Model {
    model(&text(policy, one))
}

fn text(policy: &str, one: &str) -> String {
    let offer = |id: &str, slot: &str, frequency: &str| {
        format!(
            "[[offers]]\nid = \"{id}\"\nslot = \"{slot}\"\ncontent.nl = {{ title = \"{id}\" }}\n{frequency}\ngoal = \"sign_up\"\n"
        )
    };
    let free = "frequency = { per_visitor = \"unlimited\", not_after_goal = false }";
    let one = if one.is_empty() { free } else { one };
    format!(
        "version = 1\nname = \"m\"\n[[stages]]\nname = \"cold\"\n[offers_policy]\n{policy}\n{}{}{}",
        offer("one", "popup", one),
        offer("two", "bar", free),
        offer("three", "home", free)
    )
}

/// A page of the device that every touch of these stories is of, with room for all three.
fn page() -> Moment {
    let slots = ["popup", "bar", "home"].map(|slot| Slot::parse(slot).unwrap());
    Moment { slots: slots.into(), stream: Some(StreamId::parse("stream-1").unwrap()), ..at_page("/") }
}

fn shown(number: u32, offer: &str, at: Millis) -> Touch {
    offer_touch(&format!("s{number}"), "offer_shown", offer, &format!("d{number}"), at)
}

fn closed(number: u32, offer: &str, at: Millis) -> Touch {
    offer_touch(&format!("c{number}"), "offer_dismissed", offer, &format!("d{number}"), at)
}

/// What is shown, and why something is not.
fn offers(lead: &Lead, model: &Model, now: Millis) -> Vec<String> {
    decide_at(lead, model, &page(), now).offers.iter().map(|chosen| chosen.offer.to_string()).collect()
}

fn considered(lead: &Lead, model: &Model, offer: &str, now: Millis) -> Option<Considered> {
    let moment = Moment { explain: true, ..page() };
    decide_at(lead, model, &moment, now).considered.into_iter().find(|one| one.offer.as_str() == offer)
}

/// Why an offer is refused at an instant, until when; and that it is not, from then on.
fn refused(lead: &Lead, model: &Model, offer: &str, now: Millis) -> (Reason, String, Millis) {
    let found = considered(lead, model, offer, now).unwrap_or_else(|| panic!("{offer} was not refused"));
    let until = found.until.unwrap_or_else(|| panic!("{found:?} has no end"));
    assert_eq!(considered(lead, model, offer, until - Span(1)).map(|one| one.reason), Some(found.reason));
    assert_ne!(considered(lead, model, offer, until).map(|one| one.reason), Some(found.reason));
    (found.reason, found.detail, until)
}

#[test]
fn an_offer_is_shown_so_often_in_a_visit_and_then_in_the_next() {
    let model = shop("", "frequency = { per_visitor = \"unlimited\", per_session = 2 }");
    // given a visit of half an hour in which it was shown twice, the second time told of twice
    let view = |id: &str, at| on_page("/", touch(id, "page_view", at));
    let mut lead = lead([view("a", START), shown(1, "one", minute(1)), shown(2, "one", minute(20))]);
    add(&mut lead, offer_touch("again", "offer_shown", "one", "d2", minute(20)));
    // then it is not shown again before nothing was heard for thirty minutes
    let detail = "shown 2 of 2 in this visit".to_owned();
    assert_eq!(refused(&lead, &model, "one", minute(21)), (Reason::ShownThisSession, detail.clone(), minute(50)));
    // and in the next visit it is, once more
    add(&mut lead, view("b", minute(60)));
    add(&mut lead, shown(3, "one", minute(61)));
    assert!(offers(&lead, &model, minute(62)).contains(&"one".to_owned()));
    add(&mut lead, shown(4, "one", minute(63)));
    assert_eq!(refused(&lead, &model, "one", minute(64)), (Reason::ShownThisSession, detail, minute(93)));
    // and another device has a visit of its own
    let elsewhere = Moment { stream: Some(StreamId::parse("stream-2").unwrap()), ..page() };
    assert!(decide_at(&lead, &model, &elsewhere, minute(64)).offers.iter().any(|one| one.offer.as_str() == "one"));
}

#[test]
fn an_offer_keeps_its_distance_from_itself() {
    let model = shop("", "frequency = { per_visitor = \"unlimited\", every = \"7d\", after_dismissal = \"30d\" }");
    let mut lead = lead([shown(1, "one", START)]);
    let week = START + Span::days(7);
    assert_eq!(
        refused(&lead, &model, "one", minute(1)),
        (Reason::ShownRecently, "shown less than 1w ago".to_owned(), week)
    );
    // when it was closed too, then what lasts longer is told
    add(&mut lead, closed(1, "one", minute(1)));
    let month = minute(1) + Span::days(30);
    let detail = "closed less than 30d ago".to_owned();
    assert_eq!(refused(&lead, &model, "one", minute(2)), (Reason::DismissedRecently, detail, month));
}

#[test]
fn in_one_answer_there_is_as_much_as_in_several() {
    // given nobody who has seen anything, then a gap, and a limit of a visit or a day, hold beside what the answer has
    for (policy, reason) in [
        ("min_gap = \"10m\"", Reason::MinGap),
        ("per_session = 1", Reason::SessionFull),
        ("per_visitor_per_day = 1", Reason::DayFull),
    ] {
        let model = shop(policy, "");
        assert_eq!(offers(&Lead::default(), &model, START), ["one", "three"], "{policy}");
        assert_eq!(considered(&Lead::default(), &model, "two", START).map(|one| one.reason), Some(reason));
    }
    assert_eq!(offers(&Lead::default(), &shop("", ""), START), ["one", "two", "three"]);
    assert_eq!(offers(&Lead::default(), &shop("per_session = 2", ""), START), ["one", "two", "three"]);
}

#[test]
fn a_visit_has_so_many_that_interrupt_and_in_the_page_there_is_no_limit() {
    let model = shop("per_session = 2", "");
    let visit = lead([
        shown(1, "one", START),
        shown(2, "three", minute(1)),
        // what another decision has chosen is about to be shown
        offer_touch("r", "gloed_reserved", "two", "d3", minute(2)),
    ]);
    let detail = "2 of 2 in this visit".to_owned();
    let found = considered(&visit, &model, "one", minute(3)).unwrap();
    assert_eq!((found.reason, found.detail, found.until), (Reason::SessionFull, detail, Some(minute(31))));
    assert_eq!(offers(&visit, &model, minute(3)), ["three"]);
}

/// Seen red with days of UTC.
#[test]
fn a_day_ends_at_midnight_of_the_sites_zone() {
    // given Amsterdam in summer: two hours ahead
    let site = SiteFacts { offsets: vec![(Millis(0), 7_200)], ..site() };
    let model = Model::parse(&text("per_visitor_per_day = 2", ""), &site).unwrap();
    // when two were shown on the 21st of September, the second one a minute before midnight
    let midnight = Millis(1_790_028_000_000);
    let visitor = lead([shown(1, "one", START), shown(2, "two", midnight - Span::minutes(1))]);
    // then there is nothing more until midnight, and on the 22nd there is
    let detail = "2 of 2 today".to_owned();
    assert_eq!(refused(&visitor, &model, "one", midnight - Span(1)), (Reason::DayFull, detail, midnight));
    assert_eq!(offers(&visitor, &model, midnight), ["one", "two", "three"]);
}

/// Seen red without doubling, and with clicks that change nothing.
#[test]
fn who_closes_offer_after_offer_is_left_alone_for_longer_each_time() {
    let model = shop("after_dismissal = \"1d\"", "");
    let day = |number: i64| START + Span::days(number);
    // given one that was closed, and another after that, and so on, each as soon as there is one again
    let mut lead = Lead::default();
    let mut at = START;
    for (number, away) in (1_u32..).zip([1, 2, 4, 8, 16, 32, 64, 64]) {
        let offer = if number % 2 == 1 { "one" } else { "two" };
        add(&mut lead, closed(number, offer, at));
        // told of again, it is closed once
        add(&mut lead, offer_touch(&format!("again{number}"), "offer_dismissed", offer, &format!("d{number}"), at));
        let (reason, detail, until) = refused(&lead, &model, "two", at + Span(1));
        assert_eq!((reason, until), (Reason::OffersDismissed, at + Span::days(away)));
        assert!(detail.starts_with(&format!("closed {number} in a row, the last less than ")), "{detail}");
        assert_eq!(offers(&lead, &model, at + Span(1)), ["three"]);
        at = until;
    }
    // when an offer is followed, then the next one that is closed is the first again
    for (number, name) in [(100, "offer_clicked"), (200, "sign_up")] {
        let decision = format!("d{number}");
        add(&mut lead, offer_touch(&format!("f{number}"), name, "one", &decision, at));
        // closing what was followed closes nothing
        add(&mut lead, closed(number, "one", at + Span(1)));
        assert_eq!(offers(&lead, &model, at + Span(2)), ["one", "two", "three"], "{name}");
        add(&mut lead, closed(number + 1, "one", at + Span(3)));
        assert_eq!(refused(&lead, &model, "one", at + Span(4)).2, at + Span(3) + Span::days(1));
        at = at + Span::days(2);
    }
    // and what lies in the page is nobody's interruption
    let inline = crate::common::lead([closed(1, "three", day(0))]);
    assert_eq!(offers(&inline, &model, day(0)), ["one", "two", "three"]);
}

#[test]
fn an_offer_that_there_is_none_of_gives_way_to_the_next() {
    let model = model(&format!(
        "{}[[offers]]\nid = \"next\"\nslot = \"popup\"\npriority = -1\ncontent.nl = {{ title = \"next\" }}\n",
        text("", "")
    ));
    let withheld = Withheld {
        offer: OfferId::parse("one").unwrap(),
        reason: Reason::BudgetSpent,
        detail: "budget of the day".to_owned(),
        until: Some(minute(9)),
    };
    let moment = Moment { withheld: vec![withheld], explain: true, ..page() };
    let decision = decide_at(&Lead::default(), &model, &moment, START);
    assert_eq!(decision.offers[0].offer.as_str(), "next");
    assert!(decision.budget_spent);
    let found = decision.considered.iter().find(|one| one.offer.as_str() == "one").unwrap();
    assert_eq!((found.reason, found.until), (Reason::BudgetSpent, Some(minute(9))));
}

/// One of two texts, for each of a list.
fn some_of(lines: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(any::<bool>(), lines.len())
        .prop_map(|picked| lines.iter().zip(picked).filter(|(_, picked)| *picked).map(|(line, _)| *line).collect())
}

/// Touches about offers within ten hours, some under the same decision.
fn met() -> impl Strategy<Value = Vec<Touch>> {
    const NAMES: [&str; 6] =
        ["page_view", "offer_shown", "offer_dismissed", "offer_clicked", "gloed_reserved", "sign_up"];
    let one =
        (prop::sample::select(&NAMES[..]), prop::sample::select(&["one", "two", "three"][..]), 0..6_u8, 0..600_i64);
    prop::collection::vec(one, 0..12).prop_map(|met| {
        let touch = |(number, (name, offer, decision, at)): (usize, (&str, &str, u8, i64))| {
            let touch = offer_touch(&format!("t{number}"), name, offer, &format!("d{decision}"), minute(at));
            if name == "page_view" { Touch { offer: None, decision: None, ..touch } } else { touch }
        };
        met.into_iter().enumerate().map(touch).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Seen red with an end of a gap that is a millisecond late.
    #[test]
    fn what_is_said_to_end_ends_then_and_not_before(
        policy in some_of(&[
            "min_gap = \"10m\"\n", "per_session = 2\n", "per_visitor_per_day = 3\n", "after_dismissal = \"1h\"\n",
        ]),
        frequency in some_of(&[", per_session = 1", ", every = \"2h\"", ", after_dismissal = \"3h\""]),
        touches in met(),
    ) {
        let model = shop(&policy, &format!("frequency = {{ per_visitor = \"unlimited\"{frequency} }}"));
        let (lead, now) = (lead(touches), minute(600));
        for offer in ["one", "two", "three"] {
            let Some(found) = considered(&lead, &model, offer, now) else { continue };
            let Some(until) = found.until else { continue };
            // Beside what one answer has there is nothing for as long as somebody asks.
            if found.detail.ends_with(" now") || found.detail.ends_with(" today") {
                continue;
            }
            prop_assert!(until > now, "{:?}", found);
            prop_assert!(considered(&lead, &model, offer, until - Span(1)).is_some(), "{:?}", found);
            let then = considered(&lead, &model, offer, until);
            prop_assert!(then.is_none_or(|then| (then.reason, then.detail) != (found.reason, found.detail.clone())));
        }
    }
}

#[test]
fn budgets_are_numbers_and_amounts_above_zero() {
    let coupon = |cost: &str| format!("coupon = {{ kind = \"fixed\", code = \"A\", reveal = \"shown\"{cost} }}");
    let budget = |text: &str| format!("{}\nbudget = {{ {text} }}", coupon(", cost = \"5.00\""));
    let read = shop("budget = { per_day = 7 }", &budget("total = 10, money_per_day = \"50.00\""));
    let all = Budget { per_day: Some(7), ..Budget::default() };
    let own = Budget { total: Some(10), money_per_day: Some(5_000), ..Budget::default() };
    assert_eq!((read.offers_policy.budget, read.offers[0].budget), (all, own));
    assert_eq!(
        (all.counts_times(), all.counts_money(), own.counts_times(), own.counts_money()),
        (true, false, true, true)
    );
    let faults = |policy: &str, one: &str| {
        let told = Model::parse(&text(policy, one), &site()).unwrap_err();
        told.iter().map(|fault| format!("{}: {} ({})", fault.path, fault.found, fault.allowed)).collect::<Vec<_>>()
    };
    let number = "a whole number from 1 to 1000000000";
    assert_eq!(faults("", &budget("total = 0")), [format!("offers[0].budget.total: 0 ({number})")]);
    let amount = "an amount above 0 in the site's currency, such as \"500.00\"";
    assert_eq!(
        faults("budget = { money_total = \"0\" }", ""),
        [format!("offers_policy.budget.money_total: \"0\" ({amount})")]
    );
    assert_eq!(faults("per_session = 0", ""), ["offers_policy.per_session: 0 (a whole number from 1 to 1000)"]);
    // money is counted by what a code costs at most, so that must be known
    let money = "budget = { money_total = \"50.00\" }";
    let counts = "a budget of money counts it";
    assert_eq!(
        faults("", &format!("{}\n{money}", coupon(""))),
        [format!("offers[0].coupon.cost: nothing (what a used code costs: {counts})")]
    );
    assert_eq!(
        faults(money, &coupon(", cost = \"10%\"")),
        [format!("offers[0].coupon.at_most: nothing (the most that a used code costs: {counts})")]
    );
    assert_eq!(
        faults("", money),
        ["offers[0].budget: a budget of money, and no coupon (total and per_day: only a code costs money)"]
    );
}
