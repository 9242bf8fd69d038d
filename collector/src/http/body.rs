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

const ON_THE_WIRE: Problem = Problem::BodyTooLarge { limit: limits::BODY_BYTES, when: "on the wire" };
const DECOMPRESSED: Problem =
    Problem::BodyTooLarge { limit: limits::BODY_BYTES_DECOMPRESSED, when: "after decompression" };

/// Reads a request's JSON body.
///
/// # Errors
/// `unsupported_media_type`, `unsupported_encoding`, `body_too_large`, `request_timeout`.
pub async fn read(headers: &HeaderMap, body: Body, timeout: Span) -> Result<Bytes, Problem> {
    if !is_json(headers) {
        return Err(Problem::UnsupportedMediaType);
    }
    let compressed = is_gzip(headers)?;
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limits::BODY_BYTES as u64) {
        return Err(ON_THE_WIRE);
    }
    let collected = tokio::time::timeout(timeout.duration(), Limited::new(body, limits::BODY_BYTES).collect()).await;
    let bytes = match collected {
        Err(_) => return Err(Problem::RequestTimeout),
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(ON_THE_WIRE),
        // The client went away or broke the framing: nobody reads this answer.
        Ok(Err(_)) => return Err(Problem::RequestTimeout),
    };
    if compressed { decompressed(&bytes) } else { Ok(bytes) }
}

/// `sendBeacon` and `fetch` without a preflight send `text/plain`; the shop's server may send `application/json`.
fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("text/plain") || essence.eq_ignore_ascii_case("application/json")
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
fn decompressed(bytes: &[u8]) -> Result<Bytes, Problem> {
    let mut decoded = Vec::new();
    let mut capped = GzDecoder::new(bytes).take(limits::BODY_BYTES_DECOMPRESSED as u64 + 1);
    match capped.read_to_end(&mut decoded) {
        Err(_) => Err(Problem::UnsupportedEncoding),
        Ok(_) if decoded.len() > limits::BODY_BYTES_DECOMPRESSED => Err(DECOMPRESSED),
        Ok(_) => Ok(decoded.into()),
    }
}
