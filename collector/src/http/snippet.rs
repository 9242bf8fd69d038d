//! `GET /gloed.js` and what it loads: precompressed, readable from every origin, the hashed ones for ever.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::problem::Problem;
use crate::snippet_files::SnippetFile;

/// The loader keeps its name when it changes, so browsers ask again after five minutes and may show the old one
/// while they do.
const ROLLING: &str = "public, max-age=300, stale-while-revalidate=86400";
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// One file of the snippet.
#[utoipa::path(get, path = "/{file}", tag = "public", summary = "The snippet's files",
    description = "gloed.js is the tag's address; it loads the others by names that hold their hash.",
    params(("file" = String, Path, description = "gloed.js, or a name that gloed.js knows")),
    responses((status = 200, description = "The file"), (status = 304, description = "Unchanged"),
        (status = 404, description = "No such file", body = crate::problem::ProblemBody,
            content_type = "application/problem+json")))]
pub async fn get(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let file = app.snippet.get(&name).ok_or(Problem::NotFound)?;
    Ok(served(file, &headers))
}

fn served(file: &'static SnippetFile, request: &HeaderMap) -> Response {
    let tag = entity_tag(file);
    let unchanged = request.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let unchanged = unchanged.is_some_and(|tags| tags.split(',').any(|given| given.trim() == tag));
    let (encoding, bytes) = encoding(file, request);
    let mut response = if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { bytes.into_response() };
    let headers = response.headers_mut();
    let set = |headers: &mut HeaderMap, name, value| headers.insert(name, HeaderValue::from_static(value));
    set(headers, header::CONTENT_TYPE, file.content_type);
    set(headers, header::CACHE_CONTROL, if file.immutable { IMMUTABLE } else { ROLLING });
    set(headers, header::VARY, "Accept-Encoding");
    // Scripts and WASM are fetched with CORS and checked by hash; nothing in them depends on who asks.
    set(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    headers.insert("timing-allow-origin", HeaderValue::from_static("*"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    if let Some(encoding) = encoding.filter(|_| !unchanged) {
        set(headers, header::CONTENT_ENCODING, encoding);
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// The best encoding that the browser names; `q=0` is a refusal.
fn encoding(file: &'static SnippetFile, request: &HeaderMap) -> (Option<&'static str>, &'static [u8]) {
    let accepted = request.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let accepts = |wanted: &str| {
        accepted.split(',').any(|part| {
            let mut pieces = part.split(';').map(str::trim);
            pieces.next() == Some(wanted)
                && !pieces.any(|piece| matches!(piece, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        })
    };
    if accepts("br") {
        (Some("br"), file.brotli)
    } else if accepts("gzip") {
        (Some("gzip"), file.gzip)
    } else {
        (None, file.raw)
    }
}

/// Weak, since it is the same for every encoding.
fn entity_tag(file: &SnippetFile) -> String {
    use sha2::{Digest as _, Sha256};
    let digest = Sha256::digest(file.raw);
    format!("W/\"{:x}\"", digest.iter().take(8).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)))
}
