//! Decisions: which offer a visitor sees now, where, and why.

mod change;
mod claim;
mod experiment;
mod explain;
mod history;
mod instants;
mod limits;
mod refusal;
mod smallest;
mod states;
mod what_if;

use crate::condition::LeadFacts;
use crate::evaluate::Evaluation;
use crate::lead::Lead;
use crate::model::{CouponCode, Model, Offer, OfferContent, OfferPolicy, PoolName, Reveal, Slot, Trigger};
use crate::reason::Reason;
use crate::sessions::GoingOn;
use crate::time::Millis;
use crate::touch::{EventName, OfferId, PageFacts, Properties, StreamId};

pub use change::{Audience, Becomes, Change, Range};
pub use claim::{COUPON_PROPERTY, EXPIRES_PROPERTY, Grant, POOL_PROPERTY, REDEEMED, claim, granted};
use experiment::Assigned;
pub use experiment::{Noted, SEED_PROPERTY, SHARES_PROPERTY, STAGE_PROPERTY, VARIANT_PROPERTY, bucket};
pub use explain::{Explained, MOST_INSTANTS, MOST_WORK, Remedy, explain};
use history::OfferHistory;
pub use history::{RESERVATION, impressions, reservations, was_shown};
use limits::Limits;
use refusal::Refusal;
pub use refusal::Withheld;

/// The moment that a decision is asked for.
#[derive(Debug, Clone, Default)]
pub struct Moment {
    /// The page that asks.
    pub page: Option<PageFacts>,
    /// Its stream: decides which variants somebody sees of whom no browser has told yet.
    pub stream: Option<StreamId>,
    /// The places that it can fill.
    pub slots: Vec<Slot>,
    /// What the page says about itself: `context.<name>` in conditions.
    pub properties: Properties,
    /// The language that offers are written in; that of the lead's last touch where it is absent.
    pub language: Option<String>,
    /// Pools of codes in which there is nothing left for this visitor.
    pub empty_pools: Vec<PoolName>,
    /// Offers that the store has nothing for.
    pub withheld: Vec<Withheld>,
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
    /// Which variant: `default` where there is only one, `holdout` for whoever is shown nothing.
    pub variant: String,
    /// What the visitor is asked for, such as `email`.
    pub field: Option<String>,
    /// Its words; `None`: the visitor is held out, and nothing is shown when the trigger fires.
    pub content: Option<OfferContent>,
    /// When the page shows it.
    pub trigger: Trigger,
    /// Whether its price is this visitor's own by an automated decision; the small print of its words says so.
    pub price_personalised: bool,
    /// The event that it is meant to bring about.
    pub goal: Option<EventName>,
    /// The code, where it is revealed with the offer. One of a pool is to be found before the offer is shown.
    pub code: Option<CouponCode>,
    /// Whether the offer comes with a code at once, if not for who is held out: in all else the two are treated alike.
    pub gives_code: bool,
    /// What its reservation has to say, so that the visitor keeps the variant.
    pub noted: Properties,
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
    /// From when on that is no reason any more if nothing happens until then, where it is known.
    pub until: Option<Millis>,
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
    /// Whether one would be if its budget, or that of all offers, had some left.
    pub budget_spent: bool,
}

