//! The explanation of a score: its lines, and why the stage is what it is.

use crate::contribution::{Contribution, Origin};
use crate::decay::left_after;
use crate::evaluate::{Cause, Limit, Line, StageCause, Title};
use crate::model::{Model, Rule, RuleId};
use crate::points::Points;
use crate::slots::{Owner, bounded, within_cap};
use crate::time::Millis;
use crate::timeline::{Mover, StageHistory, Timeline};
use crate::touch::TouchId;

/// Every score, and the lines that they are the sums of: newest first, then limits.
pub(crate) fn scores(timeline: &Timeline<'_>, at: Millis) -> (Vec<Points>, Vec<Line>) {
    let mut sums = vec![Points::ZERO; timeline.slots.len()];
    let mut lines = Vec::with_capacity(timeline.contributions.len());
    let mut limited = false;
    for contribution in timeline.contributions.iter().rev().filter(|one| one.runs(at)) {
        let steps = contribution.steps(at);
        let points_now = left_after(contribution.points, steps);
        let granted = contribution.granted == contribution.points;
        let value = if granted { points_now } else { left_after(contribution.granted, steps) };
        limited |= value != points_now;
        if let Some(sum) = sums.get_mut(contribution.slot) {
            *sum += value;
        }
        if points_now == Points::ZERO {
            continue;
        }
        let Some(rule) = timeline.model.rules.get(contribution.rule) else { continue };
        let Some(cause) = cause(timeline, contribution) else { continue };
        lines.push(Line {
            cause,
            rule: Some(rule.id.clone()),
            score: contribution.score,
            title: Title::Rule(contribution.rule),
            time: contribution.start,
            points_then: contribution.points,
            points_now,
            next_change: contribution.next_change(steps, at),
        });
    }
    limited |= timeline.slots.scores(&mut sums);
    if limited {
        for score in 0..timeline.model.scores.len() {
            lines.extend(limit_lines(timeline, score, at));
        }
    }
    (sums, lines)
}

fn cause(timeline: &Timeline<'_>, contribution: &Contribution) -> Option<Cause> {
    match contribution.origin {
        Origin::Touch(place) => Some(Cause::Touch { touch: touch_id(timeline, place)? }),
        Origin::Fold(place, count) => {
            let place = place as usize;
            let (touch, fold) = (touch_id(timeline, place)?, timeline.state.fold(place)?);
            Some(Cause::Fold { touch, count, first: fold.first, last: fold.last })
        }
        Origin::State(_) => Some(Cause::State),
    }
}

fn touch_id(timeline: &Timeline<'_>, place: usize) -> Option<TouchId> {
    timeline.state.touches.get(place).map(|touch| touch.id.clone())
}

/// A limit of one score, as what it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limiting {
    Browser,
    Slot(usize),
    Ceiling,
    Floor,
}

/// What each limit of a score takes away, of contributions of which `value` is left of what the browser cap leaves, and
/// `full` of what the rule gives.
fn cuts(
    timeline: &Timeline<'_>,
    score: usize,
    value: impl Fn(&Contribution) -> Points,
    full: impl Fn(&Contribution) -> Points,
) -> Vec<(Limiting, Points)> {
    let slots = &timeline.slots;
    let mut sums = vec![Points::ZERO; slots.len()];
    let mut of_browser = Points::ZERO;
    for contribution in timeline.contributions.iter().filter(|one| one.score == score) {
        let left = value(contribution);
        of_browser += left - full(contribution);
        if let Some(sum) = sums.get_mut(contribution.slot) {
            *sum += left;
        }
    }
    slots.fold(&mut sums);
    let mut cuts = vec![(Limiting::Browser, of_browser)];
    let own = |owner: Owner| slots.iter().filter(move |(_, slot)| slot.score == score && same_kind(slot.owner, owner));
    for owner in [Owner::Rule(0), Owner::Group(0), Owner::Score] {
        for (place, slot) in own(owner) {
            let sum = sums.get(place).copied().unwrap_or_default();
            cuts.push((Limiting::Slot(place), within_cap(sum, slot.cap) - sum));
        }
    }
    let sum = sums.get(score).copied().unwrap_or_default();
    if let Some(limits) = timeline.model.scores.get(score) {
        let capped = within_cap(sum, limits.cap);
        let below = limits.ceiling.map_or(capped, |ceiling| capped.min(ceiling));
        cuts.push((Limiting::Ceiling, below - capped));
        cuts.push((Limiting::Floor, bounded(limits, capped) - below));
    }
    cuts
}

fn same_kind(one: Owner, other: Owner) -> bool {
    std::mem::discriminant(&one) == std::mem::discriminant(&other)
}

/// How many instants are tried for the next change of a limit before it is given as unknown.
const TRIED_INSTANTS: usize = 256;

