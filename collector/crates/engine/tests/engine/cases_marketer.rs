//! Cases that a marketer's own model must be able to say: counting, seasons, tags, values, caps, stages, labels, attributes.

use crate::common::{START, add, lead, minute, model, on_page, server_touch, stands, text, touch, with};
use engine::{
    Cause, Currency, Lead, Limit, Millis, Model, Money, Points, Scalar, SourceFacts, Span, Touch, evaluate,
    next_change, presets,
};

/// A model of cold and warm (from 30 on) with this in it.
fn two_stages(rest: &str) -> Model {
    model(&format!(
        "version = 1\nname = \"own\"\n[[stages]]\nname = \"cold\"\n[[stages]]\nname = \"warm\"\nenter = \">= 30\"\n{rest}"
    ))
}

fn day(count: i64) -> Millis {
    START + Span::days(count)
}

fn score(lead: &Lead, model: &Model, now: Millis) -> String {
    stands(lead, model, now).0
}

#[test]
fn thresholds_in_the_default_preset_a_hot_lead_cools_at_the_predicted_moments() {
    let model = model(presets::find("b2c").unwrap());
    let names = ["view_item", "add_to_cart", "sign_up", "view_cart", "begin_checkout", "add_shipping_info"];
    let mut hot = Lead::default();
    for (number, name) in (0_i64..).zip(names) {
        add(&mut hot, touch(&format!("s:{number}"), name, minute(number)));
    }
    let now = minute(6);
    assert_eq!(stands(&hot, &model, now).1, "hot");
    // when nothing more happens, it is warm, then cold, at the instants foretold
    let first = next_change(&hot, &model, now).unwrap();
    let second = next_change(&hot, &model, first.at).unwrap();
    for (change, before, after) in [(first, "hot", "warm"), (second, "warm", "cold")] {
        assert_eq!(stands(&hot, &model, change.at - Span(1)).1, before);
        assert_eq!(stands(&hot, &model, change.at).1, after);
    }
    assert_eq!(next_change(&hot, &model, second.at), None);
}

#[test]
fn thresholds_an_abandoned_cart_cools_a_lead_and_coming_back_undoes_it() {
    let model = model(presets::find("b2c").unwrap());
    let mut left = lead([touch("s:1", "add_to_cart", START)]);
    let points = |lead: &Lead, at| evaluate(lead, &model, at).score;
    let before = points(&left, minute(60) - Span(1));
    assert_eq!(before - points(&left, minute(60)), Points::whole(10), "an hour without anything");
    add(&mut left, touch("s:2", "page_view", minute(90)));
    assert!(points(&left, minute(90)) > before);
    // who bought left nothing behind
    let bought = lead([touch("s:1", "add_to_cart", START), server_touch("o", "purchase", minute(2))]);
    let held = evaluate(&bought, &model, minute(70)).lines;
    assert!(held.iter().all(|line| line.rule.as_ref().is_none_or(|rule| rule.as_str() != "cart_abandoned")));
}

#[test]
fn thresholds_mails_alone_never_warm_a_lead_in_the_default_preset() {
    let model = model(presets::find("b2c").unwrap());
    // given every kind of mail answered in every way, every day of two weeks
    let names = ["email_open", "email_click", "email_click", "email_forward", "email_reply"];
    let mails = (0..14)
        .flat_map(|at| (0..5).map(move |number| server_touch(&format!("m{at}.{number}"), names[number], day(at))));
    let ledger = lead(mails);
    // then the cap of all mails holds the lead below warm
    let evaluation = evaluate(&ledger, &model, day(13));
    assert_eq!(evaluation.stage_name, "cold");
    let cut = |line: &engine::evaluate::Line| line.cause == Cause::Limit { limit: Limit::GroupCap { group: 0 } };
    assert!(evaluation.lines.iter().any(cut) && evaluation.score >= Points::whole(20), "{}", evaluation.score);
}

#[test]
fn rule_of_seven_counts_distinct_touches_and_not_pages() {
    let model = two_stages("[[rules]]\nid = \"seven\"\nwhile = { field = \"touchpoints\", gte = 7 }\npoints = 30");
    // given four visits of ten pages, and three kinds of mail, one of them twice
    let visits = (0..4).flat_map(|visit| {
        (0..10).map(move |page| touch(&format!("v{visit}.{page}"), "page_view", day(visit) + Span::minutes(page)))
    });
    let mails = ["email_open", "email_click"].map(|name| server_touch(name, name, day(4)));
    let mut known = lead(visits.chain(mails).chain([server_touch("twice", "email_open", day(4))]));
    assert_eq!(evaluate(&known, &model, day(4)).touchpoints, 6);
    assert_eq!(stands(&known, &model, day(4)), ("0".to_owned(), "cold".to_owned()));
    // when the seventh comes
    add(&mut known, server_touch("call", "call_outcome", day(5)));
    assert_eq!(stands(&known, &model, day(5)), ("30".to_owned(), "warm".to_owned()));
}

