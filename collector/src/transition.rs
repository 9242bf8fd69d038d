//! Transitions: when a lead's stage is another than the one last announced, that is announced, once.
//!
//! ```text
//! Lead, Evaluation ─ announcement ─► touch `gloed_announced` ─┐
//!                              └──► message for the outbox ───┴─► one commit
//! ```
//!
//! The stage itself is stored nowhere. What was *announced* is a fact about ourselves, so it is a touch of our own, and the
//! last one is compared with the derived stage whenever the lead is committed or wakes. A crossing that lies wholly in the
//! past is thus never announced: a late event may change what should have been, not what is.
//!
//! Announcements are the one thing that is not in the log first. They follow from what is, so after a loss they are made
//! again, with the same ids: whoever receives a message twice can tell.

use engine::{
    Evaluation, EventName, Lead, Millis, Model, PropertyName, Scalar, Span, StageIndex, Text, TextError, Touch, Trust,
};
use serde::Serialize;
use store::LeadKey;
use utoipa::ToSchema;

use crate::account::{self, LineAccount, Why, WhyCause};
use crate::message::{self, LastTouch, MOST, ModelBody, Telling, Told, Way};

/// The name of our own touch.
pub const ANNOUNCED: &str = "gloed_announced";
/// Its property with the stage's name.
pub(crate) const STAGE: &str = "stage";
/// Its property that says whether a new model alone made it so.
pub(crate) const BY_MODEL: &str = "by_model";

/// A lead's stage is another one: what the world outside is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StageChanged {
    /// `stage_changed`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The same however often this transition is told.
    pub id: String,
    /// The site's write key.
    pub site: String,
    /// The visitor's id.
    pub visitor: String,
    /// The stage last announced; the lowest when none was.
    pub from: String,
    /// The stage.
    pub to: String,
    /// Towards which end.
    pub direction: Direction,
    /// Points as decimal text, rounded towards the lower stage.
    pub score: String,
    /// When the stage changed, ms since 1970.
    pub at: i64,
    /// When that was noticed, ms since 1970: later than `at` where events came late.
    pub announced_at: i64,
    /// How it is to go out; empty: nowhere but into the outbox.
    pub via: Vec<Way>,
    /// Why.
    pub why: Why,
    /// The model.
    pub model: ModelBody,
    /// The ten heaviest lines of the score.
    pub lines: Vec<LineAccount>,
    /// The last ten touches, newest first.
    pub touches: Vec<LastTouch>,
    /// Interests.
    pub labels: Vec<String>,
    /// ISO 3166-1, where it is known.
    pub country: Option<String>,
    /// Path of the lead's page on the private listener.
    pub url: String,
}

/// Towards which end of the stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Warmer.
    Up,
    /// Colder.
    Down,
}

/// What there is to announce of a lead as it stands; `None` when its stage is the one last announced. `by_model`: nothing
/// happened, a new model makes another stage of what was there already. `quietly`: then it is noted, and told to nobody.
///
/// # Errors
/// None in practice: every text here is of our own making.
pub(crate) fn announcement(
    key: &LeadKey,
    lead: &Lead,
    model: &Model,
    evaluation: &Evaluation,
    by_model: bool,
    quietly: bool,
) -> Result<Option<Telling>, TextError> {
    let is_announcement = |touch: &&Touch| touch.trust == Trust::Product && touch.is(ANNOUNCED);
    let last = lead.touches().iter().rev().find(is_announcement);
    // A stage that the model no longer has counts as none.
    let from = last.and_then(announced_stage).and_then(|name| model.stages.find(name)).unwrap_or(StageIndex(0));
    if from == evaluation.stage {
        return Ok(None);
    }
    let transition = format!("stage_changed\n{key}\n{}\n{}", evaluation.stage_name, evaluation.since.0);
    let (id, touch_id) = message::ids(lead, "announced", &transition)?;
    // Behind the last one, whatever the clocks: the order of announcements is that of their times.
    let at = last.map_or(evaluation.at, |last| evaluation.at.max(last.time.plus(Span(1))));
    let mut touch = Touch::new(touch_id, EventName::parse(ANNOUNCED)?, message::own_stream()?, at);
    touch.trust = Trust::Product;
    let text = |text: &str| Scalar::Text(Text::cut(text));
    touch.properties = [
        (PropertyName::cut(STAGE), text(&evaluation.stage_name)),
        (PropertyName::cut("score"), text(&evaluation.score.to_string())),
        (PropertyName::cut("model_version"), Scalar::Integer(i64::from(model.version))),
        (PropertyName::cut(BY_MODEL), Scalar::Boolean(by_model)),
    ]
    .into_iter()
    .collect();
    let mut message = described(key, lead, model, evaluation, from, message::shown(&id), at);
    if by_model {
        message.why.cause = WhyCause::Recomputed;
    }
    let message = (!by_model || !quietly).then_some((id, Told::StageChanged(message)));
    Ok(Some(Telling { touch, message }))
}

