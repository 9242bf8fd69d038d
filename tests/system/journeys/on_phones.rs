//! Offers on phones leave the page to the visitor.
//!
//! Search engines rank pages lower that an offer covers, and name no share: "a reasonable amount of screen space" is allowed (Google's
//! advice on intrusive interstitials). We promise a third, at whatever length of texts, and that the page behind can be used.

use tests::{browser::Look, environment::Setup};

use super::{Journey, Origin, SOON};

/// The most that an offer covers of a phone.
const THIRD: f64 = 1.0 / 3.0;

/// One offer a page, each with more words than a shop should write, and a price of the visitor's own.
fn model() -> String {
    let offers = [("popup", "/categorie/jassen"), ("bar", "/categorie/laarzen"), ("slide-in", "/winkelwagen")].map(|(slot, page)| {
        let field = if slot == "popup" { "field = \"email\"\n" } else { "" };
        let reveal = if slot == "popup" { "goal" } else { "shown" };
        let words = |language: &str, text: &str, title: &str| {
            format!("[offers.content.{language}]\ntitle = \"{title}\"\ntext = \"{text}\"\nbutton = \"OK\"\ndecline = \"Nee\"\n")
        };
        let (dutch, english) = ("Een heel verhaal over wat er te krijgen is. ".repeat(6), "A long story about what there is. ".repeat(6));
        format!(
            "[[offers]]\nid = \"{slot}\"\nslot = \"{slot}\"\ngoal = \"sign_up\"\n\
             when = {{ all = [{{ field = \"page.path\", eq = \"{page}\" }}, {{ field = \"stage\", eq = \"cold\" }}] }}\n\
             coupon = {{ kind = \"fixed\", code = \"WARM10\", reveal = \"{reveal}\" }}\n[offers.content]\n{field}{}{}",
            words("nl", &dutch, "Voor jou"),
            words("en", &english, "For you"),
        )
    });
    format!("version = 1\nname = \"phones\"\n[[stages]]\nname = \"cold\"\n{}", offers.concat())
}

#[tokio::test]
async fn offers_on_phones_cover_a_third_at_most_and_tell_whose_price_it_is() {
    let small = Look { width: 360, height: 640, ..Look::phone() };
    let english = Look { language: "en-GB".to_owned(), ..Look::phone() };
    for (look, prefix, told) in [(small, "", "gepersonaliseerd"), (english, "/en", "personalised")] {
        let setup = Setup::demo().model(&model().replace("\"/", &format!("\"{prefix}/")));
        let journey = Journey::with(setup, Origin::SameSite, &look).await;
        journey.arrive(&format!("{prefix}/")).await;
        for page in ["/categorie/jassen", "/categorie/laarzen", "/winkelwagen"] {
            journey.goto(&format!("{prefix}{page}")).await;

            let offer = journey.browser.wait_for_offer(told, SOON).await.unwrap();

            let share = journey.browser.offer_share().await.unwrap();
            assert!(share > 0.1 && share <= THIRD, "{share} of {look:?} with {offer:?}");
            let point =
                "return document.elementFromPoint(innerWidth / 2, innerHeight / 3)?.closest('main, header') != null";
            assert_eq!(journey.browser.execute(point, &[]).await.unwrap(), true, "the page can be used");
            journey.browser.offer_click(&offer.buttons[0]).await.unwrap();
            journey.browser.wait_for_no_offer(SOON).await.unwrap();
        }
        journey.assert_no_errors().await;
    }
}
