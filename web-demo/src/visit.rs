//! One request as the pages see it, and the frame that every page stands in.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, COOKIE, SET_COOKIE};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Value, json};

use crate::advice::Brochure;
use crate::assets;
use crate::cart::Cart;
use crate::catalog::{CATEGORIES, Category};
use crate::language::{Language, Text};
use crate::money::Cents;
use crate::settings::{DiscountCode, Settings};

/// The shop in one language: what its handlers share.
#[derive(Debug, Clone)]
pub(crate) struct Shop {
    pub(crate) language: Language,
    pub(crate) settings: Arc<Settings>,
    pub(crate) tag: Arc<str>,
}

/// One of the shop's own cookies.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cookie {
    /// What is in the cart.
    Cart,
    /// The discount code in use.
    Code,
    /// The order that was just placed.
    Order,
    /// Whether somebody is logged in.
    Account,
}

impl Cookie {
    fn name(self) -> &'static str {
        match self {
            Self::Cart => "miezer_cart",
            Self::Code => "miezer_code",
            Self::Order => "miezer_order",
            Self::Account => "miezer_account",
        }
    }

    fn max_age(self) -> u32 {
        match self {
            Self::Cart | Self::Code | Self::Account => 30 * 24 * 3_600,
            Self::Order => 3_600,
        }
    }

    /// The header that sets it.
    pub(crate) fn set(self, value: &str) -> String {
        format!("{}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}", self.name(), self.max_age())
    }

    /// The header that removes it.
    pub(crate) fn clear(self) -> String {
        format!("{}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0", self.name())
    }

    fn read(self, headers: &HeaderMap) -> Option<&str> {
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(name, value)| (name == self.name() && !value.is_empty()).then_some(value))
    }
}

/// One request.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) shop: Shop,
    /// The path without the language's prefix.
    pub(crate) path: String,
    pub(crate) cart: Cart,
    pub(crate) code: Option<DiscountCode>,
    /// The order cookie's value.
    pub(crate) order: Option<String>,
    pub(crate) logged_in: bool,
    /// Whether the shop's script asks, rather than the browser for a page.
    pub(crate) by_script: bool,
}

impl FromRequestParts<Shop> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, shop: &Shop) -> Result<Self, Infallible> {
        let headers = &parts.headers;
        let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(Self {
            shop: shop.clone(),
            path: parts.uri.path().to_owned(),
            cart: Cookie::Cart.read(headers).map(Cart::from_cookie).unwrap_or_default(),
            code: Cookie::Code.read(headers).and_then(|code| shop.settings.find_code(code)).cloned(),
            order: Cookie::Order.read(headers).map(str::to_owned),
            logged_in: Cookie::Account.read(headers).is_some(),
            by_script: accept.starts_with("application/json"),
        })
    }
}

impl Visit {
    pub(crate) fn language(&self) -> Language {
        self.shop.language
    }

    /// The frame of a page of this visit, without events.
    pub(crate) fn frame(&self, title: impl Into<String>, description: Text) -> Frame {
        Frame {
            language: self.language(),
            path: self.path.clone(),
            title: title.into(),
            description: description.say(self.language()),
            cart_count: self.cart.count(),
            logged_in: self.logged_in,
            tag: Arc::clone(&self.shop.tag),
            events: Vec::new(),
            checkout: Value::Null,
        }
    }

    /// Answers a form: the shop's script gets `answer`, a browser is sent to the page at `path`.
    pub(crate) fn done(&self, path: &str, answer: Value, cookies: &[String]) -> Response {
        let mut response = if self.by_script {
            axum::Json(answer).into_response()
        } else {
            Redirect::to(&self.language().href(path)).into_response()
        };
        for cookie in cookies {
            if let Ok(value) = cookie.parse() {
                response.headers_mut().append(SET_COOKIE, value);
            }
        }
        response
    }
}

/// What stands around every page: head, header, footer, and the facts that the shop's script reports.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) language: Language,
    /// The path without the language's prefix; the language switch keeps it.
    pub(crate) path: String,
    pub(crate) title: String,
    pub(crate) description: &'static str,
    pub(crate) cart_count: u32,
    pub(crate) logged_in: bool,
    tag: Arc<str>,
    events: Vec<Value>,
    checkout: Value,
}

impl Frame {
    /// Adds an event that the page reports as it loads, in the object form: `{event, ecommerce}`.
    pub(crate) fn ecommerce_event(mut self, name: &str, ecommerce: Value) -> Self {
        self.events.push(json!({ "event": name, "ecommerce": ecommerce }));
        self
    }

    /// Adds an event that the page reports in gtag's form: `gtag('event', name, parameters)`.
    pub(crate) fn gtag_event(mut self, name: &str, parameters: Value) -> Self {
        self.events.push(json!({ "gtag": ["event", name, parameters] }));
        self
    }

    /// Gives the page's script the cart, for the events of the steps of the checkout.
    pub(crate) fn checkout(mut self, ecommerce: Value) -> Self {
        self.checkout = ecommerce;
        self
    }

    /// Lets the language switch lead home, for pages whose own address leads nowhere.
    pub(crate) fn at_home(mut self) -> Self {
        self.path = "/".to_owned();
        self
    }

    /// The text in the page's language.
    pub(crate) fn t(&self, nl: &'static str, en: &'static str) -> &'static str {
        Text::new(nl, en).say(self.language)
    }

    pub(crate) fn say(&self, text: &Text) -> &'static str {
        text.say(self.language)
    }

    pub(crate) fn show(&self, amount: &Cents) -> String {
        amount.show(self.language)
    }

    pub(crate) fn brochure(&self, brochure: &Brochure) -> String {
        brochure.href(self.language)
    }

    pub(crate) fn href(&self, path: &str) -> String {
        self.language.href(path)
    }

    pub(crate) fn in_other_language(&self) -> String {
        self.language.other().href(&self.path)
    }

    pub(crate) fn asset(&self, name: &str) -> String {
        assets::address(name)
    }

    pub(crate) fn picture(&self, name: &str) -> String {
        assets::address(&format!("images/{name}.svg"))
    }

    pub(crate) fn tag(&self) -> &str {
        &self.tag
    }

    pub(crate) fn categories(&self) -> &'static [Category] {
        CATEGORIES
    }

    /// The page's facts as JSON that cannot end the script element it stands in.
    pub(crate) fn data(&self) -> String {
        json!({ "events": self.events, "checkout": self.checkout }).to_string().replace('<', "\\u003c")
    }
}
