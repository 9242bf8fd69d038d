//! How leads moved through the stages in a period, from what was announced: what a report said once, no model rewrites.

use engine::{Lead, Millis, Model, Scalar, Touch, Trust};
use serde::{Deserialize, Serialize};

use crate::transition::{ANNOUNCED, STAGE, is_move};

/// What became of the leads of one site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagesReport {
    /// Leads of whom anything was told in the period, mails that were sent to them included.
    pub leads: u32,
    /// Every stage of the model in force, lowest first.
    pub stages: Vec<StageRow>,
}

/// One stage.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageRow {
    /// Its name.
    pub stage: String,
    /// Leads that were in it at some time of the period.
    pub were: u32,
    /// Leads that entered it in the period; the lowest one is entered with the first event.
    pub entered: u32,
    /// Of those that were in it, leads that then entered a higher one in the period.
    pub rose: u32,
}

/// A report under way: leads are added one by one.
pub struct Stages<'a> {
    model: &'a Model,
    from: Millis,
    now: Millis,
    report: StagesReport,
}

impl<'a> Stages<'a> {
    /// A report of what happened within `[from, now]`. The model gives the names of the stages and their order.
    #[must_use]
    pub fn new(model: &'a Model, from: Millis, now: Millis) -> Self {
        let stages = model.stages.iter().map(|stage| StageRow { stage: stage.name.clone(), ..StageRow::default() });
        let report = StagesReport { leads: 0, stages: stages.collect() };
        Self { model, from, now, report }
    }

    /// Looks at one lead. One of whom nothing was told in the period is left out: it neither moved nor was there to
    /// be moved.
    pub fn add(&mut self, lead: &Lead) {
        let Some(first) = lead.first_seen().filter(|_| lead.last_seen() >= Some(self.from)) else { return };
        self.report.leads += 1;
        // The lowest stage is announced to nobody: it begins with the lead.
        let begin = (first, 0, true);
        let announced = lead.touches().iter().filter_map(|touch| self.announced(touch));
        let count = self.report.stages.len();
        let (mut were, mut entered, mut rose) = (vec![false; count], vec![false; count], vec![false; count]);
        let mut before = None;
        for (at, stage, moved) in std::iter::once(begin).chain(announced) {
            if at > self.now {
                break;
            }
            if at >= self.from {
                // Where it stood when the period began.
                before.into_iter().for_each(|before| mark(&mut were, before));
                mark(&mut were, stage);
                if moved {
                    mark(&mut entered, stage);
                    (0..stage).filter(|lower| were.get(*lower) == Some(&true)).for_each(|lower| mark(&mut rose, lower));
                }
            }
            before = Some(stage);
        }
        before.into_iter().for_each(|last| mark(&mut were, last));
        for (place, row) in self.report.stages.iter_mut().enumerate() {
            let add = |marks: &[bool]| u32::from(marks.get(place) == Some(&true));
            row.were += add(&were);
            row.entered += add(&entered);
            row.rose += add(&rose);
        }
    }

    /// When a stage was announced, its place, and whether the lead moved to it then.
    fn announced(&self, touch: &Touch) -> Option<(Millis, usize, bool)> {
        if touch.trust != Trust::Product || !touch.is(ANNOUNCED) {
            return None;
        }
        let stage = touch.properties.get(STAGE).and_then(Scalar::text)?;
        let place = self.model.stages.iter().position(|known| known.name == stage)?;
        Some((touch.time, place, is_move(touch)))
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> StagesReport {
        self.report
    }
}

fn mark(marks: &mut [bool], place: usize) {
    if let Some(mark) = marks.get_mut(place) {
        *mark = true;
    }
}

#[cfg(test)]
mod tests {
    use engine::{Currency, EventName, LedgerLimits, PropertyName, SiteFacts, Span, StreamId, Text, TouchId, record};

    use super::*;
    use crate::transition::BY_MODEL;

    const NOW: Millis = Millis(1_790_000_000_000);

    fn day(count: i64) -> Millis {
        NOW.minus(Span::days(count))
    }

    fn lead(touches: &[(i64, &str, bool)]) -> Lead {
        let mut lead = Lead::default();
        for (number, (days_ago, stage, by_model)) in touches.iter().enumerate() {
            let own = !stage.is_empty();
            let name = EventName::parse(if own { ANNOUNCED } else { "chat" }).unwrap();
            let id = TouchId::parse(&format!("t{number}")).unwrap();
            let mut touch = Touch::new(id, name, StreamId::parse("stream-1").unwrap(), day(*days_ago));
            if own {
                touch.trust = Trust::Product;
                touch.properties = [
                    (PropertyName::cut(STAGE), Scalar::Text(Text::cut(stage))),
                    (PropertyName::cut(BY_MODEL), Scalar::Boolean(*by_model)),
                ]
                .into_iter()
                .collect();
            }
            record(&mut lead, touch, &LedgerLimits::default());
        }
        lead
    }

    #[test]
    fn a_lead_counts_once_a_stage_and_one_that_a_model_moved_rose_nowhere() {
        let text = "version = 1\nname = \"m\"\n[[stages]]\nname = \"cold\"\n[[stages]]\nname = \"warm\"\nenter = \">= 30\"\n\
                    [[stages]]\nname = \"hot\"\nenter = \"> 70\"\n";
        let model = Model::parse(text, &SiteFacts { currency: Currency::EUR, offsets: Vec::new() }).unwrap();
        let mut stages = Stages::new(&model, day(30), NOW);
        // given one who came and became hot twice, one who was warm before and became hot, one whom a model made hot,
        // one who only came, and one who was not seen in the period
        stages.add(&lead(&[(9, "", false), (8, "hot", false), (7, "cold", false), (6, "hot", false)]));
        stages.add(&lead(&[(90, "", false), (80, "warm", false), (5, "", false), (4, "hot", false)]));
        stages.add(&lead(&[(90, "", false), (3, "", false), (2, "hot", true)]));
        stages.add(&lead(&[(1, "", false)]));
        stages.add(&lead(&[(90, "", false), (80, "warm", false)]));
        // then
        let report = stages.finish();
        let rows: Vec<_> =
            report.stages.iter().map(|row| (row.stage.as_str(), row.were, row.entered, row.rose)).collect();
        assert_eq!(report.leads, 4);
        assert_eq!(rows, [("cold", 3, 2, 1), ("warm", 1, 0, 1), ("hot", 3, 2, 0)]);
    }
}
