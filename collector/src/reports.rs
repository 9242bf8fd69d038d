//! Reports over every lead of a site: stages, funnels, carts, touchpoints, experiments.

use std::sync::Arc;

use engine::{Funnel, Lead, Millis, Span};
use store::StoreError;

use crate::app::App;
use crate::census::{aside, each_lead};
use crate::models::ModelsError;
use crate::site::Site;
use crate::study::{
    CartsReport, CartsStudy, Experiments, ExperimentsReport, FunnelReport, FunnelStudy, Stages, StagesReport,
    Touchpoints, TouchpointsReport,
};

/// How leads moved through the stages since so long ago.
///
/// # Errors
/// When the store is away.
pub async fn stages(app: &Arc<App>, site: &Arc<Site>, since: Span) -> Result<StagesReport, ModelsError> {
    over_leads(app, site, since, |app, site, (from, now)| async move {
        let model = site.model();
        let mut report = Stages::new(&model, from, now);
        visit(&app, &site, |lead| report.add(lead)).await?;
        Ok(report.finish())
    })
    .await
}

/// How many leads came to each step since so long ago.
///
/// # Errors
/// When a step does not read; when the store is away.
pub async fn funnel(
    app: &Arc<App>,
    site: &Arc<Site>,
    since: Span,
    steps: &[String],
) -> Result<FunnelReport, ModelsError> {
    let model = site.model();
    let funnel = Funnel::parse(steps.iter().map(String::as_str), &model)
        .map_err(|faults| ModelsError::Faults { what: "the steps".to_owned(), faults })?;
    over_leads(app, site, since, |app, site, (from, now)| async move {
        let mut report = FunnelStudy::new(&funnel, &model, from, now);
        visit(&app, &site, |lead| report.add(lead)).await?;
        Ok(report.finish())
    })
    .await
}

/// What became of carts that were told of as abandoned since so long ago.
///
/// # Errors
/// When the store is away.
pub async fn carts(app: &Arc<App>, site: &Arc<Site>, since: Span) -> Result<CartsReport, ModelsError> {
    over_leads(app, site, since, |app, site, (from, now)| async move {
        let mut report = CartsStudy::new(site.model().currency, from, now);
        visit(&app, &site, |lead| report.add(lead)).await?;
        Ok(report.finish())
    })
    .await
}

/// What each kind of touch cost since so long ago, and what came of it.
///
/// # Errors
/// When the store is away.
pub async fn touchpoints(app: &Arc<App>, site: &Arc<Site>, since: Span) -> Result<TouchpointsReport, ModelsError> {
    over_leads(app, site, since, |app, site, (from, now)| async move {
        let model = site.model();
        let mut report = Touchpoints::new(&model, from, now);
        visit(&app, &site, |lead| report.add(lead)).await?;
        Ok(report.finish())
    })
    .await
}

/// What each offer brings, of visitors who first met it since so long ago.
///
/// # Errors
/// When the store is away.
pub async fn experiments(app: &Arc<App>, site: &Arc<Site>, since: Span) -> Result<ExperimentsReport, ModelsError> {
    over_leads(app, site, since, |app, site, (from, now)| async move {
        let model = site.model();
        let mut report = Experiments::new(&model, from, now);
        visit(&app, &site, |lead| report.add(lead)).await?;
        Ok(report.finish())
    })
    .await
}

/// Works on a thread of its own: answers to pages do not wait for it.
async fn over_leads<R, W>(
    app: &Arc<App>,
    site: &Arc<Site>,
    since: Span,
    work: impl FnOnce(Arc<App>, Arc<Site>, (Millis, Millis)) -> W,
) -> Result<R, ModelsError>
where
    R: Send + 'static,
    W: Future<Output = Result<R, ModelsError>> + Send + 'static,
{
    let now = app.clock.now();
    let working = aside(work(app.clone(), site.clone(), (now.minus(since), now)));
    working.await.map_err(|error| ModelsError::Broken(error.to_string()))?
}

async fn visit(app: &App, site: &Site, mut visit: impl FnMut(&Lead)) -> Result<(), StoreError> {
    each_lead(app, &site.name, |_, lead| visit(lead)).await
}
