//! `GET /v1/server/model` with the server key: the model in force.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::model_answer::{self, ModelBody};
use super::server_key;
use crate::app::App;
use crate::models::Shelf;
use crate::problem::Problem;

/// Reads the model in force.
#[utoipa::path(
    get,
    path = "/v1/server/model",
    tag = "private",
    summary = "The model in force",
    description = "As JSON, or with `Accept: application/toml` as the text that was handed in. `ETag` is what `If-Match` of a \
                   publication wants; `Content-Location` is the address of this version.",
    security(("server_key" = [])),
    responses(
        (status = 200, description = "The model, and what is known of its version", body = ModelBody),
        (status = 401, description = "No server key, or a wrong one", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    )
)]
pub async fn get(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Problem> {
    let site = server_key::site(&app, &headers)?;
    let shelf = Shelf::load(&*app.store, &site.name).await?;
    let (edition, _) = shelf.in_force().ok_or_else(|| Problem::NoSuchModel("no model is in force".to_owned()))?;
    model_answer::answer(&shelf, edition, &headers)
}
