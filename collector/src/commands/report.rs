//! `gloed report`: stages, funnel, carts, touchpoints, experiments.

use clap::Subcommand;
use collector::study::{
    Carts, CartsReport, ExperimentsReport, FunnelReport, KindRow, StagesReport, Success, TouchpointsReport, WHOLE,
};
use engine::{Currency, Money};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::table::table;
use super::{Load, ask, experiments};
use crate::{BAD_CONFIGURATION, Failure, Running};

/// What to report.
#[derive(Subcommand)]
pub(crate) enum ReportCommand {
    /// How many leads were in each stage and entered it, and which share rose from it; several sites side by side
    Stages {
        /// Keys of sites; without any, every site
        sites: Vec<String>,
        /// How far back
        #[arg(long, default_value = "30d")]
        since: String,
        #[command(flatten)]
        running: Running,
    },
    /// How many leads came to the first step, then to the second after it, and so on
    Funnel {
        /// The site's key; not needed where there is one site
        site: Option<String>,
        /// How far back
        #[arg(long, default_value = "30d")]
        since: String,
        /// An event's name, or a condition on one as in a model: '{ field = "event", eq = "email_open" }'. One for each step
        #[arg(long = "step", value_name = "STEP", required = true)]
        steps: Vec<String>,
        #[command(flatten)]
        running: Running,
    },
    /// Carts that were told of as abandoned, and those bought after all, with their value
    Carts {
        /// The site's key; not needed where there is one site
        site: Option<String>,
        /// How far back
        #[arg(long, default_value = "30d")]
        since: String,
        #[command(flatten)]
        running: Running,
    },
    /// What each kind of touch that the model lists cost, and what a hot lead and an order cost by it
    Touchpoints {
        /// The site's key; not needed where there is one site
        site: Option<String>,
        /// How far back
        #[arg(long, default_value = "30d")]
        since: String,
        #[command(flatten)]
        running: Running,
    },
    /// What each offer brings beside those who would have seen it and did not
    Experiments {
        /// The site's key; not needed where there is one site
        site: Option<String>,
        /// Visitors who first met an offer within this time
        #[arg(long, default_value = "90d")]
        since: String,
        /// Every figure, as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        running: Running,
    },
}

/// Carries a command out and returns what to print.
pub(crate) async fn run(command: ReportCommand, load: Load<'_>) -> Result<String, Failure> {
    match command {
        ReportCommand::Stages { sites, since, running } => {
            let sites = if sites.is_empty() {
                load(&running)?.sites.iter().map(|site| site.key.as_str().to_owned()).collect()
            } else {
                sites
            };
            let mut reports = Vec::new();
            for site in sites {
                let question = json!({ "command": "report_stages", "since": since });
                let report = ask::<StagesReport>(&running, Some(&site), load, question).await?;
                reports.push((site, report));
            }
            Ok(stages(&reports))
        }
        ReportCommand::Funnel { site, since, steps, running } => {
            let question = json!({ "command": "report_funnel", "since": since, "steps": steps });
            let report = ask::<FunnelReport>(&running, site.as_deref(), load, question).await?;
            Ok(funnel(&steps, &report))
        }
        ReportCommand::Carts { site, since, running } => {
            let report: CartsReport = about(site, &since, "report_carts", &running, load).await?;
            carts(&report)
        }
        ReportCommand::Touchpoints { site, since, running } => {
            let report: TouchpointsReport = about(site, &since, "report_touchpoints", &running, load).await?;
            touchpoints(&report)
        }
        ReportCommand::Experiments { site, since, json, running } => {
            let report: ExperimentsReport = about(site, &since, "report_experiments", &running, load).await?;
            match json {
                true => serde_json::to_string_pretty(&report).map_err(|error| (1, error.to_string())),
                false => Ok(experiments::text(&report, currency(&report.currency)?)),
            }
        }
    }
}

async fn about<A: DeserializeOwned>(
    site: Option<String>,
    since: &str,
    command: &str,
    running: &Running,
    load: Load<'_>,
) -> Result<A, Failure> {
    let question: Value = json!({ "command": command, "since": since });
    ask(running, site.as_deref(), load, question).await
}

/// A share with one digit after the point, rounded to the nearest.
fn share(part: u32, whole: u32) -> String {
    let (part, whole) = (u64::from(part), u64::from(whole));
    match (part * 1_000 + whole / 2).checked_div(whole) {
        Some(per_mille) => format!("{}.{} %", per_mille / 10, per_mille % 10),
        None => "–".to_owned(),
    }
}

