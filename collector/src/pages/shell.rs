//! What every page has around its content: the language, the address, the header with its links.

use std::convert::Infallible;

use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use url::form_urlencoded;

use super::assets;
use super::language::Language;
use super::words::Words;
use crate::problem::Problem;

/// Marks a request that has a session.
#[derive(Debug, Clone, Copy)]
pub(super) struct LoggedIn;

/// The frame of a page, read from its request.
#[derive(Debug, Clone)]
pub(super) struct Shell {
    /// The language to write in.
    pub(super) language: Language,
    /// Whether the visitor may see pages, and so may log out.
    pub(super) logged_in: bool,
    /// Whether the address names the language: then links carry it on.
    chosen: bool,
    path: String,
    query: Vec<(String, String)>,
}

impl<S: Sync> FromRequestParts<S> for Shell {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let query: Vec<(String, String)> = query.into_owned().collect();
        let chosen = query.iter().find(|(name, _)| name == "lang").and_then(|(_, code)| Language::named(code));
        Ok(Self {
            language: chosen.unwrap_or_else(|| Language::preferred(&parts.headers)),
            logged_in: parts.extensions.get::<LoggedIn>().is_some(),
            chosen: chosen.is_some(),
            path: parts.uri.path().to_owned(),
            query,
        })
    }
}

#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    shell: &'a Shell,
    words: &'static Words,
    title: &'a str,
    text: &'a str,
}

impl Shell {
    /// The fixed texts.
    pub(super) const fn words(&self) -> &'static Words {
        self.language.words()
    }

    /// A parameter of the address, unless it is empty.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(held, value)| held == name && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }

    /// The language that the address names, for a form to carry on.
    pub(super) fn chosen_code(&self) -> Option<&'static str> {
        self.chosen.then(|| self.language.code())
    }

    /// The address of another page.
    pub(super) fn link(&self, path: &str) -> String {
        self.link_with(path, &[])
    }

    /// The address of another page with parameters.
    pub(super) fn link_with(&self, path: &str, parameters: &[(&str, &str)]) -> String {
        let language = self.chosen_code().map(|code| ("lang", code));
        address(path, parameters.iter().copied().chain(language))
    }

    /// The address of this page with some parameters replaced, or left out where the value is empty.
    pub(super) fn here_with(&self, parameters: &[(&str, &str)]) -> String {
        let kept = self.query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let kept = kept.filter(|(name, _)| !parameters.iter().any(|(replaced, _)| replaced == name));
        address(&self.path, kept.chain(parameters.iter().copied()).filter(|(_, value)| !value.is_empty()))
    }

    /// The address of this page in the other language.
    pub(super) fn switch(&self) -> String {
        self.here_with(&[("lang", self.language.other().0.code())])
    }

    /// The style sheet's address. It names the content, so it may be kept for ever.
    pub(super) fn style(&self) -> String {
        assets::address("pages.css")
    }

    /// A page as an answer. Pages hold personal data: no cache keeps them.
    pub(super) fn render(&self, status: StatusCode, page: &impl Template) -> Response {
        match page.render() {
            Err(error) => Problem::Internal(error.to_string()).into_response(),
            Ok(html) => {
                let mut response = (status, Html(html)).into_response();
                let headers = response.headers_mut();
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
                headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(self.language.code()));
                headers.insert(header::VARY, HeaderValue::from_static("Accept-Language, Cookie"));
                response
            }
        }
    }

    /// A page that says one thing.
    pub(super) fn message(&self, status: StatusCode, title: &str, text: &str) -> Response {
        self.render(status, &Message { shell: self, words: self.words(), title, text })
    }

    /// A problem in words: logged and counted like every other, answered as a page.
    pub(super) fn problem(&self, problem: Problem) -> Response {
        let words = self.words();
        let (title, text) = match problem {
            Problem::StoreUnavailable(_) => (words.away_title, words.away_text),
            _ => (words.fault_title, words.fault_text),
        };
        // Made only for what it logs and counts, and for its headers.
        let plain = problem.into_response();
        let mut page = self.message(plain.status(), title, text);
        if let Some(after) = plain.headers().get(header::RETRY_AFTER) {
            page.headers_mut().insert(header::RETRY_AFTER, after.clone());
        }
        page
    }
}

fn address<'a>(path: &str, parameters: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}
