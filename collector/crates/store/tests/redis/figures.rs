//! The promised figures of a store on Redis.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::time::{Duration, Instant};

use servers::Server;
use store::{Bound, Change, HeatEntry, Store};

use crate::common::{self, change};

/// A lead as it is of five touches of one visit, in the engine's format 2: a page, a product, a page, a basket, a page; with
/// campaign, referrer and titles. 914 bytes.
const LEAD: &[u8] = include_bytes!("five_touches.bin");
/// Leads committed at once.
const AT_ONCE: u64 = 1_000;

/// Prints the line, collects it where `make bars` asks for it, and says whether the figure is within its limit.
#[expect(clippy::print_stdout, reason = "every promised figure is printed")]
fn bar(name: &str, value: f64, unit: &str, limit: f64) -> bool {
    let verdict = if value <= limit { "ok" } else { "short" };
    let line = format!("bar {name} {value:.3} {unit} limit {limit} {verdict}");
    println!("{line}");
    if let Some(file) = env::var_os("GLOED_BARS_FILE") {
        let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
        writeln!(file, "{line}").unwrap();
    }
    value <= limit
}

/// The lead of that number, with a bound and a wake time that look drawn by chance.
fn lead(number: u64) -> Change {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // No two visitors have the same stream, which stands in every touch.
    let stream = format!("{mixed:022x}");
    let mut bytes = LEAD.to_vec();
    let places: Vec<usize> =
        (0..bytes.len()).filter(|at| bytes[*at..].starts_with(b"SpJYuN3cs9gF6X76imOpMA")).collect();
    places.into_iter().for_each(|at| bytes[at..at + 22].copy_from_slice(stream.as_bytes()));
    let bound = Bound::from_micro_points((mixed >> 36).cast_signed());
    let wake = 1_764_000_000_000 + (mixed >> 32).cast_signed();
    Change { heat: Some(bound), wake: Some(wake), outbox: Vec::new(), ..change(number, &bytes) }
}

fn used_memory(server: &Server) -> f64 {
    server.info("used_memory").unwrap().parse().unwrap()
}

#[tokio::test]
#[cfg_attr(debug_assertions, ignore = "figures are of release builds")]
async fn bar_a_lead_takes_few_bytes_and_the_top_of_many_is_found_soon() {
    // Given a server with ten times as many leads, step by step
    let long = env::var_os("GLOED_LONG").is_some();
    let server = Server::start(&common::settings()).unwrap();
    let store = common::open(&server).await;
    let empty = used_memory(&server);
    let mut number = 0;
    let steps = if long { &[10_000, 100_000, 1_000_000][..] } else { &[10_000, 100_000] };
    let mut within = true;
    for count in steps {
        let begun = Instant::now();
        while number < *count {
            let changes: Vec<Change> = (number..number + AT_ONCE).map(lead).collect();
            store.commit(&changes).await.unwrap();
            number += AT_ONCE;
        }
        println!("{count} leads, the last {:?}", begun.elapsed());
        // Then each takes few bytes: key, time to live, both index entries
        let bytes = (used_memory(&server) - empty) / *count as f64;
        within &= bar(&format!("redis_bytes_a_lead_of_{count}"), bytes, "B", 650.0);
    }
    // (What the server spent on each, as it counts itself)
    let spent = server.info("cmdstat_evalsha").unwrap();
    let micros = spent.split(',').find_map(|field| field.strip_prefix("usec=")?.parse::<f64>().ok()).unwrap();
    println!("{:.2} us of the server a lead that is new", micros / number as f64);
    // And the hundred hottest are found soon, and are the hottest
    let site = lead(0).key.site;
    let mut best = Duration::MAX;
    for _ in 0..20 {
        let begun = Instant::now();
        let top = store.top(&site, None, 100).await.unwrap();
        best = best.min(begun.elapsed());
        assert_eq!(top.len(), 100);
        assert!(top.is_sorted_by(|left: &HeatEntry, right| left.bound >= right.bound));
    }
    let mut bounds: Vec<i64> = (0..number).map(|number| lead(number).heat.unwrap().micro_points()).collect();
    bounds.sort_unstable_by(|left, right| right.cmp(left));
    let top = store.top(&site, None, 100).await.unwrap();
    assert_eq!(top.iter().map(|entry| entry.bound.micro_points()).collect::<Vec<_>>(), bounds[..100]);
    within &= bar(&format!("redis_top_100_of_{number}"), best.as_secs_f64() * 1e3, "ms", 10.0);
    assert!(within, "a figure is beyond its limit");
}
