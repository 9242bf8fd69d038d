//! Pools of codes: no code is ever with two visitors, and a visitor has one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use collector::accept;
use collector::coupon::pool::{self, Kept, Leased, Term};
use collector::models::{self, Publishing, Submission, Written};
use engine::decide::{POOL_PROPERTY, granted};
use engine::touch::event;
use engine::{EventName, OfferId, PoolName, PropertyName, Scalar, Span, StreamId, Text, Touch, TouchId, Trust};
use serde_json::{Value, json};
use store::LeadKey;
use tokio::task::JoinSet;

use crate::asking::Page;
use crate::shop::{CODES, Collector, MODEL, NOON, Shop, until, visitor};

/// A code of the pool for whoever has looked at a page, and something without a code behind it.
const OFFERS: &str = r#"
[offers_policy]
holdout = "0%"
[[offers]]
id = "autumn"
slot = "popup"
priority = 5
when = { field = "count.page_view", gte = 1 }
frequency = { per_visitor = "unlimited" }
coupon = { kind = "pool", pool = "autumn", reveal = "shown" }
content = { nl = { title = "Herfst", text = "5 %" } }
[[offers]]
id = "plain"
slot = "popup"
frequency = { per_visitor = "unlimited" }
content = { nl = { title = "Welkom", text = "Gratis verzending" } }
"#;

async fn shop() -> Shop {
    Shop::of_three_with(&format!("{MODEL}{OFFERS}")).await
}

/// A visitor who has looked at a page and was shown the offer with the code, in the store.
async fn looker(number: u32, at: &Collector) -> Page {
    let mut page = Page::of(number);
    let visit = vec![page.event("page_view"), page.event_of("offer_shown", "autumn")];
    page.sends(at, visit).await;
    at.applied().await;
    page
}

/// The answer of the popup.
async fn popup(page: &Page, of: &Collector) -> Value {
    page.asks(of, json!({ "decide": { "slots": ["popup"] } })).await.1
}

/// The code, or why there is none.
async fn claim(page: &Page, of: &Collector) -> Result<String, String> {
    let (_, answer) = page.asks(of, json!({ "decide": { "slots": [], "claim": "autumn" } })).await;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    text(&answer["claimed"]["code"]).ok_or_else(|| text(&answer["claimed"]["refused"]).unwrap())
}

/// The same, once a busy machine is not too slow for it.
async fn claim_in_the_end(page: &Page, of: &Collector) -> Result<String, String> {
    let begin = Instant::now();
    loop {
        match claim(page, of).await {
            Err(why) if why == "unavailable" => assert!(begin.elapsed() < Duration::from_secs(30), "still {why}"),
            answered => return answered,
        }
    }
}

