//! From the text of a model to the model: its head, stages, rules, tags and labels.

use std::sync::Arc;

use super::offer_parse::{offers, policy};
use super::reader::{Faults, Table, integer, short_text};
use super::{
    BrowserCap, Keep, LabelRule, Model, ModelError, PageTags, Per, Rule, RuleId, SiteFacts, Stage, Stages, Threshold,
};
use crate::condition::{Condition, Field, Glob, Names, Scope};
use crate::decay::STEPS;
use crate::points::Points;
use crate::time::Span;
use crate::touch::Trust;
use crate::tree::{Node, Tree};

const TOP: [&str; 10] = [
    "version",
    "name",
    "half_life",
    "browser_cap",
    "stages",
    "rules",
    "page_tags",
    "labels",
    "offers_policy",
    "offers",
];
const POINTS: &str = "a number of points, at most six digits after the point, at most a million";
const DURATION: &str = "a duration: 90s, 30m, 12h, 7d, 4w";
const HALF_LIFE: &str = "a duration of at least 64 seconds (12h, 7d), or \"none\"";

/// See [`Model::parse`].
pub(super) fn model(text: &str, site: &SiteFacts) -> Result<Model, Vec<ModelError>> {
    from_tree(&Tree::parse(text)?, site)
}

/// See [`Model::from_tree`].
pub(super) fn from_tree(tree: &Tree, site: &SiteFacts) -> Result<Model, Vec<ModelError>> {
    let mut faults = Faults::default();
    let model = compile(tree, site, &mut faults);
    faults.0.sort_by_key(|fault| fault.line);
    match model {
        Some(model) if faults.0.is_empty() => Ok(model),
        _ => Err(faults.0),
    }
}

/// Compiles what can be compiled, so that every fault is found. `None` only where no model can be made at all.
fn compile(tree: &Tree, site: &SiteFacts, faults: &mut Faults) -> Option<Model> {
    let top = Table::at(String::new(), tree, &TOP, faults)?;
    let version = top.required("version", "a whole number from 1: this model's own count", faults, |tree| {
        integer(tree).and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0)
    });
    let name =
        top.required("name", "a name of 1 to 100 bytes", faults, |tree| short_text(tree, 100).map(str::to_owned));
    let half_life = half_life(&top, None, faults);
    let browser_cap = browser_cap(&top, faults);
    let stages = stages(&top, faults);
    let page_tags = page_tags(&top, faults);
    let stage_names: Vec<String> = stages.iter().map(|stage| stage.name.clone()).collect();
    let tag_names: Vec<String> = page_tags.names().map(str::to_owned).collect();
    let names = Names { currency: site.currency, stages: &stage_names, page_tags: &tag_names };
    let rules = rules(&top, half_life, &names, faults);
    let labels = labels(&top, &names, faults);
    let offers = offers(&top, &names, site, faults);
    let offers_policy = policy(&top, faults);
    Some(Model {
        version: version?,
        name: name?,
        currency: site.currency,
        half_life,
        stages: Stages(stages),
        rules,
        browser_cap,
        page_tags,
        labels,
        offers,
        offers_policy,
    })
}

/// A half-life, `none`, or what is inherited.
fn half_life(table: &Table<'_>, inherited: Option<Span>, faults: &mut Faults) -> Option<Span> {
    let read = table.optional("half_life", HALF_LIFE, faults, |tree| match tree.text()? {
        "none" => Some(None),
        text => Span::parse(text).ok().filter(|span| *span >= Span::seconds(STEPS)).map(Some),
    });
    read.unwrap_or(inherited)
}

/// A duration, which may be absent.
pub(super) fn span(table: &Table<'_>, key: &str, faults: &mut Faults) -> Option<Span> {
    table.optional(key, DURATION, faults, |tree| Span::parse(tree.text()?).ok())
}

fn points(tree: &Tree) -> Option<Points> {
    Points::parse(&tree.decimal()?).ok()
}

