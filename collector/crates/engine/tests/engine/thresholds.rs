//! Thresholds, expiry, history of stages, forecast.

use crate::common::{START, lead, minute, model, server_touch, touch};
use engine::{Cause, Lead, Limit, Model, Points, Span, StageCause, Touch, Trust, bound, evaluate, next_change};

/// A model in which each `points_N` event gives N points and nothing limits it.
fn scale(extra: &str) -> Model {
    let rules: Vec<_> = [1, 5, 29, 30, 40, 70, 71, 80, -20]
        .iter()
        .map(|points| {
            format!("[[rules]]\nid = \"r{points}\"\nwhen = {{ field = \"event\", eq = \"points_{points}\" }}\npoints = {points}\n")
        })
        .collect();
    model(&format!(
        "version = 1\nname = \"scale\"\nhalf_life = \"1d\"\n{extra}\n\
         [[stages]]\nname = \"cold\"\n[[stages]]\nname = \"warm\"\nenter = \">= 30\"\n[[stages]]\nname = \"hot\"\nenter = \"> 70\"\n{}",
        rules.concat()
    ))
}

fn points(number: i64) -> Lead {
    lead([touch("a", &format!("points_{number}"), START)])
}

#[test]
fn thresholds_29_is_cold_30_and_70_are_warm_71_is_hot() {
    let model = scale("");
    for (number, stage) in [(29, "cold"), (30, "warm"), (70, "warm"), (71, "hot")] {
        let evaluation = evaluate(&points(number), &model, START);
        assert_eq!((evaluation.score, evaluation.stage_name.as_str()), (Points::whole(number), stage));
    }
}

#[test]
fn thresholds_a_hot_lead_cools_to_warm_and_cold_at_the_predicted_moments() {
    // given a lead of 80 points that halve in a day: a step every 22 minutes and 30 seconds
    let (model, lead) = (scale(""), points(80));
    // when the next changes are asked for
    let first = next_change(&lead, &model, START).unwrap();
    let second = next_change(&lead, &model, first.at).unwrap();
    // then it is warm after the 13th step (80 x 2^(-13/64) = 69.4) and cold after the 91st (29.86)
    let step = Span::seconds(1_350);
    assert_eq!(first.at, START + Span(step.0 * 13));
    assert_eq!((model.stages.name(first.from_stage), model.stages.name(first.to_stage)), ("hot", "warm"));
    assert_eq!(second.at, START + Span(step.0 * 91));
    assert_eq!(model.stages.name(second.to_stage), "cold");
    assert_eq!(next_change(&lead, &model, second.at), None);
    // and the evaluation agrees, to the millisecond, and says since when and why
    for (change, before) in [(first, "hot"), (second, "warm")] {
        assert_eq!(evaluate(&lead, &model, change.at - Span(1)).stage_name, before);
        let after = evaluate(&lead, &model, change.at + Span(500));
        assert_eq!((after.stage, after.since, after.why), (change.to_stage, change.at, StageCause::Cooling));
        assert_eq!(evaluate(&lead, &model, change.at).score, change.score);
    }
}

#[test]
fn a_stage_names_the_touch_that_brought_it() {
    let model = scale("");
    let lead =
        lead([touch("a", "points_5", START), touch("b", "points_1", minute(1)), touch("c", "points_40", minute(1))]);
    let evaluation = evaluate(&lead, &model, minute(2));
    assert_eq!(evaluation.since, minute(1));
    let StageCause::Touch { touch, rule } = evaluation.why else { panic!("{:?}", evaluation.why) };
    assert_eq!((touch.as_str(), rule.as_str()), ("c", "r40"));
    assert_eq!(evaluate(&Lead::default(), &model, START).why, StageCause::Initial);
}

#[test]
fn a_late_arrival_recomputes_the_past() {
    // given a lead that was cold, when an earlier touch arrives late, then it was warm from the second touch on
    let model = scale("");
    let with_late = lead([touch("b", "points_5", minute(5)), touch("a", "points_29", START)]);
    let evaluation = evaluate(&with_late, &model, minute(6));
    assert_eq!((evaluation.stage_name.as_str(), evaluation.since), ("warm", minute(5)));
}

