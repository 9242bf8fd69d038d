//! `POST /v1/events`: events in, receipts out, and a decision if asked for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use wire::{Answer, EnvelopeFault, Receipt};

use super::{body, cors, sender};
use crate::accept::{self, Admission, Keep, Sender};
use crate::app::App;
use crate::decision;
use crate::erasure;
use crate::metric::Metric;
use crate::person;
use crate::problem::Problem;

/// Thirteen months: the longest that a regulator of ours has called proportionate (CNIL, 4 July 2025).
const COOKIE_SECONDS: u32 = 34_214_400;

/// Takes events.
#[utoipa::path(
    post,
    path = "/v1/events",
    tag = "public",
    summary = "Record events of a page",
    description = "Up to 50 events of one visitor, as text/plain (no preflight) or application/json, at most 64 KiB, gzip \
                   allowed. 200 whenever the envelope could be read: one receipt an event, in order. An accepted event is \
                   on the collector's disk.",
    request_body(content = wire::schema::EventsRequest),
    responses(
        (status = 200, description = "Receipts, and the decision if asked for", body = Answer),
        (status = "4XX", description = "Refused as a whole; permanent", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = 429, description = "Too many requests from this network; Retry-After says when",
            body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Nothing was stored; send again after Retry-After",
            body = crate::problem::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn post(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let sender = sender::sender(&app, peer, &headers);
    match answered(&app, &sender, &headers, body).await {
        Ok(response) => response,
        Err(problem) => cors::problem(&app, problem, sender.origin.as_deref()),
    }
}

async fn answered(app: &App, sender: &Sender, headers: &HeaderMap, body: Body) -> Result<Response, Problem> {
    // First the body: whoever sends it slowly holds up nobody.
    let bytes = body::read(app, headers, body).await?;
    let _room = app.events_in_flight.enter()?;
    let started = Instant::now();
    let mut admitted = match accept::admit(app, &bytes, sender)? {
        Admission::Granted(admitted) => admitted,
        Admission::Withdrawn { site, key, signed, events } => {
            if let Some(key) = key
                && (signed || !person::known(app, &key).await?.kept.lead.is_empty())
            {
                erasure::erase(app, &key).await?;
            }
            let answer = empty(vec![Receipt::Accepted { truncated: Vec::new() }; events]);
            let gone = Keep::Cookie { name: accept::cookie_name(&site), value: String::new() };
            return Ok(respond(&gone, sender, &answer));
        }
    };
    if !admitted.envelope.has_events {
        return Err(EnvelopeFault::Envelope("events is required, a list".to_owned()).into());
    }
    let asking = admitted.envelope.asking_page().cloned();
    let receipts = accept::accept(app, &mut admitted).await?;
    admitted.asks_from(asking);
    let decision = match admitted.envelope.decide.take() {
        None => None,
        // The events are stored: a decision that fails must not make the page send them again.
        Some(ask) => decision::decide(app, &mut admitted, &ask).await.inspect_err(log_failed_decision).ok(),
    };
    let id = match &admitted.keep {
        Keep::Answer(id) => Some(id.clone()),
        Keep::Nothing | Keep::Cookie { .. } => None,
    };
    let answer = Answer { v: 1, receipts, id, ignored: admitted.envelope.ignored, decision };
    let response = respond(&admitted.keep, sender, &answer);
    Metric::AnswerSeconds.labelled_seconds("events", started.elapsed());
    Ok(response)
}

fn log_failed_decision(problem: &Problem) {
    tracing::warn!(code = problem.code(), "events were stored, the decision asked for beside them failed");
}

fn empty(receipts: Vec<Receipt>) -> Answer {
    Answer { v: 1, receipts, id: None, ignored: 0, decision: None }
}

/// An answer that the page of this origin may read, with the cookie it asks for.
pub(crate) fn respond(keep: &Keep, sender: &Sender, answer: &impl serde::Serialize) -> Response {
    let mut response = Json(answer).into_response();
    let headers = response.headers_mut();
    cors::allow(headers, sender.origin.as_deref());
    if let Keep::Cookie { name, value } = keep {
        let age = if value.is_empty() { 0 } else { COOKIE_SECONDS };
        let cookie = format!("{name}={value}; Path=/; Max-Age={age}; Secure; HttpOnly; SameSite=Lax");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.insert(header::SET_COOKIE, cookie);
        }
    }
    response
}
