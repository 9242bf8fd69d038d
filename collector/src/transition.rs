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
//! Where the model holds what only browsers tell of (`[notices] browser_only = "hold"`), such an announcement is noted and told
//! to nobody. What the world outside knows is then another stage; when a server tells of the lead, the two are compared again.
//!
//! Announcements are the one thing that is not in the log first. They follow from what is, so after a loss they are made
//! again, with the same ids: whoever receives a message twice can tell.

use engine::model::BrowserOnly;
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
/// Its property where the world outside is not told, since nothing but browsers tells of the lead.
const HELD: &str = "held";
/// Its property where the world outside hears of a stage that was noted before.
const RELEASED: &str = "released";

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
    /// Whether nothing but browsers has told of the lead: all of it could be made up.
    pub browser_only: bool,
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
    // A stage that the model no longer has counts as none.
    let stage = |touch: Option<&Touch>| {
        touch.and_then(announced_stage).and_then(|name| model.stages.find(name)).unwrap_or(StageIndex(0))
    };
    let last = announcements(lead).next();
    let (noted, from) = (stage(last), stage(announcements(lead).find(told)));
    let hold = evaluation.browser_only && model.browser_only == BrowserOnly::Hold;
    let known = from == evaluation.stage;
    if noted == evaluation.stage && (hold || known) {
        return Ok(None);
    }
    let released = noted == evaluation.stage;
    // It is the server's word that lets it go, and not the model.
    let by_model = by_model && (evaluation.browser_only || !released);
    let silent = by_model && quietly;
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
    .chain(((hold || known) && !silent).then(|| (PropertyName::cut(HELD), Scalar::Boolean(true))))
    .chain(released.then(|| (PropertyName::cut(RELEASED), Scalar::Boolean(true))))
    .collect();
    let mut message = described(key, lead, model, evaluation, from, message::shown(&id), at);
    if by_model {
        message.why.cause = WhyCause::Recomputed;
    }
    let message = (!silent && !hold && !known).then_some((id, Told::StageChanged(message)));
    Ok(Some(Telling { touch, message }))
}

/// The stage that the world outside was told of last, if it was of any.
pub(crate) fn announced(lead: &Lead) -> Option<&str> {
    announcements(lead).find(told).and_then(announced_stage)
}

/// The announcements of a lead, the last one first.
fn announcements(lead: &Lead) -> impl Iterator<Item = &Touch> {
    lead.touches().iter().rev().filter(|touch| touch.trust == Trust::Product && touch.is(ANNOUNCED))
}

fn told(announcement: &&Touch) -> bool {
    !says(announcement, HELD)
}

/// Whether a touch of our own says that something moved a lead to another stage: no new model, and no late word of a move
/// that was noted before.
pub(crate) fn is_move(touch: &Touch) -> bool {
    touch.trust == Trust::Product && touch.is(ANNOUNCED) && !says(touch, BY_MODEL) && !says(touch, RELEASED)
}

fn says(touch: &Touch, property: &str) -> bool {
    touch.properties.get(property) == Some(&Scalar::Boolean(true))
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
        browser_only: evaluation.browser_only,
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
             title = \"Each\"\nwhen = {{ field = \"trust\", lt = \"server\" }}\npoints = 40\n"
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

    /// The model, holding what nothing but browsers tell of.
    fn holding(mut model: Model) -> Model {
        model.browser_only = BrowserOnly::Hold;
        model
    }

    fn told_by_server(lead: &mut Lead, id: &str, at: Millis) {
        let (id, stream) = (TouchId::parse(id).unwrap(), StreamId::parse("mail-tool").unwrap());
        let mail = Touch::new(id, EventName::parse("email_sent").unwrap(), stream, at);
        record(lead, Touch { trust: Trust::Server, ..mail }, &LedgerLimits::default());
    }

    /// What is noted when the lead is looked at, by its stages, and whether it is told: the lead remembers it.
    fn looked_at(lead: &mut Lead, model: &Model, now: Millis, by_model: bool) -> Option<Option<(String, String)>> {
        let found = announcement(&key(), lead, model, &evaluate(lead, model, now), by_model, true).unwrap()?;
        assert_eq!(record(lead, found.touch, &LedgerLimits::default()), Recorded::New);
        Some(found.message.map(|(_, told)| match told {
            Told::StageChanged(message) => (message.from, message.to),
            other => panic!("{other:?}"),
        }))
    }

    fn told(from: &str, to: &str) -> Option<Option<(String, String)>> {
        Some(Some((from.to_owned(), to.to_owned())))
    }

    #[test]
    fn what_browsers_alone_say_is_told_and_marked_until_a_server_tells_something() {
        let (mut lead, model) = (Lead::default(), model(30));
        happens(&mut lead, "1", NOON.minus(HOUR));
        assert!(announced(&mut lead, &model).unwrap().message.browser_only);
        told_by_server(&mut lead, "m", NOON.minus(HOUR));
        happens(&mut lead, "2", NOON);
        assert!(!announced(&mut lead, &model).unwrap().message.browser_only);
    }

    #[test]
    fn what_is_held_is_noted_and_told_when_a_server_tells_of_the_lead() {
        let (mut lead, model) = (Lead::default(), holding(model(30)));
        // given somebody whom browsers made warm, then hot: each is noted once and told to nobody
        happens(&mut lead, "1", NOON);
        assert_eq!(looked_at(&mut lead, &model, NOON, false), Some(None));
        assert_eq!(looked_at(&mut lead, &model, NOON, false), None);
        happens(&mut lead, "2", NOON.plus(HOUR));
        assert_eq!(looked_at(&mut lead, &model, NOON.plus(HOUR), false), Some(None));
        // and nobody was told of any stage
        assert_eq!(super::announced(&lead), None);
        // when the server sends them a mail, then it is told, once, from the stage that is known outside
        told_by_server(&mut lead, "m", NOON.plus(Span::minutes(90)));
        let later = NOON.plus(Span::minutes(90));
        // (a model that came into force in the meantime does not keep it quiet)
        assert_eq!(looked_at(&mut lead, &model, later, true), told("cold", "hot"));
        assert_eq!(looked_at(&mut lead, &model, later, false), None);
        // and of the three announcements two are moves
        let moves = announcements(&lead).map(is_move).collect::<Vec<_>>();
        assert_eq!(moves, [false, true, true]);
    }

    #[test]
    fn what_was_held_and_has_passed_is_told_to_nobody() {
        let (mut lead, mild) = (Lead::default(), holding(model(30)));
        happens(&mut lead, "1", NOON);
        assert_eq!(looked_at(&mut lead, &mild, NOON, false), Some(None));
        // when it is cold again by the time a server tells of it, then that is noted alone
        told_by_server(&mut lead, "m", NOON.plus(HOUR));
        let strict = holding(model(50));
        assert_eq!(looked_at(&mut lead, &strict, NOON.plus(HOUR), false), Some(None));
        assert_eq!(looked_at(&mut lead, &strict, NOON.plus(HOUR), false), None);
    }

    #[test]
    fn a_model_that_holds_nothing_any_more_tells_nobody_of_the_past() {
        let (mut lead, text) = (Lead::default(), model(30));
        happens(&mut lead, "1", NOON);
        assert_eq!(looked_at(&mut lead, &holding(model(30)), NOON, false), Some(None));
        assert_eq!(looked_at(&mut lead, &text, NOON.plus(HOUR), true), Some(None));
        assert_eq!(looked_at(&mut lead, &text, NOON.plus(HOUR), false), None);
    }
}
