//! Stages as pages show them: by colour, by shape and by name, so that none of the three has to be seen.

use engine::{Model, StageIndex};

use super::language::Language;

/// A stage's badge.
pub(super) struct Badge {
    /// As the model calls it, for filters.
    pub(super) name: String,
    /// In the page's language.
    pub(super) shown: String,
    /// `cold`, `warm` or `hot`: the class of its colour and shape. Models may have more stages than that.
    pub(super) tone: &'static str,
}

impl Badge {
    pub(super) fn of(model: &Model, stage: StageIndex, language: Language) -> Self {
        let name = model.stages.name(stage);
        let tone = match stage.0 {
            0 => "cold",
            place if place + 1 == model.stages.iter().len() => "hot",
            _ => "warm",
        };
        Self { name: name.to_owned(), shown: language.stage(name).to_owned(), tone }
    }

    /// All of a model, hottest first.
    pub(super) fn all(model: &Model, language: Language) -> Vec<Self> {
        (0..model.stages.iter().len()).rev().map(|place| Self::of(model, StageIndex(place), language)).collect()
    }
}

/// How full a heat bar of 100 units is: the score between zero and half as much again as the hottest stage asks for.
pub(super) fn heat(model: &Model, score: engine::Points) -> i64 {
    let top = model.stages.iter().last().and_then(|stage| stage.enter).map_or(100_000_000, |enter| enter.at.0);
    let full = i128::from(top.max(1)) * 3 / 2;
    i64::try_from(i128::from(score.0.max(0)) * 100 / full).unwrap_or(100).clamp(0, 100)
}
