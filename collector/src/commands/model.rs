//! `gloed model`: check, explain, backtest, calibrate, list, import, publish.

use clap::Subcommand;
use collector::admin::Client;
use collector::config::Config;
use engine::{Currency, Model, SiteFacts};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

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
        /// A file, a version's number, or `in-force`
        model: String,
        /// The visitor's id, 22 characters
        visitor: String,
        #[command(flatten)]
        at: At,
    },
    /// What another model would have made of the leads: hot leads a day, who moves, how well it foretold purchases
    Backtest {
        /// A file, a version's number, or `in-force`
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
        /// A file, a version's number, or `in-force`
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

/// Loads a configuration.
pub(crate) type Load<'l> = &'l dyn Fn(&Running) -> Result<Config, Failure>;

/// Carries a command out and returns what to print.
pub(crate) async fn run(command: ModelCommand, load: Load<'_>) -> Result<String, Failure> {
    match command {
        ModelCommand::Check { file, currency } => check(&file, &currency),
        ModelCommand::Explain { model, visitor, at } => {
            let question = json!({ "command": "model_explain", "model": which(&model)?, "visitor": visitor });
            ask(&at, load, question).await.map(|answer| explained(&answer))
        }
        ModelCommand::Backtest { old, new, since, at } => {
            let question =
                json!({ "command": "model_backtest", "old": which(&old)?, "new": which(&new)?, "since": since });
            ask(&at, load, question).await.map(|answer| backtested(&answer))
        }
        ModelCommand::Calibrate { model, at } => {
            let question = json!({ "command": "model_calibrate", "model": which(&model)? });
            ask(&at, load, question).await.map(|answer| calibrated(&answer))
        }
        ModelCommand::List { at } => {
            ask(&at, load, json!({ "command": "model_list" })).await.map(|answer| listed(&answer))
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
    Ok(json!({ "text": read(model)? }))
}

async fn ask(at: &At, load: Load<'_>, mut question: Value) -> Result<Value, Failure> {
    let config = load(&at.running)?;
    let keys: Vec<&str> = config.sites.iter().map(|site| site.key.as_str()).collect();
    let site = match (&at.site, keys.as_slice()) {
        (Some(site), _) => site.as_str(),
        (None, [only]) => only,
        (None, _) => {
            return Err((BAD_CONFIGURATION, format!("which site? --site is one of {}", keys.join(", "))));
        }
    };
    question["site"] = json!(site);
    let mut client = Client::connect(&config.data).await.map_err(|error| (1, error))?;
    client.ask(&question).await.map_err(|error| (1, error))
}

async fn publish(model: &str, notify: bool, at: &At, load: Load<'_>) -> Result<String, Failure> {
    // Who: as the system knows them. The socket lets nobody else in.
    let by =
        std::env::var("SUDO_USER").or_else(|_| std::env::var("USER")).unwrap_or_else(|_| "command line".to_owned());
    let number = match which(model)? {
        Value::Object(which) if which.contains_key("text") => {
            let question = json!({ "command": "model_import", "text": which["text"], "by": by });
            ask(at, load, question).await?["number"].clone()
        }
        Value::Object(which) => which["number"].clone(),
        _ => return Err((BAD_CONFIGURATION, "in-force is in force already: name a number or a file".to_owned())),
    };
    let question = json!({ "command": "model_publish", "number": number, "by": by, "notify": notify });
    ask(at, load, question).await?;
    Ok(format!("version {number} is in force; the order of the heat list follows in the background"))
}

fn instant(value: &Value) -> String {
    let at = value.as_i64().and_then(|at| Timestamp::from_millisecond(at).ok());
    at.map_or_else(String::new, |at| at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string())
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "–".to_owned(),
        other => other.to_string(),
    }
}

fn rows(list: &Value, row: impl Fn(&Value) -> Vec<String>) -> Vec<Vec<String>> {
    list.as_array().map(|list| list.iter().map(row).collect()).unwrap_or_default()
}

fn explained(answer: &Value) -> String {
    let mut parts = vec![format!(
        "{}: {} since {}, {}",
        text(&answer["model"]),
        text(&answer["stage"][0]),
        instant(&answer["stage"][1]),
        text(&answer["stage"][2]),
    )];
    parts.extend(rows(&answer["scores"], |score| vec![format!("{} {}", text(&score[0]), text(&score[1]))]).concat());
    if let Some(next) = answer["next_change"].as_array() {
        parts.push(format!(
            "{} at {}, if nothing happens",
            next.get(1).map(text).unwrap_or_default(),
            instant(&answer["next_change"][0])
        ));
    }
    for lacking in answer["missing"].as_array().into_iter().flatten() {
        parts.push(format!(
            "{} points to {} ({})",
            text(&lacking["points"]),
            text(&lacking["stage"]),
            text(&lacking["enter"])
        ));
    }
    let lines = rows(&answer["lines"], |line| {
        vec![instant(&line[2]), text(&line[1]), text(&line[0]), text(&line[3]), text(&line[4])]
    });
    parts.push(format!("\n{}", table(&["when", "line", "score", "then", "now"], &lines)));
    let changes =
        rows(&answer["transitions"], |one| vec![instant(&one[0]), text(&one[1]), text(&one[2]), text(&one[3])]);
    if !changes.is_empty() {
        parts.push(format!("\n{}", table(&["when", "from", "to", "why"], &changes)));
    }
    let rules = rows(&answer["rules"], |rule| {
        let refused = rows(&rule["refused"], |one| vec![format!("{}× {}", text(&one[1]), text(&one[0]))]).concat();
        let state = rule["state"].as_str().map(|part| format!("does not hold: {part}"));
        vec![text(&rule["rule"]), text(&rule["given"]), refused.into_iter().chain(state).collect::<Vec<_>>().join(", ")]
    });
    parts.push(format!("\n{}", table(&["rule", "counted", "did not count"], &rules)));
    parts.join("\n")
}

fn backtested(answer: &Value) -> String {
    let percent = |part: &Value, whole: &Value| match (part.as_u64(), whole.as_u64()) {
        (Some(part), Some(whole)) if whole > 0 => format!("{} %", part * 100 / whole),
        _ => "–".to_owned(),
    };
    let days = rows(&answer["days"], |day| vec![text(&day["date"]), text(&day["hot_before"]), text(&day["hot_after"])]);
    let stages = rows(&answer["stages"], |one| vec![text(&one[0]), text(&one[1]), text(&one[2])]);
    let moved = rows(&answer["moved"], |one| {
        let told = |which: &str| format!("{} {}", text(&one[which][0]), text(&one[which][1]));
        vec![text(&one["visitor"]), told("before"), told("after")]
    });
    let quality: Vec<Vec<String>> = [("old", "before"), ("new", "after")]
        .into_iter()
        .map(|(name, key)| {
            let one = &answer[key];
            vec![
                name.to_owned(),
                text(&one["hot"]),
                percent(&one["hot_and_bought"], &one["hot"]),
                text(&one["bought"]),
                percent(&one["bought_and_hot"], &one["bought"]),
            ]
        })
        .collect();
    [
        format!("{} leads", text(&answer["leads"])),
        table(&["day", "hot, old", "hot, new"], &days),
        table(&["stage, old", "stage, new", "leads"], &stages),
        table(&["moves", "old", "new"], &moved),
        format!(
            "{}\nprecision: hot leads that bought within 30 days; recall: buyers who had been hot before",
            table(&["model", "hot", "precision", "bought", "recall"], &quality)
        ),
    ]
    .join("\n\n")
}

fn calibrated(answer: &Value) -> String {
    let mut parts = vec![format!(
        "{} purchases; score just before: mean {}, median {}",
        text(&answer["purchases"]),
        text(&answer["mean"]),
        text(&answer["median"])
    )];
    let quantiles = rows(&answer["quantiles"], |one| vec![format!("{} %", text(&one[0])), text(&one[1])]);
    parts.push(table(&["of buyers", "had at most"], &quantiles));
    let proposed = rows(&answer["proposed"], |one| vec![text(&one[0]), text(&one[1])]);
    parts.push(if proposed.is_empty() {
        format!("not enough data for thresholds: at least {} purchases are needed", text(&answer["enough"]))
    } else {
        table(&["stage", "proposed"], &proposed)
    });
    parts.join("\n\n")
}

fn listed(answer: &Value) -> String {
    let editions = rows(&answer["editions"], |one| {
        let published = &one["published"];
        vec![
            text(&one["number"]),
            text(&one["state"]),
            text(&one["title"]),
            format!("{} {}", instant(&one["imported"][0]), text(&one["imported"][1])),
            if published.is_null() {
                String::new()
            } else {
                format!("{} {}", instant(&published[0]), text(&published[1]))
            },
        ]
    });
    table(&["version", "state", "model", "imported", "published"], &editions)
}
