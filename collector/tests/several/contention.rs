//! Three collectors that change the same leads at the same time.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::shop::{NOON, Shop, visitor};

/// Events of each collector.
const EVENTS: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn three_who_write_to_one_lead_all_get_through_and_nothing_is_lost_or_doubled() {
    let shop = Shop::of_three().await;
    shop.collectors.iter().for_each(|collector| collector.store.far(Duration::from_millis(1)));

    // when each of them hears of the same visitor at the same time, and some of it is the same event
    let key = &visitor(1);
    let begin = Instant::now();
    let hearing = shop.collectors.iter().enumerate().map(|(place, collector)| async move {
        for number in 0..EVENTS {
            let id = if number % 4 == 0 { format!("all-{number}") } else { format!("{place}-{number}") };
            collector.takes(key, &id, "page_view", NOON).await;
        }
        collector.applied().await;
        begin.elapsed()
    });
    let [one, two, three] = <[_; 3]>::try_from(hearing.collect::<Vec<_>>()).ok().unwrap();
    let took = tokio::join!(one, two, three);

    // then each event is there once
    let lead = shop.collectors[0].knows(key).await.lead;
    let ids: BTreeSet<&str> = lead.touches().iter().map(|touch| touch.id.as_str()).collect();
    assert_eq!((lead.touches().len(), ids.len()), (EVENTS / 4 * 10, EVENTS / 4 * 10));
    // and nobody was kept waiting by the others: all end within the time that it takes one to do it three times
    let took = [took.0, took.1, took.2];
    let (first, last) = (took.iter().min().unwrap(), took.iter().max().unwrap());
    assert!(*last < *first * 3, "{took:?}");
    let commits: usize = shop.collectors.iter().map(|collector| collector.store.commits()).sum();
    assert!(commits < 2 * 3 * EVENTS, "{commits} commits for {} events", 3 * EVENTS);
}
