//! First visit: a code for whoever is here for the first time, once.

use super::{Journey, Origin, SOON};

#[tokio::test]
async fn first_visit_shows_its_code_in_a_bar_once() {
    for origin in Origin::BOTH {
        let journey = Journey::begin(origin).await;
        journey.arrive("/").await;

        let bar = journey.browser.wait_for_offer("WELKOM5", SOON).await.unwrap();

        assert_eq!(bar.role, "region", "a bar interrupts nobody");
        assert!(bar.text.contains("5 % korting op je eerste bestelling"), "{}", bar.text);
        assert!(bar.buttons.iter().any(|button| button == "Sluiten"), "{:?}", bar.buttons);
        let shown = journey.browser.execute("return document.activeElement.tagName", &[]).await.unwrap();
        assert_eq!(shown, "BODY", "the keyboard stays where it was");
        journey.lead("offer shown", |lead| lead["visits"] == 1 && lead["stage"] == "cold").await;

        // Neither on the next page, nor at the next visit, which another campaign begins.
        journey.goto("/categorie/jassen").await;
        journey.assert_no_offer(&["bar"]).await;
        journey.goto("/?utm_source=nieuwsbrief&utm_medium=email&utm_campaign=herfst").await;
        journey.assert_no_offer(&["bar"]).await;
        journey.lead("a second visit", |lead| lead["visits"] == 2).await;
        journey.assert_no_errors().await;
    }
}

#[tokio::test]
async fn first_visit_code_is_shown_when_the_first_page_was_left_before_its_time() {
    let journey = Journey::begin(Origin::SameSite).await;
    journey.arrive("/").await;
    // The decision has reserved the bar; the visitor is gone before the second that it waits.
    journey.lead("a visitor", |_| true).await;
    journey.goto("/categorie/jassen").await;

    journey.browser.wait_for_offer("WELKOM5", SOON).await.unwrap();

    journey.assert_no_errors().await;
}

#[tokio::test]
async fn first_visit_code_closes_and_is_taken_by_the_cart() {
    let journey = Journey::begin(Origin::SameSite).await;
    journey.arrive("/").await;
    journey.browser.wait_for_offer("WELKOM5", SOON).await.unwrap();

    journey.browser.offer_click("Sluiten").await.unwrap();

    journey.browser.wait_for_no_offer(SOON).await.unwrap();
    journey.add_to_cart("regenjas-texel").await;
    journey.goto("/winkelwagen").await;
    journey.browser.type_into("#code", "WELKOM5").await.unwrap();
    journey.browser.press("Enter").await.unwrap();
    journey
        .browser
        .wait_for_script("document.querySelector('main').innerText.includes('WELKOM5')", SOON)
        .await
        .unwrap();
    assert_eq!(journey.browser.count("#code-error").await.unwrap(), 0);
    journey.assert_no_errors().await;
}
