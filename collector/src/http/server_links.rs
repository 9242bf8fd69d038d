//! `POST /v1/server/links` with the server key: makes signed links for mails.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use engine::{Millis, Span};
use url::Url;
use wire::{EnvelopeFault, LinkAnswer, LinkRequest, limits, names};

use super::{body, server_key};
use crate::app::App;
use crate::link::Link;
use crate::metric::Metric;
use crate::problem::Problem;
use crate::site::Site;

/// For how long a link is good when nobody says.
const VALID_FOR: Span = Span::days(30);
/// The shortest time for which one can be.
const SHORTEST: Span = Span::minutes(1);

/// Makes a link.
#[utoipa::path(
    post,
    path = "/v1/server/links",
    tag = "private",
    summary = "Make a signed link for a mail",
    description = "A page of the shop that is opened with `gloed_link=<token>` in its address gives its visitor the labels, and \
                   with `merge` joins them into the person's lead. Whoever has the link can open it: `merge` is for mails \
                   that are one person's own business and are not passed on. Nothing is stored.",
    request_body(content = wire::schema::LinkBody),
    security(("server_key" = [])),
    responses(
        (status = 200, description = "The token", body = LinkAnswer),
        (status = 401, description = "No server key, or a wrong one", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = "4XX", description = "Refused as a whole; permanent", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    )
)]
pub async fn post(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Json<LinkAnswer>, Problem> {
    let site = server_key::site(&app, &headers)?;
    let _room = app.server_in_flight.enter()?;
    let bytes = body::read(&app, &headers, body).await?;
    let LinkRequest { person, labels, merge, valid_for, url, ignored } = LinkRequest::parse(&bytes)?;
    Metric::FieldsIgnored.add(u64::from(ignored));
    let expires = app.clock.now() + span(valid_for.as_deref())?;
    let link = Link { person: site.identities.of_person(&person), expires, merge, labels };
    let token = link.token(&site.identities).map_err(|error| Problem::Internal(error.to_string()))?;
    let url = url.map(|url| with_token(&site, &url, &token)).transpose()?;
    let Millis(expires) = expires;
    Ok(Json(LinkAnswer { v: 1, token, url, expires, ignored }))
}

fn span(text: Option<&str>) -> Result<Span, Problem> {
    let Some(text) = text else { return Ok(VALID_FOR) };
    let span = Span::parse(text).map_err(|error| fault(format!("valid_for: {error}")))?;
    if (SHORTEST..=Span::days(limits::LINK_DAYS)).contains(&span) {
        return Ok(span);
    }
    Err(fault(format!("valid_for is {text}; allowed is {SHORTEST} to {}d", limits::LINK_DAYS)))
}

/// The address with the token in it. Of this site's own pages only: nobody else is to have it, and nobody else reads it.
fn with_token(site: &Site, text: &str, token: &str) -> Result<String, Problem> {
    let mut url = Url::parse(text).map_err(|error| fault(format!("url: {error}")))?;
    if !site.allows_origin(&url.origin().ascii_serialization()) {
        return Err(fault("url is not of one of the site's origins"));
    }
    let others: Vec<(String, String)> =
        url.query_pairs().into_owned().filter(|(name, _)| name != names::LINK_PARAMETER).collect();
    url.query_pairs_mut().clear().extend_pairs(others).append_pair(names::LINK_PARAMETER, token);
    if url.as_str().len() > limits::URL_BYTES {
        return Err(fault(format!(
            "url has {} bytes with the token; allowed are {}",
            url.as_str().len(),
            limits::URL_BYTES
        )));
    }
    Ok(url.into())
}

fn fault(detail: impl Into<String>) -> Problem {
    EnvelopeFault::Envelope(detail.into()).into()
}
