//! The case *mango*: something in the cart, and still looking around: ten per cent for the newsletter.

use serde_json::json;

use super::{Journey, Origin, SOON};

const ADDRESS: &str = "anna@voorbeeld.example";
const TITLE: &str = "10 % korting op je mandje";

/// Puts a coat into the cart, looks into the cart, and goes on looking around.
async fn with_a_full_cart(journey: &Journey) {
    journey.settle_in().await;
    journey.follow(r#".menu a[href="/categorie/jassen"]"#, "/categorie/jassen").await;
    journey.add_to_cart("regenjas-texel").await;
    journey.assert_no_offer(&["popup"]).await;
    journey.follow(r#"[data-test="cart-link"]"#, "/winkelwagen").await;
    journey.assert_no_offer(&["popup"]).await;
}

#[tokio::test]
async fn mango_whoever_keeps_browsing_signs_up_in_a_popup_and_gets_the_code() {
    for origin in Origin::BOTH {
        // given a visitor with a full cart who looks further
        let journey = Journey::begin(origin).await;
        with_a_full_cart(&journey).await;
        journey.follow(r#".menu a[href="/categorie/laarzen"]"#, "/categorie/laarzen").await;
        let popup = journey.browser.wait_for_offer(TITLE, SOON).await.unwrap();
        assert_eq!((popup.role.as_str(), popup.fields), ("dialog", 1));
        assert!(!popup.text.contains("WARM10"), "the code is for those who sign up: {}", popup.text);
        let listen = "window.addEventListener('gloed:signup', event => { document.body.dataset.heard = \
                      (document.body.dataset.heard || '') + JSON.stringify(event.detail) })";
        journey.browser.execute(listen, &[]).await.unwrap();

        // when an address is typed wrong, and then right
        journey.browser.offer_type("anna@").await.unwrap();
        journey.browser.offer_click("Geef mij 10 %").await.unwrap();
        journey.browser.wait_for_offer("geldig e-mailadres", SOON).await.unwrap();
        journey.browser.offer_type("voorbeeld.example").await.unwrap();
        journey.browser.press("Enter").await.unwrap();

        // then the code is there, the shop has heard of it once, and the lead knows
        let thanks = journey.browser.wait_for_offer("WARM10", SOON).await.unwrap();
        assert!(thanks.text.contains("Gelukt, dank je wel!"), "{}", thanks.text);
        let heard = journey.browser.wait_for_script("document.body.dataset.heard", SOON).await.unwrap();
        assert_eq!(heard, json!({ "email": ADDRESS, "offer": "cart-newsletter" }).to_string());
        journey
            .browser
            .wait_for_script("document.querySelector('.toast')?.textContent.includes('Welkom op de lijst')", SOON)
            .await
            .unwrap();
        let lead = journey.lead("a sign-up", |lead| lead.to_string().contains("\"sign_up\"")).await;
        assert_eq!(lead["unconfirmed_email"], ADDRESS);

        // and it is not shown again
        journey.browser.offer_click("Sluiten").await.unwrap();
        journey.browser.wait_for_no_offer(SOON).await.unwrap();
        journey.goto("/categorie/jassen").await;
        journey.assert_no_offer(&["popup"]).await;
        journey.assert_no_errors().await;
    }
}

#[tokio::test]
async fn mango_straight_to_the_checkout_is_left_alone() {
    for origin in Origin::BOTH {
        let journey = Journey::begin(origin).await;
        with_a_full_cart(&journey).await;

        journey.follow(r#"[data-test="checkout"]"#, "/afrekenen").await;
        journey.assert_no_offer(&["popup", "bar"]).await;
        let address = [("#name", "Anna"), ("#email", ADDRESS), ("#postcode", "8011 MC"), ("#number", "12")];
        for (field, text) in address.into_iter().chain([("#street", "Melkmarkt, Zwolle")]) {
            journey.browser.type_into(field, text).await.unwrap();
        }
        journey.click(r#"[data-test="to-shipping"]"#).await;
        journey.click(r#"[data-test="to-payment"]"#).await;
        journey.browser.wait_for_script("location.search === '?stap=betaling'", SOON).await.unwrap();
        journey.assert_no_offer(&["popup", "bar"]).await;
        journey.follow(r#"[data-test="place-order"]"#, "/bedankt").await;
        journey.assert_no_offer(&["popup", "bar"]).await;
        journey.goto("/categorie/laarzen").await;
        journey.assert_no_offer(&["popup"]).await;

        let lead = journey.lead("a checkout", |lead| lead.to_string().contains("\"add_payment_info\"")).await;
        assert_eq!(lead["unconfirmed_email"], json!(null), "the shop's own forms are not read");
        journey.assert_no_errors().await;
    }
}

#[tokio::test]
async fn mango_whoever_says_no_is_not_asked_again() {
    let journey = Journey::begin(Origin::OtherSite).await;
    with_a_full_cart(&journey).await;
    journey.goto("/categorie/laarzen").await;
    journey.browser.wait_for_offer(TITLE, SOON).await.unwrap();

    journey.browser.offer_click("Nee, dank je").await.unwrap();

    journey.browser.wait_for_no_offer(SOON).await.unwrap();
    journey.goto("/categorie/jassen").await;
    journey.assert_no_offer(&["popup"]).await;
    journey.goto("/product/laars-waal").await;
    journey.assert_no_offer(&["popup"]).await;
    journey.assert_no_errors().await;
}

#[tokio::test]
async fn mango_in_the_other_language_of_the_shop() {
    let journey = Journey::begin(Origin::OtherSite).await;
    journey.settle_in().await;
    journey.goto("/en/product/regenjas-texel").await;
    journey.click(r#"[data-test="add-to-cart"]"#).await;
    journey.browser.wait_for(".toast", SOON).await.unwrap();
    journey.goto("/en/winkelwagen").await;
    journey.assert_no_offer(&["popup"]).await;

    journey.goto("/en/categorie/laarzen").await;

    let popup = journey.browser.wait_for_offer("10 % off your cart", SOON).await.unwrap();
    assert_eq!(popup.buttons, ["Close", "Give me 10 %", "No, thanks"]);
    journey.browser.offer_type("anna@").await.unwrap();
    journey.browser.press("Enter").await.unwrap();
    journey.browser.wait_for_offer("valid e-mail address", SOON).await.unwrap();
    journey.assert_no_errors().await;
}

#[tokio::test]
async fn mango_subscribers_are_not_asked() {
    let journey = Journey::begin(Origin::SameSite).await;
    journey.arrive("/").await;
    journey.browser.type_into("#newsletter-email", ADDRESS).await.unwrap();
    journey.browser.press("Enter").await.unwrap();
    journey.browser.wait_for("[data-newsletter-thanks]:not([hidden])", SOON).await.unwrap();
    journey.add_to_cart("regenjas-texel").await;

    journey.goto("/categorie/laarzen").await;

    journey.assert_no_offer(&["popup"]).await;
    let lead = journey.lead("a sign-up", |lead| lead.to_string().contains("\"sign_up\"")).await;
    assert_eq!(lead["unconfirmed_email"], json!(null), "what is typed into the shop's form stays there");
    journey.assert_no_errors().await;
}
