//! From the text of a model to its scores, groups and rules.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::notice::{self, notice};
use super::parse::{POINTS, condition, half_life, points, span};
use super::reader::{Faults, Table, boolean, integer, short_text};
use super::{Basis, Effect, Group, Keep, Per, Rule, RuleId, Score, StageIndex, StateRule, TouchRule};
use crate::condition::{Field, Names, Scope};
use crate::money::Money;
use crate::points::Points;
use crate::time::Span;
use crate::touch::Trust;

const EXPIRY: &str = "a duration (12h, 7d), or \"none\"";
const ABOVE_ZERO: &str = "a number of points above 0";
/// The most names that one message lists.
const MOST_LISTED: usize = 40;
/// The most scores of one model.
const MOST_SCORES: usize = 16;

/// The scores of a model: at least one.
pub(super) fn scores(top: &Table<'_>, faults: &mut Faults) -> Vec<Score> {
    let mut scores: Vec<Score> = Vec::new();
    for table in top.tables("scores", &["name", "title", "cap", "ceiling", "floor"], faults) {
        if scores.len() == MOST_SCORES {
            faults.add(&table.path, table.line, "one more score", format!("at most {MOST_SCORES} scores"));
            break;
        }
        let name = name(&table, "name", scores.iter().map(|score| score.name.as_str()), faults);
        let title = table.optional("title", "1 to 120 bytes", faults, |tree| short_text(tree, 120));
        let cap = table.optional("cap", ABOVE_ZERO, faults, above_zero);
        let ceiling = table.optional("ceiling", "a number of points, 0 or above", faults, |tree| {
            points(tree).filter(|points| *points >= Points::ZERO)
        });
        let floor = table.optional("floor", "a number of points, 0 or below", faults, |tree| {
            points(tree).filter(|points| *points <= Points::ZERO)
        });
        let name = name.unwrap_or_default();
        let title = title.map_or_else(|| Arc::from(name.as_str()), Arc::from);
        scores.push(Score { name, title, cap, ceiling, floor });
    }
    if scores.is_empty() { vec![Score::engagement()] } else { scores }
}

/// The groups of a model.
pub(super) fn groups(top: &Table<'_>, faults: &mut Faults) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for table in top.tables("groups", &["id", "cap", "half_life", "expires"], faults) {
        let id = name(&table, "id", groups.iter().map(|group| group.id.as_str()), faults);
        let cap = table.optional("cap", ABOVE_ZERO, faults, above_zero);
        let half_life = half_life(&table, faults);
        let expires = span(&table, "expires", faults);
        groups.push(Group { id: id.unwrap_or_default(), cap, half_life, expires });
    }
    groups
}

/// A name that none before it has.
fn name<'a>(
    table: &Table<'_>,
    key: &str,
    mut before: impl Iterator<Item = &'a str>,
    faults: &mut Faults,
) -> Option<String> {
    let allowed = "1 to 64 of a-z A-Z 0-9 _ . -";
    let name = table.required(key, allowed, faults, |tree| {
        tree.text().filter(|text| (1..=64).contains(&text.len()) && text.bytes().all(crate::text::is_id_byte))
    })?;
    if before.any(|known| known == name) {
        faults.add(&table.inner(key), table.line, format!("\"{name}\" again"), "one that none before it has");
    }
    Some(name.to_owned())
}

fn above_zero(tree: &crate::tree::Tree) -> Option<Points> {
    points(tree).filter(|points| *points > Points::ZERO)
}

const RULE: [&str; 20] = [
    "id",
    "title",
    "score",
    "group",
    "when",
    "while",
    "points",
    "points_per",
    "raise_to",
    "set_stage",
    "hand_back",
    "from",
    "per",
    "keep",
    "half_life",
    "expires",
    "cap",
    "trust",
    "notice",
    "via",
];
/// Keys that say something of touches, and nothing of a state.
const OF_TOUCHES: [&str; 9] =
    ["points_per", "raise_to", "set_stage", "hand_back", "from", "per", "keep", "expires", "trust"];
const EFFECTS: [&str; 5] = ["points", "points_per", "raise_to", "set_stage", "hand_back"];

