//! `POST /v1/server/coupons/verify` and `…/redeem` with the server key: what tills ask of codes.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use store::VisitorId;
use wire::{CouponAnswer, RedeemRequest, VerifyRequest};

use super::server_merge::somebody;
use super::{body, server_key};
use crate::app::App;
use crate::coupon::till;
use crate::metric::Metric;
use crate::problem::Problem;
use crate::site::Site;

/// Verifies a code.
#[utoipa::path(
    post,
    path = "/v1/server/coupons/verify",
    tag = "private",
    summary = "Is a coupon code good, and whose is it",
    description = "Codes of pools and signed ones. A signed code can also be verified without asking, which does not say whether \
                   it was used: see COUPONS.md. Nothing changes.",
    request_body(content = wire::schema::VerifyBody),
    security(("server_key" = [])),
    responses(
        (status = 200, description = "What is known of the code", body = CouponAnswer),
        (status = 401, description = "No server key, or a wrong one", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = "4XX", description = "Refused as a whole; permanent", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = 503, description = "Ask again after Retry-After", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    )
)]
pub async fn verify(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<CouponAnswer>, Problem> {
    // Before anything is read: who has no key costs nothing.
    let site = server_key::site(&app, &headers)?;
    let _room = app.server_in_flight.enter()?;
    let bytes = body::read(&app, &headers, body).await?;
    let started = Instant::now();
    let VerifyRequest { code, visitor, ignored } = VerifyRequest::parse(&bytes)?;
    Metric::FieldsIgnored.add(u64::from(ignored));
    let answer = till::verify(&app, &site, &code, whoever(&site, visitor.as_deref())?).await?;
    Metric::AnswerSeconds.labelled_seconds("server_coupons", started.elapsed());
    Ok(Json(CouponAnswer { ignored, ..answer }))
}

/// Redeems a code.
#[utoipa::path(
    post,
    path = "/v1/server/coupons/redeem",
    tag = "private",
    summary = "Use a coupon code for an order",
    description = "The first order of all has the code; it may ask again, and hears the same. Any other is told \
                   `already_redeemed`. With the `visitor` who orders, a code in other hands than its visitor's is told \
                   (`leaked`), and noted in the lead and the outbox (`coupon_leaked`).",
    request_body(content = wire::schema::RedeemBody),
    security(("server_key" = [])),
    responses(
        (status = 200, description = "Whether this order has the code", body = CouponAnswer),
        (status = 401, description = "No server key, or a wrong one", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = "4XX", description = "Refused as a whole; permanent", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = 503, description = "Ask again after Retry-After, with the same order",
            body = crate::problem::ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn redeem(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<CouponAnswer>, Problem> {
    let site = server_key::site(&app, &headers)?;
    let _room = app.server_in_flight.enter()?;
    let bytes = body::read(&app, &headers, body).await?;
    let started = Instant::now();
    let RedeemRequest { verify: VerifyRequest { code, visitor, ignored }, transaction } = RedeemRequest::parse(&bytes)?;
    Metric::FieldsIgnored.add(u64::from(ignored));
    let visitor = whoever(&site, visitor.as_deref())?;
    let answer = till::redeem(&app, &site, &code, &transaction, visitor).await?;
    Metric::AnswerSeconds.labelled_seconds("server_coupons", started.elapsed());
    Ok(Json(CouponAnswer { ignored, ..answer }))
}

fn whoever(site: &Site, visitor: Option<&str>) -> Result<Option<VisitorId>, Problem> {
    visitor.map(|visitor| somebody(site, visitor, "visitor")).transpose()
}
