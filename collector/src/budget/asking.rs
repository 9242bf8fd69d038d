//! What a decision asks of budgets: a part of each that its offers fall under, all of them or none.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::decide::impressions;
use engine::model::Offer;
use engine::touch::event;
use engine::{Lead, Millis, Model, OfferId, Reason, Reveal, Withheld};
use store::{Holder, LeadKey, Reservation, Reserved, StoreError};

use super::{Bound, HELD_FOR, Kind, MONEY_HELD_FOR, Part, bounds, holder_of_money, holder_of_time};
use crate::app::App;
use crate::coupon::leasing::{is_known, knows_whose_codes_are};
use crate::grant;
use crate::metric::Metric;

/// How long a decision waits for the budgets of one offer.
const ASKS_WITHIN: Duration = Duration::from_millis(500);
/// Impressions that a decision may not have heard of yet.
const MOST_UNHEARD: usize = 8;

/// For what something is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// An offer is to be shown, with its code where it is revealed then.
    Shown,
    /// A code is claimed.
    Claimed,
}

/// What became of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asked {
    Held { time: Option<Part>, money: Option<Part> },
    Refused { reason: Reason, until: Option<Millis> },
}

/// Why there is nothing to take.
enum Fault {
    Spent(Bound),
    Unavailable,
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "nothing is taken from budgets: the store does not answer");
        Self::Unavailable
    }
}

/// What budgets gave to one decision.
pub(crate) struct Budgets<'a> {
    app: &'a App,
    key: &'a LeadKey,
    model: &'a Model,
    now: Millis,
    day: i64,
    /// Whether the store is known not to answer.
    closed: bool,
    asked: BTreeMap<(OfferId, Step), Asked>,
    withheld: Vec<Withheld>,
}

impl<'a> Budgets<'a> {
    pub(crate) fn of(app: &'a App, key: &'a LeadKey, model: &'a Model, now: Millis) -> Self {
        let day = model.day_of(now);
        Self { app, key, model, now, day, closed: false, asked: BTreeMap::new(), withheld: Vec::new() }
    }

    /// Nothing is asked any more: the store does not answer.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Offers that there is nothing left for, as the engine is told of them.
    pub(crate) fn withheld(&self) -> &[Withheld] {
        &self.withheld
    }

    /// Whether a budget is to be asked before this may be done.
    pub(crate) fn is_open_question(&self, lead: &Lead, offer: &OfferId, step: Step) -> bool {
        let Some(offer) = self.model.offer(offer.as_str()) else { return false };
        let needs = || {
            let time = step == Step::Shown && !self.bounds(offer, Kind::Time).is_empty();
            time || self.cost(lead, offer).is_some_and(|cost| !self.bounds(offer, Kind::Money(cost)).is_empty())
        };
        !self.asked.contains_key(&(offer.id.clone(), step)) && needs()
    }

    /// Asks; whether something is withheld now that was not before.
    pub(crate) async fn ask(&mut self, lead: &Lead, offer: &OfferId, step: Step) -> bool {
        let Some(offer) = self.model.offer(offer.as_str()) else { return false };
        let taken = match self.closed {
            true => Err(Fault::Unavailable),
            false => match tokio::time::timeout(ASKS_WITHIN, self.take(lead, offer, step)).await {
                Ok(taken) => taken,
                Err(_) => {
                    tracing::warn!("nothing is taken from budgets: the store does not answer in time");
                    Err(Fault::Unavailable)
                }
            },
        };
        let id = (offer.id.clone(), step);
        match taken {
            Ok((time, money)) => {
                Metric::BudgetAsked.count("held");
                self.asked.insert(id, Asked::Held { time, money });
                return false;
            }
            Err(Fault::Unavailable) => {
                Metric::BudgetAsked.count("unavailable");
                self.asked.insert(id, Asked::Refused { reason: Reason::Unavailable, until: None });
                if step == Step::Shown {
                    self.withhold(offer, Reason::Unavailable, String::new(), None);
                }
            }
            Err(Fault::Spent(bound)) => {
                Metric::BudgetAsked.count("spent");
                self.asked.insert(id, Asked::Refused { reason: Reason::BudgetSpent, until: bound.until });
                if step == Step::Shown {
                    self.withhold_under(lead, offer, &bound);
                }
            }
        }
        step == Step::Shown
    }

