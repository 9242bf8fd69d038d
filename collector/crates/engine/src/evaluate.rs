//! Evaluation: what a ledger means under a model at an instant.

use std::sync::Arc;

use crate::explanation;
use crate::lead::Lead;
use crate::model::{Model, RuleId, StageIndex};
use crate::money::Money;
use crate::points::Points;
use crate::text::Text;
use crate::time::Millis;
use crate::timeline::Timeline;
use crate::touch::{Channel, Device, PropertyName, Scalar, StreamId, Suspicion, Touch, TouchId};

/// What a line of the explanation stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// A touch that a rule gives points for.
    Touch {
        /// The touch.
        touch: TouchId,
    },
    /// Touches that were folded, and that a rule gives points for.
    Fold {
        /// The touch that stands for them.
        touch: TouchId,
        /// For how many of them.
        count: u32,
        /// When the first of those that were folded together happened.
        first: Millis,
        /// When the last of them happened, less than a day later.
        last: Millis,
    },
    /// Something that holds of the visitor, and that a rule gives points for.
    State,
    /// A limit that takes points away again, or gives them back.
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
    /// The cap of a group of rules.
    GroupCap {
        /// Place of the group in the model.
        group: usize,
    },
    /// The cap of a whole score.
    ScoreCap,
    /// The ceiling of a score.
    Ceiling,
    /// The floor of a score.
    Floor,
    /// The model's cap on what browser events alone may give.
    BrowserCap,
}

impl Limit {
    /// The name that the explanation uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RuleCap => "cap",
            Self::GroupCap { .. } => "group_cap",
            Self::ScoreCap => "score_cap",
            Self::Ceiling => "ceiling",
            Self::Floor => "floor",
            Self::BrowserCap => "browser_cap",
        }
    }
}

/// One line of the explanation. Each score is the sum of `points_now` of its lines, exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it stands for.
    pub cause: Cause,
    /// The rule; `None` for a limit of the whole model.
    pub rule: Option<RuleId>,
    /// Place of its score in the model.
    pub score: usize,
    /// See [`Evaluation::title`].
    pub(crate) title: Title,
    /// When it began: the touch's time, or that of the first touch that the limit cut.
    pub time: Millis,
    /// Points when it began; for a limit, what it would take if nothing had cooled.
    pub points_then: Points,
    /// Points at the instant of the evaluation. Never zero: a line that has faded is left out.
    pub points_now: Points,
    /// When `points_now` changes next without any event, and to what. `None`: never; for a limit also where it does not
    /// change at any of the next 256 instants at which a line does.
    pub next_change: Option<(Millis, Points)>,
}

/// How a line is called. A rule's title stays where it is, since nothing is shared faster than a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Title {
    /// As the rule at this place in the model.
    Rule(usize),
    /// As a limit, which no title in the model says.
    Limit(Box<str>),
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
    /// Something began or ceased to hold of the visitor.
    State {
        /// The rule about it.
        rule: RuleId,
    },
    /// The lead was handed back.
    HandBack {
        /// The touch.
        touch: TouchId,
        /// The rule that says so.
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
    /// The sum of the lines of the score that makes the stage.
    pub score: Points,
    /// Every score, in the order of the model; the first one is `score`.
    pub scores: Vec<Points>,
    /// By time, newest first; limits last, by score. How each is called says [`title`](Self::title).
    pub lines: Vec<Line>,
    /// Titles of the model's rules, by their place.
    pub(crate) titles: Arc<[Arc<str>]>,
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
    /// Of each attribute the value set last by whom is trusted most, by name.
    pub attributes: Vec<(PropertyName, Scalar)>,
    /// Sessions so far.
    pub visits: u32,
    /// When each of them began, ascending.
    pub visits_begun: Vec<Millis>,
    /// Distinct touches: one a session for its channel, one for each event name that a server told of without a page.
    pub touchpoints: u32,
    /// What the visitor consented to last, as far as touches say; else `granted`.
    pub consent: Arc<str>,
    /// Places in the ledger of touches that do not count, ascending: second tellings of an order, and what is held.
    pub uncounted: Vec<usize>,
    /// Touches that are held, and why: no person is known to be behind them. In canonical order.
    pub quarantined: Vec<(TouchId, Suspicion)>,
    /// Their places in the ledger, ascending.
    pub(crate) hidden: Vec<usize>,
    /// The channel of the current session.
    pub channel: Option<Channel>,
    /// Of the last touch that has one.
    pub country: Option<Text<8>>,
    /// Of the last touch that has one.
    pub device: Option<Device>,
    /// Of the last touch that has one.
    pub language: Option<Text<16>>,
    /// The last touch that is the visitor's own doing: neither ours, nor what the shop's systems note of somebody.
    pub last_seen: Option<Millis>,
    /// What lies in the cart.
    pub cart: Cart,
    /// Whether nothing of all that counts was told by a server: anybody who knows the write key could have made it up.
    pub browser_only: bool,
    /// Whether anything was ever bought, as far as a browser or a server says.
    pub purchased: bool,
    /// States that hold and have a notice: place of the rule in the model, and since when. By rule.
    pub told_of: Vec<(usize, Millis)>,
}

