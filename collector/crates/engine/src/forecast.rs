//! Forecast: what changes without any event, and when.

use crate::evaluate::instant;
use crate::lead::Lead;
use crate::model::{Model, StageIndex};
use crate::orders::Orders;
use crate::points::Points;
use crate::time::Millis;
use crate::timeline::Timeline;

/// The next change of the derived stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextChange {
    /// The first instant at which the stage differs.
    pub at: Millis,
    /// The stage until then.
    pub from_stage: StageIndex,
    /// The stage from then on.
    pub to_stage: StageIndex,
    /// The score at that instant.
    pub score: Points,
}

/// The first instant after `now` at which the derived stage differs, if no event comes; `None`: it never does.
#[must_use]
pub fn next_change(lead: &Lead, model: &Model, now: Millis) -> Option<NextChange> {
    let from = instant(lead, now);
    let timeline = Timeline::of(lead, &Orders::of(lead.touches()), model);
    let from_stage = timeline.stage(from, from).stage;
    let (at, score) = timeline.next_change(from_stage, from)?;
    Some(NextChange { at, from_stage, to_stage: model.stages.follow(from_stage, score), score })
}

/// The highest score in `[now, until]`, if no event comes: the score now, unless points below zero are to cool.
///
/// Never less than any score in the interval. With very many touches of both signs it may be a little more than the highest,
/// since the search is bounded.
#[must_use]
pub fn bound(lead: &Lead, model: &Model, now: Millis, until: Millis) -> Points {
    let from = instant(lead, now);
    Timeline::of(lead, &Orders::of(lead.touches()), model).highest(from, until.max(from))
}
