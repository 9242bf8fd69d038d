//! The explanation of a score as other programs read it: its lines with what each rests on, and why the stage is what it is.
//!
//! One shape for the interface, the command line and messages. Points are exact decimal text, instants ms since 1970.

use engine::evaluate::{Cause, StageCause};
use engine::{Evaluation, Lead, Line, Millis, Model};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One line of an explanation. Each score is the sum of `points_now` of its lines, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineAccount {
    /// What kind of line.
    pub cause: LineCause,
    /// The rule's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The name of the score that it counts for.
    pub score: String,
    /// In words, as the model calls it.
    pub title: String,
    /// The touch's id, where one gave the points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touch: Option<String>,
    /// The name of the event, of a touch or of those that were folded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// Of touches that were folded: how many, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folded: Option<FoldedTouches>,
    /// Which limit takes points away: `cap` (of the rule), `group_cap`, `score_cap`, `ceiling`, `floor`, `browser_cap`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// When, ms since 1970.
    pub time: i64,
    /// Points when it happened, exact.
    pub points_then: String,
    /// Points left now, exact: these add up to the score.
    pub points_now: String,
    /// When the points change next if nothing happens, and to what; absent: never, or not foreseen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_change: Option<NextPoints>,
}

/// What kind of line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineCause {
    /// A touch.
    Touch,
    /// Touches of one day that are kept as their count.
    Fold,
    /// Something that holds of the visitor.
    State,
    /// A limit that takes points away again, or gives them back.
    Limit,
}

/// Touches that are kept as their count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FoldedTouches {
    /// For how many of them the rule gives points.
    pub count: u32,
    /// When the first of those that were folded together happened, ms since 1970.
    pub first: i64,
    /// When the last of them happened, ms since 1970: less than a day later.
    pub last: i64,
}

/// What a line is worth from an instant on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NextPoints {
    /// From when on, ms since 1970.
    pub at: i64,
    /// Points from then on, exact.
    pub points: String,
}

/// The stage that follows if nothing happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NextStage {
    /// When, ms since 1970.
    pub at: i64,
    /// Its name.
    pub stage: String,
}

/// What kind of reason a stage has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhyCause {
    /// Something happened.
    Touch,
    /// Something began or ceased to hold of the visitor.
    State,
    /// The lead was handed back.
    HandBack,
    /// Nothing did: points cooled or expired.
    Cooling,
    /// It never was another.
    Initial,
    /// Of a message: what was announced before does not follow any more, since the model changed or an event came late.
    Recomputed,
}

/// Why a stage is what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Why {
    /// What kind of reason.
    pub cause: WhyCause,
    /// The id of the rule; of a touch the one that weighed most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The rule's title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The touch's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touch: Option<String>,
    /// The name of its event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
}

/// Every line of an evaluation, in the engine's order: newest first, limits last.
#[must_use]
pub fn lines(lead: &Lead, model: &Model, evaluation: &Evaluation) -> Vec<LineAccount> {
    evaluation.lines.iter().map(|one| line(lead, model, evaluation, one)).collect()
}

/// One line of an evaluation.
#[must_use]
pub fn line(lead: &Lead, model: &Model, evaluation: &Evaluation, line: &Line) -> LineAccount {
    let (cause, touch, folded, limit) = match &line.cause {
        Cause::Touch { touch } => (LineCause::Touch, Some(touch), None, None),
        Cause::Fold { touch, count, first, last } => {
            let folded = FoldedTouches { count: *count, first: first.0, last: last.0 };
            (LineCause::Fold, Some(touch), Some(folded), None)
        }
        Cause::State => (LineCause::State, None, None, None),
        Cause::Limit { limit } => (LineCause::Limit, None, None, Some(limit.name().to_owned())),
    };
    LineAccount {
        cause,
        rule: line.rule.as_ref().map(ToString::to_string),
        score: model.scores.get(line.score).map_or_else(String::new, |score| score.name.clone()),
        title: evaluation.title(line).to_owned(),
        // The touch that stands for a fold has an id of our own making, which nobody can look up.
        touch: touch.filter(|_| folded.is_none()).map(ToString::to_string),
        event: touch.and_then(|touch| lead.touch(touch)).map(|touch| touch.name.to_string()),
        folded,
        limit,
        time: line.time.0,
        points_then: line.points_then.to_string(),
        points_now: line.points_now.to_string(),
        next_change: line.next_change.map(|(at, points)| NextPoints { at: at.0, points: points.to_string() }),
    }
}