#[test]
fn a_stage_with_its_own_threshold_for_leaving_is_kept_until_then() {
    let text = "version = 1\nname = \"kept\"\nhalf_life = \"1d\"\n[[stages]]\nname = \"cold\"\n\
                [[stages]]\nname = \"warm\"\nenter = \">= 30\"\nleave = \"< 20\"\n\
                [[rules]]\nid = \"r\"\nwhen = { field = \"event\", eq = \"x\" }\npoints = 40\n\
                [[rules]]\nid = \"s\"\nwhen = { field = \"event\", eq = \"y\" }\npoints = 25";
    let model = model(text);
    let warm = lead([touch("a", "x", START)]);
    // when a day has passed, 20 are left and it is still warm; a step later it is not
    let day = START + Span::days(1);
    assert_eq!(evaluate(&warm, &model, day).stage_name, "warm");
    assert_eq!(next_change(&warm, &model, START).unwrap().at, day + Span::seconds(1_350));
    // and 25 points alone never made one warm
    assert_eq!(evaluate(&lead([touch("a", "y", START)]), &model, START).stage_name, "cold");
}

#[test]
fn points_expire_when_their_rule_says() {
    let text = "version = 1\nname = \"expiry\"\n[[stages]]\nname = \"cold\"\n[[stages]]\nname = \"warm\"\nenter = \">= 30\"\n\
                [[rules]]\nid = \"r\"\nwhen = { field = \"event\", eq = \"x\" }\npoints = 30\nexpires = \"7d\"";
    let (model, lead) = (model(text), lead([touch("a", "x", START)]));
    let end = START + Span::days(7);
    assert_eq!(next_change(&lead, &model, START).map(|change| change.at), Some(end));
    let last = evaluate(&lead, &model, end - Span(1));
    assert_eq!(last.lines[0].next_change, Some((end, Points::ZERO)));
    assert!(evaluate(&lead, &model, end).lines.is_empty());
}

#[test]
fn negative_points_cool_too_so_the_score_may_rise_and_the_forecast_sees_it() {
    // given 40 lasting points and 20 that are taken away for a while
    let text = "version = 1\nname = \"rise\"\n[[stages]]\nname = \"cold\"\n[[stages]]\nname = \"warm\"\nenter = \">= 30\"\n\
                [[rules]]\nid = \"plus\"\nwhen = { field = \"event\", eq = \"plus\" }\npoints = 40\n\
                [[rules]]\nid = \"minus\"\nwhen = { field = \"event\", eq = \"minus\" }\npoints = -20\nhalf_life = \"1d\"";
    let model = model(text);
    let lead = lead([touch("a", "plus", START), touch("b", "minus", START)]);
    // then it becomes warm exactly when ten of the twenty have cooled, and the bound foresees the rise
    let change = next_change(&lead, &model, START).unwrap();
    assert_eq!((change.at, change.score), (START + Span::days(1), Points::whole(30)));
    assert_eq!(bound(&lead, &model, START, START), Points::whole(20));
    assert_eq!(bound(&lead, &model, START, START + Span::days(1)), Points::whole(30));
    assert_eq!(bound(&lead, &model, START, START + Span::days(60)), Points::whole(40));
}

#[test]
fn count_limits_keep_the_earliest_and_periods_slide() {
    let text = "version = 1\nname = \"limits\"\n[[stages]]\nname = \"cold\"\n\
                [[rules]]\nid = \"r\"\nwhen = { field = \"event\", eq = \"x\" }\npoints = 1\nper = { times = 2, every = \"1h\" }";
    let model = model(text);
    // given touches at 0, 10, 20, 60 and 65 minutes: two count, the third is too much, the fourth has room again at 60,
    // the fifth has not, since those of 10 and 60 lie within its hour
    let times = [0, 10, 20, 60, 65];
    let lead = lead(times.map(|time| touch(&format!("t{time}"), "x", minute(time))));
    let counted: Vec<_> = evaluate(&lead, &model, minute(65)).lines.iter().rev().map(|line| line.time).collect();
    assert_eq!(counted, [minute(0), minute(10), minute(60)]);
}

