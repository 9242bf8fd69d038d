//! `gloed model`: check, explain, backtest, calibrate, list, import, publish.

use clap::Subcommand;
use collector::models::{EditionSummary, Explained, RuleAccount};
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
        /// The model's file, or a preset's name
        file: String,
        /// Amounts in it are in this currency
        #[arg(long, default_value = "EUR")]
        currency: String,
    },
    /// Everything a model says of one visitor: lines, stages, what is missing, why rules did not count
    Explain {
        /// `in-force`, a version's number, a preset's name, or a file
        model: String,
        /// The visitor's id, 22 characters
        visitor: String,
        #[command(flatten)]
        at: At,
    },
    /// What another model would have made of the leads: hot leads a day, who moves, how well it foretold purchases
    Backtest {
        /// `in-force`, a version's number, a preset's name, or a file
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
        /// `in-force`, a version's number, a preset's name, or a file
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
        /// A version's number, or a file, which is imported first
        model: String,
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
        ModelCommand::Check { file, currency } => check(&file, &currency),
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

fn check(file: &str, currency: &str) -> Result<String, Failure> {
    let text = match engine::preset(file) {
        Some(preset) => preset.to_owned(),
        None => read(file)?,
    };
    let currency = Currency::parse(currency).map_err(|error| (BAD_CONFIGURATION, error.to_string()))?;
    let facts = SiteFacts { currency, offsets: Vec::new() };
    let model = Model::parse(&text, &facts).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(|fault| format!("  {fault}")).collect();
        (BAD_CONFIGURATION, format!("{file}: {} fault(s)\n{}", lines.len(), lines.join("\n")))
    })?;
    let warnings =
        engine::tree::Tree::parse(&text).map(|tree| engine::model::warnings(&model, &tree)).unwrap_or_default();
    let warnings: String = warnings.iter().map(|warning| format!("warning: {warning}\n")).collect();
    let (rules, stages, offers) = (model.rules.len(), model.stages.iter().len(), model.offers.len());
    Ok(format!(
        "{warnings}{file} is good: {} {}, {rules} rules, {stages} stages, {offers} offers",
        model.name, model.version
    ))
}

fn read(file: &str) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| (BAD_CONFIGURATION, format!("{file}: {error}")))
}

/// A model as the collector is asked for it.
fn which(model: &str) -> Result<Value, Failure> {
    if model == "in-force" {
        return Ok(json!("in_force"));
    }
    if let Ok(number) = model.parse::<u32>() {
        return Ok(json!({ "number": number }));
    }
    if let Some(preset) = engine::preset(model) {
        return Ok(json!({ "text": preset }));
    }
    let text = read(model).map_err(|(code, error)| {
        let presets = engine::presets::NAMES.join(", ");
        (code, format!("{error}\na model is `in-force`, a version's number, a preset ({presets}), or a file"))
    })?;
    Ok(json!({ "text": text }))
}

async fn ask<A: DeserializeOwned>(at: &At, load: Load<'_>, question: Value) -> Result<A, Failure> {
    super::ask(&at.running, at.site.as_deref(), load, question).await
}

async fn publish(model: &str, notify: bool, at: &At, load: Load<'_>) -> Result<String, Failure> {
    // Who: as the system knows them. The socket lets nobody else in.
    let by =
        std::env::var("SUDO_USER").or_else(|_| std::env::var("USER")).unwrap_or_else(|_| "command line".to_owned());
    let number = match which(model)? {
        Value::Object(which) if which.contains_key("text") => {
            let question = json!({ "command": "model_import", "text": which["text"], "by": by });
            ask::<Value>(at, load, question).await?["number"].clone()
        }
        Value::Object(which) => which["number"].clone(),
        _ => return Err((BAD_CONFIGURATION, "in-force is in force already: name a number or a file".to_owned())),
    };
    let question = json!({ "command": "model_publish", "number": number, "by": by, "notify": notify });
    let Published { unseen: count } = ask(at, load, question).await?;
    let blind = unseen(count);
    Ok(format!("version {number} is in force; the order of the heat list follows in the background{blind}"))
}

/// What `model_publish` answers.
#[derive(Deserialize)]
struct Published {
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
    if let Some((at, stage)) = &answer.next_change {
        parts.push(format!("{stage} at {}, if nothing happens", instant(*at)));
    }
    parts.extend(answer.missing.iter().map(|one| format!("{} points to {} ({})", one.points, one.stage, one.enter)));
    let line = |(score, title, at, then, now): &(String, String, i64, String, String)| {
        vec![instant(*at), title.clone(), score.clone(), then.clone(), now.clone()]
    };
    let lines: Vec<Vec<String>> = answer.lines.iter().map(line).collect();
    parts.push(format!("\n{}", table(&["when", "line", "score", "then", "now"], &lines)));
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
        format!("{} leads", answer.leads),
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
