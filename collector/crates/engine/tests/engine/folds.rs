//! Folds: old touches become buckets, and nothing that a bucket keeps changes its meaning.

use std::sync::LazyLock;

use crate::common::{START, lead, minute, model, on_page, server_touch, touch};
use engine::{
    Cause, Channel, Currency, Device, Evaluation, Item, Lead, LedgerLimits, Millis, Model, Money, Points, Properties,
    Recorded, Scalar, SourceFacts, Span, StreamId, Suspicion, Touch, Trust, compact, evaluate, record,
};
use proptest::prelude::*;

const DAY: Span = Span::days(1);
/// Amsterdam in 2026: the clock is put back in the night of 25 October, 34 days after the start.
const AMSTERDAM: [(Millis, i32); 2] = [(Millis(1_774_746_000_000), 7_200), (Millis(1_792_890_000_000), 3_600)];

/// Every rule that has neither decay nor window nor sequence, and looks at what a bucket keeps or at the whole visitor.
static PLAIN: LazyLock<Model> = LazyLock::new(|| {
    model(
        r#"
version = 1
name = "plain"
half_life = "none"
[[scores]]
name = "engagement"
floor = 0
[[scores]]
name = "other"
cap = 40
[[groups]]
id = "capped"
cap = 25
[[stages]]
name = "cold"
[[stages]]
name = "warm"
enter = ">= 30"
[[stages]]
name = "hot"
enter = "> 70"
[[rules]]
id = "view"
when = { field = "event", eq = "page_view" }
points = 0.7
[[rules]]
id = "path"
when = { all = [{ field = "event", eq = "page_view" }, { field = "page.path", glob = "/a*" }] }
points = 5
per = { times = 4 }
[[rules]]
id = "latest"
when = { all = [{ field = "channel", eq = "paid" }, { field = "trust", lt = "server" }] }
points = -2.5
per = { times = 3 }
keep = "latest"
[[rules]]
id = "from"
when = { field = "event", eq = "search" }
points = 4
from = 6
[[rules]]
id = "value"
when = { field = "value", gte = "10.00" }
points_per = { points = 1, value = "10.00" }
score = "other"
[[rules]]
id = "category"
when = { field = "item.category", has = "jassen" }
points = 6
group = "capped"
[[rules]]
id = "mail"
when = { field = "event", eq = "email_open" }
points = 8
cap = 20
trust = "server"
group = "capped"
[[rules]]
id = "buy"
when = { field = "event", eq = "purchase" }
points = 11
[[rules]]
id = "often"
while = { field = "count.page_view", gte = 12 }
points = 9
[[rules]]
id = "visits"
while = { field = "visit.number", gte = 8 }
points = 13
[[rules]]
id = "seven"
while = { field = "touchpoints", gte = 7 }
points = 17
[[rules]]
id = "size"
while = { field = "attribute.size", gte = 2 }
points = 19
[[rules]]
id = "cart"
while = { field = "cart.quantity", gt = 0 }
points = 23
[[rules]]
id = "labelled"
while = { any = [{ field = "label", has = "vip" }, { field = "label", has = "reader" }] }
points = 29
[[rules]]
id = "consent"
while = { field = "consent", eq = "denied" }
points = -31
[[rules]]
id = "dutch"
while = { all = [{ field = "country", eq = "NL" }, { field = "device", eq = "phone" }] }
points = 37
[[labels]]
label = "reader"
when = { field = "page.path", eq = "/blog" }
"#,
    )
});

const NAMES: [&str; 12] = [
    "page_view",
    "page_view",
    "page_view",
    "search",
    "search",
    "add_to_cart",
    "remove_from_cart",
    "purchase",
    "email_open",
    "set_attributes",
    "consent",
    "label_added",
];

