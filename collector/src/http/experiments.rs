//! `GET /v1/server/experiments` with the server key: what each offer brings.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use utoipa::IntoParams;

use super::server_key;
use crate::app::App;
use crate::problem::Problem;
use crate::reports;
use crate::study::ExperimentsReport;

/// How far back where nobody says.
pub(crate) const SINCE: engine::Span = engine::Span::days(90);

/// Of when.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Period {
    /// Visitors who first met an offer within this time, such as `30d`; `90d` when absent.
    since: Option<String>,
}

/// Works through every lead of the site.
#[utoipa::path(
    get,
    path = "/v1/server/experiments",
    tag = "private",
    summary = "What each offer brings",
    description = "Beside those who would have seen it and did not. Visitors count once the model's window is over since they \
                   met the offer. Works through every lead of the site: ask for it now and then, not for every page.",
    params(Period),
    security(("server_key" = [])),
    responses(
        (status = 200, description = "The report", body = ExperimentsReport),
        (status = 400, description = "A parameter is not what it should be", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = 401, description = "No server key, or a wrong one", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = 503, description = "The store is away", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    )
)]
pub async fn get(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    period: Result<Query<Period>, QueryRejection>,
) -> Result<Json<ExperimentsReport>, Problem> {
    let site = server_key::site(&app, &headers)?;
    let _room = app.server_in_flight.enter()?;
    let Query(period) = period.map_err(|error| Problem::BadParameter(error.body_text()))?;
    let since = period.since.as_deref().map_or(Ok(SINCE), engine::Span::parse);
    let since = since.map_err(|error| Problem::BadParameter(format!("since: {error}")))?;
    Ok(Json(reports::experiments(&app, &site, since).await?))
}