impl Evaluation {
    /// How people read one of its lines.
    #[must_use]
    pub fn title<'a>(&'a self, line: &'a Line) -> &'a str {
        match &line.title {
            Title::Rule(place) => self.titles.get(*place).map_or("", |title| title),
            Title::Limit(title) => title,
        }
    }

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

    /// How often an event was recorded in the ledger that this is the evaluation of; an order counts once.
    #[must_use]
    pub fn count(&self, lead: &Lead, name: &str) -> usize {
        self.counted(lead, |touch| touch.is(name))
    }

    /// How many touches count of those that match.
    pub(crate) fn counted(&self, lead: &Lead, matches: impl Fn(&Touch) -> bool) -> usize {
        let touches = lead.touches().iter().zip(lead.counts()).enumerate();
        let matching = touches.filter(|(_, (touch, _))| matches(touch));
        let counting = matching.filter(|(place, _)| self.uncounted.binary_search(place).is_err());
        counting.map(|(_, (_, count))| count).sum()
    }
}

/// Computes what a ledger means under a model at `now`.
///
/// An instant before the last touch is taken as that of the last touch: a touch that a collector with a faster clock has
/// recorded is never overlooked.
#[must_use]
pub fn evaluate(lead: &Lead, model: &Model, now: Millis) -> Evaluation {
    let at = instant(lead, now);
    read(lead, Timeline::of(lead, model, at), at)
}

/// What a ledger means to a page that asks something now, named by its stream. `used`: somebody has used it, which is
/// evidence of a person, recorded or not.
///
/// Who has only looked so far has a score without it, but is on their first visit, on that page, with that in the cart: an
/// offer may depend on that before anybody moves.
#[must_use]
pub fn evaluate_for(lead: &Lead, model: &Model, asking: &StreamId, used: bool, now: Millis) -> Evaluation {
    let strict = evaluate(lead, model, now);
    if !strict.quarantined.iter().any(|(_, why)| why.is_looked_at()) {
        return strict;
    }
    let seen = read(lead, Timeline::asked(lead, model, strict.at, asking), strict.at);
    if used {
        return seen;
    }
    // Labels may say what the stage was, so they are those of it.
    let Evaluation { score, scores, lines, stage, stage_name, since, why, labels, told_of, .. } = strict;
    Evaluation { score, scores, lines, stage, stage_name, since, why, labels, told_of, ..seen }
}

/// What a replay until `at` says.
pub(crate) fn read(lead: &Lead, mut timeline: Timeline<'_>, at: Millis) -> Evaluation {
    let model = timeline.model;
    let (scores, lines) = explanation::scores(&timeline, at);
    let visits = timeline.state.sessions.count();
    let visits_begun = std::mem::take(&mut timeline.state.sessions.begun);
    let (history, state) = (timeline.history, &timeline.state);
    let held = state.held().filter_map(|held| {
        let touch = lead.touches().get(held.touch)?.id.clone();
        Some(HeldLabel { label: held.label.shared(), touch, since: held.since, until: held.until })
    });
    let mut labels: Vec<HeldLabel> = held.collect();
    labels.sort_unstable_by(|left, right| left.label.cmp(&right.label));
    let mut attributes: Vec<(PropertyName, Scalar)> =
        state.attributes.iter().map(|held| (held.name.clone(), held.value.clone())).collect();
    attributes.sort_unstable_by(|left, right| left.0.cmp(&right.0));
    let mut uncounted = state.orders.uncounted();
    uncounted.extend(state.quarantine.places());
    uncounted.sort_unstable();
    let quarantined =
        state.quarantine.iter().filter_map(|(place, why)| Some((lead.touches().get(place)?.id.clone(), why))).collect();
    Evaluation {
        at,
        score: scores.first().copied().unwrap_or_default(),
        scores,
        lines,
        titles: Arc::clone(&model.titles),
        stage: history.stage,
        stage_name: model.stages.name(history.stage).to_owned(),
        since: history.since,
        why: explanation::stage_cause(&timeline),
        labels,
        attributes,
        visits,
        visits_begun,
        touchpoints: state.sessions.touchpoints,
        consent: state.shared_consent(),
        uncounted,
        quarantined,
        hidden: state.quarantine.places().to_vec(),
        channel: state.sessions.channel,
        country: state.country.cloned(),
        device: state.device,
        language: state.language.cloned(),
        last_seen: state.last_seen,
        cart: state.cart.read(model.currency),
        browser_only: visits > 0 && !state.told_by_server,
        purchased: state.purchased,
        told_of: timeline.told_of(),
    }
}

/// The instant that a ledger is looked at: never before its last touch, nor when nothing can happen any more.
pub(crate) fn instant(lead: &Lead, now: Millis) -> Millis {
    let now = now.clamp(Millis::EARLIEST, Millis::LATEST);
    lead.last_touched().map_or(now, |last| last.max(now))
}
