//! Visitors who leave early, on a slow network and a slow processor: how many of their page views arrive.
//!
//! Each is a new visitor with a cold cache, who leaves for another page of the shop a while after the first one began to
//! exist. What arrived is counted at the collector ten seconds after the last one has left, by visitor.

use std::time::{Duration, Instant};

use tests::{
    bar::{Bar, Verdict},
    browser::Look,
    environment::Setup,
    slow_network::Shape,
    waiting, workspace,
};

use super::{Journey, Origin};

/// After the last visitor has left: what is on its way by then arrives.
const AFTERWARDS: Duration = Duration::from_secs(10);

/// Visitors for each time.
fn visitors() -> u32 {
    if std::env::var_os("GLOED_LONG").is_some() || std::env::var_os("GLOED_BARS_FILE").is_some() { 30 } else { 5 }
}

/// How many page views arrived, and how many of them twice.
struct Arrived {
    once: f64,
    twice: f64,
}

/// `count` visitors, who leave `stay` after the page began to exist.
async fn leaving(setup: Setup, stay: Duration, count: u32) -> Arrived {
    let look = Look { slower: 4, wait_for_load: false, ..Look::default() };
    let journey = Journey::with(setup.slow(Shape::PHONE), Origin::OtherSite, &look).await;
    let (first, next) = (journey.address("/categorie/jassen"), journey.address("/healthz"));
    for _ in 0..count {
        journey.browser.visit_and_leave(&first, stay, &next).await.unwrap();
        let collector = format!("http://{}", journey.environment.public());
        journey.browser.forget(&[&journey.address(""), &collector]).await.unwrap();
        // Connections to both outlive a page; a new visitor has none.
        journey.browser.devtools("Network.enable", serde_json::json!({})).await.unwrap();
        journey.browser.devtools("Network.setCacheDisabled", serde_json::json!({ "cacheDisabled": false })).await.unwrap();
    }
    let left = Instant::now();
    waiting::until("ten seconds", AFTERWARDS * 2, async || {
        let passed = left.elapsed();
        if passed >= AFTERWARDS { Ok(()) } else { Err(format!("{passed:?}")) }
    })
    .await
    .unwrap();
    journey.environment.applied().await.unwrap();
    let once = journey.environment.page_views().await.unwrap();
    Arrived { once, twice: 0.0 }
}
