//! Notices: when a state that a rule has a notice for begins to hold, that is told, once.
//!
//! As with stages, what *was told* is a touch of our own, and the last one is compared with what holds whenever the lead is
//! committed or wakes. A restart, a replay, a late event or another model therefore tells nothing twice: as long as it was
//! not seen to cease, it is the same. What began long before anybody could know of it is noted as found later.

use engine::model::{BrowserOnly, Notice};
use engine::{
    Evaluation, EventName, Lead, Millis, Model, PropertyName, Scalar, Span, Text, TextError, Touch, Trust, touch::event,
};
use serde::Serialize;
use store::LeadKey;
use utoipa::ToSchema;

use crate::message::{self, CartBody, LastTouch, ModelBody, Telling, Told, Way};

/// The name of our own touch.
pub const NOTICED: &str = "gloed_noticed";
/// Its properties: the notice, what became of it, and whether it is about a cart left alone.
pub(crate) const NOTICE: &str = "notice";
pub(crate) const OUTCOME: &str = "outcome";
pub(crate) const ABANDONMENT: &str = "abandonment";
/// What began so long before we learned of it is no news.
const NEWS: Span = Span::minutes(60);
/// Beginnings of one notice that a lead notes within [`BUSY_PERIOD`]: a state that flutters must not fill the ledger.
const MOST_NOTED: usize = 20;
pub(crate) const BUSY_PERIOD: Span = Span::days(30);

/// A state that a rule has a notice for began to hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Noticed {
    /// The notice's name, such as `cart_abandoned`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same however often this is told.
    pub id: String,
    /// The site's write key.
    pub site: String,
    /// The visitor's id.
    pub visitor: String,
    /// The rule's id.
    pub rule: String,
    /// The rule's title.
    pub title: String,
    /// How it is to go out.
    pub via: Vec<Way>,
    /// When it began to hold, ms since 1970.
    pub since: i64,
    /// When that was noticed, ms since 1970.
    pub announced_at: i64,
    /// Points as decimal text, rounded towards the lower stage.
    pub score: String,
    /// Whether nothing but browsers has told of the lead: all of it could be made up.
    pub browser_only: bool,
    /// The stage.
    pub stage: String,
    /// The model.
    pub model: ModelBody,
    /// What lies in the cart; absent while it is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cart: Option<CartBody>,
    /// The last ten touches, newest first.
    pub touches: Vec<LastTouch>,
    /// Interests.
    pub labels: Vec<String>,
    /// ISO 3166-1, where it is known.
    pub country: Option<String>,
    /// Path of the lead's page on the private listener.
    pub url: String,
}

/// When the model of a site came into force, and whether what it alone changes is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Published {
    pub(crate) since: Millis,
    pub(crate) notify: bool,
}

/// What became of a beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Told,
    /// It lay in the past when we learned of it.
    FoundLater,
    /// Nothing happened: a new model says so of what was there.
    ByModel,
    /// It was told as often as the rule allows.
    TooOften,
    /// Nothing but browsers tells of the lead, and the model holds what they tell of until a server does.
    Held,
    /// It holds no more.
    Ceased,
}

impl Outcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::FoundLater => "found_later",
            Self::ByModel => "by_model",
            Self::TooOften => "too_often",
            Self::Held => "held",
            Self::Ceased => "ceased",
        }
    }
}

/// Whether a touch of our own says that a notice was told.
pub(crate) fn was_told(touch: &Touch) -> bool {
    is_noticed(touch) && is(touch, Outcome::Told)
}

fn is(noticed: &Touch, outcome: Outcome) -> bool {
    noticed.properties.get(OUTCOME).and_then(Scalar::text) == Some(outcome.name())
}

fn is_noticed(touch: &Touch) -> bool {
    touch.trust == Trust::Product && touch.is(NOTICED)
}

