//! Why not: why a rule did not count a touch, and what a lead lacks to a higher stage.

use crate::condition::Failing;
use crate::evaluate::{StageCause, instant};
use crate::explanation;
use crate::lead::Lead;
use crate::model::{Basis, Model, Per, RuleId, StageIndex, Threshold};
use crate::points::Points;
use crate::time::Millis;
use crate::timeline::{StageHistory, Timeline};
use crate::touch::{TouchId, Trust};

/// Why a rule gave nothing for a touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyNot {
    /// The touch counts for no rule: it is our own, or tells of an order again.
    NotCounted,
    /// The touch is trusted less than the rule asks for.
    Trust(Trust),
    /// This part of the condition decided against it.
    Condition(Failing),
    /// The rule asks for a value in the site's currency.
    NoValue,
    /// The rule counts from a later match on.
    TooFew {
        /// Which match this was.
        matched: u32,
        /// The first one that counts.
        from: u32,
    },
    /// The rule had counted as often as it may.
    Limit(Per),
}

/// Notes why one rule does not count.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    /// Place of the rule in the model.
    pub(crate) rule: usize,
    /// Places of touches, with why.
    pub(crate) refused: Vec<(usize, WhyNot)>,
}

/// What a rule made of a lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleStory {
    /// Touches that it gave something for, in canonical order, with what is left of that now. Points that have faded or
    /// ended are zero.
    pub given: Vec<(TouchId, Points)>,
    /// Touches that it gave nothing for, in canonical order.
    pub refused: Vec<(TouchId, WhyNot)>,
    /// For a rule with `while`: why it does not hold now; `None`: it does, or it is about touches.
    pub state: Option<Failing>,
}

/// What a rule made of each touch of a lead; `None`: the model has no such rule.
#[must_use]
pub fn rule_story(lead: &Lead, model: &Model, rule: &RuleId, now: Millis) -> Option<RuleStory> {
    let place = model.rules.iter().position(|held| held.id == *rule)?;
    let at = instant(lead, now);
    let timeline = Timeline::watched(lead, model, at, Some(Watch { rule: place, refused: Vec::new() }));
    let id = |place: usize| lead.touches().get(place).map(|touch| touch.id.clone());
    let given = timeline.contributions.iter().filter(|one| one.rule == place);
    let given = given.filter_map(|one| Some((id(one.touch()?)?, one.full(at)))).collect();
    let state = match &model.rules.get(place)?.basis {
        Basis::State(state) => state.holds.why_not(&timeline.state.known(None, timeline.history.stage)),
        Basis::Touch(_) => None,
    };
    let refused = timeline.watch.map(|watch| watch.refused).unwrap_or_default();
    let refused = refused.into_iter().filter_map(|(place, why)| Some((id(place)?, why))).collect();
    Some(RuleStory { given, refused, state })
}

/// A stage above the present one, and what it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// The stage.
    pub stage: StageIndex,
    /// Where it is entered, for this visitor.
    pub enter: Threshold,
    /// The fewest points that are missing: at least a millionth.
    pub points: Points,
}

/// What a lead lacks to each stage above its own, the next one first.
#[must_use]
pub fn missing(lead: &Lead, model: &Model, now: Millis) -> Vec<Missing> {
    let at = instant(lead, now);
    let timeline = Timeline::of(lead, model, at);
    let score = timeline.score(0, at);
    let above = timeline.bounds().iter().enumerate().skip(timeline.history.stage.0 + 1);
    above
        .filter_map(|(place, bounds)| {
            let enter = bounds.enter?;
            let least = if enter.inclusive { enter.at } else { enter.at + Points(1) };
            Some(Missing { stage: StageIndex(place), enter, points: least - score })
        })
        .collect()
}

/// A change of the derived stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// When.
    pub at: Millis,
    /// The stage before.
    pub from: StageIndex,
    /// The stage from then on.
    pub to: StageIndex,
    /// Why.
    pub why: StageCause,
}

/// Every change of the derived stage until `now`, in order: what the model makes of the ledger today, not what was announced
/// then.
#[must_use]
pub fn transitions(lead: &Lead, model: &Model, now: Millis) -> Vec<Transition> {
    let timeline = Timeline::of(lead, model, instant(lead, now));
    let stages: Vec<StageHistory> = timeline.earlier.iter().copied().chain([timeline.history]).collect();
    stages
        .windows(2)
        .filter_map(|pair| {
            let [before, after] = pair else { return None };
            let why = explanation::cause_of(&timeline, after);
            Some(Transition { at: after.since, from: before.stage, to: after.stage, why })
        })
        .collect()
}
