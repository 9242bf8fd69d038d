//! Models at work: which one is in force at a site, and what another one would make of its leads.
//!
//! The text of a site's model comes from the configuration; when it changes it is imported as a draft and put in force by
//! `gloed model publish`, never by a restart alone. What is in force stands on the site's [`Shelf`] in the store.

mod explain;
mod shelf;

use std::sync::Arc;

use engine::{Millis, Model, ModelError, Span};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use store::{Store, StoreError};
use thiserror::Error;

use crate::app::App;
use crate::apply;
use crate::census::{aside, each_lead};
use crate::site::{Site, Sites};
use crate::study::{Backtest, BacktestReport, Calibration, CalibrationReport};

pub use explain::{Explained, Lacking, RuleAccount, explain};
pub use shelf::{Edition, LONGEST_TEXT, Publication, Shelf, ShelfError};

/// Why something about models cannot be done.
#[derive(Debug, Error)]
pub enum ModelsError {
    /// The shelf.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A text has faults.
    #[error("{} of {what}:\n  {}", counted(faults.len()), faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "))]
    Faults {
        /// Which text.
        what: String,
        /// All of them.
        faults: Vec<ModelError>,
    },
    /// The work ended before its time.
    #[error("the work broke off: {0}")]
    Broken(String),
    /// No such visitor.
    #[error("{0} is no visitor of this site")]
    NoVisitor(String),
}

fn counted(faults: usize) -> String {
    if faults == 1 { "a fault".to_owned() } else { format!("{faults} faults") }
}

/// Which model is meant.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// The one in force.
    #[default]
    InForce,
    /// A version on the shelf.
    Number(u32),
    /// This text, which need not be on the shelf.
    Text(String),
}

/// A version, for a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditionSummary {
    /// Its number.
    pub number: u32,
    /// As the text calls itself: `name` and `version`.
    pub title: String,
    /// `in force`, `draft` or `retired`.
    pub state: String,
    /// When it was imported, ms since 1970, and by whom.
    pub imported: (i64, String),
    /// When it was last published, and by whom.
    pub published: Option<(i64, String)>,
}

/// Reads what is in force at each site. A site that never had a model gets that of its configuration; one whose
/// configuration has changed gets it as a draft.
///
/// # Errors
/// When the store is away, or what is in force no longer compiles.
pub async fn adopt(sites: &Sites, store: &dyn Store, now: Millis) -> Result<(), ModelsError> {
    for site in sites.iter() {
        // Collectors that start at the same time may all find that there is something to write: the first one does.
        let mut adopted = adopt_one(site, store, now).await;
        for _ in 0..MOST_TRIES {
            let Err(ModelsError::Shelf(ShelfError::Store(StoreError::Conflict { .. }))) = adopted else { break };
            adopted = adopt_one(site, store, now).await;
        }
        adopted?;
    }
    Ok(())
}

/// How often another collector may be faster.
const MOST_TRIES: usize = 16;

async fn adopt_one(site: &Site, store: &dyn Store, now: Millis) -> Result<(), ModelsError> {
    let mut shelf = Shelf::load(store, &site.name).await?;
    let (number, new) = shelf.import(&site.configured, &title(&site.model()), "configuration", now)?;
    if shelf.in_force().is_none() {
        // The first one changes nobody's stage: what it makes of the events is what there is to tell.
        shelf.publish(number, "configuration", true, now)?;
    } else if new {
        let key = site.config.key.as_str();
        tracing::warn!(
            site = key,
            number,
            "the model in the configuration has changed: it is a draft now; look at it with `gloed model backtest` \
             and bring it into force with `gloed model publish --site {key} {number}`"
        );
    }
    shelf.save(store).await?;
    if let Some((edition, publication)) = shelf.in_force() {
        let model = compiled(site, &edition.text, now, || format!("version {}", edition.number))?;
        site.put_in_force(shelf.version(), edition.number, model, publication);
    }
    Ok(())
}

/// Takes over what another collector has published, if any has: from now on everything is asked under that model, and the
/// leads of the partitions that are this collector's are looked at under it.
///
/// # Errors
/// When the store is away, or the model does not compile here.
pub(crate) async fn follow(app: &Arc<App>, site: &Arc<Site>) -> Result<(), ModelsError> {
    let shelf = Shelf::load(&*app.store, &site.name).await?;
    let in_force = site.in_force();
    if let Some((edition, publication)) = shelf.in_force()
        && (edition.number, publication.at) != (in_force.number, in_force.since)
    {
        let now = app.clock.now();
        let model = compiled(site, &edition.text, now, || format!("version {}", edition.number))?;
        site.put_in_force(shelf.version(), edition.number, model, publication);
        tracing::info!(
            site = site.config.key.as_str(),
            edition.number,
            "a model that was published is in force here too"
        );
        apply::sweep(app, site);
    }
    app.fleet.tell_of_models(site, shelf.version());
    Ok(())
}

