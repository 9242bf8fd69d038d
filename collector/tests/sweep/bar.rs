//! How long it takes to look at every lead under a new model. Release builds only: a debug build says nothing.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::median;
use crate::running::{Collector, until};
use crate::visitor::{Until, browse};

/// A million leads take at most two minutes: 120 µs a lead.
const LIMIT_OF_A_MILLION: f64 = 120.0;

/// Prints the line, collects it where `make bars` asks for it, and says whether the figure is within its limit.
fn bar(name: &str, seconds: f64, limit: f64) -> bool {
    let verdict = if seconds <= limit { "ok" } else { "short" };
    let line = format!("bar {name} {seconds:.2} s limit {limit} {verdict}");
    println!("{line}");
    if let Some(file) = std::env::var_os("GLOED_BARS_FILE") {
        let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
        writeln!(file, "{line}").unwrap();
    }
    seconds <= limit
}

/// In the long form a million leads; else a tenth of them, in a tenth of the time.
#[test]
#[cfg_attr(debug_assertions, ignore = "a figure of a debug build says nothing: cargo test --release bar_")]
fn bar_every_lead_is_looked_at_soon_after_a_model_is_published() {
    let long = std::env::var_os("GLOED_LONG").is_some();
    let (count, name, limit) = match long {
        true => (1_000_000, "model_sweep_1e6", LIMIT_OF_A_MILLION),
        false => (100_000, "model_sweep_1e5", LIMIT_OF_A_MILLION / 10.0),
    };
    // given a collector with so many leads, and a page that sends and asks without a pause
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut collector = runtime.block_on(Collector::with_leads(count));
    collector.start();
    until("nothing to be left", Duration::from_secs(20), || collector.left() == 0);
    let (public, done) = (collector.public(), AtomicBool::new(false));
    let (seconds, fared) = std::thread::scope(|scope| {
        let page = scope.spawn(|| browse(public, &done));
        let browsing = Until(&done);
        // when a model is published under which points cool faster
        let begin = Instant::now();
        let cools_faster = median::text(0).replace("half_life = \"2d\"", "half_life = \"1d\"");
        runtime.block_on(collector.publish(&cools_faster));
        until("every lead to be looked at", Duration::from_secs(900), || collector.left() == 0);
        let seconds = begin.elapsed().as_secs_f64();
        drop(browsing);
        (seconds, page.join().unwrap())
    });
    // then it was every one of them, and the page was answered well each time
    assert!(collector.metric("gloed_sweep_leads_total") >= count);
    println!("{} requests beside it, the longest {:?}", fared.well, fared.longest);
    assert_eq!(fared.otherwise, Vec::<String>::new());
    assert!(fared.well > 0);
    collector.stop();
    assert!(bar(name, seconds, limit), "{seconds} s for {count} leads");
}
