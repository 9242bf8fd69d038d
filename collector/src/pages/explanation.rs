//! The explanation of a score as a table: every line, and the sum that is the score.

use engine::{Cause, Evaluation, Limit, Line, Model, Points};

use super::language::Language;
use super::when::{Times, When};

/// Rules in the summary; the rest is one bar.
const BARS: usize = 8;

/// Points in a cell: what is shown, and every digit.
pub(super) struct Amount {
    pub(super) shown: String,
    pub(super) exact: String,
}

/// One line.
pub(super) struct LineView {
    pub(super) title: String,
    pub(super) rule: String,
    pub(super) limit: bool,
    pub(super) time: When,
    pub(super) then: Amount,
    pub(super) now: Amount,
    pub(super) next: Option<(When, Amount)>,
}

/// What all lines of one rule come to.
pub(super) struct RuleBar {
    pub(super) title: String,
    pub(super) sum: Amount,
    pub(super) negative: bool,
    /// Of 100, the largest having all.
    pub(super) width: i64,
}

/// How points are written on a page.
#[derive(Clone, Copy)]
pub(super) struct Digits {
    pub(super) language: Language,
    /// All six, rather than one.
    pub(super) every: bool,
}

impl Digits {
    pub(super) fn amount(self, points: Points) -> Amount {
        let exact = points.to_string();
        let shown = if self.every { self.language.number(&exact) } else { self.language.points(points) };
        Amount { shown, exact }
    }
}

/// One score, and what it is the sum of.
pub(super) struct Section {
    /// As people call it; `None` for the one that makes the stage.
    pub(super) title: Option<String>,
    pub(super) total: Amount,
    pub(super) bars: Vec<RuleBar>,
    pub(super) lines: Vec<LineView>,
}

/// Every score of a lead, the one that makes the stage first.
pub(super) fn sections(evaluation: &Evaluation, model: &Model, times: &Times<'_>, digits: Digits) -> Vec<Section> {
    let scores = model.scores.iter().zip(&evaluation.scores).enumerate();
    scores
        .map(|(number, (score, points))| {
            let own: Vec<&Line> = evaluation.lines.iter().filter(|line| line.score == number).collect();
            Section {
                title: (number > 0).then(|| digits.language.title(&score.title).to_owned()),
                total: digits.amount(*points),
                bars: by_rule(&own, evaluation, model, digits),
                lines: lines(&own, evaluation, model, times, digits),
            }
        })
        .collect()
}

/// The lines of a score, in the engine's order.
fn lines(lines: &[&Line], evaluation: &Evaluation, model: &Model, times: &Times<'_>, digits: Digits) -> Vec<LineView> {
    let view = |line: &&Line| LineView {
        title: title(line, evaluation, model, times.language),
        rule: line.rule.as_ref().map(ToString::to_string).unwrap_or_default(),
        limit: matches!(line.cause, Cause::Limit { .. }),
        time: times.at(line.time),
        then: digits.amount(line.points_then),
        now: digits.amount(line.points_now),
        next: line.next_change.map(|(at, points)| (times.at(at), digits.amount(points))),
    };
    lines.iter().map(view).collect()
}

/// What each rule comes to, the weightiest first.
fn by_rule(lines: &[&Line], evaluation: &Evaluation, model: &Model, digits: Digits) -> Vec<RuleBar> {
    let mut sums: Vec<(String, Points)> = Vec::new();
    for line in lines {
        let title = title(line, evaluation, model, digits.language);
        match sums.iter_mut().find(|(held, _)| *held == title) {
            Some((_, sum)) => *sum += line.points_now,
            None => sums.push((title, line.points_now)),
        }
    }
    sums.sort_by_key(|(_, sum)| std::cmp::Reverse(sum.0.saturating_abs()));
    if sums.len() > BARS {
        let rest = sums.drain(BARS - 1..).map(|(_, sum)| sum).sum();
        sums.push((digits.language.words().other_rules.to_owned(), rest));
    }
    let largest = sums.iter().map(|(_, sum)| sum.0.saturating_abs()).max().unwrap_or(1).max(1);
    let width =
        |sum: Points| i64::try_from(i128::from(sum.0.saturating_abs()) * 100 / i128::from(largest)).unwrap_or(100);
    sums.into_iter()
        .map(|(title, sum)| RuleBar { title, negative: sum < Points::ZERO, width: width(sum), sum: digits.amount(sum) })
        .collect()
}

fn title(line: &Line, evaluation: &Evaluation, model: &Model, language: Language) -> String {
    let title = evaluation.title(line);
    let limit = match &line.cause {
        Cause::Touch { .. } | Cause::State => return language.title(title).to_owned(),
        Cause::Fold { count, .. } => return format!("{count} × {}", language.title(title)),
        Cause::Limit { limit } => limit,
    };
    let score = model.scores.get(line.score);
    let words = match limit {
        Limit::RuleCap => {
            let rule = line.rule.as_ref().and_then(|id| model.rule(id.as_str()));
            rule.and_then(|rule| Some(language.rule_cap(&rule.title, rule.cap?)))
        }
        Limit::GroupCap { group } => {
            model.groups.get(*group).and_then(|group| Some(language.cap(&group.id, group.cap?)))
        }
        Limit::ScoreCap => score.and_then(|score| Some(language.cap(language.title(&score.title), score.cap?))),
        Limit::Ceiling => score.and_then(|score| score.ceiling).map(|ceiling| language.ceiling(ceiling)),
        Limit::Floor => score.and_then(|score| score.floor).map(|floor| language.floor(floor)),
        Limit::BrowserCap => model.browser_cap.map(|cap| language.browser_cap(cap.points, cap.every)),
    };
    words.unwrap_or_else(|| title.to_owned())
}
