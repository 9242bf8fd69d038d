//! Consent: before it and without it nothing leaves the page, and what was given can be taken back.

use serde_json::json;
use tests::{
    environment::{DEMO_SITE, Setup},
    waiting,
};

use super::{Journey, Origin, SOON, counting};
use tests::browser::Look;

/// Nothing has left the page and nothing was kept, though there was something to tell.
async fn assert_nothing(journey: &Journey) {
    assert_eq!(journey.requests().await, json!([]));
    assert_eq!(journey.stored().await, json!([]));
    assert_eq!(journey.cookies().await, []);
    let metrics = journey.environment.metrics().await.unwrap();
    let counted: Vec<&String> = metrics
        .keys()
        .filter(|name| name.starts_with("gloed_event_receipts_total{") || name.starts_with("gloed_requests_refused"))
        .filter(|name| metrics[*name] > 0.0)
        .collect();
    assert_eq!(counted, Vec::<&String>::new());
}

/// The tag runs, and has taken down everything of this page.
async fn running(journey: &Journey) {
    journey.browser.wait_for_script("gloed.loaded && document.readyState === 'complete'", SOON).await.unwrap();
    let decision = journey.browser.execute("return gloed('decide')", &[]).await.unwrap();
    assert_eq!(decision, json!({ "offers": [], "reasons": ["consent_missing"] }));
}

