//! The case `b2b`: a supplier that sells to companies, slowly.

use crate::common::{START, add, lead, minute, model, on_page, server_touch, text, touch, with};
use engine::model::{Basis, Effect};
use engine::{
    Currency, Lead, Millis, Model, Money, Points, Scalar, Span, Touch, Trust, evaluate, next_change, presets,
};

fn b2b() -> Model {
    model(presets::find("b2b").unwrap())
}

/// Everything that a page can tell of, and some of it as a server would.
fn anything(id: &str, number: usize, at: Millis) -> Touch {
    let pages = ["/", "/pricing", "/cases/acme", "/webinars/autumn", "/product/pump", "/quote"];
    let names = [
        "page_view",
        "view_item",
        "search",
        "file_download",
        "generate_lead",
        "form_submit",
        "sign_up",
        "chat",
        "add_to_cart",
        "view_cart",
        "begin_checkout",
        "purchase",
        "view_search_results",
    ];
    let form = if number.is_multiple_of(2) { "quote" } else { "contact" };
    let seen = with([("form", text(form))], touch(id, names[number % names.len()], at));
    Touch {
        trust: if number % 7 == 3 { Trust::Server } else { Trust::Browser },
        value: Some(Money::parse("9000.00", Currency::EUR).unwrap()),
        ..on_page(pages[number % pages.len()], seen)
    }
}

#[test]
fn b2b_one_visit_never_reaches_the_stage_that_tells_sales_however_long_it_is() {
    let model = b2b();
    // given a visitor who comes by a mail and then does everything there is to do, for ten hours on end
    let mail = [server_touch("o", "email_open", START), server_touch("c", "email_click", START)];
    let visit = (0..600).map(|number| anything(&format!("s:{number}"), number, minute(i64::try_from(number).unwrap())));
    let mut ledger = Lead::default();
    for (number, touch) in mail.into_iter().chain(visit).enumerate() {
        let at = touch.time;
        add(&mut ledger, touch);
        // then sales hears of none of it
        if number % 20 == 0 || number > 590 {
            let evaluation = evaluate(&ledger, &model, at);
            assert_eq!(evaluation.stage_name, "cold", "after {number} touches, at {}", evaluation.score);
            assert!(evaluation.visits <= 1, "a second visit");
        }
    }
    assert!(evaluate(&ledger, &model, minute(600)).score > Points::whole(30), "the visit counts for something");
    // but when the visitor comes back the next day, it does
    add(&mut ledger, on_page("/pricing", touch("t:1", "page_view", START + Span::days(1))));
    assert_eq!(evaluate(&ledger, &model, START + Span::days(1)).stage_name, "warm");
}

#[test]
fn b2b_the_groups_of_one_visit_stay_below_warm() {
    // The sum that the preset's comments promise, so that a change of one number is noticed.
    let model = b2b();
    let caps = ["reading", "documents", "asking"].map(|id| {
        let group = model.groups.iter().find(|group| group.id == id).unwrap();
        group.cap.unwrap()
    });
    let warm = model.stages.iter().nth(1).unwrap().enter.unwrap();
    assert!(!warm.holds(caps.into_iter().sum()));
    // and every rule that gives for what a page can tell of is in one of them
    for rule in &model.rules {
        let Basis::Touch(basis) = &rule.basis else { continue };
        let outside = rule.group.is_none() && !matches!(basis.effect, Effect::HandBack);
        assert!(!outside || rule.id.as_str() == "careers_page", "{} is in no group", rule.id);
    }
}

#[test]
fn b2b_points_halve_in_weeks_and_a_stage_is_kept_for_a_day() {
    let model = b2b();
    assert_eq!(model.half_life, Some(Span::days(28)));
    let mut ledger = lead([
        on_page("/cases/acme", touch("a:1", "page_view", START)),
        touch("a:2", "file_download", minute(1)),
        touch("a:3", "file_download", minute(2)),
    ]);
    add(&mut ledger, with([("form", text("quote"))], touch("a:4", "generate_lead", START + Span::days(2))));
    add(&mut ledger, server_touch("w", "webinar", START + Span::days(3)));
    let now = START + Span::days(3);
    assert_eq!(evaluate(&ledger, &model, now).stage_name, "warm");
    // the next change is weeks away
    let change = next_change(&ledger, &model, now).unwrap();
    assert_eq!(model.stages.name(change.to_stage), "cold");
    assert!(change.at.since(now) > Span::days(7), "{:?}", change.at.since(now));
    assert_eq!(evaluate(&ledger, &model, change.at - Span(1)).stage_name, "warm");
    assert_eq!(evaluate(&ledger, &model, change.at).stage_name, "cold");
}

