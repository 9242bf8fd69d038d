//! `POST /v1/decide`: what a visitor sees now.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::response::Response;
use wire::{DecisionAnswer, EnvelopeFault};

use super::{body, cors, events, sender};
use crate::accept::{self, Admission, Keep, Sender};
use crate::app::App;
use crate::decision;
use crate::metric::Metric;
use crate::problem::Problem;

/// Decides.
#[utoipa::path(
    post,
    path = "/v1/decide",
    tag = "public",
    summary = "Ask what to show now",
    description = "Sees every event that this collector has acknowledged. At most one offer a slot, each with its reasons. \
                   What it shows is reserved for this visitor until the page ends or 30 minutes have passed.",
    request_body(content = wire::schema::DecideRequest),
    responses(
        (status = 200, description = "The decision; no offers is an ordinary answer", body = DecisionAnswer),
        (status = "4XX", description = "Refused; permanent", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = 429, description = "Too many requests from this network; Retry-After says when",
            body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "No decision now: show nothing", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
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
    let _room = app.decisions_in_flight.enter()?;
    let started = Instant::now();
    let Admission::Granted(mut admitted) = accept::admit(app, &bytes, sender)? else {
        return Err(Problem::ConsentMissing("consent.state must be granted"));
    };
    let ask = admitted.envelope.decide.take();
    let ask = ask.ok_or_else(|| EnvelopeFault::Envelope("decide is required, an object".to_owned()))?;
    if !admitted.envelope.events.is_empty() {
        return Err(
            EnvelopeFault::Envelope("events are sent to /v1/events, which may ask for a decision".to_owned()).into()
        );
    }
    let mut answer = decision::decide(app, &mut admitted, &ask).await?;
    if let Keep::Answer(id) = &admitted.keep {
        answer.id = Some(id.clone());
    }
    let response = events::respond(&admitted.keep, sender, &answer);
    Metric::AnswerSeconds.labelled_seconds("decide", started.elapsed());
    Ok(response)
}
