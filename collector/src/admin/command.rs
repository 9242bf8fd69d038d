//! What can be asked through the admin socket.

use serde::Deserialize;
use serde_json::{Value, json};
use store::SiteName;

use crate::app::App;
use crate::apply;
use crate::clock::{Clock as _, TestClock};
use crate::config::Span;
use crate::outbox;

/// A command, as it stands on its line.
#[derive(Debug, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
enum Command {
    /// Messages that wait in the outbox.
    Outbox { site: Option<String>, after: Option<String>, limit: Option<usize> },
    /// Moves a test's clock ahead.
    Advance { by: String },
}

/// A command that is not carried out.
pub(super) struct Refusal {
    code: &'static str,
    detail: String,
}

impl Refusal {
    pub(super) fn too_long(limit: u64) -> Self {
        Self { code: "too_long", detail: format!("a command is one line of at most {limit} bytes") }
    }

    fn bad(detail: impl ToString) -> Self {
        Self { code: "bad_command", detail: detail.to_string() }
    }

    pub(super) fn into_json(self) -> Value {
        json!({ "error": { "code": self.code, "detail": self.detail } })
    }
}

/// Carries one command out.
pub(super) async fn answer(app: &App, clock: Option<&TestClock>, line: &[u8]) -> Result<Value, Refusal> {
    match serde_json::from_slice(line).map_err(Refusal::bad)? {
        Command::Outbox { site, after, limit } => {
            let site = site.map(|site| SiteName::parse(&site)).transpose().map_err(Refusal::bad)?;
            let after = after.map(|after| outbox::parse_id(&after)).transpose().map_err(Refusal::bad)?;
            let page = outbox::read(app, site.as_ref(), after, limit.unwrap_or(outbox::LIMIT)).await;
            let page = page.map_err(|error| Refusal { code: error.code(), detail: error.to_string() })?;
            serde_json::to_value(page).map_err(Refusal::bad)
        }
        Command::Advance { by } => {
            let clock = clock.ok_or_else(|| Refusal::bad("advance is for a collector started with --test-clock"))?;
            let span: Span =
                by.parse().map_err(|()| Refusal::bad(format!("by is {by:?}; allowed is {}", Span::ALLOWED)))?;
            let by = i64::try_from(span.duration().as_millis()).map_err(Refusal::bad)?;
            let to = clock.now().plus(engine::Span(by));
            let failed = |error: apply::AdvanceError| Refusal { code: "not_applied", detail: error.to_string() };
            apply::advance(app, clock, to).await.map_err(failed)?;
            Ok(json!({ "now": to.0 }))
        }
    }
}
