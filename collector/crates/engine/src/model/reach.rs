//! How high a score can become: an upper bound from what its rules give and what limits them.

use super::place::Place;
use super::possible::{never, of_pages_alone};
use super::{Basis, Effect, Model, Per, Rule};
use crate::points::Points;
use crate::time::Span;

/// The most that a score can be for anybody; `None`: there is no bound that follows from the model.
pub(super) fn highest(model: &Model, score: usize) -> Option<Points> {
    let limits = model.scores.get(score)?;
    let ceilings = [limits.cap, limits.ceiling].into_iter().flatten();
    ceilings.chain(given(model, score)).min()
}

/// What all rules of a score give together at most.
fn given(model: &Model, score: usize) -> Option<Points> {
    let own: Vec<&Rule> = model.rules.iter().filter(|rule| rule.score == score && can_match(model, rule)).collect();
    let level = |rule: &Rule| if let Effect::RaiseTo(level) = effect(rule)? { Some(level) } else { None };
    let raised = own.iter().filter_map(|rule| level(rule)).max();
    // Where points are taken away and come back, raising may give more than once what it raises to.
    if raised.is_some() && own.iter().any(|rule| takes(rule)) {
        return None;
    }
    let all_told = within_groups(model, own.iter().copied());
    let most = [all_told, within_browser_cap(model, &own)].into_iter().flatten().min()?;
    Some(plus(most, raised.unwrap_or_default()))
}

/// What rules give together at most, when those that only pages can match give what the browser may give at most.
fn within_browser_cap(model: &Model, rules: &[&Rule]) -> Option<Points> {
    let cap = model.browser_cap?;
    let of_page = |rule: &&Rule| matches!(&rule.basis, Basis::Touch(touch) if of_pages_alone(&touch.when));
    let (of_pages, others): (Vec<&Rule>, Vec<&Rule>) = rules.iter().partition(|rule| of_page(rule));
    let longest = of_pages.into_iter().map(lasts).try_fold(Span(0), |most, one| Some(most.max(one?)))?;
    let browser = repeated(cap.points, Per { times: 1, every: Some(cap.every) }, Some(longest))?;
    Some(plus(browser, within_groups(model, others.into_iter())?))
}

/// What rules of one score give together at most, after the caps of groups.
fn within_groups<'m>(model: &Model, rules: impl Iterator<Item = &'m Rule>) -> Option<Points> {
    // One sum a group, and the last for rules without one; `None`: no bound.
    let mut sums = vec![Some(Points::ZERO); model.groups.len() + 1];
    for rule in rules {
        if let Some(sum) = sums.get_mut(rule.group.unwrap_or(model.groups.len())) {
            *sum = sum.and_then(|sum| Some(plus(sum, most(rule)?)));
        }
    }
    let caps = model.groups.iter().map(|group| group.cap).chain([None]);
    sums.into_iter()
        .zip(caps)
        .try_fold(Points::ZERO, |total, (sum, cap)| Some(plus(total, sum.into_iter().chain(cap).min()?)))
}

/// What one rule gives at most at any instant, apart from raising; `None`: no bound.
fn most(rule: &Rule) -> Option<Points> {
    rule.cap.into_iter().chain(uncapped(rule)).min()
}

/// The same without its own cap.
pub(super) fn uncapped(rule: &Rule) -> Option<Points> {
    match &rule.basis {
        Basis::State(state) => Some(state.points.max(Points::ZERO)),
        Basis::Touch(touch) => match touch.effect {
            Effect::Points(points) if points > Points::ZERO => {
                touch.per.and_then(|per| repeated(points, per, lasts(rule)))
            }
            Effect::PointsPer { points, .. } if points > Points::ZERO => None,
            _ => Some(Points::ZERO),
        },
    }
}

/// What points that are given at most so often add up to, when none lasts longer than `lasts`.
fn repeated(points: Points, per: Per, lasts: Option<Span>) -> Option<Points> {
    let periods = match per.every {
        None => 1,
        Some(every) => lasts?.0.checked_div(every.0)?.checked_add(2)?,
    };
    points.0.checked_mul(i64::from(per.times))?.checked_mul(periods).map(Points)
}

/// How long a full point of a rule lasts at most, all told: the sum of what is left of it over time. `None`: for ever.
fn lasts(rule: &Rule) -> Option<Span> {
    let expires = match &rule.basis {
        Basis::Touch(touch) => touch.expires,
        Basis::State(_) => None,
    };
    // Halving for ever adds up to 1 / ln 2 = 1.4427 half-lives; in steps of a 64th, to at most 1.46.
    let cooled = rule.half_life.map(|half_life| Span(half_life.0.saturating_mul(3) / 2));
    expires.into_iter().chain(cooled).min()
}

fn effect(rule: &Rule) -> Option<Effect> {
    if let Basis::Touch(touch) = &rule.basis { Some(touch.effect) } else { None }
}

fn takes(rule: &Rule) -> bool {
    match &rule.basis {
        Basis::State(state) => state.points < Points::ZERO,
        Basis::Touch(touch) => match touch.effect {
            Effect::Points(points) | Effect::PointsPer { points, .. } => points < Points::ZERO,
            Effect::RaiseTo(_) | Effect::SetStage(_) | Effect::HandBack => false,
        },
    }
}

/// Whether anything can match a rule.
pub(super) fn can_match(model: &Model, rule: &Rule) -> bool {
    let condition = match &rule.basis {
        Basis::Touch(touch) => &touch.when,
        Basis::State(state) => &state.holds,
    };
    never(condition, &Place::default(), model.stages.iter().len()).is_none()
}

fn plus(one: Points, other: Points) -> Points {
    Points(one.0.saturating_add(other.0))
}