/// The stage that was announced last, if any was.
pub(crate) fn announced(lead: &Lead) -> Option<&str> {
    let is_announcement = |touch: &&Touch| touch.trust == Trust::Product && touch.is(ANNOUNCED);
    lead.touches().iter().rev().find(is_announcement).and_then(announced_stage)
}

fn announced_stage(touch: &Touch) -> Option<&str> {
    match touch.properties.get(STAGE) {
        Some(Scalar::Text(name)) => Some(name.as_str()),
        _ => None,
    }
}

fn described(
    key: &LeadKey,
    lead: &Lead,
    model: &Model,
    evaluation: &Evaluation,
    from: StageIndex,
    id: String,
    announced_at: Millis,
) -> StageChanged {
    let mut lines: Vec<_> = evaluation.lines.iter().collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.points_now.0.unsigned_abs()));
    let lines = lines.into_iter().take(MOST).map(|line| account::line(lead, model, evaluation, line));
    StageChanged {
        kind: "stage_changed",
        id,
        site: key.site.to_string(),
        visitor: key.visitor.to_string(),
        from: model.stages.name(from).to_owned(),
        to: evaluation.stage_name.clone(),
        direction: if evaluation.stage > from { Direction::Up } else { Direction::Down },
        score: evaluation.score.shown(),
        at: evaluation.since.0,
        announced_at: announced_at.0,
        via: model.stages.iter().nth(evaluation.stage.0).map(|stage| Way::of(&stage.via)).unwrap_or_default(),
        why: why(lead, model, evaluation),
        model: model.into(),
        lines: lines.collect(),
        touches: message::last_touches(lead),
        labels: message::labels(evaluation),
        country: evaluation.country.as_ref().map(ToString::to_string),
        url: message::page_of(key),
    }
}

/// Why what is announced is so: a stage that a lead has from the start is news only after another was announced.
fn why(lead: &Lead, model: &Model, evaluation: &Evaluation) -> Why {
    let why = account::why(lead, model, &evaluation.why);
    let cause = if why.cause == WhyCause::Initial { WhyCause::Recomputed } else { why.cause };
    Why { cause, ..why }
}

#[cfg(test)]
mod tests {
    use engine::{Currency, LedgerLimits, Recorded, SiteFacts, evaluate, record};
    use engine::{StreamId, TouchId};
    use store::{MessageId, SiteName, VisitorId};

    use super::*;

    const NOON: Millis = Millis(1_795_262_400_000);
    const HOUR: Span = Span::minutes(60);

    fn model(warm: u32) -> Model {
        let text = format!(
            "version = 3\nname = \"m\"\nhalf_life = \"none\"\n[[stages]]\nname = \"cold\"\n[[stages]]\nname = \"warm\"\n\
             enter = \">= {warm}\"\n[[stages]]\nname = \"hot\"\nenter = \"> 70\"\n[[rules]]\nid = \"each\"\n\
             title = \"Each\"\nwhen = {{ field = \"event\", exists = true }}\npoints = 40\n"
        );
        Model::parse(&text, &SiteFacts { currency: Currency::EUR, offsets: Vec::new() }).unwrap()
    }

