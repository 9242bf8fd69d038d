//! `/v1/visitors/{id}` with the server key: what is known of a visitor, and their erasure.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use engine::{Evaluation, Model};
use serde::Serialize;
use store::{LeadKey, VisitorId};
use utoipa::ToSchema;

use super::server_key;
use crate::app::App;
use crate::decision;
use crate::erasure;
use crate::problem::Problem;
use crate::site::Site;

/// A visitor, for the shop's own server.
#[derive(Debug, Serialize, ToSchema)]
pub struct VisitorBody {
    /// The visitor's id.
    pub id: String,
    /// Points as decimal text, rounded towards the lower stage.
    pub score: String,
    /// Name of the stage.
    pub stage: String,
    /// Since when, ms since 1970.
    pub since: i64,
    /// Every score of the model, the one that makes the stage first.
    pub scores: Vec<ScoreBody>,
    /// The lines that the scores are the sums of.
    pub lines: Vec<LineBody>,
    /// Interests.
    pub labels: Vec<String>,
    /// Sessions so far.
    pub visits: u32,
    /// Distinct touches, for the rule of seven: a visit counts once for its channel, a mail or a call once for each visit.
    pub touchpoints: u32,
    /// The last event, ms since 1970.
    pub last_seen: Option<i64>,
    /// The last address typed into a form; nobody has confirmed it.
    pub unconfirmed_email: Option<String>,
}

/// One score.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScoreBody {
    /// Its name in the model.
    pub name: String,
    /// Points, exact: the sum of the lines of this score.
    pub points: String,
}

/// One line of an explanation.
#[derive(Debug, Serialize, ToSchema)]
pub struct LineBody {
    /// The rule's id.
    pub rule: Option<String>,
    /// The name of the score that it counts for.
    pub score: String,
    /// In words.
    pub title: String,
    /// When, ms since 1970.
    pub time: i64,
    /// Points when it happened, exact.
    pub points_then: String,
    /// Points left now, exact: these add up to the score.
    pub points_now: String,
    /// When the points change next, ms since 1970.
    pub next_change: Option<i64>,
}

/// Reads a visitor.
#[utoipa::path(
    get,
    path = "/v1/visitors/{id}",
    tag = "private",
    summary = "What is known of a visitor",
    params(("id" = String, Path, description = "The visitor's id, 22 characters, or its signed form")),
    security(("server_key" = [])),
    responses(
        (status = 200, description = "Score, stage and explanation", body = VisitorBody),
        (status = 401, description = "No server key, or a wrong one", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "No such visitor", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    )
)]
pub async fn get(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Json<VisitorBody>, Problem> {
    let (site, key) = addressed(&app, &headers, &id)?;
    let kept = decision::lead(&app, &key).await?;
    if kept.lead.is_empty() {
        return Err(Problem::NoSuchVisitor);
    }
    let model = site.model();
    let evaluation = engine::evaluate(&kept.lead, &model, app.clock.now());
    Ok(Json(described(key.visitor.to_string(), &evaluation, &model, kept.email.map(|email| email.address))))
}

/// Erases a visitor.
#[utoipa::path(
    delete,
    path = "/v1/visitors/{id}",
    tag = "private",
    summary = "Erase a visitor",
    description = "At once unreadable through every interface; within a minute the bytes are gone from store and log. \
                   The id is retired: who still sends it is a new visitor. Erasing who is not there is no error.",
    params(("id" = String, Path, description = "The visitor's id, 22 characters, or its signed form")),
    security(("server_key" = [])),
    responses(
        (status = 204, description = "Erased"),
        (status = 401, description = "No server key, or a wrong one", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    )
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let (_, key) = addressed(&app, &headers, &id)?;
    erasure::erase(&app, &key).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The site is the server key's: no key reaches another site's visitors. An id may come as the page and the cookie have
/// it, `g1.<id>.<signature>`, if this site signed it.
fn addressed(app: &App, headers: &HeaderMap, id: &str) -> Result<(Arc<Site>, LeadKey), Problem> {
    let site = server_key::site(app, headers)?;
    let visitor = if id.contains('.') {
        let unsigned = || Problem::BadParameter("the id is signed, but not by this site".to_owned());
        site.identities.verify(id).ok_or_else(unsigned)?
    } else {
        VisitorId::parse(id).map_err(|error| Problem::BadParameter(error.to_string()))?
    };
    let key = LeadKey::new(site.name.clone(), visitor);
    Ok((site, key))
}

fn described(id: String, evaluation: &Evaluation, model: &Model, unconfirmed_email: Option<String>) -> VisitorBody {
    let name = |score: usize| model.scores.get(score).map_or_else(String::new, |score| score.name.clone());
    let lines = evaluation.lines.iter().map(|line| LineBody {
        rule: line.rule.as_ref().map(ToString::to_string),
        score: name(line.score),
        title: line.title.to_string(),
        time: line.time.0,
        points_then: line.points_then.to_string(),
        points_now: line.points_now.to_string(),
        next_change: line.next_change.map(|(at, _)| at.0),
    });
    VisitorBody {
        id,
        score: evaluation.score.shown(),
        stage: evaluation.stage_name.clone(),
        since: evaluation.since.0,
        scores: evaluation
            .scores
            .iter()
            .enumerate()
            .map(|(number, points)| ScoreBody { name: name(number), points: points.to_string() })
            .collect(),
        lines: lines.collect(),
        labels: evaluation.labels.iter().map(|held| held.label.to_string()).collect(),
        visits: evaluation.visits,
        touchpoints: evaluation.touchpoints,
        last_seen: evaluation.last_seen.map(|at| at.0),
        unconfirmed_email,
    }
}
