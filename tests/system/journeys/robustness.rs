//! The shop must never notice us: not where the browser refuses, not where we are away.

use serde_json::json;
use tests::{
    browser::Look,
    environment::{DEMO_SITE, Setup},
};

use super::{Journey, Origin, SOON, counting};

/// From a page's beginning: notes every error that nobody caught, and every name that appears in the global scope.
const WITNESS: &str = "window.addEventListener('error', event => witness.push('error ' + event.message));\
    window.addEventListener('unhandledrejection', event => witness.push('rejection ' + event.reason));\
    Object.defineProperty(window, 'witness', { value: [] }); witness.names = Object.getOwnPropertyNames(window);";

async fn witnessed(setup: Setup, origin: Origin, script: &str) -> Journey {
    let journey = Journey::with(setup, origin, &Look::default()).await;
    journey.browser.before_every_page(&format!("{WITNESS}{script}")).await.unwrap();
    journey
}

impl Journey {
    /// Nothing reached the page's own error handling.
    async fn assert_undisturbed(&self) {
        let witness = self.browser.execute("return witness", &[]).await.unwrap();
        assert_eq!(witness, json!([]), "{}", self.browser.address().await.unwrap());
    }
}

/// From a product to the thank-you page.
async fn buy(journey: &Journey) {
    journey.arrive("/product/regenjas-texel").await;
    journey.click(r#"[data-test="add-to-cart"]"#).await;
    journey.browser.wait_for(".toast", SOON).await.unwrap();
    journey.assert_undisturbed().await;
    journey.goto("/afrekenen").await;
    for (field, text) in
        [("#name", "A"), ("#email", "a@b.example"), ("#postcode", "8011 MC"), ("#number", "1"), ("#street", "Markt")]
    {
        journey.browser.type_into(field, text).await.unwrap();
    }
    journey.click(r#"[data-test="to-shipping"]"#).await;
    journey.click(r#"[data-test="to-payment"]"#).await;
    journey.assert_undisturbed().await;
    journey.follow(r#"[data-test="place-order"]"#, "/bedankt").await;
    journey.assert_undisturbed().await;
}

#[tokio::test]
async fn robust_without_web_assembly_the_loader_goes_on_alone() {
    for origin in Origin::BOTH {
        let journey = witnessed(counting().shop_argument("--without-wasm"), origin, "").await;

        buy(&journey).await;

        let bought = [
            ("page_view", 5),
            ("view_item", 1),
            ("add_to_cart", 1),
            ("begin_checkout", 1),
            ("add_shipping_info", 1),
            ("add_payment_info", 1),
            ("purchase", 1),
        ];
        journey.expect(&bought).await;
        // The policy's refusal is the browser's to note, and the only one.
        journey.assert_no_errors_but(|error| error.contains("WebAssembly")).await;
    }
}

#[tokio::test]
async fn robust_without_web_assembly_offers_are_shown() {
    let journey = witnessed(Setup::demo().shop_argument("--without-wasm"), Origin::OtherSite, "").await;
    journey.arrive("/").await;
    journey.browser.wait_for_offer("WELKOM5", SOON).await.unwrap();
    journey.add_to_cart("regenjas-texel").await;
    journey.goto("/categorie/laarzen").await;

    journey.browser.wait_for_offer("10 % korting", SOON).await.unwrap();
    journey.browser.offer_type("a@b.example").await.unwrap();
    journey.browser.press("Enter").await.unwrap();

    journey.browser.wait_for_offer("WARM10", SOON).await.unwrap();
    journey.assert_undisturbed().await;
    journey.assert_no_errors_but(|error| error.contains("WebAssembly")).await;
}

#[tokio::test]
async fn robust_where_a_code_is_asked_for_before_its_sign_up_has_arrived() {
    // given a network that lets the question overtake the sign-up, once
    let overtaken = "const real = fetch; let first = true; window.fetch = (address, options) => {\
                     const answer = real(address, options);\
                     if (!first || !String(options?.body).includes('claim')) return answer;\
                     first = false;\
                     return answer.then(answer => answer.json()).then(said => {\
                       (said.decision.claimed ? said.decision : said).claimed = { id: 'cart-newsletter', refused: 'goal_not_reached' };\
                       return new Response(JSON.stringify(said)) }) };";
    let journey = witnessed(Setup::demo(), Origin::OtherSite, overtaken).await;
    journey.arrive("/").await;
    journey.add_to_cart("regenjas-texel").await;
    journey.goto("/categorie/laarzen").await;
    journey.browser.wait_for_offer("10 % korting", SOON).await.unwrap();

    // when somebody signs up, then they are not told that it worked and left without a code
    journey.browser.offer_type("a@b.example").await.unwrap();
    journey.browser.press("Enter").await.unwrap();
    journey.browser.wait_for_offer("Probeer het nog eens", SOON).await.unwrap();

    // and once more gives it
    journey.browser.offer_click("Geef mij 10 %").await.unwrap();
    journey.browser.wait_for_offer("WARM10", SOON).await.unwrap();
    journey.assert_undisturbed().await;
    journey.assert_no_errors().await;
}

#[tokio::test]
async fn robust_while_the_collector_is_away_the_shop_works_and_nothing_is_lost() {
    let mut journey = witnessed(counting(), Origin::OtherSite, "").await;
    let decide = "const begin = performance.now(); return gloed('decide', { slots: ['popup'] })\
                  .then(answer => [answer, performance.now() - begin], error => ['rejected ' + error, 0])";
    let quick = async |journey: &Journey, expected: &[&str]| {
        let answer = journey.browser.execute(decide, &[]).await.unwrap();
        assert_eq!(answer[0]["offers"], json!([]), "{answer}");
        let reason = answer[0]["reasons"][0].as_str().unwrap_or_default();
        assert!(expected.contains(&reason), "{answer}");
        // 300 ms are promised; the page's own timer may be served a little late on a busy machine.
        assert!(answer[1].as_f64().unwrap() < 400.0, "{answer}");
    };
    journey.arrive("/service").await;
    journey.expect(&[("page_view", 1)]).await;

    // It hangs: every answer is waited for in vain.
    journey.environment.collector.signal(rustix::process::Signal::STOP).unwrap();
    quick(&journey, &["timeout"]).await;
    journey.environment.collector.signal(rustix::process::Signal::CONT).unwrap();
    journey.decision(&["popup"]).await;

    // It goes away while the page is there.
    journey.environment.collector.stop().await.unwrap();
    quick(&journey, &["unavailable", "timeout"]).await;
    journey.browser.execute("gloed('track', 'chat')", &[]).await.unwrap();
    journey.assert_undisturbed().await;

    // A page that it never served: the shop's own queue is all there is of us.
    journey.browser.devtools("Network.clearBrowserCache", json!({})).await.unwrap();
    journey.goto("/product/laars-waal").await;
    journey.click(r#"[data-test="add-to-cart"]"#).await;
    journey.browser.wait_for(".toast", SOON).await.unwrap();
    assert_eq!(journey.browser.execute("return typeof gloed.loaded", &[]).await.unwrap(), "undefined");
    journey.assert_undisturbed().await;

    // What was said while it was away is told by the next page.
    journey.environment.collector.restart().await.unwrap();
    journey.goto("/advies").await;
    journey.expect(&[("page_view", 2), ("chat", 1)]).await;
    journey.assert_undisturbed().await;
    journey.assert_no_errors_but(|error| error.contains("ERR_CONNECTION_REFUSED")).await;
}

#[tokio::test]
async fn robust_where_storage_is_forbidden() {
    // As browsers do with all cookies blocked: already touching it throws.
    let forbidden = "for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, \
                     { get() { throw new DOMException('denied', 'SecurityError') } });";
    let journey = witnessed(counting(), Origin::SameSite, forbidden).await;

    journey.arrive("/product/regenjas-texel").await;
    journey.click(r#"[data-test="add-to-cart"]"#).await;
    journey.browser.wait_for(".toast", SOON).await.unwrap();

    journey.expect(&[("page_view", 1), ("view_item", 1), ("add_to_cart", 1)]).await;
    journey.assert_undisturbed().await;
    journey.assert_no_errors().await;
}

#[tokio::test]
async fn robust_where_fetch_throws() {
    let patched = "window.fetch = () => { throw new TypeError('blocked by an extension') };";
    let journey = witnessed(counting(), Origin::SameSite, patched).await;

    journey.arrive("/service").await;
    journey.browser.execute("gloed('track', 'chat')", &[]).await.unwrap();

    journey.browser.wait_for_script("gloed.loaded", SOON).await.unwrap();
    let answer = journey.browser.execute("return gloed('decide')", &[]).await.unwrap();
    assert_eq!(answer["offers"], json!([]));
    // Beacons go where `fetch` does not; their answers are not seen, so the id is the cookie's.
    journey.expect(&[("page_view", 1), ("chat", 1)]).await;
    journey.assert_undisturbed().await;
    journey.assert_no_errors().await;
}

#[tokio::test]
async fn robust_the_tag_twice_is_one_tracker_and_gloed_the_only_global() {
    let journey = witnessed(counting(), Origin::OtherSite, "").await;
    journey.arrive("/service").await;
    journey.expect(&[("page_view", 1)]).await;
    let again = format!(
        "const first = gloed; const tag = document.createElement('script'); tag.dataset.site = '{DEMO_SITE}';\
         tag.src = document.querySelector('script[data-site]').src + '?again'; document.head.append(tag);\
         return new Promise(done => tag.onload = () => done(first === gloed))"
    );

    let same = journey.browser.execute(&again, &[]).await.unwrap();
    journey.browser.execute("gloed('track', 'chat')", &[]).await.unwrap();

    assert_eq!(same, true);
    journey.browser.wait_for_offer("WELKOM5", SOON).await.unwrap();
    journey.expect_at_the_end(&[("page_view", 1), ("chat", 1)]).await;
    // `dataLayer` is the shop's; two are the driver's of this browser.
    let added = "const drivers = ['ret_nodes', 'se_exportedFunctionSymbol'];\
                 return Object.getOwnPropertyNames(window).filter(name => !witness.names.concat(drivers).includes(name)).sort()";
    assert_eq!(journey.browser.execute(added, &[]).await.unwrap(), json!(["dataLayer", "gloed"]));
    journey.assert_undisturbed().await;
    journey.assert_no_errors().await;
}

#[tokio::test]
async fn robust_a_listener_that_throws_hurts_only_itself() {
    let journey = witnessed(counting(), Origin::SameSite, "").await;
    journey.arrive("/service").await;

    let script = "gloed('on', 'receipt', () => { throw new Error('of the shop') });\
                  gloed('on', 'receipt', receipt => { document.body.dataset.heard += ' ' + receipt.name });\
                  gloed('track', 'chat'); gloed(); gloed('no such command'); gloed('track'); gloed('on', 'receipt', 3);\
                  gloed('track', 'chat', { get topic() { throw new Error('a getter') } });\
                  const circle = {}; circle.circle = circle; gloed('track', 'chat', circle); return 'unhurt'";
    assert_eq!(journey.browser.execute(script, &[]).await.unwrap(), "unhurt");

    journey.browser.wait_for_script("document.body.dataset.heard?.includes('chat')", SOON).await.unwrap();
    journey.expect_at_the_end(&[("page_view", 1), ("chat", 1)]).await;
    journey.assert_undisturbed().await;
    journey.assert_no_errors().await;
}