/// As a model calls itself.
fn title(model: &Model) -> String {
    format!("{} {}", model.name, model.version)
}

fn compiled(site: &Site, text: &str, now: Millis, what: impl FnOnce() -> String) -> Result<Model, ModelsError> {
    Model::parse(text, &site.facts(now)).map_err(|faults| ModelsError::Faults { what: what(), faults })
}

/// The model that is meant.
///
/// # Errors
/// When there is no such version, or it does not compile.
pub async fn find(app: &App, site: &Site, which: &Which) -> Result<Arc<Model>, ModelsError> {
    let now = app.clock.now();
    match which {
        Which::InForce => Ok(site.model()),
        Which::Text(text) => compiled(site, text, now, || "the text".to_owned()).map(Arc::new),
        Which::Number(number) => {
            let shelf = Shelf::load(&*app.store, &site.name).await?;
            let text = &shelf.edition(*number)?.text;
            compiled(site, text, now, || format!("version {number}")).map(Arc::new)
        }
    }
}

/// Every version on the shelf, oldest first.
///
/// # Errors
/// When the store is away.
pub async fn list(app: &App, site: &Site) -> Result<Vec<EditionSummary>, ModelsError> {
    let shelf = Shelf::load(&*app.store, &site.name).await?;
    let in_force = shelf.in_force().map(|(edition, _)| edition.number);
    let summary = |edition: &Edition| EditionSummary {
        number: edition.number,
        title: edition.title.clone(),
        state: match (in_force == Some(edition.number), edition.published.is_empty()) {
            (true, _) => "in force",
            (false, true) => "draft",
            (false, false) => "retired",
        }
        .to_owned(),
        imported: (edition.imported.0, edition.by.clone()),
        published: edition.published.last().map(|last| (last.at.0, last.by.clone())),
    };
    Ok(shelf.editions().iter().map(summary).collect())
}

/// Puts a text on the shelf, if it compiles, and says its number and whether it is new.
///
/// # Errors
/// Every fault of the text; when the store is away.
pub async fn import(app: &App, site: &Site, text: &str, by: &str) -> Result<(u32, bool), ModelsError> {
    let model = compiled(site, text, app.clock.now(), || "the text".to_owned())?;
    let mut shelf = Shelf::load(&*app.store, &site.name).await?;
    let imported = shelf.import(text, &title(&model), by, app.clock.now())?;
    shelf.save(&*app.store).await?;
    Ok(imported)
}

/// Brings a version into force: for everything asked from now on, and for the past too. The heat index follows in the
/// background. Stages that the new model changes are announced only where `notify` asks for it.
///
/// # Errors
/// When there is no such version, it does not compile, or the store is away.
pub async fn publish(app: &Arc<App>, site: &Arc<Site>, number: u32, by: &str, notify: bool) -> Result<(), ModelsError> {
    let now = app.clock.now();
    let mut shelf = Shelf::load(&*app.store, &site.name).await?;
    let model = compiled(site, &shelf.edition(number)?.text, now, || format!("version {number}"))?;
    let publication = shelf.publish(number, by, notify, now)?;
    shelf.save(&*app.store).await?;
    site.put_in_force(shelf.version(), number, model, &publication);
    app.fleet.tell_of_models(site, shelf.version());
    tracing::info!(site = site.config.key.as_str(), number, "a model was published");
    apply::sweep(app, site);
    Ok(())
}

/// Both models over every lead of the site.
///
/// # Errors
/// When the store is away.
pub async fn backtest(
    app: &Arc<App>,
    site: &Arc<Site>,
    (old, new): (Arc<Model>, Arc<Model>),
    since: Span,
) -> Result<BacktestReport, ModelsError> {
    let (app, site) = (app.clone(), site.clone());
    let working = aside(async move {
        let zone: &TimeZone = &site.config.time_zone;
        let mut backtest = Backtest::new(&old, &new, since, app.clock.now(), zone);
        each_lead(&app, &site.name, |visitor, lead| backtest.add(visitor, lead)).await?;
        Ok(backtest.finish())
    });
    working.await.map_err(|error| ModelsError::Broken(error.to_string()))?
}

/// Scores at purchase, over every lead of the site.
///
/// # Errors
/// When the store is away.
pub async fn calibrate(app: &Arc<App>, site: &Arc<Site>, model: Arc<Model>) -> Result<CalibrationReport, ModelsError> {
    let (app, name) = (app.clone(), site.name.clone());
    let working = aside(async move {
        let mut calibration = Calibration::new(&model);
        each_lead(&app, &name, |_, lead| calibration.add(lead)).await?;
        Ok(calibration.finish())
    });
    working.await.map_err(|error| ModelsError::Broken(error.to_string()))?
}
