//! What a ledger costs grows with its touches and no faster, whatever a model asks of them; and nothing that a visitor can do
//! makes a forecast long.

use std::hint::black_box;
use std::time::Instant;

use crate::common::{START, lead, model, touch};
use crate::speed::bar;
use engine::{
    Foreseen, Lead, LedgerLimits, Model, Span, StreamId, Touch, bound, evaluate, foresee_change, next_change, record,
};

const STAGES: &str = "[[stages]]\nname = \"cold\"\n[[stages]]\nname = \"warm\"\nenter = ";

/// A model with rules about three events, a stage, and what else is given.
fn written(head: &str, enter: &str, rules: &[&str]) -> Model {
    let rules = rules.iter().enumerate().map(|(number, rule)| format!("[[rules]]\nid = \"r{number}\"\n{rule}\n"));
    model(&format!("version = 1\nname = \"cost\"\n{head}\n{STAGES}\"{enter}\"\n{}", rules.collect::<String>()))
}

/// So many touches, a minute apart, of these names in turn.
fn visits(count: usize, names: &[&str]) -> Vec<Touch> {
    let names = names.iter().cycle().take(count).enumerate();
    names.map(|(number, name)| touch(&format!("t{number}"), name, minute(number))).collect()
}

fn minute(number: usize) -> engine::Millis {
    START + Span::minutes(i64::try_from(number).unwrap())
}

/// All of them, where the ledger would refuse what is more than a person does.
fn long(touches: Vec<Touch>) -> Lead {
    let limits = LedgerLimits { touches: usize::MAX, ..LedgerLimits::default() };
    let mut lead = Lead::default();
    for touch in touches {
        record(&mut lead, touch, &limits);
    }
    lead
}

/// A visitor who puts something into the cart and takes it out again, over and over, under a model for which that is nothing.
fn undecided(pairs: usize) -> (Lead, Model) {
    let rules = [
        "when = { field = \"event\", eq = \"add_to_cart\" }\npoints = 10",
        "when = { field = \"event\", eq = \"remove_from_cart\" }\npoints = -10",
    ];
    let head =
        "half_life = \"2d\"\nbrowser_cap = { points = 100, every = \"1h\" }\n[[scores]]\nname = \"s\"\nfloor = 0";
    let mut touches = visits(pairs * 2, &["add_to_cart", "remove_from_cart"]);
    // Slowly enough for the cap to let everything through.
    for (number, touch) in touches.iter_mut().enumerate() {
        touch.time = minute(number * 8);
        touch.received = touch.time;
    }
    (long(touches), written(head, "> 0", &rules))
}

/// A visitor whose every event gives and takes ten points, upon thirty that stay: just at the threshold.
fn balanced(events: usize) -> (Lead, Model) {
    let rules = [
        "when = { field = \"event\", eq = \"sign_up\" }\npoints = 30\nhalf_life = \"none\"",
        "when = { field = \"event\", eq = \"page_view\" }\npoints = 10",
        "when = { field = \"event\", eq = \"page_view\" }\npoints = -10",
    ];
    let mut touches = visits(events + 1, &["page_view"]);
    touches[0] = touch("t0", "sign_up", START);
    (long(touches), written("half_life = \"4w\"", ">= 30", &rules))
}

/// Milliseconds at best.
fn millis<R>(call: impl Fn() -> R) -> f64 {
    let round = || {
        let begin = Instant::now();
        black_box(call());
        begin.elapsed().as_secs_f64() * 1e3
    };
    (0..15).map(|_| round()).fold(f64::INFINITY, f64::min)
}

#[test]
fn what_is_not_worked_out_at_once_is_looked_for_again_and_never_called_never() {
    // given touches of both signs that hold a score at its threshold, too many to foresee all of it at once
    let (lead, model) = undecided(500);
    let mut now = evaluate(&lead, &model, START).at;
    let mut looks = 0;
    // when each time it is looked at again where the forecast says so
    while let Foreseen::LookAgain(at) = foresee_change(&lead, &model, now) {
        assert!(at > now + Span::minutes(60), "{at:?} is just after {now:?}");
        assert_eq!(evaluate(&lead, &model, at).stage, evaluate(&lead, &model, now).stage);
        (now, looks) = (at, looks + 1);
    }
    // then it is few times, and the whole of it is known in the end
    assert!((1..10).contains(&looks), "{looks}");
}

