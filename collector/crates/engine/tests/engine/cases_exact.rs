//! The case `exact`: a programme of nurture mails that hands a lead to sales at twelve points.

use crate::common::{add, lead, minute, model, on_page, server_touch, stands, text, touch, with};
use engine::{
    Cause, Lead, Limit, Model, Points, Scalar, SourceFacts, StageCause, Touch, Trust, evaluate, next_change, presets,
};

fn exact() -> Model {
    model(presets::find("exact").unwrap())
}

/// What the mail tool tells of, so many minutes after the start.
fn mail(id: &str, name: &str, at: i64) -> Touch {
    server_touch(id, name, minute(at))
}

/// A click on the link with this id.
fn click(id: &str, link: &str, at: i64) -> Touch {
    with([("link", text(link))], mail(id, "email_click", at))
}

fn call(id: &str, outcome: &str, at: i64) -> Touch {
    with([("outcome", text(outcome))], server_touch(id, "call_outcome", minute(at)))
}

fn pricing(id: &str, at: i64) -> Touch {
    on_page("/pricing", touch(id, "page_view", minute(at)))
}

/// A form that somebody fills in: the page has seen them type.
fn form(id: &str, form: &str, at: i64) -> Touch {
    let sent = with([("form", text(form))], touch(id, "generate_lead", minute(at)));
    Touch { trust: Trust::Page, ..sent }
}

/// Attributes that the server, or with `touch` the browser, tells of.
fn customer(told: Touch) -> Touch {
    with([("customer", Scalar::Boolean(true))], told)
}

/// A lead with so many points: each mail opened gives one.
fn opened(count: i64) -> Lead {
    lead((0..count).map(|number| mail(&format!("o{number}"), "email_open", number)))
}

#[test]
fn exact_the_whole_programme_hands_over_twice_and_not_in_between() {
    let model = exact();
    let mut lead = Lead::default();
    let steps = [
        (mail("m1", "email_sent", 0), "0", "mql", "the first mail costs nothing"),
        (mail("m2", "email_open", 1), "1", "mql", "an open"),
        (mail("m3", "email_sent", 2), "0", "mql", "the second mail"),
        (click("m4", "white-paper", 3), "3", "mql", "a click"),
        (pricing("p1", 4), "12", "sql", "certain content"),
        (call("c1", "fruitless", 5), "0", "mql", "the call was fruitless"),
        (mail("m5", "email_open", 6), "1", "mql", "a small thing does not bounce it up again"),
        (click("m6", "call-back", 7), "9", "mql", "asked to be called back"),
        (mail("m7", "email_open", 8), "10", "mql", "another open"),
        (click("m8", "white-paper", 9), "13", "sql", "another click"),
    ];
    let mut handed_over = 0;
    let mut before = "mql".to_owned();
    for (number, (step, score, stage, what)) in (0_i64..).zip(steps) {
        // when the next thing happens
        add(&mut lead, step);
        // then score and stage are those of the programme
        assert_eq!(stands(&lead, &model, minute(number)), (score.to_owned(), stage.to_owned()), "{what}");
        handed_over += i32::from(before != "sql" && stage == "sql");
        before = stage.to_owned();
    }
    assert_eq!(handed_over, 2, "one notice for each crossing");
    // and nothing of it goes away by itself
    assert_eq!(next_change(&lead, &model, minute(9)), None);
}

#[test]
fn exact_eleven_is_marketings_twelve_and_thirteen_are_sales() {
    for (points, stage) in [(11, "mql"), (12, "sql"), (13, "sql")] {
        assert_eq!(stands(&opened(points), &exact(), minute(60)), (points.to_string(), stage.to_owned()));
    }
}

#[test]
fn exact_certain_content_raises_five_to_twelve_and_leaves_fourteen() {
    for (before, after) in [(0, "12"), (5, "12"), (14, "14")] {
        let mut lead = opened(before);
        add(&mut lead, pricing("p", 100));
        assert_eq!(stands(&lead, &exact(), minute(100)).0, after, "from {before}");
    }
    // and a page of another kind raises nothing
    let mut lead = opened(5);
    add(&mut lead, on_page("/blog/sepa", touch("p", "page_view", minute(100))));
    assert_eq!(stands(&lead, &exact(), minute(100)).0, "5");
}

