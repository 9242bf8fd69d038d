//! What a model can no longer see: folded touches that one of its conditions asks something of which their fold does not
//! know.

use crate::condition::{Condition, Facts, TouchFacts};
use crate::lead::Lead;
use crate::model::{Basis, Model};
use crate::touch::Touch;

/// How many touches of a lead are folded so that it cannot be said any more whether some condition of a model holds of them:
/// a condition that turns on what their bucket does not keep. Each counts once, however many conditions there are.
#[must_use]
pub fn unseen(lead: &Lead, model: &Model) -> u64 {
    if lead.folds.is_empty() {
        return 0;
    }
    let asked = Asked::of(model);
    let unseen = lead
        .folds_by_place()
        .into_iter()
        .filter(|(place, _)| lead.touches.get(*place).is_some_and(|touch| asked.turn_on_what_is_lost(touch, model)));
    unseen.map(|(_, fold)| u64::from(fold.count)).sum()
}

/// What a model asks of touches.
#[derive(Debug, Default)]
struct Asked<'m> {
    /// Conditions on a touch and the visitor as of it.
    of_known: Vec<&'m Condition>,
    /// Conditions on a touch alone: in sequences.
    of_touches: Vec<&'m Condition>,
}

impl<'m> Asked<'m> {
    fn of(model: &'m Model) -> Self {
        let mut asked = Self::default();
        let of_rules = model.rules.iter().map(|rule| match &rule.basis {
            Basis::Touch(touch) => (&touch.when, true),
            Basis::State(state) => (&state.holds, false),
        });
        let of_labels = model.labels.iter().map(|label| (&label.when, true));
        let segments = model.stages.iter().flat_map(|stage| &stage.segments).map(|segment| (&segment.when, false));
        let of_offers = model.offers.iter().map(|offer| (&offer.when, false));
        for (condition, of_touch) in of_rules.chain(of_labels).chain(segments).chain(of_offers) {
            if of_touch {
                asked.of_known.push(condition);
            }
            asked.add_steps(condition);
        }
        asked
    }

    fn add_steps(&mut self, condition: &'m Condition) {
        match condition {
            Condition::All(parts) | Condition::Any(parts) => parts.iter().for_each(|part| self.add_steps(part)),
            Condition::Not(part) => self.add_steps(part),
            Condition::Compare(_) => {}
            Condition::Sequence(sequence) => {
                self.of_touches.extend(&sequence.steps);
                self.of_touches.extend(sequence.without.as_deref());
            }
        }
    }

    fn turn_on_what_is_lost(&self, touch: &Touch, model: &Model) -> bool {
        let facts = TouchFacts::of(touch, &model.page_tags, model.currency);
        let open = |condition: &&&Condition| asks_of_lost(condition, touch) && decided(condition, &facts).is_none();
        self.of_known.iter().chain(&self.of_touches).any(|condition| open(&condition))
    }
}

/// Whether any part asks what is lost of a touch.
fn asks_of_lost(condition: &Condition, touch: &Touch) -> bool {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.iter().any(|part| asks_of_lost(part, touch)),
        Condition::Not(part) => asks_of_lost(part, touch),
        Condition::Compare(comparison) => !touch.tells(&comparison.field),
        Condition::Sequence(_) => false,
    }
}

/// Whether a condition holds of a touch, as far as that follows from the touch alone; whatever was known of the visitor then.
fn decided(condition: &Condition, facts: &TouchFacts<'_>) -> Option<bool> {
    // Decided by any part that is decisive, else by all of them together.
    let joined = |parts: &[Condition], decisive: bool| {
        let mut open = false;
        for part in parts {
            match decided(part, facts) {
                Some(holds) if holds == decisive => return Some(decisive),
                Some(_) => {}
                None => open = true,
            }
        }
        if open { None } else { Some(!decisive) }
    };
    match condition {
        Condition::All(parts) => joined(parts, false),
        Condition::Any(parts) => joined(parts, true),
        Condition::Not(part) => decided(part, facts).map(|holds| !holds),
        Condition::Compare(comparison) => {
            let known = comparison.field.is_of_touch() && facts.knows(&comparison.field);
            known.then(|| comparison.holds(facts))
        }
        Condition::Sequence(_) => None,
    }
}
