//! Random models and ledgers: what the properties are tried on.

use crate::common::{START, site, touch};
use engine::touch::{Properties, Scalar};
use engine::{
    Channel, Currency, Millis, Model, Money, PageFacts, SiteFacts, SourceFacts, Span, StreamId, Text, Touch, TouchId,
    Trust,
};
use proptest::prelude::*;
use proptest::sample::select;

/// Amsterdam: summer time ends on 2026-10-25, begins again on 2027-03-28 and ends on 2027-10-31.
pub(crate) fn amsterdam() -> SiteFacts {
    let changes = [(0, 3_600), (1_774_746_000_000, 7_200), (1_792_890_000_000, 3_600), (1_806_195_600_000, 7_200)];
    let changes = changes.into_iter().chain([(1_824_944_400_000, 3_600)]);
    SiteFacts { offsets: changes.map(|(from, seconds)| (Millis(from), seconds)).collect(), ..site() }
}

/// The text of a model, compiled. It is `Debug` by its text, so that a failure shows it as a marketer would write it.
#[derive(Clone)]
pub(crate) struct Written {
    pub(crate) text: String,
    pub(crate) model: Model,
}

impl std::fmt::Debug for Written {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Nothing, or a line.
fn maybe(lines: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    select(lines)
}

/// Stands for the notice of a rule, which no other has.
const TOLD: &str = "(told)";

/// Models with every effect, limit and kind of state that there is.
pub(crate) fn models() -> impl Strategy<Value = Written> {
    let rules = prop::collection::vec(prop_oneof![3 => touch_rule(), 1 => state_rule()], 1..7);
    (head(), stages(), rules, labels()).prop_map(|(head, stages, rules, labels)| {
        let rules = rules.iter().enumerate().map(|(number, rule)| {
            let rule = rule.replace(TOLD, &format!("notice = \"n{number}\"\n"));
            format!("[[rules]]\nid = \"r{number}\"\n{rule}")
        });
        let text = format!("version = 1\nname = \"random\"\n{head}{stages}{}{labels}", rules.collect::<String>());
        match Model::parse(&text, &amsterdam()) {
            Ok(model) => Written { text, model },
            Err(faults) => panic!("{text}\n{faults:#?}"),
        }
    })
}

fn head() -> impl Strategy<Value = String> {
    let half_life =
        select(&["half_life = \"6h\"", "half_life = \"1d\"", "half_life = \"none\"", "half_life = \"64s\""]);
    let browser = maybe(&[
        "",
        "",
        "browser_cap = { points = 25, every = \"1h\" }",
        "browser_cap = { points = 7.5, every = \"1d\" }",
    ]);
    let score = maybe(&["", "", "floor = 0", "ceiling = 30", "cap = 25", "cap = 40\nceiling = 35\nfloor = -3"]);
    let fit = maybe(&["", "floor = -5", "cap = 12"]);
    let group = maybe(&["", "cap = 10", "expires = \"8h\"", "cap = 15\nhalf_life = \"2h\"", "half_life = \"none\""]);
    (half_life, browser, score, fit, group).prop_map(|(half_life, browser, score, fit, group)| {
        format!(
            "{half_life}\n{browser}\n[page_tags]\nprice = [\"/price\", \"/price/**\"]\n\
             [[scores]]\nname = \"engagement\"\n{score}\n[[scores]]\nname = \"fit\"\n{fit}\n\
             [[groups]]\nid = \"some\"\n{group}\n[[groups]]\nid = \"other\"\ncap = 20\n"
        )
    })
}

fn stages() -> impl Strategy<Value = String> {
    let warm = select(&["\">= 10\"", "\"> 10\"\nleave = \"< 6\"", "\">= 12.5\"\nleave = \"<= 9.5\""]);
    let hot = select(&["\"> 20\"", "\">= 20\"\nleave = \"< 14\"", "\"> 20\"\nleave = \"<= 4\""]);
    let stay = || maybe(&["", "", "min_stay = \"2h\"", "min_stay = \"1d\""]);
    let segment = || prop_oneof![3 => Just(String::new()), 1 => state_condition().prop_map(|when| when)];
    (warm, hot, stay(), stay(), segment(), segment()).prop_map(|(warm, hot, first, second, below, above)| {
        let segments = |when: &str, bounds: &str| match when {
            "" => String::new(),
            when => format!("segments = [{{ when = {when}, {bounds} }}]\n"),
        };
        format!(
            "[[stages]]\nname = \"cold\"\n[[stages]]\nname = \"warm\"\nenter = {warm}\n{first}\n{}\
             [[stages]]\nname = \"hot\"\nenter = {hot}\n{second}\n{}",
            segments(&below, "enter = \">= 5\""),
            segments(&above, "enter = \"> 15\", leave = \"< 8\""),
        )
    })
}

fn labels() -> impl Strategy<Value = String> {
    let expires = maybe(&["", "expires = \"3h\"\n", "expires = \"2d\"\n"]);
    let one = (touch_condition(), select(&["keen", "vip"]), expires)
        .prop_map(|(when, label, expires)| format!("[[labels]]\nlabel = \"{label}\"\nwhen = {when}\n{expires}"));
    prop::collection::vec(one, 0..3).prop_map(|labels| labels.concat())
}

const HALF_LIVES: [&str; 5] = ["", "", "half_life = \"2h\"\n", "half_life = \"none\"\n", "half_life = \"1d\"\n"];
const PLACES: [&str; 6] = ["", "", "", "score = \"fit\"\n", "group = \"some\"\n", "group = \"other\"\n"];
const CAPS: [&str; 4] = ["", "", "cap = 8\n", "cap = 14.5\n"];

fn touch_rule() -> impl Strategy<Value = String> {
    let effect = prop_oneof![
        5 => (-9..25_i32).prop_map(|points| format!("points = {points}.3")),
        1 => Just("points_per = { points = 2, value = \"10.00\" }".to_owned()),
        2 => (5..25_u32).prop_map(|level| format!("raise_to = {level}")),
        1 => select(&["set_stage = \"warm\"", "set_stage = \"hot\""]).prop_map(str::to_owned),
        1 => Just("hand_back = true".to_owned()),
    ];
    let per = maybe(&[
        "",
        "",
        "per = { times = 1 }\n",
        "per = { times = 2, every = \"3h\" }\n",
        "per = { times = 1, every = \"10m\" }\n",
        "per = { times = 2 }\nkeep = \"latest\"\n",
        "per = { times = 1 }\nkeep = \"latest\"\n",
    ]);
    let from = maybe(&["", "", "", "from = 2\n", "from = 3\n"]);
    let expires = maybe(&["", "", "expires = \"5h\"\n", "expires = \"1d\"\n"]);
    let trust = maybe(&["", "", "", "trust = \"page\"\n", "trust = \"browser\"\n", "trust = \"server\"\n"]);
    let long = (select(&HALF_LIVES), select(&PLACES), select(&CAPS));
    (touch_condition(), effect, per, from, expires, trust, long).prop_map(
        |(when, effect, per, from, expires, trust, (half_life, place, cap))| {
            format!("when = {when}\n{effect}\n{per}{from}{expires}{trust}{half_life}{place}{cap}")
        },
    )
}

fn state_rule() -> impl Strategy<Value = String> {
    let points = prop_oneof![3 => 2..15_i32, 1 => -9..-1_i32];
    (state_condition(), points, select(&HALF_LIVES), select(&PLACES), select(&CAPS), maybe(&["", TOLD])).prop_map(
        |(holds, points, half_life, place, cap, told)| {
            format!("while = {holds}\npoints = {points}\n{half_life}{place}{cap}{told}")
        },
    )
}

/// One of these, its opposite, or two of them joined.
fn joined(one: impl Strategy<Value = String> + Clone + 'static) -> impl Strategy<Value = String> {
    prop_oneof![
        6 => one.clone(),
        1 => one.clone().prop_map(|inner| format!("{{ not = {inner} }}")),
        1 => (one.clone(), one.clone()).prop_map(|(left, right)| format!("{{ any = [{left}, {right}] }}")),
        1 => (one.clone(), one).prop_map(|(left, right)| format!("{{ all = [{left}, {right}] }}")),
    ]
}

/// What a condition may ask of a visitor as of a touch, and at an instant.
const KNOWN: [&str; 14] = [
    r#"{ field = "label", has = "keen" }"#,
    r#"{ field = "label", has = "vip" }"#,
    r#"{ field = "attribute.plan", eq = "gold" }"#,
    r#"{ field = "attribute.plan", ne = "gold" }"#,
    r#"{ field = "attribute.size", gte = 3 }"#,
    r#"{ field = "count.search", gte = 2 }"#,
    r#"{ field = "recent.1h.page_view", lt = 2 }"#,
    r#"{ field = "recent.6h.add_to_cart", gte = 1 }"#,
    r#"{ field = "visit.number", gt = 1 }"#,
    r#"{ field = "visits.1d", gte = 2 }"#,
    r#"{ field = "visit_days.2d", gte = 2 }"#,
    r#"{ field = "touchpoints", gte = 3 }"#,
    r#"{ field = "consent", eq = "denied" }"#,
    r#"{ sequence = [{ field = "event", eq = "search" }, { field = "event", in = ["page_view", "add_to_cart"] }], without = { field = "event", eq = "purchase" }, within = "2h" }"#,
];

const OF_STATE: [&str; 13] = [
    r#"{ field = "last_seen", gte = "1h" }"#,
    r#"{ field = "last_seen", gt = "10m" }"#,
    r#"{ field = "last_seen", lte = "2d" }"#,
    r#"{ field = "cart.quantity", gt = 0 }"#,
    r#"{ field = "cart.value", gte = "20.00" }"#,
    r#"{ all = [{ field = "cart.quantity", gt = 0 }, { field = "last_seen", gte = "60m" }] }"#,
    r#"{ all = [{ field = "date", gte = "09-23" }, { field = "date", lt = "10-02" }] }"#,
    r#"{ field = "date", eq = "02-29" }"#,
    r#"{ field = "date", gt = "12-31" }"#,
    r#"{ all = [{ field = "days_until.renewal", gte = 0 }, { field = "days_until.renewal", lte = 3 }] }"#,
    r#"{ field = "days_until.renewal", lt = 0 }"#,
    r#"{ field = "country", eq = "NL" }"#,
    r#"{ field = "channel", in = ["paid", "email"] }"#,
];

const OF_TOUCH: [&str; 10] = [
    r#"{ field = "stage", gte = "warm" }"#,
    r#"{ field = "stage", eq = "cold" }"#,
    r#"{ field = "trust", gte = "page" }"#,
    r#"{ field = "value", gte = 20 }"#,
    r#"{ field = "channel", eq = "email" }"#,
    r#"{ field = "page.tag", has = "price" }"#,
    r#"{ field = "page.path", glob = "/p*" }"#,
    r#"{ field = "campaign", exists = false }"#,
    r#"{ field = "campaign", glob = "z*" }"#,
    r#"{ all = [] }"#,
];

fn state_condition() -> impl Strategy<Value = String> {
    joined(prop_oneof![select(&KNOWN), select(&OF_STATE)].prop_map(str::to_owned))
}

fn touch_condition() -> impl Strategy<Value = String> {
    let event = || select(&NAMES).prop_map(|name| format!("{{ field = \"event\", eq = \"{name}\" }}"));
    let names = (select(&NAMES), select(&NAMES))
        .prop_map(|(one, other)| format!("{{ field = \"event\", in = [\"{one}\", \"{other}\"] }}"));
    let detail = || joined(prop_oneof![select(&KNOWN), select(&OF_TOUCH)].prop_map(str::to_owned));
    prop_oneof![
        5 => event(),
        3 => names,
        2 => (event(), detail()).prop_map(|(event, detail)| format!("{{ all = [{event}, {detail}] }}")),
        1 => detail(),
    ]
}

const NAMES: [&str; 14] = [
    "page_view",
    "page_view",
    "add_to_cart",
    "add_to_cart",
    "remove_from_cart",
    "search",
    "search",
    "purchase",
    "set_attributes",
    "label_added",
    "label_removed",
    "consent",
    "email_click",
    "call_outcome",
];

/// Touches of two days; ids repeat, so that copies and conflicts occur, and instants do too.
pub(crate) fn touches(most: usize) -> impl Strategy<Value = Vec<Touch>> {
    let when = (0..288_i64, select(&[0, 0, 0, 1, 999, 56_000, 60_000]), select(&[0, 0, 1, 2, 59, 61, 500]));
    let who = (select(&NAMES), 0..8_u8, 0..3_u8);
    let what = (0..4_u8, 0..6_i64, 0..4_u8, 0..3_u8);
    let one = (0..60_u8, when, who, what).prop_map(
        |(id, (slot, millis, delay), (name, kind, stream), (choice, tens, source, transaction))| {
            let time = START + Span(slot * 600_000 + millis);
            let own = kind == 7;
            let name = if own { "gloed_reserved" } else { name };
            let trust = match kind {
                0..=3 => Trust::Browser,
                4 => Trust::Page,
                7 => Trust::Product,
                _ => Trust::Server,
            };
            let page = (choice != 0).then(|| PageFacts {
                host: Text::cut("shop.example"),
                path: Text::cut(["/", "/price", "/price/list", "/p"][usize::from(choice)]),
                title: None,
            });
            let currency = if tens == 5 { Currency::parse("USD").unwrap() } else { Currency::EUR };
            Touch {
                received: time + Span::minutes(delay),
                trust,
                stream: StreamId::parse(&format!("stream-{stream}")).unwrap(),
                page,
                source: SourceFacts {
                    channel: [Channel::Direct, Channel::Email, Channel::Paid, Channel::Organic][usize::from(source)],
                    campaign: [None, None, Some("zomer"), Some("winter")][usize::from(source)]
                        .filter(|_| tens < 3)
                        .map(Into::into),
                    source: (tens == 2 && choice == 1).then(|| "google".into()),
                    referrer_host: (tens > 3 && choice < 2).then(|| "www.mollie.example".into()),
                    ..SourceFacts::default()
                },
                country: (source == 1).then(|| ["NL", "BE", "NL", "DE"][usize::from(choice)].into()),
                value: (tens > 0).then(|| Money { minor: tens * 1_000 - 500, currency }),
                transaction: (name == "purchase" && transaction > 0)
                    .then(|| format!("T-{transaction}").as_str().into()),
                properties: properties(name, choice, tens),
                removed: if name == "set_attributes" && choice == 3 { vec!["plan".into()] } else { Vec::new() },
                ..touch(&format!("t{id}"), name, time)
            }
        },
    );
    prop::collection::vec(one, 0..most)
}

fn properties(name: &str, choice: u8, tens: i64) -> Properties {
    let text = |texts: [&str; 4]| Scalar::Text(texts[usize::from(choice)].into());
    let pairs = match name {
        "set_attributes" if choice < 3 => vec![
            ("plan".into(), text(["gold", "silver", "gold", ""])),
            ("size".into(), Scalar::Integer(tens)),
            ("renewal".into(), text(["2026-09-22", "2026-09-25", "2026-10-26", ""])),
        ],
        "label_added" | "label_removed" => vec![("label".into(), text(["keen", "keen", "vip", "vip"]))],
        "consent" => vec![("state".into(), text(["denied", "denied", "granted", "granted"]))],
        _ => Vec::new(),
    };
    pairs.into_iter().collect()
}

/// The same touches, none of which shares its id with another.
pub(crate) fn distinct(mut touches: Vec<Touch>) -> Vec<Touch> {
    for (number, touch) in touches.iter_mut().enumerate() {
        touch.id = TouchId::parse(&format!("n{number}")).unwrap();
    }
    touches
}
