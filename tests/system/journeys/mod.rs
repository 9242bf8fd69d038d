//! Journeys of a visitor: a browser, the demo shop and the collector, all of them real.
//!
//! Each module is one case. Where it matters a journey is made twice: on the collector's own site, where the visitor's id
//! lives in a cookie, and from another site, where the page keeps it. Nobody sleeps: what a visitor would wait for is
//! waited for, and that something does *not* happen is judged after the collector has decided about the page.

mod accessibility;
mod brochure;
mod consent;
mod debugging;
mod early_leave;
mod first_visit;
mod mango;
pub(crate) mod marketer;
mod on_phones;
mod page_views;
mod people;
mod pictures;
mod robustness;
mod triggers;

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use tests::{
    browser::{Browser, Look},
    environment::{DEMO_SITE, Environment, Setup},
    waiting, workspace,
};

/// How long anything that a visitor waits for may take, on a machine that is busy with other tests.
pub(crate) const SOON: Duration = Duration::from_secs(15);

/// One point for every event, for ever: the lines of a lead then are its touches. Offers are the demo's.
const COUNTING: &str = r#"
version = 1
name = "counting"
half_life = "none"
[[stages]]
name = "cold"
[page_tags]
cart = ["/winkelwagen"]
checkout = ["/afrekenen"]
"#;
/// The names that are counted.
const COUNTED: [&str; 17] = [
    "page_view",
    "view_item_list",
    "view_item",
    "add_to_cart",
    "view_cart",
    "begin_checkout",
    "add_shipping_info",
    "add_payment_info",
    "purchase",
    "sign_up",
    "file_download",
    "generate_lead",
    "offer_shown",
    "offer_clicked",
    "offer_dismissed",
    "chat",
    "test_end",
];

/// How the shop stands to the collector, which is at `127.0.0.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The same site: the collector sets a cookie.
    SameSite,
    /// Another site: the page keeps the id.
    OtherSite,
}

impl Origin {
    pub(crate) const BOTH: [Self; 2] = [Self::SameSite, Self::OtherSite];

    const fn host(self) -> &'static str {
        match self {
            Self::SameSite => "127.0.0.1",
            Self::OtherSite => "localhost",
        }
    }

    /// The address of an environment's shop, without a path.
    fn of(self, environment: &Environment) -> String {
        format!("http://{}:{}", self.host(), environment.shop_address().port())
    }
}

/// One visitor in the demo shop.
#[derive(Debug)]
pub(crate) struct Journey {
    // Dropped first: its pages do not see the servers go.
    pub(crate) browser: Browser,
    pub(crate) environment: Environment,
    shop: String,
}

/// The demo with a model that counts, see [`Journey::counts`].
pub(crate) fn counting() -> Setup {
    let rule = |name: &str| {
        format!(
            "[[rules]]\nid = \"{name}\"\ntitle = \"{name}\"\nwhen = {{ field = \"event\", eq = \"{name}\" }}\n\
             points = 1\ntrust = \"browser\"\n"
        )
    };
    let rules: String = COUNTED.iter().map(|name| rule(name)).collect();
    let offers = workspace::root().join("web-demo/demo.offers.toml").display().to_string();
    Setup::demo().model(&format!("{COUNTING}{rules}")).set("sites.0.model", vec!["model.toml".to_owned(), offers])
}

impl Journey {
    /// A Dutch visitor at a desktop computer, before the first page.
    pub(crate) async fn begin(origin: Origin) -> Self {
        Self::with(Setup::demo(), origin, &Look::default()).await
    }

    pub(crate) async fn with(setup: Setup, origin: Origin, look: &Look) -> Self {
        let environment = setup.start().await.unwrap();
        let browser = Browser::start(look).await.unwrap();
        let shop = origin.of(&environment);
        Self { browser, environment, shop }
    }

