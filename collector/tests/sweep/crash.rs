//! A sweep that a crash has ended goes on at the next start, and ends.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::median;
use crate::running::{Collector, until, visitor};

/// Leads: few enough for a debug build, enough to be in the middle of.
const LEADS: u64 = 20_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_goes_on_after_a_crash_and_every_lead_is_looked_at() {
    // given a collector that has begun to look at its leads under a model that gives much more
    let mut collector = Collector::with_leads(LEADS).await;
    let before: BTreeMap<_, _> = collector.heat(usize::MAX).await.into_iter().collect();
    collector.start();
    collector.publish(&richer()).await;
    until("a part to be done", Duration::from_secs(60), || (1..240).contains(&collector.left()));
    // when it is killed in the middle, and started again
    collector.kill();
    collector.start();
    // then it goes on where it was, and ends
    until("it to go on", Duration::from_secs(20), || collector.output().contains("under the new model goes on"));
    until("every lead to be looked at", Duration::from_secs(120), || collector.left() == 0);
    let after_crash = collector.metric("gloed_sweep_leads_total");
    assert!((1..LEADS).contains(&after_crash), "{after_crash} of {LEADS}: not only the rest");
    // and every lead that has points now has a bound under the new model, whichever process looked at it
    collector.stop();
    let after: BTreeMap<_, _> = collector.heat(usize::MAX).await.into_iter().collect();
    assert!(before.len() > 10_000, "{}", before.len());
    for number in 0..LEADS {
        let (old, new) = (before.get(&visitor(number)), after.get(&visitor(number)));
        let Some(old) = old else { continue };
        assert!(new.is_some_and(|new| new > old), "visitor {number}: {old} and then {new:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_that_has_ended_does_not_begin_again() {
    let mut collector = Collector::with_leads(2_000).await;
    collector.start();
    collector.publish(&richer()).await;
    until("every lead to be looked at", Duration::from_secs(60), || collector.left() == 0);
    assert_eq!(collector.metric("gloed_sweep_leads_total"), 2_000);
    collector.kill();
    collector.start();
    until("it to see that there is nothing to do", Duration::from_secs(20), || collector.left() == 0);
    assert_eq!(collector.metric("gloed_sweep_leads_total"), 0);
}

/// The same model with many more points for looking at pages and putting something into the cart.
fn richer() -> String {
    median::text(0).replace("points = 1\n", "points = 15\n").replace("points = 3\n", "points = 30\n")
}
