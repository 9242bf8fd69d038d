//! Logging in and out. One password for everybody, for now; it is compared in constant time, and tried at most ten times
//! in five minutes from one network.

use std::net::SocketAddr;
use std::sync::Arc;

use askama::Template;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use url::form_urlencoded;

use super::door::{COOKIE, tokens};
use super::session;
use super::shell::Shell;
use super::words::Words;
use crate::app::App;
use crate::config::same_secret;
use crate::problem::Problem;

#[derive(Template)]
#[template(path = "login.html")]
struct Page<'a> {
    shell: &'a Shell,
    words: &'static Words,
    action: String,
    fault: Option<String>,
}

/// Bytes of the form: a password, its name, and percent signs.
const FORM_BYTES: usize = 4096;

/// `GET /login`
pub(super) async fn form(shell: Shell) -> Response {
    page(&shell, StatusCode::OK, None)
}

fn page(shell: &Shell, status: StatusCode, fault: Option<String>) -> Response {
    let action = shell.link_with("/login", &[("next", destination(shell))]);
    shell.render(status, &Page { shell, words: shell.words(), action, fault })
}

/// `POST /login`
pub(super) async fn enter(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    shell: Shell,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let password = match tokio::time::timeout(app.config.body_timeout.duration(), to_bytes(body, FORM_BYTES)).await {
        Err(_) => return Problem::RequestTimeout.into_response(),
        Ok(Err(_)) => return Problem::BodyTooLarge { limit: FORM_BYTES, when: "on the wire" }.into_response(),
        Ok(Ok(form)) => {
            let mut fields = form_urlencoded::parse(&form);
            fields.find(|(name, _)| name == "password").map(|(_, value)| value.into_owned()).unwrap_or_default()
        }
    };
    let now = app.clock.now();
    let address = app.proxies.client(peer.ip(), &headers);
    if let Err(seconds) = app.sessions.attempts.take(address, now) {
        tracing::warn!("too many wrong passwords for the pages from one network");
        let mut response = page(&shell, StatusCode::TOO_MANY_REQUESTS, Some(shell.language.wait(seconds)));
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        return response;
    }
    if !same_secret(&app.admin_password, &password) {
        return page(&shell, StatusCode::UNAUTHORIZED, Some(shell.words().password_wrong.to_owned()));
    }
    app.sessions.attempts.forgive(address);
    let token = match session::begin(&*app.store, now).await {
        Ok(token) => token,
        Err(error) => return shell.problem(error.into()),
    };
    let secure = if over_tls(&app, peer, &headers) { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict{secure}");
    with_cookie(Redirect::to(&shell.link(destination(&shell))), &cookie)
}

/// `POST /logout`
pub(super) async fn out(State(app): State<Arc<App>>, shell: Shell, headers: HeaderMap) -> Response {
    for token in tokens(&headers) {
        if let Err(error) = session::end(&*app.store, &token).await {
            return shell.problem(error.into());
        }
    }
    with_cookie(
        Redirect::to(&shell.link("/login")),
        &format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"),
    )
}

fn with_cookie(redirect: Redirect, cookie: &str) -> Response {
    let mut response = redirect.into_response();
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Where to after logging in: one of our own pages, whatever the address asks for.
fn destination(shell: &Shell) -> &str {
    let ours = |path: &&str| {
        let plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-'));
        plain && (*path == "/leads" || path.starts_with("/sites/"))
    };
    shell.parameter("next").filter(ours).unwrap_or("/leads")
}

/// Whether the browser speaks TLS with a proxy that we believe. Without one the pages are on loopback, where a `Secure`
/// cookie would be refused by some browsers.
fn over_tls(app: &App, peer: SocketAddr, headers: &HeaderMap) -> bool {
    let peer = peer.ip().to_canonical();
    let believed = app.config.trusted_proxies.iter().any(|network| network.contains(&peer));
    believed && headers.get("x-forwarded-proto").is_some_and(|proto| proto.as_bytes().eq_ignore_ascii_case(b"https"))
}