fn browser_cap(top: &Table<'_>, faults: &mut Faults) -> Option<BrowserCap> {
    let table = top.table("browser_cap", &["points", "every"], faults)?;
    let above_zero = |tree| points(tree).filter(|points| *points > Points::ZERO);
    let points = table.required("points", "a number of points above 0", faults, above_zero);
    let every = table.required("every", DURATION, faults, |tree| Span::parse(tree.text()?).ok());
    Some(BrowserCap { points: points?, every: every? })
}

/// A bound such as `>= 30`.
fn threshold(tree: &Tree, inclusive: &str, exclusive: &str) -> Option<Threshold> {
    let text = tree.text()?.trim();
    // The longer sign first: `>` is the beginning of `>=`.
    let mut signs = [(inclusive, true), (exclusive, false)];
    signs.sort_by_key(|(sign, _)| std::cmp::Reverse(sign.len()));
    let (rest, inclusive) = signs.iter().find_map(|(sign, holds)| Some((text.strip_prefix(sign)?, *holds)))?;
    Some(Threshold { at: Points::parse(rest.trim()).ok()?, inclusive })
}

fn stages(top: &Table<'_>, faults: &mut Faults) -> Vec<Stage> {
    let tables = top.tables("stages", &["name", "enter", "leave"], faults);
    if tables.is_empty() && top.get("stages").is_none() {
        faults.add("stages", top.line, "nothing", "at least one [[stages]], lowest first");
    }
    let mut stages: Vec<Stage> = Vec::new();
    for (number, table) in tables.iter().enumerate() {
        let name = table.required("name", "a name of 1 to 40 bytes", faults, |tree| short_text(tree, 40));
        let name = name.unwrap_or_default().to_owned();
        if stages.iter().any(|stage| stage.name == name) && !name.is_empty() {
            faults.add(
                &table.inner("name"),
                table.line,
                format!("{name:?} again"),
                "a name that no stage before it has",
            );
        }
        let (mut enter, mut keep) = (None, None);
        if number == 0 {
            for key in ["enter", "leave"] {
                if let Some(tree) = table.get(key) {
                    faults.add(
                        &table.inner(key),
                        tree.line,
                        tree,
                        "nothing: the lowest stage is where everyone begins",
                    );
                }
            }
        } else {
            let allowed = "\">= NUMBER\" or \"> NUMBER\"";
            enter = table.required("enter", allowed, faults, |tree| threshold(tree, ">=", ">"));
            // Left "< 25" means kept from 25 on; left "<= 25", kept above it.
            let leave =
                table.optional("leave", "\"< NUMBER\" or \"<= NUMBER\"", faults, |tree| threshold(tree, "<", "<="));
            keep = leave.or(enter);
            check_order(table, &stages, enter, keep, faults);
        }
        stages.push(Stage { name, enter, keep });
    }
    stages
}

/// A higher stage is harder to enter, and no stage is left where it is still entered.
fn check_order(
    table: &Table<'_>,
    below: &[Stage],
    enter: Option<Threshold>,
    keep: Option<Threshold>,
    faults: &mut Faults,
) {
    let line = |key| table.get(key).and_then(|tree| tree.line);
    let Some(enter) = enter else { return };
    let before = below.last().and_then(|stage| stage.enter);
    if let Some(before) = before.filter(|before| enter.is_implied_by(*before)) {
        faults.add(&table.inner("enter"), line("enter"), enter, format!("above that of the stage before it, {before}"));
    }
    if let Some(keep) = keep.filter(|keep| !keep.is_implied_by(enter)) {
        let found = format!("left where {enter} still holds (kept while {keep})");
        faults.add(&table.inner("leave"), line("leave"), found, format!("at or below the threshold of entry, {enter}"));
    }
}

fn page_tags(top: &Table<'_>, faults: &mut Faults) -> PageTags {
    let Some(tree) = top.get("page_tags") else { return PageTags::default() };
    let Some(table) = Table::open(top.inner("page_tags"), tree, faults) else { return PageTags::default() };
    let mut tags = Vec::new();
    for (tag, _) in table.entries() {
        if tag.is_empty() || tag.len() > 64 {
            faults.add(&table.inner(tag), table.line, format!("{tag:?}"), "a tag of 1 to 64 bytes");
        }
        let globs = table.optional(tag, "a list of patterns of 1 to 255 characters", faults, |tree| {
            tree.list()?.iter().map(|pattern| Glob::parse(pattern.text()?).ok()).collect::<Option<Vec<_>>>()
        });
        tags.push((tag.to_owned(), globs.unwrap_or_default()));
    }
    PageTags(tags)
}