    /// What was taken for showing an offer.
    pub(crate) fn time(&self, offer: &OfferId) -> Option<Part> {
        match self.asked.get(&(offer.clone(), Step::Shown)) {
            Some(Asked::Held { time, .. }) => *time,
            _ => None,
        }
    }

    /// What was taken for revealing its code.
    pub(crate) fn money(&self, offer: &OfferId, step: Step) -> Option<Part> {
        match self.asked.get(&(offer.clone(), step)) {
            Some(Asked::Held { money, .. }) => *money,
            _ => None,
        }
    }

    /// Why a code that was claimed is not given, and until when.
    pub(crate) fn refuses(&self, offer: &OfferId) -> Option<(Reason, Option<Millis>)> {
        match self.asked.get(&(offer.clone(), Step::Claimed)) {
            Some(Asked::Refused { reason, until }) => Some((*reason, *until)),
            _ => None,
        }
    }

    /// Gives back what was taken for nothing: what is not `used` is in no touch. What the store does not take back lapses.
    pub(crate) async fn give_back(&self, used: impl Fn(&OfferId, Kind) -> bool) {
        for (offer, part) in self.held().iter().filter(|(offer, part)| !used(&offer.id, part.kind)) {
            self.release(part.holder, &self.bounds(offer, part.kind)).await;
        }
    }

    /// Sets the money that is `used` aside for as long as its grant may wait in a log. Until then it was for no longer than a
    /// place is, so that what nobody was given is soon there again.
    pub(crate) async fn keep(&self, used: impl Fn(&OfferId, Kind) -> bool) {
        let money = |part: &Part| matches!(part.kind, Kind::Money(_));
        for (offer, part) in self.held().iter().filter(|(offer, part)| money(part) && used(&offer.id, part.kind)) {
            let kept = self.reserve(part.holder, &self.bounds(offer, part.kind), MONEY_HELD_FOR.0).await;
            if kept.is_err() {
                tracing::warn!("what a code costs is set aside for half an hour only: the store does not answer");
            }
        }
    }

    /// The parts that this decision holds, each with its offer.
    fn held(&self) -> Vec<(&'a Offer, Part)> {
        let mut held = Vec::new();
        for ((offer, _), asked) in &self.asked {
            let (Some(offer), Asked::Held { time, money }) = (self.model.offer(offer.as_str()), asked) else {
                continue;
            };
            held.extend(time.iter().chain(money).map(|part| (offer, *part)));
        }
        held
    }

    fn bounds(&self, offer: &Offer, kind: Kind) -> Vec<Bound> {
        bounds(&self.key.site, self.model, Some(offer), &offer.id, kind, self.day)
    }

    /// What a code of an offer counts for, where it would be a new one and its cost is known.
    fn cost(&self, lead: &Lead, offer: &Offer) -> Option<u64> {
        let most = offer.coupon.as_ref()?.cost?.most()?;
        grant::is_new(lead, &offer.id).then(|| u64::try_from(most).unwrap_or_default())
    }

    /// All that a step takes, or nothing.
    async fn take(&self, lead: &Lead, offer: &Offer, step: Step) -> Result<(Option<Part>, Option<Part>), Fault> {
        let times = if step == Step::Shown { self.bounds(offer, Kind::Time) } else { Vec::new() };
        let cost = self.cost(lead, offer);
        let money = cost.map(|cost| self.bounds(offer, Kind::Money(cost))).unwrap_or_default();
        // Who has a place already asks for that one again.
        let has_place = lead.touches().iter().rev().any(|touch| {
            touch.is(event::RESERVED)
                && touch.offer.as_ref() == Some(&offer.id)
                && self.now.since(touch.time) < HELD_FOR
                && Part::of(&touch.properties).is_some()
        });
        let times_left = times.iter().filter(|_| !has_place);
        if let Some(spent) = times_left.chain(&money).find(|bound| self.app.spent.is(bound, self.now)) {
            return Err(Fault::Spent(spent.clone()));
        }
        if !knows_whose_codes_are(self.app) {
            return Err(Fault::Unavailable);
        }
        let revealed = step == Step::Claimed || offer.coupon.as_ref().is_some_and(|one| one.reveal == Reveal::Shown);
        if !revealed {
            self.look(&money).await?;
        }
        let time = if times.is_empty() { None } else { Some(self.take_time(lead, offer, &times).await?) };
        let spends = revealed && !money.is_empty();
        let holder = holder_of_money(self.key, &offer.id);
        if spends && let Err(fault) = self.reserve(holder, &money, HELD_FOR.0).await {
            self.release_all(time, &times).await;
            return Err(fault);
        }
        // Behind it: a store that has lost what is held, by then or a moment before, may have promised that again.
        if !is_known(self.app).await? {
            self.release_all(time, &times).await;
            if spends {
                self.release(holder, &money).await;
            }
            return Err(Fault::Unavailable);
        }
        let part = |cost| Part { holder, day: self.day, kind: Kind::Money(cost) };
        Ok((time, cost.filter(|_| spends).map(part)))
    }