#[tokio::test]
async fn consent_is_waited_for_and_then_everything_held_is_sent() {
    for origin in Origin::BOTH {
        // given a visitor who has not answered
        let journey = Journey::with(counting(), origin, &Look::default()).await;
        journey.goto("/product/regenjas-texel").await;
        running(&journey).await;
        journey.click(r#"[data-test="add-to-cart"]"#).await;
        journey.browser.wait_for(".toast", SOON).await.unwrap();
        running(&journey).await;
        assert_nothing(&journey).await;
        let asked = tests::body::now();

        // when the answer is yes
        journey.click(r#"[data-test="consent-accept"]"#).await;

        // then what happened before is told, and the page view as of when it was; the shop's data layer is only read now
        let lead = journey.expect(&[("page_view", 1), ("view_item", 1), ("add_to_cart", 1)]).await;
        let lines = lead["lines"].as_array().unwrap();
        let viewed = lines.iter().find(|line| line["rule"] == "page_view").unwrap();
        assert!(viewed["time"].as_i64().unwrap() < asked, "{viewed} {asked}");
        let kept = if origin == Origin::SameSite { 1 } else { 0 };
        assert_eq!(journey.cookies().await.len(), kept, "a cookie on its own site, and none from another");
        journey.assert_no_errors().await;
    }
}

#[tokio::test]
async fn consent_refused_means_nothing_on_any_page() {
    for origin in Origin::BOTH {
        let journey = Journey::begin(origin).await;
        journey.goto("/").await;

        journey.click(r#"[data-test="consent-refuse"]"#).await;

        running(&journey).await;
        assert_nothing(&journey).await;
        journey.goto("/product/regenjas-texel").await;
        running(&journey).await;
        journey.click(r#"[data-test="add-to-cart"]"#).await;
        journey.browser.wait_for(".toast", SOON).await.unwrap();
        assert_nothing(&journey).await;
        assert_eq!(journey.browser.offers().await.unwrap(), []);
        journey.assert_no_errors().await;
    }
}

#[tokio::test]
async fn consent_withdrawn_erases_on_the_device_and_at_the_collector() {
    for origin in Origin::BOTH {
        // given a visitor whom the collector knows
        let journey = Journey::begin(origin).await;
        journey.arrive("/product/regenjas-texel").await;
        journey.lead("a score", |lead| lead["lines"].as_array().is_some_and(|lines| lines.len() >= 2)).await;
        let visitor = journey.visitor().await.unwrap();

        // when consent is withdrawn in the footer
        journey.click("footer [data-consent-open]").await;
        journey.click(r#"[data-test="consent-refuse"]"#).await;

        // then nothing is left, here or there, and nothing follows
        waiting::until("the erasure", SOON, async || {
            let answer = journey.environment.visitor(DEMO_SITE, &visitor).await.map_err(|fault| fault.to_string())?;
            if answer.status == 404 { Ok(()) } else { Err(answer.text()) }
        })
        .await
        .unwrap();
        waiting::until("no cookie", SOON, async || {
            let cookies = journey.cookies().await;
            if cookies.is_empty() { Ok(()) } else { Err(format!("{cookies:?}")) }
        })
        .await
        .unwrap();
        assert_eq!(journey.stored().await, json!([]));
        let receipts =
            async || journey.environment.metric("gloed_event_receipts_total{code=\"accepted\"}").await.unwrap();
        let before = receipts().await;
        journey.goto("/product/laars-waal").await;
        running(&journey).await;
        assert_eq!((journey.requests().await, receipts().await), (json!([]), before));
        assert_eq!((journey.stored().await, journey.cookies().await), (json!([]), Vec::new()));
        journey.assert_no_errors().await;
    }
}

#[tokio::test]
async fn consent_withdrawn_takes_what_is_shown_off_the_page() {
    for look in [Look::default(), Look::phone()] {
        for popup in [false, true] {
            // given an offer on the page
            let journey = Journey::with(Setup::demo(), Origin::SameSite, &look).await;
            if popup {
                journey.settle_in().await;
                journey.add_to_cart("regenjas-texel").await;
                journey.goto("/categorie/laarzen").await;
                journey.browser.wait_for_offer("10 % korting op je mandje", SOON).await.unwrap();
                // Modal on a desktop computer: the link in the footer is behind it, a banner that opens by itself is not.
                let open = "document.querySelector('footer [data-consent-open]').click()";
                journey.browser.execute(open, &[]).await.unwrap();
            } else {
                journey.arrive("/").await;
                journey.browser.wait_for_offer("WELKOM5", SOON).await.unwrap();
                journey.click("footer [data-consent-open]").await;
            }
            let visitor = journey.visitor().await.unwrap();
            assert_uncovered(&journey, r#"[data-test="consent-accept"]"#).await;
            assert_uncovered(&journey, r#"[data-test="consent-refuse"]"#).await;

            // when consent is withdrawn in the shop's own card
            journey.browser.click(r#"[data-test="consent-refuse"]"#).await.unwrap();

            // then the offer is gone at once, and so is the visitor
            assert_eq!(journey.browser.offers().await.unwrap(), [], "{look:?} {popup}");
            waiting::until("the erasure", SOON, async || {
                let answer =
                    journey.environment.visitor(DEMO_SITE, &visitor).await.map_err(|fault| fault.to_string())?;
                if answer.status == 404 { Ok(()) } else { Err(answer.text()) }
            })
            .await
            .unwrap();
            assert_eq!(journey.browser.offers().await.unwrap(), []);
            journey.assert_no_errors().await;
        }
    }
}

/// Corners and middle of an element belong to it, and to nothing that lies above it.
async fn assert_uncovered(journey: &Journey, selector: &str) {
    let above = "const element = document.querySelector(arguments[0]); const box = element.getBoundingClientRect();\
                 return [0.1, 0.5, 0.9].flatMap(x => [0.2, 0.5, 0.8].map(y =>\
                 document.elementFromPoint(box.x + x * box.width, box.y + y * box.height)))\
                 .filter(found => !element.contains(found)).map(found => found ? found.outerHTML.slice(0, 99) : '')";
    assert_eq!(journey.browser.execute(above, &[json!(selector)]).await.unwrap(), json!([]), "{selector}");
}

#[tokio::test]
async fn consent_given_after_a_refusal_begins_with_the_page_that_is_there() {
    // given a visitor who has said no, and looks around without a new page
    let journey = Journey::with(counting(), Origin::OtherSite, &Look::default()).await;
    journey.goto("/product/regenjas-texel").await;
    journey.click(r#"[data-test="consent-refuse"]"#).await;
    running(&journey).await;
    assert_nothing(&journey).await;

    // when the answer becomes a yes
    journey.click("footer [data-consent-open]").await;
    journey.click(r#"[data-test="consent-accept"]"#).await;

    // then the page that is there is told, once
    journey.expect_at_the_end(&[("page_view", 1), ("view_item", 1)]).await;
    journey.assert_no_errors().await;
}

#[tokio::test]
async fn consent_withdrawn_while_the_collector_is_away_is_told_when_it_is_back() {
    // given a visitor whom the collector knows, and a collector that has gone away
    let mut journey = Journey::begin(Origin::OtherSite).await;
    journey.arrive("/product/regenjas-texel").await;
    journey.lead("a score", |lead| lead["lines"].as_array().is_some_and(|lines| lines.len() >= 2)).await;
    let visitor = journey.visitor().await.unwrap();
    journey.environment.collector.stop().await.unwrap();

    // when consent is withdrawn, then the device is clean at once
    journey.browser.execute("gloed('consent', 'denied')", &[]).await.unwrap();
    assert_eq!(journey.stored().await, json!([]));

    // and the collector is told as soon as it can be, by the page that is still there
    journey.environment.collector.restart().await.unwrap();
    waiting::until("the erasure", SOON, async || {
        let answer = journey.environment.visitor(DEMO_SITE, &visitor).await.map_err(|fault| fault.to_string())?;
        if answer.status == 404 { Ok(()) } else { Err(answer.text()) }
    })
    .await
    .unwrap();
    assert_eq!(journey.stored().await, json!([]));
    journey.assert_no_errors_but(|error| error.contains("ERR_CONNECTION_REFUSED")).await;
}

#[tokio::test]
async fn consent_is_a_no_where_the_browser_says_so() {
    let journey = Journey::begin(Origin::SameSite).await;
    let says_no = "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true })";
    journey.browser.before_every_page(says_no).await.unwrap();

    journey.goto("/?consent=granted").await;

    running(&journey).await;
    journey.click(".card a").await;
    running(&journey).await;
    assert_nothing(&journey).await;
    journey.assert_no_errors().await;
}

#[tokio::test]
async fn consent_in_the_tag_can_be_refused_for_good() {
    let setup = counting().shop_argument("--consent").shop_argument("granted");
    let journey = Journey::with(setup, Origin::OtherSite, &Look::default()).await;
    journey.goto("/").await;
    let held = |lead: &serde_json::Value| lead["held"].as_array().is_some_and(|held| held.len() == 1);
    journey.lead("the page view", held).await;

    journey.browser.execute("gloed('consent', 'denied')", &[]).await.unwrap();
    journey.goto("/categorie/jassen").await;

    running(&journey).await;
    assert_eq!(journey.requests().await, json!([]));
    let kept = format!("return localStorage.getItem('gloed:{DEMO_SITE}')");
    assert_eq!(journey.browser.execute(&kept, &[]).await.unwrap(), "denied", "the word, and nothing of the visitor");
    journey.assert_no_errors().await;
}
