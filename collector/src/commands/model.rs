//! `gloed model`: check, preset, schema, explain, backtest, calibrate, list, publish.

use std::path::Path;

use clap::Subcommand;
use collector::account::LineAccount;
use collector::http::model_schema::MODEL_SCHEMA;
use collector::models::{EditionSummary, Explained, Lost, Parts, RuleAccount};
use collector::study::{BacktestReport, CalibrationReport, Quality};
use engine::{Currency, Model, SiteFacts};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Load;
use super::table::table;
use crate::{BAD_CONFIGURATION, Failure, Running};

/// What to do about models.
#[derive(Subcommand)]
pub(crate) enum ModelCommand {
    /// Report every fault of a model at once, then what it says that can hardly be meant
    Check {
        /// The model's file or a preset's name; several are read as one text, as `model` in gloed.toml is
        #[arg(required = true)]
        parts: Vec<String>,
        /// Amounts in it are in this currency
        #[arg(long, default_value = "EUR")]
        currency: String,
    },
    /// Print a preset, to start from
    Preset {
        /// Which
        #[arg(value_parser = engine::presets::NAMES)]
        name: String,
    },
    /// Print the JSON Schema of a model, for editors
    Schema,
    /// Everything a model says of one visitor: lines, stages, what is missing, why rules did not count
    Explain {
        /// `in-force`, a version's number, or a preset's name or a file; parts that are read as one are joined by `+`:
        /// b2c+offers.toml
        model: String,
        /// The visitor's id, 22 characters
        visitor: String,
        #[command(flatten)]
        at: At,
    },
    /// What another model would have made of the leads: hot leads a day, who moves, how well it foretold purchases
    Backtest {
        /// `in-force`, a version's number, or a preset's name or a file; parts that are read as one are joined by `+`:
        /// b2c+offers.toml
        old: String,
        /// The same
        new: String,
        /// How far back
        #[arg(long, default_value = "30d")]
        since: String,
        #[command(flatten)]
        at: At,
    },
    /// What leads had scored when they bought, and the thresholds that this suggests
    Calibrate {
        /// `in-force`, a version's number, or a preset's name or a file; parts that are read as one are joined by `+`:
        /// b2c+offers.toml
        #[arg(default_value = "in-force")]
        model: String,
        #[command(flatten)]
        at: At,
    },
    /// Every version there is, and which one is in force
    List {
        #[command(flatten)]
        at: At,
    },
    /// Bring a version into force, for the past too; an earlier number rolls back
    Publish {
        /// A version's number; or a file, or several parts (a preset's name, files), which are imported first
        #[arg(required = true)]
        model: Vec<String>,
        /// Announce the stages that this changes like any other change
        #[arg(long)]
        notify: bool,
        #[command(flatten)]
        at: At,
    },
}

/// Which site of which collector.
#[derive(clap::Args)]
pub(crate) struct At {
    #[command(flatten)]
    running: Running,
    /// The site's key; not needed where there is one site
    #[arg(long)]
    site: Option<String>,
}

/// Carries a command out and returns what to print.
pub(crate) async fn run(command: ModelCommand, load: Load<'_>) -> Result<String, Failure> {
    match command {
        ModelCommand::Check { parts, currency } => check(&parts, &currency),
        ModelCommand::Preset { name } => Ok(to_start_from(engine::preset(&name).unwrap_or_default())),
        ModelCommand::Schema => Ok(MODEL_SCHEMA.trim_end().to_owned()),
        ModelCommand::Explain { model, visitor, at } => {
            let question = json!({ "command": "model_explain", "model": which(&model)?, "visitor": visitor });
            ask(&at, load, question).await.map(|answer: Explained| explained(&answer))
        }
        ModelCommand::Backtest { old, new, since, at } => {
            let question =
                json!({ "command": "model_backtest", "old": which(&old)?, "new": which(&new)?, "since": since });
            ask(&at, load, question).await.map(|answer: BacktestReport| backtested(&answer))
        }
        ModelCommand::Calibrate { model, at } => {
            let question = json!({ "command": "model_calibrate", "model": which(&model)? });
            ask(&at, load, question).await.map(|answer: CalibrationReport| calibrated(&answer))
        }
        ModelCommand::List { at } => {
            ask(&at, load, json!({ "command": "model_list" })).await.map(|answer: Editions| listed(&answer.editions))
        }
        ModelCommand::Publish { model, notify, at } => publish(&model, notify, &at, load).await,
    }
}

