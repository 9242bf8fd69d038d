//! Alive, ready, and measured.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::fleet::{ClockState, Standing};
use crate::log_watch;

/// How long `/readyz` waits for the store's answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// What `/readyz` says.
#[derive(Debug, Serialize, ToSchema)]
pub struct Readiness {
    /// Whether requests should be sent here.
    pub ready: bool,
    /// `ok`, or why the log takes no events.
    pub log: &'static str,
    /// `ok`, or the store's code.
    pub store: &'static str,
    /// `ok`, or `failing` while the log is not applied: events are taken in and wait. Or `again` while it is applied to a store
    /// that is another one or has lost some: until then events may be missing there that are not among the `unapplied`.
    pub apply: &'static str,
    /// `ok`, or `remembered` while the store does not answer decisions in time: they are made of what is remembered, without
    /// new codes.
    pub decisions: &'static str,
    /// `ok`, or how this machine's clock cannot be trusted: `off` by more than 5 s from the store's.
    pub clock: &'static str,
    /// Collectors that are heard of on this store, this one included.
    pub collectors: usize,
    /// Partitions of the store, of 256, that this one looks after.
    pub partitions: usize,
    /// `ok`, or `taken`: another process goes by this collector's id, since its data folder was copied.
    pub id: &'static str,
    /// Whether the process was asked to stop.
    pub draining: bool,
    /// Accepted events and merges that are not yet in the store.
    pub unapplied: u64,
    /// Records that could not be applied and wait for somebody to look at them.
    pub quarantined: usize,
}

/// The process runs.
#[utoipa::path(get, path = "/livez", tag = "health", summary = "The process runs",
    responses((status = 200, description = "Alive", body = String)))]
pub async fn live() -> &'static str {
    "ok"
}

/// Requests can be served.
#[utoipa::path(get, path = "/readyz", tag = "health", summary = "Requests can be served",
    responses(
        (status = 200, description = "Ready", body = Readiness),
        (status = 503, description = "Not ready, and why", body = Readiness),
    ))]
pub async fn ready(State(app): State<Arc<App>>) -> Response {
    let stats = app.log.stats();
    let store = match tokio::time::timeout(PATIENCE, app.store.health()).await {
        Ok(Ok(_)) => "ok",
        Ok(Err(error)) => error.code(),
        Err(_) => "store_unavailable",
    };
    // The last hundredth is too little to send traffic to.
    let cap = app.config.log_cap.0;
    let log = match (stats.failed, cap.saturating_sub(stats.bytes) < cap / 100) {
        (true, _) => "log_failed",
        (false, true) => "log_full",
        (false, false) => "ok",
    };
    let apply = match (app.applying.load(Ordering::Relaxed), app.progress.is_again()) {
        (false, _) => "failing",
        (true, true) => "again",
        (true, false) => "ok",
    };
    let draining = app.draining.load(Ordering::Relaxed);
    // Without the store events are still taken in: a balancer that sends them elsewhere would only lose them.
    let standing = app.fleet.standing();
    let clock = if standing.clock == ClockState::Right { "ok" } else { "off" };
    let id = if standing.superseded { "taken" } else { "ok" };
    let ready = log == "ok" && clock == "ok" && id == "ok" && !draining;
    let decisions = if app.leads.is_away() { "remembered" } else { "ok" };
    let Standing { collectors, partitions, .. } = standing;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let unapplied = app.tail.len() + app.merges.len();
    let quarantined = log_watch::quarantined(&app).await;
    let readiness = Readiness {
        ready,
        log,
        store,
        apply,
        decisions,
        clock,
        collectors,
        partitions,
        id,
        draining,
        unapplied,
        quarantined,
    };
    (status, Json(readiness)).into_response()
}

/// Metrics in Prometheus's text form.
#[utoipa::path(get, path = "/metrics", tag = "private", summary = "Metrics for Prometheus",
    responses((status = 200, description = "Text exposition format", body = String)))]
pub async fn metrics(State(app): State<Arc<App>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.render())
}
