//! `POST /v1/server/explain` with the server key: why each offer is shown to a visitor or not, and what would show it.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use store::LeadKey;
use wire::{ExplainAnswer, ExplainRequest, Whom};

use super::server_merge::somebody;
use super::{body, server_key};
use crate::accept::Address;
use crate::app::App;
use crate::decision::moment;
use crate::explain;
use crate::metric::Metric;
use crate::person;
use crate::problem::Problem;

/// Explains.
#[utoipa::path(
    post,
    path = "/v1/server/explain",
    tag = "private",
    summary = "Why each offer is shown to a visitor or not, and what would show it",
    description = "As a decision of this page would find it now. Of each offer that is not shown: the reason, and the smallest set of \
                   changes that would show it. Reserves and counts nothing.",
    request_body(content = wire::schema::ExplainBody),
    security(("server_key" = [])),
    responses(
        (status = 200, description = "Every offer of the model", body = ExplainAnswer),
        (status = 401, description = "No server key, or a wrong one", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "No such visitor", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = "4XX", description = "Refused as a whole; permanent", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    )
)]
pub async fn post(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Json<ExplainAnswer>, Problem> {
    let site = server_key::site(&app, &headers)?;
    let _room = app.server_in_flight.enter()?;
    let bytes = body::read(&app, &headers, body).await?;
    let started = Instant::now();
    let ExplainRequest { whom, page, ask, ignored } = ExplainRequest::parse(&bytes)?;
    Metric::FieldsIgnored.add(u64::from(ignored));
    let visitor = match &whom {
        Whom::Person(person) => site.identities.of_person(person),
        Whom::Visitor(text) => somebody(&site, text, "visitor")?,
    };
    let person = person::known(&app, &LeadKey::new(site.name.clone(), visitor)).await?;
    if person.kept.lead.is_empty() {
        return Err(Problem::NoSuchVisitor);
    }
    let language = page.as_ref().and_then(|page| page.language.clone());
    let moment = moment(Address::of(page.as_ref(), &site).page, language, None, &ask, true);
    let answer = explain::explain(&app, &site, person, moment).await?;
    Metric::AnswerSeconds.labelled_seconds("server_explain", started.elapsed());
    Ok(Json(ExplainAnswer { ignored, ..answer }))
}
