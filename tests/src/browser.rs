//! A visitor with a browser: headless Chromium with a profile of its own, which reaches the loopback interface only.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use hyper::Method;
use serde_json::{Value, json};

use crate::{Fault, driver::Driver, http::PERSON, waiting, workspace};

/// How the browser looks to a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// Its language, such as `nl-NL`.
    pub language: String,
    /// Width of the page in CSS pixels.
    pub width: u32,
    /// Height of the page in CSS pixels.
    pub height: u32,
    /// A phone: touch, a phone's user agent, two device pixels a CSS pixel.
    pub phone: bool,
    /// How many times slower the processor is: 1 as it is, 4 a common phone.
    pub slower: u32,
    /// Whether `goto` waits for the page's `load` event. `false`: it returns at once.
    pub wait_for_load: bool,
    /// Whether pages see that a program drives it (`navigator.webdriver`).
    pub driven: bool,
}

impl Default for Look {
    /// A Dutch desktop computer.
    fn default() -> Self {
        Self {
            language: "nl-NL".to_owned(),
            width: 1280,
            height: 900,
            phone: false,
            slower: 1,
            wait_for_load: true,
            driven: false,
        }
    }
}

impl Look {
    /// A Dutch phone.
    #[must_use]
    pub fn phone() -> Self {
        Self { width: 390, height: 844, phone: true, ..Self::default() }
    }
}

/// One line of the browser's console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleLine {
    /// `SEVERE` (errors, uncaught exceptions, failed requests), `WARNING`, `INFO` or `DEBUG`.
    pub level: String,
    /// Address, position and text.
    pub text: String,
}

/// A running browser with one tab. Dropping it closes it.
#[derive(Debug)]
pub struct Browser {
    driver: Driver,
    console: Mutex<Vec<ConsoleLine>>,
}

impl Browser {
    /// Starts a browser with an empty profile.
    ///
    /// # Errors
    /// When chromium or chromedriver is missing or does not start.
    pub async fn start(look: &Look) -> Result<Self, Fault> {
        let page_load = if look.wait_for_load { "normal" } else { "none" };
        // By itself the browser says that it is headless, which bot filters rightly count as no person. What a page sends
        // while it is left goes out after the driver's hold on it is gone, so the whole browser has to have another name.
        let agent = if look.phone {
            PERSON.replace("X11; Linux x86_64", "Linux; Android 10; K").replace(" Safari/", " Mobile Safari/")
        } else {
            PERSON.to_owned()
        };
        let mut options = json!({
            "args": [
                "--headless=new",
                // A container has no user namespaces for the sandbox, and only pages of ours are opened.
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--disable-gpu",
                // Its end follows the driver's: a killed test leaves no browser behind.
                "--remote-debugging-pipe",
                // As a person's browser: pages must not see that it is driven, unless they are to.
                if look.driven { "--enable-automation" } else { "--disable-blink-features=AutomationControlled" },
                // Nothing may leave the machine.
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
                "--no-proxy-server",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-default-apps",
                "--disable-domain-reliability",
                "--disable-extensions",
                "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication",
                "--disable-sync",
                "--metrics-recording-only",
                "--no-default-browser-check",
                "--no-first-run",
                "--no-pings",
                "--password-store=basic",
                "--use-mock-keychain",
                format!("--user-agent={agent}"),
                format!("--lang={}", look.language),
                format!("--window-size={},{}", look.width, look.height),
            ],
            "excludeSwitches": ["enable-automation"],
            "prefs": { "intl.accept_languages": look.language, "credentials_enable_service": false },
        });
        if look.phone {
            options["mobileEmulation"] = json!({ "deviceMetrics":
                { "width": look.width, "height": look.height, "pixelRatio": 2.0, "mobile": true, "touch": true } });
        }
        let browser = Self { driver: Driver::open(options, page_load).await?, console: Mutex::new(Vec::new()) };
        if !look.phone {
            let metrics =
                json!({ "width": look.width, "height": look.height, "deviceScaleFactor": 1, "mobile": false });
            browser.devtools("Emulation.setDeviceMetricsOverride", metrics).await?;
        }
        let identity = json!({ "userAgent": agent, "acceptLanguage": look.language });
        browser.devtools("Emulation.setUserAgentOverride", identity).await?;
        if look.slower > 1 {
            browser.devtools("Emulation.setCPUThrottlingRate", json!({ "rate": look.slower })).await?;
        }
        Ok(browser)
    }

    /// Opens an address in the tab. Waits for `load` unless [`Look::wait_for_load`] is `false`.
    ///
    /// # Errors
    /// When nobody answers there.
    pub async fn goto(&self, address: &str) -> Result<(), Fault> {
        self.driver.command(Method::POST, "url", json!({ "url": address })).await.map(drop)
    }

