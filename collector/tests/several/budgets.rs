//! Budgets: no more is shown, and no more is given away, than a model says, whichever collectors are asked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::Span;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::asking::Page;
use crate::shop::{Collector, MODEL, NOON, Shop};

/// From noon of the stories to midnight in Amsterdam, in winter.
const UNTIL_MIDNIGHT: Span = Span::minutes(11 * 60);

/// One offer of which there is little, and one behind it.
fn offers(limits: &str) -> String {
    let offer = |id: &str, priority: i64, more: &str| {
        format!(
            "[[offers]]\nid = \"{id}\"\nslot = \"popup\"\npriority = {priority}\nfrequency = {{ per_visitor = \"unlimited\" }}\n\
             content = {{ nl = {{ title = \"{id}\" }} }}\n{more}\n"
        )
    };
    format!("{MODEL}{}{}", offer("scarce", 5, limits), offer("plain", 0, ""))
}

async fn shop(limits: &str) -> Shop {
    Shop::of_three_with(&offers(limits)).await
}

/// What a popup is answered with.
async fn popup(page: &Page, of: &Collector) -> Value {
    page.asks(of, json!({ "decide": { "slots": ["popup"] } })).await.1
}

fn offer(answer: &Value) -> &str {
    answer["offers"][0]["id"].as_str().unwrap_or("nothing")
}

/// The page says that it showed what a decision chose.
async fn shows(page: &mut Page, to: &Collector, answer: &Value) {
    let mut event = page.event_of("offer_shown", offer(answer));
    event["decision"] = answer["decision"].clone();
    page.sends(to, vec![event]).await;
    to.applied().await;
}

/// Another page of the shop, so long after noon: what was reserved on the one before is over.
async fn turns(page: &mut Page, shop: &Shop, of: &Collector, after: Span) {
    shop.clock.set(NOON + after);
    page.at(NOON + after);
    let view = page.event("page_view");
    page.sends(of, vec![view]).await;
    of.applied().await;
}

/// Asks until the store, or a busy machine, has an answer about the budget.
async fn popup_in_the_end(page: &Page, of: &Collector) -> Value {
    let begin = Instant::now();
    loop {
        let answer = popup(page, of).await;
        if !answer["reasons"].as_array().is_some_and(|all| all.contains(&json!("unavailable"))) {
            return answer;
        }
        assert!(begin.elapsed() < Duration::from_secs(30), "still {answer}");
    }
}

/// Seen red with a limit of one more in the store.
#[tokio::test(flavor = "multi_thread")]
async fn three_times_are_for_three_visitors_whichever_collectors_they_ask_and_lapse_when_nothing_is_shown() {
    // Given an offer that may be shown three times, when forty ask three collectors at once
    let shop = Arc::new(shop("budget = { total = 3 }").await);
    let mut asking = JoinSet::new();
    for number in 0..40_u32 {
        let shop = shop.clone();
        asking.spawn(async move {
            let of = &shop.collectors[usize::try_from(number).unwrap() % 3];
            (number, popup_in_the_end(&Page::of(400 + number), of).await)
        });
    }
    let mut chosen = Vec::new();
    while let Some(asked) = asking.join_next().await {
        let (number, answer) = asked.unwrap();
        match offer(&answer) {
            "scarce" => chosen.push((number, answer)),
            // Then everybody else is told why
            _ => assert_eq!(answer["reasons"], json!(["budget_spent"]), "{answer}"),
        }
    }
    assert_eq!(chosen.len(), 3);

    // When one of the three shows it, and the others do not within their time
    let (number, answer) = chosen.pop().unwrap();
    let mut page = Page::of(400 + number);
    shows(&mut page, &shop.collectors[1], &answer).await;
    for collector in &shop.collectors {
        collector.applied().await;
    }
    shop.clock.set(NOON + Span::minutes(36));
    // Then there are two left
    let mut left = 0;
    for number in 0..5 {
        let mut page = Page::of(500 + number);
        page.at(NOON + Span::minutes(36));
        left += usize::from(offer(&popup_in_the_end(&page, &shop.collectors[0]).await) == "scarce");
    }
    assert_eq!(left, 2);
}

/// Seen red with a holder that differs from decision to decision.
#[tokio::test(flavor = "multi_thread")]
async fn who_looks_at_page_after_page_holds_one_place_and_what_a_browser_makes_up_takes_none() {
    // Given an offer that may be shown twice, when somebody is offered it on ten pages, and shows it on the last
    let shop = shop("budget = { total = 2 }").await;
    let [one, other, ..] = &shop.collectors[..] else { panic!("three") };
    let mut page = Page::of(1);
    let mut last = Value::Null;
    for number in 0..10 {
        turns(&mut page, &shop, one, Span::seconds(number)).await;
        last = popup_in_the_end(&page, one).await;
        assert_eq!(offer(&last), "scarce", "{last}");
        one.applied().await;
    }
    shows(&mut page, other, &last).await;
    // and somebody says of decisions that there were none that they showed it
    let mut forger = Page::of(2);
    for decision in ["made-up-1", "made-up-2", "made-up-3"] {
        let mut event = forger.event_of("offer_shown", "scarce");
        event["decision"] = decision.into();
        forger.sends(one, vec![event]).await;
    }
    one.applied().await;
    // Then there is one left, for one visitor
    assert_eq!(offer(&popup_in_the_end(&Page::of(3), other).await), "scarce");
    assert_eq!(offer(&popup_in_the_end(&Page::of(4), one).await), "plain");
}