/// Chooses at most one offer for each slot: the one of highest priority, then of the first id, among those whose dates,
/// frequency and condition allow it.
///
/// `evaluation` is that of the same lead and model at `now`.
#[must_use]
pub fn decide(lead: &Lead, evaluation: &Evaluation, model: &Model, moment: &Moment, now: Millis) -> Decision {
    let asking = Asking::of(lead, evaluation, model, moment, now);
    // Who asks why not hears of every offer; else the first in its slot's order that may be shown is all there is to find.
    let refusals: Option<Vec<_>> = moment
        .explain
        .then(|| model.offers.iter().map(|offer| asking.elsewhere(offer).or_else(|| asking.refusal(offer))).collect());
    let (mut pool_empty, mut budget_spent) = (false, false);
    let mut is_open = |place: usize, offer: &Offer| {
        let reason = match &refusals {
            Some(refusals) => refusals.get(place).and_then(|refusal| Some(refusal.as_ref()?.reason)),
            None => asking.refusal(offer).map(|refusal| refusal.reason),
        };
        pool_empty |= reason == Some(Reason::PoolEmpty);
        budget_spent |= reason == Some(Reason::BudgetSpent);
        reason.is_none()
    };
    let mut winners: Vec<&Offer> = Vec::with_capacity(moment.slots.len());
    let mut closed: Vec<(&Slot, Refusal)> = Vec::new();
    for (place, slot) in moment.slots.iter().enumerate() {
        if moment.slots.iter().take(place).any(|before| before == slot) {
            continue;
        }
        if slot.interrupts() {
            let beside: Vec<&Offer> = winners.iter().copied().filter(|winner| winner.slot.interrupts()).collect();
            if let Some(refusal) = asking.limits.refusal(&beside) {
                closed.push((slot, refusal));
                continue;
            }
        }
        let mut ranked =
            model.ranking.of_slot(slot).iter().filter_map(|place| Some((*place, model.offers.get(*place)?)));
        winners.extend(ranked.find(|(place, offer)| is_open(*place, offer)).map(|(_, offer)| offer));
    }
    let considered = if let Some(refusals) = &refusals {
        let limited = |offer: &Offer| {
            let refusal = closed.iter().find(|(slot, _)| **slot == offer.slot);
            refusal.map(|(_, refusal)| refusal.clone())
        };
        let lost = |offer: &Offer| {
            let winner = winners.iter().find(|winner| winner.slot == offer.slot);
            let winner = winner.filter(|winner| winner.id != offer.id)?;
            Some(Refusal::of(Reason::LowerPriority, format!("{} takes the slot", winner.id)))
        };
        let considered = |(offer, refusal): (&Offer, &Option<Refusal>)| {
            let Refusal { reason, detail, until } =
                refusal.clone().or_else(|| limited(offer)).or_else(|| lost(offer))?;
            Some(Considered { offer: offer.id.clone(), shown: false, reason, detail, until })
        };
        model.offers.iter().zip(refusals).filter_map(considered).collect()
    } else {
        Vec::new()
    };
    let offers = winners.into_iter().map(|offer| asking.chosen(offer, evaluation)).collect();
    Decision { offers, considered, pool_empty, budget_spent }
}

/// One request for a decision.
struct Asking<'a> {
    lead: &'a Lead,
    moment: &'a Moment,
    policy: &'a OfferPolicy,
    facts: LeadFacts<'a>,
    now: Millis,
    /// The visit that asks, where one goes on.
    visit: Option<GoingOn<'a>>,
    /// Whether any touch is about an offer at all: most visitors have met none.
    met: bool,
    /// What holds for all offers together.
    limits: Limits<'a>,
}

impl<'a> Asking<'a> {
    fn of(lead: &'a Lead, evaluation: &'a Evaluation, model: &'a Model, moment: &'a Moment, now: Millis) -> Self {
        // Most visitors have met no offer, and then there is nothing to count.
        let met = lead.touches().iter().any(|touch| touch.offer.is_some());
        let touches = if met { lead.touches() } else { &[] };
        let visit = moment.stream.as_ref().filter(|_| met && model.limits_visits());
        let visit = visit.and_then(|stream| GoingOn::at(touches, stream, now));
        Self {
            lead,
            moment,
            policy: &model.offers_policy,
            facts: LeadFacts::new(lead, evaluation, model, Some(moment)),
            now,
            limits: Limits::of(touches, model, visit.clone(), now),
            visit,
            met,
        }
    }

    /// Whether an offer has no place here.
    fn elsewhere(&self, offer: &Offer) -> Option<Refusal> {
        let offered = self.moment.slots.contains(&offer.slot);
        (!offered).then(|| Refusal::of(Reason::SlotNotOffered, self.detail(|| format!("slot = {}", offer.slot))))
    }

