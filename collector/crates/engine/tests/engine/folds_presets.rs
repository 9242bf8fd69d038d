//! Folds under the presets: what was decided stays decided, whatever day it was.

use crate::common::{START, lead, minute, model, on_page, text, touch, with};
use engine::{
    Evaluation, Lead, LedgerLimits, Millis, Model, Money, SourceFacts, Span, StreamId, Touch, Trust, compact, evaluate,
    preset,
};
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::LazyLock;

const DEMO: &str = include_str!("../../../../../web-demo/demo.offers.toml");

/// Each preset and the demo's model, without what folding may change and MODEL.md says so: decay, windows (periods of limits
/// and of the browser's cap, visits of the last days, expiries), raising to a level, and keeping a stage below where it is
/// entered, all of which turn on hours.
static MODELS: LazyLock<Vec<Model>> = LazyLock::new(|| {
    let [exact, b2b, b2c] = ["exact", "b2b", "b2c"].map(|name| preset(name).unwrap().to_owned());
    let demo = format!("{b2c}\n{DEMO}");
    [exact, b2b, b2c, demo].iter().map(|text| model(&timeless(text))).collect()
});

fn timeless(preset: &str) -> String {
    let line = |line: &str| -> Option<String> {
        let key = line.split(" = ").next().unwrap_or_default();
        match key {
            "half_life" => Some("half_life = \"none\"".to_owned()),
            "browser_cap" | "expires" | "leave" | "min_stay" => None,
            "raise_to" => Some(line.replace("raise_to", "points")),
            "per" => Some(line.split(", every").next().unwrap().trim_end_matches(" }").to_owned() + " }"),
            _ => Some(line.to_owned()),
        }
    };
    let rule = |rule: &&str| !(rule.contains("field = \"visits.") || rule.contains("field = \"last_seen\""));
    let lines: Vec<String> = preset.lines().filter_map(line).collect();
    let lines = lines.join("\n");
    let (head, rules) = lines.split_once("[[rules]]").unwrap();
    let rules: Vec<&str> = rules.split("[[rules]]").filter(rule).collect();
    format!("{head}[[rules]]{}", rules.join("[[rules]]"))
}

/// Events as the presets know them: name, property, its values; who tells of them.
const EVENTS: [(&str, &str, &[&str], Trust); 20] = [
    ("page_view", "", &[], Trust::Browser),
    ("page_view", "", &[], Trust::Page),
    ("page_view", "", &[], Trust::Page),
    ("view_item", "", &[], Trust::Browser),
    ("view_cart", "", &[], Trust::Browser),
    ("search", "", &[], Trust::Page),
    ("add_to_cart", "", &[], Trust::Browser),
    ("select_content", "link", &["call-back", "menu"], Trust::Page),
    ("file_download", "file_name", &["onderhoud.pdf", "prijslijst.pdf"], Trust::Browser),
    ("generate_lead", "form", &["quote", "contact", "information"], Trust::Browser),
    ("form_submit", "form", &["quote", "contact", "download"], Trust::Page),
    ("sign_up", "", &[], Trust::Browser),
    ("email_sent", "kind", &["service", "nurture"], Trust::Server),
    ("email_open", "", &[], Trust::Server),
    ("email_click", "link", &["call-back", "article"], Trust::Server),
    ("call_outcome", "outcome", &["fruitless", "fruitless", "interested"], Trust::Server),
    ("chat", "", &[], Trust::Browser),
    ("label_added", "label", &["vip"], Trust::Server),
    ("set_attributes", "industry", &["wholesale", "care"], Trust::Server),
    ("purchase", "", &[], Trust::Server),
];

const PATHS: [&str; 6] = ["/", "/pricing", "/blog/a", "/careers", "/sepa/uitleg", "/cart"];

/// Touches of ten days, several on each.
fn touches() -> impl Strategy<Value = Vec<Touch>> {
    let one = (select(&EVENTS[..]), 0..4_usize, select(&PATHS[..]), 0..10_i64, 0..1_440_i64, 0..6_u8, 0..2_u8);
    let touch = |(event, choice, path, day, at, extra, stream): (_, usize, &str, i64, i64, u8, u8)| {
        let (name, property, values, trust): (&str, &str, &[&str], Trust) = event;
        let time = START + Span::days(day) + Span::minutes(at);
        let mut touch = Touch { trust, received: time, ..touch(&format!("{day}-{at}-{name}-{choice}"), name, time) };
        touch.stream = StreamId::parse(&format!("stream-{stream}")).unwrap();
        if trust < Trust::Server {
            touch = on_page(path, touch);
            touch.country = Some("NL".into());
            let campaign = (extra == 5 && name == "page_view").then(|| "sepa-herfst".into());
            touch.source = SourceFacts { campaign, ..SourceFacts::default() };
        }
        if name == "purchase" {
            touch.value = Some(Money { minor: 25_000, currency: engine::Currency::EUR });
        }
        let value = values.get(choice).map(|value| (property, text(value)));
        // Mail tools say which mail; some say nothing more.
        let mail = (name == "email_sent" || (name.starts_with("email") && extra > 1)).then(|| ("mail", text("m-1")));
        touch.properties = value.into_iter().chain(mail).map(|(name, value)| (name.into(), value)).collect();
        touch
    };
    prop::collection::vec(one.prop_map(touch), 0..100)
}

