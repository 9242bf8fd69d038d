//! Who may come in: people with a session, and forms that stand on our own pages.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::session;
use super::shell::{LoggedIn, Shell};
use crate::app::App;
use crate::http::sender::cookies;

/// The cookie that holds a session's token.
pub(super) const COOKIE: &str = "gloed_session";

/// Lets requests with a living session through; others are sent to the login page, and back from there.
pub(super) async fn session(State(app): State<Arc<App>>, shell: Shell, mut request: Request, next: Next) -> Response {
    let now = app.clock.now();
    let mut lives = false;
    for token in tokens(request.headers()) {
        lives = lives
            || match session::continues(&*app.store, &token, now).await {
                Ok(lives) => lives,
                Err(error) => return shell.problem(error.into()),
            };
    }
    if lives {
        request.extensions_mut().insert(LoggedIn);
        return next.run(request).await;
    }
    let back = match *request.method() {
        Method::GET | Method::HEAD => request.uri().path(),
        _ => "/leads",
    };
    Redirect::to(&shell.link_with("/login", &[("next", back)])).into_response()
}

/// The session tokens that a request carries.
pub(super) fn tokens(headers: &HeaderMap) -> impl Iterator<Item = String> {
    cookies(headers).into_iter().filter(|(name, _)| name == COOKIE).map(|(_, token)| token)
}

/// Refuses requests that change something when a page of another origin made them.
///
/// Browsers say where a request comes from: `Sec-Fetch-Site` on every trustworthy address, else `Origin` on every POST.
/// What says neither is no browser, and has no cookie that somebody else could use.
pub(super) async fn same_origin(shell: Shell, request: Request, next: Next) -> Response {
    let harmless = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if harmless || is_same_origin(request.headers()) {
        return next.run(request).await;
    }
    let words = shell.words();
    shell.message(StatusCode::FORBIDDEN, words.foreign_title, words.foreign_text)
}

fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |value: Option<&axum::http::HeaderValue>| value.map(|value| value.to_str().unwrap_or("?").to_owned());
    if let Some(site) = text(headers.get("sec-fetch-site")) {
        return site == "same-origin";
    }
    let Some(origin) = text(headers.get(header::ORIGIN)) else { return true };
    let (Ok(origin), Some(host)) = (origin.parse::<Uri>(), text(headers.get(header::HOST))) else { return false };
    origin.authority().is_some_and(|authority| authority.as_str().eq_ignore_ascii_case(&host))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    fn allowed(headers: &[(&str, &str)]) -> bool {
        let headers = headers.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()));
        is_same_origin(&headers.collect())
    }

    #[test]
    fn only_our_own_pages_may_post() {
        assert!(allowed(&[("sec-fetch-site", "same-origin"), ("origin", "https://behind.a.proxy"), ("host", "x")]));
        assert!(!allowed(&[
            ("sec-fetch-site", "same-site"),
            ("origin", "http://localhost:7071"),
            ("host", "localhost:7071")
        ]));
        assert!(!allowed(&[("sec-fetch-site", "cross-site")]));
        assert!(!allowed(&[("sec-fetch-site", "none")]));
        assert!(allowed(&[("origin", "http://127.0.0.1:7071"), ("host", "127.0.0.1:7071")]));
        assert!(!allowed(&[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:7071")]));
        assert!(!allowed(&[("origin", "null"), ("host", "127.0.0.1:7071")]));
        assert!(!allowed(&[("origin", "http://127.0.0.1:7071")]));
        assert!(allowed(&[("host", "127.0.0.1:7071")]), "no browser");
    }
}