fn check(names: &[String], currency: &str) -> Result<String, Failure> {
    let parts = joined(names)?;
    let shown = names.join(" ");
    let currency = Currency::parse(currency).map_err(|error| (BAD_CONFIGURATION, error.to_string()))?;
    let facts = SiteFacts { currency, offsets: Vec::new() };
    let model = Model::parse(parts.text(), &facts).map_err(|faults| {
        let lines: Vec<String> = faults.into_iter().map(|fault| format!("  {}", parts.located(fault))).collect();
        (BAD_CONFIGURATION, format!("{shown}: {} fault(s)\n{}", lines.len(), lines.join("\n")))
    })?;
    let warnings =
        engine::tree::Tree::parse(parts.text()).map(|tree| engine::model::warnings(&model, &tree)).unwrap_or_default();
    let warnings: String =
        warnings.into_iter().map(|warning| format!("warning: {}\n", parts.warned(warning))).collect();
    let (rules, stages, offers) = (model.rules.len(), model.stages.iter().len(), model.offers.len());
    Ok(format!(
        "{warnings}{shown} is good: {} {}, {}, {}, {}",
        model.name,
        model.version,
        counted(rules, "rule"),
        counted(stages, "stage"),
        counted(offers, "offer")
    ))
}

/// A preset as a file of one's own: its first line says where the schema lies among our sources.
fn to_start_from(preset: &str) -> String {
    let own =
        preset.split_once('\n').filter(|(first, _)| first.starts_with("#:schema ")).map_or(preset, |(_, rest)| rest);
    format!("#:schema ./model.schema.json\n# Made by: gloed model schema > model.schema.json\n{}", own.trim_end())
}

/// `1 rule`, `2 rules`.
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Presets and files as one text.
fn joined(names: &[String]) -> Result<Parts, Failure> {
    let mut parts = Parts::default();
    for name in names {
        match engine::preset(name) {
            Some(preset) => parts.add(format!("preset {name}"), preset),
            None => parts.add(name, &read(name)?),
        }
    }
    Ok(parts)
}

fn read(file: &str) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| (BAD_CONFIGURATION, format!("{file}: {error}")))
}

/// The parts of `b2c+offers.toml`.
fn parts_of(model: &str) -> Vec<String> {
    model.split('+').map(str::to_owned).collect()
}

/// A model as the collector is asked for it.
fn which(model: &str) -> Result<Value, Failure> {
    if model == "in-force" {
        return Ok(json!("in_force"));
    }
    if let Ok(number) = model.parse::<u32>() {
        return Ok(json!({ "number": number }));
    }
    // A file may have a plus in its name.
    let names = if Path::new(model).exists() { vec![model.to_owned()] } else { parts_of(model) };
    let parts = joined(&names).map_err(|(code, error)| {
        let presets = engine::presets::NAMES.join(", ");
        let allowed =
            format!("`in-force`, a version's number, a preset ({presets}), or a file; parts are joined by `+`");
        (code, format!("{error}\na model is {allowed}"))
    })?;
    Ok(json!({ "text": parts.text() }))
}

async fn ask<A: DeserializeOwned>(at: &At, load: Load<'_>, question: Value) -> Result<A, Failure> {
    super::ask(&at.running, at.site.as_deref(), load, question).await
}