/// What is decided of a visitor.
fn standing(evaluation: &Evaluation) -> impl PartialEq + std::fmt::Debug + use<> {
    let labels: Vec<_> = evaluation.labels.iter().map(|held| held.label.clone()).collect();
    (evaluation.scores.clone(), evaluation.stage_name.clone(), labels, evaluation.attributes.clone())
}

fn folded_at(lead: &Lead, day: i64) -> Lead {
    compact(lead, &LedgerLimits::default(), &[], START + Span::days(day)).lead
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn under_every_preset_score_stage_and_labels_are_the_same_after_folding(
        touches in touches(), place in 0..4_usize, days in prop::collection::btree_set(8..40_i64, 1..3),
    ) {
        // given a ledger of what the presets know, and the same folded
        let whole = lead(touches);
        let folded = days.into_iter().fold(whole.clone(), |lead, day| folded_at(&lead, day));
        // then every score, the stage, and what is known of the visitor are as they were
        let (model, at) = (&MODELS[place], START + Span::days(60));
        prop_assert_eq!(standing(&evaluate(&folded, model, at)), standing(&evaluate(&whole, model, at)));
        prop_assert_eq!(engine::unseen(&folded, model), 0);
    }
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(10_000)
}

fn told(id: &str, name: &str, at: i64, properties: &[(&str, &str)]) -> Touch {
    let properties = properties.iter().map(|(name, value)| ((*name).into(), text(value))).collect();
    Touch { trust: Trust::Server, properties, ..touch(id, name, minute(at)) }
}

#[test]
fn a_fruitless_call_stays_fruitless_and_a_service_mail_stays_no_nurture_mail() {
    // given the exact preset, three clicks, one of which asks for a call, a call without result, and what came after it
    let click = |id, at, link| told(id, "email_click", at, &[("mail", "m-1"), ("link", link)]);
    let sent = |id, at| told(id, "email_sent", at, &[("mail", "m-2"), ("kind", "service")]);
    let touches = [
        click("c1", 0, "article"),
        click("c2", 60, "call-back"),
        click("c3", 120, "article"),
        told("call", "call_outcome", 180, &[("outcome", "fruitless")]),
        told("open", "email_open", 240, &[]),
        sent("s1", 300),
        sent("s2", 360),
    ];
    let (whole, exact) = (lead(touches), model(preset("exact").unwrap()));
    // when it is folded
    let folded = folded_at(&whole, 30);
    // then the open after the call is all that counts, before as after
    let score = |lead: &Lead| evaluate(lead, &exact, START + Span::days(30)).score.to_string();
    assert_eq!((score(&whole), score(&folded)), ("1".to_owned(), "1".to_owned()));
}

#[test]
fn nothing_is_moved_to_the_other_side_of_what_hands_a_lead_back() {
    // given pages looked at before and after a fruitless call, all on the morning of one day
    let morning = Millis(START.0 / Span::days(1).0 * Span::days(1).0) + Span::days(1);
    let view = |id: &str, minutes| {
        let time = morning + Span::minutes(minutes);
        on_page("/pricing", Touch { received: time, ..touch(id, "page_view", time) })
    };
    let call = with([("outcome", text("fruitless"))], touch("call", "call_outcome", morning + Span::minutes(540)));
    let call = Touch { trust: Trust::Server, ..call };
    let last = view("z", 30 * 1_440);
    let whole = lead([view("before", 480), call, view("after", 600), last]);
    // when the day is folded
    let folded = folded_at(&whole, 40);
    // then what came after the call can stand at noon, and what came before it stays where it was
    let ids: Vec<_> = folded.touches().iter().map(|touch| (touch.is_fold(), touch.name.as_str())).collect();
    assert_eq!(ids, [(false, "page_view"), (false, "call_outcome"), (true, "page_view"), (false, "page_view")]);
}

#[test]
fn a_stage_set_by_a_form_and_a_label_given_by_a_file_stay() {
    // given a form that makes a lead sales', and a brochure that gives a label, a month ago
    let form = with([("form", text("quote"))], touch("form", "form_submit", minute(0)));
    let form = Touch { trust: Trust::Page, ..form };
    let file = with([("file_name", text("onderhoud.pdf"))], touch("file", "file_download", minute(1)));
    let later = touch("z", "page_view", minute(40 * 1_440));
    let whole = lead([form, file, later]);
    // when they are folded
    let folded = folded_at(&whole, 50);
    // then the stage is set and the label held, and nothing is lost
    let at = START + Span::days(50);
    assert_eq!(evaluate(&folded, &model(preset("exact").unwrap()), at).stage_name, "sql");
    let demo = model(&format!("{}\n{DEMO}", preset("b2c").unwrap()));
    assert!(evaluate(&folded, &demo, at).has_label("onderhoud"));
    assert_eq!(folded.touches().len(), whole.touches().len());
}
