//! Rules: which touches give how many points, how often, and for how long.

use std::sync::Arc;

use crate::condition::Condition;
use crate::model::{Notice, StageIndex};
use crate::points::Points;
use crate::text::{IdText, TextError};
use crate::time::Span;
use crate::touch::{Trust, event};

/// The id of a rule, unique in its model. Cheap to clone: every line of an explanation carries one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(IdText);

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

/// What a rule gives for a touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// So many points; may be negative.
    Points(Points),
    /// Points for every full part of the touch's value.
    PointsPer {
        /// Points for one part; may be negative.
        points: Points,
        /// The part, in minor units of the site's currency; above 0.
        minor: i64,
    },
    /// What the score lacks to this, as it was just before.
    RaiseTo(Points),
    /// No points: the stage is at least this one.
    SetStage(StageIndex),
    /// No points: what came before counts no more.
    HandBack,
}

/// A rule that gives something for each touch that it is about.
#[derive(Debug, Clone)]
pub struct TouchRule {
    /// Which touches it is about.
    pub when: Condition,
    /// Names of the events that can match at all; `None`: any.
    pub events: Option<Vec<String>>,
    /// What each gives.
    pub effect: Effect,
    /// The first match that counts, from 1.
    pub from: u32,
    /// How often it counts; `None`: each time.
    pub per: Option<Per>,
    /// Which ones count when there are more.
    pub keep: Keep,
    /// When its lines end altogether; `None`: they do not.
    pub expires: Option<Span>,
    /// The least trust that counts. `None`: as the event asks (money, mails and calls: a server), and at least a page with
    /// evidence of a person where the rule sets a stage or hands back.
    pub trust: Option<Trust>,
}

/// Who must tell of an event for rules that say nothing about trust. Money, mails and calls are the business of the shop's
/// systems: a page has no part in them, so a browser that tells of one makes it up.
pub(crate) fn least_trust(event: &str) -> Trust {
    match event {
        event::PURCHASE | event::REFUND | event::CALL_OUTCOME => Trust::Server,
        mail if mail.starts_with(event::EMAIL) => Trust::Server,
        _ => Trust::Browser,
    }
}

/// A rule that gives points for as long as something holds of the visitor.
#[derive(Debug, Clone)]
pub struct StateRule {
    /// What must hold.
    pub holds: Condition,
    /// What it gives; may be negative, and 0 where there is a notice.
    pub points: Points,
    /// What is told when it begins to hold.
    pub notice: Option<Notice>,
}

/// What a rule is about.
#[derive(Debug, Clone)]
pub enum Basis {
    /// `when`: touches.
    Touch(TouchRule),
    /// `while`: the state of the visitor.
    State(StateRule),
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Unique in the model.
    pub id: RuleId,
    /// As the explanation calls it; the id where the model gives none.
    pub title: Arc<str>,
    /// Place of its score in the model.
    pub score: usize,
    /// Place of its group in the model.
    pub group: Option<usize>,
    /// What it is about, and what it gives.
    pub basis: Basis,
    /// How fast its points cool, inherited where the rule says nothing; `None`: they do not.
    pub half_life: Option<Span>,
    /// The most (absolutely) that the whole rule gives at any instant.
    pub cap: Option<Points>,
}

impl Rule {
    /// What is told when its state begins to hold.
    #[must_use]
    pub fn notice(&self) -> Option<&Notice> {
        match &self.basis {
            Basis::State(state) => state.notice.as_ref(),
            Basis::Touch(_) => None,
        }
    }
}

/// Rules that share a cap, a half-life or an expiry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Unique in the model.
    pub id: String,
    /// The most (absolutely) that its rules give together in one score at any instant.
    pub cap: Option<Points>,
    /// How fast points of its rules cool; the outer `None`: as the model says, the inner: not.
    pub half_life: Option<Option<Span>>,
    /// When lines of its rules about touches end altogether, where the rule says nothing.
    pub expires: Option<Span>,
}

/// One score of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Score {
    /// Unique in the model.
    pub name: String,
    /// As people read it; the name where the model gives none.
    pub title: Arc<str>,
    /// The most (absolutely) that its lines give together.
    pub cap: Option<Points>,
    /// It is never above this.
    pub ceiling: Option<Points>,
    /// It is never below this.
    pub floor: Option<Points>,
}

impl Score {
    /// The score of a model that names none.
    #[must_use]
    pub fn engagement() -> Self {
        Self { name: "engagement".to_owned(), title: "engagement".into(), cap: None, ceiling: None, floor: None }
    }
}

/// The most points that events of the browser alone may give within any period of this length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrowserCap {
    /// At most so many.
    pub points: Points,
    /// Within any period of this length.
    pub every: Span,
}
