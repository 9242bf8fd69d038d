//! Notices: when a state that a rule has a notice for begins to hold, that is told, once.
//!
//! As with stages, what *was told* is a touch of our own, and the last one is compared with what holds whenever the lead is
//! committed or wakes. A restart, a replay, a late event or another model therefore tells nothing twice: as long as it was
//! not seen to cease, it is the same. What began long before anybody could know of it is noted as found later.

use engine::model::Notice;
use engine::{
    Evaluation, EventName, Lead, Millis, Model, PropertyName, Scalar, Span, Text, TextError, Touch, Trust, touch::event,
};
use serde::Serialize;
use store::LeadKey;
use utoipa::ToSchema;

use crate::message::{self, LastTouch, ModelBody, Telling, Told, Way};

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
const BUSY_PERIOD: Span = Span::days(30);

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

/// What lies in a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CartBody {
    /// Pieces, those included of which nobody said what they are.
    pub quantity: i64,
    /// Decimal text; absent where nothing has a price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// ISO 4217, beside `value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// What it is, in the order in which it was put there.
    pub items: Vec<CartLine>,
}

/// One kind of thing in a cart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CartLine {
    /// The shop's article number.
    pub id: String,
    /// As the shop calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Size, colour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Pieces.
    pub quantity: i64,
    /// Of one piece, decimal text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
    /// ISO 4217, beside `price`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
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
            Self::Ceased => "ceased",
        }
    }
}

/// Whether a touch of our own says that a notice was told.
pub(crate) fn was_told(touch: &Touch) -> bool {
    is_noticed(touch) && touch.properties.get(OUTCOME).and_then(Scalar::text) == Some(Outcome::Told.name())
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
        let open = last.is_some_and(|last| last.properties.get(OUTCOME).and_then(Scalar::text) != Some("ceased"));
        let since = evaluation.told_of.iter().find(|(rule, _)| *rule == place).map(|(_, since)| *since);
        let at = last.map_or(evaluation.at, |last| evaluation.at.max(last.time.plus(Span(1))));
        let outcome = match (since, open) {
            (Some(since), false) => match found(lead, evaluation, notice, &noted, since, published) {
                Some(outcome) => outcome,
                None => continue,
            },
            (None, true) => Outcome::Ceased,
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
    let later = lead.touches().iter().enumerate().rev().take_while(|(_, touch)| touch.time > at);
    later.into_iter().any(|(place, touch)| touch.is(event::ADD_TO_CART) && counts(place))
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
        stage: evaluation.stage_name.clone(),
        model: model.into(),
        cart: cart(lead, evaluation),
        touches: message::last_touches(lead),
        labels: message::labels(evaluation),
        country: evaluation.country.as_ref().map(ToString::to_string),
        url: message::page_of(key),
    }
}

fn cart(lead: &Lead, evaluation: &Evaluation) -> Option<CartBody> {
    let held = Some(evaluation.cart).filter(|cart| cart.quantity > 0)?;
    let line = |one: engine::CartItem| CartLine {
        id: one.item.id.to_string(),
        name: one.item.name.as_ref().map(ToString::to_string),
        variant: one.item.variant.as_ref().map(ToString::to_string),
        quantity: one.quantity,
        price: one.item.price.map(message::decimal),
        currency: one.item.price.map(|price| price.currency.to_string()),
    };
    Some(CartBody {
        quantity: held.quantity,
        value: held.value.map(message::decimal),
        currency: held.value.map(|value| value.currency.to_string()),
        items: engine::cart_items(lead).into_iter().map(line).collect(),
    })
}
