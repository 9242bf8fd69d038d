//! Conditions: one language for rules, labels, offers, filters and explanations (`collector/docs/CONDITIONS.md`).
//!
//! A condition is parsed from a [`Tree`](crate::tree::Tree), so TOML and JSON mean the same, and checked whole when it is
//! loaded: what evaluates it meets no unknown field, operator or type.

mod explain;
mod field;
mod given;
mod glob;
mod matching;
mod parse;
mod progress;

pub use explain::Failing;
pub use field::{Field, Scope};
pub(crate) use given::Given;
pub use glob::Glob;
pub use matching::{Facts, History, LeadFacts, TouchFacts, Value};
pub(crate) use matching::{any_tag, visible};
pub use parse::Names;
pub(crate) use progress::Progress;

use crate::time::Span;

/// A checked condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Every one holds; an empty list does.
    All(Vec<Condition>),
    /// At least one holds; an empty list does not.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// A field compares as asked.
    Compare(Comparison),
    /// Touches happened in order.
    Sequence(Sequence),
}

/// A field and what it is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// What is looked at.
    pub field: Field,
    /// What it must be.
    pub test: Test,
    /// As people read it: `label = brochure`.
    pub text: String,
}

/// What a field must be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Test {
    /// There is a value (`true`), or none.
    Exists(bool),
    /// The set holds this text.
    Has(String),
    /// The text matches one of these patterns.
    Glob(Vec<Glob>),
    /// Equal.
    Equal(Literal),
    /// Not equal, or no value.
    NotEqual(Literal),
    /// One of these.
    In(Vec<Literal>),
    /// On one side of a number.
    Order(Order, i64),
}

/// The side of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// `gt`
    Above,
    /// `gte`
    AtLeast,
    /// `lt`
    Below,
    /// `lte`
    AtMost,
}

/// A value in a condition. Points, amounts (minor units), durations (ms) and places in an order are numbers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Literal {
    /// Text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// True or false.
    Boolean(bool),
}

/// Touches in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    /// What must happen, one after the other; never empty.
    pub steps: Vec<Condition>,
    /// What must not happen after the first of them.
    pub without: Option<Box<Condition>>,
    /// How long before now all of it lies at most.
    pub within: Option<Span>,
}

impl Condition {
    /// The event names that a touch must have one of for this to hold; `None`: any could.
    ///
    /// Never leaves one out, so rules can be looked up by event name.
    #[must_use]
    pub fn events(&self) -> Option<Vec<String>> {
        match self {
            Self::Compare(Comparison { field: Field::Event, test: Test::Equal(Literal::Text(name)), .. }) => {
                Some(vec![name.clone()])
            }
            Self::Compare(Comparison { field: Field::Event, test: Test::In(list), .. }) => Some(
                list.iter()
                    .filter_map(|literal| match literal {
                        Literal::Text(name) => Some(name.clone()),
                        _ => None,
                    })
                    .collect(),
            ),
            Self::All(parts) => parts.iter().find_map(Self::events),
            Self::Any(parts) => {
                let names: Option<Vec<_>> = parts.iter().map(Self::events).collect();
                names.map(|lists| lists.concat())
            }
            _ => None,
        }
    }

    /// Whether any part looks at a field that `wanted` names, sequences left out.
    pub(crate) fn looks_at(&self, wanted: &Field) -> bool {
        self.looks_at_any(&|field| field == wanted)
    }

    /// The same of several fields.
    pub(crate) fn looks_at_any(&self, wanted: &impl Fn(&Field) -> bool) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(|part| part.looks_at_any(wanted)),
            Self::Not(part) => part.looks_at_any(wanted),
            Self::Compare(comparison) => wanted(&comparison.field),
            Self::Sequence(_) => false,
        }
    }
}
