//! Why a condition holds, or does not.

use super::{Comparison, Condition, Facts, Field, Order, Test, Value};
use crate::reason::Reason;

/// The part of a condition that decided against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// What kind of part it is.
    pub reason: Reason,
    /// The part as people read it: `label = brochure`.
    pub detail: String,
}

impl Condition {
    /// The first part that fails; of alternatives, the smallest one. `None` when the condition holds.
    #[must_use]
    pub fn why_not(&self, facts: &impl Facts) -> Option<Failing> {
        if self.matches(facts) {
            return None;
        }
        let failing = match self {
            Self::All(parts) => return parts.iter().find_map(|part| part.why_not(facts)),
            Self::Any(parts) => match parts.iter().min_by_key(|part| part.size()) {
                Some(smallest) => return smallest.why_not(facts),
                None => Failing { reason: Reason::ConditionNotMet, detail: "any of nothing".to_owned() },
            },
            Self::Not(part) => {
                Failing { reason: part.reason_when_unwanted(), detail: format!("not {}", part.to_text()) }
            }
            Self::Compare(comparison) if !facts.knows(&comparison.field) => Failing {
                reason: comparison.group().1,
                detail: format!("{}: folded, not known any more", comparison.text),
            },
            Self::Compare(comparison) => Failing { reason: comparison.refusal(facts), detail: comparison.text.clone() },
            Self::Sequence(sequence) => {
                let reached = facts.reached(sequence, true);
                let step = sequence.steps.get(reached).map(Self::to_text).unwrap_or_default();
                let (number, count) = (reached + 1, sequence.steps.len());
                Failing { reason: Reason::SequenceNotMatched, detail: format!("step {number} of {count}: {step}") }
            }
        };
        Some(failing)
    }

    /// Each kind of part that made the condition hold, once, in the order of [`Reason::ALL`].
    #[must_use]
    pub fn why(&self, facts: &impl Facts) -> Vec<Reason> {
        let mut reasons = Vec::new();
        self.collect(facts, &mut reasons);
        reasons.sort_unstable();
        reasons.dedup();
        if reasons.is_empty() {
            reasons.push(Reason::Unconditional);
        }
        reasons
    }

    fn collect(&self, facts: &impl Facts, reasons: &mut Vec<Reason>) {
        if !self.matches(facts) {
            return;
        }
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.collect(facts, reasons)),
            // What is absent is seldom why something is shown, but it is part of why.
            Self::Not(part) => part.leaves(&mut |leaf| reasons.push(leaf.reason_when_matched())),
            leaf => reasons.push(leaf.reason_when_matched()),
        }
    }

    fn leaves(&self, visit: &mut dyn FnMut(&Self)) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.leaves(visit)),
            Self::Not(part) => part.leaves(visit),
            leaf => visit(leaf),
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::All(parts) | Self::Any(parts) => 1 + parts.iter().map(Self::size).sum::<usize>(),
            Self::Not(part) => 1 + part.size(),
            Self::Compare(_) => 1,
            Self::Sequence(sequence) => 1 + sequence.steps.iter().map(Self::size).sum::<usize>(),
        }
    }

    /// The condition as people read it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let joined = |parts: &[Self], word: &str| match parts {
            [] => if word == " and " { "always" } else { "never" }.to_owned(),
            [only] => only.to_text(),
            _ => format!("({})", parts.iter().map(Self::to_text).collect::<Vec<_>>().join(word)),
        };
        match self {
            Self::All(parts) => joined(parts, " and "),
            Self::Any(parts) => joined(parts, " or "),
            Self::Not(part) => format!("not {}", part.to_text()),
            Self::Compare(comparison) => comparison.text.clone(),
            Self::Sequence(sequence) => {
                let mut text = joined(&sequence.steps, ", then ");
                if let Some(without) = &sequence.without {
                    text.push_str(&format!(" without {}", without.to_text()));
                }
                if let Some(within) = sequence.within {
                    text.push_str(&format!(" within {within}"));
                }
                text
            }
        }
    }

    fn reason_when_matched(&self) -> Reason {
        match self {
            Self::Compare(comparison) => comparison.group().0,
            Self::Sequence(_) => Reason::SequenceMatched,
            _ => Reason::Unconditional,
        }
    }

    fn reason_when_unwanted(&self) -> Reason {
        match self {
            Self::Compare(Comparison { field: Field::Label, .. }) => Reason::LabelExcludes,
            Self::Compare(comparison) => comparison.group().1,
            Self::Sequence(_) => Reason::SequenceNotMatched,
            Self::Not(part) => part.reason_when_unwanted(),
            Self::All(_) | Self::Any(_) => {
                // One kind throughout can be named; a mixture has no single part to blame.
                let mut kinds = Vec::new();
                self.leaves(&mut |leaf| kinds.push(leaf.reason_when_unwanted()));
                kinds.dedup();
                if let [only] = kinds[..] { only } else { Reason::ConditionNotMet }
            }
        }
    }
}

impl Comparison {
    /// The reasons for this kind of field: held, not held.
    fn group(&self) -> (Reason, Reason) {
        match self.field {
            Field::Stage => (Reason::StageAllowed, Reason::StageNotAllowed),
            Field::Score | Field::NamedScore(_) => (Reason::ScoreMatched, Reason::ScoreNotMatched),
            Field::Label => (Reason::LabelPresent, Reason::LabelMissing),
            Field::Attribute(_) => (Reason::AttributeMatched, Reason::AttributeNotMatched),
            Field::PagePath | Field::PageHost | Field::PageTag => (Reason::PageMatched, Reason::PageNotMatched),
            Field::CartQuantity | Field::CartValue => (Reason::CartMatched, Reason::CartNotMatched),
            Field::VisitNumber => (Reason::VisitMatched, Reason::VisitNotMatched),
            Field::Count(_) | Field::Recent(..) | Field::Visits(_) | Field::VisitDays(_) | Field::Touchpoints => {
                (Reason::CountMatched, Reason::CountNotMatched)
            }
            Field::Date | Field::DaysUntil(_) => (Reason::DateMatched, Reason::DateNotMatched),
            Field::LastSeen => (Reason::LastSeenMatched, Reason::LastSeenNotMatched),
            Field::Country | Field::Device | Field::Language | Field::Channel | Field::Consent => {
                (Reason::AudienceMatched, Reason::AudienceNotMatched)
            }
            Field::Context(_) => (Reason::ContextMatched, Reason::ContextNotMatched),
            // Fields of a touch alone: they decide over touches, never over offers.
            _ => (Reason::SequenceMatched, Reason::ConditionNotMet),
        }
    }

    fn refusal(&self, facts: &impl Facts) -> Reason {
        let too_low = match (&self.field, &self.test, facts.value(&self.field)) {
            (Field::Stage, Test::Order(Order::Above | Order::AtLeast, _), _) => true,
            (Field::Stage, Test::Equal(super::Literal::Number(wanted)), Some(Value::Number(held))) => held < *wanted,
            _ => false,
        };
        if too_low { Reason::StageTooLow } else { self.group().1 }
    }
}
