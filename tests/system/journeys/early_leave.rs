//! Visitors who leave early, on a slow network with a slow processor: how many of their page views arrive.
//!
//! Each is a new visitor, without cache or connections, who leaves for another page of the shop a while after the first
//! one began to exist. Ten seconds after the last has left it is counted at the collector whom it knows.

use std::time::{Duration, Instant};

use tests::{
    bar::{Bar, Verdict},
    browser::{Browser, Look},
    environment::Setup,
    slow_network::Shape,
    waiting, workspace,
};

use super::{Journey, Origin, SOON, counting, marketer};

/// After the last visitor has left: what is on its way by then arrives.
const AFTERWARDS: Duration = Duration::from_secs(10);
/// When visitors leave, ms after the page began to exist.
const STAYS: [u64; 3] = [100, 300, 1_000];

/// Visitors for each time. The short form only shows that nothing is broken; figures are the long form's.
fn visitors() -> u32 {
    let measuring = ["GLOED_LONG", "GLOED_BARS_FILE"].into_iter().any(|name| std::env::var_os(name).is_some());
    if measuring { 30 } else { 5 }
}

/// How many page views the collector has of each visitor that it knows.
async fn page_views(setup: Setup, stay: Duration) -> Vec<String> {
    let look = Look { slower: 4, wait_for_load: false, ..Look::default() };
    let setup = setup.shop_argument("--consent").shop_argument("granted").slow(Shape::PHONE);
    let journey = Journey::with(setup, Origin::OtherSite, &look).await;
    // Another page of the shop, as slow as every other; it has no tag, which could tell what the first one did not.
    let (first, next) = (journey.address("/service"), journey.address("/healthz"));
    for _ in 0..visitors() {
        journey.browser.become_somebody_else().await.unwrap();
        journey.browser.visit_and_leave(&first, stay, &next).await.unwrap();
    }
    let left = Instant::now();
    let passed = async || if left.elapsed() < AFTERWARDS { Err(String::new()) } else { Ok(()) };
    waiting::until("the time for what is on its way", AFTERWARDS * 2, passed).await.unwrap();

    journey.environment.applied().await.unwrap();
    let marketer = Browser::start(&Look::default()).await.unwrap();
    marketer::open(&journey, &marketer, "/leads?limit=500").await;
    let listed = "document.querySelector('h1') && \
                  [...document.querySelectorAll('tr.lead .score data')].map(cell => cell.getAttribute('value'))";
    let listed = marketer.wait_for_script(listed, SOON).await.unwrap();
    listed.as_array().unwrap().iter().map(|views| views.as_str().unwrap().to_owned()).collect()
}

/// Prints what share arrived, and asserts that it is enough and that nothing arrived twice.
async fn assert_arrival(name: &str, setup: impl Fn() -> Setup, least: [Option<f64>; 3]) {
    let mut short = Vec::new();
    for (stay, least) in STAYS.into_iter().zip(least) {
        let views = page_views(setup(), Duration::from_millis(stay)).await;

        let share = 100.0 * views.len() as f64 / f64::from(visitors());
        assert!(views.iter().all(|views| views == "1"), "{name} at {stay} ms: more than one of a visitor: {views:?}");
        assert!(share <= 100.0, "{name} at {stay} ms: more visitors than there were");
        let verdict = Bar::at_least(&format!("{name}_{stay}ms"), share, "%", least.unwrap_or_default()).print();
        if verdict != Verdict::Ok {
            short.push(format!("{name} at {stay} ms: {share} %"));
        }
    }
    assert_eq!(short, Vec::<String>::new());
}

#[tokio::test]
async fn bar_page_views_with_the_stub() {
    let stub = || {
        let manifest = workspace::root().join("snippet/dist/manifest.json").display().to_string();
        counting().shop_argument("--tag").shop_argument("stub").shop_argument("--stub-file").shop_argument(manifest)
    };
    assert_arrival("page_views_with_stub", stub, [Some(100.0), Some(100.0), Some(100.0)]).await;
}

#[tokio::test]
async fn bar_page_views_with_the_one_tag() {
    // At 100 ms nothing is promised: no script of ours has arrived by then. The figure is printed.
    assert_arrival("page_views_with_one_tag", counting, [None, Some(80.0), Some(100.0)]).await;
}