fn stages(reports: &[(String, StagesReport)]) -> String {
    let several = reports.len() > 1;
    let mut heading = vec!["stage".to_owned()];
    for (site, _) in reports {
        let column = |name: &str| if several { format!("{site}: {name}") } else { name.to_owned() };
        heading.extend(["leads", "entered", "rose", "share"].map(column));
    }
    let mut names: Vec<&str> = Vec::new();
    for row in reports.iter().flat_map(|(_, report)| &report.stages) {
        if !names.contains(&row.stage.as_str()) {
            names.push(&row.stage);
        }
    }
    let rows: Vec<Vec<String>> = names
        .into_iter()
        .map(|name| {
            let mut cells = vec![name.to_owned()];
            for (_, report) in reports {
                let highest = report.stages.last().is_some_and(|row| row.stage == name);
                cells.extend(match report.stages.iter().find(|row| row.stage == name) {
                    None => ["–"; 4].map(str::to_owned),
                    Some(row) if highest => {
                        [row.were.to_string(), row.entered.to_string(), "–".to_owned(), "–".to_owned()]
                    }
                    Some(row) => {
                        [row.were.to_string(), row.entered.to_string(), row.rose.to_string(), share(row.rose, row.were)]
                    }
                });
            }
            cells
        })
        .collect();
    let heading: Vec<&str> = heading.iter().map(String::as_str).collect();
    format!(
        "{}\nleads: in that stage at some time of the period; rose: of those, entered a higher one in the period",
        table(&heading, &rows)
    )
}

fn funnel(steps: &[String], report: &FunnelReport) -> String {
    let mut rows = Vec::new();
    let mut before = None;
    for (number, (step, reached)) in steps.iter().zip(&report.reached).enumerate() {
        let of_before = before.map_or_else(|| "–".to_owned(), |before| share(*reached, before));
        let first = report.reached.first().copied().unwrap_or_default();
        rows.push(vec![(number + 1).to_string(), step.clone(), reached.to_string(), of_before, share(*reached, first)]);
        before = Some(*reached);
    }
    table(&["", "step", "leads", "of the step before", "of the first"], &rows)
}

fn currency(code: &str) -> Result<Currency, Failure> {
    Currency::parse(code).map_err(|error| (1, format!("the collector's answer does not read: {error}")))
}

fn carts(report: &CartsReport) -> Result<String, Failure> {
    let currency = currency(&report.currency)?;
    let row = |name: &str, carts: &Carts, of: &Carts| {
        let value = carts.value(currency).to_string();
        vec![
            name.to_owned(),
            carts.carts.to_string(),
            share(carts.carts, of.carts),
            carts.leads.to_string(),
            value,
            carts.valued.to_string(),
        ]
    };
    let rows = [
        row("abandoned", &report.abandoned, &report.abandoned),
        row("recovered", &report.recovered, &report.abandoned),
    ];
    Ok(format!(
        "{}\nof carts told of as abandoned in the period; recovered is worth what the shop's server says of the orders",
        table(&["", "carts", "share", "leads", "value", "with a value"], &rows)
    ))
}

fn touchpoints(report: &TouchpointsReport) -> Result<String, Failure> {
    if report.kinds.is_empty() {
        let message = "the model in force lists no kinds of touch: add [[touch_kinds]] with event, cost and impact";
        return Err((BAD_CONFIGURATION, message.to_owned()));
    }
    let currency = currency(&report.currency)?;
    let money = |minor: i64| Money { minor, currency }.to_string();
    let part = |success: &Success| {
        let hundredths = (success.part + WHOLE / 200) / (WHOLE / 100);
        format!("{}.{:02}", hundredths / 100, hundredths % 100)
    };
    let one = |success: &Success, cost: i64| success.cost_of_one(cost).map_or_else(|| "–".to_owned(), money);
    let row = |kind: &KindRow| {
        vec![
            kind.title.clone(),
            kind.touches.to_string(),
            kind.leads.to_string(),
            kind.impact.to_string(),
            money(kind.cost),
            kind.hot.count.to_string(),
            part(&kind.hot),
            one(&kind.hot, kind.cost),
            kind.orders.count.to_string(),
            part(&kind.orders),
            one(&kind.orders, kind.cost),
        ]
    };
    let rows: Vec<Vec<String>> = report.kinds.iter().map(row).collect();
    let heading = [
        "touch",
        "touches",
        "leads",
        "impact",
        "cost",
        "hot after",
        "part",
        "cost a hot lead",
        "orders after",
        "part",
        "cost an order",
    ];
    Ok(format!(
        "{}\n{} leads became hot and {} orders came in; each is divided among the touches before it by their impact",
        table(&heading, &rows),
        report.hot,
        report.orders
    ))
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn shares_are_rounded_to_the_nearest_tenth() {
        assert_eq!((share(4, 10), share(2, 3), share(0, 0)), ("40.0 %".into(), "66.7 %".into(), "–".into()));
    }
}
