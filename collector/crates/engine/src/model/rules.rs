//! Rules: which touches give how many points, how often, and for how long.

use std::sync::Arc;

use crate::condition::Condition;
use crate::points::Points;
use crate::text::TextError;
use crate::time::Span;
use crate::touch::Trust;

/// The id of a rule, unique in its model. Cheap to clone: every line of an explanation carries one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(Arc<str>);

impl RuleId {
    /// Reads 1 to 64 of letters, digits, `_`, `.` and `-`.
    ///
    /// # Errors
    /// A [`TextError`] that names what was found and what is allowed.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        if (1..=64).contains(&text.len()) && text.bytes().all(crate::text::is_id_byte) {
            Ok(Self(text.into()))
        } else {
            Err(TextError::new("rule id", text, "1 to 64 of a-z A-Z 0-9 _ . -"))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for RuleId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Which touches a count limit keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Keep {
    /// The first ones in canonical order.
    #[default]
    Earliest,
    /// The last ones: a new touch takes the place of the oldest.
    Latest,
}

/// How often a rule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Per {
    /// At most so many touches, at least 1.
    pub times: u32,
    /// Within any period of this length; `None`: ever.
    pub every: Option<Span>,
}

/// One rule for touches.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Unique in the model.
    pub id: RuleId,
    /// As the explanation calls it; the id where the model gives none.
    pub title: Arc<str>,
    /// Which touches it is about.
    pub when: Condition,
    /// Names of the events that can match at all; `None`: any.
    pub events: Option<Vec<String>>,
    /// What each gives; may be negative.
    pub points: Points,
    /// How often it counts; `None`: each time.
    pub per: Option<Per>,
    /// Which ones count when there are more.
    pub keep: Keep,
    /// How fast its points cool; `None`: they do not.
    pub half_life: Option<Span>,
    /// When its points end altogether; `None`: they do not.
    pub expires: Option<Span>,
    /// The most (absolutely) that the whole rule gives at any instant.
    pub cap: Option<Points>,
    /// The least trust that counts. `None`: any, except that a purchase or refund must come from a server.
    pub trust: Option<Trust>,
}

/// The most points that events of the browser alone may give within any period of this length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrowserCap {
    /// At most so many.
    pub points: Points,
    /// Within any period of this length.
    pub every: Span,
}
