//! Second step: an event that reads becomes one that makes sense. Times are corrected, amounts get their currency.

use std::borrow::Cow;

use engine::{Currency, Millis, Money};
use wire::{Envelope, Event, EventCode, EventFault, Item};

use crate::masking::masked;

/// A device's clock is corrected when it is further off than this.
const TOLERATED_SKEW: i64 = 60_000;
/// No event of ours is older than the product: 2020-01-01T00:00:00Z.
const EARLIEST: i64 = 1_577_836_800_000;

/// An event whose times and amounts are right.
#[derive(Debug)]
pub(crate) struct ValidEvent {
    /// The event as it was sent.
    pub(crate) event: Event,
    /// When it happened, corrected, never after receipt.
    pub(crate) time: Millis,
    /// What it is worth.
    pub(crate) value: Option<Money>,
    /// Its items with their prices.
    pub(crate) items: Vec<(Item, Option<Money>)>,
}

/// Validates the events of one envelope, in order.
pub(crate) fn validate(
    envelope: &mut Envelope,
    received: Millis,
    currency: Currency,
) -> Vec<Result<ValidEvent, EventFault>> {
    let sent = envelope.sent;
    let events = std::mem::take(&mut envelope.events);
    let of_page = |(index, event): (usize, Result<Event, EventFault>)| {
        let event = event?;
        if event.n.is_none() {
            let detail = format!("events[{index}].n is required: the event's number in its stream");
            return Err(EventFault { code: EventCode::MissingField, detail });
        }
        one(event, index, sent, received, currency)
    };
    events.into_iter().enumerate().map(of_page).collect()
}

/// Validates one event, which is `events[index]` of its request.
pub(crate) fn one(
    event: Event,
    index: usize,
    sent: i64,
    received: Millis,
    site_currency: Currency,
) -> Result<ValidEvent, EventFault> {
    // A name cannot be masked: it would be another event. So one that holds somebody's number is refused.
    if matches!(masked(&event.name), Cow::Owned(_)) {
        let detail = format!("events[{index}].name looks like a telephone or card number; allowed is an event's name");
        return Err(EventFault { code: EventCode::BadName, detail });
    }
    let time = corrected(event.time, sent, received).ok_or_else(|| EventFault {
        code: EventCode::TimeOutOfBounds,
        detail: format!(
            "events[{index}].time is {}; allowed is 2020-01-01 up to the moment of sending ({sent})",
            event.time
        ),
    })?;
    let bad_amount = |field: &str, error: &dyn std::fmt::Display| EventFault {
        code: EventCode::BadAmount,
        detail: format!("events[{index}].{field}: {error}"),
    };
    let currency = match &event.currency {
        None => site_currency,
        Some(code) => Currency::parse(code).map_err(|error| bad_amount("currency", &error))?,
    };
    let money = |field: &str, amount: &Option<String>| {
        amount
            .as_deref()
            .map(|text| Money::parse(text, currency).map_err(|error| bad_amount(field, &error)))
            .transpose()
    };
    let value = money("value", &event.value)?;
    let mut items = Vec::with_capacity(event.items.len());
    for (place, item) in event.items.iter().enumerate() {
        let price = money(&format!("items[{place}].price"), &item.price)?;
        items.push((item.clone(), price));
    }
    Ok(ValidEvent { event, time, value, items })
}

/// The corrected time: as the device has it unless its clock is more than a minute off; never after receipt.
/// `None` when the times contradict each other.
fn corrected(happened: i64, sent: i64, received: Millis) -> Option<Millis> {
    if happened > sent.saturating_add(TOLERATED_SKEW) {
        return None;
    }
    let age = sent.saturating_sub(happened).max(0);
    let skewed = received.0.saturating_sub(sent).saturating_abs() > TOLERATED_SKEW;
    let time = if skewed { received.0.saturating_sub(age) } else { happened };
    let time = time.min(received.0);
    (time >= EARLIEST).then_some(Millis(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_790_000_000_000);

    #[test]
    fn a_clock_that_is_right_is_believed() {
        assert_eq!(corrected(NOW.0 - 5_000, NOW.0 - 100, NOW), Some(Millis(NOW.0 - 5_000)));
        assert_eq!(corrected(NOW.0 - 5_000, NOW.0 - 60_000, NOW), Some(Millis(NOW.0 - 5_000)), "slow network");
    }

    #[test]
    fn a_wrong_clock_never_rejects_and_keeps_the_age() {
        let year = 31_536_000_000;
        for skew in [year, -year, 10 * year, 86_400_000, -86_400_000] {
            let (sent, happened) = (NOW.0 + skew, NOW.0 + skew - 7_000);
            assert_eq!(corrected(happened, sent, NOW), Some(Millis(NOW.0 - 7_000)), "{skew}");
        }
    }

    #[test]
    fn never_after_receipt() {
        assert_eq!(corrected(NOW.0 + 30_000, NOW.0 + 30_000, NOW), Some(NOW));
    }

    #[test]
    fn times_that_contradict_each_other_are_refused() {
        assert_eq!(corrected(NOW.0 + 60_001, NOW.0, NOW), None);
        assert_eq!(corrected(0, NOW.0, NOW), None);
        assert_eq!(corrected(i64::MIN, i64::MAX, NOW), None);
        assert_eq!(corrected(i64::MAX, i64::MIN, NOW), None);
    }
}
