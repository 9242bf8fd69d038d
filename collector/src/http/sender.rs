//! Who sends a request, as its headers and its connection say.

use std::net::SocketAddr;

use axum::http::{HeaderMap, header};

use crate::accept::{self, Sender};
use crate::app::App;

/// Reads the headers that say who sends. All of them are the client's word but the peer's address.
pub(crate) fn sender(app: &App, peer: SocketAddr, headers: &HeaderMap) -> Sender {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Sender {
        address: app.proxies.client(peer.ip(), headers),
        origin: headers.get(header::ORIGIN).map(|value| value.to_str().unwrap_or("?").to_owned()),
        cookies: cookies(headers),
        same_site: matches!(text("sec-fetch-site"), Some("same-origin" | "same-site")),
        gpc: text("sec-gpc") == Some("1"),
        suspect: accept::suspicion(headers),
    }
}

/// The cookies of a request, as pairs.
pub(crate) fn cookies(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(cookie::Cookie::split_parse)
        .filter_map(Result::ok)
        .map(|cookie| (cookie.name().to_owned(), cookie.value().to_owned()))
        .collect()
}