/// What states of a lead there are to tell of, and to note.
///
/// # Errors
/// None in practice: every text here is of our own making.
pub(crate) fn notices(
    key: &LeadKey,
    lead: &Lead,
    model: &Model,
    evaluation: &Evaluation,
    published: Published,
) -> Result<Vec<Telling>, TextError> {
    let mut tellings = Vec::new();
    for (place, notice) in model.notices() {
        let own = |touch: &&Touch| {
            is_noticed(touch) && touch.properties.get(NOTICE).and_then(Scalar::text) == Some(&*notice.name)
        };
        let noted: Vec<&Touch> = lead.touches().iter().filter(own).collect();
        let last = noted.last();
        let hold = evaluation.browser_only && model.browser_only == BrowserOnly::Hold;
        // What was held is open no more once a server has told of the lead.
        let closed = |last: &&Touch| is(last, Outcome::Ceased) || (is(last, Outcome::Held) && !hold);
        let open = last.is_some_and(|last| !closed(last));
        let held = last.is_some_and(|last| is(last, Outcome::Held));
        let since = evaluation.told_of.iter().find(|(rule, _)| *rule == place).map(|(_, since)| *since);
        let at = last.map_or(evaluation.at, |last| evaluation.at.max(last.time.plus(Span(1))));
        let outcome = match (since, open) {
            (Some(since), false) => match found(lead, evaluation, notice, &noted, since, published) {
                Some(Outcome::Told) if hold => Outcome::Held,
                Some(outcome) => outcome,
                None => continue,
            },
            (None, _) if open || held => Outcome::Ceased,
            _ => continue,
        };
        let since = since.unwrap_or(at);
        let (id, touch_id) =
            message::ids(lead, "noticed", &format!("{}\n{key}\n{}\n{}", outcome.name(), notice.name, since.0))?;
        let mut touch = Touch::new(touch_id, EventName::parse(NOTICED)?, message::own_stream()?, at);
        touch.trust = Trust::Product;
        touch.value = evaluation.cart.value.filter(|_| notice.of_cart);
        let text = |text: &str| Scalar::Text(Text::cut(text));
        touch.properties = [
            (PropertyName::cut(NOTICE), text(&notice.name)),
            (PropertyName::cut(OUTCOME), text(outcome.name())),
            (PropertyName::cut(ABANDONMENT), Scalar::Boolean(notice.of_abandonment)),
            (PropertyName::cut("since"), Scalar::Integer(since.0)),
            (PropertyName::cut("model_version"), Scalar::Integer(i64::from(model.version))),
        ]
        .into_iter()
        .collect();
        let message = match (outcome, model.rules.get(place)) {
            (Outcome::Told, Some(rule)) => {
                let told = described(key, lead, model, evaluation, (rule, notice), (since, at), message::shown(&id));
                Some((id, Told::Noticed(told)))
            }
            _ => None,
        };
        tellings.push(Telling { touch, message });
    }
    Ok(tellings)
}

/// What becomes of a state that holds since an instant and was not known to; `None`: it is not even noted.
fn found(
    lead: &Lead,
    evaluation: &Evaluation,
    notice: &Notice,
    noted: &[&Touch],
    since: Millis,
    published: Published,
) -> Option<Outcome> {
    let now = evaluation.at;
    let within = |span: Span| move |touch: &&&Touch| now.since(touch.time) < span;
    if noted.iter().filter(within(BUSY_PERIOD)).count() >= MOST_NOTED * 2 {
        return None;
    }
    let last_told = noted.iter().rev().find(|touch| was_told(touch));
    if notice.of_cart && last_told.is_some_and(|told| !put_in_since(lead, evaluation, told.time)) {
        return None;
    }
    // What the state may follow from, and when the last of it came to be known.
    let before = lead.touches().iter().filter(|touch| touch.trust < Trust::Product && touch.time <= since);
    let learned = before.map(|touch| touch.received).max().unwrap_or(since);
    if since < published.since && learned < published.since && !published.notify {
        return Some(Outcome::ByModel);
    }
    if learned > since.plus(NEWS) {
        return Some(Outcome::FoundLater);
    }
    let too_often = notice.per.is_some_and(|per| {
        let told = noted.iter().filter(|touch| was_told(touch));
        let counted = told.filter(|touch| per.every.is_none_or(|every| now.since(touch.time) < every)).count();
        counted >= per.times as usize
    });
    Some(if too_often { Outcome::TooOften } else { Outcome::Told })
}

