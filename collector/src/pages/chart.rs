//! The course of a score, past and to come, as the points of a drawing. Possible because a score is a function of the
//! ledger and the instant: the past is the ledger up to then, the future the ledger as it is.

use engine::{Lead, Millis, Model, Points, Span};

use super::language::Language;
use super::when::{Times, When};

/// The drawing's units.
const WIDTH: i64 = 720;
const HEIGHT: i64 = 180;
/// How far the drawing reaches, at most, on either side of now.
const REACH: Span = Span::days(14);
/// Instants evaluated on either side.
const STEPS: i64 = 48;
/// Ledgers longer than this are not drawn: each instant evaluates the whole.
const LONGEST: usize = 400;

/// A drawing.
pub(super) struct Chart {
    pub(super) width: i64,
    pub(super) height: i64,
    /// `x,y x,y …`
    pub(super) past: String,
    pub(super) future: String,
    /// Under the past's line, down to zero.
    pub(super) area: String,
    pub(super) now_x: i64,
    pub(super) now_y: i64,
    /// Thresholds of the stages: height, words, tone.
    pub(super) thresholds: Vec<(i64, String, &'static str)>,
    pub(super) from: When,
    pub(super) to: When,
    pub(super) words: String,
}

/// Draws a lead; `None` when there is nothing to see, or the ledger is too long.
pub(super) fn draw(lead: &Lead, model: &Model, times: &Times<'_>) -> Option<Chart> {
    let now = lead.last_touched()?.max(times.now);
    if lead.touches().len() > LONGEST {
        return None;
    }
    let first = lead.first_seen()?;
    // Some hours of past at least, so that now does not stand at the edge.
    let from = first.max(now - REACH).min(now - Span::minutes(8 * 60));
    let past = past(lead, model, from, now);
    // As far ahead as back, and a day at least.
    let ahead = Span(now.since(from).0.clamp(Span::days(1).0, REACH.0));
    let future: Vec<(Millis, Points)> = (0..=STEPS)
        .map(|step| now.plus(Span(ahead.0 / STEPS * step)))
        .map(|at| (at, engine::evaluate(lead, model, at).score))
        .collect();
    let to = now.plus(ahead);

    let thresholds: Vec<_> = model.stages.iter().filter_map(|stage| Some((stage, stage.enter?.at))).collect();
    let highest = past.iter().chain(&future).map(|(_, points)| *points).max()?;
    if highest <= Points::ZERO {
        return None;
    }
    // Room above the highest, and up to the threshold above it.
    let next_threshold = thresholds.iter().map(|(_, at)| *at).find(|at| *at > highest);
    let top = highest.0.max(next_threshold.map_or(0, |at| at.0)).saturating_add(highest.0 / 8).max(1);
    let x = |at: Millis| scaled(at.since(from).0, to.since(from).0, WIDTH);
    let y = |points: Points| HEIGHT - scaled(points.0.max(0), top, HEIGHT);
    let line = |points: &[(Millis, Points)]| {
        points.iter().map(|(at, points)| format!("{},{}", x(*at), y(*points))).collect::<Vec<_>>().join(" ")
    };
    let (_, score) = *future.first()?;
    let last = thresholds.len();
    Some(Chart {
        width: WIDTH,
        height: HEIGHT,
        area: format!("{},{HEIGHT} {} {},{HEIGHT}", x(from), line(&past), x(now)),
        past: line(&past),
        future: line(&future),
        now_x: x(now),
        now_y: y(score),
        thresholds: thresholds
            .iter()
            .enumerate()
            .filter(|(_, (_, at))| at.0 <= top)
            .map(|(place, (stage, at))| {
                let tone = if place + 1 == last { "hot" } else { "warm" };
                (y(*at), times.language.stage(&stage.name).to_owned(), tone)
            })
            .collect(),
        from: times.at(from),
        to: times.at(to),
        words: words(times.language, highest, score),
    })
}

fn words(language: Language, highest: Points, score: Points) -> String {
    language.chart(&language.points(highest), &language.points(score))
}

/// Scores from `from` to `now`: at even steps, and before and after each touch, where the score jumps.
fn past(lead: &Lead, model: &Model, from: Millis, now: Millis) -> Vec<(Millis, Points)> {
    let step = now.since(from).0 / STEPS;
    let mut instants: Vec<Millis> = (0..=STEPS).map(|number| from.plus(Span(step * number))).collect();
    instants.push(now);
    for touch in lead.touches().iter().filter(|touch| touch.time > from) {
        instants.extend([touch.time - Span(1), touch.time]);
    }
    instants.sort_unstable();
    instants.dedup();

    // The lead as it was, taken anew only where a touch has come.
    let mut known = (0, Lead::default());
    let score = |at: Millis| {
        let count = lead.touches().partition_point(|touch| touch.time <= at);
        if count > known.0 {
            known = (count, lead.until(at));
        }
        (at, engine::evaluate(&known.1, model, at).score)
    };
    instants.into_iter().map(score).collect()
}

/// `part` of `whole`, in units of `length`.
fn scaled(part: i64, whole: i64, length: i64) -> i64 {
    let scaled = i128::from(part) * i128::from(length) / i128::from(whole.max(1));
    i64::try_from(scaled).unwrap_or(length).clamp(0, length)
}