    /// Goes back in the history, as the button does.
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn back(&self) -> Result<(), Fault> {
        self.driver.command(Method::POST, "back", json!({})).await.map(drop)
    }

    /// The address that the tab shows.
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn address(&self) -> Result<String, Fault> {
        let address = self.driver.command(Method::GET, "url", Value::Null).await?;
        Ok(address.as_str().unwrap_or_default().to_owned())
    }

    /// Runs the body of a function in the page; its `arguments` are the given ones. A promise is waited for.
    ///
    /// # Errors
    /// When the script throws, with its message.
    pub async fn execute(&self, script: &str, arguments: &[Value]) -> Result<Value, Fault> {
        self.driver.command(Method::POST, "execute/sync", json!({ "script": script, "args": arguments })).await
    }

    /// Runs a script in every page from now on, before anything else of the page: the moment of a page's beginning.
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn before_every_page(&self, script: &str) -> Result<(), Fault> {
        let parameters = json!({ "source": script });
        self.devtools("Page.addScriptToEvaluateOnNewDocument", parameters).await.map(drop)
    }

    /// Visits `address` and leaves for `next` when `stay` has passed since the page began to exist. Returns when `next`
    /// is there. Needs no waiting for `load`: use a browser with [`Look::wait_for_load`] `false`.
    ///
    /// # Errors
    /// When the browser refuses, or `next` is not there within 30 s after `stay`.
    pub async fn visit_and_leave(&self, address: &str, stay: Duration, next: &str) -> Result<(), Fault> {
        // JSON texts are JavaScript texts too.
        let (here, there, stay_ms) = (json!(address), json!(next), stay.as_millis());
        let leave = format!("if (location.href === {here}) setTimeout(() => {{ location.href = {there} }}, {stay_ms})");
        let added = self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": leave })).await?;
        self.goto(address).await?;
        let limit = stay + Duration::from_secs(30);
        waiting::until(&format!("leaving {address}"), limit, async || match self.address().await {
            Ok(now) if now == next => Ok(()),
            Ok(now) => Err(now),
            Err(fault) => Err(fault.to_string()),
        })
        .await?;
        let parameters = json!({ "identifier": added["identifier"] });
        self.devtools("Page.removeScriptToEvaluateOnNewDocument", parameters).await.map(drop)
    }

    /// Forgets everything: cache, cookies and storage of the shop at `origin`. The next visit is a new visitor's.
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn forget(&self, origins: &[&str]) -> Result<(), Fault> {
        self.devtools("Network.clearBrowserCache", json!({})).await?;
        // What the page before holds in memory is let go only when the cache is switched off.
        for off in [true, false] {
            self.devtools("Network.setCacheDisabled", json!({ "cacheDisabled": off })).await?;
        }
        self.devtools("Network.clearBrowserCookies", json!({})).await?;
        for origin in origins {
            let parameters = json!({ "origin": origin, "storageTypes": "all" });
            self.devtools("Storage.clearDataForOrigin", parameters).await?;
        }
        Ok(())
    }

