//! What browser events alone may give: no visitor gains more than the cap within its period, however many streams,
//! campaigns and states are tried (decision 19).

use crate::common::{START, add, lead, minute, model, on_page, server_touch, text, touch, with};
use engine::{Channel, Lead, Model, Points, SourceFacts, Span, StreamId, Touch, Trust, evaluate, presets};
use proptest::prelude::*;
use proptest::sample::select;

fn b2b() -> Model {
    model(presets::find("b2b").unwrap())
}

fn in_stream(number: usize, touch: Touch) -> Touch {
    Touch { stream: StreamId::parse(&format!("forged-{number:03}")).unwrap(), ..touch }
}

fn of_campaign(name: &str, touch: Touch) -> Touch {
    Touch { source: SourceFacts { campaign: Some(name.into()), ..SourceFacts::default() }, ..touch }
}

#[test]
fn b2b_fifteen_forged_events_of_fifteen_streams_warm_nobody() {
    let model = b2b();
    let names = ["page_view", "view_item", "file_download", "generate_lead", "sign_up", "chat", "add_to_cart"];
    let forged = (0..15).map(|number| {
        let at = START + Span::seconds(i64::try_from(number).unwrap());
        let seen = touch(&format!("f{number}"), names[number % names.len()], at);
        in_stream(number, on_page("/pricing", with([("form", text("quote"))], seen)))
    });
    let evaluation = evaluate(&lead(forged), &model, minute(1));
    assert_eq!(evaluation.stage_name, "cold", "at {}", evaluation.score);
    assert!(evaluation.score <= Points::whole(40), "{} is above the cap", evaluation.score);
}

#[test]
fn b2b_a_visit_of_eight_minutes_whose_campaign_changes_is_one_day_and_warms_nobody() {
    let model = b2b();
    let mut ledger = Lead::default();
    let events = ["page_view", "file_download", "file_download", "generate_lead", "begin_checkout", "page_view"];
    for (number, name) in events.into_iter().cycle().take(16).enumerate() {
        let at = START + Span::seconds(30 * i64::try_from(number).unwrap());
        let campaign = if number < 8 { "autumn" } else { "winter" };
        let seen = with([("form", text("quote"))], touch(&format!("v{number}"), name, at));
        add(&mut ledger, of_campaign(campaign, on_page("/cases/acme", seen)));
    }
    let evaluation = evaluate(&ledger, &model, minute(8));
    assert_eq!((evaluation.visits, evaluation.stage_name.as_str()), (2, "cold"), "at {}", evaluation.score);
    let came_back = |lead: &Lead, at| {
        let lines = evaluate(lead, &model, at).lines;
        lines.iter().any(|line| line.rule.as_ref().is_some_and(|rule| rule.as_str() == "came_back"))
    };
    assert!(!came_back(&ledger, minute(8)), "who changes a campaign has not come back");
    // whereas the next day is another one
    let tomorrow = START + Span::days(1);
    add(&mut ledger, of_campaign("winter", on_page("/", touch("next", "page_view", tomorrow))));
    assert!(came_back(&ledger, tomorrow));
}

#[test]
fn b2b_what_browsers_give_within_the_period_of_the_cap_is_below_warm() {
    let model = b2b();
    let cap = model.browser_cap.unwrap();
    let warm = model.stages.iter().nth(1).unwrap();
    assert!(!warm.enter.unwrap().holds(cap.points), "{} is enough for {}", cap.points, warm.name);
}

