//! Offers that wait for a moment of the visitor's: each kind in a real browser, and what the lead says of it afterwards.

use serde_json::json;
use tests::{browser::Look, environment::Setup};

use super::{Journey, Origin, SOON, counts};

/// One offer a page, each with another trigger, and a point for each that is shown.
fn model() -> String {
    let offer = |id: &str, page: &str, slot: &str, trigger: &str| {
        format!(
            "[[offers]]\nid = \"{id}\"\nslot = \"{slot}\"\nwhen = {{ field = \"page.path\", eq = \"{page}\" }}\n\
             trigger = {{ {trigger} }}\ncontent.nl = {{ title = \"Toen: {id}\", button = \"Goed\" }}\n"
        )
    };
    let offers = [
        offer("scroll", "/categorie/jassen", "slide-in", "kind = \"scroll\", percent = 50"),
        offer("inactivity", "/categorie/laarzen", "bar", "kind = \"inactivity\", seconds = 1"),
        offer("exit", "/product/regenjas-texel", "popup", "kind = \"exit\""),
        offer("click", "/winkelwagen", "slide-in", "kind = \"click\", selector = \"main h1, .none\""),
        offer("event", "/advies/regenjas-wassen", "bar", "kind = \"event\", event = \"chat\""),
        offer("broken", "/inloggen", "popup", "kind = \"click\", selector = \":::\""),
    ];
    let rule = "[[rules]]\nid = \"offer_shown\"\nwhen = { field = \"event\", eq = \"offer_shown\" }\npoints = 1\ntrust = \"browser\"\n";
    format!(
        "version = 1\nname = \"triggers\"\nhalf_life = \"none\"\n[[stages]]\nname = \"cold\"\n{rule}{}",
        offers.concat()
    )
}

async fn visitor(look: &Look) -> Journey {
    let journey = Journey::with(Setup::demo().model(&model()), Origin::SameSite, look).await;
    journey.arrive("/").await;
    journey
}

impl Journey {
    /// Opens a page, and waits until its offer waits: the detectors are there, and nothing is shown.
    async fn goto_waiting(&self, path: &str) {
        self.goto(path).await;
        self.browser.wait_for(r#"script[src*="gloed-triggers-"]"#, SOON).await.unwrap();
        // Whoever asked gets an answer that was made after the one that the page waits with.
        self.decision(&["none"]).await;
        assert_eq!(self.browser.offers().await.unwrap(), [], "{path}");
    }

    /// The lead has this many offers shown, and no more come.
    async fn expect_shown(&self, times: usize) {
        self.decision(&["none"]).await;
        self.lead("offers shown", |lead| counts(lead).get("offer_shown").copied().unwrap_or_default() == times).await;
    }
}

#[tokio::test]
async fn triggers_wait_for_their_moment_and_fire_once() {
    let journey = visitor(&Look::default()).await;
    let browser = &journey.browser;

    // half of the page
    journey.goto_waiting("/categorie/jassen").await;
    let to = async |part: &str| {
        let scroll = format!(
            "scrollTo({{ top: (document.documentElement.scrollHeight - innerHeight) * {part}, behavior: 'instant' }})"
        );
        browser.execute(&scroll, &[]).await.unwrap();
    };
    to("0.3").await;
    journey.decision(&["none"]).await;
    assert_eq!(browser.offers().await.unwrap(), [], "not far enough");
    to("0.6").await;
    let slide_in = browser.wait_for_offer("Toen: scroll", SOON).await.unwrap();
    assert_eq!(slide_in.role, "region", "it interrupts nobody");
    browser.offer_click("Sluiten").await.unwrap();
    to("0").await;
    to("1").await;
    journey.expect_shown(1).await;
    assert_eq!(browser.offers().await.unwrap(), [], "once");

    // a second of nothing
    journey.goto("/categorie/laarzen").await;
    browser.wait_for_offer("Toen: inactivity", SOON).await.unwrap();
    journey.expect_shown(2).await;

    // a click on what the model names, and on nothing else
    journey.goto_waiting("/winkelwagen").await;
    journey.click("main").await;
    journey.decision(&["none"]).await;
    journey.click("main h1").await;
    browser.wait_for_offer("Toen: click", SOON).await.unwrap();

    // an event of the shop's, told after the offer came
    journey.goto_waiting("/advies/regenjas-wassen").await;
    browser.execute("gloed('track', 'something_else'); gloed('track', 'chat')", &[]).await.unwrap();
    browser.wait_for_offer("Toen: event", SOON).await.unwrap();
    journey.expect_shown(4).await;
    journey.assert_no_errors().await;
}

#[tokio::test]
async fn triggers_show_an_offer_to_who_leaves_by_the_top_edge() {
    let journey = visitor(&Look::default()).await;
    journey.goto_waiting("/product/regenjas-texel").await;
    let pointer = async |path: &[(i32, i32)]| {
        for (x, y) in path {
            let moved = json!({ "type": "mouseMoved", "x": x, "y": y });
            journey.browser.devtools("Input.dispatchMouseEvent", moved).await.unwrap();
        }
    };

    // Nothing counts in the first seconds, so the hand goes up again until it does.
    let leaves = async || {
        pointer(&[(600, 500), (610, 400), (620, 280), (630, 150), (640, 40), (645, -20)]).await;
        let limit = std::time::Duration::from_secs(1);
        journey.browser.wait_for_offer("Toen: exit", limit).await.map_err(|fault| fault.to_string())
    };
    let popup = journey.browser.wait_until("leaving", SOON, leaves).await.unwrap();

    assert_eq!(popup.role, "dialog");
    // A hand that only moves is no evidence of a person; one that closes the popup is, and then all of it counts.
    journey.browser.offer_click("Sluiten").await.unwrap();
    journey.expect_shown(1).await;
    // A selector that the browser does not read takes its offer away, and nothing else.
    journey.goto("/inloggen").await;
    journey.assert_no_offer(&["none"]).await;
    journey.assert_no_errors().await;
}