async fn publish(model: &[String], notify: bool, at: &At, load: Load<'_>) -> Result<String, Failure> {
    // Who: as the system knows them. The socket lets nobody else in.
    let by =
        std::env::var("SUDO_USER").or_else(|_| std::env::var("USER")).unwrap_or_else(|_| "command line".to_owned());
    let text = |text: &str| json!({ "command": "model_import", "text": text, "by": by });
    let import = match model {
        [one] => match which(one)? {
            Value::Object(which) if which.contains_key("number") => Err(which["number"].clone()),
            Value::Object(which) => Ok(text(which["text"].as_str().unwrap_or_default())),
            _ => return Err((BAD_CONFIGURATION, "in-force is in force already: name a number or a file".to_owned())),
        },
        parts => Ok(text(joined(parts)?.text())),
    };
    let number = match import {
        Ok(question) => ask::<Value>(at, load, question).await?["number"].clone(),
        Err(number) => number,
    };
    let question = json!({ "command": "model_publish", "number": number, "by": by, "notify": notify });
    let Published { number, before, lost, unseen: count } = ask(at, load, question).await?;
    let blind = unseen(count);
    let mut said = format!("version {number} is in force; the order of the heat list follows in the background{blind}");
    let lost: Vec<String> = lost.told().collect();
    if !lost.is_empty() {
        said.push_str(&format!(
            "\nno longer there: {}\n`gloed model publish {before}` brings version {before} back",
            lost.join(", ")
        ));
    }
    Ok(said)
}

/// What `model_publish` answers.
#[derive(Deserialize)]
struct Published {
    number: u32,
    before: u32,
    lost: Lost,
    unseen: u64,
}

/// What a model cannot see of what is old; nothing where it sees all.
fn unseen(count: u64) -> String {
    match count {
        0 => String::new(),
        _ => format!("\nof {count} folded events its conditions ask what is no longer known: those do not count"),
    }
}

/// What `model_list` answers.
#[derive(Deserialize)]
struct Editions {
    editions: Vec<EditionSummary>,
}

fn instant(at: i64) -> String {
    let at = Timestamp::from_millisecond(at).ok();
    at.map_or_else(String::new, |at| at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string())
}

fn or_none(text: Option<&String>) -> String {
    text.cloned().unwrap_or_else(|| "–".to_owned())
}

fn explained(answer: &Explained) -> String {
    let (stage, since, why) = &answer.stage;
    let mut parts = vec![format!("{}: {stage} since {}, {why}", answer.model, instant(*since))];
    parts.extend(answer.scores.iter().map(|(name, points)| format!("{name} {points}")));
    if let Some(next) = &answer.next_change {
        parts.push(format!("{} at {}, if nothing happens", next.stage, instant(next.at)));
    }
    parts.extend(answer.missing.iter().map(|one| format!("{} points to {} ({})", one.points, one.stage, one.enter)));
    let lines: Vec<Vec<String>> = answer.lines.iter().map(line).collect();
    let columns = ["when", "rule", "line", "touch", "score", "then", "now", "next"];
    parts.push(format!("\n{}", table(&columns, &lines)));
    let change =
        |(at, from, to, why): &(i64, String, String, String)| vec![instant(*at), from.clone(), to.clone(), why.clone()];
    let changes: Vec<Vec<String>> = answer.transitions.iter().map(change).collect();
    if !changes.is_empty() {
        parts.push(format!("\n{}", table(&["when", "from", "to", "why"], &changes)));
    }
    let rules: Vec<Vec<String>> = answer.rules.iter().map(accounted).collect();
    parts.push(format!("\n{}", table(&["rule", "counted", "did not count"], &rules)));
    let refusal = |(at, event, code, field): &(i64, Option<String>, String, Option<String>)| {
        vec![instant(*at), or_none(event.as_ref()), code.clone(), or_none(field.as_ref())]
    };
    let refused: Vec<Vec<String>> = answer.refused.iter().map(refusal).collect();
    if !refused.is_empty() {
        parts.push(format!("\n{}", table(&["received", "refused event", "why", "field"], &refused)));
    }
    parts.join("\n")
}