    /// The visible text of the first element that matches a CSS selector.
    ///
    /// # Errors
    /// [`Fault::Browser`] when nothing matches.
    pub async fn text(&self, selector: &str) -> Result<String, Fault> {
        let element = self.find(selector).await?;
        let text = self.driver.command(Method::GET, &format!("element/{element}/text"), Value::Null).await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// How many elements match a CSS selector.
    ///
    /// # Errors
    /// When the selector is wrong.
    pub async fn count(&self, selector: &str) -> Result<u64, Fault> {
        let count = self.execute("return document.querySelectorAll(arguments[0]).length", &[json!(selector)]).await?;
        Ok(count.as_u64().unwrap_or_default())
    }

    /// Clicks the first element that matches a CSS selector, with a real pointer: scrolls to it, and refuses one that is
    /// hidden or covered.
    ///
    /// # Errors
    /// [`Fault::Browser`] when nothing matches or it cannot be clicked, with the reason.
    pub async fn click(&self, selector: &str) -> Result<(), Fault> {
        let element = self.find(selector).await?;
        self.driver.command(Method::POST, &format!("element/{element}/click"), json!({})).await.map(drop)
    }

    /// Turns the wheel over the middle of the page, down by `pixels`.
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn scroll(&self, pixels: i32) -> Result<(), Fault> {
        let turn = json!({ "type": "scroll", "x": 200, "y": 200, "deltaX": 0, "deltaY": pixels, "origin": "viewport" });
        let wheel = json!({ "actions": [{ "type": "wheel", "id": "wheel", "actions": [turn] }] });
        self.driver.command(Method::POST, "actions", wheel).await.map(drop)
    }

    /// Types into the first element that matches a CSS selector, key by key.
    ///
    /// # Errors
    /// [`Fault::Browser`] when nothing matches or it takes no text.
    pub async fn type_into(&self, selector: &str, text: &str) -> Result<(), Fault> {
        let element = self.find(selector).await?;
        self.driver.command(Method::POST, &format!("element/{element}/value"), json!({ "text": text })).await.map(drop)
    }

    /// Waits until an element matches a CSS selector.
    ///
    /// # Errors
    /// [`Fault::Deadline`], with a screenshot.
    pub async fn wait_for(&self, selector: &str, limit: Duration) -> Result<(), Fault> {
        self.wait_until(selector, limit, async || match self.count(selector).await {
            Ok(0) => Err("nothing matches".to_owned()),
            Ok(_) => Ok(()),
            Err(fault) => Err(fault.to_string()),
        })
        .await
    }

    /// Waits until the expression, in JavaScript, is truthy in the page; gives its value.
    ///
    /// # Errors
    /// [`Fault::Deadline`], with a screenshot.
    pub async fn wait_for_script(&self, expression: &str, limit: Duration) -> Result<Value, Fault> {
        let script = format!("const value = ({expression}); return value ? [value] : null");
        self.wait_until(expression, limit, async || match self.execute(&script, &[]).await {
            Ok(Value::Array(mut values)) => Ok(values.pop().unwrap_or_default()),
            Ok(other) => Err(other.to_string()),
            Err(fault) => Err(fault.to_string()),
        })
        .await
    }

    /// As [`waiting::until`]; when the time is up, a screenshot `failure-WHAT.png` is made.
    ///
    /// # Errors
    /// [`Fault::Deadline`] with what was seen last.
    pub async fn wait_until<T>(
        &self,
        what: &str,
        limit: Duration,
        look: impl AsyncFnMut() -> Result<T, String>,
    ) -> Result<T, Fault> {
        let waited = waiting::until(what, limit, look).await;
        if let Err(Fault::Deadline { what, limit, last }) = waited {
            let last = match self.screenshot(&format!("failure-{what}")).await {
                Ok(path) => format!("{last} (see {})", path.display()),
                Err(fault) => format!("{last} (no screenshot: {fault})"),
            };
            return Err(Fault::Deadline { what, limit, last });
        }
        waited
    }

    /// Writes what the tab shows to `tests/screenshots/NAME.png`, which git ignores.
    ///
    /// # Errors
    /// When the browser refuses or the file cannot be written.
    pub async fn screenshot(&self, name: &str) -> Result<PathBuf, Fault> {
        let encoded = self.driver.command(Method::GET, "screenshot", Value::Null).await?;
        let image = BASE64_STANDARD.decode(encoded.as_str().unwrap_or_default()).map_err(|error| {
            Fault::Unreadable { what: "a screenshot".to_owned(), detail: error.to_string(), found: String::new() }
        })?;
        let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
        let name: String = name.chars().map(plain).take(80).collect();
        let folder = workspace::root().join("tests/screenshots");
        let path = folder.join(format!("{name}.png"));
        std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::write(&path, image))
            .map_err(Fault::system(format!("writing {}", path.display())))?;
        Ok(path)
    }

    /// Everything on the console since the start.
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn console(&self) -> Result<Vec<ConsoleLine>, Fault> {
        // The browser hands each line out once.
        let new = self.driver.command(Method::POST, "se/log", json!({ "type": "browser" })).await?;
        let text = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let new = new.as_array().into_iter().flatten();
        let mut console = self.console.lock().unwrap_or_else(PoisonError::into_inner);
        console.extend(new.map(|line| ConsoleLine { level: text(line, "level"), text: text(line, "message") }));
        Ok(console.clone())
    }

    /// The errors on the console since the start: thrown exceptions, refused requests, violated policies.
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn console_errors(&self) -> Result<Vec<String>, Fault> {
        let lines = self.console().await?.into_iter();
        Ok(lines.filter(|line| line.level == "SEVERE").map(|line| line.text).collect())
    }

    /// One command of the DevTools protocol, such as `Network.emulateNetworkConditions`.
    ///
    /// # Errors
    /// [`Fault::Browser`] with its message.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Result<Value, Fault> {
        self.driver.devtools(command, parameters).await
    }

    async fn find(&self, selector: &str) -> Result<String, Fault> {
        let wanted = json!({ "using": "css selector", "value": selector });
        let found = self.driver.command(Method::POST, "element", wanted).await?;
        // The reference is the only value of the object; its name is a constant of the recommendation.
        let reference = found.as_object().and_then(|object| object.values().next()).and_then(Value::as_str);
        reference
            .map(str::to_owned)
            .ok_or_else(|| Fault::NotOnPage { what: selector.to_owned(), found: found.to_string() })
    }
}
