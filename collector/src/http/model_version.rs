//! `/v1/server/models/{version}` with the server key: one version, and its publication.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::model_answer::{self, ModelBody, ModelVersion, if_match, insert, tag};
use super::models::{SOMEBODY, named};
use super::{body, server_key};
use crate::app::App;
use crate::models::{self, Publishing, Shelf};
use crate::problem::Problem;

/// How a version is published.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Publication {
    /// Who publishes, as they call themselves, 1 to 100 bytes; `server key` when absent.
    by: Option<String>,
    /// Announce the stages that this changes like any other change; `false` when absent.
    #[serde(default)]
    notify: bool,
}

/// Reads one version.
#[utoipa::path(
    get,
    path = "/v1/server/models/{version}",
    tag = "private",
    summary = "One version of the model",
    description = "As JSON, or with `Accept: application/toml` as the text that was handed in; of a model that came as JSON, \
                   the TOML that says the same.",
    params(("version" = u32, Path, description = "Its number, from 1")),
    security(("server_key" = [])),
    responses(
        (status = 200, description = "The model, and what is known of the version", body = ModelBody),
        (status = 400, description = "No number", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = 401, description = "No server key, or a wrong one", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "No such version", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    )
)]
pub async fn get(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(version): Path<String>,
) -> Result<Response, Problem> {
    let site = server_key::site(&app, &headers)?;
    let number = number(&version)?;
    let shelf = Shelf::load(&*app.store, &site.name).await?;
    model_answer::answer(&shelf, shelf.edition(number)?, &headers)
}

/// Brings a version into force.
#[utoipa::path(
    post,
    path = "/v1/server/models/{version}/publish",
    tag = "private",
    summary = "Bring a version into force; an earlier one rolls back",
    description = "At once, and for the past too; the order of the heat list follows in the background. Stages that this \
                   changes are not announced unless `notify` is true. With `If-Match`, the `ETag` of `/v1/server/model`, only \
                   while that one is in force.",
    params(
        ("version" = u32, Path, description = "Its number, from 1"),
        ("If-Match" = Option<String>, Header, description = "Tags of the model in force, one of which must hold"),
    ),
    request_body(content = Publication),
    security(("server_key" = [])),
    responses(
        (status = 200, description = "It is in force; `ETag` is that of `/v1/server/model` now", body = ModelVersion),
        (status = 401, description = "No server key, or a wrong one", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "No such version", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = 409, description = "Somebody else publishes at the same moment", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = 412, description = "Another model is in force than `If-Match` says", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = "4XX", description = "Refused as a whole; permanent", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    )
)]
pub async fn publish(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(version): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let site = server_key::site(&app, &headers)?;
    let _room = app.server_in_flight.enter()?;
    let number = number(&version)?;
    let bytes = body::read(&app, &headers, body).await?;
    let malformed = |error: serde_json::Error| Problem::Envelope(wire::EnvelopeFault::Malformed(error.to_string()));
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(malformed)?;
    let Publication { by, notify } = serde_json::from_value(value)
        .map_err(|error| Problem::BadParameter(format!("{error}; allowed are by, text, and notify, true or false")))?;
    let by = named(by.as_deref().unwrap_or(SOMEBODY)).map_err(Problem::BadParameter)?;
    let known = if_match(&headers);
    models::publish(&app, &site, number, Publishing { by, notify, instead_of: known.as_deref() }).await?;
    let shelf = Shelf::load(&*app.store, &site.name).await?;
    let mut response = Json(ModelVersion::of(&shelf, shelf.edition(number)?)?).into_response();
    if let Some(seen) = shelf.seen() {
        insert(&mut response, header::ETAG, &tag(seen, false));
    }
    Ok(response)
}

fn number(version: &str) -> Result<u32, Problem> {
    let number = version.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| Problem::BadParameter("the version is no whole number from 1".to_owned()))
}
