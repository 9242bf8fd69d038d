//! `/v1/server/models` with the server key: every version of a site's model, and new ones as drafts.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::ModelError;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::body::{self, Taken};
use super::model_answer::{ModelVersion, TOML, WarningBody, insert};
use super::server_key;
use crate::app::App;
use crate::models::{self, LONGEST_TEXT, Shelf, Submission, Written};
use crate::problem::Problem;
use crate::site::Site;

/// A model is as long as the shelf takes, compressed or not.
const MODEL: Taken =
    Taken { types: &[TOML, "application/json"], on_the_wire: LONGEST_TEXT, decompressed: LONGEST_TEXT };
/// Who hands in or publishes where nobody says so.
pub(super) const SOMEBODY: &str = "server key";
/// Longest name of who hands in or publishes, in bytes.
const NAME_BYTES: usize = 100;

/// Who hands a model in.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HandedIn {
    /// As they call themselves, 1 to 100 bytes; `server key` when absent.
    by: Option<String>,
}

/// Every version of a site's model.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelVersions {
    /// Newest first; at most 100 are kept.
    models: Vec<ModelVersion>,
}

/// A draft as it lies on the shelf.
#[derive(Debug, Serialize, ToSchema)]
pub struct DraftBody {
    #[serde(flatten)]
    about: ModelVersion,
    /// What in it is most likely a mistake.
    warnings: Vec<WarningBody>,
}

/// A model that has no fault.
#[derive(Debug, Serialize, ToSchema)]
pub struct CheckedModel {
    /// As the model calls itself: `name` and `version`.
    title: String,
    /// What it says, as of a version on the shelf.
    digest: String,
    /// What in it is most likely a mistake.
    warnings: Vec<WarningBody>,
}

/// Lists every version.
#[utoipa::path(
    get,
    path = "/v1/server/models",
    tag = "private",
    summary = "Every version of the model, newest first",
    description = "Drafts, the one in force, and those that were. At most 100 are kept, so there is one page.",
    security(("server_key" = [])),
    responses(
        (status = 200, description = "The versions, without their models", body = ModelVersions),
        (status = 401, description = "No server key, or a wrong one", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    )
)]
pub async fn get(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Json<ModelVersions>, Problem> {
    let site = server_key::site(&app, &headers)?;
    let _room = app.server_in_flight.enter()?;
    let shelf = Shelf::load(&*app.store, &site.name).await?;
    // Every text is read for its digest: not between the answers to pages.
    let listing = tokio::task::spawn_blocking(move || {
        let editions = shelf.editions().iter().rev();
        editions.map(|edition| ModelVersion::of(&shelf, edition)).collect::<Result<_, _>>()
    });
    let models = listing.await.map_err(|error| Problem::Internal(error.to_string()))??;
    Ok(Json(ModelVersions { models }))
}

/// Puts a draft on the shelf.
#[utoipa::path(
    post,
    path = "/v1/server/models",
    tag = "private",
    summary = "Hand in a model as a draft",
    description = "The whole model, as `application/toml` or `application/json`, at most 512 KiB, gzip allowed. It changes \
                   nothing until it is published. Can be repeated: the same text (of JSON: the same content) is the same \
                   version, answered with 200.",
    params(HandedIn),
    request_body(content(
        (Object = "application/json"),
        (String = "application/toml"),
    )),
    security(("server_key" = [])),
    responses(
        (status = 201, description = "A new draft; `Location` is its address", body = DraftBody),
        (status = 200, description = "This version was there already", body = DraftBody),
        (status = 401, description = "No server key, or a wrong one", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = 422, description = "The model has faults; `faults` lists all of them", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = "4XX", description = "Refused as a whole; permanent", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    )
)]
pub async fn post(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    handed_in: Result<Query<HandedIn>, QueryRejection>,
    body: Body,
) -> Result<Response, Problem> {
    let site = server_key::site(&app, &headers)?;
    let _room = app.server_in_flight.enter()?;
    let Query(HandedIn { by }) = handed_in.map_err(|error| Problem::BadParameter(error.body_text()))?;
    let by = named(by.as_deref().unwrap_or(SOMEBODY)).map_err(Problem::BadParameter)?;
    let submission = Arc::new(submitted(&app, &site, &headers, body).await?);
    let (number, new) = models::import(&app, &site, &submission, by).await?;
    let shelf = Shelf::load(&*app.store, &site.name).await?;
    let about = ModelVersion::of(&shelf, shelf.edition(number)?)?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    let warnings = submission.warnings.iter().map(Into::into).collect();
    let mut response = (status, Json(DraftBody { about, warnings })).into_response();
    if new {
        insert(&mut response, header::LOCATION, &format!("/v1/server/models/{number}"));
    }
    Ok(response)
}

/// Looks a model over.
#[utoipa::path(
    post,
    path = "/v1/server/models/check",
    tag = "private",
    summary = "Look a model over, and keep nothing",
    description = "As handing it in, with the same faults and warnings; nothing is stored.",
    request_body(content(
        (Object = "application/json"),
        (String = "application/toml"),
    )),
    security(("server_key" = [])),
    responses(
        (status = 200, description = "It has no fault", body = CheckedModel),
        (status = 401, description = "No server key, or a wrong one", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = 422, description = "The model has faults; `faults` lists all of them", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
        (status = "4XX", description = "Refused as a whole; permanent", body = crate::problem::ProblemBody,
            content_type = "application/problem+json"),
    )
)]
pub async fn check(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Result<Json<CheckedModel>, Problem> {
    let site = server_key::site(&app, &headers)?;
    let _room = app.server_in_flight.enter()?;
    let submission = submitted(&app, &site, &headers, body).await?;
    Ok(Json(CheckedModel {
        title: submission.title(),
        warnings: submission.warnings.iter().map(Into::into).collect(),
        digest: submission.digest,
    }))
}

/// Reads the model in a request.
async fn submitted(app: &App, site: &Arc<Site>, headers: &HeaderMap, body: Body) -> Result<Submission, Problem> {
    let bytes = body::read_as(app, &MODEL, headers, body).await?;
    let is_toml = body::content_type(headers).eq_ignore_ascii_case(TOML);
    let (site, now) = (site.clone(), app.clock.now());
    // A long model takes a while to compile: not between the answers to pages.
    let reading = tokio::task::spawn_blocking(move || {
        let text = std::str::from_utf8(&bytes).map_err(|error| not_text(is_toml, &error))?;
        let written = if is_toml { Written::Toml(text) } else { Written::Json(text) };
        Ok(Submission::read(&site, written, now)?)
    });
    reading.await.map_err(|error| Problem::Internal(error.to_string()))?
}

fn not_text(is_toml: bool, error: &std::str::Utf8Error) -> Problem {
    let found = format!("no UTF-8 behind byte {}", error.valid_up_to());
    if !is_toml {
        return Problem::Envelope(wire::EnvelopeFault::Malformed(found));
    }
    let (path, allowed) = ("(text)".to_owned(), "UTF-8".to_owned());
    Problem::BadModel(vec![ModelError { path, line: None, found, allowed }])
}

/// A name as somebody gives it, if it can stand in a list.
///
/// # Errors
/// What was found and what is allowed.
pub(super) fn named(by: &str) -> Result<&str, String> {
    if (1..=NAME_BYTES).contains(&by.len()) && !by.contains(char::is_control) {
        Ok(by)
    } else {
        Err(format!("by has {} bytes; allowed are 1 to {NAME_BYTES}, without control characters", by.len()))
    }
}