/// Whether anything was put into the cart after an instant.
fn put_in_since(lead: &Lead, evaluation: &Evaluation, at: Millis) -> bool {
    let counts = |place: usize| evaluation.uncounted.binary_search(&place).is_err();
    let mut later = lead.touches().iter().enumerate().rev().take_while(|(_, touch)| touch.time > at);
    later.any(|(place, touch)| touch.is(event::ADD_TO_CART) && counts(place))
}

fn described(
    key: &LeadKey,
    lead: &Lead,
    model: &Model,
    evaluation: &Evaluation,
    (rule, notice): (&engine::model::Rule, &Notice),
    (since, at): (Millis, Millis),
    id: String,
) -> Noticed {
    Noticed {
        kind: notice.name.to_string(),
        id,
        site: key.site.to_string(),
        visitor: key.visitor.to_string(),
        rule: rule.id.to_string(),
        title: rule.title.to_string(),
        via: Way::of(&notice.via),
        since: since.0,
        announced_at: at.0,
        score: evaluation.score.shown(),
        browser_only: evaluation.browser_only,
        stage: evaluation.stage_name.clone(),
        model: model.into(),
        cart: CartBody::of(lead, evaluation),
        touches: message::last_touches(lead),
        labels: message::labels(evaluation),
        country: evaluation.country.as_ref().map(ToString::to_string),
        url: message::page_of(key),
    }
}

#[cfg(test)]
mod tests {
    use engine::{Currency, LedgerLimits, SiteFacts, StreamId, TouchId, evaluate, record};
    use store::{SiteName, VisitorId};

    use super::*;

    const NOON: Millis = Millis(1_795_262_400_000);
    const MODEL: &str = r#"
version = 1
name = "m"
[[stages]]
name = "cold"
[[rules]]
id = "asked"
while = { field = "recent.1h.chat", gte = 1 }
notice = "asks"
per = { times = 2, every = "1d" }
"#;

    fn minute(count: i64) -> Millis {
        NOON.plus(Span::minutes(count))
    }

    struct Told {
        lead: Lead,
        model: Model,
        published: Published,
    }

    impl Told {
        fn new() -> Self {
            let model = Model::parse(MODEL, &SiteFacts { currency: Currency::EUR, offsets: Vec::new() }).unwrap();
            let published = Published { since: minute(-1_000), notify: false };
            Self { lead: Lead::default(), model, published }
        }

        /// Somebody chats at one minute, and we learn of it at another.
        fn chats(&mut self, at: i64, received: i64) {
            let (id, stream) = (TouchId::parse(&format!("c{at}")).unwrap(), StreamId::parse("stream-1").unwrap());
            let touch = Touch::new(id, EventName::parse("chat").unwrap(), stream, minute(at));
            record(&mut self.lead, Touch { received: minute(received), ..touch }, &LedgerLimits::default());
        }

        /// The server sends them a mail.
        fn mails(&mut self, at: i64) {
            let (id, stream) = (TouchId::parse(&format!("m{at}")).unwrap(), StreamId::parse("mail-tool").unwrap());
            let touch = Touch::new(id, EventName::parse("email_sent").unwrap(), stream, minute(at));
            record(&mut self.lead, Touch { trust: Trust::Server, ..touch }, &LedgerLimits::default());
        }

        /// What a look at a minute notes, and whether it is told to anybody; the lead remembers it.
        fn look(&mut self, at: i64) -> Vec<(String, bool)> {
            let key = LeadKey::new(SiteName::parse("shop").unwrap(), VisitorId::from_bytes([7; 16]));
            let evaluation = evaluate(&self.lead, &self.model, minute(at));
            let found = notices(&key, &self.lead, &self.model, &evaluation, self.published).unwrap();
            let mut noted = Vec::new();
            for Telling { touch, message } in found {
                noted.push((touch.properties.get(OUTCOME).unwrap().text().unwrap().to_owned(), message.is_some()));
                record(&mut self.lead, touch, &LedgerLimits::default());
            }
            noted
        }
    }

