//! `gloed report experiments`: what each offer brings, as people read it.

use collector::study::statistics::{Difference, Interval};
use collector::study::{ENOUGH_ORDERS, ExperimentReport, ExperimentsReport, GroupRow, Verdict};
use engine::Currency;

use super::table::table;

/// The report in words and tables.
pub(super) fn text(report: &ExperimentsReport, currency: Currency) -> String {
    if report.offers.is_empty() {
        return "the model in force has no offers".to_owned();
    }
    let offers: Vec<String> = report.offers.iter().map(|offer| of_offer(offer, report, currency)).collect();
    let decided = if report.by_margin { "margin" } else { "revenue: [economics] margin would tell what is left of it" };
    format!(
        "{}\n\nvisitors count {} after they met the offer, and then never change; decided by {decided}\n\
         intervals: 95 %; [ ] may be looked at as often as you like, ( ) once, at a day chosen beforehand",
        offers.join("\n\n"),
        report.window
    )
}

fn of_offer(offer: &ExperimentReport, report: &ExperimentsReport, currency: Currency) -> String {
    let mut lines = vec![format!("{}: {}", offer.offer, verdict(&offer.verdict, report.by_margin))];
    let has_goal = offer.goal.is_some();
    let rows = || offer.groups.iter().chain(&offer.together);
    if rows().any(|row| row.exposed > 0) {
        let cells = |row: &GroupRow| cells(row, &row.variant, has_goal, report, currency);
        lines.push(table(&heading("variant", offer, report), &rows().map(cells).collect::<Vec<_>>()));
    }
    if offer.bands.len() > 1 {
        let rows = offer.bands.iter().flat_map(|band| {
            let name = |row: &GroupRow| format!("{}, {}", band.stage, row.variant);
            band.groups.iter().map(move |row| cells(row, &name(row), has_goal, report, currency))
        });
        lines.push(table(&heading("stage when they met it", offer, report), &rows.collect::<Vec<_>>()));
    }
    for (count, what) in [
        (offer.divided_otherwise, "visitors are left out: they were divided by other shares than the model has now"),
        (
            offer.met_several,
            "visitors met several variants, since two of them were one person; they count where they came first",
        ),
        (offer.orders_without_value, "orders have no value in this currency and bring nothing here"),
    ] {
        if count > 0 {
            lines.push(format!("{count} {what}"));
        }
    }
    lines.join("\n")
}

/// What is to be said, in one sentence.
fn verdict(verdict: &Verdict, by_margin: bool) -> String {
    let what = if by_margin { "margin" } else { "revenue" };
    match verdict {
        Verdict::NoHoldout => {
            "no verdict: nobody is held out (holdout = \"0%\"), so there is nothing to compare with".into()
        }
        Verdict::SampleRatio => {
            "no verdict: the groups are not as large as they should be (p < 0.001), so something loses \
                                 visitors of one of them; no number here can be trusted until that is found"
                .into()
        }
        Verdict::TooEarly { visitors: Some(more) } => format!("no verdict yet: needs about {more} more visitors"),
        Verdict::TooEarly { visitors: None } => {
            format!(
                "no verdict yet: needs {ENOUGH_ORDERS} visitors with an order in each group, and a difference to see"
            )
        }
        Verdict::Earns => format!("brings more {what} than showing nothing"),
        Verdict::Costs => format!("brings less {what} than showing nothing"),
    }
}

fn heading<'o>(first: &'o str, offer: &'o ExperimentReport, report: &ExperimentsReport) -> Vec<&'o str> {
    let decided =
        if report.by_margin { "margin a visitor, beside holdout" } else { "revenue a visitor, beside holdout" };
    let mut heading =
        vec![first, "visitors", "counted", "bought", "orders", "revenue", "codes cost", "margin", decided];
    if let Some(goal) = &offer.goal {
        heading.splice(3..3, [goal.as_str(), "beside holdout"]);
    }
    heading
}

fn cells(row: &GroupRow, name: &str, has_goal: bool, report: &ExperimentsReport, currency: Currency) -> Vec<String> {
    let money = |minor: i64| engine::Money { minor, currency }.to_string();
    let none = || "–".to_owned();
    let share = |count: u64| match (count * 10_000 + row.settled / 2).checked_div(row.settled) {
        Some(hundredths) => format!("{count} ({}.{:02} %)", hundredths / 100, hundredths % 100),
        None => count.to_string(),
    };
    let beside = row.against_holdout.as_ref();
    let deciding = beside.and_then(|beside| if report.by_margin { beside.margin } else { beside.revenue });
    let unit = 10_f64.powi(i32::try_from(currency.exponent()).unwrap_or_default());
    let mut cells = vec![
        name.to_owned(),
        row.exposed.to_string(),
        row.settled.to_string(),
        share(row.buyers),
        row.orders.to_string(),
        money(row.revenue),
        money(row.cost),
        row.margin.map_or_else(none, money),
        deciding.map_or_else(none, |difference| interval(&difference, unit, "")),
    ];
    if has_goal {
        let difference = beside.and_then(|beside| beside.goals);
        let difference = difference.map_or_else(none, |difference| interval(&difference, 0.01, " %"));
        cells.splice(3..3, [share(row.goals), difference]);
    }
    cells
}

/// `+1.20 [-0.40, 2.80] (0.10, 2.30)`: what was found, sequential, fixed.
fn interval(difference: &Difference, unit: f64, sign: &str) -> String {
    let ends = |interval: &Interval| format!("{:.2}, {:.2}", interval.low / unit, interval.high / unit);
    let (sequential, fixed) = (ends(&difference.sequential), ends(&difference.fixed));
    format!("{:+.2}{sign} [{sequential}] ({fixed})", difference.found / unit)
}
