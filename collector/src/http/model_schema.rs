//! `GET /v1/model.schema.json`: what a model may hold, for editors and for whoever writes models as JSON.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

/// The same file that the documents name.
pub const MODEL_SCHEMA: &str = include_str!("../../docs/model.schema.json");

/// Reads the schema.
#[utoipa::path(
    get,
    path = "/v1/model.schema.json",
    tag = "private",
    summary = "The JSON Schema of a model",
    description = "Of JSON and of TOML alike; it is the same for every site, so it needs no key.",
    responses((status = 200, description = "The schema", body = Object, content_type = "application/schema+json"))
)]
pub async fn get() -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/schema+json"))], MODEL_SCHEMA).into_response()
}