    fn only(outcome: &str) -> Vec<(String, bool)> {
        vec![(outcome.to_owned(), outcome == "told")]
    }

    #[test]
    fn a_beginning_is_told_once_and_another_one_after_it_was_seen_to_cease() {
        let mut told = Told::new();
        told.chats(0, 0);
        assert_eq!(told.look(0), only("told"));
        assert_eq!(told.look(30), []);
        // what comes late and lies before it moves the beginning, and is no news
        told.chats(-30, 30);
        assert_eq!(told.look(31), []);
        assert_eq!(told.look(60), only("ceased"));
        assert_eq!(told.look(61), []);
        told.chats(70, 70);
        assert_eq!(told.look(70), only("told"));
        assert_eq!(told.look(130), only("ceased"));
        // as often as the rule allows
        told.chats(200, 200);
        assert_eq!(told.look(200), only("too_often"));
        assert_eq!(told.look(260), only("ceased"));
        told.chats(24 * 60 + 1, 24 * 60 + 1);
        assert_eq!(told.look(24 * 60 + 1), only("told"), "the first is a day old");
    }

    #[test]
    fn what_began_more_than_an_hour_before_we_learned_of_it_is_found_later_and_never_told() {
        // the state would have to last longer than that: chats that follow one another let it
        let mut told = Told::new();
        for at in [0, 50, 100] {
            told.chats(at, 101);
        }
        assert_eq!(told.look(101), only("found_later"));
        assert_eq!(told.look(102), []);
        // a little late is in time, and so is what nobody looked at for long
        let mut told = Told::new();
        told.chats(0, 50);
        assert_eq!(told.look(50), only("told"));
        let mut told = Told::new();
        for at in [0, 50, 100, 150] {
            told.chats(at, at);
        }
        assert_eq!(told.look(200), only("told"), "each was known when it happened");
    }

    #[test]
    fn what_a_new_model_makes_of_the_past_is_told_only_where_that_is_asked_for() {
        for (notify, outcome) in [(false, "by_model"), (true, "told")] {
            let mut told = Told::new();
            told.chats(0, 0);
            told.published = Published { since: minute(10), notify };
            assert_eq!(told.look(11), only(outcome));
            assert_eq!(told.look(12), []);
        }
        // and what was learned since the model came into force is news, if it is not too late
        let mut told = Told::new();
        told.published = Published { since: minute(10), notify: false };
        told.chats(5, 11);
        assert_eq!(told.look(11), only("told"));
    }

    #[test]
    fn a_state_that_flutters_does_not_fill_the_ledger() {
        let mut told = Told::new();
        let mut noted = 0;
        for round in 0..40 {
            told.chats(round * 120, round * 120);
            noted += told.look(round * 120).len() + told.look(round * 120 + 60).len();
        }
        assert_eq!(noted, MOST_NOTED * 2);
    }

    #[test]
    fn what_browsers_alone_tell_is_held_where_the_model_says_so_until_a_server_tells_something() {
        let mut told = Told::new();
        told.model.browser_only = BrowserOnly::Hold;
        told.chats(0, 0);
        assert_eq!(told.look(0), only("held"));
        assert_eq!(told.look(1), []);
        // when the server tells of them while it holds, then it is told, once
        told.mails(2);
        assert_eq!(told.look(2), only("told"));
        assert_eq!(told.look(3), []);
        assert_eq!(told.look(60), only("ceased"));
        // and what has ceased by then is told to nobody
        let mut told = Told::new();
        told.model.browser_only = BrowserOnly::Hold;
        told.chats(0, 0);
        assert_eq!(told.look(0), only("held"));
        told.mails(70);
        assert_eq!(told.look(70), only("ceased"));
        assert_eq!(told.look(71), []);
    }
}
