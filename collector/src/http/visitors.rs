//! `/v1/visitors/{id}` with the server key: what is known of a visitor, and their erasure.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use engine::{Evaluation, Lead, Millis, Suspicion, Touch};
use serde::Serialize;
use store::{LeadKey, VisitorId};
use utoipa::ToSchema;

use super::server_key;
use crate::account::{self, LineAccount, NextStage, Why};
use crate::app::App;
use crate::coupon::redemption::{self, HeldCode};
use crate::erasure;
use crate::person::{self, Person};
use crate::problem::Problem;
use crate::refused::Refused;
use crate::site::Site;

/// A visitor, for the shop's own server.
#[derive(Debug, Serialize, ToSchema)]
pub struct VisitorBody {
    /// The visitor's id: where another one was asked for, that one was merged into this.
    pub id: String,
    /// Every other id of this person.
    pub merged: Vec<String>,
    /// Points as decimal text, rounded towards the lower stage.
    pub score: String,
    /// Name of the stage.
    pub stage: String,
    /// Since when, ms since 1970.
    pub since: i64,
    /// Why the stage is what it is.
    pub why: Why,
    /// The stage that follows if nothing happens, and when; absent: none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_stage: Option<NextStage>,
    /// Every score of the model, the one that makes the stage first.
    pub scores: Vec<ScoreBody>,
    /// The lines that the scores are the sums of.
    pub lines: Vec<LineAccount>,
    /// Events that count for nothing, since they may be no person's.
    pub held: Vec<HeldBody>,
    /// Interests.
    pub labels: Vec<String>,
    /// Whether nothing but browsers has told of the visitor: anybody who knows the write key could have made it up.
    pub browser_only: bool,
    /// Sessions so far.
    pub visits: u32,
    /// Distinct touches, for the rule of seven: a visit counts once for its channel, a mail or a call once for each visit.
    pub touchpoints: u32,
    /// The last event, ms since 1970.
    pub last_seen: Option<i64>,
    /// The last address typed into a form; nobody has confirmed it.
    pub unconfirmed_email: Option<String>,
    /// The last events that became no touch, newest first, 20 at most.
    pub refused: Vec<RefusedBody>,
    /// Coupon codes that the visitor was given, oldest first.
    pub codes: Vec<HeldCode>,
}

/// An event that became no touch. What was in it is not kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefusedBody {
    /// When it was received, ms since 1970.
    pub time: i64,
    /// The event's name, where it has one that may be kept.
    pub event: Option<String>,
    /// The code of its receipt, or the outcome `stale`, `conflict` or `over_limit`.
    pub code: String,
    /// The field that is wrong, inside the event.
    pub field: Option<String>,
}

impl From<&Refused> for RefusedBody {
    fn from(refused: &Refused) -> Self {
        let Refused { at, event, code, field, id: _ } = refused;
        Self { time: at.0, event: event.clone(), code: code.clone(), field: field.clone() }
    }
}

/// One score.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScoreBody {
    /// Its name in the model.
    pub name: String,
    /// Points, exact: the sum of the lines of this score.
    pub points: String,
}

/// An event that counts for nothing until there is evidence of a person.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeldBody {
    /// Its name.
    pub event: String,
    /// When it happened, ms since 1970.
    pub time: i64,
    /// `bot`, `prerender`, `scanner` or `unattested`.
    pub reason: String,
}

/// Reads a visitor.
#[utoipa::path(
    get,
    path = "/v1/visitors/{id}",
    tag = "private",
    summary = "What is known of a visitor",
    description = "By any id of the person: one that was merged into another gives the lead that goes on, whose `id` it is.",
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
    let person = person::known(&app, &key).await?;
    if person.kept.lead.is_empty() {
        return Err(Problem::NoSuchVisitor);
    }
    Ok(Json(described(&site, &person, app.clock.now())))
}

/// Erases a visitor.
#[utoipa::path(
    delete,
    path = "/v1/visitors/{id}",
    tag = "private",
    summary = "Erase a visitor",
    description = "At once unreadable through every interface; within a minute the bytes are gone from store and log. \
                   Every id of the person is retired: who still sends one is a new visitor. Erasing who is not there is no error.",
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
        site.identities.verify(id).ok_or_else(unsigned)?.visitor
    } else {
        VisitorId::parse(id).map_err(|error| Problem::BadParameter(error.to_string()))?
    };
    let key = LeadKey::new(site.name.clone(), visitor);
    Ok((site, key))
}

fn held(lead: &Lead, evaluation: &Evaluation) -> Vec<HeldBody> {
    let held = evaluation.quarantined.iter().filter_map(|(id, why)| Some((lead.touch(id)?, why)));
    let body = |(touch, why): (&Touch, &Suspicion)| HeldBody {
        event: touch.name.to_string(),
        time: touch.time.0,
        reason: why.name().to_owned(),
    };
    held.map(body).collect()
}

/// A person as they are at `now`.
pub(super) fn described(site: &Site, person: &Person, now: Millis) -> VisitorBody {
    let model = &*site.model();
    let Person { key, kept } = person;
    let lead = &kept.lead;
    let evaluation = engine::evaluate(lead, model, now);
    let name = |score: usize| model.scores.get(score).map_or_else(String::new, |score| score.name.clone());
    VisitorBody {
        id: key.visitor.to_string(),
        merged: kept.sources.iter().map(ToString::to_string).collect(),
        score: evaluation.score.shown(),
        stage: evaluation.stage_name.clone(),
        since: evaluation.since.0,
        why: account::why(lead, model, &evaluation.why),
        next_stage: account::next_stage(lead, model, now),
        scores: evaluation
            .scores
            .iter()
            .enumerate()
            .map(|(number, points)| ScoreBody { name: name(number), points: points.to_string() })
            .collect(),
        lines: account::lines(lead, model, &evaluation),
        held: held(lead, &evaluation),
        labels: evaluation.labels.iter().map(|held| held.label.to_string()).collect(),
        browser_only: evaluation.browser_only,
        visits: evaluation.visits,
        touchpoints: evaluation.touchpoints,
        last_seen: evaluation.last_seen.map(|at| at.0),
        unconfirmed_email: kept.email.as_ref().map(|email| email.address.clone()),
        refused: kept.refused.iter().rev().map(RefusedBody::from).collect(),
        codes: redemption::held_codes(lead, &evaluation),
    }
}