#[test]
fn season_a_lease_driver_is_warm_while_tyres_are_changed() {
    let model = two_stages(
        "[[rules]]\nid = \"autumn\"\npoints = 30\nwhile = { all = [{ field = \"attribute.segment\", eq = \"lease\" }, \
         { field = \"date\", gte = \"10-01\" }, { field = \"date\", lt = \"12-01\" }] }",
    );
    let lease = lead([with([("segment", text("lease"))], server_touch("crm", "set_attributes", START))]);
    // given 21 September, then the window opens on 1 October and closes on 1 December, at midnight of the site
    let opens = next_change(&lease, &model, START).unwrap();
    assert_eq!(opens.at, Millis(1_790_812_800_000));
    let closes = next_change(&lease, &model, opens.at).unwrap();
    assert_eq!(closes.at, opens.at + Span::days(61));
    assert_eq!(stands(&lease, &model, opens.at - Span(1)).1, "cold");
    assert_eq!(stands(&lease, &model, opens.at).1, "warm");
    assert_eq!(stands(&lease, &model, closes.at).1, "cold");
    // and the next year again
    let again = next_change(&lease, &model, closes.at).unwrap();
    assert_eq!(again.at, opens.at + Span::days(365));
    // others are not reminded
    let bought = lead([with([("segment", text("own"))], server_touch("crm", "set_attributes", START))]);
    assert_eq!(next_change(&bought, &model, START), None);
}

#[test]
fn season_days_until_a_date_open_and_close_a_window() {
    let model = two_stages(
        "[[rules]]\nid = \"renewal\"\npoints = 30\nwhile = { all = [{ field = \"days_until.renewal\", gte = 0 }, \
         { field = \"days_until.renewal\", lte = 30 }] }",
    );
    let known = lead([with([("renewal", text("2026-11-15"))], server_touch("crm", "set_attributes", START))]);
    let opens = next_change(&known, &model, START).unwrap();
    // 30 days before 15 November is 16 October; the day itself still counts
    assert_eq!(opens.at, Millis(1_790_812_800_000) + Span::days(15));
    let closes = next_change(&known, &model, opens.at).unwrap();
    assert_eq!(closes.at, opens.at + Span::days(31));
}

#[test]
fn page_tags_are_the_models_and_hold_for_the_past() {
    let rules = "[[rules]]\nid = \"bofu\"\nwhen = { field = \"page.tag\", has = \"bofu\" }\npoints = 5\n[page_tags]\n";
    let seen = lead([
        on_page("/prijzen", touch("a", "page_view", START)),
        on_page("/blog/warm", touch("b", "page_view", START)),
        on_page("/en/prijzen/groot", touch("c", "page_view", START)),
    ]);
    let tagged = |tags: &str| score(&seen, &two_stages(&format!("{rules}bofu = {tags}")), START);
    assert_eq!(tagged("[\"/prijzen\"]"), "5");
    assert_eq!(tagged("[\"/prijzen\", \"/*/prijzen/**\"]"), "10");
    assert_eq!(tagged("[]"), "0");
}

#[test]
fn points_per_value_counts_full_parts_in_the_sites_currency() {
    let model = two_stages(
        "[[rules]]\nid = \"spent\"\nwhen = { field = \"event\", eq = \"purchase\" }\n\
         points_per = { points = 1, value = \"10.00\" }",
    );
    let order = |amount: &str, currency: Currency| {
        let value = Some(Money::parse(amount, currency).unwrap());
        score(&lead([Touch { value, ..server_touch("o", "purchase", START) }]), &model, START)
    };
    assert_eq!(order("99.99", Currency::EUR), "9");
    assert_eq!(order("100.00", Currency::EUR), "10");
    assert_eq!(order("100.00", Currency::parse("USD").unwrap()), "0");
    assert_eq!(score(&lead([server_touch("o", "purchase", START)]), &model, START), "0", "no value");
}

