//! From the text of a model to the model: its head, stages, rules, tags and labels.

use std::sync::Arc;

use super::limit_parse::policy;
use super::offer_parse::offers;
use super::reader::{Faults, Table, integer, short_text};
use super::rule_parse::{groups, rules, scores};
use super::touch_kinds::touch_kinds;
use super::{
    BrowserCap, BrowserOnly, Economics, EventIndex, LabelRule, Model, ModelError, PageTags, Ranking, Segment,
    SiteFacts, Stage, Stages, Threshold, Via,
};
use crate::condition::{Condition, Glob, Names, Scope};
use crate::decay::STEPS;
use crate::points::Points;
use crate::time::Span;
use crate::tree::{Node, Tree};

const TOP: [&str; 15] = [
    "version",
    "name",
    "half_life",
    "browser_cap",
    "notices",
    "scores",
    "groups",
    "stages",
    "rules",
    "page_tags",
    "labels",
    "touch_kinds",
    "economics",
    "offers_policy",
    "offers",
];
pub(super) const POINTS: &str = "a number of points, at most six digits after the point, at most a million";
pub(super) const DURATION: &str = "a duration: 90s, 30m, 12h, 7d, 4w";
pub(super) const HALF_LIFE: &str = "a duration of at least 64 seconds (12h, 7d), or \"none\"";

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
    let half_life = half_life(&top, faults).unwrap_or(None);
    let browser_cap = browser_cap(&top, faults);
    let browser_only = BrowserOnly::of(&top, faults);
    let scores = scores(&top, faults);
    let groups = groups(&top, faults);
    let page_tags = page_tags(&top, faults);
    let stage_names = stage_names(&top);
    let score_names: Vec<String> = scores.iter().map(|score| score.name.clone()).collect();
    let tag_names: Vec<String> = page_tags.names().filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
    let names = Names { currency: site.currency, stages: &stage_names, scores: &score_names, page_tags: &tag_names };
    let stages = Stages(stages(&top, &names, faults));
    let rules = rules(&top, half_life, &groups, &names, faults);
    let labels = labels(&top, &names, faults);
    let touch_kinds = touch_kinds(&top, site.currency, faults);
    let economics = Economics::of(&top, faults);
    let offers_policy = policy(&top, site.currency, faults);
    let offers = offers(&top, &names, site, offers_policy, faults);
    Some(Model {
        version: version?,
        name: name?,
        currency: site.currency,
        offsets: site.offsets.clone(),
        half_life,
        scores,
        groups,
        ranking: Ranking::of(&offers),
        index: EventIndex::of(&rules, &labels),
        bounds: stages.bounds(),
        has_segments: stages.has_segments(),
        assumed_consent: "granted".into(),
        titles: rules.iter().map(|rule| Arc::clone(&rule.title)).collect(),
        stages,
        rules,
        browser_cap,
        browser_only,
        page_tags,
        labels,
        touch_kinds,
        offers,
        offers_policy,
        economics,
    })
}

/// A half-life; the inner `None` is `none`, the outer one absence.
pub(super) fn half_life(table: &Table<'_>, faults: &mut Faults) -> Option<Option<Span>> {
    table.optional("half_life", HALF_LIFE, faults, |tree| match tree.text()? {
        "none" => Some(None),
        text => Span::parse(text).ok().filter(|span| *span >= Span::seconds(STEPS)).map(Some),
    })
}

/// A duration, which may be absent.
pub(super) fn span(table: &Table<'_>, key: &str, faults: &mut Faults) -> Option<Span> {
    table.optional(key, DURATION, faults, |tree| Span::parse(tree.text()?).ok())
}

pub(super) fn points(tree: &Tree) -> Option<Points> {
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

/// The names of the stages as far as they read: conditions in stages and rules are checked against them.
fn stage_names(top: &Table<'_>) -> Vec<String> {
    let mut unheard = Faults::default();
    let tables = top.tables("stages", &STAGE, &mut unheard);
    let name = |table: &Table<'_>| table.get("name").and_then(|tree| short_text(tree, 40)).map(str::to_owned);
    tables.iter().map(|table| name(table).unwrap_or_default()).collect()
}

const STAGE: [&str; 6] = ["name", "enter", "leave", "min_stay", "segments", "via"];

fn stages(top: &Table<'_>, names: &Names<'_>, faults: &mut Faults) -> Vec<Stage> {
    let tables = top.tables("stages", &STAGE, faults);
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
        let (mut enter, mut keep, mut min_stay, mut segments) = (None, None, None, Vec::new());
        if number == 0 {
            for key in ["enter", "leave", "min_stay", "segments"] {
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
            (enter, keep) = bounds(table, faults);
            min_stay = span(table, "min_stay", faults);
            check_order(table, &stages, enter, keep, faults);
            segments = table
                .tables("segments", &["when", "enter", "leave"], faults)
                .iter()
                .filter_map(|table| segment(table, names, faults))
                .collect();
        }
        let via = table.optional("via", "a list of \"webhook\", \"mail\"; each once", faults, Via::list);
        let via = via.unwrap_or_else(|| Via::ALL.to_vec());
        stages.push(Stage { name, enter, keep, min_stay, segments, via });
    }
    stages
}

/// Where a stage is entered, and how long it is kept.
fn bounds(table: &Table<'_>, faults: &mut Faults) -> (Option<Threshold>, Option<Threshold>) {
    let allowed = "\">= NUMBER\" or \"> NUMBER\"";
    let enter = table.required("enter", allowed, faults, |tree| threshold(tree, ">=", ">"));
    // Left "< 25" means kept from 25 on; left "<= 25", kept above it.
    let leave = table.optional("leave", "\"< NUMBER\" or \"<= NUMBER\"", faults, |tree| threshold(tree, "<", "<="));
    (enter, leave.or(enter))
}

fn segment(table: &Table<'_>, names: &Names<'_>, faults: &mut Faults) -> Option<Segment> {
    let when = condition(table, "when", Scope::State, names, faults);
    let (enter, keep) = bounds(table, faults);
    check_order(table, &[], enter, keep, faults);
    Some(Segment { when: when?, enter: enter?, keep: keep? })
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
    condition(table, "when", scope, names, faults)
}

/// The condition under a key of a table.
pub(super) fn condition(
    table: &Table<'_>,
    key: &str,
    scope: Scope,
    names: &Names<'_>,
    faults: &mut Faults,
) -> Option<Condition> {
    let path = table.inner(key);
    let Some(tree) = table.get(key) else {
        faults.add(&path, table.line, "nothing", "a condition, such as { field = \"event\", eq = \"add_to_cart\" }");
        return None;
    };
    Condition::parse(tree, &path, scope, names).map_err(|found| faults.0.extend(found)).ok()
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
