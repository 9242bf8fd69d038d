//! What the ledger says about one offer: when it was shown, closed, followed, and what came of it.

use crate::model::Offer;
use crate::reason::Reason;
use crate::time::{Millis, Span};
use crate::touch::{Touch, event};

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

    /// How often it was shown. Two impressions of one decision are one.
    fn shown(&self) -> usize {
        let shown: Vec<_> = self.about(event::OFFER_SHOWN).collect();
        let repeated = |place: usize, touch: &Touch| {
            touch.decision.is_some() && shown.iter().take(place).any(|before| before.decision == touch.decision)
        };
        shown.iter().enumerate().filter(|(place, touch)| !repeated(*place, touch)).count()
    }

    /// Whether another decision has reserved it and may still show it.
    fn reserved(&self, now: Millis) -> bool {
        self.about(event::RESERVED).any(|touch| holds(touch, self.touches, now))
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

    /// Why frequency forbids it now, and the particulars.
    pub(super) fn forbids(&self, now: Millis) -> Option<(Reason, String)> {
        let frequency = self.offer.frequency;
        if frequency.not_after_goal && self.reached_goal() {
            let goal = self.offer.goal.as_ref().map_or_else(String::new, ToString::to_string);
            return Some((Reason::GoalReached, format!("{goal} through this offer")));
        }
        let shown = self.shown();
        if let Some(most) = frequency.per_visitor.filter(|most| usize::try_from(*most).is_ok_and(|most| shown >= most))
        {
            return Some((Reason::AlreadyShown, format!("shown {shown} of {most}")));
        }
        if self.reserved(now) {
            return Some((Reason::Reserved, "chosen by another decision, not shown yet".to_owned()));
        }
        let dismissed = self.about(event::OFFER_DISMISSED).last()?;
        let away = frequency.after_dismissal.filter(|away| now < dismissed.time.plus(*away))?;
        Some((Reason::DismissedRecently, format!("closed less than {away} ago")))
    }
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