#[test]
fn caps_of_rule_group_and_score_apply_in_that_order_each_with_its_line() {
    let model = two_stages(
        "[[scores]]\nname = \"engagement\"\ncap = 20\n[[groups]]\nid = \"mail\"\ncap = 12\n\
         [[rules]]\nid = \"open\"\ngroup = \"mail\"\nwhen = { field = \"event\", eq = \"open\" }\npoints = 3\ncap = 5\n\
         [[rules]]\nid = \"click\"\ngroup = \"mail\"\nwhen = { field = \"event\", eq = \"click\" }\npoints = 9\n\
         [[rules]]\nid = \"view\"\nwhen = { field = \"event\", eq = \"view\" }\npoints = 10",
    );
    // given two opens (6, at most 5), a click (14, at most 12) and a view (22, at most 20)
    let names = ["open", "open", "click", "view"];
    let ledger = lead((0_i64..).zip(names).map(|(at, name)| touch(&format!("t{at}"), name, minute(at))));
    let evaluation = evaluate(&ledger, &model, minute(4));
    assert_eq!(evaluation.score, Points::whole(20));
    let limits: Vec<_> = evaluation
        .lines
        .iter()
        .filter_map(|line| match line.cause {
            Cause::Limit { limit } => Some((limit, line.points_now.to_string())),
            _ => None,
        })
        .collect();
    let cut = |limit, points: &str| (limit, points.to_owned());
    assert_eq!(
        limits,
        [cut(Limit::RuleCap, "-1"), cut(Limit::GroupCap { group: 0 }, "-2"), cut(Limit::ScoreCap, "-2")]
    );
}

#[test]
fn floor_and_ceiling_bound_a_score_and_say_so() {
    let model = two_stages(
        "[[scores]]\nname = \"engagement\"\nfloor = 0\nceiling = 40\n\
         [[rules]]\nid = \"up\"\nwhen = { field = \"event\", eq = \"up\" }\npoints = 50\n\
         [[rules]]\nid = \"down\"\nwhen = { field = \"event\", eq = \"down\" }\npoints = -10",
    );
    for (name, expected, limit) in [("up", "40", Limit::Ceiling), ("down", "0", Limit::Floor)] {
        let ledger = lead([touch("a", name, START)]);
        assert_eq!(score(&ledger, &model, START), expected);
        let evaluation = evaluate(&ledger, &model, START);
        assert_eq!(evaluation.lines.last().unwrap().cause, Cause::Limit { limit });
    }
}

#[test]
fn a_hand_back_lets_the_limits_of_rules_begin_anew() {
    let model = two_stages(
        "[[rules]]\nid = \"once\"\nwhen = { field = \"event\", eq = \"open\" }\npoints = 10\nper = { times = 1 }\n\
         [[rules]]\nid = \"third\"\nwhen = { field = \"event\", eq = \"open\" }\npoints = 1\nfrom = 3\n\
         [[rules]]\nid = \"back\"\nwhen = { field = \"event\", eq = \"call_outcome\" }\nhand_back = true",
    );
    let mut known = lead((0..3).map(|at| touch(&format!("a{at}"), "open", minute(at))));
    assert_eq!(score(&known, &model, minute(3)), "11");
    add(&mut known, server_touch("call", "call_outcome", minute(4)));
    assert_eq!(score(&known, &model, minute(4)), "0");
    for (at, expected) in [(5, "10"), (6, "10"), (7, "11")] {
        add(&mut known, touch(&format!("b{at}"), "open", minute(at)));
        assert_eq!(score(&known, &model, minute(at)), expected);
    }
}

#[test]
fn a_stage_is_kept_for_its_minimum_stay_hand_back_aside() {
    let text = "version = 1\nname = \"stay\"\n[[stages]]\nname = \"cold\"\n\
                [[stages]]\nname = \"warm\"\nenter = \">= 30\"\nmin_stay = \"1d\"\n\
                [[rules]]\nid = \"up\"\nwhen = { field = \"event\", eq = \"up\" }\npoints = 30\nexpires = \"1h\"\n\
                [[rules]]\nid = \"back\"\nwhen = { field = \"event\", eq = \"back\" }\nhand_back = true";
    let model = model(text);
    let mut warm = lead([touch("a", "up", START)]);
    // given points that end after an hour, the stage ends after a day
    assert_eq!(stands(&warm, &model, minute(60)), ("0".to_owned(), "warm".to_owned()));
    assert_eq!(next_change(&warm, &model, START).unwrap().at, day(1));
    assert_eq!(stands(&warm, &model, day(1)).1, "cold");
    // but a hand-back does not wait
    add(&mut warm, server_touch("b", "back", minute(10)));
    assert_eq!(stands(&warm, &model, minute(10)).1, "cold");
}