    /// A code that is revealed later takes nothing yet; there is no use in showing it where there is nothing left.
    async fn look(&self, money: &[Bound]) -> Result<(), Fault> {
        for bound in money {
            let usage = self.app.store.usage(&bound.resource).await?;
            if usage.confirmed.saturating_add(usage.held).saturating_add(bound.amount()) > bound.limit {
                return Err(self.spent(bound));
            }
        }
        Ok(())
    }

    /// The place of the visitor's next impression: of the one that they have already, where they ask again before it is shown.
    async fn take_time(&self, lead: &Lead, offer: &Offer, times: &[Bound]) -> Result<Part, Fault> {
        let heard = impressions(lead, &offer.id);
        for number in heard..heard.saturating_add(MOST_UNHEARD) {
            let holder = holder_of_time(self.key, &offer.id, number);
            if self.reserve(holder, times, HELD_FOR.0).await? {
                return Ok(Part { holder, day: self.day, kind: Kind::Time });
            }
        }
        Err(Fault::Unavailable)
    }

    /// Sets a part of each aside; `false`: that holder's is spent already.
    async fn reserve(&self, holder: Holder, bounds: &[Bound], held_for: i64) -> Result<bool, Fault> {
        let expires = self.now.0.saturating_add(held_for);
        let mut is_held = true;
        for (place, bound) in bounds.iter().enumerate() {
            let Bound { resource, limit, .. } = bound;
            let reservation =
                Reservation { resource: resource.clone(), holder, amount: bound.amount(), limit: *limit, expires };
            match self.app.store.reserve(&reservation, self.now.0).await? {
                Reserved::Held => {}
                Reserved::Confirmed => is_held = false,
                Reserved::Exhausted { .. } => {
                    self.release(holder, bounds.get(..place).unwrap_or_default()).await;
                    return Err(self.spent(bound));
                }
            }
        }
        Ok(is_held)
    }

    fn spent(&self, bound: &Bound) -> Fault {
        self.app.spent.found(bound, self.now);
        Fault::Spent(bound.clone())
    }

    async fn release_all(&self, part: Option<Part>, bounds: &[Bound]) {
        if let Some(part) = part {
            self.release(part.holder, bounds).await;
        }
    }

    async fn release(&self, holder: Holder, bounds: &[Bound]) {
        for bound in bounds {
            if let Err(error) = self.app.store.release(&bound.resource, holder).await {
                tracing::warn!(%error, "what was held of a budget comes back when it lapses");
                return;
            }
        }
    }

    fn withhold(&mut self, offer: &Offer, reason: Reason, detail: String, until: Option<Millis>) {
        self.withheld.push(Withheld { offer: offer.id.clone(), reason, detail, until });
    }

    /// What is spent of all offers is spent for each that would take as much of it.
    fn withhold_under(&mut self, lead: &Lead, offer: &Offer, spent: &Bound) {
        let model = self.model;
        for other in &model.offers {
            let takes_it = || match spent.kind {
                Kind::Time => true,
                Kind::Money(amount) => self.cost(lead, other).is_some_and(|cost| cost >= amount),
            };
            if other.id == offer.id || (spent.of_all && takes_it()) {
                self.withhold(other, Reason::BudgetSpent, spent.words.clone(), spent.until);
            }
        }
    }
}
