//! A Redis behind a connection that goes wrong: late, byte by byte, reset before it hears, reset before it answers, silent.
//! The shop's visitors notice nothing.
//!
//! Memory is compared from the beginning of one fault to the beginning of the next: leads that are remembered grow with any
//! load, up to a bound of their own.
//!
//! Seen red, in an earlier form that compared with the level after a short warm-up: 75 and 86 MiB while a batch was bounded in
//! records and not in bytes.

use std::time::{Duration, Instant};

use servers::{Persistence, Server, Settings};
use tests::{
    Fault,
    bar::{Bar, Verdict},
    comparison,
    fault_proxy::{Disturbance, FaultProxy, Way},
    load::Record,
    reference_server,
};

use super::{accounting, chance, is_long, is_release, load, nothing_lost_nothing_twice, setup, watch::Watched};

/// A decision is made, or the fallback, by then.
const DECIDED_WITHIN: f64 = 50.0;
/// Between two disturbances: what has waited is applied.
const CALM: Duration = Duration::from_millis(1_500);

/// Each once, in an order of chance, with how long it lasts.
fn course(chance: &mut fastrand::Rng) -> Vec<(Disturbance, Duration)> {
    let (short, stall) = if is_long() { (15_000, 60_000) } else { (1_500, 3_000) };
    let mut course = vec![
        (Disturbance::Delay(Duration::from_millis(500)), 2 * short),
        (Disturbance::Slow(1), short),
        (Disturbance::ResetBeforeRequest, short),
        (Disturbance::ReplyLost, short),
        (Disturbance::Hold(Way::ToClient), short),
        (Disturbance::Cut, short),
        (Disturbance::Stall, stall),
    ];
    chance.shuffle(&mut course);
    let mut lasts = |length| Duration::from_millis(length + chance.u64(0..300));
    course.into_iter().map(|(disturbance, length)| (disturbance, lasts(length))).collect()
}

/// Lets each go wrong in turn, with calm between; notes when each began.
async fn disturb(proxy: &FaultProxy, course: &[(Disturbance, Duration)], begins: &mut Vec<Instant>) {
    for (disturbance, lasts) in course {
        tokio::time::sleep(CALM).await;
        println!("{disturbance:?} for {lasts:?}");
        begins.push(Instant::now());
        proxy.disturb(*disturbance);
        tokio::time::sleep(*lasts).await;
        proxy.disturb(Disturbance::None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bar_a_connection_to_redis_that_goes_wrong_in_every_way_loses_and_doubles_nothing() {
    // Given a collector that reaches its Redis through the fault proxy, and the reference
    let mut chance = chance("proxy");
    let server = Server::start(&Settings::new().persistence(Persistence::AppendEverySecond)).unwrap();
    let proxy = FaultProxy::before(server.address()).await.unwrap();
    let environment = setup().redis(format!("redis://{}", proxy.address())).start().await.unwrap();
    let (reference, _process) = reference_server::start().await.unwrap();
    let course = course(&mut chance);
    let duration = course.iter().map(|(_, lasts)| *lasts + CALM).sum::<Duration>() + CALM;
    let warm = Duration::from_secs(if is_long() { 60 } else { 2 });
    let warm = tests::load::Load { duration: warm, ..load(environment.public()) };
    let warmed = warm.run(crate::load::body(0)).await.unwrap();

    // When everything goes wrong in turn under the load
    let (mut round, mut records, mut watched, mut begins) = (0, vec![warmed], Watched::default(), Vec::new());
    let compared = comparison::compare(
        1,
        async || {
            let load = tests::load::Load { duration: Duration::from_secs(4), ..load(reference) };
            Ok::<_, Fault>(load.run(crate::load::body(0)).await?.latency(0.99))
        },
        async || {
            round += 1;
            let load = tests::load::Load { duration, ..load(environment.public()) };
            let record = tokio::select! {
                (record, ()) = async { tokio::join!(load.run(crate::load::body(round)), disturb(&proxy, &course, &mut begins)) } => record?,
                () = watched.watch(&environment, round, load.visitors) => unreachable!("it goes on for ever"),
            };
            let p99 = record.latency(0.99);
            records.push(record);
            Ok(p99)
        },
    )
    .await
    .unwrap();

    // Then the faults were met, every event was taken in, and each is there once and accounted for
    let retried: f64 = environment
        .metrics()
        .await
        .unwrap()
        .iter()
        .filter(|(name, _)| name.starts_with("gloed_apply_retried"))
        .map(|(_, count)| count)
        .sum();
    assert!(proxy.resets() > 0 && retried > 0.0, "{} resets, {retried} retried", proxy.resets());
    let statuses: Vec<_> = records.iter().map(Record::statuses).collect();
    assert!(statuses.iter().all(|statuses| statuses.keys().eq([&Some(200)])), "{statuses:?}");
    nothing_lost_nothing_twice("fault_proxy", &environment, &records.iter().collect::<Vec<_>>(), 0).await;
    accounting::balances("fault_proxy", &environment, records.iter().map(|record| record.sent.len() * 10).sum()).await;
    // and neither the visitors nor the machine noticed
    let (answered, unanswered) = watched.answered();
    assert!(answered > 100 && unanswered.is_empty(), "{answered} answered; {unanswered:?}");
    let milliseconds = |quantile| watched.decided(quantile).as_secs_f64() * 1e3;
    println!(
        "{answered} decisions: p50 {} ms, p99 {} ms, the last {} ms",
        milliseconds(0.5),
        milliseconds(0.99),
        milliseconds(1.0)
    );
    let verdicts = [
        Bar::at_most("fault_proxy_decision_p99", milliseconds(0.99), "ms", DECIDED_WITHIN)
            .noisy(compared.noisy)
            .print(),
        Bar::at_most("fault_proxy_memory", watched.grown(&begins), "MiB", 64.0).print(),
        Bar::at_most("fault_proxy_ingest_p99_ratio", compared.ratio(), "x", 3.0).noisy(compared.noisy).print(),
    ];
    assert!(!is_release() || !verdicts.contains(&Verdict::Short), "{verdicts:?}: {compared:?}");
}
