//! An interest: the brochure that was downloaded decides what is offered.

use serde_json::json;

use super::{Journey, Origin, SOON};

#[tokio::test]
async fn brochure_gives_its_label_and_the_label_another_offer() {
    for origin in Origin::BOTH {
        // given a visitor to whom nothing special is offered
        let journey = Journey::begin(origin).await;
        journey.settle_in().await;
        journey.goto("/product/parka-ameland").await;
        journey.assert_no_offer(&["popup"]).await;

        // when the brochure on maintenance is downloaded
        journey.goto("/advies/regenjas-wassen").await;
        journey.click(r#"[data-test="brochure"]"#).await;

        // then the lead has the label, and the next product page another offer
        let labelled = |lead: &serde_json::Value| lead["labels"] == json!(["onderhoud"]);
        journey.lead("the label onderhoud", labelled).await;
        journey.goto("/product/parka-ameland").await;
        let popup = journey.browser.wait_for_offer("Jassen die jaren meegaan", SOON).await.unwrap();
        assert_eq!(popup.role, "dialog");
        journey.browser.offer_click("Bekijk de jassen").await.unwrap();
        journey.wait_for_path("/categorie/jassen").await;
        journey.assert_no_offer(&["popup"]).await;
        journey.assert_no_errors().await;
    }
}