#[test]
fn times_that_are_made_up_gain_no_more_than_what_is_received_within_the_period() {
    // given a page view for each hour of six days, all of them received within a minute
    let model = model(
        "version = 1\nname = \"m\"\nhalf_life = \"none\"\nbrowser_cap = { points = 10, every = \"1h\" }\n\
         [[scores]]\nname = \"s\"\n[[stages]]\nname = \"cold\"\n\
         [[rules]]\nid = \"view\"\nwhen = { field = \"event\", eq = \"page_view\" }\npoints = 4",
    );
    let end = START + Span::days(6);
    let view = |hour: i64, received| Touch { received, ..touch(&format!("v{hour}"), "page_view", minute(60 * hour)) };
    let told = |at: fn(i64) -> Span| (0..144).map(move |hour| view(hour, end + at(hour)));
    let score = |touches| evaluate(&lead(touches), &model, end + Span::days(9)).score;
    // then they give what one hour may give
    assert_eq!(score(told(|hour| Span::seconds(hour % 60)).collect::<Vec<_>>()), Points::whole(10));
    // whereas what is received when it happens is hours of its own, and so is what a phone tells one by one, late
    let at_once = (0..144).map(|hour| view(hour, minute(60 * hour))).collect();
    assert_eq!(score(at_once), Points::whole(4 * 144));
    assert_eq!(score(told(|hour| Span::minutes(60 * hour)).collect()), Points::whole(4 * 144));
    // and what is received in no order at all is bounded by hours, too
    let shuffled = told(|hour| Span::minutes(20 * (hour * 41 % 144))).collect();
    assert!(score(shuffled) <= Points::whole(48 * 10));
}

const STATES: &str = "version = 1\nname = \"m\"\nhalf_life = \"none\"\nbrowser_cap = { points = 10, every = \"1h\" }\n\
     [[stages]]\nname = \"cold\"\n\
     [[rules]]\nid = \"seen\"\nwhen = { field = \"event\", eq = \"page_view\" }\npoints = 4\n\
     [[rules]]\nid = \"often\"\nwhile = { field = \"visit.number\", gte = 2 }\npoints = 9\n\
     [[rules]]\nid = \"silent\"\nwhile = { field = \"last_seen\", gte = \"30m\" }\npoints = 7\n";

#[test]
fn a_state_that_a_browser_begins_counts_under_the_cap_and_one_that_time_or_a_server_begins_does_not() {
    let model = model(STATES);
    let score = |touches: Vec<Touch>, at| evaluate(&lead(touches), &model, at).score;
    let visit = |number: usize, second| {
        in_stream(number, touch(&format!("p{number}"), "page_view", START + Span::seconds(second)))
    };
    // given two visits within a second: 4 + 4 + 9, of which the cap leaves 10
    assert_eq!(score(vec![visit(0, 0), visit(1, 1)], minute(1)), Points::whole(10));
    // then silence for half an hour, which nobody forges: 10 + 7
    assert_eq!(score(vec![visit(0, 0), visit(1, 1)], minute(31)), Points::whole(17));
    // and a server that begins the state gives all of it: 4 + 9
    let told = on_page("/", in_stream(1, server_touch("s", "login", START + Span::seconds(1))));
    assert_eq!(score(vec![visit(0, 0), told], minute(1)), Points::whole(13));
    // of the same millisecond as a browser's touch nobody can say which of the two began it: 4 + 6
    let told = on_page("/", in_stream(1, server_touch("s", "login", START)));
    assert_eq!(score(vec![visit(0, 0), told], minute(1)), Points::whole(10));
    // and the lines say what the cap took, and are the score
    let evaluation = evaluate(&lead([visit(0, 0), visit(1, 1)]), &model, minute(1));
    assert_eq!(evaluation.lines.iter().map(|line| line.points_now).sum::<Points>(), evaluation.score);
}