/// Seen red with a limit of one more in the store, and, the later one first, with what was shown before alone looked at.
#[tokio::test(flavor = "multi_thread")]
async fn what_two_tabs_show_counts_twice_whichever_shows_it_first() {
    for later_first in [false, true] {
        // Given an offer that may be shown twice, chosen on two pages of one visitor, the first of which is still open
        let shop = shop("budget = { total = 2 }").await;
        let [one, ..] = &shop.collectors[..] else { panic!("three") };
        let mut page = Page::of(1);
        turns(&mut page, &shop, one, Span::seconds(1)).await;
        let mut tabs = vec![popup_in_the_end(&page, one).await];
        turns(&mut page, &shop, one, Span::seconds(2)).await;
        tabs.push(popup_in_the_end(&page, one).await);
        assert!(tabs.iter().all(|answer| offer(answer) == "scarce"), "{tabs:?}");
        // When both show it, then there is nothing left
        if later_first {
            tabs.reverse();
        }
        for answer in &tabs {
            shows(&mut page, one, answer).await;
        }
        assert_eq!(offer(&popup_in_the_end(&Page::of(2), one).await), "plain", "{later_first}");
    }
}

/// Seen red while what is known to be spent was asked before whose place it is.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_place_keeps_it_while_others_find_nothing_left() {
    // Given the one place that there is, with somebody, and somebody else who found nothing left
    let shop = shop("budget = { total = 1 }").await;
    let [one, ..] = &shop.collectors[..] else { panic!("three") };
    let mut page = Page::of(1);
    turns(&mut page, &shop, one, Span::seconds(1)).await;
    assert_eq!(offer(&popup_in_the_end(&page, one).await), "scarce");
    assert_eq!(offer(&popup_in_the_end(&Page::of(2), one).await), "plain");
    // When they turn the page, then it is still theirs
    turns(&mut page, &shop, one, Span(1_500)).await;
    assert_eq!(offer(&popup_in_the_end(&page, one).await), "scarce");
}

/// A code that costs five euro, and ten euro a day.
const MONEY: &str = "coupon = { kind = \"fixed\", code = \"FIVE\", reveal = \"shown\", cost = \"5.00\" }\n\
                     budget = { money_per_day = \"10.00\" }";

#[tokio::test(flavor = "multi_thread")]
async fn money_is_counted_for_each_visitor_once_and_is_there_again_at_midnight() {
    let shop = shop(MONEY).await;
    let [one, other, ..] = &shop.collectors[..] else { panic!("three") };
    let code = async |page: &mut Page, of: &Collector, after: Span| {
        turns(page, &shop, of, after).await;
        let answer = popup_in_the_end(page, of).await;
        of.applied().await;
        (offer(&answer).to_owned(), answer["offers"][0]["code"].clone())
    };
    let (given, none) = (("scarce".to_owned(), json!("FIVE")), ("plain".to_owned(), Value::Null));
    // Given two who have the code, when they ask again and again
    let (mut first, mut second, mut third) = (Page::of(1), Page::of(2), Page::of(3));
    for number in 1..5 {
        assert_eq!(code(&mut first, one, Span::seconds(10 * number)).await, given);
        assert_eq!(code(&mut second, other, Span::seconds(10 * number)).await, given);
    }
    // Then the day is spent for everybody else until it is midnight where the shop is, and they keep what they have
    assert_eq!(code(&mut third, one, Span::seconds(60)).await, none);
    assert_eq!(code(&mut third, one, Span(UNTIL_MIDNIGHT.0 - 1)).await, none);
    assert_eq!(code(&mut third, one, UNTIL_MIDNIGHT).await, given);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_is_away_nothing_with_a_budget_is_offered_and_the_rest_is() {
    let shop = shop("budget = { per_day = 100 }").await;
    let [one, ..] = &shop.collectors[..] else { panic!("three") };
    let mut page = Page::of(1);
    turns(&mut page, &shop, one, Span::seconds(1)).await;
    assert_eq!(offer(&popup_in_the_end(&page, one).await), "scarce");
    turns(&mut page, &shop, one, Span::seconds(2)).await;
    page.asks(one, json!({ "decide": { "slots": [] } })).await;

    // When the store is away, then what is remembered of somebody is enough for an offer without a budget
    one.store.cut(false);
    let answer = popup(&page, one).await;
    assert_eq!((offer(&answer), &answer["reasons"]), ("plain", &json!(["unavailable"])), "{answer}");
    // and when it is back, for the other
    one.store.mend();
    turns(&mut page, &shop, one, Span::seconds(3)).await;
    assert_eq!(offer(&popup_in_the_end(&page, one).await), "scarce");
}
