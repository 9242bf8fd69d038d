//! Studies: what a model would make of the leads there are, and reports of what became of them. Pure; whoever asks hands in
//! the leads.
//!
//! Reports read what was told, which are touches of our own: publishing a model never rewrites one.

mod backtest;
mod calibration;
mod carts;
mod experiments;
mod funnel;
mod stages;
pub mod statistics;
mod touchpoints;

pub use backtest::{Backtest, BacktestReport, Day, Moved, Quality};
pub use calibration::{Calibration, CalibrationReport, ENOUGH};
pub use carts::{Carts, CartsReport, CartsStudy};
pub use experiments::{
    Band, Comparison, ENOUGH as ENOUGH_ORDERS, ExperimentReport, Experiments, ExperimentsReport, GroupRow, SHOWN,
    Verdict,
};
pub use funnel::{FunnelReport, FunnelStudy};
pub use stages::{StageRow, Stages, StagesReport};
pub use touchpoints::{KindRow, Success, Touchpoints, TouchpointsReport, WHOLE};

use engine::{Lead, Millis, Model, StageIndex, touch::event};

/// When a lead bought, by whoever told first, ascending; a later telling of the same order is not another purchase.
fn purchases(lead: &Lead) -> Vec<Millis> {
    let mut seen = Vec::new();
    let mut times = Vec::new();
    for touch in lead.touches().iter().filter(|touch| touch.is(event::PURCHASE)) {
        if let Some(transaction) = &touch.transaction {
            if seen.contains(&transaction) {
                continue;
            }
            seen.push(transaction);
        }
        times.push(touch.time);
    }
    times
}

/// The highest stage of a model: what a marketer calls hot.
fn highest(model: &Model) -> StageIndex {
    StageIndex(model.stages.iter().len().saturating_sub(1))
}

/// The intervals `[from, until)` in which a lead was in the highest stage of a model, as far as `now`.
fn hot(lead: &Lead, model: &Model, now: Millis) -> Vec<(Millis, Millis)> {
    let top = highest(model);
    let mut intervals = Vec::new();
    let mut since = None;
    for transition in engine::transitions(lead, model, now) {
        if transition.to == top {
            since = Some(transition.at);
        } else if let Some(from) = since.take() {
            intervals.push((from, transition.at));
        }
    }
    intervals.extend(since.map(|from| (from, Millis(now.0.saturating_add(1)))));
    intervals
}
