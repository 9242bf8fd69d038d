//! How long the engine takes, statistically: `cargo bench --package engine`. The promised figures are judged by the test
//! `bar_the_engine_is_fast`, which measures the same without statistics.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a bench stops where it cannot measure")]

mod median;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use engine::{Lead, LedgerLimits, decide, evaluate, next_change, record};

fn engine(criterion: &mut Criterion) {
    let (plain, lead, moment) = (median::model(0), median::lead(6), median::moment());
    let now = median::now(&lead);
    criterion.bench_function("record", |bench| {
        let limits = LedgerLimits::default();
        bench.iter_batched(
            || (lead.clone(), median::touch(6)),
            |(mut lead, touch)| {
                let recorded = record(&mut lead, touch, &limits);
                // The lead goes back with the answer: giving its memory up is no part of recording.
                (lead, recorded)
            },
            BatchSize::SmallInput,
        );
    });
    for (rules, model) in [(50, &plain), (1_050, &median::model(1_000))] {
        criterion.bench_function(&format!("evaluate/{rules} rules"), |bench| {
            bench.iter(|| evaluate(black_box(&lead), model, now));
        });
    }
    let bytes = lead.encode();
    criterion.bench_function("encode", |bench| bench.iter(|| black_box(&lead).encode()));
    criterion.bench_function("decode", |bench| bench.iter(|| Lead::decode(black_box(&bytes))));
    criterion.bench_function("clone", |bench| bench.iter(|| black_box(&lead).clone()));
    let evaluation = evaluate(&lead, &plain, now);
    criterion.bench_function("decide", |bench| {
        bench.iter(|| decide(black_box(&lead), &evaluation, &plain, &moment, now));
    });
    criterion.bench_function("next_change", |bench| bench.iter(|| next_change(black_box(&lead), &plain, now)));
    for touches in [25, 50, 100, 200] {
        let lead = median::lead(touches);
        let now = median::now(&lead);
        criterion.bench_function(&format!("evaluate/{touches} touches"), |bench| {
            bench.iter(|| evaluate(black_box(&lead), &plain, now));
        });
    }
}

criterion_group!(benches, engine);
criterion_main!(benches);
