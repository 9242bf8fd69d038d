//! Visitors who leave early, on a slow network with a slow processor: how many of their page views arrive.
//!
//! Each is a new visitor, without cache, storage or connections, who leaves for another page of the shop a while after the first
//! one began to exist. Ten seconds after the last has left it is counted at the collector whom it knows.

use std::time::{Duration, Instant};

use tests::{
    bar::{Bar, Verdict},
    browser::{Browser, Look},
    environment::{Environment, Setup},
    slow_network::Shape,
    waiting, workspace,
};

use super::{Origin, counting};

/// After the last visitor has left: what is on its way by then arrives.
const AFTERWARDS: Duration = Duration::from_secs(10);
/// Longer than anything of a page that was left is silent: a connection is set up, an answer is waited for.
const QUIET: Duration = Duration::from_millis(700);
/// When visitors leave, ms after the page began to exist.
const STAYS: [u64; 3] = [100, 300, 1_000];

/// Visitors for each time where the figure is measured in full.
const FULL: u32 = 30;

/// Visitors for each time to begin with. Where these few fall short, the others come too, and all are judged.
fn visitors() -> u32 {
    let asked = |name: &str| std::env::var_os(name).is_some();
    match (asked("GLOED_LONG"), asked("GLOED_BARS_FILE")) {
        (true, _) => FULL,
        (false, true) => FULL / 2,
        (false, false) => 5,
    }
}

/// A shop that is visited, each time for the same while.
struct Shop {
    environment: Environment,
    stay: Duration,
    visitors: u32,
    last_left: Instant,
}

impl Shop {
    async fn open(setup: Setup, stay: Duration) -> Self {
        let setup = setup.shop_argument("--consent").shop_argument("granted").slow(Shape::PHONE);
        let environment = setup.start().await.unwrap();
        Self { environment, stay, visitors: 0, last_left: Instant::now() }
    }

    /// Lets visitors come and leave.
    async fn visited_by(&mut self, visitors: u32) {
        let shop = Origin::OtherSite.of(&self.environment);
        // Another page of the shop, as slow as every other; it has no tag, which could tell what the first one did not.
        let (first, next) = (format!("{shop}/service"), format!("{shop}/healthz"));
        let look = Look { slower: 4, wait_for_load: false, ..Look::default() };
        let browser = Browser::start(&look).await.unwrap();
        for _ in 0..visitors {
            browser.visit_and_leave(&first, self.stay, &next).await.unwrap();
            // What the page has begun to send is let through; then the next one comes, who has been nowhere yet.
            self.environment.hang_up_after(QUIET).await;
            browser.forget(&[&shop]).await.unwrap();
        }
        self.visitors += visitors;
        self.last_left = Instant::now();
    }

    /// The share of visitors whose page view is known ten seconds later, in per cent.
    async fn arrived(&self) -> f64 {
        let passed = async || if self.last_left.elapsed() < AFTERWARDS { Err(String::new()) } else { Ok(()) };
        waiting::until("the time for what is on its way", AFTERWARDS * 2, passed).await.unwrap();
        self.environment.applied().await.unwrap();
        // Nobody has used a page, so that all of it is held.
        let views = self.environment.metric("gloed_event_outcomes_total{outcome=\"quarantined\"}").await.unwrap();
        assert!(views <= f64::from(self.visitors), "more page views than there were visitors: {views}");
        100.0 * views / f64::from(self.visitors)
    }
}

/// Prints what share arrived, and asserts that it is enough.
async fn assert_arrival(name: &str, setup: impl Fn() -> Setup, least: [f64; 3]) {
    let mut shops = Vec::new();
    for stay in STAYS {
        let mut shop = Shop::open(setup(), Duration::from_millis(stay)).await;
        shop.visited_by(visitors()).await;
        shops.push(shop);
    }
    let mut short = Vec::new();
    for ((stay, shop), least) in STAYS.into_iter().zip(&mut shops).zip(least) {
        let mut arrived = shop.arrived().await;
        if arrived < least && shop.visitors < FULL {
            shop.visited_by(FULL - shop.visitors).await;
            arrived = shop.arrived().await;
        }
        if Bar::at_least(&format!("{name}_{stay}ms"), arrived, "%", least).print() != Verdict::Ok {
            short.push(format!("{name} at {stay} ms: {arrived} % of {}", shop.visitors));
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
    assert_arrival("page_views_with_stub", stub, [100.0, 100.0, 100.0]).await;
}

#[tokio::test]
async fn bar_page_views_with_the_one_tag() {
    // At 100 ms nothing is promised: no script of ours has arrived by then. The figure is printed.
    assert_arrival("page_views_with_one_tag", counting, [0.0, 80.0, 100.0]).await;
}
