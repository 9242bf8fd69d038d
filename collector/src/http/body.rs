//! Reading a body: the right type, one layer of gzip at most, never more than the limits, never longer than the timeout.

use std::io::Read as _;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use flate2::read::GzDecoder;
use http_body_util::BodyExt as _;
use wire::limits;

use crate::app::App;
use crate::limits::{BodyRoom, Occupied};
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
/// `unsupported_media_type`, `unsupported_encoding`, `body_too_large`, `request_timeout`, `overloaded`.
pub async fn read(app: &App, headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    read_as(app, &JSON, headers, body).await
}

/// Reads a request's body, of the types and within the limits of its address.
///
/// # Errors
/// As [`read`].
pub async fn read_as(app: &App, taken: &Taken, headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
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
    let collecting = collect(body, limit, &app.body_room);
    let collected = tokio::time::timeout(app.config.body_timeout.duration(), collecting).await;
    // The room is held until the body is unpacked too.
    let (bytes, _room) = match collected {
        Ok(Ok(collected)) => collected,
        Ok(Err(Uncollected::TooLarge)) => return Err(too_large()),
        Ok(Err(Uncollected::NoRoom)) => return Err(Problem::Overloaded),
        // It is late, or the client went away or broke the framing, and nobody reads this answer.
        Err(_) | Ok(Err(Uncollected::Broken)) => return Err(Problem::RequestTimeout),
    };
    if compressed { decompressed(&bytes, decompressed_limit) } else { Ok(bytes) }
}

/// Why a body did not come whole.
enum Uncollected {
    TooLarge,
    NoRoom,
    Broken,
}

/// All of a body, with the room that it takes.
async fn collect(mut body: Body, limit: usize, room: &BodyRoom) -> Result<(Bytes, Occupied), Uncollected> {
    let mut collected = BytesMut::new();
    let mut occupied = room.enter();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Uncollected::Broken)?.into_data() else { continue };
        let length = collected.len() + data.len();
        if length > limit {
            return Err(Uncollected::TooLarge);
        }
        if !occupied.holds(length) {
            return Err(Uncollected::NoRoom);
        }
        collected.extend_from_slice(&data);
    }
    Ok((collected.freeze(), occupied))
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
