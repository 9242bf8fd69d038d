//! People who want to keep others out: by holding on, and by what they send. Attackers come from 127.1.0.0/16, honest clients
//! from 127.2.0.0/16.
//!
//! Seen red: with nobody let go at the cap, honest clients waited for seconds; with the 128 places that a listener usually has,
//! attackers believed that they were connected and were told nothing (one run in four).

use std::{
    env,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tests::{
    Fault,
    bar::{Bar, Verdict},
    comparison,
    environment::{ORIGIN, Setup},
    load::Load,
    raw::Raw,
    reference_server,
};
use tokio::task::JoinSet;

use crate::{load::body, oracle};

/// What one attacker does with a connection until it is closed.
#[derive(Debug, Clone, Copy)]
enum Hold {
    /// Nothing.
    Silent,
    /// A header, a byte now and then.
    DrippingHeader,
    /// A body that is announced and does not come.
    AbsentBody,
    /// A body, a byte now and then.
    DrippingBody,
    /// Almost all of a long body.
    AlmostBody,
}

const HOLDS: [Hold; 5] = [Hold::Silent, Hold::DrippingHeader, Hold::AbsentBody, Hold::DrippingBody, Hold::AlmostBody];

/// How often a dripping one sends a byte.
const DRIP: Duration = Duration::from_secs(1);
/// When somebody whose connection was closed comes again. The attackers share the machine's processors with those whom they
/// attack: many a second would measure how the system shares them out.
const AGAIN: Duration = Duration::from_secs(2);
/// By then each must have been closed or refused.
const LATEST: Duration = Duration::from_secs(10);

impl Hold {
    fn begins(self) -> Vec<u8> {
        let head = |length: usize| {
            format!(
                "POST /v1/events HTTP/1.1\r\nhost: shop.example\r\norigin: {ORIGIN}\r\ncontent-type: text/plain\r\n\
                 content-length: {length}\r\n\r\n"
            )
        };
        match self {
            Self::Silent => Vec::new(),
            Self::DrippingHeader => b"POST /v1/events HTTP/1.1\r\nhost: ".to_vec(),
            Self::AbsentBody => head(1_000).into_bytes(),
            Self::DrippingBody => (head(1_000) + "{").into_bytes(),
            Self::AlmostBody => [head(60_000).as_bytes(), &[b' '; 59_000]].concat(),
        }
    }

    const fn drips(self) -> bool {
        matches!(self, Self::DrippingHeader | Self::DrippingBody)
    }
}

/// Holds a connection until the other side closes it, and says how long that took; `None`: it is open after twice the time
/// that is allowed.
async fn held(hold: Hold, from: [u8; 4], address: SocketAddr) -> Option<Duration> {
    // One that does not get in, or is thrown out while it speaks, has been refused.
    let Ok(mut connection) = Raw::connect_from(from, address).await else { return Some(Duration::ZERO) };
    let begin = Instant::now();
    if connection.send(hold.begins()).await.is_err() {
        return Some(begin.elapsed());
    }
    while begin.elapsed() < 2 * LATEST {
        match connection.read_to_end(if hold.drips() { DRIP } else { 2 * LATEST }).await {
            Err(Fault::Deadline { .. }) if !hold.drips() || connection.send("x").await.is_ok() => {}
            _ => return Some(begin.elapsed()),
        }
    }
    println!("{hold:?} from {from:?} was held for {:?} and never closed", begin.elapsed());
    None
}

/// Keeps so many connections held until told to stop; gives the longest that one was held, `None` if one never was closed.
async fn attack(count: usize, address: SocketAddr, stop: Arc<AtomicBool>) -> Option<Duration> {
    let mut attackers = JoinSet::new();
    for number in 0..count {
        let stop = stop.clone();
        attackers.spawn(async move {
            let [.., high, low] = u32::try_from(number).unwrap().to_be_bytes();
            let mut longest = Some(Duration::ZERO);
            while !stop.load(Ordering::Relaxed) {
                let took = held(HOLDS[number % HOLDS.len()], [127, 1, high, low.max(1)], address).await;
                longest = longest.zip(took).map(|(longest, took)| longest.max(took));
                tokio::time::sleep(AGAIN).await;
            }
            longest
        });
    }
    let longest = attackers.join_all().await;
    longest.into_iter().collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// Short: 600 attackers against a cap of 256 connections, 12 s. Long: 5,000 against the default of 4,096, 30 s.
#[tokio::test(flavor = "multi_thread")]
async fn bar_who_holds_on_to_connections_keeps_nobody_out() {
    // Given a collector with room for fewer connections than attackers hold
    let long = env::var_os("GLOED_LONG").is_some();
    let (attackers, cap, duration) = if long { (5_000, 4_096, 30) } else { (600, 256, 12) };
    let duration = Duration::from_secs(duration);
    let environment = Setup::default()
        .model(oracle::MODEL)
        .set("server.connections", cap)
        .set("server.body_timeout", "5s")
        .start()
        .await
        .unwrap();
    let (reference, server) = reference_server::start().await.unwrap();
    let load = |address| Load {
        duration,
        visitors: 50,
        events_per_second: 200,
        batch: 2,
        headers: vec![("origin".to_owned(), ORIGIN.to_owned())],
        ..Load::bench(address)
    };
    // Warm, so that what it takes for itself is not taken for the attackers'.
    load(environment.public()).run(body(0)).await.unwrap();
    let before = environment.collector.memory().unwrap();

    // When they hold on and honest clients come, beside those of a bare server whom nobody attacks
    let (mut round, mut honest, mut most, mut longest) = (0, Vec::new(), 0, Some(Duration::ZERO));
    let compared = comparison::compare(
        1,
        async || {
            let record = load(reference).run(body(0)).await?;
            Ok::<_, Fault>(record.latency(0.99))
        },
        async || {
            round += 1;
            let stop = Arc::new(AtomicBool::new(false));
            let attack = tokio::spawn(attack(attackers, environment.public(), stop.clone()));
            let loading = load(environment.public());
            let mut running = Box::pin(loading.run(body(round)));
            let record = loop {
                tokio::select! {
                    record = &mut running => break record?,
                    () = tokio::time::sleep(Duration::from_millis(200)) => {
                        most = most.max(environment.collector.memory().unwrap_or_default());
                    }
                }
            };
            stop.store(true, Ordering::Relaxed);
            let held = attack.await.unwrap();
            longest = longest.zip(held).map(|(longest, held)| longest.max(held));
            let p99 = record.latency(0.99);
            honest.push(record);
            Ok(p99)
        },
    )
    .await
    .unwrap();
    drop(server);

    // Then honest clients were answered, no slower than a bare server's allow; each attacker was closed in time
    let answered: usize =
        honest.iter().map(|record| record.statuses().get(&Some(200)).copied().unwrap_or_default()).sum();
    let all: usize = honest.iter().map(|record| record.sent.len()).sum();
    let statuses: Vec<_> = honest.iter().map(tests::load::Record::statuses).collect();
    let share = answered as f64 * 100.0 / all as f64;
    let closed = longest.map_or(f64::INFINITY, |longest| longest.as_secs_f64());
    let grown = most.saturating_sub(before) as f64 / f64::from(1 << 20);
    assert_eq!(Bar::at_least("holding_on_honest_answered", share, "%", 99.0).print(), Verdict::Ok, "{statuses:?}");
    assert_eq!(Bar::at_most("holding_on_closed", closed, "s", LATEST.as_secs_f64()).print(), Verdict::Ok);
    let memory = Bar::at_most("holding_on_memory", grown, "MiB", 64.0).print();
    let bar = Bar::at_most("holding_on_honest_p99_ratio", compared.ratio(), "x", 3.0).noisy(compared.noisy);
    let verdict = bar.print();
    // A debug build says nothing about either.
    let release = !cfg!(debug_assertions) || env::var_os("GLOED_BIN_DIR").is_some();
    assert!(!release || memory == Verdict::Ok, "{grown} MiB");
    assert!(!release || verdict != Verdict::Short, "{bar}: {compared:?}");
}
