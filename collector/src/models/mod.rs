//! Models at work: which one is in force at a site, and what another one would make of its leads.
//!
//! The text of a site's model comes from the configuration; when it changes it is imported as a draft and put in force by
//! `gloed model publish`, never by a restart alone. What is in force stands on the site's [`Shelf`] in the store.

mod explain;
pub mod json;
mod lost;
mod parts;
mod shelf;
mod submission;
pub mod toml_text;

use std::sync::Arc;

use engine::{Millis, Model, ModelError, Span};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use store::{Store, StoreError};
use thiserror::Error;

use crate::app::App;
use crate::apply;
use crate::census::{aside, each_lead};
use crate::coupon::pools;
use crate::site::{Site, Sites};
use crate::study::{Backtest, BacktestReport, Calibration, CalibrationReport};

pub use explain::{Explained, Lacking, RuleAccount, explain};
pub use lost::Lost;
pub use parts::Parts;
pub use shelf::{Edition, LONGEST_TEXT, Publication, Seen, Shelf, ShelfError, State};
pub use submission::{Submission, Written};

/// How often a change of the shelf is tried while others change it too.
const ATTEMPTS: usize = 5;

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
    /// Somebody else publishes at the same moment, or has while this was on its way.
    #[error("somebody else changes the models of this site at the same moment; look at them again")]
    Conflict,
    /// Another model is in force than whoever publishes knew of.
    #[error("another model is in force than If-Match says; read it again")]
    Changed,
    /// A text that should be JSON is none.
    #[error("{0}")]
    Malformed(String),
    /// The work ended before its time.
    #[error("the work broke off: {0}")]
    Broken(String),
    /// No such visitor.
    #[error("{0} is no visitor of this site")]
    NoVisitor(String),
}

/// `a fault`, `3 faults`.
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
    let (number, _) = shelf.import(&site.configured, &title(&site.model()), "configuration", now)?;
    let in_force = shelf.in_force().map(|(edition, _)| edition.number);
    if in_force.is_none() {
        // The first one changes nobody's stage: what it makes of the events is what there is to tell.
        shelf.publish(number, "configuration", true, now)?;
    } else if in_force != Some(number) {
        let key = site.config.key.as_str();
        tracing::warn!(
            site = key,
            number,
            "the model in the configuration is not the one in force: it is version {number}; look at it with `gloed \
             model backtest` and bring it into force with `gloed model publish --site {key} {number}`"
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
    let summary = |edition: &Edition| EditionSummary {
        number: edition.number,
        title: edition.title.clone(),
        state: shelf.state(edition).words().to_owned(),
        imported: (edition.imported.0, edition.by.clone()),
        published: edition.published.last().map(|last| (last.at.0, last.by.clone())),
    };
    Ok(shelf.editions().iter().map(summary).collect())
}

/// Puts a model on the shelf, as a draft, and says its number and whether it is new. One that is there already keeps its
/// number: the same text, or, of one that came as JSON, the same content.
///
/// # Errors
/// When it is too long, others change the shelf all the time, or the store is away.
pub async fn import(
    app: &App,
    site: &Site,
    submission: &Arc<Submission>,
    by: &str,
) -> Result<(u32, bool), ModelsError> {
    for _ in 0..ATTEMPTS {
        let shelf = Shelf::load(&*app.store, &site.name).await?;
        let (mut shelf, known) = sought(shelf, submission.clone()).await?;
        if let Some(number) = known {
            return Ok((number, false));
        }
        let imported = shelf.import(submission.text(), &submission.title(), by, app.clock.now())?;
        // Drafts do not get in each other's way.
        if saved(&mut shelf, app).await? {
            return Ok(imported);
        }
    }
    Err(ModelsError::Conflict)
}

/// The version of a shelf that a model is already. Texts are read for it, so not between the answers to pages.
async fn sought(shelf: Shelf, submission: Arc<Submission>) -> Result<(Shelf, Option<u32>), ModelsError> {
    let seeking = tokio::task::spawn_blocking(move || {
        let known = shelf.editions().iter().rev().find(|edition| submission.is(edition)).map(|edition| edition.number);
        (shelf, known)
    });
    seeking.await.map_err(|error| ModelsError::Broken(error.to_string()))
}

/// Writes a shelf; `false`: somebody else has changed it since it was read.
async fn saved(shelf: &mut Shelf, app: &App) -> Result<bool, ShelfError> {
    match shelf.save(&*app.store).await {
        Err(ShelfError::Store(StoreError::Conflict { .. })) => Ok(false),
        saved => saved.map(|()| true),
    }
}

/// How a version is brought into force.
#[derive(Debug, Clone, Copy)]
pub struct Publishing<'a> {
    /// By whom, as they call themselves.
    pub by: &'a str,
    /// Whether stages that the new model changes are announced like any other change.
    pub notify: bool,
    /// Only while one of these is in force; `None`: whatever is.
    pub instead_of: Option<&'a [Seen]>,
}

/// Brings a version into force: for everything asked from now on, and for the past too. The heat index follows in the
/// background.
///
/// # Errors
/// When there is no such version, it does not compile, something else is in force than was thought, somebody else
/// publishes at the same moment, or the store is away.
pub async fn publish(
    app: &Arc<App>,
    site: &Arc<Site>,
    number: u32,
    Publishing { by, notify, instead_of }: Publishing<'_>,
) -> Result<(), ModelsError> {
    // Held until the model is in force here too, so that what is in force is always the last that was written.
    let _alone = site.publishing.try_lock().map_err(|_| ModelsError::Conflict)?;
    let now = app.clock.now();
    let mut first = None;
    for _ in 0..ATTEMPTS {
        let mut shelf = Shelf::load(&*app.store, &site.name).await?;
        let current = shelf.seen();
        if instead_of.is_some_and(|known| !current.is_some_and(|current| known.contains(&current))) {
            return Err(ModelsError::Changed);
        }
        // A draft that came meanwhile is no reason to give up; another publication is.
        if *first.get_or_insert(current) != current {
            return Err(ModelsError::Conflict);
        }
        let model = compiled(site, &shelf.edition(number)?.text, now, || format!("version {number}"))?;
        let faults = pools::unknown(&model, site.config.pools.keys());
        if !faults.is_empty() {
            return Err(ModelsError::Faults { what: format!("version {number}"), faults });
        }
        let publication = shelf.publish(number, by, notify, now)?;
        if saved(&mut shelf, app).await? {
            site.put_in_force(shelf.version(), number, model, &publication);
            app.fleet.tell_of_models(site, shelf.version());
            tracing::info!(site = site.config.key.as_str(), number, "a model was published");
            apply::sweep(app, site);
            return Ok(());
        }
    }
    Err(ModelsError::Conflict)
}

/// How many folded touches of all leads a version cannot see. Reads every lead.
///
/// # Errors
/// When there is no such version, it does not compile, or the store is away.
pub async fn unseen(app: &Arc<App>, site: &Arc<Site>, number: u32) -> Result<u64, ModelsError> {
    let model = find(app, site, &Which::Number(number)).await?;
    let (app, name) = (app.clone(), site.name.clone());
    let working = aside(async move {
        let mut count = 0_u64;
        each_lead(&app, &name, |_, lead| count = count.saturating_add(engine::unseen(lead, &model))).await?;
        Ok(count)
    });
    working.await.map_err(|error| ModelsError::Broken(error.to_string()))?
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
