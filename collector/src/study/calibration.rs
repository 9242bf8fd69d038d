//! Calibration: what leads had scored when they bought, and the thresholds that this suggests.

use engine::{Lead, Model, Points, Span};
use serde::{Deserialize, Serialize};

use super::purchases;

/// Fewer purchases than this say nothing about thresholds: with thirty, a quartile rests on seven.
pub const ENOUGH: usize = 30;

/// Scores at purchase, of everybody who bought.
pub struct Calibration<'a> {
    model: &'a Model,
    scores: Vec<Points>,
}

/// What a calibration found. Points as exact decimal text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalibrationReport {
    /// First purchases that were looked at.
    pub purchases: usize,
    /// How many there must be for a proposal.
    pub enough: usize,
    /// The mean score just before a purchase; `None` without purchases, like all that follow.
    pub mean: Option<String>,
    /// Half of the buyers had at least this.
    pub median: Option<String>,
    /// (percent, points): so many percent of the buyers had less than this or just this.
    pub quantiles: Vec<(u8, String)>,
    /// Thresholds for the stages above the lowest, lowest first: (stage, `>= N`). Empty when there is not enough data.
    pub proposed: Vec<(String, String)>,
}

impl<'a> Calibration<'a> {
    /// Scores under this model.
    #[must_use]
    pub const fn new(model: &'a Model) -> Self {
        Self { model, scores: Vec::new() }
    }

    /// Looks at one lead: its score a millisecond before its first purchase, which itself says nothing about warmth.
    pub fn add(&mut self, lead: &Lead) {
        let Some(at) = purchases(lead).first().map(|at| at.minus(Span(1))) else { return };
        self.scores.push(engine::evaluate(&lead.until(at), self.model, at).score);
    }

    /// What was found.
    ///
    /// Proposed is for the highest stage the lower quartile, which three of four buyers had reached, and for those below it
    /// equal parts of that: whole points, at least one apart.
    #[must_use]
    pub fn finish(mut self) -> CalibrationReport {
        self.scores.sort_unstable();
        let count = self.scores.len();
        let quantile = |percent: usize| {
            // The nearest rank: the smallest score that so many percent do not exceed.
            let rank = (count * percent).div_ceil(100).max(1);
            self.scores.get(rank - 1).copied()
        };
        let sum: i128 = self.scores.iter().map(|points| i128::from(points.0)).sum();
        let mean = i128::try_from(count).ok().and_then(|count| sum.checked_div(count));
        let above = self.model.stages.iter().skip(1).map(|stage| stage.name.clone());
        let stages: Vec<String> = above.collect();
        let top = quantile(25).map_or(0, |points| points.0 / engine::points::ONE_POINT);
        let steps = i64::try_from(stages.len()).unwrap_or(1).max(1);
        let good = count >= ENOUGH && top >= steps;
        let part = |number: usize| i64::try_from(number + 1).unwrap_or(1) * top / steps;
        CalibrationReport {
            purchases: count,
            enough: ENOUGH,
            mean: mean.and_then(|mean| i64::try_from(mean).ok()).map(|mean| Points(mean).to_string()),
            median: quantile(50).map(|points| points.to_string()),
            quantiles: [10, 25, 50, 75, 90]
                .into_iter()
                .filter_map(|percent| Some((percent, quantile(usize::from(percent))?.to_string())))
                .collect(),
            proposed: stages
                .into_iter()
                .enumerate()
                .filter(|_| good)
                .map(|(number, stage)| (stage, format!(">= {}", part(number))))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::{Currency, EventName, LedgerLimits, Millis, SiteFacts, StreamId, Touch, TouchId, Trust, record};

    use super::*;

    fn model() -> Model {
        let text = "version = 1\nname = \"m\"\nhalf_life = \"none\"\n[[stages]]\nname = \"cold\"\n[[stages]]\nname = \"warm\"\n\
                    enter = \">= 30\"\n[[stages]]\nname = \"hot\"\nenter = \"> 70\"\n[[rules]]\nid = \"call\"\npoints = 1\n\
                    when = { field = \"event\", eq = \"call\" }\n[[rules]]\nid = \"purchase\"\npoints = 500\n\
                    when = { field = \"event\", eq = \"purchase\" }";
        Model::parse(text, &SiteFacts { currency: Currency::EUR, offsets: Vec::new() }).unwrap()
    }

    /// Somebody who called so often and then bought, and called again.
    fn buyer(calls: usize) -> Lead {
        let mut lead = Lead::default();
        let names = std::iter::repeat_n("call", calls).chain(["purchase", "call"]);
        for (number, name) in (0..).zip(names) {
            let time = Millis(1_790_000_000_000 + number * 60_000);
            let id = TouchId::parse(&format!("t{number}")).unwrap();
            let stream = StreamId::parse("stream-1").unwrap();
            let touch = Touch { trust: Trust::Server, ..Touch::new(id, EventName::parse(name).unwrap(), stream, time) };
            record(&mut lead, touch, &LedgerLimits::default());
        }
        lead
    }

    #[test]
    fn calibration_reports_the_score_before_the_purchase_and_proposes_thresholds() {
        let model = model();
        let mut calibration = Calibration::new(&model);
        for calls in 1..=40 {
            calibration.add(&buyer(calls));
        }
        let report = calibration.finish();
        assert_eq!(
            (report.purchases, report.mean.as_deref(), report.median.as_deref()),
            (40, Some("20.5"), Some("20"))
        );
        let quantiles: Vec<(u8, &str)> = report.quantiles.iter().map(|(at, points)| (*at, points.as_str())).collect();
        assert_eq!(quantiles, [(10, "4"), (25, "10"), (50, "20"), (75, "30"), (90, "36")]);
        assert_eq!(report.proposed, [("warm".into(), ">= 5".into()), ("hot".into(), ">= 10".into())]);
    }

    #[test]
    fn too_few_purchases_are_reported_and_nothing_is_proposed() {
        let model = model();
        let mut calibration = Calibration::new(&model);
        calibration.add(&buyer(3));
        let report = calibration.finish();
        assert_eq!((report.purchases, report.enough, report.proposed.len()), (1, 30, 0));
        assert_eq!(Calibration::new(&model).finish().mean, None);
    }
}
