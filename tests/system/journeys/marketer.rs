//! The marketer reads who is warm, and why.

use tests::{
    browser::{Browser, Look},
    environment::{DEMO_SITE, Environment},
};

use super::{Journey, Origin, SOON};

/// Decimal text as millionths of a point.
fn micro_points(text: &str) -> i64 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    assert!(fraction.len() <= 6, "{text}");
    let fraction: i64 = format!("{fraction:0<6}").parse().unwrap();
    sign * (whole.parse::<i64>().unwrap() * 1_000_000 + fraction)
}

/// Opens one of the marketer's pages, by the password that the collector has made.
pub(crate) async fn open(environment: &Environment, marketer: &Browser, path: &str) {
    let pages = format!("http://{}", environment.private());
    marketer.goto(&format!("{pages}/login")).await.unwrap();
    marketer.type_into("#password", &environment.admin_password().unwrap()).await.unwrap();
    marketer.press("Enter").await.unwrap();
    marketer.wait_for(".actions form button", SOON).await.unwrap();
    marketer.goto(&format!("{pages}{path}")).await.unwrap();
}

#[tokio::test]
async fn marketer_sees_the_visitor_and_lines_that_add_up_to_the_score() {
    // given a visitor with a brochure, and a coat in the cart
    let journey = Journey::begin(Origin::SameSite).await;
    journey.settle_in().await;
    journey.goto("/advies/regenjas-wassen").await;
    journey.click(r#"[data-test="brochure"]"#).await;
    journey.add_to_cart("regenjas-texel").await;
    journey.goto("/winkelwagen").await;
    let lead = journey.lead("a label", |lead| lead["labels"][0] == "onderhoud").await;
    let visitor = journey.visitor().await.unwrap();

    // when the marketer logs in
    let marketer = Browser::start(&Look::default()).await.unwrap();
    open(&journey.environment, &marketer, "/").await;
    marketer.wait_for("tr.lead", SOON).await.unwrap();

    // then the list shows the visitor, and the visitor's page explains the score to the last digit
    assert_eq!(marketer.count("tr.lead").await.unwrap(), 1);
    let row = marketer.text("tr.lead").await.unwrap();
    for told in [&visitor[..8], "warm", "onderhoud"] {
        assert!(row.contains(told), "{told} is not in {row}");
    }
    marketer.click("tr.lead a").await.unwrap();
    marketer.wait_for("#score", SOON).await.unwrap();
    assert_eq!(marketer.text("#visitor").await.unwrap(), visitor);
    let values = "return [...document.querySelectorAll(arguments[0])].map(cell => cell.getAttribute('value'))";
    let values = async |selector: &str| {
        let values = marketer.execute(values, &[selector.into()]).await.unwrap();
        let values = values.as_array().unwrap().iter().map(|value| micro_points(value.as_str().unwrap()));
        values.collect::<Vec<i64>>()
    };
    let score = values("#score").await;
    let lines = values("#lines data.now").await;
    let rules = values(".rules data").await;
    assert_eq!(lines.len(), lead["lines"].as_array().unwrap().len());
    assert_eq!(score, [lines.iter().sum::<i64>()]);
    assert_eq!(score, [rules.iter().sum::<i64>()]);
    assert_eq!(score, values("#lines tfoot data").await);
    assert!(score[0] > 30_000_000, "{score:?}");
    let timeline = marketer.text("#timeline").await.unwrap();
    assert!(timeline.contains("onderhoud-brochure.pdf"), "{timeline}");
    assert_eq!(marketer.console_errors().await.unwrap(), Vec::<String>::new());
    journey.assert_no_errors().await;
}

#[tokio::test]
async fn marketer_reads_why_an_offer_does_not_show_and_what_would_show_it() {
    // given somebody with a coat in the cart, who has looked at the cart last
    let journey = Journey::begin(Origin::SameSite).await;
    journey.settle_in().await;
    journey.add_to_cart("regenjas-texel").await;
    journey.goto("/winkelwagen").await;
    let lead = journey.lead("a cart", |lead| lead["score"] != "0").await;
    assert_ne!(lead["stage"], "", "{lead}");
    let visitor = journey.visitor().await.unwrap();

    // when the marketer opens the visitor's page
    for (look, name) in [(Look::default(), "1280"), (Look::phone(), "390")] {
        let marketer = Browser::start(&look).await.unwrap();
        open(&journey.environment, &marketer, &format!("/sites/{DEMO_SITE}/leads/{visitor}?lang=nl")).await;
        marketer.wait_for("#offers", SOON).await.unwrap();

        // then every offer of the model is there, with why it does not show, and what would show it
        let told = marketer.text("#offers").await.unwrap();
        assert_eq!(marketer.count(".offers > li").await.unwrap(), 3, "{told}");
        for words in ["cart-newsletter", "Zou verschijnen met:", "een pagina zoals", "/winkelwagen"] {
            assert!(told.contains(words), "{words} is not in {told}");
        }
        let wide = "return document.documentElement.scrollWidth > innerWidth";
        assert_eq!(marketer.execute(wide, &[]).await.unwrap(), false, "{name} scrolls sideways");
        assert_eq!(marketer.console_errors().await.unwrap(), Vec::<String>::new());
    }
    journey.assert_no_errors().await;
}

#[tokio::test]
async fn marketer_is_let_in_by_the_right_password_only() {
    let journey = Journey::begin(Origin::SameSite).await;
    let marketer = &journey.browser;
    let leads = format!("http://{}/leads", journey.environment.private());

    marketer.goto(&leads).await.unwrap();
    marketer.type_into("#password", "wrong").await.unwrap();
    marketer.press("Enter").await.unwrap();
    marketer.wait_for("#fault", SOON).await.unwrap();
    marketer.goto(&leads).await.unwrap();

    assert!(marketer.address().await.unwrap().contains("/login"));
    // The refusal is a status of 401, which the browser notes.
    journey.assert_no_errors_but(|error| error.contains("401")).await;
}
