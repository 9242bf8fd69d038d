//! What one collector did, and when the others do as if they had done it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use collector::accept;
use collector::erasure;
use collector::log_record::MergeGround;
use collector::models::{self, Publishing, Submission, Written};
use engine::Points;
use store::{Partitions, VisitorId};

use crate::bar;
use crate::shop::{MODEL, NOON, Shop, until, visitor};

/// Within this a model that was published anywhere scores everywhere, and somebody who was erased anywhere is refused
/// everywhere.
const FOLLOWED: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn bar_a_model_that_one_publishes_is_in_force_at_all_within_a_second_and_every_lead_is_looked_at_once() {
    // given leads in the index under the first model
    let shop = Shop::of_three().await;
    for number in 0..64 {
        shop.collectors[number as usize % 3].takes(&visitor(number), "1", "add_to_cart", NOON).await;
    }
    for collector in &shop.collectors {
        collector.applied().await;
    }

    // when one collector publishes another
    let app = shop.collectors[1].app();
    let site = app.sites.get("shop").unwrap();
    let text = shop.text().replace("points = 100", "points = 60").replace("version = 1", "version = 2");
    let submission = Submission::read(site, Written::Toml(&text), NOON).unwrap();
    let (number, _) = models::import(app, site, &Arc::new(submission), "test").await.unwrap();
    let begin = Instant::now();
    models::publish(app, site, number, Publishing { by: "test", notify: false, instead_of: None }).await.unwrap();

    // then all score by it
    let sixty = Points::parse("60").unwrap();
    for collector in &shop.collectors {
        until("the new model", async || collector.evaluates(&visitor(3)).await.score == sixty).await;
    }
    assert!(bar::at_most("model_followed_by_all", begin.elapsed(), FOLLOWED));

    // and the index is the new model's, by whoever holds each partition
    let left = || {
        shop.collectors
            .iter()
            .map(|one| one.app().sites.get("shop").unwrap().sweep_left.load(std::sync::atomic::Ordering::SeqCst))
    };
    until("the sweep done", async || left().sum::<u16>() == 0).await;
    let heat = shop.store.top(&visitor(0).site, None, 100).await.unwrap();
    assert_eq!(heat.len(), 64);
    // Rounded up by a sixteenth at most; the old model's would be above a hundred points.
    let new = 60_000_000..=60_000_000 / 16 * 17;
    assert!(heat.iter().all(|entry| new.contains(&entry.bound.micro_points())), "{heat:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bar_who_is_erased_by_one_is_refused_by_all_within_a_second_and_leaves_every_log() {
    // given somebody of whom all three have heard
    let shop = Shop::of_three().await;
    let (key, other) = (visitor(1), visitor(2));
    for (place, collector) in shop.collectors.iter().enumerate() {
        collector.takes(&key, &format!("{place}"), "add_to_cart", NOON).await;
        collector.takes(&other, &format!("{place}"), "add_to_cart", NOON).await;
        collector.applied().await;
    }

    // when one erases them
    let begin = Instant::now();
    erasure::erase(shop.collectors[0].app(), &key).await.unwrap();

    // then nothing is known of them anywhere, and the id is retired
    for collector in &shop.collectors {
        assert!(collector.knows(&key).await.lead.is_empty(), "at once");
        until("the id retired", async || collector.app().erased.contains(&key)).await;
        assert!(!collector.app().erased.contains(&other));
    }
    assert!(bar::at_most("erasure_followed_by_all", begin.elapsed(), FOLLOWED));

    // and what another one hears of them afterwards is nowhere
    shop.collectors[2].takes(&key, "late", "chat", NOON).await;
    shop.collectors[2].applied().await;
    assert_eq!(shop.store.load(std::slice::from_ref(&key)).await.unwrap(), [None]);

    // and their records leave every log within the minute
    for collector in &shop.collectors {
        let bytes = || collector.app().log.read(store::log::Position::FIRST).filter_map(Result::ok);
        let id = key.visitor.as_bytes();
        let holds = || bytes().filter(|record| record.payload.windows(16).any(|window| window == id)).count();
        // The erasure itself is a record of whoever carried it out.
        let own = usize::from(collector.app().fleet.id() == shop.collectors[0].app().fleet.id());
        until("the log cleaned", async || holds() <= own).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn leads_that_are_merged_by_several_at_once_in_all_directions_become_one_and_keep_everything() {
    let shop = Shop::of_three().await;
    // given forty pairs and triples, of whom each collector knows something
    for group in 0..40 {
        for member in 0..3 {
            let key = visitor(group * 10 + member);
            shop.collectors[member as usize].takes(&key, &format!("{member}"), "add_to_cart", NOON).await;
        }
    }
    for collector in &shop.collectors {
        collector.applied().await;
    }

    // when each collector merges another pair of each group, in a circle, and events go on
    shop.collectors.iter().for_each(|collector| collector.store.far(Duration::from_millis(2)));
    for group in 0..40 {
        let merges = (0..3_u32).map(|member| {
            let (from, into) = (visitor(group * 10 + member), visitor(group * 10 + (member + 1) % 3));
            let collector = &shop.collectors[member as usize];
            async move {
                accept::merge(collector.app(), &from, &into, MergeGround::Visitors).await.unwrap();
                collector.takes(&from, &format!("more-{member}"), "chat", NOON).await;
            }
        });
        let [one, two, three] = <[_; 3]>::try_from(merges.collect::<Vec<_>>()).ok().unwrap();
        tokio::join!(one, two, three);
    }
    for collector in &shop.collectors {
        collector.applied().await;
    }

    shop.collectors.iter().for_each(|collector| collector.store.far(Duration::ZERO));

    // then each group is one person with everything of all, whoever is asked by any id
    for group in 0..40 {
        let mut heads: Vec<VisitorId> = Vec::new();
        for collector in &shop.collectors {
            for member in 0..3 {
                let person = collector::person::known(collector.app(), &visitor(group * 10 + member)).await.unwrap();
                let behaviour =
                    person.kept.lead.touches().iter().filter(|touch| !touch.name.as_str().starts_with("gloed_"));
                assert_eq!(behaviour.count(), 6, "group {group}, member {member}");
                heads.push(person.key.visitor);
            }
        }
        heads.dedup();
        assert_eq!(heads.len(), 1, "group {group}");
    }
    let quarantined: usize = shop
        .collectors
        .iter()
        .map(|one| std::fs::read_dir(one.app().data().join("quarantine")).map_or(0, Iterator::count))
        .sum();
    assert_eq!(quarantined, 0);
    assert!(shop.store.outbox(&Partitions::ALL, None, 1_000).await.unwrap().len() <= 240);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_that_start_at_once_on_an_empty_store_agree_on_the_first_model() {
    let shop = Shop::of_three_at_once(MODEL).await;
    let since = |place: usize| {
        let in_force = shop.collectors[place].app().sites.get("shop").unwrap().in_force();
        (in_force.number, in_force.since)
    };
    assert_eq!([since(0), since(1)], [since(1), since(2)]);
}