/// The rules of a model. `inherited` is the half-life of rules that say nothing.
pub(super) fn rules(
    top: &Table<'_>,
    inherited: Option<Span>,
    groups: &[Group],
    names: &Names<'_>,
    faults: &mut Faults,
) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut ids: BTreeSet<RuleId> = BTreeSet::new();
    let mut told: Vec<Arc<str>> = Vec::new();
    for table in top.tables("rules", &RULE, faults) {
        let id = table.required("id", "1 to 64 of a-z A-Z 0-9 _ . -", faults, |tree| RuleId::parse(tree.text()?).ok());
        if let Some(id) = id.as_ref().filter(|id| !ids.insert(RuleId::clone(id))) {
            faults.add(&table.inner("id"), table.line, format!("\"{id}\" again"), "an id that no other rule has");
        }
        rules.extend(rule(&table, id, (inherited, groups), &mut told, names, faults));
    }
    rules
}

fn rule(
    table: &Table<'_>,
    id: Option<RuleId>,
    (inherited, groups): (Option<Span>, &[Group]),
    told: &mut Vec<Arc<str>>,
    names: &Names<'_>,
    faults: &mut Faults,
) -> Option<Rule> {
    let title = table.optional("title", "1 to 120 bytes", faults, |tree| short_text(tree, 120));
    let score = named(table, "score", "score", names.scores.iter().map(String::as_str), faults);
    let group = named(table, "group", "group", groups.iter().map(|group| group.id.as_str()), faults);
    let cap = table.optional("cap", ABOVE_ZERO, faults, above_zero);
    let own = half_life(table, faults).or_else(|| groups.get(group?)?.half_life);
    let basis = match (table.get("when").is_some(), table.get("while").is_some()) {
        (true, true) => {
            let line = table.get("while").and_then(|tree| tree.line);
            faults.add(
                &table.inner("while"),
                line,
                "while beside when",
                "one of the two: when is about touches, while about a state",
            );
            return None;
        }
        (false, true) => state_rule(table, told, names, faults).map(Basis::State),
        (false, false) => {
            faults.add(
                &table.inner("when"),
                table.line,
                "nothing",
                "a condition: when about touches, or while about a state",
            );
            return None;
        }
        (true, false) => {
            let inherited = group.and_then(|group| groups.get(group)?.expires);
            touch_rule(table, inherited, names, faults).map(Basis::Touch)
        }
    };
    let (id, basis) = (id?, basis?);
    // What holds does not cool unless it is told to: a company does not shrink because nobody looks.
    let half_life = match basis {
        Basis::Touch(_) => own.unwrap_or(inherited),
        Basis::State(_) => own.unwrap_or(None),
    };
    let title: Arc<str> = title.unwrap_or(id.as_str()).into();
    Some(Rule { id, title, score: score.unwrap_or(0), group, basis, half_life, cap })
}

fn state_rule(
    table: &Table<'_>,
    told: &mut Vec<Arc<str>>,
    names: &Names<'_>,
    faults: &mut Faults,
) -> Option<StateRule> {
    let tells = table.get("notice").is_some();
    for key in OF_TOUCHES {
        if let Some(tree) = table.get(key).filter(|_| key != "per" || !tells) {
            faults.add(&table.inner(key), tree.line, key, "nothing beside while: it is about touches (when)");
        }
    }
    let holds = condition(table, "while", Scope::State, names, faults);
    // What is told need not give points.
    let points = match table.get("points") {
        None if tells => Some(Points::ZERO),
        _ => table.required("points", POINTS, faults, points),
    };
    let per = if tells { per(table, faults) } else { None };
    let notice = notice(table, holds.as_ref(), per, told, faults);
    Some(StateRule { holds: holds?, points: points?, notice })
}

/// `inherited` is the expiry of lines where the rule says nothing; what has no lines does not inherit it.
fn touch_rule(table: &Table<'_>, inherited: Option<Span>, names: &Names<'_>, faults: &mut Faults) -> Option<TouchRule> {
    let when = condition(table, "when", Scope::Touch, names, faults);
    let effect = effect(table, names, faults);
    let from = table.optional("from", "a whole number from 1 to 1000000", faults, count);
    for key in notice::KEYS {
        if let Some(tree) = table.get(key) {
            faults.add(&table.inner(key), tree.line, key, "nothing beside when: a notice is about a state (while)");
        }
    }
    let per = per(table, faults);
    let keep = table.optional("keep", "\"earliest\" or \"latest\"", faults, |tree| match tree.text()? {
        "earliest" => Some(Keep::Earliest),
        "latest" => Some(Keep::Latest),
        _ => None,
    });
    if keep == Some(Keep::Latest) && per.is_none_or(|per| per.every.is_some()) {
        let allowed = "latest beside per = { times = N } without every: which touches are the last of a period changes \
                       with each new one";
        faults.add(&table.inner("keep"), table.get("keep").and_then(|tree| tree.line), "\"latest\"", allowed);
    }
    let expires = expiry(table, faults);
    let trust = table.optional("trust", &Trust::NAMES.join(", "), faults, |tree| match tree.text()? {
        "browser" => Some(Trust::Browser),
        "page" => Some(Trust::Page),
        "server" => Some(Trust::Server),
        _ => None,
    });
    let when = when?;
    // A condition on trust decides about it; then nothing is added to what it says.
    let trust = trust.or_else(|| when.looks_at(&Field::Trust).then_some(Trust::Browser));
    let (events, keep, effect) = (when.events(), keep.unwrap_or_default(), effect?);
    let inherited = inherited.filter(|_| !matches!(effect, Effect::SetStage(_) | Effect::HandBack));
    let expires = expires.unwrap_or(inherited);
    Some(TouchRule { when, events, effect, from: from.unwrap_or(1), per, keep, expires, trust })
}