fn line(line: &LineAccount) -> Vec<String> {
    let title = match (&line.folded, &line.limit) {
        (Some(folded), _) => format!("{} × {}, up to {}", folded.count, line.title, instant(folded.last)),
        (None, Some(limit)) => format!("{} ({limit})", line.title),
        (None, None) => line.title.clone(),
    };
    let next = line.next_change.as_ref().map(|next| format!("{} at {}", next.points, instant(next.at)));
    vec![
        instant(line.time),
        or_none(line.rule.as_ref()),
        title,
        or_none(line.touch.as_ref()),
        line.score.clone(),
        line.points_then.clone(),
        line.points_now.clone(),
        or_none(next.as_ref()),
    ]
}

fn accounted(rule: &RuleAccount) -> Vec<String> {
    let refused = rule.refused.iter().map(|(reason, count)| format!("{count}× {reason}"));
    let state = rule.state.iter().map(|part| format!("does not hold: {part}"));
    vec![rule.rule.clone(), rule.given.to_string(), refused.chain(state).collect::<Vec<_>>().join(", ")]
}

fn backtested(answer: &BacktestReport) -> String {
    let percent = |per_mille: Option<u32>| match per_mille {
        Some(part) => format!("{}.{} %", part / 10, part % 10),
        None => "–".to_owned(),
    };
    let days: Vec<Vec<String>> = answer
        .days
        .iter()
        .map(|day| vec![day.date.clone(), day.hot_before.to_string(), day.hot_after.to_string()])
        .collect();
    let stages: Vec<Vec<String>> =
        answer.stages.iter().map(|(old, new, leads)| vec![old.clone(), new.clone(), leads.to_string()]).collect();
    let told = |(stage, points): &(String, String)| format!("{stage} {points}");
    let moved: Vec<Vec<String>> =
        answer.moved.iter().map(|one| vec![one.visitor.clone(), told(&one.before), told(&one.after)]).collect();
    let quality = |name: &str, one: &Quality| {
        let (precision, recall) = (percent(one.precision_per_mille()), percent(one.recall_per_mille()));
        vec![name.to_owned(), one.hot.to_string(), precision, one.bought.to_string(), recall]
    };
    let quality = [quality("old", &answer.before), quality("new", &answer.after)];
    [
        counted(usize::try_from(answer.leads).unwrap_or(usize::MAX), "lead"),
        table(&["day", "hot, old", "hot, new"], &days),
        table(&["stage, old", "stage, new", "leads"], &stages),
        table(&["moves", "old", "new"], &moved),
        format!(
            "{}\nprecision: hot leads that bought within 30 days; recall: buyers who had been hot before",
            table(&["model", "hot", "precision", "bought", "recall"], &quality)
        ) + &unseen(answer.unseen),
    ]
    .join("\n\n")
}

fn calibrated(answer: &CalibrationReport) -> String {
    let (mean, median) = (or_none(answer.mean.as_ref()), or_none(answer.median.as_ref()));
    let head = format!("{} purchases; score just before: mean {mean}, median {median}", answer.purchases);
    let quantiles: Vec<Vec<String>> =
        answer.quantiles.iter().map(|(percent, points)| vec![format!("{percent} %"), points.clone()]).collect();
    let proposed: Vec<Vec<String>> =
        answer.proposed.iter().map(|(stage, enter)| vec![stage.clone(), enter.clone()]).collect();
    let proposal = if proposed.is_empty() {
        format!("not enough data for thresholds: at least {} purchases are needed", answer.enough)
    } else {
        table(&["stage", "proposed"], &proposed)
    };
    [head, table(&["of buyers", "had at most"], &quantiles), proposal].join("\n\n")
}

fn listed(editions: &[EditionSummary]) -> String {
    let when = |(at, by): &(i64, String)| format!("{} {by}", instant(*at));
    let row = |one: &EditionSummary| {
        let published = one.published.as_ref().map(when).unwrap_or_default();
        vec![one.number.to_string(), one.state.clone(), one.title.clone(), when(&one.imported), published]
    };
    let rows: Vec<Vec<String>> = editions.iter().map(row).collect();
    table(&["version", "state", "model", "imported", "published"], &rows)
}
