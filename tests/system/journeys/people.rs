//! Who counts: a person by what they do with the page, a driven browser not until there is one.

use serde_json::{Value, json};
use tests::{
    browser::{Browser, Look},
    environment::{DEMO_SITE, Setup},
};

use super::{Journey, Origin, SOON, marketer};

/// Page views, those of a person, and the sign of life that stands for a visit in which nothing else happened.
const MODEL: &str = r#"
version = 1
name = "people"
half_life = "none"
[[stages]]
name = "cold"
[[rules]]
id = "seen"
title = "Seen"
when = { field = "event", eq = "page_view" }
points = 1
[[rules]]
id = "by_person"
title = "By a person"
when = { field = "event", eq = "page_view" }
points = 1
trust = "page"
[[rules]]
id = "used"
title = "Used"
when = { field = "event", eq = "user_engagement" }
points = 1
trust = "page"
"#;

/// When somebody has used a page last, as the page keeps it.
fn mark() -> String {
    format!("localStorage['gloed:{DEMO_SITE}:p']")
}

/// A shop that needs no click for its consent.
async fn shop_without_banner() -> Journey {
    let setup = Setup::demo().model(MODEL).shop_argument("--consent").shop_argument("granted");
    Journey::with(setup, Origin::OtherSite, &Look::default()).await
}

impl Journey {
    /// Opens a page, and waits until the glue is there and what happened on the page is told.
    async fn read(&self, path: &str) {
        self.goto(path).await;
        self.decision(&["none"]).await;
    }
}

#[tokio::test]
async fn people_count_from_the_first_time_they_use_the_page_and_one_event_a_visit_tells() {
    // given a visitor who has looked at a page without touching anything: it is held
    let journey = shop_without_banner().await;
    journey.read("/service").await;
    let unattested =
        |lead: &Value| lead["held"][0]["reason"] == "unattested" && lead["held"].as_array().unwrap().len() == 1;
    let lead = journey.lead("a held page view", unattested).await;
    assert_eq!((&lead["score"], &lead["lines"]), (&json!("0"), &json!([])));
    assert_eq!(journey.browser.execute(&format!("return {} || null", mark()), &[]).await.unwrap(), Value::Null);

    // when they turn the wheel, it counts, still on that page
    journey.browser.scroll(300).await.unwrap();
    journey.expect(&[("seen", 1), ("used", 1)]).await;
    // and the next page is a person's from its first moment
    journey.read("/advies/regenjas-wassen").await;
    journey.expect(&[("seen", 2), ("by_person", 1), ("used", 1)]).await;
    // once a visit, however much they scroll
    journey.browser.scroll(300).await.unwrap();
    journey.read("/service").await;
    journey.expect(&[("seen", 3), ("by_person", 2), ("used", 1)]).await;
    journey.assert_no_errors().await;
}

#[tokio::test]
async fn people_whose_click_is_told_anyway_cost_no_event_more() {
    // given a visitor who agrees in the banner: a click
    let journey = Journey::with(Setup::demo().model(MODEL), Origin::OtherSite, &Look::default()).await;
    journey.arrive("/").await;
    journey.browser.wait_for_script(&mark(), SOON).await.unwrap();
    // when something is told after it, on the same page
    journey.browser.execute("gloed('track', 'chat')", &[]).await.unwrap();
    journey.decision(&["none"]).await;
    // then that carries it, and leaving tells nothing more
    journey.read("/service").await;
    journey.expect(&[("seen", 2), ("by_person", 1)]).await;
    journey.assert_no_errors().await;
}

#[tokio::test]
async fn people_are_not_what_a_script_plays() {
    // given a page whose own script plays at clicking, typing and scrolling, over and over
    let journey = shop_without_banner().await;
    let play = "setInterval(() => { if (!document.body) return;\
                for (const type of ['pointerdown', 'keydown', 'wheel', 'click'])\
                document.body.dispatchEvent(new Event(type, { bubbles: true })); window.played = 1 }, 20)";
    journey.browser.before_every_page(play).await.unwrap();
    for _ in 0..2 {
        journey.goto("/service").await;
        let glue = "performance.getEntriesByType('resource').some(entry => entry.name.endsWith('.wasm')) && played";
        journey.browser.wait_for_script(glue, SOON).await.unwrap();
    }
    journey.goto("/service").await;
    // then nobody is there
    let held = |lead: &Value| lead["held"].as_array().is_some_and(|held| held.len() == 3);
    let lead = journey.lead("three held page views", held).await;
    assert_eq!((&lead["score"], &lead["visits"]), (&json!("0"), &json!(0)));
    let stored = journey.stored().await;
    assert!(stored.as_array().unwrap().iter().all(|key| !key.as_str().unwrap().ends_with(":p")), "{stored}");
    journey.assert_no_errors().await;
}

