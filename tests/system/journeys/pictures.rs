//! Pictures of what visitors and marketers see, in `tests/screenshots`: for people to look at.

use serde_json::json;
use tests::{
    browser::{Browser, Look},
    environment::Setup,
};

use super::{Journey, Origin, SOON, marketer};

/// A language of the shop and of the marketer's pages, and what the offers say in it.
struct Language {
    code: &'static str,
    browser: &'static str,
    prefix: &'static str,
    popup: &'static str,
    button: &'static str,
}

const LANGUAGES: [Language; 2] = [
    Language { code: "nl", browser: "nl-NL", prefix: "", popup: "10 % korting op je mandje", button: "Geef mij 10 %" },
    Language { code: "en", browser: "en-GB", prefix: "/en", popup: "10 % off your cart", button: "Give me 10 %" },
];

#[tokio::test]
async fn pictures_of_shop_offers_and_marketers_pages() {
    for look in [Look::default(), Look::phone()] {
        for language in LANGUAGES {
            let look = Look { language: language.browser.to_owned(), ..look.clone() };
            take(&look, &language).await;
        }
    }
}

async fn take(look: &Look, language: &Language) {
    let journey = Journey::with(Setup::demo(), Origin::SameSite, look).await;
    let name = |what: &str| format!("{what}-{}-{}", language.code, look.width);
    let path = |path: &str| format!("{}{path}", language.prefix);

    // The animations are over once nothing moves.
    let picture = async |what: &str| {
        journey
            .browser
            .wait_until("stillness", SOON, async || {
                let moving = journey.browser.offer_animations().await.map_err(|fault| fault.to_string())?;
                if moving.is_empty() { Ok(()) } else { Err(format!("{moving:?}")) }
            })
            .await
            .unwrap();
        journey.browser.screenshot(&name(what)).await.unwrap();
    };
    journey.goto(&path("/")).await;
    picture("shop").await;
    journey.click(r#"[data-test="consent-accept"]"#).await;
    journey.browser.wait_for_offer("WELKOM5", SOON).await.unwrap();
    picture("bar").await;
    journey.click("footer [data-consent-open]").await;
    picture("bar-and-consent").await;
    journey.click(r#"[data-test="consent-accept"]"#).await;
    journey.goto(&path("/product/regenjas-texel")).await;
    journey.click(r#"[data-test="add-to-cart"]"#).await;
    journey.browser.wait_for(".toast", SOON).await.unwrap();
    journey.goto(&path("/winkelwagen")).await;
    journey.goto(&path("/categorie/laarzen")).await;
    journey.browser.wait_for_offer(language.popup, SOON).await.unwrap();
    picture("popup").await;
    journey.browser.offer_type("anna@voorbeeld.example").await.unwrap();
    journey.browser.offer_click(language.button).await.unwrap();
    journey.browser.wait_for_offer("WARM10", SOON).await.unwrap();
    picture("popup-success").await;
    journey.goto(&path("/advies/regenjas-wassen")).await;
    journey.click(r#"[data-test="brochure"]"#).await;
    journey.lead("a label", |lead| lead["labels"] == json!(["onderhoud"])).await;

    let marketer = Browser::start(look).await.unwrap();
    marketer::open(&journey.environment, &marketer, &format!("/leads?lang={}", language.code)).await;
    marketer.wait_for("tr.lead", SOON).await.unwrap();
    marketer.screenshot(&name("leads")).await.unwrap();
    marketer.click("tr.lead a").await.unwrap();
    marketer.wait_for("#score", SOON).await.unwrap();
    marketer.screenshot(&name("lead")).await.unwrap();
    assert_eq!(marketer.console_errors().await.unwrap(), Vec::<String>::new());
    journey.assert_no_errors().await;
}
