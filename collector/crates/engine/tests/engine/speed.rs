//! The promised figures of the engine, on the bench's median lead. Release builds only: a debug build says nothing.

#[path = "../../benches/engine/median.rs"]
mod median;

use std::env;
use std::fs::OpenOptions;
use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

use engine::decide::explain;
use engine::{Lead, LedgerLimits, Model, decide, evaluate, next_change, record};

/// How often each figure is measured; the least counts, since nothing makes a computation faster than it is. Rounds are
/// short, so that some of them run without being interrupted even where the machine is busy.
const ROUNDS: usize = 1_000;

/// Microseconds that one call takes, at best. `prepare` makes what each call of a round consumes, outside the time.
fn least<P, R>(calls: usize, prepare: impl Fn() -> P, call: impl Fn(P) -> R) -> f64 {
    let round = || {
        let prepared: Vec<P> = (0..calls).map(|_| prepare()).collect();
        let mut results = Vec::with_capacity(calls);
        let begin = Instant::now();
        for one in prepared {
            results.push(call(one));
        }
        begin.elapsed().as_secs_f64() * 1e6 / calls as f64
    };
    (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min)
}

/// Microseconds of a call that consumes nothing. Giving up what it made is part of it.
fn least_of<R>(calls: usize, call: impl Fn() -> R) -> f64 {
    let round = || {
        let begin = Instant::now();
        for _ in 0..calls {
            black_box(call());
        }
        begin.elapsed().as_secs_f64() * 1e6 / calls as f64
    };
    (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min)
}

/// The least of a few copies: where one happens to lie in memory makes a difference of some per cent.
fn evaluated(lead: &Lead, model: &Model) -> f64 {
    let now = median::now(lead);
    let copies: Vec<Lead> = (0..5).map(|_| lead.clone()).collect();
    let least = |lead: &Lead| least_of(10, || evaluate(black_box(lead), model, now));
    copies.iter().map(least).fold(f64::INFINITY, f64::min)
}

/// Prints the line, collects it where `make bars` asks for it, and says whether the figure is within its limit.
pub(crate) fn bar(name: &str, value: f64, unit: &str, limit: f64) -> bool {
    told(name, value, unit, limit, value <= limit)
}

/// The same of a figure that must be no less than its limit.
pub(crate) fn bar_at_least(name: &str, value: f64, unit: &str, limit: f64) -> bool {
    told(name, value, unit, limit, value >= limit)
}

fn told(name: &str, value: f64, unit: &str, limit: f64, holds: bool) -> bool {
    let verdict = if holds { "ok" } else { "short" };
    let line = format!("bar {name} {value:.3} {unit} limit {limit} {verdict}");
    println!("{line}");
    if let Some(file) = env::var_os("GLOED_BARS_FILE") {
        let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
        writeln!(file, "{line}").unwrap();
    }
    holds
}

#[test]
#[cfg_attr(debug_assertions, ignore = "a figure of a debug build says nothing: cargo test --release bar_")]
fn bar_the_engine_is_fast() {
    let (plain, crowded, lead, moment) = (median::model(0), median::model(1_000), median::lead(6), median::moment());
    let (now, limits) = (median::now(&lead), LedgerLimits::default());
    let evaluation = evaluate(&lead, &plain, now);
    // The lead goes back with the answer: giving its memory up is no part of recording.
    let recorded = least(
        20,
        || (lead.clone(), median::touch(6)),
        |(mut lead, touch)| {
            let recorded = record(&mut lead, touch, &limits);
            (lead, recorded)
        },
    );
    let decided = least_of(10, || decide(black_box(&lead), &evaluation, &plain, &moment, now));
    let foreseen = least_of(10, || next_change(black_box(&lead), &plain, now));
    let one = evaluated(&lead, &plain);
    let with_foreign = evaluated(&lead, &crowded);
    let of = |touches: usize| evaluated(&median::lead(touches), &plain);
    let [mut of_100, mut of_200, of_400, of_800] = [100, 200, 400, 800].map(of);
    // A ratio of two that were measured at different moments: where it is over, both are measured again, and the least counts.
    for _ in 0..2 {
        if of_200 > 2.2 * of_100 {
            (of_100, of_200) = (of_100.min(of(100)), of_200.min(of(200)));
        }
    }
    println!("evaluate of 100, 200, 400, 800 touches: {of_100:.2}, {of_200:.2}, {of_400:.2}, {of_800:.2} µs");
    let verdicts = [
        bar("engine_record", recorded, "us", 0.3),
        bar("engine_evaluate", one, "us", 1.5),
        bar("engine_decide", decided, "us", 2.0),
        bar("engine_evaluate_100_touches", of_100, "us", 10.0),
        bar("engine_next_change", foreseen, "us", 20.0),
        bar("engine_200_against_100_touches", of_200 / of_100, "x", 2.2),
        bar("engine_1000_foreign_rules", with_foreign / one, "x", 1.05),
    ];
    assert!(verdicts.iter().all(|holds| *holds), "a figure is over its limit");
}

#[test]
#[cfg_attr(debug_assertions, ignore = "a figure of a debug build says nothing: cargo test --release bar_")]
fn bar_explaining_every_offer_of_a_model_takes_milliseconds() {
    let (model, lead, moment) = (median::model(0), median::lead(6), median::moment());
    let now = median::now(&lead);
    let milliseconds = || {
        let begin = Instant::now();
        black_box(explain(black_box(&lead), &model, &moment, now, &|at| evaluate(&lead, &model, at)));
        begin.elapsed().as_secs_f64() * 1e3
    };
    let explained = (0..20).map(|_| milliseconds()).fold(f64::INFINITY, f64::min);
    assert!(bar("explain_50_offers", explained, "ms", 100.0));
}
