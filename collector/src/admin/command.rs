//! What can be asked through the admin socket.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use store::log::Position;
use store::{LeadKey, SiteName, VisitorId};

use crate::app::App;
use crate::apply;
use crate::clock::{Clock as _, TestClock};
use crate::config::Span;
use crate::geo;
use crate::models::{self, Lost, ModelsError, Publishing, Submission, Which, Written};
use crate::outbox;
use crate::person;
use crate::quarantine::{self, QuarantineError, QuarantineId};
use crate::reports;
use crate::site::Site;

/// A command, as it stands on its line.
#[derive(Debug, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
enum Command {
    /// Messages that wait in the outbox.
    Outbox { site: Option<String>, after: Option<String>, limit: Option<usize> },
    /// Every version of a site's model.
    ModelList { site: String },
    /// Puts a text on the shelf, as a draft.
    ModelImport { site: String, text: String, by: String },
    /// Brings a version into force.
    ModelPublish { site: String, number: u32, by: String, notify: bool },
    /// Everything a model says of a visitor.
    ModelExplain { site: String, model: Which, visitor: String },
    /// Two models over every lead.
    ModelBacktest { site: String, old: Which, new: Which, since: String },
    /// Scores at purchase.
    ModelCalibrate { site: String, model: Which },
    /// Reads the database of places again.
    GeoReload,
    /// How leads moved through the stages.
    ReportStages { site: String, since: String },
    /// How many leads came to each step.
    ReportFunnel { site: String, since: String, steps: Vec<String> },
    /// What became of abandoned carts.
    ReportCarts { site: String, since: String },
    /// What kinds of touch cost, and what came of them.
    ReportTouchpoints { site: String, since: String },
    /// What each offer brings.
    ReportExperiments { site: String, since: String },
    /// Applies the log again, from a position or the oldest record on.
    LogReplay { from: Option<u64> },
    /// Has a record in quarantine tried again.
    QuarantineReplay { id: String },
    /// Lets go of a record in quarantine.
    QuarantineDrop { id: String },
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
pub(super) async fn answer(app: &Arc<App>, clock: Option<&TestClock>, line: &[u8]) -> Result<Value, Refusal> {
    match serde_json::from_slice(line).map_err(Refusal::bad)? {
        Command::Outbox { site, after, limit } => {
            let site = site.map(|site| SiteName::parse(&site)).transpose().map_err(Refusal::bad)?;
            let after = after.map(|after| outbox::parse_id(&after)).transpose().map_err(Refusal::bad)?;
            let page = outbox::read(app, site.as_ref(), after, limit.unwrap_or(outbox::LIMIT)).await;
            let page = page.map_err(|error| Refusal { code: error.code(), detail: error.to_string() })?;
            serde_json::to_value(page).map_err(Refusal::bad)
        }
        Command::ModelList { site } => {
            let editions = models::list(app, site_of(app, &site)?).await?;
            Ok(json!({ "editions": editions }))
        }
        Command::ModelImport { site, text, by } => {
            let site = site_of(app, &site)?;
            let submission = Arc::new(Submission::read(site, Written::Toml(&text), app.clock.now())?);
            let (number, new) = models::import(app, site, &submission, &by).await?;
            Ok(json!({ "number": number, "new": new }))
        }
        Command::ModelPublish { site, number, by, notify } => {
            let site = site_of(app, &site)?;
            let before = site.in_force();
            // Counted first: until it is known, nothing changes.
            let unseen = models::unseen(app, site, number).await?;
            let how = Publishing { by: &by, notify, instead_of: None };
            models::publish(app, site, number, how).await?;
            let lost = Lost::between(&before.model, &site.model());
            Ok(json!({ "number": number, "before": before.number, "lost": lost, "unseen": unseen }))
        }
        Command::ModelExplain { site, model, visitor } => {
            let site = site_of(app, &site)?;
            let model = models::find(app, site, &model).await?;
            let id = VisitorId::parse(&visitor).map_err(Refusal::bad)?;
            let known = person::known(app, &LeadKey::new(site.name.clone(), id)).await;
            let kept = known.map_err(|problem| Refusal::bad(problem.to_string()))?.kept;
            if kept.lead.is_empty() {
                return Err(ModelsError::NoVisitor(visitor).into());
            }
            json_of(&models::explain(&kept, &model, app.clock.now()))
        }
        Command::ModelBacktest { site, old, new, since } => {
            let site = site_of(app, &site)?;
            let both = (models::find(app, site, &old).await?, models::find(app, site, &new).await?);
            json_of(&models::backtest(app, site, both, span(&since)?).await?)
        }
        Command::ModelCalibrate { site, model } => {
            let site = site_of(app, &site)?;
            let model = models::find(app, site, &model).await?;
            json_of(&models::calibrate(app, site, model).await?)
        }
        Command::GeoReload => {
            let read = geo::take_again(app).await;
            json_of(&read.map_err(|error| Refusal { code: "geo", detail: error.to_string() })?)
        }
        Command::ReportStages { site, since } => {
            json_of(&reports::stages(app, site_of(app, &site)?, span(&since)?).await?)
        }
        Command::ReportFunnel { site, since, steps } => {
            json_of(&reports::funnel(app, site_of(app, &site)?, span(&since)?, &steps).await?)
        }
        Command::ReportCarts { site, since } => {
            json_of(&reports::carts(app, site_of(app, &site)?, span(&since)?).await?)
        }
        Command::ReportTouchpoints { site, since } => {
            json_of(&reports::touchpoints(app, site_of(app, &site)?, span(&since)?).await?)
        }
        Command::ReportExperiments { site, since } => {
            json_of(&reports::experiments(app, site_of(app, &site)?, span(&since)?).await?)
        }
        Command::LogReplay { from } => {
            let failed = |detail| Refusal { code: "log", detail };
            json_of(&app.progress.apply_again(from.map(Position)).await.map_err(failed)?)
        }
        Command::QuarantineReplay { id } => {
            let failed = |detail| Refusal { code: "quarantine", detail };
            let became = quarantine::replay(app, &quarantine_id(&id)?).await.map_err(failed)?;
            Ok(json!({ "became": became }))
        }
        Command::QuarantineDrop { id } => {
            let failed = |error: QuarantineError| Refusal { code: "quarantine", detail: error.to_string() };
            app.quarantine.remove(&quarantine_id(&id)?).map_err(failed)?;
            Ok(json!({ "dropped": id }))
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

impl From<ModelsError> for Refusal {
    fn from(error: ModelsError) -> Self {
        Self { code: "models", detail: error.to_string() }
    }
}

fn site_of<'a>(app: &'a App, key: &str) -> Result<&'a Arc<Site>, Refusal> {
    app.sites.get(key).ok_or_else(|| {
        let keys: Vec<&str> = app.sites.iter().map(|site| site.config.key.as_str()).collect();
        Refusal::bad(format!("{key:?} is no site; there are {}", keys.join(", ")))
    })
}

fn quarantine_id(text: &str) -> Result<QuarantineId, Refusal> {
    QuarantineId::parse(text).ok_or_else(|| Refusal::bad(format!("{text:?} is no name of a record in quarantine")))
}

fn span(text: &str) -> Result<engine::Span, Refusal> {
    engine::Span::parse(text).map_err(Refusal::bad)
}

fn json_of(answer: &impl serde::Serialize) -> Result<Value, Refusal> {
    serde_json::to_value(answer).map_err(Refusal::bad)
}
