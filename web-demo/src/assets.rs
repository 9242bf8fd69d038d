//! Files that travel inside the binary: styles, scripts, pictures, brochures.

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "assets"]
struct Assets;

/// The first eight bytes of the file's SHA-256, in hexadecimal.
fn digest(file: &EmbeddedFile) -> String {
    file.metadata.sha256_hash()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The address of a file with its digest, so that it may be kept for ever and yet never be stale.
#[must_use]
pub(crate) fn address(name: &str) -> String {
    match Assets::get(name) {
        Some(file) => format!("/assets/{name}?v={}", digest(&file)),
        None => format!("/assets/{name}"),
    }
}

/// `GET /assets/{*name}`.
pub(crate) async fn asset(Path(name): Path<String>, uri: Uri, headers: HeaderMap) -> Result<Response, StatusCode> {
    if name.starts_with("downloads/") {
        return Err(StatusCode::NOT_FOUND);
    }
    let file = Assets::get(&name).ok_or(StatusCode::NOT_FOUND)?;
    let current = format!("v={}", digest(&file));
    let keep = if uri.query() == Some(current.as_str()) { "public, max-age=31536000, immutable" } else { "no-cache" };
    Ok(send(&name, file, keep, &headers))
}

/// `GET /downloads/{name}`.
pub(crate) async fn download(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, StatusCode> {
    let file = Assets::get(&format!("downloads/{name}")).ok_or(StatusCode::NOT_FOUND)?;
    let mut response = send(&name, file, "no-cache", &headers);
    // The name is one of the embedded files', so it is a plain header value.
    if let Ok(value) = format!("attachment; filename=\"{name}\"").parse() {
        response.headers_mut().insert(CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

fn send(name: &str, file: EmbeddedFile, keep: &'static str, request: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", digest(&file));
    let known = request.get(IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == tag.as_bytes());
    let headers = [(CONTENT_TYPE, content_type(name).to_owned()), (CACHE_CONTROL, keep.to_owned()), (ETAG, tag)];
    if known { (StatusCode::NOT_MODIFIED, headers).into_response() } else { (headers, file.data).into_response() }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("pdf") => "application/pdf",
        _ => "application/octet-stream",
    }
}