/// Rules that browsers could try to gain from: touches, and states that a touch begins. Nothing is taken away and nothing
/// begins by time alone, so that what a score gains is what was given.
fn rules() -> impl Strategy<Value = String> {
    let state = select(&[
        r#"while = { field = "visits.30d", gte = 2 }"#,
        r#"while = { field = "visit_days.30d", gte = 1 }"#,
        r#"while = { field = "visit.number", gte = 3 }"#,
        r#"while = { field = "touchpoints", gte = 4 }"#,
        r#"while = { field = "count.search", gte = 2 }"#,
        r#"while = { field = "cart.quantity", gt = 0 }"#,
        r#"while = { field = "attribute.plan", eq = "gold" }"#,
        r#"while = { field = "label", has = "keen" }"#,
        r#"while = { field = "channel", eq = "paid" }"#,
    ]);
    let touch = select(&[
        r#"when = { field = "event", eq = "page_view" }"#,
        r#"when = { field = "event", in = ["search", "add_to_cart"] }"#,
        r#"when = { all = [{ field = "event", eq = "page_view" }, { field = "visits.1d", gte = 2 }] }"#,
        r#"when = { field = "campaign", exists = true }"#,
        r#"when = { all = [] }"#,
    ]);
    let given = prop_oneof![3 => (1..20_u32).prop_map(|points| format!("points = {points}.7"))];
    let place = select(&["", "", "score = \"fit\"\n", "group = \"some\"\n", "half_life = \"2h\"\n"]);
    let one = (prop_oneof![state, touch], given, place);
    prop::collection::vec(one, 1..7).prop_map(|rules| {
        let rules = rules.into_iter().enumerate();
        rules
            .map(|(number, (on, gives, place))| format!("[[rules]]\nid = \"r{number}\"\n{on}\n{gives}\n{place}"))
            .collect()
    })
}

/// Touches of some hours, each of a stream of its own choosing.
fn forged() -> impl Strategy<Value = Vec<Touch>> {
    let names = ["page_view", "page_view", "search", "add_to_cart", "remove_from_cart", "set_attributes", "purchase"];
    let one = (select(names.to_vec()), 0..10_800_i64, 0..12_usize, 0..3_usize, any::<bool>());
    prop::collection::vec(one, 1..24).prop_map(|all| {
        let forge = |(number, (name, second, stream, campaign, page)): (usize, (&str, i64, usize, usize, bool))| {
            let seen = touch(&format!("f{number}"), name, START + Span::seconds(second));
            let seen = if name == "set_attributes" { with([("plan", text("gold"))], seen) } else { seen };
            let seen = match campaign {
                0 => seen,
                1 => of_campaign("autumn", seen),
                _ => {
                    let ad = of_campaign("winter", seen);
                    Touch { source: SourceFacts { channel: Channel::Paid, ..ad.source.clone() }, ..ad }
                }
            };
            Touch { trust: if page { Trust::Page } else { Trust::Browser }, ..in_stream(stream, seen) }
        };
        all.into_iter().enumerate().map(forge).collect()
    })
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(10_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    /// Of browser touches alone, whatever their streams say, no period of the cap gains more than it.
    #[test]
    fn no_hour_gains_more_than_the_cap(touches in forged(), rules in rules(), points in 5..30_u32) {
        let model = model(&format!(
            "version = 1\nname = \"m\"\nhalf_life = \"none\"\nbrowser_cap = {{ points = {points}, every = \"1h\" }}\n\
             [[scores]]\nname = \"engagement\"\n[[scores]]\nname = \"fit\"\n[[groups]]\nid = \"some\"\ncap = 25\n\
             [[stages]]\nname = \"cold\"\n[[labels]]\nlabel = \"keen\"\nwhen = {{ field = \"event\", eq = \"search\" }}\n{rules}",
        ));
        let ledger = lead(touches);
        // As the ledger stood at each instant, and what it was worth then.
        let mut instants: Vec<_> = ledger.touches().iter().map(|touch| touch.time).collect();
        instants.dedup();
        let worth = |until| {
            let before = ledger.touches().iter().filter(|touch| touch.time <= until).cloned();
            evaluate(&lead(before), &model, until).scores.into_iter().sum::<Points>()
        };
        let story: Vec<_> = instants.iter().map(|at| (*at, worth(*at))).collect();
        let cap = model.browser_cap.unwrap();
        for (place, (at, _)) in story.iter().enumerate() {
            // What there was just before the period began, cooled or ended by now or not.
            let before = place.checked_sub(1).map_or(Points::ZERO, |before| story[before].1);
            let inside = story[place..].iter().take_while(|(later, _)| later.since(*at) < cap.every);
            for (later, worth) in inside {
                prop_assert!(*worth - before <= cap.points, "{before} and at {later:?} {worth}");
            }
        }
    }
}
