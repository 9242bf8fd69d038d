//! Evaluation: what a ledger means under a model at an instant.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::condition::TouchFacts;
use crate::explanation;
use crate::facts::LedgerFacts;
use crate::lead::Lead;
use crate::model::{Model, RuleId, StageIndex};
use crate::money::Money;
use crate::orders::Orders;
use crate::points::Points;
use crate::sessions::Sessions;
use crate::text::Text;
use crate::time::Millis;
use crate::timeline::Timeline;
use crate::touch::{Channel, Device, EventName, PropertyName, Scalar, TouchId, Trust};

/// What a line of the explanation stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// A touch that a rule gives points for.
    Touch {
        /// The touch.
        touch: TouchId,
    },
    /// A limit that takes points away again.
    Limit {
        /// Which limit.
        limit: Limit,
    },
}

/// The limits that have lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// The cap of the line's rule.
    RuleCap,
    /// The model's cap on what browser events alone may give.
    BrowserCap,
}

impl Limit {
    /// The name that the explanation uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RuleCap => "cap",
            Self::BrowserCap => "browser_cap",
        }
    }
}

/// One line of the explanation. The score is the sum of `points_now`, exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it stands for.
    pub cause: Cause,
    /// The rule; `None` for a limit of the whole model.
    pub rule: Option<RuleId>,
    /// As people read it.
    pub title: Arc<str>,
    /// When it began: the touch's time, or that of the first touch that the limit cut.
    pub time: Millis,
    /// Points when it began; for a limit, all that it ever took.
    pub points_then: Points,
    /// Points at the instant of the evaluation. Never zero: a line that has faded is left out.
    pub points_now: Points,
    /// When `points_now` changes next without any event, and to what; `None`: never.
    pub next_change: Option<(Millis, Points)>,
}

/// Why a stage is what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StageCause {
    /// It never was another.
    Initial,
    /// A touch moved the score; of several at once the one that weighed most.
    Touch {
        /// The touch.
        touch: TouchId,
        /// The rule that gave the points.
        rule: RuleId,
    },
    /// Nothing happened: points cooled or expired.
    Cooling,
}

/// A label that the visitor has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldLabel {
    /// The label.
    pub label: Arc<str>,
    /// The last touch that gave it.
    pub touch: TouchId,
    /// When that was.
    pub since: Millis,
    /// When it is lost; `None`: never.
    pub until: Option<Millis>,
}

/// What lies in the cart: added less removed since the last purchase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cart {
    /// Pieces.
    pub quantity: i64,
    /// Worth, in the site's currency; `None` while the cart is empty or nothing in it had a price.
    pub value: Option<Money>,
}

/// What a ledger means under a model at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    /// The instant: the one asked for, or that of the last touch where that is later.
    pub at: Millis,
    /// The sum of the lines.
    pub score: Points,
    /// By time, newest first; limits last.
    pub lines: Vec<Line>,
    /// The derived stage.
    pub stage: StageIndex,
    /// Its name.
    pub stage_name: String,
    /// When the stage last changed; when the lead was first seen if it never did.
    pub since: Millis,
    /// Why it changed.
    pub why: StageCause,
    /// By label.
    pub labels: Vec<HeldLabel>,
    /// The last value set of each attribute, by name.
    pub attributes: Vec<(PropertyName, Scalar)>,
    /// Recorded touches by event name, by name.
    pub counts: Vec<(EventName, u32)>,
    /// Sessions so far.
    pub visits: u32,
    /// The channel of the current session.
    pub channel: Option<Channel>,
    /// Of the last touch that has one.
    pub country: Option<Text<8>>,
    /// Of the last touch that has one.
    pub device: Option<Device>,
    /// Of the last touch that has one.
    pub language: Option<Text<16>>,
    /// The last touch that is not our own.
    pub last_seen: Option<Millis>,
    /// What lies in the cart.
    pub cart: Cart,
    /// Whether anything was ever bought, as far as a browser or a server says.
    pub purchased: bool,
}

impl Evaluation {
    /// Whether the visitor has a label.
    #[must_use]
    pub fn has_label(&self, label: &str) -> bool {
        self.labels.iter().any(|held| &*held.label == label)
    }

    /// The value of an attribute.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Scalar> {
        self.attributes.iter().find(|(held, _)| held.as_str() == name).map(|(_, value)| value)
    }

    /// How often an event was recorded.
    #[must_use]
    pub fn count(&self, name: &str) -> u32 {
        self.counts.iter().find(|(held, _)| held.as_str() == name).map_or(0, |(_, count)| *count)
    }
}

/// Computes what a ledger means under a model at `now`.
///
/// An instant before the last touch is taken as that of the last touch: a touch that a collector with a faster clock has
/// recorded is never overlooked.
#[must_use]
pub fn evaluate(lead: &Lead, model: &Model, now: Millis) -> Evaluation {
    let at = instant(lead, now);
    let orders = Orders::of(lead.touches());
    let timeline = Timeline::of(lead, &orders, model);
    let lines = explanation::lines(&timeline, lead, at);
    let history = timeline.stage(lead.first_seen().unwrap_or(at), at);
    let sessions = Sessions::of(lead.touches());
    let facts = LedgerFacts::of(lead.touches(), &orders, model.currency);
    Evaluation {
        at,
        score: lines.iter().map(|line| line.points_now).sum(),
        lines,
        stage: history.stage,
        stage_name: model.stages.name(history.stage).to_owned(),
        since: history.since,
        why: explanation::stage_cause(&history, &timeline, lead),
        labels: labels(lead, model, at),
        attributes: facts.attributes,
        counts: facts.counts,
        visits: sessions.count,
        channel: sessions.channel,
        country: facts.country,
        device: facts.device,
        language: facts.language,
        last_seen: lead.last_seen(),
        cart: facts.cart,
        purchased: facts.purchased,
    }
}

/// The instant that a ledger is looked at: never before its last touch.
pub(crate) fn instant(lead: &Lead, now: Millis) -> Millis {
    lead.last_touched().map_or(now, |last| last.max(now))
}

/// The labels that a lead has at an instant, by name; each by the last touch that gave it.
fn labels(lead: &Lead, model: &Model, at: Millis) -> Vec<HeldLabel> {
    let mut held: BTreeMap<&str, HeldLabel> = BTreeMap::new();
    for (place, touch) in lead.touches().iter().enumerate() {
        if touch.trust == Trust::Product {
            continue;
        }
        let Some(facts) = TouchFacts::last_of(&lead.touches()[..=place], model) else { continue };
        for rule in model.labels.iter().filter(|rule| rule.concerns(touch) && rule.when.matches(&facts)) {
            let until = rule.expires.map(|span| touch.time.plus(span));
            if until.is_some_and(|end| at >= end) {
                continue;
            }
            // Two rules may give one label: the one that keeps it longest counts.
            let label = HeldLabel { label: rule.label.clone(), touch: touch.id.clone(), since: touch.time, until };
            let longer = |before: &HeldLabel| until.is_none() || before.until.is_some_and(|end| until >= Some(end));
            if held.get(&*rule.label).is_none_or(longer) {
                held.insert(&rule.label, label);
            }
        }
    }
    held.into_values().collect()
}