fn limit_lines(timeline: &Timeline<'_>, score: usize, at: Millis) -> Vec<Line> {
    let cut_at = |at: Millis| cuts(timeline, score, |one| one.value(at), |one| one.full(at));
    let now = cut_at(at);
    if now.iter().all(|(_, points)| *points == Points::ZERO) {
        return Vec::new();
    }
    let live = |one: &Contribution| one.full(at) != Points::ZERO;
    let undecayed = |points: Points, one: &Contribution| if live(one) { points } else { Points::ZERO };
    let then = cuts(timeline, score, |one| undecayed(one.granted, one), |one| undecayed(one.points, one));
    let own = || timeline.contributions.iter().filter(|one| one.score == score);
    let next_instant = |at: &Millis| own().filter_map(|one| one.next(*at)).min();
    let mut lines = Vec::new();
    for (place, (limiting, points_now)) in now.into_iter().enumerate() {
        if points_now == Points::ZERO {
            continue;
        }
        let of = |cuts: &[(Limiting, Points)]| cuts.get(place).map_or(Points::ZERO, |(_, points)| *points);
        let instants = std::iter::successors(next_instant(&at), next_instant).take(TRIED_INSTANTS);
        let next_change = instants.map(|next| (next, of(&cut_at(next)))).find(|(_, points)| *points != points_now);
        let concerned = |one: &&Contribution| match limiting {
            Limiting::Browser => one.granted != one.points,
            Limiting::Slot(slot) => slot < timeline.model.scores.len() || one.slot == slot || live(one),
            Limiting::Ceiling | Limiting::Floor => true,
        };
        let (limit, title) = described(timeline.model, &timeline.slots, limiting, score);
        let rule = match limit {
            Limit::RuleCap => slot_rule(timeline, limiting),
            _ => None,
        };
        lines.push(Line {
            cause: Cause::Limit { limit },
            rule: rule.map(|rule| rule.id.clone()),
            score,
            title: Title::Limit(title.into()),
            time: own().find(|one| live(one) && concerned(one)).map_or(at, |one| one.start),
            points_then: of(&then),
            points_now,
            next_change,
        });
    }
    lines
}

fn slot_rule<'a>(timeline: &Timeline<'a>, limiting: Limiting) -> Option<&'a Rule> {
    let Limiting::Slot(place) = limiting else { return None };
    match timeline.slots.get(place)?.owner {
        Owner::Rule(number) => timeline.model.rules.get(number),
        Owner::Group(_) | Owner::Score => None,
    }
}

fn described(model: &Model, slots: &crate::slots::Slots<'_>, limiting: Limiting, score: usize) -> (Limit, String) {
    let text = |points: Option<Points>| points.map_or_else(String::new, |points| points.to_string());
    let limits = model.scores.get(score);
    let title = limits.map_or_else(String::new, |score| score.title.to_string());
    match limiting {
        Limiting::Browser => {
            let cap =
                model.browser_cap.map(|cap| format!("At most {} from the browser within {}", cap.points, cap.every));
            (Limit::BrowserCap, cap.unwrap_or_default())
        }
        Limiting::Ceiling => {
            (Limit::Ceiling, format!("{title}: never above {}", text(limits.and_then(|score| score.ceiling))))
        }
        Limiting::Floor => {
            (Limit::Floor, format!("{title}: never below {}", text(limits.and_then(|score| score.floor))))
        }
        Limiting::Slot(place) => {
            let slot = slots.get(place);
            let cap = text(slot.and_then(|slot| slot.cap));
            match slot.map(|slot| slot.owner) {
                Some(Owner::Rule(number)) => {
                    let rule = model.rules.get(number).map_or_else(String::new, |rule| rule.title.to_string());
                    (Limit::RuleCap, format!("{rule}: at most {cap}"))
                }
                Some(Owner::Group(number)) => {
                    let group = model.groups.get(number).map_or("", |group| group.id.as_str());
                    (Limit::GroupCap { group: number }, format!("{group}: at most {cap} together"))
                }
                _ => (Limit::ScoreCap, format!("{title}: at most {cap}")),
            }
        }
    }
}

/// Why the stage is what it is.
pub(crate) fn stage_cause(timeline: &Timeline<'_>) -> StageCause {
    cause_of(timeline, &timeline.history)
}

/// Why a stage came.
pub(crate) fn cause_of(timeline: &Timeline<'_>, history: &StageHistory) -> StageCause {
    let rule_id = |number: usize| timeline.model.rules.get(number).map(|rule| rule.id.clone());
    let of_touch = |place: usize, rule: RuleId| match touch_id(timeline, place) {
        Some(touch) => StageCause::Touch { touch, rule },
        None => StageCause::Cooling,
    };
    match history.mover {
        None => StageCause::Initial,
        Some(Mover::Time) => StageCause::Cooling,
        Some(Mover::HandBack { rule, touch }) => match (touch_id(timeline, touch), rule_id(rule)) {
            (Some(touch), Some(rule)) => StageCause::HandBack { touch, rule },
            _ => StageCause::Cooling,
        },
        Some(Mover::Contribution(place)) => {
            let contribution = timeline.contributions.get(place);
            let rule = contribution.and_then(|one| rule_id(one.rule));
            match (contribution.map(|one| one.origin), rule) {
                (Some(Origin::Touch(place)), Some(rule)) => of_touch(place, rule),
                (Some(Origin::Fold(place, _)), Some(rule)) => of_touch(place as usize, rule),
                (Some(Origin::State(_)), Some(rule)) => StageCause::State { rule },
                _ => StageCause::Cooling,
            }
        }
    }
}