/// When lines end: the inner `None` is "none", which does not inherit.
fn expiry(table: &Table<'_>, faults: &mut Faults) -> Option<Option<Span>> {
    table.optional("expires", EXPIRY, faults, |tree| match tree.text()? {
        "none" => Some(None),
        text => Span::parse(text).ok().map(Some),
    })
}

/// How often it counts, or is told.
fn per(table: &Table<'_>, faults: &mut Faults) -> Option<Per> {
    let per = table.table("per", &["times", "every"], faults)?;
    let times = per.required("times", "a whole number from 1 to 1000000", faults, count);
    Some(Per { times: times?, every: span(&per, "every", faults) })
}

/// What the rule gives: exactly one of five.
fn effect(table: &Table<'_>, names: &Names<'_>, faults: &mut Faults) -> Option<Effect> {
    let mut given = EFFECTS.iter().filter(|key| table.get(key).is_some());
    let (first, second) = (given.next(), given.next());
    if let Some(second) = second {
        let line = table.get(second).and_then(|tree| tree.line);
        let found = format!("{second} beside {}", first.copied().unwrap_or_default());
        faults.add(&table.inner(second), line, found, format!("exactly one of {}", EFFECTS.join(", ")));
        return None;
    }
    match first.copied() {
        Some("points_per") => {
            let per = table.table("points_per", &["points", "value"], faults)?;
            let points = per.required("points", POINTS, faults, points);
            let allowed = "an amount above 0 in the site's currency, such as \"10.00\"";
            let minor = per.required("value", allowed, faults, |tree| {
                let money = Money::parse(&tree.decimal()?, names.currency).ok()?;
                Some(money.minor).filter(|minor| *minor > 0)
            });
            Some(Effect::PointsPer { points: points?, minor: minor? })
        }
        Some("raise_to") => table.required("raise_to", ABOVE_ZERO, faults, above_zero).map(Effect::RaiseTo),
        Some("set_stage") => {
            let place = named(table, "set_stage", "stage", names.stages.iter().map(String::as_str), faults);
            place.map(|place| Effect::SetStage(StageIndex(place)))
        }
        Some("hand_back") => {
            table.required("hand_back", "true", faults, |tree| boolean(tree).filter(|truth| *truth))?;
            Some(Effect::HandBack)
        }
        Some(_) => table.required("points", POINTS, faults, points).map(Effect::Points),
        None => {
            let allowed = "a number of points, or one of points_per, raise_to, set_stage, hand_back";
            faults.add(&table.inner("points"), table.line, "nothing", allowed);
            None
        }
    }
}

fn count(tree: &crate::tree::Tree) -> Option<u32> {
    u32::try_from(integer(tree)?).ok().filter(|count| (1..=1_000_000).contains(count))
}

/// The place of what a key names, in the order of the model.
fn named<'n>(
    table: &Table<'_>,
    key: &str,
    what: &str,
    mut names: impl Iterator<Item = &'n str> + Clone,
    faults: &mut Faults,
) -> Option<usize> {
    let tree = table.get(key)?;
    let all = names.clone();
    let place = tree.text().and_then(|text| names.position(|name| name == text));
    if place.is_none() {
        // Each name once, and none that did not read: those are faults of their own.
        let mut told = BTreeSet::new();
        let mut known = all.filter(|name| !name.is_empty() && told.insert(*name));
        let mut listed: Vec<&str> = known.by_ref().take(MOST_LISTED).collect();
        listed.extend(known.next().map(|_| "and others"));
        let known = if listed.is_empty() { "there is none".to_owned() } else { listed.join(", ") };
        faults.add(&table.inner(key), tree.line, tree, format!("a {what} of the model: {known}"));
    }
    place
}
