//! `/v1/server/outbox` with the server key: what happened to leads, for whoever delivers it.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use store::OutboxId;
use utoipa::{IntoParams, ToSchema};

use super::{body, server_key};
use crate::app::App;
use crate::outbox::{self, OutboxPage};
use crate::problem::Problem;

/// What part of the outbox is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// Only messages behind this `outbox_id`.
    after: Option<String>,
    /// At most so many, 1 to 1,000; 100 when absent.
    limit: Option<usize>,
}

/// Messages that were delivered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Delivered {
    /// Their `outbox_id`s, at most 1,000.
    ids: Vec<String>,
}

/// What an acknowledgement did.
#[derive(Debug, Serialize, ToSchema)]
pub struct Acknowledged {
    /// Messages that left the outbox; fewer than were named when some had left before.
    acknowledged: usize,
}

/// Reads the outbox.
#[utoipa::path(
    get,
    path = "/v1/server/outbox",
    tag = "private",
    summary = "Messages that wait for delivery",
    description = "Of this site, oldest first. They wait until they are acknowledged, at most seven days. A message may \
                   come twice with one `id` when a store was lost: whoever receives it drops the second.",
    params(Wanted),
    security(("server_key" = [])),
    responses(
        (status = 200, description = "Messages", body = OutboxPage),
        (status = 400, description = "A parameter is not what it should be", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = 401, description = "No server key, or a wrong one", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    )
)]
pub async fn get(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<OutboxPage>, Problem> {
    let site = server_key::site(&app, &headers)?;
    let Query(wanted) = wanted.map_err(|error| Problem::BadParameter(error.body_text()))?;
    let after = wanted.after.as_deref().map(id).transpose()?;
    let limit = wanted.limit.unwrap_or(outbox::LIMIT);
    if !(1..=outbox::MOST).contains(&limit) {
        return Err(Problem::BadParameter(format!("limit is {limit}; allowed is 1 to {}", outbox::MOST)));
    }
    let page = outbox::read(&app, Some(&site.name), after, limit).await.map_err(Problem::StoreUnavailable)?;
    Ok(Json(page))
}

/// Takes delivered messages out of the outbox.
#[utoipa::path(
    post,
    path = "/v1/server/outbox/acknowledge",
    tag = "private",
    summary = "Take delivered messages out of the outbox",
    description = "Can be repeated. Messages of another site are passed over, as are those that have left already.",
    request_body(content = Delivered),
    security(("server_key" = [])),
    responses(
        (status = 200, description = "How many left", body = Acknowledged),
        (status = "4XX", description = "Refused as a whole; permanent", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = 401, description = "No server key, or a wrong one", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    )
)]
pub async fn acknowledge(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Acknowledged>, Problem> {
    let site = server_key::site(&app, &headers)?;
    let _room = app.server_in_flight.enter()?;
    let bytes = body::read(&app, &headers, body).await?;
    let malformed = |error: serde_json::Error| Problem::Envelope(wire::EnvelopeFault::Malformed(error.to_string()));
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(malformed)?;
    let Delivered { ids } = serde_json::from_value(value)
        .map_err(|error| Problem::BadParameter(format!("{error}; allowed is ids, a list")))?;
    if ids.len() > outbox::MOST {
        return Err(Problem::BadParameter(format!("{} ids; allowed are at most {}", ids.len(), outbox::MOST)));
    }
    let ids: Vec<OutboxId> = ids.iter().map(|text| id(text)).collect::<Result<_, _>>()?;
    let acknowledged = outbox::acknowledge(&app, &site.name, &ids).await.map_err(Problem::StoreUnavailable)?;
    Ok(Json(Acknowledged { acknowledged }))
}

fn id(text: &str) -> Result<OutboxId, Problem> {
    outbox::parse_id(text).map_err(Problem::BadParameter)
}
