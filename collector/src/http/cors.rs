//! Cross-origin answers. Each site has its own origins, and the site stands in the body: so the handler, not a layer,
//! says which origin may read the answer. Credentials are allowed, so the origin is always named and never `*`.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

use crate::app::App;
use crate::problem::Problem;

/// A browser may remember a preflight's answer so long, in seconds.
const MAX_AGE: u32 = 3600;

/// Lets the page of this origin read the answer. `allowed` must have checked it.
pub(crate) fn allow(headers: &mut HeaderMap, origin: Option<&str>) {
    headers.append(header::VARY, HeaderValue::from_name(header::ORIGIN));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let Some(origin) = origin.and_then(|origin| HeaderValue::from_str(origin).ok()) else { return };
    // Sizes and times of these answers, for the page's own measurements.
    headers.insert("timing-allow-origin", origin.clone());
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_name(header::RETRY_AFTER));
}

/// Answers with a problem that the page can read, when its origin is one of ours.
pub(crate) fn problem(app: &App, problem: Problem, origin: Option<&str>) -> Response {
    let mut response = problem.into_response();
    allow(response.headers_mut(), origin.filter(|origin| app.sites.any_allows_origin(origin)));
    response
}

/// `OPTIONS` of an address that takes bodies.
pub async fn preflight(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok());
    if !origin.is_some_and(|origin| app.sites.any_allows_origin(origin)) {
        return problem(&app, Problem::OriginNotAllowed, None);
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    allow(headers, origin);
    let fixed: [(HeaderName, HeaderValue); 3] = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST")),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type, content-encoding")),
        (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from(MAX_AGE)),
    ];
    headers.extend(fixed);
    response
}