    fn key() -> LeadKey {
        LeadKey::new(SiteName::parse("shop").unwrap(), VisitorId::from_bytes([7; 16]))
    }

    fn happens(lead: &mut Lead, id: &str, at: Millis) {
        let name = EventName::parse("chat").unwrap();
        let touch = Touch::new(TouchId::parse(id).unwrap(), name, StreamId::parse("stream-1").unwrap(), at);
        record(lead, touch, &LedgerLimits::default());
    }

    struct Announced {
        touch: Touch,
        id: MessageId,
        message: StageChanged,
    }

    fn found(lead: &Lead, model: &Model, now: Millis) -> Option<Announced> {
        let found = announcement(&key(), lead, model, &evaluate(lead, model, now), false, true).unwrap()?;
        let (id, Told::StageChanged(message)) = found.message.unwrap() else { panic!("a stage that changed") };
        Some(Announced { touch: found.touch, id, message })
    }

    /// What is announced at noon; the lead remembers it.
    fn announced(lead: &mut Lead, model: &Model) -> Option<Announced> {
        let found = found(lead, model, NOON)?;
        assert_eq!(record(lead, found.touch.clone(), &LedgerLimits::default()), Recorded::New);
        Some(found)
    }

    #[test]
    fn a_lead_in_the_lowest_stage_has_nothing_to_announce_and_each_stage_is_announced_once() {
        let (mut lead, model) = (Lead::default(), model(30));
        assert!(announced(&mut lead, &model).is_none());

        happens(&mut lead, "1", NOON.minus(HOUR));
        let first = announced(&mut lead, &model).unwrap();

        assert_eq!((first.message.from.as_str(), first.message.to.as_str()), ("cold", "warm"));
        assert_eq!((first.message.at, first.message.announced_at), (NOON.minus(HOUR).0, NOON.0));
        assert_eq!(first.touch.properties.get("model_version"), Some(&Scalar::Integer(3)));
        assert!(announced(&mut lead, &model).is_none());
    }

    #[test]
    fn the_same_transition_has_the_same_id_whenever_it_is_found() {
        let model = model(30);
        let mut lead = Lead::default();
        happens(&mut lead, "1", NOON.minus(HOUR));
        let at = |now| found(&lead, &model, now).unwrap();
        let (now, later) = (at(NOON), at(NOON.plus(HOUR)));
        assert_eq!((now.id, now.touch.id), (later.id, later.touch.id));
    }

    #[test]
    fn an_announcement_stands_behind_the_one_before_it_whatever_came_late() {
        // given a lead announced as warm
        let (mut lead, model) = (Lead::default(), model(30));
        happens(&mut lead, "1", NOON.minus(HOUR));
        let first = announced(&mut lead, &model).unwrap();
        // when an event comes late that makes it hot, at the same instant of our clock
        happens(&mut lead, "2", NOON.minus(HOUR).minus(HOUR));
        let second = announced(&mut lead, &model).unwrap();
        // then that is announced after the other, and nothing more
        assert_eq!((second.message.from.as_str(), second.message.to.as_str()), ("warm", "hot"));
        assert!(second.touch.time > first.touch.time);
        assert!(announced(&mut lead, &model).is_none());
    }

    #[test]
    fn a_stage_that_is_reached_again_without_an_event_is_a_transition_of_its_own() {
        // given a lead that is warm, is not under another model, and is again under the first
        let (mut lead, mild, strict) = (Lead::default(), model(30), model(50));
        happens(&mut lead, "1", NOON.minus(HOUR));
        let first = announced(&mut lead, &mild).unwrap();
        let second = announced(&mut lead, &strict).unwrap();
        let third = announced(&mut lead, &mild).unwrap();
        // then each is announced once, under an id of its own
        assert_eq!((second.message.direction, second.message.why.cause), (Direction::Down, WhyCause::Recomputed));
        assert_eq!((&third.message.to, third.message.at), (&first.message.to, first.message.at));
        assert_ne!(third.id, first.id);
        assert!(announced(&mut lead, &mild).is_none());
    }
}
