//! What the ledger says about one offer: when it was shown, closed, followed, and what came of it.

use super::limits::is_full;
use super::refusal::Refusal;
use crate::lead::Lead;
use crate::model::Offer;
use crate::reason::Reason;
use crate::sessions::GoingOn;
use crate::time::{Millis, Span};
use crate::touch::{OfferId, Touch, Trust, event};

/// A reservation that nobody confirmed counts for this long at most.
pub const RESERVATION: Span = Span::minutes(30);

/// How far a device's clock may be off without being corrected, so how far an order of a page's touch and one of our own
/// can be wrong.
const CLOCK_TOLERANCE: Span = Span::seconds(60);

/// The touches of one offer.
#[derive(Debug)]
pub(super) struct OfferHistory<'a> {
    offer: &'a Offer,
    touches: &'a [Touch],
}

impl<'a> OfferHistory<'a> {
    pub(super) const fn of(offer: &'a Offer, touches: &'a [Touch]) -> Self {
        Self { offer, touches }
    }

    fn about(&self, name: &'a str) -> impl Iterator<Item = &'a Touch> {
        named(self.touches, name).filter(|touch| touch.offer.as_ref() == Some(&self.offer.id))
    }

    /// Its impressions; two of one decision are one.
    pub(super) fn shown(&self) -> Vec<&'a Touch> {
        once_each(self.about(event::OFFER_SHOWN))
    }

    /// The reservation of another decision that may still show it.
    fn reserved(&self, now: Millis) -> Option<&'a Touch> {
        self.about(event::RESERVED).filter(|touch| holds(touch, self.touches, now)).last()
    }

    /// Whether the visitor did what the offer is for, through the offer.
    pub(super) fn reached_goal(&self) -> bool {
        self.goals().next().is_some()
    }

    fn goals(&self) -> impl Iterator<Item = &'a Touch> {
        self.offer.goal.iter().flat_map(|goal| self.about(goal.as_str()))
    }

    /// Whether it was ever put before the visitor: shown, or reserved (the page may have shown it and failed to say so).
    pub(super) fn impressions(&self) -> impl Iterator<Item = &'a Touch> {
        self.about(event::OFFER_SHOWN).chain(self.about(event::RESERVED))
    }

    /// Whether the goal was reached after an impression: of the same decision, or not before it as far as clocks tell.
    pub(super) fn reached_goal_after_impression(&self) -> bool {
        let follows = |goal: &Touch| {
            self.impressions().any(|seen| {
                let same_decision = goal.decision.is_some() && goal.decision == seen.decision;
                same_decision || goal.time.plus(CLOCK_TOLERANCE) >= seen.time
            })
        };
        self.goals().any(follows)
    }

    /// Why frequency forbids it now; `visit` is the one that asks.
    pub(super) fn forbids(&self, visit: Option<&GoingOn<'_>>, now: Millis) -> Option<Refusal> {
        let frequency = self.offer.frequency;
        if frequency.not_after_goal && self.reached_goal() {
            let goal = self.offer.goal.as_ref().map_or_else(String::new, ToString::to_string);
            return Some(Refusal::of(Reason::GoalReached, format!("{goal} through this offer")));
        }
        let shown = self.shown();
        if let Some(most) = frequency.per_visitor.filter(|most| is_full(shown.len(), *most)) {
            return Some(Refusal::of(Reason::AlreadyShown, format!("shown {} of {most}", shown.len())));
        }
        if let Some(reserved) = self.reserved(now) {
            let detail = "chosen by another decision, not shown yet";
            return Some(Refusal::until(Reason::Reserved, detail, reserved.time.plus(RESERVATION)));
        }
        let in_visit = || {
            let (most, visit) = (frequency.per_session?, visit?);
            let shown = shown.iter().filter(|touch| visit.has(touch)).count();
            let detail = format!("shown {shown} of {most} in this visit");
            is_full(shown, most).then(|| Refusal::until(Reason::ShownThisSession, detail, visit.ends))
        };
        let since = |last: Option<&Touch>, away: Option<Span>, reason, done| {
            let away = away?;
            let until = last?.time.plus(away);
            (now < until).then(|| Refusal::until(reason, format!("{done} less than {away} ago"), until))
        };
        let last = shown.iter().copied().max_by_key(|touch| touch.time);
        let dismissed = self.about(event::OFFER_DISMISSED).last();
        Refusal::longest([
            in_visit(),
            since(last, frequency.every, Reason::ShownRecently, "shown"),
            since(dismissed, frequency.after_dismissal, Reason::DismissedRecently, "closed"),
        ])
    }
}