/// Touches of forty days, most of them in visits of a few minutes.
fn touches(most: usize) -> impl Strategy<Value = Vec<Touch>> {
    let when = (0..40_i64, 0..4_i64, 0..90_i64)
        .prop_map(|(day, part, minute)| DAY.0 * day + 6 * 3_600_000 * part + 60_000 * minute);
    let what = (0..NAMES.len(), 0..3_u8, 0..8_u8, 0..4_u8, 0..3_u8);
    let one = (when, what, 0..600_i64, any::<[bool; 6]>()).prop_map(|(at, what, delay, flags)| {
        let (name, stream, kind, path, value) = what;
        let time = START + Span(at);
        let [country, device, category, campaign, second_path, suspect] = flags;
        let trust = [
            Trust::Browser,
            Trust::Browser,
            Trust::Browser,
            Trust::Browser,
            Trust::Page,
            Trust::Page,
            Trust::Server,
            Trust::Product,
        ][usize::from(kind)];
        let trust = if NAMES[name] == "email_open" { Trust::Server } else { trust };
        let item = Item {
            id: "J-1".into(),
            name: None,
            category: category.then(|| "jassen".into()),
            variant: None,
            price: None,
            quantity: 2,
        };
        let facts = [
            ("size", Scalar::Integer(i64::from(value))),
            ("state", Scalar::Text(["granted", "denied", "required"][usize::from(value)].into())),
            ("label", Scalar::Text(["vip", "fan", "vip"][usize::from(value)].into())),
        ];
        let place = match NAMES[name] {
            "set_attributes" => Some(0),
            "consent" => Some(1),
            "label_added" => Some(2),
            _ => None,
        };
        let properties: Properties =
            place.map(|place| (facts[place].0.into(), facts[place].1.clone())).into_iter().collect();
        let plain = touch(&format!("t{at}-{name}-{stream}-{kind}"), NAMES[name], time);
        let plain = if second_path { on_page(["/a", "/a/b", "/blog", "/"][usize::from(path)], plain) } else { plain };
        Touch {
            received: time + Span::seconds(delay),
            trust,
            stream: StreamId::parse(&format!("stream-{stream}")).unwrap(),
            source: SourceFacts {
                channel: [Channel::Direct, Channel::Paid, Channel::Organic][usize::from(value)],
                campaign: campaign.then(|| ["zomer", "winter"][usize::from(path % 2)].into()),
                ..SourceFacts::default()
            },
            country: country.then(|| ["NL", "BE"][usize::from(path % 2)].into()),
            device: device.then_some([Device::Phone, Device::Desktop][usize::from(path % 2)]),
            value: (value > 0)
                .then(|| Money::parse(["0", "9.99", "25.00"][usize::from(value)], Currency::EUR).unwrap()),
            items: if name > 4 && name < 8 { vec![item] } else { Vec::new() },
            transaction: (NAMES[name] == "purchase" && campaign).then(|| format!("T-{path}").as_str().into()),
            properties,
            suspect: (suspect && stream > 0 && kind < 4)
                .then_some([Suspicion::Unattested, Suspicion::Bot][usize::from(stream == 2)]),
            ..plain
        }
    });
    prop::collection::vec(one, 0..most)
}