/// The condition of a table's `when`.
pub(super) fn when(table: &Table<'_>, scope: Scope, names: &Names<'_>, faults: &mut Faults) -> Option<Condition> {
    let path = table.inner("when");
    let Some(tree) = table.get("when") else {
        faults.add(&path, table.line, "nothing", "a condition, such as { field = \"event\", eq = \"add_to_cart\" }");
        return None;
    };
    Condition::parse(tree, &path, scope, names).map_err(|found| faults.0.extend(found)).ok()
}

const RULE: [&str; 10] = ["id", "title", "when", "points", "per", "keep", "half_life", "expires", "cap", "trust"];

fn rules(top: &Table<'_>, inherited: Option<Span>, names: &Names<'_>, faults: &mut Faults) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut ids: Vec<RuleId> = Vec::new();
    for table in top.tables("rules", &RULE, faults) {
        let id = table.required("id", "1 to 64 of a-z A-Z 0-9 _ . -", faults, |tree| RuleId::parse(tree.text()?).ok());
        if let Some(id) = &id {
            if ids.contains(id) {
                faults.add(&table.inner("id"), table.line, format!("\"{id}\" again"), "an id that no other rule has");
            }
            ids.push(id.clone());
        }
        rules.extend(rule(&table, id, inherited, names, faults));
    }
    rules
}

fn rule(
    table: &Table<'_>,
    id: Option<RuleId>,
    inherited: Option<Span>,
    names: &Names<'_>,
    faults: &mut Faults,
) -> Option<Rule> {
    let title = table.optional("title", "1 to 120 bytes", faults, |tree| short_text(tree, 120));
    let when = when(table, Scope::Touch, names, faults);
    let points = table.required("points", POINTS, faults, points);
    let per = table.table("per", &["times", "every"], faults).and_then(|per| {
        let times = per.required("times", "a whole number from 1 to 1000000", faults, |tree| {
            u32::try_from(integer(tree)?).ok().filter(|times| (1..=1_000_000).contains(times))
        });
        Some(Per { times: times?, every: span(&per, "every", faults) })
    });
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
    let half_life = half_life(table, inherited, faults);
    let expires = span(table, "expires", faults);
    let cap = table.optional("cap", "a number of points above 0", faults, |tree| {
        self::points(tree).filter(|cap| *cap > Points::ZERO)
    });
    let trust = table.optional("trust", &Trust::NAMES.join(", "), faults, |tree| match tree.text()? {
        "browser" => Some(Trust::Browser),
        "page" => Some(Trust::Page),
        "server" => Some(Trust::Server),
        _ => None,
    });
    let (id, when) = (id?, when?);
    // A condition on trust decides about it; then nothing is added to what it says.
    let trust = trust.or_else(|| when.looks_at(&Field::Trust).then_some(Trust::Browser));
    let title: Arc<str> = title.unwrap_or(id.as_str()).into();
    let (events, keep) = (when.events(), keep.unwrap_or_default());
    Some(Rule { id, title, when, events, points: points?, per, keep, half_life, expires, cap, trust })
}

fn labels(top: &Table<'_>, names: &Names<'_>, faults: &mut Faults) -> Vec<LabelRule> {
    let mut labels = Vec::new();
    for table in top.tables("labels", &["label", "when", "expires"], faults) {
        let label = table.required("label", "a label of 1 to 64 bytes", faults, |tree| short_text(tree, 64));
        let when = when(&table, Scope::Touch, names, faults);
        let expires = span(&table, "expires", faults);
        if let (Some(label), Some(when)) = (label, when) {
            labels.push(LabelRule { label: label.into(), events: when.events(), when, expires });
        }
    }
    labels
}

/// A day such as `2026-10-01`, written as a date or as text.
pub(super) fn day(tree: &Tree) -> Option<&str> {
    match &tree.node {
        Node::Date(text) | Node::Text(text) => Some(text),
        _ => None,
    }
}
