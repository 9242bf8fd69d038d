//! Everything that a model says of one lead: lines, stages, what is missing, and why rules did not count.

use std::collections::BTreeMap;

use engine::{Lead, Millis, Model, StageCause, WhyNot};
use serde::{Deserialize, Serialize};

use crate::account::{self, LineAccount, NextStage};
use crate::log_record::KeptLead;

/// What a model makes of a lead, in words. Points as exact decimal text, instants in ms since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// Name and version of the model.
    pub model: String,
    /// Every score: name, points.
    pub scores: Vec<(String, String)>,
    /// The lines, newest first, limits last.
    pub lines: Vec<LineAccount>,
    /// The stage, since when, and why.
    pub stage: (String, i64, String),
    /// Every change of the stage: when, from, to, why.
    pub transitions: Vec<(i64, String, String, String)>,
    /// The stage that follows if nothing happens.
    pub next_change: Option<NextStage>,
    /// What it takes to each higher stage.
    pub missing: Vec<Lacking>,
    /// What each rule made of the touches, in the order of the model; rules that no touch came near are left out.
    pub rules: Vec<RuleAccount>,
    /// The last events that became no touch, newest first: when, event, code, field.
    pub refused: Vec<(i64, Option<String>, String, Option<String>)>,
}

/// A higher stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lacking {
    /// Its name.
    pub stage: String,
    /// Where it is entered, for this visitor.
    pub enter: String,
    /// Points that are missing.
    pub points: String,
}

/// What one rule made of the touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleAccount {
    /// The rule.
    pub rule: String,
    /// How many touches it gave something for.
    pub given: usize,
    /// Why it gave nothing for others of its events: the reason, and how many.
    pub refused: Vec<(String, usize)>,
    /// For a rule with `while` that does not hold now: which part of its condition.
    pub state: Option<String>,
}

/// Explains a lead under a model at an instant.
#[must_use]
pub fn explain(kept: &KeptLead, model: &Model, now: Millis) -> Explained {
    let lead = &kept.lead;
    let evaluation = engine::evaluate(lead, model, now);
    let stage = |place: engine::StageIndex| model.stages.name(place).to_owned();
    let score = |place: usize| model.scores.get(place).map_or_else(String::new, |score| score.name.clone());
    let scores = evaluation.scores.iter().enumerate().map(|(place, points)| (score(place), points.to_string()));
    let transitions = engine::transitions(lead, model, now)
        .into_iter()
        .map(|one| (one.at.0, stage(one.from), stage(one.to), why(&one.why)));
    let missing = engine::missing(lead, model, now).into_iter().map(|one| Lacking {
        stage: stage(one.stage),
        enter: one.enter.to_string(),
        points: one.points.to_string(),
    });
    let refused =
        kept.refused.iter().rev().map(|one| (one.at.0, one.event.clone(), one.code.clone(), one.field.clone()));
    Explained {
        model: format!("{} {}", model.name, model.version),
        scores: scores.collect(),
        lines: account::lines(lead, model, &evaluation),
        stage: (evaluation.stage_name.clone(), evaluation.since.0, why(&evaluation.why)),
        transitions: transitions.collect(),
        next_change: account::next_stage(lead, model, now),
        missing: missing.collect(),
        rules: model.rules.iter().filter_map(|rule| account(lead, model, rule, now)).collect(),
        refused: refused.collect(),
    }
}

fn account(lead: &Lead, model: &Model, rule: &engine::model::Rule, now: Millis) -> Option<RuleAccount> {
    let story = engine::rule_story(lead, model, &rule.id, now)?;
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    for (_, why) in &story.refused {
        if let Some(reason) = refusal(why) {
            *refused.entry(reason).or_default() += 1;
        }
    }
    let account = RuleAccount {
        rule: rule.id.to_string(),
        given: story.given.len(),
        refused: refused.into_iter().collect(),
        state: story.state.map(|failing| failing.detail),
    };
    let silent = account.given == 0 && account.refused.is_empty() && account.state.is_none();
    (!silent).then_some(account)
}

/// Why a rule gave nothing for a touch; `None`: it is about other events, which is no news.
fn refusal(why: &WhyNot) -> Option<String> {
    match why {
        WhyNot::Condition(failing) if failing.detail.starts_with("event ") => None,
        WhyNot::Condition(failing) => Some(format!("not {}", failing.detail)),
        WhyNot::NotCounted => None,
        WhyNot::Trust(trust) => Some(format!("trusted only as {}", trust.name())),
        WhyNot::NoValue => Some("no value in the site's currency".to_owned()),
        WhyNot::TooFew { from, .. } => Some(format!("before match {from}")),
        WhyNot::Limit(per) => Some(match per.every {
            Some(every) => format!("more than {} within {every}", per.times),
            None => format!("more than {}", per.times),
        }),
    }
}

fn why(cause: &StageCause) -> String {
    match cause {
        StageCause::Initial => "since the first event".to_owned(),
        StageCause::Touch { rule, touch } => format!("rule {rule}, touch {touch}"),
        StageCause::State { rule } => format!("rule {rule}"),
        StageCause::HandBack { rule, touch } => format!("handed back by rule {rule}, touch {touch}"),
        StageCause::Cooling => "cooling".to_owned(),
    }
}