    /// Why an offer cannot be shown in its slot; `None`: it can, as far as it goes by itself. Cheap reasons first, the
    /// condition late, so that a page that asks often pays little for offers that are over.
    fn refusal(&self, offer: &Offer) -> Option<Refusal> {
        if let Some(refusal) = self.barred(offer) {
            return Some(refusal);
        }
        if !offer.when.matches(&self.facts) {
            let failing = if self.moment.explain { offer.when.why_not(&self.facts) } else { None };
            let (reason, detail) =
                failing.map_or((Reason::ConditionNotMet, String::new()), |one| (one.reason, one.detail));
            return Some(Refusal::of(reason, detail));
        }
        if let Some(pool) = self.empty_pool(offer) {
            return Some(Refusal::of(Reason::PoolEmpty, self.detail(|| format!("pool = {pool}"))));
        }
        Withheld::refusal(&self.moment.withheld, offer)
    }

    /// Why an offer cannot be shown now, whoever is looking and wherever: its dates, and what the ledger says about it.
    fn barred(&self, offer: &Offer) -> Option<Refusal> {
        if let Some(from) = offer.from.filter(|from| self.now < *from) {
            return Some(Refusal::until(Reason::NotYet, self.detail(|| "before its first day".to_owned()), from));
        }
        if offer.until.is_some_and(|until| self.now >= until) {
            return Some(Refusal::of(Reason::Ended, self.detail(|| "after its last day".to_owned())));
        }
        if !self.met {
            return None;
        }
        OfferHistory::of(offer, self.lead.touches()).forbids(self.visit.as_ref(), self.now)
    }

    /// The pool in which there is no code left for this visitor, who has none.
    fn empty_pool<'o>(&self, offer: &'o Offer) -> Option<&'o PoolName> {
        let pool = offer.coupon.as_ref().and_then(|coupon| coupon.code.pool())?;
        let empty = self.moment.empty_pools.contains(pool) && claim::granted(self.lead, &offer.id).is_none();
        empty.then_some(pool)
    }

    /// Why an offer cannot be shown yet, whatever its condition: nothing of it is left, or nothing may interrupt.
    fn too_soon(&self, offer: &Offer) -> Option<Refusal> {
        Withheld::refusal(&self.moment.withheld, offer)
            .or_else(|| self.limits.refusal(&[]).filter(|_| offer.slot.interrupts()))
    }

    /// The particulars of a refusal, which only somebody who asks for them pays for.
    fn detail(&self, words: impl FnOnce() -> String) -> String {
        if self.moment.explain { words() } else { String::new() }
    }

    fn chosen(&self, offer: &Offer, evaluation: &Evaluation) -> Chosen {
        let language = self.moment.language.as_deref().or(evaluation.language.as_deref());
        let assigned = Assigned::of(self.lead, offer, self.policy, self.moment.stream.as_ref());
        let shown = offer.coupon.as_ref().filter(|coupon| coupon.reveal == Reveal::Shown);
        // Whoever was granted a code keeps it, whatever the model says today.
        let code = shown.filter(|_| !assigned.holds_out()).and_then(|coupon| {
            claim::granted(self.lead, &offer.id).map(|grant| grant.code).or_else(|| Some(coupon.code.clone()))
        });
        Chosen {
            offer: offer.id.clone(),
            slot: offer.slot.clone(),
            field: assigned.content(offer).and_then(|content| content.field.clone()),
            content: assigned.content(offer).map(|content| content.pick(language).cloned().unwrap_or_default()),
            trigger: offer.trigger.clone(),
            price_personalised: offer.price_personalised,
            goal: offer.goal.clone(),
            code,
            gives_code: shown.is_some(),
            noted: assigned.properties(&evaluation.stage_name),
            variant: assigned.variant,
            reasons: offer.when.why(&self.facts),
        }
    }
}