/// All that a page or an offer can see of a visitor, apart from the lines.
fn seen(lead: &Lead, evaluation: &Evaluation) -> impl PartialEq + std::fmt::Debug + use<> {
    let labels: Vec<_> = evaluation.labels.iter().map(|held| held.label.clone()).collect();
    let counts: Vec<_> = NAMES.iter().map(|name| evaluation.count(lead, name)).collect();
    let facts = (evaluation.country.clone(), evaluation.device, evaluation.channel, evaluation.last_seen);
    let state = (evaluation.attributes.clone(), evaluation.consent.clone(), evaluation.cart, evaluation.purchased);
    (
        evaluation.scores.clone(),
        evaluation.stage,
        labels,
        counts,
        evaluation.visits,
        evaluation.touchpoints,
        facts,
        state,
    )
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(10_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn folding_changes_nothing_for_rules_without_decay_window_or_sequence(
        touches in touches(120), folds in prop::collection::btree_set(8..60_i64, 1..3),
    ) {
        // given a ledger, and the same folded once or twice
        let whole = lead(touches);
        let mut folded = whole.clone();
        for day in folds {
            folded = compact(&folded, &LedgerLimits::default(), &AMSTERDAM, START + Span::days(day)).lead;
        }
        // then nothing that it means has changed
        let at = START + Span::days(60);
        let (one, other) = (evaluate(&whole, &PLAIN, at), evaluate(&folded, &PLAIN, at));
        prop_assert_eq!(seen(&whole, &one), seen(&folded, &other));
        let sum = |score: usize| other.lines.iter().filter(|line| line.score == score).map(|line| line.points_now).sum::<Points>();
        prop_assert_eq!(vec![sum(0), sum(1)], other.scores.clone());
        // and it reads back, and folding again at the same time changes nothing
        prop_assert_eq!(Lead::decode(&folded.encode()).unwrap(), folded);
    }

    #[test]
    fn folding_never_shifts_a_touch_by_a_day_and_never_folds_what_is_young(touches in touches(80), day in 8..60_i64) {
        let whole = lead(touches);
        let now = START + Span::days(day);
        let folded = compact(&whole, &LedgerLimits::default(), &AMSTERDAM, now).lead;
        let mut gone = 0;
        for touch in folded.touches() {
            match folded.fold(touch) {
                Some(fold) => {
                    prop_assert!(touch.time.since(fold.first) < DAY && fold.last.since(touch.time) < DAY);
                    prop_assert!(now.since(fold.last) > Span::days(7));
                    gone += usize::try_from(fold.count).unwrap();
                }
                None => prop_assert_eq!(whole.touch(&touch.id), Some(touch)),
            }
        }
        let buckets = folded.touches().iter().filter(|touch| touch.is_fold()).count();
        prop_assert_eq!(whole.touches().len() - gone, folded.touches().len() - buckets);
        for touch in whole.touches() {
            if now.since(touch.time) < Span::days(7) || now.since(touch.received) < Span::days(7) {
                prop_assert_eq!(folded.touch(&touch.id), Some(touch));
            }
        }
    }

    #[test]
    fn an_event_sent_up_to_ten_times_counts_once_or_is_stale_whenever_folding_happens(
        trust in prop::sample::select(vec![Trust::Browser, Trust::Page, Trust::Server]),
        hours in 0..24_i64,
        sends in prop::collection::vec((0..30 * 24 * 60_i64, -60..60_i64), 1..10),
        folds in prop::collection::vec(0..30 * 24 * 60_i64, 0..12),
    ) {
        // given one event, its copies on their way at any time, their times corrected up to a minute apart
        let happened = START + Span::minutes(60 * hours);
        let mut steps: Vec<(i64, Option<i64>)> = sends.into_iter().map(|(minute, second)| (minute, Some(second))).collect();
        steps.extend(folds.into_iter().map(|minute| (minute, None)));
        steps.sort_unstable();
        // when they are recorded, with folding in between
        let later = server_touch("later", "order_paid", START + Span::days(29));
        let mut lead = lead([Touch { received: later.time, ..later }]);
        let mut outcomes = Vec::new();
        for (minute, copy) in steps {
            let now = happened + Span::minutes(minute + 2);
            match copy {
                Some(second) => {
                    let copy = Touch { trust, received: now, ..touch("sent", "search", happened + Span::seconds(second)) };
                    outcomes.push(record(&mut lead, copy, &LedgerLimits::default()));
                }
                None => lead = compact(&lead, &LedgerLimits::default(), &AMSTERDAM, now).lead,
            }
        }
        // then it is new at most once, and there as often as it was new
        let new = outcomes.iter().filter(|outcome| **outcome == Recorded::New).count();
        prop_assert!(new <= 1, "{:?}", outcomes);
        prop_assert_eq!(evaluate(&lead, &PLAIN, START + Span::days(60)).count(&lead, "search"), new);
        prop_assert!(trust < Trust::Server || new == 1);
    }

    #[test]
    fn folded_ledgers_of_any_bytes_never_panic(
        touches in touches(20), damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let mut bytes = compact(&lead(touches), &LedgerLimits::default(), &[], START + Span::days(60)).lead.encode();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(lead) = Lead::decode(&bytes) {
            prop_assert_eq!(Lead::decode(&lead.encode()).unwrap(), lead.clone());
            let _evaluated = evaluate(&lead, &PLAIN, START);
            let _compacted = compact(&lead, &LedgerLimits::default(), &[], START);
        }
    }
}

/// So many page views of one morning, a minute apart, and one a month later.
fn views(count: i64) -> Vec<Touch> {
    let view = |number: i64| on_page("/a", touch(&format!("s:{number}"), "page_view", minute(number)));
    let last = Touch { received: START + Span::days(30), ..touch("z", "page_view", START + Span::days(30)) };
    (0..count).map(view).chain([last]).collect()
}

fn folded(touches: Vec<Touch>) -> Lead {
    compact(&lead(touches), &LedgerLimits::default(), &[], START + Span::days(31)).lead
}

fn rule(rest: &str) -> Model {
    let head =
        "version = 1\nname = \"one\"\nhalf_life = \"none\"\n[[stages]]\nname = \"cold\"\n[[rules]]\nid = \"view\"\n";
    model(&format!(
        "{head}when = {{ all = [{{ field = \"event\", eq = \"page_view\" }}, {{ field = \"page.path\", eq = \"/a\" }}] }}\n{rest}"
    ))
}

/// Of each line that a fold gives: for how many touches, and how many points.
fn lines(lead: &Lead, model: &Model) -> Vec<(u32, String)> {
    let evaluation = evaluate(lead, model, START + Span::days(31));
    let of_fold = evaluation.lines.iter().filter_map(|line| match line.cause {
        Cause::Fold { count, .. } => Some((count, line.points_now.to_string())),
        _ => None,
    });
    of_fold.collect()
}

#[test]
fn a_bucket_of_143_page_views_is_one_line_that_says_so() {
    // given 143 page views of one afternoon, a month ago
    let lead = folded(views(143));
    // then the ledger holds one touch for them, at noon, and one line that names them all
    assert_eq!(lead.touches().len(), 2);
    let evaluation = evaluate(&lead, &rule("points = 0.5"), START + Span::days(31));
    let line = &evaluation.lines[0];
    let stands = lead.touches()[0].id.clone();
    assert_eq!(line.cause, Cause::Fold { touch: stands, count: 143, first: START, last: minute(142) });
    assert_eq!((line.points_now.to_string(), evaluation.score.to_string()), ("71.5".to_owned(), "71.5".to_owned()));
    assert_eq!(line.time, Millis(START.0 / DAY.0 * DAY.0) + Span::minutes(12 * 60));
}

#[test]
fn limits_count_what_is_in_a_bucket_one_by_one() {
    let lead = folded(views(10));
    let one = |count: usize, points: &str| vec![(1, points.to_owned()); count];
    for (limit, expected) in [
        ("points = 5\nper = { times = 3 }", one(3, "5")),
        ("points = 5\nper = { times = 2, every = \"1d\" }", one(2, "5")),
        ("points = 5\nper = { times = 3 }\nkeep = \"latest\"", one(3, "5")),
        ("points = 5\nfrom = 8", vec![(3, "15".to_owned())]),
        ("points = 5\nfrom = 11", vec![]),
        ("points = 5\nfrom = 4\nper = { times = 2 }", one(2, "5")),
        ("points = 5\ncap = 12", vec![(10, "50".to_owned())]),
        ("raise_to = 12", vec![(10, "12".to_owned())]),
    ] {
        assert_eq!(lines(&lead, &rule(limit)), expected, "{limit}");
    }
    let capped = evaluate(&lead, &rule("points = 5\ncap = 12"), START + Span::days(31));
    assert_eq!(capped.score, Points::whole(12));
}

#[test]
fn a_repeated_import_of_what_was_folded_is_a_duplicate() {
    // given twenty orders' mails that a server told of, folded since
    let mails: Vec<Touch> =
        (0..20).map(|number| server_touch(&format!("m{number}"), "email_open", minute(number))).collect();
    let mut lead = folded([mails.clone(), views(1)].concat());
    let before = lead.encode();
    // when the import is run again
    for mail in mails {
        let again = Touch { received: START + Span::days(40), ..mail };
        assert_eq!(record(&mut lead, again, &LedgerLimits::default()), Recorded::Duplicate);
    }
    // then nothing changed
    assert_eq!(lead.encode(), before);
}

#[test]
fn evidence_that_was_folded_still_counts_and_what_is_held_may_count_later() {
    // given a person's stream, and a bot's, both folded
    let person = Touch { trust: Trust::Page, ..touch("p", "scroll", minute(1)) };
    let bots = |id: &str, at: i64| {
        let stream = StreamId::parse("bot-stream").unwrap();
        Touch { stream, suspect: Some(Suspicion::Bot), ..on_page("/a", touch(id, "page_view", minute(at))) }
    };
    let elsewhere = Touch { stream: StreamId::parse("stream-9").unwrap(), ..views(0).remove(0) };
    let mut lead = folded(vec![person, bots("b:1", 1), bots("b:2", 2), elsewhere]);
    let now = START + Span::days(31);
    let points = |lead: &Lead| evaluate(lead, &rule("points = 5"), now).score;
    assert!(lead.touches().iter().filter(|touch| touch.is_fold()).count() == 2, "{:?}", lead.touches());
    assert_eq!((points(&lead), evaluate(&lead, &rule("points = 5"), now).quarantined.len()), (Points::ZERO, 1));
    // when the person's stream looks like a bot's for once, then it counts
    let again =
        Touch { suspect: Some(Suspicion::Prerender), received: now, ..on_page("/a", touch("p:9", "page_view", now)) };
    record(&mut lead, again, &LedgerLimits::default());
    assert_eq!(points(&lead), Points::whole(5));
    // and when the other stream turns out to be a person's, then what was folded of it counts
    let evidence = Touch { trust: Trust::Page, suspect: None, time: now, received: now, ..bots("b:3", 0) };
    record(&mut lead, Touch { page: None, ..evidence }, &LedgerLimits::default());
    assert_eq!(points(&lead), Points::whole(15));
}

#[test]
fn over_its_limits_a_ledger_lets_the_oldest_go_and_says_so() {
    // given a page view a day for two months, each on a page of its own, and an order on the first day
    let day = |number: i64| START + Span::days(number);
    let view =
        |number: i64| on_page(&format!("/page/{number}"), touch(&format!("s:{number}"), "page_view", day(number)));
    let order = Touch { transaction: Some("T-1".into()), ..server_touch("order", "purchase", START) };
    let whole = lead((0..60).map(view).chain([order]));
    // when it may hold ten old touches
    let limits = LedgerLimits { older: 10, ..LedgerLimits::default() };
    let small = compact(&whole, &limits, &[], day(60));
    // then the order and the newest stay, and the lead says that there were more
    let old = small.lead.touches().iter().filter(|touch| touch.time < day(53));
    assert_eq!((old.count(), small.dropped, small.lead.overflowed().is_empty()), (10, 53 - 9, false));
    assert!(small.lead.touches().iter().any(|touch| touch.is("purchase")));
    assert!(compact(&whole, &LedgerLimits::default(), &[], day(60)).lead.overflowed().is_empty());
    // and the same in bytes
    let limits = LedgerLimits { bytes: 2_000, ..LedgerLimits::default() };
    let small = compact(&whole, &limits, &[], day(60));
    assert!(small.dropped > 0 && small.lead.encode().len() <= 2_000, "{}", small.lead.encode().len());
}

#[test]
fn a_touch_that_stands_for_a_fold_is_not_recorded() {
    let stands = folded(views(3)).touches()[0].clone();
    assert!(stands.is_fold() && engine::TouchId::parse(stands.id.as_str()).is_err());
    assert_eq!(record(&mut Lead::default(), stands, &LedgerLimits::default()), Recorded::Stale);
}

#[test]
fn a_copy_on_its_way_while_its_event_could_be_folded_is_still_a_copy() {
    // given a page view a second before midnight, and a ledger folded just after that day is seven days old
    let midnight = Millis((START.0 / DAY.0 + 1) * DAY.0);
    let view = touch("s:1", "page_view", midnight - Span(1_000));
    let other = touch("z", "page_view", midnight + Span::days(6));
    let mut lead = lead([view.clone(), other]);
    lead = compact(&lead, &LedgerLimits::default(), &[], midnight + Span::days(7) + Span(1)).lead;
    // when a copy comes whose time was corrected to half a minute later, and so is not stale
    let received = midnight + Span::days(7) + Span::seconds(20);
    let copy = Touch { received, time: view.time + Span::seconds(30), ..view };
    // then it is a duplicate
    assert_eq!(record(&mut lead, copy, &LedgerLimits::default()), Recorded::Duplicate);
    assert_eq!(lead.touches().len(), 2);
}

#[test]
fn visits_stay_as_many_where_what_stays_of_one_would_fall_apart() {
    // given a visit in which an offer was shown, a search made, and the offer closed, each twenty minutes after the other
    let about = |id: &str, name: &str, at| crate::common::offer_touch(id, name, "bar", "d1", minute(at));
    let visit =
        [about("s:1", "offer_shown", 0), touch("s:2", "search", minute(20)), about("s:3", "offer_dismissed", 40)];
    // when what can be is folded, then the search stays between them, and there are two visits, the last one included
    let lead = folded([visit.to_vec(), views(0)].concat());
    assert_eq!(lead.touches().iter().filter(|touch| touch.is_fold()).count(), 0);
    assert_eq!(evaluate(&lead, &PLAIN, START + Span::days(31)).visits, 2);
    // and where it is the first of them it stays too, since it says where the visit came from
    let early =
        [touch("s:0", "search", minute(-20)), about("s:1", "offer_shown", 0), about("s:3", "offer_dismissed", 20)];
    let lead = folded([early.to_vec(), views(0)].concat());
    assert_eq!(lead.touches().iter().filter(|touch| touch.is_fold()).count(), 0);
    assert_eq!(evaluate(&lead, &PLAIN, START + Span::days(31)).visits, 2);
}

#[test]
fn the_last_visit_stays_when_an_earlier_one_of_that_morning_stands_at_noon() {
    // given two visits before noon, the first one direct, the last one from a search engine
    let morning = START + Span::minutes(16 * 60);
    let organic = SourceFacts { channel: Channel::Organic, ..SourceFacts::default() };
    let visits = [
        touch("s:1", "page_view", morning),
        Touch { source: organic, ..touch("s:2", "page_view", morning + Span::minutes(60)) },
    ];
    let whole = lead(visits.map(|visit| Touch { received: visit.time, ..visit }));
    // when the ledger is folded, and folded again
    let later = |lead: &Lead, day| compact(lead, &LedgerLimits::default(), &[], START + Span::days(day)).lead;
    let once = later(&whole, 20);
    let twice = later(&once, 40);
    // then the first one is folded, the last one is not, and the second time changes nothing
    assert_eq!(once.touches().iter().map(Touch::is_fold).collect::<Vec<_>>(), [false, true]);
    assert_eq!(twice, once);
    assert_eq!(evaluate(&twice, &PLAIN, START + Span::days(40)).channel, Some(Channel::Organic));
}

#[test]
fn what_an_advertisement_brought_stays_its_doing_when_the_visit_is_folded() {
    // given a visit of two hours that an advertisement brought, a page each four minutes, of which only the first says so
    let ad = SourceFacts { channel: Channel::Paid, ..SourceFacts::default() };
    let page = |number: i64| on_page("/a", touch(&format!("s:{number:02}"), "page_view", minute(4 * number)));
    let visit = (0..30).map(page).enumerate();
    let visit = visit.map(|(number, touch)| if number == 0 { Touch { source: ad.clone(), ..touch } } else { touch });
    let whole: Vec<Touch> = visit.chain(views(0)).collect();
    let model = model(
        "version = 1\nname = \"m\"\nhalf_life = \"none\"\n[[stages]]\nname = \"cold\"\n[[rules]]\nid = \"ad\"\n\
         when = { field = \"channel\", eq = \"paid\" }\npoints = 1\n",
    );
    // when it is folded
    let lead = folded(whole.clone());
    assert!(lead.touches().len() < whole.len() / 2, "{} of {}", lead.touches().len(), whole.len());
    // then every page of it came by the advertisement
    let at = START + Span::days(31);
    let evaluation = evaluate(&lead, &model, at);
    assert_eq!(evaluation.score, evaluate(&crate::common::lead(whole), &model, at).score);
    assert_eq!((evaluation.score, evaluation.visits), (Points::whole(30), 2));
}