#[tokio::test]
async fn people_who_refuse_leave_no_mark() {
    let journey = Journey::with(Setup::demo().model(MODEL), Origin::OtherSite, &Look::default()).await;
    journey.arrive("/").await;
    journey.browser.wait_for_script(&mark(), SOON).await.unwrap();

    journey.click("footer [data-consent-open]").await;
    journey.click(r#"[data-test="consent-refuse"]"#).await;

    journey.browser.wait_for_script(&format!("!{}", mark()), SOON).await.unwrap();
    journey.browser.scroll(300).await.unwrap();
    journey.goto("/service").await;
    journey.browser.scroll(300).await.unwrap();
    assert_eq!(journey.browser.execute(&format!("return {} || null", mark()), &[]).await.unwrap(), Value::Null);
}

#[tokio::test]
async fn people_are_no_driven_browsers_until_one_uses_the_device() {
    // given a browser that says that a program drives it, with real clicks into cart and banner
    let look = Look { driven: true, ..Look::default() };
    let journey = Journey::with(Setup::demo(), Origin::OtherSite, &look).await;
    assert_eq!(journey.browser.execute("return navigator.webdriver", &[]).await.unwrap(), json!(true));
    journey.arrive("/").await;
    journey.add_to_cart("regenjas-texel").await;
    journey.goto("/winkelwagen").await;

    // then everything it did is there, held, and gives nothing; and nothing is offered
    let held = |lead: &Value| -> Vec<String> {
        let held = lead["held"].as_array().unwrap().iter();
        held.map(|held| format!("{} {}", held["event"].as_str().unwrap(), held["reason"].as_str().unwrap())).collect()
    };
    let lead = journey.lead("a held cart", |lead| held(lead).contains(&"view_cart bot".to_owned())).await;
    assert!(held(&lead).iter().all(|held| held.ends_with(" bot")), "{lead}");
    assert!(held(&lead).contains(&"add_to_cart bot".to_owned()), "{lead}");
    assert_eq!((&lead["score"], &lead["lines"], &lead["visits"]), (&json!("0"), &json!([]), &json!(0)));
    let decision = journey.browser.execute("return gloed('decide', { slots: ['popup', 'bar'] })", &[]).await.unwrap();
    assert_eq!((&decision["offers"], &decision["reasons"]), (&json!([]), &json!(["bot"])));
    assert_eq!(journey.browser.offers().await.unwrap(), []);
    let metrics = journey.environment.metrics().await.unwrap();
    let count = |name: &str| metrics.get(name).copied().unwrap_or_default();
    assert_eq!(count("gloed_event_outcomes_total{outcome=\"recorded\"}"), 0.0);
    assert_eq!(count("gloed_event_outcomes_total{outcome=\"quarantined\"}"), held(&lead).len() as f64);

    // and the marketer sees each event, why it does not count, and when it would
    let visitor = journey.visitor().await.unwrap();
    let page = format!("/sites/{DEMO_SITE}/leads/{visitor}");
    for (language, notice, why) in [("nl", "tellen niet mee", "een programma"), ("en", "do not count", "a program")] {
        let marketer = Browser::start(&Look { height: 1500, ..Look::default() }).await.unwrap();
        marketer::open(&journey.environment, &marketer, &format!("{page}?lang={language}")).await;
        marketer.wait_for("#held", SOON).await.unwrap();
        assert!(marketer.text("#held").await.unwrap().contains(notice));
        let chips = marketer.count("#timeline .chip.reason").await.unwrap();
        assert_eq!(chips, held(&lead).len() as u64);
        assert_eq!(marketer.text("#timeline .chip.reason").await.unwrap(), why);
        marketer.screenshot(&format!("held-{language}-1280")).await.unwrap();
        assert_eq!(marketer.console_errors().await.unwrap(), Vec::<String>::new());
    }

    // when a person uses the same device
    let kept = journey.browser.execute(&format!("return localStorage['gloed:{DEMO_SITE}']"), &[]).await.unwrap();
    let person = Browser::start(&Look::default()).await.unwrap();
    let same = format!("localStorage['gloed:{DEMO_SITE}'] = {kept}");
    person.goto(&journey.address("/healthz")).await.unwrap();
    person.execute(&same, &[]).await.unwrap();
    person.goto(&journey.address("/")).await.unwrap();
    person.wait_for(r#"[data-test="consent-accept"]"#, SOON).await.unwrap();
    person.click(r#"[data-test="consent-accept"]"#).await.unwrap();
    person.wait_for_script(&mark(), SOON).await.unwrap();
    person.goto(&journey.address("/service")).await.unwrap();

    // then what was held counts, from when it happened
    let counted = journey.lead("a cart that counts", |lead| lead["held"] == json!([])).await;
    let lines = counted["lines"].as_array().unwrap();
    let cart = lines.iter().find(|line| line["rule"] == "add_to_cart").unwrap_or_else(|| panic!("{counted}"));
    let happened = lead["held"].as_array().unwrap().iter().find(|held| held["event"] == "add_to_cart").unwrap();
    assert_eq!(cart["time"], happened["time"]);
    journey.assert_no_errors().await;
}
