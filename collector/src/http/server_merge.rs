//! `POST /v1/server/merge` with the server key: two visitors are one person.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use store::{LeadKey, VisitorId};
use wire::{EnvelopeFault, MergeRequest, Whom};

use super::visitors::{VisitorBody, described};
use super::{body, server_key};
use crate::accept;
use crate::app::App;
use crate::log_record::MergeGround;
use crate::metric::Metric;
use crate::person::{self, MOST_IDS, Person};
use crate::problem::Problem;
use crate::site::Site;

/// Merges two visitors.
#[utoipa::path(
    post,
    path = "/v1/server/merge",
    tag = "private",
    summary = "Say that a visitor is a person, or another visitor",
    description = "The lead of `visitor` is joined into that of `person`, or of the visitor `into`; whatever comes for it later \
                   goes there too, and the page gets the new id with its next answer. Can be repeated. With `person`, a \
                   visitor who is another person already is refused; with `into`, whoever they are, they become one, and \
                   nothing parts them again.",
    request_body(content = wire::schema::MergeBody),
    security(("server_key" = [])),
    responses(
        (status = 200, description = "The person, as every decision sees them from now on", body = VisitorBody),
        (status = 401, description = "No server key, or a wrong one", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "No such visitor, or one of the two was erased", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = 409, description = "The visitor is another person already, or the person has too many ids",
            body = crate::problem::ProblemBody, content_type = "application/problem+json"),
        (status = "4XX", description = "Refused as a whole; permanent", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = 503, description = "Nothing has changed; send again after Retry-After",
            body = crate::problem::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn post(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Json<VisitorBody>, Problem> {
    // Before anything is read: who has no key costs nothing.
    let site = server_key::site(&app, &headers)?;
    let _room = app.server_in_flight.enter()?;
    let bytes = body::read(&app, &headers, body).await?;
    let started = Instant::now();
    let MergeRequest { visitor, into, ignored } = MergeRequest::parse(&bytes)?;
    Metric::FieldsIgnored.add(u64::from(ignored));
    let from = somebody(&site, &visitor, "visitor")?;
    let (into, ground) = match &into {
        Whom::Person(person) => (site.identities.of_person(person), MergeGround::Person),
        Whom::Visitor(text) => (somebody(&site, text, "into")?, MergeGround::Visitors),
    };
    let [from, into] = [from, into].map(|visitor| LeadKey::new(site.name.clone(), visitor));
    merge(&app, &from, &into, ground).await?;
    let person = person::known(&app, &into).await?;
    Metric::AnswerSeconds.labelled_seconds("server_merge", started.elapsed());
    Ok(Json(described(&site, &person, app.clock.now())))
}

async fn merge(app: &App, from: &LeadKey, into: &LeadKey, ground: MergeGround) -> Result<(), Problem> {
    if app.erased.contains(from) || app.erased.contains(into) {
        return Err(Problem::NoSuchVisitor);
    }
    // One at a time: two people must not both find that a visitor is nobody yet.
    let _alone = app.deciding.enter(from).await;
    let (source, target) = (person::known(app, from).await?, person::known(app, into).await?);
    if source.kept.lead.is_empty() || (ground == MergeGround::Visitors && target.kept.lead.is_empty()) {
        return Err(Problem::NoSuchVisitor);
    }
    if source.key == target.key && (ground == MergeGround::Visitors || target.kept.person) {
        return Ok(());
    }
    if source.key != target.key {
        may_become(&source, &target, ground)?;
    }
    if accept::merge(app, from, into, ground).await? { Ok(()) } else { Err(Problem::NoSuchVisitor) }
}

/// What applying the merge would refuse is said now.
fn may_become(source: &Person, target: &Person, ground: MergeGround) -> Result<(), Problem> {
    if ground == MergeGround::Person && source.kept.person {
        return Err(Problem::OtherPerson);
    }
    if source.kept.sources.len() + target.kept.sources.len() + 2 > MOST_IDS {
        return Err(Problem::TooManyIds);
    }
    Ok(())
}

/// A bare id is good enough here: who has the server key can read and erase by it too.
pub(super) fn somebody(site: &Site, text: &str, field: &str) -> Result<VisitorId, Problem> {
    let signed = site.identities.verify(text).map(|(visitor, _)| visitor);
    signed.or_else(|| VisitorId::parse(text).ok()).ok_or_else(|| {
        let detail = format!("{field} is neither a signed id of this site nor a visitor's id");
        EnvelopeFault::Envelope(detail).into()
    })
}
