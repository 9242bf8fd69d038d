//! What stands in a model and makes no difference: it repeats something, something before it always comes first, or nothing
//! uses it.

use super::place::Place;
use super::possible::always;
use super::{Basis, Effect, Model, Rule, TouchRule};
use crate::condition::{Condition, Field, Literal, Test};
use crate::points::Points;
use crate::touch::Trust;

/// What makes no difference: where, what stands there, and what to do about it.
pub(super) fn shadows<'t>(model: &Model, top: &Place<'t>) -> Vec<(Place<'t>, String, String)> {
    let mut found = Vec::new();
    segments(model, top, &mut found);
    rules(model, top, &mut found);
    labels(model, top, &mut found);
    groups(model, top, &mut found);
    tags(model, top, &mut found);
    found
}

type Found<'t> = Vec<(Place<'t>, String, String)>;

/// The first segment whose condition holds counts: one behind it that holds only where that one does is never looked at.
fn segments<'t>(model: &Model, top: &Place<'t>, found: &mut Found<'t>) {
    let stages = model.stages.iter().len();
    for (number, stage) in model.stages.iter().enumerate() {
        for (place, segment) in stage.segments.iter().enumerate() {
            let before = stage
                .segments
                .iter()
                .take(place)
                .position(|before| always(&before.when, stages) || normal(&before.when) == normal(&segment.when));
            if let Some(before) = before {
                let place = top.key("stages").item(number).key("segments").item(place).key("when");
                let what = format!("segments[{before}] holds whenever this one does, and comes first: it never counts");
                found.push((place, what, "put it before that one, or leave it out".to_owned()));
            }
        }
    }
}

/// An earlier rule with the same condition that gives the same kind of thing.
fn rules<'t>(model: &Model, top: &Place<'t>, found: &mut Found<'t>) {
    for (number, rule) in model.rules.iter().enumerate() {
        let earlier = model.rules.iter().take(number).enumerate().find(|(_, other)| same_ground(rule, other));
        if let Some((earlier, other)) = earlier {
            let key = if matches!(rule.basis, Basis::State(_)) { "while" } else { "when" };
            let place = top.key("rules").item(number).key(key);
            let what = format!("the same condition as rules[{earlier}] ({}): both count, each time", other.id);
            found.push((place, what, "join them, or let the conditions differ".to_owned()));
        }
    }
}

/// Whether two rules give the same kind of thing to the same score for the same reason, each time.
fn same_ground(one: &Rule, other: &Rule) -> bool {
    if one.score != other.score {
        return false;
    }
    match (&one.basis, &other.basis) {
        // One that only tells repeats nothing.
        (Basis::State(one), Basis::State(other)) => {
            normal(&one.holds) == normal(&other.holds) && one.points != Points::ZERO && other.points != Points::ZERO
        }
        (Basis::Touch(one), Basis::Touch(other)) => {
            let kind = |effect: Effect| std::mem::discriminant(&effect);
            let trust = |rule: &TouchRule| rule.trust.unwrap_or(Trust::Browser);
            normal(&one.when) == normal(&other.when)
                && kind(one.effect) == kind(other.effect)
                && trust(one) == trust(other)
                && (one.from, one.per, one.keep) == (other.from, other.per, other.keep)
        }
        _ => false,
    }
}

/// A label that is given twice for the same thing.
fn labels<'t>(model: &Model, top: &Place<'t>, found: &mut Found<'t>) {
    for (number, label) in model.labels.iter().enumerate() {
        let earlier = model
            .labels
            .iter()
            .take(number)
            .position(|earlier| earlier.label == label.label && normal(&earlier.when) == normal(&label.when));
        if let Some(earlier) = earlier {
            let place = top.key("labels").item(number).key("when");
            let what = format!("the same label for the same condition as labels[{earlier}]");
            found.push((place, what, "leave one of the two out".to_owned()));
        }
    }
}

fn groups<'t>(model: &Model, top: &Place<'t>, found: &mut Found<'t>) {
    for (number, group) in model.groups.iter().enumerate() {
        if !model.rules.iter().any(|rule| rule.group == Some(number)) {
            let place = top.key("groups").item(number);
            found.push((
                place,
                format!("no rule is in the group {}", group.id),
                "leave it out, or name it in rules".to_owned(),
            ));
        }
    }
}

/// A tag that no page can have.
fn tags<'t>(model: &Model, top: &Place<'t>, found: &mut Found<'t>) {
    for tag in model.page_tags.without_patterns() {
        let place = top.key("page_tags").key(tag);
        found.push((
            place,
            "no pattern: no page ever has this tag".to_owned(),
            "give it patterns, or leave it out".to_owned(),
        ));
    }
}

/// A condition in one spelling of those that mean the same: lists of one member are the member, lists in lists of their kind
/// are one, the order does not matter, and one of a single value is that value.
fn normal(condition: &Condition) -> String {
    let list = |name: &str, parts: &[Condition], own: fn(&Condition) -> Option<&[Condition]>| {
        let mut open: Vec<&Condition> = parts.iter().collect();
        let mut spelt = Vec::new();
        while let Some(part) = open.pop() {
            match own(part) {
                Some(inner) => open.extend(inner),
                None => spelt.push(normal(part)),
            }
        }
        spelt.sort();
        spelt.dedup();
        match spelt.as_slice() {
            [one] => one.clone(),
            _ => format!("{name}({})", spelt.join(",")),
        }
    };
    match condition {
        Condition::All(parts) => list("all", parts, |part| match part {
            Condition::All(inner) => Some(inner),
            _ => None,
        }),
        Condition::Any(parts) => list("any", parts, |part| match part {
            Condition::Any(inner) => Some(inner),
            _ => None,
        }),
        Condition::Not(part) => match &**part {
            Condition::Not(inner) => normal(inner),
            _ => format!("not({})", normal(part)),
        },
        Condition::Compare(comparison) => compared(&comparison.field, &comparison.test),
        Condition::Sequence(sequence) => {
            let steps: Vec<String> = sequence.steps.iter().map(normal).collect();
            let without = sequence.without.as_deref().map(normal);
            format!("sequence({}){without:?}{:?}", steps.join(","), sequence.within)
        }
    }
}

fn compared(field: &Field, test: &Test) -> String {
    let one_of = |mut values: Vec<String>| {
        values.sort();
        values.dedup();
        format!("{field:?} in {values:?}")
    };
    let spelt = |literal: &Literal| format!("{literal:?}");
    match test {
        Test::Equal(value) => one_of(vec![spelt(value)]),
        Test::In(values) => one_of(values.iter().map(spelt).collect()),
        other => format!("{field:?} {other:?}"),
    }
}
