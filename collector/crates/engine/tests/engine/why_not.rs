//! Why not: what a rule made of each touch, what a stage takes, how the stage changed.

use crate::common::{lead, minute, model, server_touch, touch};
use engine::{Points, RuleId, StageCause, StageIndex, TouchId, WhyNot, missing, rule_story, transitions};

const MODEL: &str = r#"
version = 1
name = "m"
half_life = "none"
[[stages]]
name = "cold"
[[stages]]
name = "warm"
enter = ">= 10"
[[stages]]
name = "hot"
enter = "> 20"
[[rules]]
id = "view"
points = 4
from = 2
per = { times = 1, every = "1h" }
when = { all = [{ field = "event", eq = "page_view" }, { field = "property.size", eq = "m" }] }
[[rules]]
id = "buy"
points_per = { points = 1, value = "10" }
when = { field = "event", eq = "purchase" }
[[rules]]
id = "call"
points = 12
when = { field = "event", eq = "call" }
[[rules]]
id = "fruitless"
hand_back = true
when = { field = "event", eq = "fruitless" }
[[rules]]
id = "customer"
points = 3
while = { field = "attribute.customer", eq = true }
"#;

fn rule(id: &str) -> RuleId {
    RuleId::parse(id).unwrap()
}

fn id(id: &str) -> TouchId {
    TouchId::parse(id).unwrap()
}

#[test]
fn a_rule_says_of_each_touch_what_it_gave_or_why_not() {
    // given views of which the first is too early, the third too soon after the second, the fourth of another size
    let view = |number: &str, at: i64, size: &str| engine::Touch {
        properties: [("size".into(), engine::Scalar::Text(size.into()))].into_iter().collect(),
        ..touch(number, "page_view", minute(at))
    };
    let lead = lead([
        view("v1", 0, "m"),
        view("v2", 1, "m"),
        view("v3", 2, "m"),
        view("v4", 3, "xl"),
        touch("p1", "purchase", minute(4)),
        server_touch("p2", "purchase", minute(5)),
    ]);
    let model = model(MODEL);

    // when
    let views = rule_story(&lead, &model, &rule("view"), minute(9)).unwrap();
    let buys = rule_story(&lead, &model, &rule("buy"), minute(9)).unwrap();

    // then
    assert_eq!(views.given, [(id("v2"), Points::whole(4))]);
    let why: Vec<(&str, String)> = views
        .refused
        .iter()
        .map(|(touch, why)| {
            (
                touch.as_str(),
                match why {
                    WhyNot::Condition(failing) => failing.detail.clone(),
                    other => format!("{other:?}"),
                },
            )
        })
        .collect();
    assert_eq!(
        why,
        [
            ("v1", "TooFew { matched: 1, from: 2 }".to_owned()),
            ("v3", "Limit(Per { times: 1, every: Some(Span(3600000)) })".to_owned()),
            ("v4", "property.size = m".to_owned()),
            ("p1", "event = page_view".to_owned()),
            ("p2", "event = page_view".to_owned()),
        ]
    );
    assert_eq!(buys.refused[4], (id("p1"), WhyNot::Trust(engine::Trust::Browser)));
    assert_eq!(buys.refused[5], (id("p2"), WhyNot::NoValue));
    let state = rule_story(&lead, &model, &rule("customer"), minute(9)).unwrap().state.unwrap();
    assert_eq!(state.detail, "attribute.customer = true");
    assert_eq!(rule_story(&lead, &model, &rule("nobody"), minute(9)), None);
}

#[test]
fn what_a_lead_lacks_is_exact_and_its_stages_tell_when_and_why_they_came() {
    // given a call, a second one, a fruitless one
    let lead = lead([
        touch("c1", "call", minute(1)),
        touch("c2", "call", minute(2)),
        server_touch("f", "fruitless", minute(3)),
    ]);
    let model = model(MODEL);

    // then after the first call hot is more than 20 away: 8 points and a millionth
    let lacking = missing(&crate::common::lead([touch("c1", "call", minute(1))]), &model, minute(1));
    assert_eq!(
        lacking.iter().map(|one| (one.stage, one.points)).collect::<Vec<_>>(),
        [(StageIndex(2), Points(8_000_001))]
    );
    // and the story is told in order
    let story: Vec<_> =
        transitions(&lead, &model, minute(9)).into_iter().map(|one| (one.at, one.from.0, one.to.0, one.why)).collect();
    let by = |touch: &str| StageCause::Touch { touch: id(touch), rule: rule("call") };
    assert_eq!(
        story,
        [
            (minute(1), 0, 1, by("c1")),
            (minute(2), 1, 2, by("c2")),
            (minute(3), 2, 0, StageCause::HandBack { touch: id("f"), rule: rule("fruitless") }),
        ]
    );
}