#[test]
fn exact_further_mails_cost_a_point_while_marketing_has_the_lead_and_none_while_sales_has() {
    let model = exact();
    let sent = |count: i64| (0..count).map(|number| mail(&format!("s{number}"), "email_sent", number));
    assert_eq!(stands(&lead(sent(1)), &model, minute(9)).0, "0");
    assert_eq!(stands(&lead(sent(4)), &model, minute(9)).0, "-3");
    // a mail about an order is no nurture mail
    let service = with([("kind", text("service"))], mail("k", "email_sent", 8));
    assert_eq!(stands(&lead(sent(2).chain([service])), &model, minute(9)).0, "-1");
    // while sales has the lead, mails cost nothing
    let mut sql = opened(12);
    for number in 0..3 {
        add(&mut sql, mail(&format!("s{number}"), "email_sent", 60 + number));
    }
    assert_eq!(stands(&sql, &model, minute(70)), ("12".to_owned(), "sql".to_owned()));
    // and after the lead was handed back, the first one is free again
    add(&mut sql, call("c", "fruitless", 71));
    for (number, score) in [(72, "0"), (73, "-1")] {
        add(&mut sql, mail(&format!("s{number}"), "email_sent", number));
        assert_eq!(stands(&sql, &model, minute(number)), (score.to_owned(), "mql".to_owned()));
    }
}

#[test]
fn exact_the_call_back_link_counts_by_its_id_and_not_as_any_click() {
    let of = |link: &str| stands(&lead([click("a", link, 0)]), &exact(), minute(1)).0;
    assert_eq!((of("call-back"), of("white-paper"), of("call-back-terms")), ("8".into(), "3".into(), "3".into()));
}

#[test]
fn exact_a_known_customer_is_sales_at_six_and_only_the_server_can_say_who_is_one() {
    let model = exact();
    let known = |count, told: Touch| {
        let mut lead = opened(count);
        add(&mut lead, customer(told));
        stands(&lead, &model, minute(61)).1
    };
    let server = || server_touch("crm", "set_attributes", minute(60));
    assert_eq!((known(5, server()), known(6, server())), ("mql".to_owned(), "sql".to_owned()));
    assert_eq!(known(6, touch("forged", "set_attributes", minute(60))), "mql");
}

#[test]
fn exact_a_form_for_contact_or_a_quote_is_sales_at_once_and_one_for_a_download_is_not() {
    let model = exact();
    for (kind, stage) in [("contact", "sql"), ("quote", "sql"), ("download", "mql"), ("information", "mql")] {
        assert_eq!(
            stands(&lead([form("f", kind, 0)]), &model, minute(1)),
            ("0".to_owned(), stage.to_owned()),
            "{kind}"
        );
    }
    // one that nobody was seen to fill in is none
    let forged = Touch { trust: Trust::Browser, ..form("f", "quote", 0) };
    assert_eq!(stands(&lead([forged]), &model, minute(1)).1, "mql");
    // the stage says why, and a fruitless call ends it
    let mut asked = lead([form("f", "quote", 0)]);
    let StageCause::Touch { touch, rule } = evaluate(&asked, &model, minute(1)).why else { panic!("a touch") };
    assert_eq!((touch.as_str(), rule.as_str()), ("f", "sales_form"));
    add(&mut asked, call("c", "fruitless", 2));
    assert_eq!(stands(&asked, &model, minute(2)).1, "mql");
    assert!(matches!(evaluate(&asked, &model, minute(3)).why, StageCause::HandBack { .. }));
}

#[test]
fn exact_no_browser_hands_a_lead_back_and_none_gives_more_than_24_points_an_hour() {
    let model = exact();
    let mut lead = opened(12);
    let forged = with([("outcome", text("fruitless"))], touch("x", "call_outcome", minute(60)));
    add(&mut lead, forged);
    assert_eq!(stands(&lead, &model, minute(60)).1, "sql");
    let forge = |name: &'static str| {
        let link = || text("call-back");
        (0..5).map(move |number| with([("link", link())], touch(&format!("f{number}"), name, minute(number))))
    };
    // a link on a page counts, up to the cap, and one in a mail is not the browser's to tell of
    assert_eq!(evaluate(&crate::common::lead(forge("email_click")), &model, minute(10)).score, Points::ZERO);
    let forged = forge("select_content");
    let evaluation = evaluate(&crate::common::lead(forged), &model, minute(10));
    assert_eq!(evaluation.score, Points::whole(24));
    let cut = evaluation.lines.last().unwrap();
    assert_eq!((&cut.cause, cut.points_now), (&Cause::Limit { limit: Limit::BrowserCap }, Points::whole(-16)));
}

#[test]
fn exact_interest_comes_from_the_advertisement_and_from_a_link_in_the_confirmation() {
    let labels = |touches: Vec<Touch>| {
        let held = evaluate(&lead(touches), &exact(), minute(9)).labels;
        held.iter().map(|held| held.label.to_string()).collect::<Vec<_>>()
    };
    let landed = Touch {
        source: SourceFacts { campaign: Some("nl-sepa-2026".into()), ..SourceFacts::default() },
        ..on_page("/landing", touch("l", "page_view", minute(0)))
    };
    assert_eq!(labels(vec![landed]), ["sepa"]);
    let chosen = with([("label", text("invoicing"))], server_touch("i", "label_added", minute(1)));
    assert_eq!(labels(vec![chosen]), ["invoicing"]);
}
