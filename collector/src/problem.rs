//! What a request that cannot be served is answered with: one enum, one code each, the same in the answer, the log and
//! the metrics. The table is in WIRE.md.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::ModelError;
use serde::Serialize;
use store::log::LogError;
use thiserror::Error;
use utoipa::ToSchema;
use wire::EnvelopeFault;

use crate::models::{LONGEST_TEXT, ModelsError, ShelfError};

/// A request that is refused as a whole.
#[derive(Debug, Error)]
pub enum Problem {
    /// The body could not be read as an envelope.
    #[error("{0}")]
    Envelope(#[from] EnvelopeFault),
    /// Consent is not there.
    #[error("{0}")]
    ConsentMissing(&'static str),
    /// No site has this write key.
    #[error("no site has this key")]
    UnknownSite,
    /// The `Origin` header is not one of the site's.
    #[error("this origin is not among the site's origins")]
    OriginNotAllowed,
    /// Too many bytes.
    #[error("the body is larger than {limit} bytes {when}")]
    BodyTooLarge {
        /// What is allowed.
        limit: usize,
        /// `on the wire`, `after decompression`, or `as a record of the log`.
        when: &'static str,
    },
    /// None of the content types that the address takes.
    #[error("Content-Type must be {}", .0.join(" or "))]
    UnsupportedMediaType(&'static [&'static str]),
    /// An encoding we do not read.
    #[error("Content-Encoding must be gzip or identity, and gzip must be well-formed")]
    UnsupportedEncoding,
    /// No such address.
    #[error("there is nothing at this address")]
    NotFound,
    /// A server key's site has no visitor with this id.
    #[error("no such visitor of this site")]
    NoSuchVisitor,
    /// A server key's site has no model of this version.
    #[error("{0}")]
    NoSuchModel(String),
    /// A model has faults.
    #[error("the model has {} fault(s); faults lists all of them", .0.len())]
    BadModel(Vec<ModelError>),
    /// Somebody else publishes a model at the same moment.
    #[error("somebody else changes the models of this site at the same moment; look at them again")]
    ModelConflict,
    /// `If-Match` names another model than the one in force.
    #[error("another model is in force than If-Match says; read /v1/server/model again")]
    PreconditionFailed,
    /// A visitor is another person already.
    #[error("this visitor is another person already; a page says gloed('reset') when somebody logs out")]
    OtherPerson,
    /// A person would have too many ids.
    #[error("a person has at most {limit} ids", limit = crate::person::MOST_IDS)]
    TooManyIds,
    /// The address exists, the method does not.
    #[error("this address does not take this method")]
    MethodNotAllowed,
    /// No server key or a wrong one, no session or an expired one.
    #[error("the server key is missing or wrong: Authorization: Bearer <server key>")]
    Unauthorized,
    /// A parameter is not what it should be.
    #[error("{0}")]
    BadParameter(String),
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    RequestTimeout,
    /// One address asks too often.
    #[error("too many requests from this network")]
    RateLimited {
        /// Seconds until it is worth trying.
        retry_after: u32,
    },
    /// A site has more new visitors than it may.
    #[error("too many new visitors at this site")]
    TooManyNewVisitors {
        /// Seconds until it is worth trying.
        retry_after: u32,
    },
    /// Too many requests at once.
    #[error("too many requests at once; nothing of this one was stored")]
    Overloaded,
    /// The log cannot make events durable.
    #[error("the log cannot store events now; nothing of this request was stored")]
    LogUnavailable(#[source] LogError),
    /// The store does not answer.
    #[error("the store does not answer now")]
    StoreUnavailable(#[source] store::StoreError),
    /// A fault of ours.
    #[error("an unexpected fault; it was counted")]
    Internal(String),
}

/// The body of a problem (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemBody {
    /// A name for the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What was found and what is allowed.
    pub detail: String,
    /// Stable code.
    pub code: &'static str,
    /// Of a model that is refused: everything that is wrong with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FaultBody>,
}

/// What is wrong with a model, so that it can be mended without guessing.
#[derive(Debug, Serialize, ToSchema)]
pub struct FaultBody {
    /// Where, such as `rules[3].points`.
    pub path: String,
    /// The line of the text that was sent, from 1.
    pub line: Option<u32>,
    /// What stands there.
    pub found: String,
    /// What could stand there.
    pub allowed: String,
}

impl From<ModelError> for FaultBody {
    fn from(ModelError { path, line, found, allowed }: ModelError) -> Self {
        Self { path, line, found, allowed }
    }
}

impl From<ModelsError> for Problem {
    fn from(error: ModelsError) -> Self {
        match error {
            ModelsError::Malformed(detail) => Self::Envelope(EnvelopeFault::Malformed(detail)),
            ModelsError::Faults { faults, .. } => Self::BadModel(faults),
            ModelsError::Conflict => Self::ModelConflict,
            ModelsError::Changed => Self::PreconditionFailed,
            ModelsError::Shelf(error) => error.into(),
            ModelsError::Store(error) => Self::StoreUnavailable(error),
            ModelsError::NoVisitor(_) => Self::NoSuchVisitor,
            ModelsError::Broken(detail) => Self::Internal(detail),
        }
    }
}

impl From<ShelfError> for Problem {
    fn from(error: ShelfError) -> Self {
        match error {
            ShelfError::Store(error) => Self::StoreUnavailable(error),
            ShelfError::Unknown { .. } => Self::NoSuchModel(error.to_string()),
            ShelfError::TooLong(_) => Self::BodyTooLarge { limit: LONGEST_TEXT, when: "as TOML" },
            ShelfError::Format { .. } | ShelfError::Broken { .. } => Self::Internal(error.to_string()),
        }
    }
}

impl Problem {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Envelope(EnvelopeFault::Malformed(_)) => "malformed_json",
            Self::Envelope(EnvelopeFault::Envelope(_)) => "bad_envelope",
            Self::Envelope(EnvelopeFault::Version { .. }) => "unsupported_version",
            Self::Envelope(EnvelopeFault::TooManyEvents { .. }) => "too_many_events",
            Self::ConsentMissing(_) => "consent_missing",
            Self::UnknownSite => "unknown_site",
            Self::OriginNotAllowed => "origin_not_allowed",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::UnsupportedMediaType(_) => "unsupported_media_type",
            Self::UnsupportedEncoding => "unsupported_encoding",
            Self::NotFound | Self::NoSuchVisitor | Self::NoSuchModel(_) => "not_found",
            Self::BadModel(_) => "bad_model",
            Self::ModelConflict => "model_conflict",
            Self::PreconditionFailed => "precondition_failed",
            Self::OtherPerson => "other_person",
            Self::TooManyIds => "too_many_ids",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Unauthorized => "unauthorized",
            Self::BadParameter(_) => "bad_parameter",
            Self::RequestTimeout => "request_timeout",
            Self::RateLimited { .. } => "rate_limited",
            Self::TooManyNewVisitors { .. } => "too_many_new_visitors",
            Self::Overloaded => "overloaded",
            Self::LogUnavailable(_) => "log_unavailable",
            Self::StoreUnavailable(_) => "store_unavailable",
            Self::Internal(_) => "internal",
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Envelope(EnvelopeFault::TooManyEvents { .. }) | Self::BodyTooLarge { .. } => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::Envelope(_) | Self::BadParameter(_) => StatusCode::BAD_REQUEST,
            Self::ConsentMissing(_) | Self::OriginNotAllowed => StatusCode::FORBIDDEN,
            Self::OtherPerson | Self::TooManyIds | Self::ModelConflict => StatusCode::CONFLICT,
            Self::UnknownSite | Self::NotFound | Self::NoSuchVisitor | Self::NoSuchModel(_) => StatusCode::NOT_FOUND,
            Self::BadModel(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::UnsupportedMediaType(_) | Self::UnsupportedEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::RateLimited { .. } | Self::TooManyNewVisitors { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Overloaded | Self::LogUnavailable(_) | Self::StoreUnavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Seconds after which the same request may succeed.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        match self {
            Self::RateLimited { retry_after } | Self::TooManyNewVisitors { retry_after } => Some(*retry_after),
            Self::Overloaded => Some(1),
            Self::LogUnavailable(_) | Self::StoreUnavailable(_) => Some(5),
            _ => None,
        }
    }

    /// A client's mistake is not our error: it is logged at debug, ours at error.
    #[must_use]
    pub fn level(&self) -> tracing::Level {
        match self {
            Self::Internal(_) | Self::LogUnavailable(_) | Self::StoreUnavailable(_) => tracing::Level::ERROR,
            Self::Overloaded => tracing::Level::WARN,
            _ => tracing::Level::DEBUG,
        }
    }
}

impl From<LogError> for Problem {
    fn from(error: LogError) -> Self {
        match error {
            // It would not fit the next time either.
            LogError::TooLarge { allowed, .. } => Self::BodyTooLarge { limit: allowed, when: "as a record of the log" },
            error => Self::LogUnavailable(error),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (code, status) = (self.code(), self.status());
        crate::metric::Metric::RequestRefused.count(code);
        match self.level() {
            tracing::Level::ERROR => tracing::error!(code, cause = ?self, "request could not be served"),
            tracing::Level::WARN => tracing::warn!(code, "request refused"),
            _ => tracing::debug!(code, "request refused"),
        }
        let (detail, retry_after) = (self.to_string(), self.retry_after());
        let faults = if let Self::BadModel(faults) = self { faults } else { Vec::new() };
        let body = ProblemBody {
            kind: format!("urn:gloed:problem:{code}"),
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail,
            code,
            faults: faults.into_iter().map(Into::into).collect(),
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
