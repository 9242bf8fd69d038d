//! Backtest: two models over the same ledgers, before the new one is published.

use std::collections::BTreeMap;

use engine::{Lead, Millis, Model, Points, Span};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::{hot, purchases};

/// How long after a lead was hot a purchase counts as foretold.
const FORETOLD: Span = Span::days(30);
/// How many leads that change their stage are listed; all are counted.
const LISTED: usize = 50;

/// One day of the site's calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// `YYYY-MM-DD`.
    pub date: String,
    /// Leads that were in the highest stage of the old model at some time of that day.
    pub hot_before: u32,
    /// The same, under the new model.
    pub hot_after: u32,
}

/// A lead whose stage the new model changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// The visitor's id.
    pub visitor: String,
    /// Stage and points under the old model, exact.
    pub before: (String, String),
    /// Stage and points under the new one.
    pub after: (String, String),
    /// How far the points move, in micro-points: what the list is ordered by.
    #[serde(skip)]
    distance: i64,
}

/// How well "hot" foretold purchases within the period.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// Leads that were hot.
    pub hot: u32,
    /// Of those, leads that bought within 30 days after they were.
    pub hot_and_bought: u32,
    /// Leads that bought.
    pub bought: u32,
    /// Of those, leads that were hot within 30 days before.
    pub bought_and_hot: u32,
}

impl Quality {
    /// Of the hot leads, how many in a thousand bought; `None`: there were none.
    #[must_use]
    pub fn precision_per_mille(&self) -> Option<u32> {
        per_mille(self.hot_and_bought, self.hot)
    }

    /// Of the leads that bought, how many in a thousand had been hot; `None`: nobody bought.
    #[must_use]
    pub fn recall_per_mille(&self) -> Option<u32> {
        per_mille(self.bought_and_hot, self.bought)
    }
}

fn per_mille(part: u32, whole: u32) -> Option<u32> {
    u32::try_from((u64::from(part) * 1_000).checked_div(u64::from(whole))?).ok()
}

/// What a backtest found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BacktestReport {
    /// Leads that were looked at.
    pub leads: u32,
    /// Every day of the period, in order.
    pub days: Vec<Day>,
    /// Leads by their stage now: old, new, how many. Those that stay where they are included.
    pub stages: Vec<(String, String, u32)>,
    /// Leads whose stage changes, the largest change of points first; at most fifty.
    pub moved: Vec<Moved>,
    /// The old model.
    pub before: Quality,
    /// The new model.
    pub after: Quality,
    /// Folded events of which a condition of the new model asks what is no longer known.
    pub unseen: u64,
}

/// A backtest under way: leads are added one by one.
pub struct Backtest<'a> {
    old: &'a Model,
    new: &'a Model,
    from: Millis,
    now: Millis,
    /// Beginnings of the days, and the end of the last one.
    midnights: Vec<(Date, Millis)>,
    hot: Vec<(u32, u32)>,
    leads: u32,
    stages: BTreeMap<(usize, usize), u32>,
    moved: Vec<Moved>,
    quality: (Quality, Quality),
    unseen: u64,
}

impl<'a> Backtest<'a> {
    /// A backtest of the days from `now − since` until now, in the zone of the site.
    #[must_use]
    pub fn new(old: &'a Model, new: &'a Model, since: Span, now: Millis, zone: &TimeZone) -> Self {
        let from = now.minus(since);
        let midnights = midnights(from, now, zone);
        Self {
            old,
            new,
            from,
            now,
            hot: vec![(0, 0); midnights.len()],
            midnights,
            leads: 0,
            stages: BTreeMap::new(),
            moved: Vec::new(),
            quality: (Quality::default(), Quality::default()),
            unseen: 0,
        }
    }

    /// Looks at one lead under both models.
    pub fn add(&mut self, visitor: &str, lead: &Lead) {
        self.leads = self.leads.saturating_add(1);
        self.unseen = self.unseen.saturating_add(engine::unseen(lead, self.new));
        let bought: Vec<Millis> = purchases(lead).into_iter().filter(|at| *at >= self.from).collect();
        let before = hot(lead, self.old, self.now);
        let after = hot(lead, self.new, self.now);
        judge(&mut self.quality.0, &before, &bought, self.from);
        judge(&mut self.quality.1, &after, &bought, self.from);
        for (place, (_, begin)) in self.midnights.iter().enumerate() {
            let end = self.midnights.get(place + 1).map_or(Millis(self.now.0.saturating_add(1)), |(_, at)| *at);
            let in_day =
                |intervals: &[(Millis, Millis)]| intervals.iter().any(|(from, until)| from < &end && until > begin);
            if let Some(day) = self.hot.get_mut(place) {
                day.0 += u32::from(in_day(&before));
                day.1 += u32::from(in_day(&after));
            }
        }
        let (old, new) = (engine::evaluate(lead, self.old, self.now), engine::evaluate(lead, self.new, self.now));
        *self.stages.entry((old.stage.0, new.stage.0)).or_default() += 1;
        if old.stage_name != new.stage_name {
            let told = |stage: &str, points: Points| (stage.to_owned(), points.to_string());
            self.moved.push(Moved {
                visitor: visitor.to_owned(),
                before: told(&old.stage_name, old.score),
                after: told(&new.stage_name, new.score),
                distance: new.score.0.saturating_sub(old.score.0).saturating_abs(),
            });
            // Kept short as it grows: a site has millions of leads.
            if self.moved.len() > LISTED * 2 {
                self.keep_largest();
            }
        }
    }

