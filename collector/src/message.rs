//! What the world outside is told: every kind of message, and what they have in common.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engine::{Evaluation, Lead, Model, Money, StreamId, TextError, TouchId, Trust};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use store::{LeadKey, MessageId};
use utoipa::ToSchema;

use crate::coupon::redemption::CouponLeaked;
use crate::notice::Noticed;
use crate::recovery::CartRecovered;
use crate::transition::StageChanged;

/// The stream of what the product does by itself.
const STREAM: &str = "gloed-product";
/// Lines and touches in a message.
pub(crate) const MOST: usize = 10;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Told {
    /// A lead's stage is another one.
    StageChanged(StageChanged),
    /// A state that a rule has a notice for began to hold.
    Noticed(Noticed),
    /// A cart that was told of as abandoned was bought after all.
    CartRecovered(CartRecovered),
    /// A code was used by somebody else than whom it was given to.
    CouponLeaked(CouponLeaked),
}

/// The number of [`Told::CouponLeaked`] in the store.
pub(crate) const COUPON_LEAKED: u8 = 4;

impl Told {
    /// Its number in the store.
    pub(crate) const fn kind(&self) -> u8 {
        match self {
            Self::StageChanged(_) => 1,
            Self::Noticed(_) => 2,
            Self::CartRecovered(_) => 3,
            Self::CouponLeaked(_) => COUPON_LEAKED,
        }
    }
}

/// Something to tell, and the touch of our own that remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Telling {
    /// To be recorded in the lead.
    pub(crate) touch: engine::Touch,
    /// What goes into the outbox; `None`: it is noted, and told to nobody.
    pub(crate) message: Option<(MessageId, Told)>,
}

/// By which way a message is to go out. Whoever delivers it reads this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// To a system.
    Webhook,
    /// To people.
    Mail,
}

impl Way {
    pub(crate) fn of(via: &[engine::model::Via]) -> Vec<Self> {
        let one = |via: &engine::model::Via| match via {
            engine::model::Via::Webhook => Self::Webhook,
            engine::model::Via::Mail => Self::Mail,
        };
        via.iter().map(one).collect()
    }
}

/// The model that says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ModelBody {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u32,
}

impl From<&Model> for ModelBody {
    fn from(model: &Model) -> Self {
        Self { name: model.name.clone(), version: model.version }
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LastTouch {
    /// The event's name.
    pub name: String,
    /// When, ms since 1970.
    pub time: i64,
    /// Path of the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Title of the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
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

impl CartBody {
    /// What lies in a lead's cart; `None`: nothing.
    pub(crate) fn of(lead: &Lead, evaluation: &Evaluation) -> Option<Self> {
        let held = Some(evaluation.cart).filter(|cart| cart.quantity > 0)?;
        let line = |one: engine::CartItem| CartLine {
            id: one.item.id.to_string(),
            name: one.item.name.as_ref().map(ToString::to_string),
            variant: one.item.variant.as_ref().map(ToString::to_string),
            quantity: one.quantity,
            price: one.item.price.map(decimal),
            currency: one.item.price.map(|price| price.currency.to_string()),
        };
        Some(Self {
            quantity: held.quantity,
            value: held.value.map(decimal),
            currency: held.value.map(|value| value.currency.to_string()),
            items: engine::cart_items(lead).into_iter().map(line).collect(),
        })
    }
}

/// The last ten touches that are not our own, newest first.
pub(crate) fn last_touches(lead: &Lead) -> Vec<LastTouch> {
    let theirs = lead.touches().iter().rev().filter(|touch| touch.trust < Trust::Product);
    let told = theirs.take(MOST).map(|touch| LastTouch {
        name: touch.name.to_string(),
        time: touch.time.0,
        path: touch.page.as_ref().map(|page| page.path.to_string()),
        title: touch.page.as_ref().and_then(|page| page.title.as_ref()).map(ToString::to_string),
    });
    told.collect()
}

/// Interests.
pub(crate) fn labels(evaluation: &Evaluation) -> Vec<String> {
    evaluation.labels.iter().map(|held| held.label.to_string()).collect()
}

/// Path of the lead's page on the private listener.
pub(crate) fn page_of(key: &LeadKey) -> String {
    format!("/sites/{}/leads/{}", key.site, key.visitor)
}

/// An amount as decimal text, without its currency.
pub(crate) fn decimal(money: Money) -> String {
    let text = money.to_string();
    text.split_once(' ').map_or_else(String::new, |(amount, _)| amount.to_owned())
}

/// The stream of our own touches.
pub(crate) fn own_stream() -> Result<StreamId, TextError> {
    StreamId::parse(STREAM)
}

/// The id of a message as people and receivers see it.
pub(crate) fn shown(id: &MessageId) -> String {
    URL_SAFE_NO_PAD.encode(id.0)
}

/// The ids of a message and of its touch: the same whenever the same is found. What is found again after something else was
/// told in between, as a late event or a change of the model may bring about, is something new.
pub(crate) fn ids(lead: &Lead, kind: &str, found: &str) -> Result<(MessageId, TouchId), TextError> {
    let mut repetition = 0_u32;
    loop {
        let digest = Sha256::digest(format!("{found}\n{repetition}").as_bytes());
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        let touch = TouchId::parse(&format!("{kind}:{}", URL_SAFE_NO_PAD.encode(id)))?;
        if lead.touch(&touch).is_none() {
            return Ok((MessageId(id), touch));
        }
        repetition += 1;
    }
}
