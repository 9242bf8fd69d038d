//! Reading a body: the right type, one layer of gzip at most, never more than the limits, never longer than the timeout.

use std::io::Read as _;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use flate2::read::GzDecoder;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use wire::limits;

use crate::config::Span;
use crate::problem::Problem;

/// What bodies an address takes.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// Content types.
    pub types: &'static [&'static str],
    /// Most bytes as it travels.
    pub on_the_wire: usize,
    /// Most bytes after decompression.
    pub decompressed: usize,
}

/// `sendBeacon` and `fetch` without a preflight send `text/plain`; the shop's server may send `application/json`.
const JSON: Taken = Taken {
    types: &["text/plain", "application/json"],
    on_the_wire: limits::BODY_BYTES,
    decompressed: limits::BODY_BYTES_DECOMPRESSED,
};

/// Reads a request's JSON body.
///
/// # Errors
/// `unsupported_media_type`, `unsupported_encoding`, `body_too_large`, `request_timeout`.
pub async fn read(headers: &HeaderMap, body: Body, timeout: Span) -> Result<Bytes, Problem> {
    read_as(&JSON, headers, body, timeout).await
}

/// Reads a request's body, of the types and within the limits of its address.
///
/// # Errors
/// As [`read`].
pub async fn read_as(taken: &Taken, headers: &HeaderMap, body: Body, timeout: Span) -> Result<Bytes, Problem> {
    let Taken { types, on_the_wire: limit, decompressed: decompressed_limit } = *taken;
    let given = content_type(headers);
    if !types.iter().any(|allowed| given.eq_ignore_ascii_case(allowed)) {
        return Err(Problem::UnsupportedMediaType(types));
    }
    let too_large = || Problem::BodyTooLarge { limit, when: "on the wire" };
    let compressed = is_gzip(headers)?;
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let collected = tokio::time::timeout(timeout.duration(), Limited::new(body, limit).collect()).await;
    let bytes = match collected {
        Err(_) => return Err(Problem::RequestTimeout),
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large()),
        // The client went away or broke the framing: nobody reads this answer.
        Ok(Err(_)) => return Err(Problem::RequestTimeout),
    };
    if compressed { decompressed(&bytes, decompressed_limit) } else { Ok(bytes) }
}

/// The content type of a request, without its parameters.
pub fn content_type(headers: &HeaderMap) -> &str {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.split(';').next().unwrap_or_default().trim()
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, Problem> {
    let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
    let encoding = values.next().map(|value| value.to_str().unwrap_or("?"));
    match (encoding.map(str::to_ascii_lowercase).as_deref(), values.next()) {
        (None | Some("identity"), None) => Ok(false),
        (Some("gzip"), None) => Ok(true),
        // Two layers, or one that we do not read.
        _ => Err(Problem::UnsupportedEncoding),
    }
}

/// At most one byte more than the limit is ever decompressed, whatever the body claims.
fn decompressed(bytes: &[u8], limit: usize) -> Result<Bytes, Problem> {
    let mut decoded = Vec::new();
    let mut capped = GzDecoder::new(bytes).take(limit as u64 + 1);
    match capped.read_to_end(&mut decoded) {
        Err(_) => Err(Problem::UnsupportedEncoding),
        Ok(_) if decoded.len() > limit => Err(Problem::BodyTooLarge { limit, when: "after decompression" }),
        Ok(_) => Ok(decoded.into()),
    }
}