#[test]
fn a_segment_has_its_own_threshold_for_entering_and_leaving() {
    let text = "version = 1\nname = \"segment\"\nhalf_life = \"1d\"\n[[stages]]\nname = \"cold\"\n\
                [[stages]]\nname = \"warm\"\nenter = \">= 30\"\n\
                segments = [{ when = { field = \"attribute.customer\", eq = true }, enter = \">= 10\", leave = \"< 5\" }]\n\
                [[rules]]\nid = \"up\"\nwhen = { field = \"event\", eq = \"up\" }\npoints = 10";
    let model = model(text);
    let is_customer = |told: Touch| with([("customer", Scalar::Boolean(true))], told);
    let server = is_customer(server_touch("crm", "set_attributes", START));
    let known = lead([server, touch("a", "up", START)]);
    assert_eq!(stands(&known, &model, START).1, "warm");
    // kept while five are left, which is for a day
    assert_eq!(stands(&known, &model, day(1)).1, "warm");
    assert_eq!(next_change(&known, &model, START).unwrap().at, day(1) + Span::seconds(1_350));
    // what a browser says of itself opens no door
    let forged = lead([is_customer(touch("b", "set_attributes", START)), touch("a", "up", START)]);
    assert_eq!(stands(&forged, &model, START).1, "cold");
}

#[test]
fn labels_come_and_go_as_the_server_says_and_a_browser_gives_none() {
    let model = two_stages("[[rules]]\nid = \"seo\"\nwhile = { field = \"label\", has = \"seo\" }\npoints = 5");
    let told = |id: &str, name: &str, at| with([("label", text("seo"))], server_touch(id, name, minute(at)));
    let mut known = lead([told("a", "label_added", 0)]);
    assert_eq!(score(&known, &model, minute(1)), "5");
    add(&mut known, told("b", "label_removed", 2));
    assert_eq!(score(&known, &model, minute(2)), "0");
    assert!(evaluate(&known, &model, minute(2)).labels.is_empty());
    let forged = with([("label", text("seo"))], touch("c", "label_added", minute(3)));
    add(&mut known, forged);
    assert_eq!(score(&known, &model, minute(3)), "0");
}

#[test]
fn what_the_server_says_of_a_visitor_no_browser_changes() {
    let model = two_stages("[[rules]]\nid = \"big\"\nwhile = { field = \"attribute.size\", gte = 50 }\npoints = 5");
    let size = |number, told: Touch| with([("size", Scalar::Integer(number))], told);
    let mut known = lead([size(10, touch("a", "set_attributes", START))]);
    assert_eq!(score(&known, &model, minute(1)), "0", "as the form said");
    add(&mut known, size(80, server_touch("crm", "set_attributes", minute(2))));
    assert_eq!(score(&known, &model, minute(2)), "5", "as the server knows");
    add(&mut known, size(10, touch("b", "set_attributes", minute(3))));
    assert_eq!(score(&known, &model, minute(3)), "5", "a later form changes nothing");
    let removal = Touch { removed: vec!["size".into()], ..touch("c", "set_attributes", minute(4)) };
    add(&mut known, removal);
    assert_eq!(score(&known, &model, minute(4)), "5", "nor does taking it away");
}

#[test]
fn channel_and_frequency_of_visits_are_conditions() {
    let model = two_stages(
        "[[rules]]\nid = \"social\"\nwhen = { all = [{ field = \"event\", eq = \"page_view\" }, \
         { field = \"channel\", eq = \"social\" }] }\npoints = 2\n\
         [[rules]]\nid = \"often\"\nwhile = { field = \"visits.7d\", gte = 3 }\npoints = 5",
    );
    let visit = |id: &str, at: i64, channel| Touch {
        source: SourceFacts { channel, ..SourceFacts::default() },
        ..touch(id, "page_view", day(at))
    };
    use engine::Channel::{Direct, Social};
    let known = lead([visit("a", 0, Social), visit("b", 1, Direct), visit("c", 2, Direct)]);
    assert_eq!(score(&known, &model, day(2)), "7");
    // a week after the first one there were two within seven days
    assert_eq!(score(&known, &model, day(7)), "2");
}
