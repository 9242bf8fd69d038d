//! What stands in a model and makes no difference: it repeats something, something before it always comes first, or nothing
//! uses it.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::place::Place;
use super::possible::always;
use super::{Basis, Model, Rule, TouchRule};
use crate::condition::{Comparison, Condition, Sequence, Test};
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
        let mut first: BTreeMap<u64, usize> = BTreeMap::new();
        let mut everybody = None;
        for (place, segment) in stage.segments.iter().enumerate() {
            let same = *first.entry(meaning(&segment.when)).or_insert(place);
            if let Some(before) = everybody.or(Some(same).filter(|same| *same < place)) {
                let place = top.key("stages").item(number).key("segments").item(place).key("when");
                let what = format!("segments[{before}] holds whenever this one does, and comes first: it never counts");
                found.push((place, what, "put it before that one, or leave it out".to_owned()));
            }
            everybody = everybody.or(Some(place).filter(|_| always(&segment.when, stages)));
        }
    }
}

/// An earlier rule with the same condition that gives the same kind of thing.
fn rules<'t>(model: &Model, top: &Place<'t>, found: &mut Found<'t>) {
    let mut first: BTreeMap<u64, (usize, &Rule)> = BTreeMap::new();
    for (number, rule) in model.rules.iter().enumerate() {
        let Some(ground) = ground(rule) else { continue };
        let (earlier, other) = *first.entry(ground).or_insert((number, rule));
        if earlier < number {
            let key = if matches!(rule.basis, Basis::State(_)) { "while" } else { "when" };
            let place = top.key("rules").item(number).key(key);
            let what = format!("the same condition as rules[{earlier}] ({}): both count, each time", other.id);
            found.push((place, what, "join them, or let the conditions differ".to_owned()));
        }
    }
}

/// What two rules have in common that give the same kind of thing to the same score for the same reason, each time; `None`:
/// it gives nothing.
fn ground(rule: &Rule) -> Option<u64> {
    let score = rule.score;
    match &rule.basis {
        // One that only tells repeats nothing.
        Basis::State(state) if state.points == Points::ZERO => None,
        Basis::State(state) => Some(digest(&("while", score, meaning(&state.holds)))),
        Basis::Touch(touch) => {
            let TouchRule { when, effect, from, per, keep, trust, .. } = touch;
            let limits = (from, per.map(|per| (per.times, per.every)), std::mem::discriminant(keep));
            let trust = trust.unwrap_or(Trust::Browser);
            Some(digest(&("when", score, meaning(when), std::mem::discriminant(effect), limits, trust)))
        }
    }
}

/// A label that is given twice for the same thing.
fn labels<'t>(model: &Model, top: &Place<'t>, found: &mut Found<'t>) {
    let mut first: BTreeMap<(&str, u64), usize> = BTreeMap::new();
    for (number, label) in model.labels.iter().enumerate() {
        let earlier = *first.entry((&label.label, meaning(&label.when))).or_insert(number);
        if earlier < number {
            let place = top.key("labels").item(number).key("when");
            let what = format!("the same label for the same condition as labels[{earlier}]");
            found.push((place, what, "leave one of the two out".to_owned()));
        }
    }
}

fn groups<'t>(model: &Model, top: &Place<'t>, found: &mut Found<'t>) {
    let used: BTreeSet<usize> = model.rules.iter().filter_map(|rule| rule.group).collect();
    for (number, group) in model.groups.iter().enumerate().filter(|(number, _)| !used.contains(number)) {
        let what = format!("no rule is in the group {}", group.id);
        found.push((top.key("groups").item(number), what, "leave it out, or name it in rules".to_owned()));
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

/// A digest that conditions have in common which mean the same in other spellings: lists of one member are the member, lists
/// in lists of their kind are one, the order does not matter, and one of a single value is that value.
fn meaning(condition: &Condition) -> u64 {
    match condition {
        Condition::All(parts) => list(ALL, parts, |part| match part {
            Condition::All(inner) => Some(inner),
            _ => None,
        }),
        Condition::Any(parts) => list(ANY, parts, |part| match part {
            Condition::Any(inner) => Some(inner),
            _ => None,
        }),
        Condition::Not(part) => match &**part {
            Condition::Not(inner) => meaning(inner),
            _ => digest(&(NOT, meaning(part))),
        },
        Condition::Compare(Comparison { field, test, .. }) => match test {
            Test::Equal(value) => digest(&(field, set(vec![digest(value)]))),
            Test::In(values) => digest(&(field, set(values.iter().map(digest).collect()))),
            other => digest(&(field, other)),
        },
        Condition::Sequence(Sequence { steps, without, within }) => {
            let steps: Vec<u64> = steps.iter().map(meaning).collect();
            digest(&(SEQUENCE, steps, without.as_deref().map(meaning), within))
        }
    }
}

const ALL: u8 = 0;
const ANY: u8 = 1;
const NOT: u8 = 2;
const SEQUENCE: u8 = 3;

/// `inner`: the members of a part that is a list of the same kind.
fn list(kind: u8, parts: &[Condition], inner: fn(&Condition) -> Option<&[Condition]>) -> u64 {
    let mut open: Vec<&Condition> = parts.iter().collect();
    let mut members = Vec::new();
    while let Some(part) = open.pop() {
        match inner(part) {
            Some(inner) => open.extend(inner),
            None => members.push(meaning(part)),
        }
    }
    match set(members).as_slice() {
        [one] => *one,
        members => digest(&(kind, members)),
    }
}

fn set(mut members: Vec<u64>) -> Vec<u64> {
    members.sort_unstable();
    members.dedup();
    members
}

fn digest(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
