//! Who looks after which partition, and that nothing depends on it.

use std::time::{Duration, Instant};

use collector::fleet::{ClockState, DEAD_AFTER, TIMER_WAITS};
use engine::{Millis, Span};
use store::Partition;

use crate::bar;
use crate::shop::{Collector, MODEL, NOON, Shop, count, until, visitor};
use crate::switched::Switched;

/// Within this what a dead collector held is looked after by others.
const TAKEN_OVER: Duration = Duration::from_secs(8);

/// Every partition, and how many of the collectors believe to hold it.
fn believed(collectors: &[Collector]) -> Vec<usize> {
    let held: Vec<_> = collectors.iter().map(|one| one.app().fleet.held()).collect();
    Partition::all().map(|partition| held.iter().filter(|held| held.contains(partition)).count()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_alone_has_all_and_newcomers_get_their_share() {
    let mut shop = Shop::closed(MODEL);
    shop.opens_another().await;
    assert_eq!(shop.collectors[0].holds(), 256, "at once");
    for known in 2..=3 {
        shop.opens_another().await;
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(200) {
            assert!(believed(&shop.collectors).iter().all(|holders| *holders <= 1), "two hold one partition");
        }
        shop.shared_out(known).await;
    }
    until("even shares", async || shop.collectors.iter().all(|one| (50..=120).contains(&one.holds()))).await;
    assert_eq!(shop.collectors[1].app().fleet.standing().collectors, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn bar_who_stops_hands_over_at_once_and_who_is_silent_loses_its_share_after_six_seconds() {
    let mut shop = Shop::of_three().await;

    // when one is asked to stop
    shop.closes(2).await;

    // then the others have everything, although the clock has not moved
    shop.shared_out(2).await;
    assert_eq!(shop.collectors[0].app().fleet.standing().collectors, 2);

    // when another is cut off from the store
    let gone = shop.collectors[1].app().fleet.held();
    shop.collectors[1].store.cut(false);
    let begin = Instant::now();

    // then the last one has everything, once the other has let go of it
    until("it lets go", async || shop.collectors[1].holds() == 0).await;
    assert_eq!(count(&gone) + shop.collectors[0].holds(), 256, "the other has not been dead for long enough");
    until("all of it taken over", async || shop.collectors[0].holds() == 256).await;
    let took = begin.elapsed();
    let least = Duration::from_millis(u64::try_from(DEAD_AFTER.0).unwrap()) - Duration::from_secs(1);
    assert!(took > least, "{took:?}");
    assert!(bar::at_most("lease_takeover", took, TAKEN_OVER));

    // when it is back it has what it had
    shop.collectors[1].store.mend();
    until("its share again", async || shop.collectors[1].app().fleet.held() == gone).await;
    shop.shared_out(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_whose_clock_is_off_says_so_and_holds_nothing() {
    let shop = Shop::of_three().await;
    let late = &shop.collectors[1];
    late.store.clock_behind(5_500);
    until("it gives its share away", async || late.holds() == 0).await;
    let ClockState::Off(off) = late.app().fleet.standing().clock else { panic!("it is off") };
    assert!((5_400..=5_600).contains(&off.0), "{off:?}");
    late.store.clock_behind(4_500);
    shop.shared_out(3).await;
    assert_eq!(late.app().fleet.standing().clock, ClockState::Right);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_both_believe_to_hold_everything_announce_each_transition_once() {
    // given two collectors of which each believes to be alone
    let mut shop = Shop::closed(MODEL);
    for name in ["one", "other"] {
        let way = Switched::on(shop.store.clone());
        way.hears_of_nobody(name);
        shop.opens(way).await;
    }
    assert_eq!(believed(&shop.collectors), [2; 256]);

    // when two hundred visitors come, of whom both hear, and all of them cool at the same instant
    for number in 0..200 {
        for (place, collector) in shop.collectors.iter().enumerate() {
            collector.takes(&visitor(number), &format!("{place}"), "chat", NOON).await;
        }
    }
    for collector in &shop.collectors {
        collector.applied().await;
    }
    let warm = shop.messages().await.len();
    shop.clock.set(NOON + Span::minutes(5));
    let due = || shop.store.due(&store::Partitions::ALL, shop.clock_now().0, 1);
    until("all have woken", async || due().await.unwrap().is_empty()).await;

    // then there is one message that each is warm and one that each is cold
    assert_eq!(warm, 200);
    let messages = shop.messages().await;
    let mut ids: Vec<_> = messages.iter().map(|queued| queued.message.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((messages.len(), ids.len()), (400, 400));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timer_waits_for_a_collector_that_has_not_applied_what_came_before_it_and_not_for_ever() {
    // given somebody whose chat ends at five past, and a collector that cannot commit what it heard at three minutes past
    let shop = Shop::of_three().await;
    let key = visitor(1);
    shop.collectors[0].takes(&key, "1", "chat", NOON).await;
    shop.collectors[0].applied().await;
    shop.clock.set(NOON + Span::minutes(3));
    shop.shared_out(3).await;
    let slow = &shop.collectors[2];
    slow.store.hold_commits(true);
    slow.takes(&key, "2", "chat", NOON + Span::minutes(3)).await;
    reported(&shop).await;

    // when it is half a minute past five
    shop.clock.set(NOON + Span::minutes(5) + Span::seconds(30));
    reported(&shop).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;

    // then nobody has said that the visitor is cold
    assert_eq!(shop.messages().await.len(), 1);
    // nor when the other chat has come through, which goes on until eight past
    slow.store.hold_commits(false);
    slow.applied().await;
    reported(&shop).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(shop.messages().await.len(), 1);

    // given the same of somebody else, when sixty seconds have passed
    let other = visitor(2);
    shop.collectors[0].takes(&other, "1", "chat", shop.clock_now()).await;
    shop.collectors[0].applied().await;
    slow.store.hold_commits(true);
    slow.takes(&visitor(3), "1", "page_view", shop.clock_now()).await;
    let ends = shop.clock_now() + Span::minutes(5);
    shop.clock.set(ends + TIMER_WAITS + Span(1));
    // then nobody waits for it any more: one was warm, and both are cold now
    until("both are cold", async || shop.messages().await.len() == 4).await;
    slow.store.hold_commits(false);
}

/// Waits until every collector has reported twice, so that what it said before is known to all.
async fn reported(shop: &Shop) {
    tokio::time::sleep(Duration::from_millis(2_300)).await;
    assert_eq!(shop.collectors[0].app().fleet.standing().collectors, 3);
}

impl Shop {
    pub(crate) fn clock_now(&self) -> Millis {
        use collector::clock::Clock as _;
        self.clock.now()
    }
}
