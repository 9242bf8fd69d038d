//! What our own touches took from budgets: held until it is shown or lapses, and then spent for good.
//!
//! It follows from the ledger alone: an offer counts once the page has said that it showed what a decision of ours reserved, so
//! nothing that a browser makes up is counted, and the order in which both are applied does not matter. It needs nothing that
//! the store held before, so applying the log on an empty one brings back what is held and what is spent. What happened counts
//! also where the budget is spent by now: it was promised while there was some.

use engine::decide::{reservations, was_shown};
use engine::touch::event;
use engine::{Lead, Millis, OfferId, Touch, Trust};
use store::{Confirmed, LeadKey, Reservation, StoreError};

use crate::app::App;
use crate::budget::{HELD_FOR, MONEY_HELD_FOR, Part, bounds, holder_beside};

/// What becomes of a part of a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settling {
    offer: OfferId,
    part: Part,
    /// Until when it is held; `None`: it is spent.
    held_until: Option<Millis>,
}

/// What becomes of the parts that these touches of a lead are about.
pub(super) fn of(lead: &Lead, touches: &[&Touch]) -> Vec<Settling> {
    let mut settling = Vec::new();
    for touch in touches.iter().filter(|touch| touch.offer.is_some()) {
        let granted = (touch.trust == Trust::Product && touch.is(event::GRANTED)).then_some(*touch);
        for own in reservations(lead, touch).chain(granted) {
            let (Some(part), Some(offer)) = (Part::of(&own.properties), own.offer.clone()) else { continue };
            let is_spent = own.is(event::GRANTED) || was_shown(lead, own);
            let held_until = (!is_spent).then(|| own.time.plus(HELD_FOR));
            if is_spent {
                settling.extend(of_other_tabs(lead, own, part, &offer));
            }
            let part = if is_spent { beside(lead, own, part) } else { part };
            settling.push(Settling { offer, part, held_until });
        }
    }
    settling
}

/// What the other tabs that have shown an offer under the same place spend. Whichever shows it first, that may be another place
/// once this one is known.
fn of_other_tabs(lead: &Lead, own: &Touch, part: Part, offer: &OfferId) -> Vec<Settling> {
    let reserved = lead.touches().iter().filter(|touch| touch.is(event::RESERVED) && touch.trust == Trust::Product);
    let spent = |other: &Touch| {
        let same = Part::of(&other.properties).filter(|one| one.holder == part.holder && other.id != own.id)?;
        let part = was_shown(lead, other).then(|| beside(lead, other, same))?;
        Some(Settling { offer: offer.clone(), part, held_until: None })
    };
    reserved.filter_map(spent).collect()
}

/// What an impression spends: the place that was held, or another one where an earlier impression has spent that.
fn beside(lead: &Lead, own: &Touch, part: Part) -> Part {
    let before = lead.touches().iter().take_while(|touch| touch.id != own.id);
    let mut same = before.filter(|touch| {
        touch.is(event::RESERVED)
            && touch.trust == Trust::Product
            && touch.decision != own.decision
            && Part::of(&touch.properties).is_some_and(|other| other.holder == part.holder)
    });
    match &own.decision {
        Some(decision) if own.is(event::RESERVED) && same.any(|touch| was_shown(lead, touch)) => {
            Part { holder: holder_beside(part.holder, decision), ..part }
        }
        _ => part,
    }
}

/// Tells the store. Can be repeated.
///
/// # Errors
/// When the store is away.
pub(super) async fn settle(app: &App, key: &LeadKey, settling: &[Settling]) -> Result<(), StoreError> {
    let Some(site) = app.sites.get(key.site.as_str()).filter(|_| !settling.is_empty()) else { return Ok(()) };
    let (model, now) = (site.model(), app.clock.now());
    for Settling { offer, part, held_until } in settling {
        if held_until.is_some_and(|until| now >= until) {
            continue;
        }
        let Part { holder, day, kind } = *part;
        for bound in bounds(&key.site, &model, model.offer(offer.as_str()), offer, kind, day) {
            let expires = held_until.unwrap_or_else(|| now.plus(MONEY_HELD_FOR)).0;
            let (amount, resource) = (bound.amount(), bound.resource);
            let is_spent = held_until.is_none();
            if is_spent && app.store.confirm(&resource, holder).await? == Confirmed::Confirmed {
                continue;
            }
            let reservation = Reservation { resource: resource.clone(), holder, amount, limit: u64::MAX, expires };
            app.store.reserve(&reservation, now.0).await?;
            if is_spent {
                app.store.confirm(&resource, holder).await?;
            }
        }
    }
    Ok(())
}
