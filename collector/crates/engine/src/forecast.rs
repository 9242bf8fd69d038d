//! Forecast: what changes without any event, and when.

use crate::evaluate::{Evaluation, instant, read};
use crate::lead::Lead;
use crate::model::{Model, StageIndex};
use crate::points::Points;
use crate::time::{Millis, Span};
use crate::timeline::Timeline;

/// How far a forecast looks beyond the last instant at which points change: dates come round once a year.
const A_YEAR: Span = Span::days(367);

/// How many values of contributions may be computed to foresee one change: a few milliseconds of work.
const WORK: usize = 400_000;

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

/// What comes next without any event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreseen<T> {
    /// This.
    Next(T),
    /// Nothing, ever.
    Never,
    /// Nothing before this instant. What comes from then on is to be looked for then, since it lies too far away, or takes
    /// too much to work out at once.
    LookAgain(Millis),
}

impl<T> Foreseen<T> {
    /// What comes next, where it was found.
    #[must_use]
    pub fn next(self) -> Option<T> {
        match self {
            Self::Next(next) => Some(next),
            Self::Never | Self::LookAgain(_) => None,
        }
    }

    /// When to look at the lead again, if no event comes: when what comes next does, as `at` says, or to look on; `None`:
    /// never.
    #[must_use]
    pub fn look_at(self, at: impl FnOnce(T) -> Millis) -> Option<Millis> {
        match self {
            Self::Next(next) => Some(at(next)),
            Self::LookAgain(at) => Some(at),
            Self::Never => None,
        }
    }
}

/// The first instant after `now` at which the derived stage differs, if no event comes; `None`: it never does, as far as it
/// is looked for. See [`foresee_change`].
#[must_use]
pub fn next_change(lead: &Lead, model: &Model, now: Millis) -> Option<NextChange> {
    foresee_change(lead, model, now).next()
}

/// The first instant after `now` at which the derived stage differs, if no event comes.
///
/// Where a model has dates, it is looked for until a year after points have settled; where very many touches of both signs
/// hold the score at a threshold, as far as a bounded amount of work leads.
#[must_use]
pub fn foresee_change(lead: &Lead, model: &Model, now: Millis) -> Foreseen<NextChange> {
    let from = instant(lead, now);
    changes_next(Timeline::of(lead, model, from), from)
}

fn changes_next(mut timeline: Timeline<'_>, from: Millis) -> Foreseen<NextChange> {
    timeline.foresee(WORK);
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
            return Foreseen::Next(NextChange { at, from_stage, to_stage, score: timeline.score(0, at) });
        }
        if timeline.is_spent() {
            return Foreseen::LookAgain(timeline.now.plus(Span(1)));
        }
        let look = timeline.next_look();
        if look.is_none_or(|look| look > last_look) && timeline.now >= timeline.settled_by() {
            return look.map_or(Foreseen::Never, Foreseen::LookAgain);
        }
    }
}

/// The first instant after that of an evaluation at which a state with a notice begins or ceases to hold, if no event comes;
/// `None`: none does within a year, as far as it is looked for. See [`foresee_notice`].
#[must_use]
pub fn next_notice(lead: &Lead, model: &Model, evaluation: &Evaluation) -> Option<Millis> {
    foresee_notice(lead, model, evaluation).next()
}

/// The first instant after that of an evaluation at which a state with a notice begins or ceases to hold, if no event comes.
/// It is looked for within a year.
#[must_use]
pub fn foresee_notice(lead: &Lead, model: &Model, evaluation: &Evaluation) -> Foreseen<Millis> {
    if !may_be_noticed(model, evaluation) {
        return Foreseen::Never;
    }
    let from = instant(lead, evaluation.at);
    notices_next(Timeline::of(lead, model, from), from)
}

/// Most visitors have no cart, and without one nothing that needs one begins by itself.
fn may_be_noticed(model: &Model, evaluation: &Evaluation) -> bool {
    let no_cart = evaluation.cart.quantity == 0 && evaluation.told_of.is_empty();
    model.notices().any(|(_, notice)| !(no_cart && notice.needs_cart))
}

fn notices_next(mut timeline: Timeline<'_>, from: Millis) -> Foreseen<Millis> {
    timeline.foresee(WORK);
    let last_look = from.plus(A_YEAR);
    let before = timeline.told_of();
    while let Some(look) = timeline.next_look() {
        if look > last_look {
            return Foreseen::LookAgain(look);
        }
        timeline.advance(look, false);
        if timeline.is_spent() {
            return Foreseen::LookAgain(timeline.now.plus(Span(1)));
        }
        if timeline.told_of() != before {
            return Foreseen::Next(look);
        }
    }
    Foreseen::Never
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

    /// As [`foresee_change`].
    #[must_use]
    pub fn foresee_change(&self) -> Foreseen<NextChange> {
        changes_next(self.timeline.clone(), self.from)
    }

    /// As [`bound`].
    #[must_use]
    pub fn bound(&self, until: Millis) -> Points {
        highest_until(self.timeline.clone(), self.from, until)
    }

    /// As [`foresee_notice`].
    #[must_use]
    pub fn foresee_notice(&self) -> Foreseen<Millis> {
        if may_be_noticed(self.timeline.model, &self.evaluation) {
            notices_next(self.timeline.clone(), self.from)
        } else {
            Foreseen::Never
        }
    }
}