#[test]
fn a_date_beyond_the_year_that_is_looked_at_is_looked_for_again() {
    // given a contract that ends in 500 days, and a rule about its last 30
    let model = written("", ">= 40", &["while = { field = \"days_until.contract_end\", lte = 30 }\npoints = 40"]);
    let end = [("contract_end", crate::common::text("2028-02-03"))];
    let known = crate::common::with(end, crate::common::server_touch("a", "set_attributes", START));
    let lead = lead([known]);
    // when it is asked for the next change
    let Foreseen::LookAgain(at) = foresee_change(&lead, &model, START) else { panic!("nothing is looked for again") };
    // then it is looked for again no later than it comes, and found by then
    assert_eq!(next_change(&lead, &model, START), None);
    let stage = |at| evaluate(&lead, &model, at).stage.0;
    assert_eq!(stage(at - Span(1)), 0);
    let change = next_change(&lead, &model, at - Span(1)).unwrap();
    assert_eq!((stage(change.at - Span(1)), stage(change.at)), (0, 1));
}

#[test]
#[cfg_attr(debug_assertions, ignore = "a figure of a debug build says nothing: cargo test --release bar_")]
fn bar_cost_grows_with_touches_and_no_faster() {
    let streams = |count: usize| {
        let each = visits(count, &["page_view"]).into_iter().enumerate();
        each.map(|(number, touch)| Touch { stream: StreamId::parse(&format!("stream-{number:05}")).unwrap(), ..touch })
    };
    let view = "when = { field = \"event\", eq = \"page_view\" }";
    let sequence = "when = { all = [{ field = \"event\", eq = \"page_view\" }, { sequence = [{ field = \"event\", eq = \"search\" }, \
        { field = \"event\", eq = \"page_view\" }], without = { field = \"event\", eq = \"purchase\" }, within = \"4w\" }] }\n\
        points = 1\nper = { times = 1 }\nkeep = \"latest\"";
    let sequence = written("", ">= 30", &[sequence]);
    let raise =
        written("half_life = \"2d\"", ">= 30", &[&format!("{view}\nraise_to = 20"), &format!("{view}\npoints = 1")]);
    let count = written("", ">= 30", &["while = { field = \"count.page_view\", gte = 500 }\npoints = 5"]);
    let exact = model(engine::preset("exact").unwrap());
    let plain = |count: usize| long(visits(count, &["page_view"]));
    let mut verdicts = Vec::new();
    let mut grows = |name: &str, model: &Model, ledger: &dyn Fn(usize) -> Lead| {
        let [thousand, four] = [1_000, 4_000].map(|touches| {
            let lead = ledger(touches);
            let now = minute(touches);
            millis(|| evaluate(black_box(&lead), model, now))
        });
        println!("{name}: 1,000 touches {thousand:.3} ms, 4,000 touches {four:.3} ms");
        verdicts.push(bar(name, four / thousand, "x", 4.6));
    };
    grows("engine_4000_against_1000_sequence", &sequence, &|count| {
        long(visits(count, &["search", "page_view", "purchase"]))
    });
    grows("engine_4000_against_1000_raise_to", &raise, &plain);
    grows("engine_4000_against_1000_count", &count, &plain);
    grows("engine_4000_against_1000_streams", &exact, &|count| long(streams(count).collect()));
    for (name, (lead, model), limit) in [
        ("engine_next_change_200_undecided", undecided(200), 5.0),
        ("engine_next_change_500_undecided", undecided(500), 25.0),
        ("engine_next_change_100_balanced", balanced(100), 5.0),
    ] {
        let now = evaluate(&lead, &model, START).at;
        verdicts.push(bar(name, millis(|| foresee_change(black_box(&lead), &model, now)), "ms", limit));
        let bounded = millis(|| bound(black_box(&lead), &model, now, now + Span::days(90)));
        println!("{name}: its bound of ninety days {bounded:.3} ms");
        verdicts.push(bounded <= 25.0);
    }
    assert!(verdicts.iter().all(|holds| *holds), "a figure is over its limit");
}