/// Why the stage of an evaluation is what it is.
#[must_use]
pub fn why(lead: &Lead, model: &Model, cause: &StageCause) -> Why {
    let (cause, rule, touch) = match cause {
        StageCause::Touch { touch, rule } => (WhyCause::Touch, Some(rule), Some(touch)),
        StageCause::State { rule } => (WhyCause::State, Some(rule), None),
        StageCause::HandBack { touch, rule } => (WhyCause::HandBack, Some(rule), Some(touch)),
        StageCause::Cooling => (WhyCause::Cooling, None, None),
        StageCause::Initial => (WhyCause::Initial, None, None),
    };
    Why {
        cause,
        rule: rule.map(ToString::to_string),
        title: rule.and_then(|rule| model.rule(rule.as_str())).map(|rule| rule.title.to_string()),
        touch: touch.map(ToString::to_string),
        event: touch.and_then(|touch| lead.touch(touch)).map(|touch| touch.name.to_string()),
    }
}

/// The stage that follows if nothing happens; `None`: none does, as far as it is looked for.
#[must_use]
pub fn next_stage(lead: &Lead, model: &Model, now: Millis) -> Option<NextStage> {
    engine::next_change(lead, model, now)
        .map(|change| NextStage { at: change.at.0, stage: model.stages.name(change.to_stage).to_owned() })
}

#[cfg(test)]
mod tests {
    use engine::{
        Currency, EventName, LedgerLimits, SiteFacts, Span, StreamId, Touch, TouchId, Trust, evaluate, record,
    };

    use super::*;

    const NOW: Millis = Millis(1_790_000_000_000);
    const MODEL: &str = "version = 1\nname = \"views\"\n[[scores]]\nname = \"engagement\"\ncap = 5\n[[stages]]\n\
        name = \"cold\"\n[[stages]]\nname = \"warm\"\nenter = \">= 3\"\n[[rules]]\nid = \"view\"\n\
        title = \"Looked\"\nwhen = { field = \"event\", eq = \"page_view\" }\npoints = 2\nhalf_life = \"none\"\n";

    fn model() -> Model {
        Model::parse(MODEL, &SiteFacts { currency: Currency::EUR, offsets: Vec::new() }).unwrap()
    }

    /// A lead of as many page views on the first of a row of days as `counts` says, each day a month after the last.
    fn lead(counts: &[usize]) -> Lead {
        let mut lead = Lead::default();
        for (month, count) in counts.iter().enumerate() {
            for number in 0..*count {
                let at = NOW - Span::days(30 * (counts.len() - month) as i64 - 30) - Span::minutes(number as i64);
                let id = TouchId::parse(&format!("stream-1:{month}{number}")).unwrap();
                let stream = StreamId::parse("stream-1").unwrap();
                let mut touch = Touch::new(id, EventName::parse("page_view").unwrap(), stream, at);
                touch.trust = Trust::Page;
                record(&mut lead, touch, &LedgerLimits::default());
            }
        }
        lead
    }

    #[test]
    fn a_line_says_what_it_rests_on_and_how_many_were_folded() {
        // given three page views of which only the count of two is kept, and a cap that takes a point away
        let limits = LedgerLimits { older: 1, ..LedgerLimits::default() };
        let lead = engine::compact(&lead(&[2, 1]), &limits, &[], NOW).lead;
        let model = model();
        let evaluation = evaluate(&lead, &model, NOW);

        // when the lines are told
        let lines = lines(&lead, &model, &evaluation);

        // then each says what kind it is and where its points are from, and they add up
        let told: Vec<_> =
            lines.iter().map(|line| (line.cause, line.event.as_deref(), line.points_now.as_str())).collect();
        let view = Some("page_view");
        assert_eq!(told, [(LineCause::Touch, view, "2"), (LineCause::Fold, view, "4"), (LineCause::Limit, None, "-1")]);
        assert_eq!(lines[0].touch.as_deref(), Some("stream-1:10"));
        assert_eq!(lines[1].touch, None, "the id of a fold is nobody's");
        assert_eq!(lines[1].folded.map(|folded| folded.count), Some(2));
        assert_eq!(lines[2].limit.as_deref(), Some("score_cap"));
        assert_eq!(evaluation.score.to_string(), "5");
    }

    #[test]
    fn a_stage_says_which_touch_made_it_and_by_which_rule() {
        let (lead, model) = (lead(&[2]), model());
        let why = why(&lead, &model, &evaluate(&lead, &model, NOW).why);
        assert_eq!(
            (why.cause, why.rule.as_deref(), why.title.as_deref()),
            (WhyCause::Touch, Some("view"), Some("Looked"))
        );
        assert_eq!((why.touch.as_deref(), why.event.as_deref()), (Some("stream-1:00"), Some("page_view")));
        assert_eq!(next_stage(&lead, &model, NOW), None, "nothing of it cools");
    }
}