#[test]
fn a_limit_that_keeps_the_latest_replaces_the_oldest() {
    let text = "version = 1\nname = \"latest\"\nhalf_life = \"1d\"\n[[stages]]\nname = \"cold\"\n\
                [[rules]]\nid = \"r\"\nwhen = { field = \"event\", eq = \"x\" }\npoints = 8\nper = { times = 1 }\nkeep = \"latest\"";
    let model = model(text);
    let lead = lead([touch("a", "x", START), touch("b", "x", START + Span::days(1))]);
    let evaluation = evaluate(&lead, &model, START + Span::days(1));
    assert_eq!((evaluation.score, evaluation.lines.len()), (Points::whole(8), 1));
}

#[test]
fn a_cap_is_a_line_that_makes_the_sum_exact() {
    let text = "version = 1\nname = \"cap\"\nhalf_life = \"1d\"\n[[stages]]\nname = \"cold\"\n\
                [[rules]]\nid = \"r\"\nwhen = { field = \"event\", eq = \"x\" }\npoints = 10\ncap = 15";
    let model = model(text);
    let lead = lead(["a", "b", "c"].map(|id| touch(id, "x", START)));
    let evaluation = evaluate(&lead, &model, START);
    assert_eq!(evaluation.score, Points::whole(15));
    let limit = evaluation.lines.last().unwrap();
    assert_eq!(limit.cause, Cause::Limit { limit: Limit::RuleCap });
    assert_eq!((limit.points_now, evaluation.title(limit)), (Points::whole(-15), "r: at most 15"));
    // and once the points have cooled below the cap there is no such line
    assert_eq!(evaluate(&lead, &model, START + Span::days(1)).lines.len(), 3);
}

#[test]
fn browser_events_alone_give_no_more_than_the_model_allows_in_an_hour() {
    let model = scale("browser_cap = { points = 100, every = \"1h\" }");
    let mut lead = lead([touch("a", "points_80", START), touch("b", "points_80", minute(1))]);
    let evaluation = evaluate(&lead, &model, minute(1));
    assert_eq!(evaluation.score, Points::whole(100));
    assert_eq!(evaluation.lines.last().unwrap().cause, Cause::Limit { limit: Limit::BrowserCap });
    // but what a server says counts in full, and an hour later there is room again
    for touch in [server_touch("c", "points_40", minute(2)), touch("d", "points_5", minute(60))] {
        engine::record(&mut lead, touch, &engine::LedgerLimits::default());
    }
    assert!(evaluate(&lead, &model, minute(60)).score > Points::whole(140));
}

#[test]
fn a_browser_purchase_suppresses_and_gives_no_points() {
    let rule = |trust: &str| {
        model(&format!(
            "version = 1\nname = \"money\"\n[[stages]]\nname = \"cold\"\n\
             [[rules]]\nid = \"r\"\nwhen = {{ field = \"event\", eq = \"purchase\" }}\npoints = 10\n{trust}"
        ))
    };
    let browser = Touch { transaction: Some("T-1".into()), ..touch("s:2", "purchase", minute(2)) };
    let server =
        Touch { trust: Trust::Server, ..Touch { id: engine::TouchId::parse("order").unwrap(), ..browser.clone() } };
    let cart = touch("s:1", "add_to_cart", minute(1));
    // given a cart that a browser says was bought: it is empty, bought, and worth nothing
    let told = evaluate(&lead([cart.clone(), browser.clone()]), &rule(""), minute(3));
    assert_eq!((told.score, told.purchased, told.cart.quantity), (Points::ZERO, true, 0));
    // unless the rule says that a browser will do
    let believed = evaluate(&lead([cart.clone(), browser.clone()]), &rule("trust = \"browser\""), minute(3));
    assert_eq!(believed.score, Points::whole(10));
    // and when the server tells of the same order, it counts once
    let both = lead([cart, browser, server, touch("s:3", "add_to_cart", minute(5))]);
    for trust in ["", "trust = \"browser\""] {
        let evaluation = evaluate(&both, &rule(trust), minute(6));
        assert_eq!(
            (evaluation.score, evaluation.count(&both, "purchase"), evaluation.cart.quantity),
            (Points::whole(10), 1, 1)
        );
    }
}