/// Everything that was put before the visitor, each once, and what another decision has chosen and may be about to show.
pub(super) fn appearances(touches: &[Touch], now: Millis) -> impl Iterator<Item = &Touch> {
    let reserved = named(touches, event::RESERVED).filter(move |touch| holds(touch, touches, now));
    once_each(named(touches, event::OFFER_SHOWN)).into_iter().chain(reserved)
}

/// Touches without those that tell of the same offer under the same decision again.
fn once_each<'a>(touches: impl Iterator<Item = &'a Touch>) -> Vec<&'a Touch> {
    let mut once = Vec::new();
    for touch in touches {
        if !is_repeated(&once, touch) {
            once.push(touch);
        }
    }
    once
}

/// Whether one of these tells the same as a touch of an offer: under the same decision.
pub(super) fn is_repeated(before: &[&Touch], touch: &Touch) -> bool {
    let same = |other: &&Touch| other.decision == touch.decision && other.offer == touch.offer;
    touch.decision.is_some() && before.iter().any(same)
}

/// How often an offer was shown to a visitor, as their ledger has it.
#[must_use]
pub fn impressions(lead: &Lead, offer: &OfferId) -> usize {
    once_each(named(lead.touches(), event::OFFER_SHOWN).filter(|touch| touch.offer.as_ref() == Some(offer))).len()
}

/// The reservations of ours that a touch is about: itself, or those of the decision under which it tells of an impression.
pub fn reservations<'a>(lead: &'a Lead, touch: &'a Touch) -> impl Iterator<Item = &'a Touch> {
    let is_one = touch.trust == Trust::Product && touch.is(event::RESERVED);
    let answered = named(lead.touches(), event::RESERVED).filter(|reserved| {
        reserved.trust == Trust::Product
            && touch.is(event::OFFER_SHOWN)
            && reserved.offer == touch.offer
            && reserved.decision == touch.decision
    });
    is_one.then_some(touch).into_iter().chain(answered)
}

/// Whether the page has said that it showed what this reserved.
#[must_use]
pub fn was_shown(lead: &Lead, reserved: &Touch) -> bool {
    let mut shown = named(lead.touches(), event::OFFER_SHOWN);
    shown.any(|shown| shown.offer == reserved.offer && shown.decision == reserved.decision)
}

/// Touches with this name.
pub(super) fn named<'a>(touches: &'a [Touch], name: &'a str) -> impl Iterator<Item = &'a Touch> {
    touches.iter().filter(move |touch| touch.is(name))
}

/// Whether a reservation still stands: younger than thirty minutes, its impression not recorded, its page not left.
///
/// The page is left when its stream views another. That is judged by when the collector received the page view, since a
/// device's clock may be off by more than the time between two pages.
pub(super) fn holds(reservation: &Touch, touches: &[Touch], now: Millis) -> bool {
    let young = now.since(reservation.time) < RESERVATION;
    let confirmed = || {
        named(touches, event::OFFER_SHOWN)
            .any(|shown| shown.offer == reservation.offer && shown.decision == reservation.decision)
    };
    let left = || {
        named(touches, event::PAGE_VIEW)
            .any(|view| view.stream == reservation.stream && view.received > reservation.time)
    };
    young && !confirmed() && !left()
}