#[test]
fn b2b_downloads_and_quotes_weigh_and_cold_can_fit() {
    let model = b2b();
    let score = |touch: Touch| evaluate(&lead([touch]), &model, START).score;
    let quote = score(with([("form", text("quote"))], touch("q", "generate_lead", START)));
    let download = score(touch("d", "file_download", START));
    let view = score(touch("v", "page_view", START));
    assert!(quote > download && download > view && view > Points::ZERO, "{quote} {download} {view}");
    // given a company that fits and has done nothing yet
    let facts = with(
        [
            ("authority", Scalar::Boolean(true)),
            ("budget", Scalar::Boolean(true)),
            ("company_size", Scalar::Integer(120)),
            ("contract_end", text("2026-11-01")),
            ("industry", text("logistics")),
            ("job_title", text("Hoofd inkoop")),
            ("need", Scalar::Boolean(true)),
            ("seniority", text("manager")),
        ],
        server_touch("crm", "set_attributes", START),
    );
    let known = lead([Touch { country: Some("NL".into()), ..facts }]);
    let evaluation = evaluate(&known, &model, START);
    // then it is cold, and fits: 15 + 15 + 5 + 10 + 10 + 10 + 10 + 10 + 10
    assert_eq!((evaluation.stage_name.as_str(), evaluation.score), ("cold", Points::ZERO));
    assert_eq!(evaluation.scores, [Points::ZERO, Points::whole(95)]);
    // and when its contract has ended, that part ends
    let after = evaluate(&known, &model, Millis(START.0 + Span::days(60).0));
    assert_eq!(after.scores[1], Points::whole(85));
    // a student fits less than nothing, which is nothing
    let student = with([("job_title", text("Student"))], server_touch("crm", "set_attributes", START));
    assert_eq!(evaluate(&lead([student]), &model, START).scores[1], Points::ZERO);
}

#[test]
fn b2b_visiting_the_cart_outweighs_opening_a_mail_in_every_preset() {
    for name in presets::NAMES {
        let model = model(presets::find(name).unwrap());
        let score = |touch: Touch| evaluate(&lead([touch]), &model, START).score;
        let cart = score(touch("a", "view_cart", START));
        let opened = score(server_touch("a", "email_open", START));
        assert!(cart > opened && opened > Points::ZERO, "{name}: {cart} and {opened}");
    }
}

#[test]
fn b2b_who_is_silent_for_two_months_is_so_however_often_the_shop_s_systems_write() {
    let model = b2b();
    let silent = |touches: Vec<Touch>| {
        let last = touches.iter().map(|touch| touch.time).max().unwrap();
        let lines = evaluate(&lead(touches), &model, last).lines;
        lines.iter().any(|line| line.rule.as_ref().is_some_and(|rule| rule.as_str() == "silent"))
    };
    let visit = || on_page("/cases/acme", touch("v", "page_view", START));
    let day = |number: i64| START + Span::days(number);
    // given somebody of whom a customer system, a mail tool or the books write every night
    for name in ["set_attributes", "label_added", "label_removed", "call_outcome", "refund", "email_sent"] {
        let nightly = (1..=60).map(|night| server_touch(&format!("n{night}"), name, day(night)));
        assert!(silent(nightly.chain([visit()]).collect()), "{name}");
    }
    // whereas who opens a mail, or fills in a form about themselves, is not silent
    let written = || server_touch("n", "set_attributes", day(61));
    assert!(!silent(vec![visit(), server_touch("o", "email_open", day(30)), written()]));
    assert!(!silent(vec![visit(), touch("f", "set_attributes", day(30)), written()]));
}
