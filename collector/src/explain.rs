//! Explain: why each offer is shown to a visitor or not, and what would show it.
//!
//! Nothing is reserved, counted or written: the lead is read, and the engine is asked.

use std::sync::Arc;

use engine::decide::{Audience, Becomes, Change, Explained, Range, Remedy};
use engine::{Evaluation, Lead, Millis, Model, Moment, Money, Scalar, StageIndex, Trust};
use serde_json::Value;
use wire::{ChangeAnswer, ExplainAnswer, ExplainedOffer, NotChangeable, RangeAnswer};

use crate::app::App;
use crate::person::Person;
use crate::problem::Problem;
use crate::site::Site;

/// Explains every offer to the page of a moment.
///
/// # Errors
/// [`Problem::Internal`] where the work was lost.
pub async fn explain(
    app: &App,
    site: &Arc<Site>,
    person: Person,
    mut moment: Moment,
) -> Result<ExplainAnswer, Problem> {
    let (now, in_force) = (app.clock.now(), site.in_force());
    moment.empty_pools = site.pools.empty(now.0);
    // Every offer may be tried at many instants: not on a thread that others wait for.
    let explained = tokio::task::spawn_blocking(move || {
        let offers = of_lead(&person.kept.lead, &in_force.model, &moment, now);
        ExplainAnswer {
            v: 1,
            visitor: person.key.visitor.to_string(),
            at: now.0,
            model: in_force.number,
            offers: offers.into_iter().map(|offer| answer(offer, &in_force.model)).collect(),
            ignored: 0,
        }
    });
    explained.await.map_err(|error| Problem::Internal(error.to_string()))
}

/// Explains every offer as the visitor's next decision would find it: who has only looked is offered what everybody is.
pub(crate) fn of_lead(lead: &Lead, model: &Model, moment: &Moment, now: Millis) -> Vec<Explained> {
    let asking = lead.touches().iter().rev().find(|touch| touch.trust < Trust::Product && !touch.is_fold());
    let evaluate = |at: Millis| -> Evaluation {
        match asking {
            Some(touch) => engine::evaluate_for(lead, model, &touch.stream, false, at),
            None => engine::evaluate(lead, model, at),
        }
    };
    // What is limited within a visit is so in that of the device that was there last.
    let page = lead.touches().iter().rev().find(|touch| touch.trust <= Trust::Page && !touch.is_fold());
    let stream = moment.stream.clone().or_else(|| page.map(|touch| touch.stream.clone()));
    engine::decide::explain(lead, model, &Moment { stream, ..moment.clone() }, now, &evaluate)
}

fn answer(explained: Explained, model: &Model) -> ExplainedOffer {
    let (reason, detail) = match explained.refusal {
        Some((reason, detail)) => (Some(reason.code().to_owned()), Some(detail)),
        None => (None, None),
    };
    let (changes, smallest, not_changeable) = match explained.remedy {
        Some(Remedy::Changes { changes, smallest }) => (changes, Some(smallest), None),
        Some(Remedy::NotChangeable(..)) => (Vec::new(), None, Some(NotChangeable::Final)),
        Some(Remedy::TooLarge) => (Vec::new(), None, Some(NotChangeable::TooLarge)),
        None => (Vec::new(), None, None),
    };
    ExplainedOffer {
        id: explained.offer.to_string(),
        slot: explained.slot.to_string(),
        shown: reason.is_none(),
        reason,
        detail,
        changes: changes.into_iter().map(|one| change(one, model)).collect(),
        smallest,
        not_changeable,
        until: explained.until.map(|at| at.0),
    }
}

fn change(change: Change, model: &Model) -> ChangeAnswer {
    let plain = ChangeAnswer { kind: change.becomes.kind().to_owned(), asked: change.asked, ..ChangeAnswer::default() };
    let named = |name: String| Some(name);
    match change.becomes {
        Becomes::Wait { until } => ChangeAnswer { until: Some(until.0), ..plain },
        Becomes::Slot { slot } => ChangeAnswer { name: named(slot.to_string()), ..plain },
        Becomes::OfferAbsent { offer } => ChangeAnswer { name: named(offer.to_string()), ..plain },
        Becomes::PoolFilled { pool } => ChangeAnswer { name: named(pool.to_string()), ..plain },
        Becomes::Score { score, range } => {
            let name = model.scores.get(score).map(|score| score.name.clone());
            ranged(ChangeAnswer { name, ..plain }, range, |points| points.to_string())
        }
        Becomes::Stage { range } => ranged(plain, range, |place| model.stages.name(StageIndex(place)).to_owned()),
        Becomes::Label { label, present } => ChangeAnswer { name: named(label), present: Some(present), ..plain },
        Becomes::Attribute { name, value } | Becomes::Context { name, value } => {
            ChangeAnswer { name: named(name.to_string()), value: Some(scalar(value)), ..plain }
        }
        Becomes::Page { page } => {
            let address = page.map(|page| format!("{}{}", page.host.as_str(), page.path.as_str()));
            ChangeAnswer { value: Some(address.map_or(Value::Null, Value::String)), ..plain }
        }
        Becomes::Cart { quantity, value } => ChangeAnswer {
            quantity: quantity.map(|range| both(range, |pieces| pieces.to_string())),
            worth: value.map(|range| both(range, |money: Money| money.to_string())),
            ..plain
        },
        Becomes::Events { name, times } => ChangeAnswer { name: named(name), times: Some(times), ..plain },
        Becomes::Visits { more } => ChangeAnswer { times: Some(more), ..plain },
        Becomes::Touchpoints { range } => ranged(plain, range, |touches| touches.to_string()),
        Becomes::Seen => plain,
        Becomes::Sequence { steps } => ChangeAnswer { value: Some(Value::String(steps)), ..plain },
        Becomes::Audience(audience) => {
            let text = match audience {
                Audience::Consent(state) => Some(state),
                Audience::Country(text) | Audience::Language(text) => text,
                Audience::Device(device) => device.map(|device| device.name().to_owned()),
                Audience::Channel(channel) => channel.map(|channel| channel.name().to_owned()),
            };
            ChangeAnswer { value: Some(text.map_or(Value::Null, Value::String)), ..plain }
        }
    }
}

fn both<T>(range: Range<T>, text: impl Fn(T) -> String) -> RangeAnswer {
    RangeAnswer { at_least: range.at_least.map(&text), at_most: range.at_most.map(&text) }
}

fn ranged<T>(plain: ChangeAnswer, range: Range<T>, text: impl Fn(T) -> String) -> ChangeAnswer {
    let RangeAnswer { at_least, at_most } = both(range, text);
    ChangeAnswer { at_least, at_most, ..plain }
}

fn scalar(value: Option<Scalar>) -> Value {
    match value {
        None => Value::Null,
        Some(Scalar::Text(text)) => Value::String(text.to_string()),
        Some(Scalar::Integer(number)) => Value::from(number),
        Some(Scalar::Boolean(truth)) => Value::Bool(truth),
    }
}
