//! Decisions: which offer a visitor sees now, where, and why.

mod claim;
mod history;

use crate::condition::LeadFacts;
use crate::evaluate::Evaluation;
use crate::lead::Lead;
use crate::model::{CouponCode, Model, Offer, OfferContent, PoolName, Reveal, Slot, Trigger};
use crate::reason::Reason;
use crate::time::Millis;
use crate::touch::{EventName, OfferId, PageFacts, Properties, Touch, event};

pub use claim::{Grant, POOL_PROPERTY, claim, granted};
pub use history::RESERVATION;
use history::{OfferHistory, holds, named};

/// The moment that a decision is asked for.
#[derive(Debug, Clone, Default)]
pub struct Moment {
    /// The page that asks.
    pub page: Option<PageFacts>,
    /// The places that it can fill.
    pub slots: Vec<Slot>,
    /// What the page says about itself: `context.<name>` in conditions.
    pub properties: Properties,
    /// The language that offers are written in; that of the lead's last touch where it is absent.
    pub language: Option<String>,
    /// Pools of codes in which there is nothing left for this visitor.
    pub empty_pools: Vec<PoolName>,
    /// Also list the offers that were not chosen.
    pub explain: bool,
}

/// An offer that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The offer.
    pub offer: OfferId,
    /// The place it takes.
    pub slot: Slot,
    /// Which variant; `default` until there are experiments.
    pub variant: &'static str,
    /// What the visitor is asked for, such as `email`.
    pub field: Option<String>,
    /// Its words.
    pub content: OfferContent,
    /// When the page shows it.
    pub trigger: Trigger,
    /// Whether its price is this visitor's own by an automated decision; the small print of its words says so.
    pub price_personalised: bool,
    /// The event that it is meant to bring about.
    pub goal: Option<EventName>,
    /// The code, where it is revealed with the offer. One of a pool is to be found before the offer is shown.
    pub code: Option<CouponCode>,
    /// What held, each kind once.
    pub reasons: Vec<Reason>,
}

/// An offer that was not chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Considered {
    /// The offer.
    pub offer: OfferId,
    /// Whether it is shown: `false` in every entry so far.
    pub shown: bool,
    /// Why not.
    pub reason: Reason,
    /// The part of the condition, or the circumstance, that decided: `label = brochure`.
    pub detail: String,
}

/// What a visitor sees now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// At most one for each slot, in the order in which the moment lists the slots.
    pub offers: Vec<Chosen>,
    /// The others, in the order of the model; empty unless asked for.
    pub considered: Vec<Considered>,
    /// Whether an offer would be shown, or weighed against what is, if its pool had a code left.
    pub pool_empty: bool,
}

/// Chooses at most one offer for each slot: the one of highest priority, then of the first id, among those whose dates,
/// frequency and condition allow it.
///
/// `evaluation` is that of the same lead and model at `now`.
#[must_use]
pub fn decide(lead: &Lead, evaluation: &Evaluation, model: &Model, moment: &Moment, now: Millis) -> Decision {
    let facts = LeadFacts::new(lead, evaluation, model, Some(moment));
    let asking = Asking {
        lead,
        moment,
        facts,
        now,
        gap: gap_refusal(lead, model, now),
        met: lead.touches().iter().any(|touch| touch.offer.is_some()),
    };
    // Who asks why not hears of every offer; else the first in its slot's order that may be shown is all there is to find.
    let refusals: Option<Vec<_>> = moment
        .explain
        .then(|| model.offers.iter().map(|offer| asking.elsewhere(offer).or_else(|| asking.refusal(offer))).collect());
    let mut pool_empty = false;
    let mut is_open = |place: usize, offer: &Offer| {
        let reason = match &refusals {
            Some(refusals) => refusals.get(place).and_then(|refusal| refusal.as_ref().map(|(reason, _)| *reason)),
            None => asking.refusal(offer).map(|(reason, _)| reason),
        };
        pool_empty |= reason == Some(Reason::PoolEmpty);
        reason.is_none()
    };
    let mut winners: Vec<&Offer> = Vec::with_capacity(moment.slots.len());
    for slot in &moment.slots {
        if winners.iter().any(|winner| winner.slot == *slot) {
            continue;
        }
        let mut ranked =
            model.ranking.of_slot(slot).iter().filter_map(|place| Some((*place, model.offers.get(*place)?)));
        winners.extend(ranked.find(|(place, offer)| is_open(*place, offer)).map(|(_, offer)| offer));
    }
    let considered = if let Some(refusals) = &refusals {
        let lost = |offer: &Offer| {
            let winner = winners.iter().find(|winner| winner.slot == offer.slot);
            winner.filter(|winner| winner.id != offer.id).map(|winner| format!("{} takes the slot", winner.id))
        };
        model
            .offers
            .iter()
            .zip(refusals)
            .filter_map(|(offer, refusal)| {
                let (reason, detail) =
                    refusal.clone().or_else(|| lost(offer).map(|detail| (Reason::LowerPriority, detail)))?;
                Some(Considered { offer: offer.id.clone(), shown: false, reason, detail })
            })
            .collect()
    } else {
        Vec::new()
    };
    let offers = winners.into_iter().map(|offer| asking.chosen(offer, evaluation)).collect();
    Decision { offers, considered, pool_empty }
}