    fn keep_largest(&mut self) {
        self.moved
            .sort_by(|left, right| right.distance.cmp(&left.distance).then_with(|| left.visitor.cmp(&right.visitor)));
        self.moved.truncate(LISTED);
    }

    /// What was found.
    #[must_use]
    pub fn finish(mut self) -> BacktestReport {
        self.keep_largest();
        let name = |model: &Model, place: usize| model.stages.name(engine::StageIndex(place)).to_owned();
        BacktestReport {
            leads: self.leads,
            days: self
                .midnights
                .iter()
                .zip(&self.hot)
                .map(|((date, _), (before, after))| Day {
                    date: date.to_string(),
                    hot_before: *before,
                    hot_after: *after,
                })
                .collect(),
            stages: self
                .stages
                .iter()
                .map(|((old, new), count)| (name(self.old, *old), name(self.new, *new), *count))
                .collect(),
            moved: self.moved,
            before: self.quality.0,
            after: self.quality.1,
            unseen: self.unseen,
        }
    }
}

/// Adds a lead to what is known of a model's foresight.
fn judge(quality: &mut Quality, hot: &[(Millis, Millis)], bought: &[Millis], from: Millis) {
    let recent = || hot.iter().filter(|(_, until)| *until > from);
    // Hot before the purchase, not by it; and not so long before that it says nothing.
    let foretold = |at: &Millis, (begun, until): &(Millis, Millis)| begun < at && at.since(*until.min(at)) <= FORETOLD;
    quality.hot += u32::from(recent().next().is_some());
    quality.hot_and_bought += u32::from(recent().any(|interval| bought.iter().any(|at| foretold(at, interval))));
    quality.bought += u32::from(!bought.is_empty());
    quality.bought_and_hot += u32::from(bought.iter().any(|at| hot.iter().any(|interval| foretold(at, interval))));
}

/// The beginnings of the local days from one instant to another.
fn midnights(from: Millis, now: Millis, zone: &TimeZone) -> Vec<(Date, Millis)> {
    let day = |at: Millis| Timestamp::from_millisecond(at.0).ok().map(|at| at.to_zoned(zone.clone()).date());
    let (Some(first), Some(last)) = (day(from), day(now)) else { return Vec::new() };
    first
        .series(jiff::ToSpan::days(1))
        .take_while(|date| *date <= last)
        .filter_map(|date| Some((date, Millis(date.to_zoned(zone.clone()).ok()?.timestamp().as_millisecond()))))
        .collect()
}

#[cfg(test)]
mod tests {
    use engine::{Currency, EventName, LedgerLimits, SiteFacts, StreamId, Touch, TouchId, Trust, record};

    use super::*;

    fn model(points: u32) -> Model {
        let text = format!(
            "version = 1\nname = \"m\"\nhalf_life = \"none\"\n[[stages]]\nname = \"cold\"\n[[stages]]\nname = \"hot\"\n\
             enter = \"> 70\"\n[[rules]]\nid = \"call\"\npoints = {points}\nexpires = \"2d\"\n\
             when = {{ field = \"event\", eq = \"call\" }}"
        );
        Model::parse(&text, &SiteFacts { currency: Currency::EUR, offsets: Vec::new() }).unwrap()
    }

    fn lead(touches: &[(&str, i64)]) -> Lead {
        let mut lead = Lead::default();
        for (number, (name, hour)) in touches.iter().enumerate() {
            let time = Millis(1_790_000_000_000 + hour * 3_600_000);
            let id = TouchId::parse(&format!("t{number}")).unwrap();
            let stream = StreamId::parse("stream-1").unwrap();
            let touch = Touch { trust: Trust::Server, ..Touch::new(id, EventName::parse(name).unwrap(), stream, time) };
            record(&mut lead, touch, &LedgerLimits::default());
        }
        lead
    }

    #[test]
    fn a_backtest_counts_hot_days_who_moves_and_what_was_foretold() {
        // given a model under which a call is worth too little, and one under which it makes hot for two days
        let (old, new) = (model(50), model(80));
        let now = Millis(1_790_000_000_000 + 96 * 3_600_000);
        let mut backtest = Backtest::new(&old, &new, Span::days(5), now, &TimeZone::UTC);

        // when one caller buys a day later, one never does, and one buys without a call
        backtest.add("a", &lead(&[("call", 0), ("purchase", 24)]));
        backtest.add("b", &lead(&[("call", 90)]));
        backtest.add("c", &lead(&[("purchase", 50)]));
        let report = backtest.finish();

        // then
        assert_eq!(report.leads, 3);
        let days: Vec<(&str, u32, u32)> =
            report.days.iter().map(|day| (day.date.as_str(), day.hot_before, day.hot_after)).collect();
        assert_eq!(
            days,
            [
                ("2026-09-20", 0, 0),
                ("2026-09-21", 0, 1),
                ("2026-09-22", 0, 1),
                ("2026-09-23", 0, 1),
                ("2026-09-24", 0, 0),
                ("2026-09-25", 0, 1),
            ]
        );
        assert_eq!(report.before, Quality { hot: 0, hot_and_bought: 0, bought: 2, bought_and_hot: 0 });
        assert_eq!(report.after, Quality { hot: 2, hot_and_bought: 1, bought: 2, bought_and_hot: 1 });
        assert_eq!((report.after.precision_per_mille(), report.before.precision_per_mille()), (Some(500), None));
        let moved: Vec<&str> = report.moved.iter().map(|moved| moved.visitor.as_str()).collect();
        assert_eq!(moved, ["b"], "the other has cooled under both");
        assert_eq!(report.stages, [("cold".into(), "cold".into(), 2), ("cold".into(), "hot".into(), 1)]);
    }
}
