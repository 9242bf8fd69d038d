//! `POST /v1/server/events` with the server key: mails, calls and orders in, receipts out.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use wire::ServerAnswer;

use super::{body, server_key};
use crate::accept;
use crate::app::App;
use crate::metric::Metric;
use crate::problem::Problem;

/// Takes events of the shop's server.
#[utoipa::path(
    post,
    path = "/v1/server/events",
    tag = "private",
    summary = "Record events that the shop's server knows of",
    description = "Mails, calls, orders: up to 50 events of any visitors, at most 64 KiB, gzip allowed. 200 whenever the \
                   body could be read: one receipt an event, in order. An accepted event is on the collector's disk.",
    request_body(content = wire::schema::ServerEventsRequest),
    security(("server_key" = [])),
    responses(
        (status = 200, description = "Receipts", body = ServerAnswer),
        (status = 401, description = "No server key, or a wrong one", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = "4XX", description = "Refused as a whole; permanent", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = 503, description = "Send the whole request again after Retry-After",
            body = crate::problem::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn post(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Json<ServerAnswer>, Problem> {
    // Before anything is read: who has no key costs nothing.
    let site = server_key::site(&app, &headers)?;
    let _room = app.server_in_flight.enter()?;
    let bytes = body::read(&app, &headers, body).await?;
    let started = Instant::now();
    let answer = accept::accept_server(&app, &site, &bytes).await?;
    Metric::AnswerSeconds.labelled_seconds("server_events", started.elapsed());
    Ok(Json(answer))
}
