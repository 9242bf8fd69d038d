//! The bench load on a release build: nothing lost, nothing doubled, and answers hardly later than the disk allows.

use std::{env, time::Duration};

use tests::{
    Fault,
    bar::{Bar, Verdict},
    body::Page,
    comparison,
    environment::{ORIGIN, SITE, Setup},
    load::{Load, Turn},
    reference_server,
};

use crate::oracle;

/// Decision 20: at most this many times the p99 of a bare server that does one group `fdatasync` an answer.
const RATIO_LIMIT: f64 = 3.0;

#[derive(Default)]
pub(crate) struct Visitor(Option<Page>);

/// Visitors of round `round`: each round has its own, so that no ledger grows beyond what a visitor's horizon holds.
pub(crate) fn body(round: u32) -> impl Fn(&mut Visitor, Turn) -> Vec<u8> + Send + Sync + 'static {
    move |visitor, turn| {
        let number = u64::from(round) << 32 | u64::from(turn.visitor);
        let page = visitor.0.get_or_insert_with(|| Page::of_visitor(SITE, number));
        let events = oracle::events(page, turn);
        page.envelope("https://shop.example/", events).to_string().into_bytes()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bar_two_thousand_events_a_second_are_taken_in_whole_and_almost_as_fast_as_the_disk_allows() {
    // Given the collector and a server that does the least that can be done
    let long = env::var_os("GLOED_LONG").is_some();
    let duration = Duration::from_secs(if long { 30 } else { 10 });
    let environment = Setup::default()
        .model(oracle::MODEL)
        .set("limits.requests_per_second", 10_000)
        .set("limits.request_burst", 10_000)
        .start()
        .await
        .unwrap();
    let (reference, server) = reference_server::start().await.unwrap();
    let headers = vec![("origin".to_owned(), ORIGIN.to_owned())];
    let load = |address| Load { duration, headers: headers.clone(), ..Load::bench(address) };

    // When both get the bench load, in turn
    let mut round = 0;
    let mut records = Vec::new();
    let compared = comparison::compare(
        1,
        async || {
            let record = load(reference).run(body(0)).await?;
            assert_eq!(record.statuses().len(), 1, "the reference fails: {:?}", record.statuses());
            println!("reference: p50 {:?}, p99 {:?}", record.latency(0.5), record.latency(0.99));
            Ok::<_, Fault>(record.latency(0.99))
        },
        async || {
            round += 1;
            let before = environment.collector.processor_time().unwrap();
            let record = load(environment.public()).run(body(round)).await?;
            let processor = environment.collector.processor_time().unwrap() - before;
            let (p50, p99) = (record.latency(0.5), record.latency(0.99));
            println!("collector: p50 {p50:?}, p99 {p99:?}, processor {processor:?} of {:?}", record.took);
            records.push(record);
            Ok(p99)
        },
    )
    .await
    .unwrap();
    drop(server);

    // Then every request was answered, and every visitor is what a plain replay makes of them
    let (mut lost, mut doubled) = (0, 0);
    for record in &records {
        let requests = load(environment.public()).duration.as_secs() as usize * 200;
        assert_eq!(record.statuses(), [(Some(200), requests)].into());
        let difference = oracle::difference(&environment, record).await;
        assert_eq!((difference.acknowledged, &difference.scores), (requests * 10, &Vec::new()), "{difference:?}");
        lost += difference.lost;
        doubled += difference.doubled;
    }
    assert_eq!(Bar::at_most("ingest_lost", lost as f64, "events", 0.0).print(), Verdict::Ok);
    assert_eq!(Bar::at_most("ingest_doubled", doubled as f64, "events", 0.0).print(), Verdict::Ok);
    let bar = Bar::at_most("ingest_p99_ratio", compared.ratio(), "x", RATIO_LIMIT).noisy(compared.noisy);
    let verdict = bar.print();
    // A debug build of the collector says nothing about its speed.
    let release = !cfg!(debug_assertions) || env::var_os("GLOED_BIN_DIR").is_some();
    assert!(!release || verdict != Verdict::Short, "{bar}: {compared:?}");
}
