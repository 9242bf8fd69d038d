//! Events of a visitor that became no touch: the last of them stand beside the ledger, so that its page can say why
//! something is missing. What was in them is not kept, only what was wrong.

use engine::{EventName, Millis, Touch};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use wire::{EventFault, Sketch, Stream};

use crate::masking::masked;
use crate::outcome::Outcome;

/// Refused events that are kept of a visitor. It is for whoever looks for a fault, not a history.
pub const MOST_REFUSED: usize = 20;
/// Bytes of a field's path that are kept.
const FIELD_BYTES: usize = 64;

/// An event that became no touch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Refused {
    /// When it was received.
    pub at: Millis,
    /// Of the event, so that the same one is kept once however often the log is applied.
    pub id: [u8; 8],
    /// The event's name, where it has one that may be kept.
    pub event: Option<String>,
    /// The code of the receipt (`missing_field`, …) or the outcome (`stale`, `conflict`, `over_limit`).
    pub code: String,
    /// The field that is wrong, inside the event: `value`, `items[0].price`. Never what it held.
    pub field: Option<String>,
}

impl Refused {
    /// An event that was rejected at the door.
    #[must_use]
    pub fn at_the_door(stream: &Stream, sketch: &Sketch, fault: &EventFault, received: Millis) -> Self {
        let field = fault.field();
        let parts = [stream.as_str(), &sketch.number, fault.code.as_str(), field];
        let fits = |name: &String| EventName::parse(name).is_ok() && is_impersonal(name);
        Self {
            at: received,
            id: digest(&parts),
            event: sketch.name.clone().filter(fits),
            code: fault.code.as_str().to_owned(),
            field: (!field.is_empty()).then(|| engine::text::cut(field, FIELD_BYTES).to_owned()),
        }
    }

    /// A touch that the ledger did not take; `None` when it did, or has it already. That an order is told in several ways, by
    /// the page and by servers, is as it should be.
    #[must_use]
    pub fn by_the_ledger(touch: &Touch, outcome: Outcome) -> Option<Self> {
        let refused = match outcome {
            Outcome::Stale | Outcome::OverLimit => true,
            Outcome::Conflict => touch.transaction.is_none(),
            _ => false,
        };
        refused.then(|| Self {
            at: touch.received,
            id: digest(&[touch.id.as_str(), outcome.as_str()]),
            event: Some(touch.name.to_string()),
            code: outcome.as_str().to_owned(),
            field: None,
        })
    }
}

fn is_impersonal(text: &str) -> bool {
    matches!(masked(text), std::borrow::Cow::Borrowed(_))
}

/// No part holds a line feed.
fn digest(parts: &[&str]) -> [u8; 8] {
    let digest = Sha256::digest(parts.join("\n").as_bytes());
    let mut cut = [0; 8];
    cut.copy_from_slice(&digest[..8]);
    cut
}

/// Adds refused events to those that are kept: each once, by time, the last [`MOST_REFUSED`]. Which are kept does not
/// depend on the order in which they come.
pub fn keep(kept: &mut Vec<Refused>, more: impl IntoIterator<Item = Refused>) {
    for one in more {
        match kept.iter_mut().find(|held| held.id == one.id) {
            // Sent again: the first time is when it was refused.
            Some(held) => *held = one.min(held.clone()),
            None => kept.push(one),
        }
    }
    kept.sort();
    kept.drain(..kept.len().saturating_sub(MOST_REFUSED));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(number: u8, at: i64) -> Refused {
        let field = Some("value".to_owned());
        Refused { at: Millis(at), id: [number; 8], event: None, code: "bad_amount".to_owned(), field }
    }

    #[test]
    fn the_last_twenty_are_kept_each_once_in_whatever_order_they_come() {
        let all: Vec<Refused> = (0..30).map(|number| refused(number, i64::from(number))).collect();
        let (mut forth, mut back) = (Vec::new(), Vec::new());
        keep(&mut forth, all.clone());
        all.iter().rev().for_each(|one| keep(&mut back, [one.clone()]));
        assert_eq!(forth, all[10..]);
        assert_eq!(back, forth);
        // and what was let go does not come back when it is applied again
        keep(&mut forth, all.clone());
        assert_eq!(forth, all[10..]);
    }

    #[test]
    fn what_the_ledger_did_not_take_is_refused_but_not_another_telling_of_an_order() {
        let name = EventName::parse("purchase").unwrap();
        let (id, stream) = (engine::TouchId::parse("1").unwrap(), engine::StreamId::parse("stream-1").unwrap());
        let touch = Touch::new(id, name, stream, Millis(7));
        let order = Touch { transaction: Some("T-1".into()), ..touch.clone() };
        let code = |touch, outcome| Refused::by_the_ledger(touch, outcome).map(|refused| refused.code);
        for outcome in [Outcome::Stale, Outcome::OverLimit] {
            assert_eq!(code(&order, outcome).as_deref(), Some(outcome.as_str()));
        }
        assert_eq!(code(&touch, Outcome::Conflict).as_deref(), Some("conflict"));
        for (touch, outcome) in [(&order, Outcome::Conflict), (&touch, Outcome::Recorded), (&touch, Outcome::Duplicate)]
        {
            assert_eq!(code(touch, outcome), None);
        }
    }

    #[test]
    fn an_event_that_is_refused_again_is_kept_with_the_first_time() {
        let mut kept = vec![refused(1, 5)];
        keep(&mut kept, [refused(1, 9), refused(1, 3)]);
        assert_eq!(kept, [refused(1, 3)]);
    }
}
