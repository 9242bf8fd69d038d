//! The explanation of a score: its lines, and why the stage is what it is.

use crate::evaluate::{Cause, Limit, Line, StageCause};
use crate::lead::Lead;
use crate::points::Points;
use crate::time::Millis;
use crate::timeline::{Contribution, StageHistory, Timeline, within_cap};
use crate::touch::TouchId;

/// The lines that a score is the sum of: touches newest first, then limits.
pub(crate) fn lines(timeline: &Timeline<'_>, lead: &Lead, at: Millis) -> Vec<Line> {
    let rules = &timeline.model.rules;
    let mut lines: Vec<Line> = Vec::new();
    for contribution in timeline.contributions.iter().rev() {
        let points_now = contribution.full(at);
        let (Some(touch), Some(rule)) = (touch_id(lead, contribution), rules.get(contribution.rule)) else { continue };
        if points_now == Points::ZERO {
            continue;
        }
        lines.push(Line {
            cause: Cause::Touch { touch },
            rule: Some(rule.id.clone()),
            title: rule.title.clone(),
            time: contribution.start,
            points_then: contribution.points,
            points_now,
            next_change: contribution.next(at).map(|next| (next, contribution.full(next))),
        });
    }
    lines.extend(browser_cap_line(timeline, at));
    for (number, cap, own) in timeline.capped() {
        let Some(rule) = rules.get(number) else { continue };
        let cut = |at: Millis| {
            let sum = own.iter().map(|contribution| contribution.value(at)).sum();
            within_cap(sum, cap) - sum
        };
        let given: Points = own.iter().map(|contribution| contribution.granted).sum();
        let title = format!("{}: at most {cap}", rule.title);
        let Some(line) = limit_line(Limit::RuleCap, title, within_cap(given, cap) - given, &own, at, cut) else {
            continue;
        };
        lines.push(Line { rule: Some(rule.id.clone()), ..line });
    }
    lines
}

/// The line that takes away what browser events gave above the model's cap.
fn browser_cap_line(timeline: &Timeline<'_>, at: Millis) -> Option<Line> {
    let cap = timeline.model.browser_cap?;
    let cut: Vec<&Contribution> = timeline.contributions.iter().filter(|one| one.granted != one.points).collect();
    let taken = |at: Millis| cut.iter().map(|contribution| contribution.value(at) - contribution.full(at)).sum();
    let title = format!("At most {} from the browser within {}", cap.points, cap.every);
    let then = cut.iter().map(|contribution| contribution.granted - contribution.points).sum();
    limit_line(Limit::BrowserCap, title, then, &cut, at, taken)
}

/// How many instants are tried for the next change of a limit before it is given as unknown.
const TRIED_INSTANTS: usize = 256;

/// A line that takes `cut(at)` points away; `None` when that is nothing.
fn limit_line(
    limit: Limit,
    title: String,
    points_then: Points,
    own: &[&Contribution],
    at: Millis,
    cut: impl Fn(Millis) -> Points,
) -> Option<Line> {
    let points_now = cut(at);
    if points_now == Points::ZERO {
        return None;
    }
    let next_instant = |at: &Millis| own.iter().filter_map(|contribution| contribution.next(*at)).min();
    let instants = std::iter::successors(next_instant(&at), next_instant).take(TRIED_INSTANTS);
    let next_change = instants.map(|next| (next, cut(next))).find(|(_, points)| *points != points_now);
    let time = own.first().map_or(at, |contribution| contribution.start);
    let cause = Cause::Limit { limit };
    Some(Line { cause, rule: None, title: title.into(), time, points_then, points_now, next_change })
}

/// Why the stage is what it is.
pub(crate) fn stage_cause(history: &StageHistory, timeline: &Timeline<'_>, lead: &Lead) -> StageCause {
    match history.cause {
        None => StageCause::Initial,
        Some(None) => StageCause::Cooling,
        Some(Some(contribution)) => {
            match (touch_id(lead, &contribution), timeline.model.rules.get(contribution.rule)) {
                (Some(touch), Some(rule)) => StageCause::Touch { touch, rule: rule.id.clone() },
                _ => StageCause::Cooling,
            }
        }
    }
}

fn touch_id(lead: &Lead, contribution: &Contribution) -> Option<TouchId> {
    lead.touches().get(contribution.touch).map(|touch| touch.id.clone())
}