/// Seen red with a holder that differs from thread to thread, and with two of each code (four different ones for five).
#[tokio::test(flavor = "multi_thread")]
async fn five_codes_are_with_five_visitors_whichever_collectors_they_ask_at_once() {
    // Given five codes, and eight visitors who may have one
    let shop = Arc::new(shop().await);
    let mut pages = Vec::new();
    for number in 0..8 {
        pages.push(looker(300 + number, &shop.collectors[0]).await);
    }
    // When each asks every collector at once, and often
    let pages = Arc::new(pages);
    let mut asking = JoinSet::new();
    for (number, place) in (0..pages.len()).flat_map(|number| (0..3).map(move |place| (number, place))) {
        let (shop, pages) = (shop.clone(), pages.clone());
        asking.spawn(async move {
            let mut answers = Vec::new();
            for _ in 0..17 {
                answers.push(claim_in_the_end(&pages[number], &shop.collectors[place]).await);
            }
            (number, answers)
        });
    }
    let mut codes: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    let mut refused = BTreeSet::new();
    while let Some(asked) = asking.join_next().await {
        let (number, answers) = asked.unwrap();
        for answer in answers {
            match answer {
                Ok(code) => drop(codes.entry(number).or_default().insert(code)),
                Err(why) => {
                    // Then who gets none is told why
                    assert_eq!(why, "pool_empty");
                    refused.insert(number);
                }
            }
        }
    }
    // and each code is with one visitor, and each visitor has one or none, whoever was asked
    let given: Vec<&String> = codes.values().flatten().collect();
    assert_eq!(given.iter().copied().collect::<BTreeSet<_>>().len(), CODES.len());
    assert_eq!((given.len(), codes.len(), refused.len()), (5, 5, 3), "{codes:?}");
    // and the offer is not shown to who can have none, but the one behind it, nor is it taken from who has one
    for (number, page) in pages.iter().enumerate() {
        let answer = popup(page, &shop.collectors[1]).await;
        let expected = match codes.get(&number) {
            Some(codes) => ("autumn", json!(codes.first()), Value::Null),
            None => ("plain", Value::Null, json!(["pool_empty"])),
        };
        let offer = &answer["offers"][0];
        assert_eq!((offer["id"].as_str().unwrap(), offer["code"].clone(), answer["reasons"].clone()), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_is_away_who_has_a_code_keeps_it_and_nobody_gets_one() {
    let shop = shop().await;
    let [one, ..] = &shop.collectors[..] else { panic!("three") };
    let (rich, poor) = (looker(1, one).await, looker(2, one).await);
    let code = claim_in_the_end(&rich, one).await.unwrap();
    one.applied().await;
    for page in [&rich, &poor] {
        page.asks(one, json!({ "decide": { "slots": [] } })).await;
    }

    one.store.cut(false);
    assert_eq!(popup(&rich, one).await["offers"][0]["code"], json!(code));
    let answer = popup(&poor, one).await;
    assert_eq!(answer["offers"], json!([]), "{answer}");
    assert_eq!(claim(&poor, one).await, Err("unavailable".to_owned()));

    one.store.mend();
    one.applied().await;
    assert!(claim_in_the_end(&poor, one).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_names_a_pool_which_the_site_has_not_is_not_published() {
    let mut shop = Shop::closed(MODEL);
    shop.opens_another().await;
    let app = shop.collectors[0].app();
    let site = app.sites.get("shop").unwrap();
    let import = async |pool: &str| {
        let text = format!("{MODEL}{}", OFFERS.replace("pool = \"autumn\"", &format!("pool = \"{pool}\"")));
        let submission = Submission::read(site, Written::Toml(&text), NOON).unwrap();
        models::import(app, site, &Arc::new(submission), "test").await.unwrap().0
    };
    let publish = async |number| {
        let publishing = Publishing { by: "test", notify: false, instead_of: None };
        models::publish(app, site, number, publishing).await.map_err(|error| error.to_string())
    };

    let (spring, autumn) = (import("spring").await, import("autumn").await);
    let refused = publish(spring).await.unwrap_err();
    let fault = "offers[0].coupon.pool: found \"spring\", allowed: a pool of the site's configuration: autumn";
    assert!(refused.ends_with(fault), "{refused}");
    assert_eq!(publish(autumn).await, Ok(()));
}

/// A grant as a decision writes it.
fn grant(id: &str, code: &str) -> Touch {
    let (id, name) = (TouchId::parse(id).unwrap(), EventName::parse(event::GRANTED).unwrap());
    let mut touch = Touch::new(id, name, StreamId::parse("stream-1").unwrap(), NOON);
    touch.trust = Trust::Product;
    touch.offer = Some(OfferId::parse("autumn").unwrap());
    let property = |name, value| (PropertyName::cut(name), Scalar::Text(Text::cut(value)));
    touch.properties = [property(event::CODE_PROPERTY, code), property(POOL_PROPERTY, "autumn")].into_iter().collect();
    touch
}

async fn leased(collector: &Collector, key: &LeadKey, term: Term) -> Leased {
    let site = collector.app().sites.get("shop").unwrap();
    let pool = site.pools.get(&PoolName::parse("autumn").unwrap()).unwrap();
    pool.lease(&*collector.app().store, key, term).await.unwrap()
}

async fn code_of(collector: &Collector, key: &LeadKey) -> Option<String> {
    let lead = collector.knows(key).await.lead;
    granted(&lead, &OfferId::parse("autumn").unwrap())?.code.known().map(str::to_owned)
}

/// Seen red with a grant that is recorded whoever has the code.
#[tokio::test(flavor = "multi_thread")]
async fn a_grant_whose_code_somebody_else_has_by_now_is_put_aside() {
    // Given a code that is granted to one visitor, in the store
    let shop = shop().await;
    let [one, other, ..] = &shop.collectors[..] else { panic!("three") };
    let (first, second) = (visitor(1), visitor(2));
    let term = Term { now: NOON.0, until: NOON.0 + 1_000 };
    let Leased::Code(code) = leased(one, &first, term).await else { panic!("five are free") };
    accept::append(one.app(), &first, vec![grant("first.0", code.as_str())], None).await.unwrap();
    one.applied().await;
    assert_eq!(code_of(other, &first).await.as_deref(), Some(code.as_str()));
    // When the log of another collector has waited for so long that its lease of the same code is over
    accept::append(other.app(), &second, vec![grant("second.0", code.as_str())], None).await.unwrap();
    other.applied().await;
    // Then the code is with the first, nobody's ledger says otherwise, and a person finds the grant
    assert_eq!(code_of(one, &second).await, None);
    assert_eq!(code_of(one, &first).await.as_deref(), Some(code.as_str()));
    let [id] = &other.app().quarantine.list().unwrap()[..] else { panic!("one") };
    let kept = other.app().quarantine.read(id).unwrap();
    assert_eq!(kept.reason, format!("the code {code} is with another visitor"));
    // And for good: its lease would be over long ago
    let later = Term { now: NOON.0 + 2_000, until: NOON.0 + 3_000 };
    assert_eq!(pool::keep(&*shop.store, &code, &second, later).await.unwrap(), Kept::WithAnother);
    assert_eq!(leased(other, &first, later).await, Leased::Code(code));
}

/// Seen red without the look at the store's identity behind the lease, and without waiting for the others.
#[tokio::test(flavor = "multi_thread")]
async fn after_the_store_was_lost_no_code_is_leased_until_everybody_has_applied_their_log_again() {
    let shop = shop().await;
    let [one, ..] = &shop.collectors[..] else { panic!("three") };
    let (rich, poor) = (looker(1, one).await, looker(2, one).await);
    let code = claim_in_the_end(&rich, one).await.unwrap();
    let refused = async || {
        assert_eq!(popup(&poor, one).await["offers"], json!([]));
        assert_eq!(claim(&poor, one).await, Err("unavailable".to_owned()));
    };

    // Given that the store is another one, when somebody asks at once, then there is no new code
    one.store.is_another("another");
    refused().await;
    // and neither is there one when this collector has applied its log again
    until("applied again", async || one.app().progress.is_on("another") && !one.app().progress.is_again()).await;
    refused().await;
    assert_eq!(claim(&rich, one).await, Ok(code));
    // until the others must have found out, and say that they have applied all
    shop.clock.set(NOON + Span::seconds(16));
    until("codes again", async || claim(&poor, one).await.is_ok()).await;
}