    /// The address of a page of the shop.
    pub(crate) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.shop)
    }

    pub(crate) async fn goto(&self, path: &str) {
        self.browser.goto(&self.address(path)).await.unwrap();
    }

    /// Opens the shop's first page and agrees in its banner.
    pub(crate) async fn arrive(&self, path: &str) {
        self.goto(path).await;
        self.click(r#"[data-test="consent-accept"]"#).await;
    }

    /// The same, and closes the bar of the first visit, so that only what a case is about is seen from here on.
    pub(crate) async fn settle_in(&self) {
        self.arrive("/").await;
        self.browser.wait_for_offer("WELKOM5", SOON).await.unwrap();
        self.browser.offer_click("Sluiten").await.unwrap();
        self.browser.wait_for_no_offer(SOON).await.unwrap();
    }

    /// Clicks as soon as it can be clicked. What is far away comes into the middle at once: the shop scrolls smoothly.
    pub(crate) async fn click(&self, selector: &str) {
        let near = "document.querySelector(arguments[0])?.scrollIntoView({ block: 'center', behavior: 'instant' })";
        self.browser
            .wait_until(selector, SOON, async || {
                self.browser.execute(near, &[json!(selector)]).await.map_err(|fault| fault.to_string())?;
                self.browser.click(selector).await.map_err(|fault| fault.to_string())
            })
            .await
            .unwrap();
    }

    /// Follows a link to another page, and waits until it is there.
    pub(crate) async fn follow(&self, selector: &str, path: &str) {
        self.click(selector).await;
        self.wait_for_path(path).await;
    }

    pub(crate) async fn wait_for_path(&self, path: &str) {
        let there = format!("location.pathname === {} && document.readyState === 'complete'", json!(path));
        self.browser.wait_for_script(&there, SOON).await.unwrap();
    }

    /// Puts a product into the cart, from its page, and waits until the shop has said so.
    pub(crate) async fn add_to_cart(&self, product: &str) {
        self.goto(&format!("/product/{product}")).await;
        self.click(r#"[data-test="add-to-cart"]"#).await;
        self.browser.wait_for(".toast", SOON).await.unwrap();
    }

    /// Asks the collector what this page may show now: everything that happened on it so far has been told before.
    pub(crate) async fn decision(&self, slots: &[&str]) -> Value {
        self.browser
            .wait_until("a decision", SOON, async || {
                let ask = "return gloed('decide', { slots: arguments[0] })";
                match self.browser.execute(ask, &[json!(slots)]).await {
                    // A busy machine may not answer within the promised 300 ms, and says so.
                    Ok(answer) if answer["reasons"] == json!([]) => Ok(answer),
                    Ok(answer) => Err(answer.to_string()),
                    Err(fault) => Err(fault.to_string()),
                }
            })
            .await
            .unwrap()
    }

    /// Nothing is shown on this page, and nothing would be.
    pub(crate) async fn assert_no_offer(&self, slots: &[&str]) {
        let decision = self.decision(slots).await;
        assert_eq!(decision["offers"], json!([]), "{}", self.browser.address().await.unwrap());
        assert_eq!(self.browser.offers().await.unwrap(), []);
    }

    /// The visitor's id, from the cookie or what the page keeps; none while there is none.
    pub(crate) async fn visitor(&self) -> Option<String> {
        let cookie = self.cookies().await.into_iter().find(|(name, _)| name == &format!("gloed_{DEMO_SITE}"));
        let signed = match cookie {
            Some((_, value)) => value,
            None => {
                let kept = format!("return localStorage.getItem('gloed:{DEMO_SITE}') || ''");
                let kept = self.browser.execute(&kept, &[]).await.unwrap();
                kept.as_str()?.split(' ').nth(2)?.to_owned()
            }
        };
        signed.split('.').nth(1).map(str::to_owned)
    }

    /// Cookies of ours that the browser would send to the collector, with their values.
    pub(crate) async fn cookies(&self) -> Vec<(String, String)> {
        let urls = json!({ "urls": [format!("http://{}/", self.environment.public())] });
        let cookies = self.browser.devtools("Network.getCookies", urls).await.unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let cookies = cookies["cookies"].as_array().into_iter().flatten();
        let cookies = cookies.map(|cookie| (text(&cookie["name"]), text(&cookie["value"])));
        // The shop at the same host has cookies too: they know no ports.
        cookies.filter(|(name, _)| name.starts_with("gloed")).collect()
    }

    /// Keys in the page's storage that are ours.
    pub(crate) async fn stored(&self) -> Value {
        let ours = "return [localStorage, sessionStorage].flatMap(Object.keys).filter(key => key.startsWith('gloed'))";
        self.browser.execute(ours, &[]).await.unwrap()
    }

    /// Paths that this page asked the collector for, the script of the tag apart.
    pub(crate) async fn requests(&self) -> Value {
        let asked = "return performance.getEntriesByType('resource').map(entry => new URL(entry.name))\
                     .filter(url => url.host === arguments[0] && url.pathname !== '/gloed.js').map(url => url.pathname)";
        self.browser.execute(asked, &[json!(self.environment.public().to_string())]).await.unwrap()
    }

    /// What the server key reads of the visitor, once `there` finds in it what it waits for.
    pub(crate) async fn lead(&self, what: &str, there: impl Fn(&Value) -> bool) -> Value {
        let lead = waiting::until(what, SOON, async || {
            let Some(visitor) = self.visitor().await else { return Err("no visitor yet".to_owned()) };
            self.environment.applied().await.map_err(|fault| fault.to_string())?;
            let answer = self.environment.visitor(DEMO_SITE, &visitor).await.map_err(|fault| fault.to_string())?;
            let lead = answer.json().map_err(|fault| fault.to_string())?;
            if there(&lead) { Ok(lead) } else { Err(lead.to_string()) }
        });
        lead.await.unwrap()
    }

    /// Waits until the visitor's lead has exactly these touches, with the model of [`counting`]; zeros may be left out.
    /// Our own events about offers are not looked at unless they are named.
    pub(crate) async fn expect(&self, expected: &[(&str, usize)]) -> Value {
        let expected: BTreeMap<&str, usize> = expected.iter().copied().collect();
        self.lead(&format!("{expected:?}"), |lead| {
            let found = counts(lead);
            let ours = |name: &str| name.starts_with("offer_") && !expected.contains_key(name);
            let found: BTreeMap<&str, usize> =
                found.iter().filter(|(name, _)| !ours(name)).map(|(name, count)| (name.as_str(), *count)).collect();
            found == expected
        })
        .await
    }

    /// As [`Journey::expect`], after one more event whose arrival shows that nothing else is under way.
    pub(crate) async fn expect_at_the_end(&self, expected: &[(&str, usize)]) -> Value {
        self.decision(&["none"]).await;
        self.browser.execute("gloed('track', 'test_end')", &[]).await.unwrap();
        let mut expected = expected.to_vec();
        expected.push(("test_end", 1));
        self.expect(&expected).await
    }

    /// The page and the tag have raised no error.
    pub(crate) async fn assert_no_errors(&self) {
        self.assert_no_errors_but(|_| false).await;
    }

    /// The same, but for those that `expected` knows.
    pub(crate) async fn assert_no_errors_but(&self, expected: impl Fn(&str) -> bool) {
        let errors = self.browser.console_errors().await.unwrap();
        let errors: Vec<String> = errors.into_iter().filter(|error| !expected(error)).collect();
        assert_eq!(errors, Vec::<String>::new());
    }
}

/// How often each event is in a lead, with the model of [`counting`].
pub(crate) fn counts(lead: &Value) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in lead["lines"].as_array().into_iter().flatten() {
        *counts.entry(line["rule"].as_str().unwrap_or("limit").to_owned()).or_default() += 1;
    }
    counts
}