/// Why an offer is not shown, and the particulars.
type Refusal = (Reason, String);

/// One request for a decision.
struct Asking<'a> {
    lead: &'a Lead,
    moment: &'a Moment,
    facts: LeadFacts<'a>,
    now: Millis,
    /// Why nothing that interrupts may be shown.
    gap: Option<Refusal>,
    /// Whether any touch is about an offer at all: most visitors have met none.
    met: bool,
}

impl Asking<'_> {
    /// Whether an offer has no place here.
    fn elsewhere(&self, offer: &Offer) -> Option<Refusal> {
        let offered = self.moment.slots.contains(&offer.slot);
        (!offered).then(|| (Reason::SlotNotOffered, self.detail(|| format!("slot = {}", offer.slot))))
    }

    /// Why an offer cannot be shown in its slot; `None`: it can. Cheap reasons first, the condition last but for the gap, so
    /// that a page that asks often pays little for offers that are over.
    fn refusal(&self, offer: &Offer) -> Option<Refusal> {
        if offer.from.is_some_and(|from| self.now < from) {
            return Some((Reason::NotYet, self.detail(|| "before its first day".to_owned())));
        }
        if offer.until.is_some_and(|until| self.now >= until) {
            return Some((Reason::Ended, self.detail(|| "after its last day".to_owned())));
        }
        if self.met
            && let Some(refusal) = OfferHistory::of(offer, self.lead.touches()).forbids(self.now)
        {
            return Some(refusal);
        }
        if !offer.when.matches(&self.facts) {
            let failing = if self.moment.explain { offer.when.why_not(&self.facts) } else { None };
            return Some(failing.map_or((Reason::ConditionNotMet, String::new()), |one| (one.reason, one.detail)));
        }
        if let Some(pool) = offer.coupon.as_ref().and_then(|coupon| coupon.code.pool())
            && self.moment.empty_pools.contains(pool)
            && claim::granted(self.lead, &offer.id).is_none()
        {
            return Some((Reason::PoolEmpty, self.detail(|| format!("pool = {pool}"))));
        }
        self.gap.clone().filter(|_| offer.slot.interrupts())
    }

    /// The particulars of a refusal, which only somebody who asks for them pays for.
    fn detail(&self, words: impl FnOnce() -> String) -> String {
        if self.moment.explain { words() } else { String::new() }
    }

    fn chosen(&self, offer: &Offer, evaluation: &Evaluation) -> Chosen {
        let language = self.moment.language.as_deref().or(evaluation.language.as_deref());
        let shown = offer.coupon.as_ref().filter(|coupon| coupon.reveal == Reveal::Shown);
        // Whoever was granted a code keeps it, whatever the model says today.
        let code = shown.and_then(|coupon| {
            claim::granted(self.lead, &offer.id).map(|grant| grant.code).or_else(|| Some(coupon.code.clone()))
        });
        Chosen {
            offer: offer.id.clone(),
            slot: offer.slot.clone(),
            variant: "default",
            field: offer.content.field.clone(),
            content: offer.content.pick(language).cloned().unwrap_or_default(),
            trigger: offer.trigger.clone(),
            price_personalised: offer.price_personalised,
            goal: offer.goal.clone(),
            code,
            reasons: offer.when.why(&self.facts),
        }
    }
}

/// Why nothing that interrupts may be shown: another such offer was, or is about to be.
fn gap_refusal(lead: &Lead, model: &Model, now: Millis) -> Option<Refusal> {
    let gap = model.offers_policy.min_gap?;
    let touches = lead.touches();
    let interrupts = |touch: &&Touch| {
        let offer = touch.offer.as_ref().and_then(|id| model.offer(id.as_str()));
        offer.is_some_and(|offer| offer.slot.interrupts())
    };
    let shown = named(touches, event::OFFER_SHOWN);
    let reserved = named(touches, event::RESERVED).filter(|touch| holds(touch, touches, now));
    let last = shown.chain(reserved).filter(interrupts).max_by_key(|touch| touch.time)?;
    let offer = last.offer.as_ref().map_or_else(String::new, ToString::to_string);
    (now < last.time.plus(gap)).then(|| (Reason::MinGap, format!("{offer} less than {gap} ago")))
}
