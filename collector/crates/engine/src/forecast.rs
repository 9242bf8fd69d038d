//! Forecast: what changes without any event, and when.

use crate::evaluate::{Evaluation, instant, read};
use crate::lead::Lead;
use crate::model::{Model, StageIndex};
use crate::points::Points;
use crate::time::{Millis, Span};
use crate::timeline::Timeline;

/// How far a forecast looks beyond the last instant at which points change: dates come round once a year.
const A_YEAR: Span = Span::days(367);

/// The next change of the derived stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextChange {
    /// The first instant at which the stage differs.
    pub at: Millis,
    /// The stage until then.
    pub from_stage: StageIndex,
    /// The stage from then on.
    pub to_stage: StageIndex,
    /// The score at that instant.
    pub score: Points,
}

/// The first instant after `now` at which the derived stage differs, if no event comes; `None`: it never does.
///
/// Where a model has dates, it is looked for until a year after points have settled.
#[must_use]
pub fn next_change(lead: &Lead, model: &Model, now: Millis) -> Option<NextChange> {
    let from = instant(lead, now);
    changes_next(Timeline::of(lead, model, from), from)
}

fn changes_next(mut timeline: Timeline<'_>, from: Millis) -> Option<NextChange> {
    let from_stage = timeline.history.stage;
    // What begins later settles later: the end is looked for again until nothing more begins.
    let last_look = timeline.settled_by().max(from).plus(A_YEAR);
    loop {
        let settled = timeline.settled_by();
        let until = match timeline.next_look() {
            Some(look) if look <= last_look => look.max(settled),
            _ => settled,
        };
        if timeline.advance(until, true) {
            let (at, to_stage) = (timeline.history.since, timeline.history.stage);
            return Some(NextChange { at, from_stage, to_stage, score: timeline.score(0, at) });
        }
        if timeline.next_look().is_none_or(|look| look > last_look) && timeline.now >= timeline.settled_by() {
            return None;
        }
    }
}

/// The first instant after that of an evaluation at which a state with a notice begins or ceases to hold, if no event comes;
/// `None`: none does within a year.
#[must_use]
pub fn next_notice(lead: &Lead, model: &Model, evaluation: &Evaluation) -> Option<Millis> {
    if !may_be_noticed(model, evaluation) {
        return None;
    }
    let from = instant(lead, evaluation.at);
    notices_next(Timeline::of(lead, model, from), from)
}

/// Most visitors have no cart, and without one nothing that needs one begins by itself.
fn may_be_noticed(model: &Model, evaluation: &Evaluation) -> bool {
    let no_cart = evaluation.cart.quantity == 0 && evaluation.told_of.is_empty();
    model.notices().any(|(_, notice)| !(no_cart && notice.needs_cart))
}

fn notices_next(mut timeline: Timeline<'_>, from: Millis) -> Option<Millis> {
    let last_look = from.plus(A_YEAR);
    let before = timeline.told_of();
    while let Some(look) = timeline.next_look().filter(|look| *look <= last_look) {
        timeline.advance(look, false);
        if timeline.told_of() != before {
            return Some(look);
        }
    }
    None
}

/// The highest score that makes the stage in `[now, until]`, if no event comes: the score now, unless points below zero are
/// to cool or something is to begin.
///
/// Never less than any score in the interval. With very many touches of both signs it may be a little more than the highest,
/// since the search is bounded.
#[must_use]
pub fn bound(lead: &Lead, model: &Model, now: Millis, until: Millis) -> Points {
    let from = instant(lead, now);
    highest_until(Timeline::of(lead, model, from), from, until)
}

fn highest_until(mut timeline: Timeline<'_>, from: Millis, until: Millis) -> Points {
    let until = until.max(from);
    let mut highest = Points(i64::MIN);
    let mut from = from;
    loop {
        let look = timeline.next_look().filter(|look| *look <= until);
        highest = highest.max(timeline.highest(from, look.map_or(until, |look| look.minus(Span(1)))));
        let Some(look) = look else { return highest };
        timeline.advance(look, false);
        from = look;
    }
}

/// What a ledger means at an instant together with what follows from it without any event, from one replay: whoever commits
/// a lead asks for all of it, and replaying is what it would cost each time.
#[derive(Debug)]
pub struct Outlook<'a> {
    /// What it means: as [`evaluate`](crate::evaluate()) has it.
    pub evaluation: Evaluation,
    timeline: Timeline<'a>,
    from: Millis,
}

impl<'a> Outlook<'a> {
    /// Replays a ledger under a model until `now`, or until its last touch where that is later.
    #[must_use]
    pub fn of(lead: &'a Lead, model: &'a Model, now: Millis) -> Self {
        let from = instant(lead, now);
        let timeline = Timeline::of(lead, model, from);
        Self { evaluation: read(lead, timeline.clone(), from), timeline, from }
    }

    /// As [`next_change`].
    #[must_use]
    pub fn next_change(&self) -> Option<NextChange> {
        changes_next(self.timeline.clone(), self.from)
    }

    /// As [`bound`].
    #[must_use]
    pub fn bound(&self, until: Millis) -> Points {
        highest_until(self.timeline.clone(), self.from, until)
    }

    /// As [`next_notice`].
    #[must_use]
    pub fn next_notice(&self) -> Option<Millis> {
        let asked = may_be_noticed(self.timeline.model, &self.evaluation);
        asked.then(|| notices_next(self.timeline.clone(), self.from)).flatten()
    }
}
