//! What holds for all offers together: how many that interrupt a visitor sees, and how soon after another.
//!
//! Counted are those that were shown, and those that another decision has chosen and may be about to show. All of it follows
//! from the ledger, so it is the same whichever collector and device is asked, and nothing is counted in a second place.

use super::history::{appearances, is_repeated};
use super::refusal::Refusal;
use crate::calendar::{local_day, local_midnight};
use crate::model::{Model, Offer, OfferPolicy};
use crate::reason::Reason;
use crate::sessions::GoingOn;
use crate::time::{Millis, Span};
use crate::touch::{Touch, event};

/// How often the time that somebody is left alone doubles, at most: to 64 times `after_dismissal`.
const MOST_DOUBLINGS: u32 = 6;

/// How the ledger stands to the limits of a model.
pub(super) struct Limits<'a> {
    policy: OfferPolicy,
    model: &'a Model,
    now: Millis,
    /// What interrupted, or is about to; in canonical order.
    appearances: Vec<&'a Touch>,
    /// The visit that asks.
    visit: Option<GoingOn<'a>>,
    /// Why somebody who closed offers is left alone.
    closed: Option<Refusal>,
}

impl<'a> Limits<'a> {
    /// Of a ledger; `visit` is the one that asks.
    pub(super) fn of(touches: &'a [Touch], model: &'a Model, visit: Option<GoingOn<'a>>, now: Millis) -> Self {
        let policy = model.offers_policy;
        let mut limits = Self { policy, model, now, appearances: Vec::new(), visit, closed: None };
        if policy.min_gap.is_some() || policy.per_session.is_some() || policy.per_visitor_per_day.is_some() {
            limits.appearances = appearances(touches, now).filter(|touch| limits.interrupts(touch)).collect();
        }
        limits.closed = policy.after_dismissal.and_then(|away| limits.closed(touches, away));
        limits
    }

    /// Why nothing that interrupts may be shown, beside those that this decision has chosen.
    pub(super) fn refusal(&self, beside: &[&Offer]) -> Option<Refusal> {
        Refusal::longest([self.gap(beside), self.visit(beside.len()), self.day(beside.len()), self.closed.clone()])
    }

    /// Whether a touch is about an offer that interrupts. One that is in the model no more is taken for such: nobody sees more
    /// for an offer being renamed.
    fn interrupts(&self, touch: &Touch) -> bool {
        let Some(id) = &touch.offer else { return false };
        self.model.offer(id.as_str()).is_none_or(|offer| offer.slot.interrupts())
    }

    fn gap(&self, beside: &[&Offer]) -> Option<Refusal> {
        let gap = self.policy.min_gap?;
        if let Some(chosen) = beside.last() {
            return Some(Refusal::until(Reason::MinGap, format!("{} now", chosen.id), self.now.plus(gap)));
        }
        let last = self.appearances.iter().max_by_key(|touch| touch.time)?;
        let until = last.time.plus(gap);
        let offer = last.offer.as_ref().map_or_else(String::new, ToString::to_string);
        (self.now < until).then(|| Refusal::until(Reason::MinGap, format!("{offer} less than {gap} ago"), until))
    }

    fn visit(&self, beside: usize) -> Option<Refusal> {
        let most = self.policy.per_session?;
        let visit = self.visit.as_ref();
        let before = visit.map_or(0, |visit| self.appearances.iter().filter(|touch| visit.has(touch)).count());
        let shown = before + beside;
        let ends = visit.map_or(self.now, |visit| visit.ends);
        is_full(shown, most)
            .then(|| Refusal::until(Reason::SessionFull, format!("{shown} of {most} in this visit"), ends))
    }

    fn day(&self, beside: usize) -> Option<Refusal> {
        let most = self.policy.per_visitor_per_day?;
        let offsets = &self.model.offsets;
        let today = local_day(self.now, offsets);
        let before = self.appearances.iter().filter(|touch| local_day(touch.time, offsets) == today).count();
        let shown = before + beside;
        let refusal = || Refusal {
            reason: Reason::DayFull,
            detail: format!("{shown} of {most} today"),
            until: local_midnight(today + 1, offsets),
        };
        is_full(shown, most).then(refusal)
    }

    /// Who closes one offer after the other is left alone for twice as long each time, until they follow one.
    fn closed(&self, touches: &[Touch], away: Span) -> Option<Refusal> {
        let followed = |touch: &Touch| {
            let goal = || touch.offer.as_ref().and_then(|id| self.model.offer(id.as_str())?.goal.as_ref());
            touch.is(event::OFFER_CLICKED) || goal().is_some_and(|goal| touch.is(goal.as_str()))
        };
        let about: Vec<&Touch> = touches.iter().filter(|touch| self.interrupts(touch)).collect();
        let mut closed: Vec<&Touch> = Vec::new();
        for touch in &about {
            if followed(touch) {
                closed.clear();
            } else if touch.is(event::OFFER_DISMISSED)
                && !is_repeated(&closed, touch)
                && !about.iter().any(|other| other.decision == touch.decision && followed(other))
            {
                closed.push(touch);
            }
        }
        let doublings = u32::try_from(closed.len().checked_sub(1)?).unwrap_or(MOST_DOUBLINGS).min(MOST_DOUBLINGS);
        let away = Span(away.0.saturating_mul(1 << doublings));
        let until = closed.last()?.time.plus(away);
        let times = closed.len();
        (self.now < until).then(|| {
            Refusal::until(
                Reason::OffersDismissed,
                format!("closed {times} in a row, the last less than {away} ago"),
                until,
            )
        })
    }
}

/// Whether as many were shown as may be.
pub(super) fn is_full(shown: usize, most: u32) -> bool {
    usize::try_from(most).is_ok_and(|most| shown >= most)
}
