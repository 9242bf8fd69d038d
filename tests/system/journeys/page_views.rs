//! What is recorded of a page, once each: addresses, the data layer in its shapes, attributes.

use tests::browser::Look;

use super::{Journey, Origin, SOON, counting};

async fn counted() -> Journey {
    Journey::with(counting(), Origin::SameSite, &Look::default()).await
}

#[tokio::test]
async fn page_views_are_counted_once_for_each_address() {
    let journey = counted().await;
    journey.arrive("/service").await;
    journey.expect(&[("page_view", 1)]).await;
    let run = async |script: &str| journey.browser.execute(script, &[]).await.unwrap();

    // A framework's ways: another address, the same again, a fragment, state alone.
    run("history.pushState({}, '', '/filter?kleur=rood')").await;
    journey.expect(&[("page_view", 2)]).await;
    run("history.replaceState({ scroll: 3 }, '', '/filter?kleur=rood'); location.hash = 'top'").await;
    run("history.replaceState({}, '', '/filter?kleur=groen')").await;
    journey.expect(&[("page_view", 3)]).await;
    // Two at once are one view, of where they end.
    run("history.pushState({}, '', '/een'); history.replaceState({}, '', '/twee')").await;
    journey.expect(&[("page_view", 4)]).await;
    run("history.back()").await;
    journey.expect(&[("page_view", 5)]).await;
    let state = run("return [location.pathname + location.search, history.state]").await;
    assert_eq!(state, serde_json::json!(["/filter?kleur=groen", {}]), "the page's own calls went through");

    journey.expect_at_the_end(&[("page_view", 5)]).await;
    journey.assert_no_errors().await;
}

#[tokio::test]
async fn page_views_count_a_return_from_the_back_forward_cache() {
    let journey = counted().await;
    let note = "addEventListener('pageshow', event => { if (event.persisted) document.documentElement.dataset.back = 'cache' })";
    journey.browser.before_every_page(note).await.unwrap();
    journey.arrive("/service").await;
    journey.expect(&[("page_view", 1)]).await;
    journey.follow(r#".menu a[href="/advies"]"#, "/advies").await;
    journey.expect(&[("page_view", 2)]).await;

    journey.browser.back().await.unwrap();

    journey.wait_for_path("/service").await;
    let back = journey.browser.wait_for_script("document.documentElement.dataset.back", SOON).await;
    assert_eq!(back.unwrap(), "cache", "the tag keeps no page out of the cache");
    journey.expect_at_the_end(&[("page_view", 3)]).await;
    journey.assert_no_errors().await;
}

#[tokio::test]
async fn page_views_of_the_checkout_follow_its_steps() {
    let journey = counted().await;
    journey.arrive("/product/regenjas-texel").await;
    journey.click(r#"[data-test="add-to-cart"]"#).await;
    journey.browser.wait_for(".toast", SOON).await.unwrap();
    journey.goto("/afrekenen").await;
    for (field, text) in
        [("#name", "A"), ("#email", "a@b.example"), ("#postcode", "8011 MC"), ("#number", "1"), ("#street", "Markt")]
    {
        journey.browser.type_into(field, text).await.unwrap();
    }
    journey.click(r#"[data-test="to-shipping"]"#).await;
    journey.click(r#"[data-test="to-payment"]"#).await;
    journey.browser.wait_for_script("location.search === '?stap=betaling'", SOON).await.unwrap();
    journey.follow(r#"[data-test="place-order"]"#, "/bedankt").await;
    // product, checkout, two steps, thanks
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

    // A thank-you page that is opened again reports its purchase again; the shop's own memory of it is taken away.
    for _ in 0..2 {
        journey.browser.execute("sessionStorage.clear()", &[]).await.unwrap();
        journey.goto("/bedankt").await;
    }

    let mut bought = bought.to_vec();
    bought[0].1 = 7;
    journey.expect_at_the_end(&bought).await;
    journey.assert_no_errors().await;
}

#[tokio::test]
async fn two_clicks_are_two_events_and_one_fact_from_two_sources_is_one() {
    let journey = counted().await;
    journey.arrive("/service").await;
    let push = "const item = { item_id: 'J-17', item_name: 'Jas', price: 79.95, quantity: 1 };\
                const object = () => dataLayer.push({ event: 'add_to_cart', ecommerce: { currency: 'EUR', value: 79.95, items: [item] } });\
                const gtag = function () { return dataLayer.push(arguments) };\
                const call = () => gtag('event', 'add_to_cart', { currency: 'EUR', value: 79.95, items: [item] });";
    let run = async |script: &str| journey.browser.execute(&format!("{push} {script}"), &[]).await.unwrap();

    // The same source twice is two clicks.
    let lengths = run("const before = dataLayer.length; return [object() - before, object() - before]").await;
    assert_eq!(lengths, serde_json::json!([1, 2]), "push answers what it always did");
    journey.expect(&[("page_view", 1), ("add_to_cart", 2)]).await;
    // gtag's form alone.
    run("gtag('event', 'generate_lead', { value: 0, currency: 'EUR' }); gtag('js', new Date()); gtag('set', 'x', 1)")
        .await;
    journey.expect(&[("page_view", 1), ("add_to_cart", 2), ("generate_lead", 1)]).await;
    // A theme and a plugin that tell of one click: one. Apart by more than a second: two clicks.
    run("return new Promise(done => setTimeout(() => { object(); call(); done(1) }, 1100))").await;
    journey.expect_at_the_end(&[("page_view", 1), ("add_to_cart", 3), ("generate_lead", 1)]).await;
    journey.assert_no_errors().await;
}

#[tokio::test]
async fn attributes_and_calls_are_recorded_without_a_data_layer() {
    let journey = counted().await;
    journey.arrive("/service").await;
    let button = "document.querySelector('main').insertAdjacentHTML('afterbegin', '<button id=\"own\" type=\"button\" \
                  data-gloed-event=\"add_to_cart\" data-gloed-item=\"J-17\" data-gloed-price=\"79,95\"><b>Bestel</b></button>')";
    journey.browser.execute(button, &[]).await.unwrap();

    journey.click("#own b").await;
    journey.click("#own").await;
    journey.browser.execute("gloed('track', 'chat', { topic: 'maten' })", &[]).await.unwrap();

    journey.expect_at_the_end(&[("page_view", 1), ("add_to_cart", 2), ("chat", 1)]).await;
    journey.assert_no_errors().await;
}

#[tokio::test]
async fn own_visits_are_left_out_until_storage_is_cleared() {
    let journey = counted().await;

    journey.goto("/?gloed_ignore&consent=granted").await;
    journey.goto("/categorie/jassen").await;

    journey.browser.wait_for_script("gloed.loaded && document.readyState === 'complete'", SOON).await.unwrap();
    assert_eq!(journey.requests().await, serde_json::json!([]));
    assert_eq!(journey.visitor().await, None);
    journey.assert_no_errors().await;
}
