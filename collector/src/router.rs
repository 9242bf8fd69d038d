//! All routes, layers and limits, in one place.
//!
//! **Order of a public request**, outermost first:
//!
//! 1. connection cap and header read timeout (`serve.rs`, `connections.rs`: before there is a request)
//! 2. panic guard: a fault of ours answers 500, and the process lives
//! 3. response headers that hold everywhere
//! 4. the route; an unknown one is 404, a known one with another method 405
//! 5. in the handler: body type and encoding (415), timeout (408), size (413) and room (503) → requests in flight (503) →
//!    JSON (400) → site (404) → rate (429) → origin (403) → consent (403) → new visitors of the site (429)
//!
//! A private request with a body comes with the server key, which is looked at before anything is read: key (401) →
//! requests in flight (503) → the rest of the body as above → JSON (400).
//!
//! A model that is handed in may have 512 KiB, and is TOML or JSON (415); one with faults is 422.
//!
//! Sizes, timeouts and flight are checked in `http::body` and the handlers rather than in layers, since a layer cannot
//! answer with CORS headers of a site that stands in the body; `tests/system/refusals.rs` tries every limit on every route.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::app::App;
use crate::http::{
    cors, decide, events, experiments, health, model, model_schema, model_version, models, openapi, outbox,
    server_coupons, server_events, server_explain, server_links, server_merge, snippet, visitors,
};
use crate::pages;
use crate::problem::Problem;

/// What browsers reach.
pub fn public(app: Arc<App>) -> Router {
    let routes = Router::new()
        .route("/v1/events", post(events::post).options(cors::preflight))
        .route("/v1/decide", post(decide::post).options(cors::preflight))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/{file}", get(snippet::get));
    finish(routes, app)
}

/// What the shop's server and its people reach.
pub fn private(app: Arc<App>) -> Router {
    let routes = Router::new()
        .route("/v1/visitors/{id}", get(visitors::get).delete(visitors::delete))
        .route("/v1/server/events", post(server_events::post))
        .route("/v1/server/merge", post(server_merge::post))
        .route("/v1/server/links", post(server_links::post))
        .route("/v1/server/coupons/verify", post(server_coupons::verify))
        .route("/v1/server/coupons/redeem", post(server_coupons::redeem))
        .route("/v1/server/explain", post(server_explain::post))
        .route("/v1/server/experiments", get(experiments::get))
        .route("/v1/server/outbox", get(outbox::get))
        .route("/v1/server/outbox/acknowledge", post(outbox::acknowledge))
        .route("/v1/server/model", get(model::get))
        .route("/v1/server/models", get(models::get).post(models::post))
        .route("/v1/server/models/check", post(models::check))
        .route("/v1/server/models/{version}", get(model_version::get))
        .route("/v1/server/models/{version}/publish", post(model_version::publish))
        .route("/v1/model.schema.json", get(model_schema::get))
        .route("/openapi.json", get(openapi::document))
        .route("/openapi", get(openapi::page))
        .route("/metrics", get(health::metrics))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .merge(pages::routes(&app));
    finish(routes, app).layer(header_layer(
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ))
}

fn finish(routes: Router<Arc<App>>, app: Arc<App>) -> Router {
    routes
        .fallback(|| async { Problem::NotFound })
        .method_not_allowed_fallback(|| async { Problem::MethodNotAllowed })
        .with_state(app)
        // Outermost first, and as one: each layer of a router of its own costs every request an allocation or two.
        .layer((
            CatchPanicLayer::custom(panicked),
            header_layer(header::REFERRER_POLICY, "same-origin"),
            header_layer(header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ))
}

fn header_layer(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

fn panicked(cause: Box<dyn std::any::Any + Send>) -> Response {
    let text = cause.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| cause.downcast_ref::<String>().cloned());
    Problem::Internal(format!("panic: {}", text.unwrap_or_default())).into_response()
}
