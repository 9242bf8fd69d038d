//! A touch: one fact about a visitor, as the ledger keeps it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::condition::Field;
use crate::lost::Lost;
use crate::money::Money;
pub use crate::suspicion::Suspicion;
use crate::text::{IdText, Text, TextError, identifier, is_id_byte};
use crate::time::Millis;

identifier!(
    /// The id of the event that a touch came from. The same event always has the same one.
    TouchId(IdText), "touch id", 1..=64, |byte| byte.is_ascii_graphic(), "1 to 64 visible ASCII characters"
);
identifier!(
    /// What happened: GA4's name where there is one, else the shop's own.
    EventName, "event name", 1..=64,
    |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-'),
    "1 to 64 of a-z A-Z 0-9 _ . : -"
);
identifier!(
    /// The device or source that touches come from. Sessions are functions of one stream.
    StreamId(IdText), "stream", 8..=32,
    |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
    "8 to 32 of a-z A-Z 0-9 _ -"
);
identifier!(
    /// The id of an offer in the model.
    OfferId, "offer id", 1..=64, is_id_byte, "1 to 64 of a-z A-Z 0-9 _ . -"
);
identifier!(
    /// The id of one decision: what reserved an offer, and what its impression answers to.
    DecisionId, "decision id", 1..=32, is_id_byte, "1 to 32 of a-z A-Z 0-9 _ . -"
);

/// Names of the events that the engine itself knows, GA4's and our own.
pub mod event {
    /// A page was looked at; ends the page before it of the same stream.
    pub const PAGE_VIEW: &str = "page_view";
    /// Items were put into the cart.
    pub const ADD_TO_CART: &str = "add_to_cart";
    /// Items were taken out of the cart.
    pub const REMOVE_FROM_CART: &str = "remove_from_cart";
    /// An order was placed. From a browser it suppresses, and gives no points unless a rule says so.
    pub const PURCHASE: &str = "purchase";
    /// Money went back.
    pub const REFUND: &str = "refund";
    /// Attributes of the visitor, in the touch's properties.
    pub const SET_ATTRIBUTES: &str = "set_attributes";
    /// A server gives the label in the property `label`.
    pub const LABEL_ADDED: &str = "label_added";
    /// A server takes the label in the property `label`.
    pub const LABEL_REMOVED: &str = "label_removed";
    /// What the visitor consented to; no behaviour.
    pub const CONSENT: &str = "consent";
    /// What came of a call; the property `outcome` says.
    pub const CALL_OUTCOME: &str = "call_outcome";
    /// A form was sent.
    pub const FORM_SUBMIT: &str = "form_submit";
    /// Somebody asked for contact.
    pub const GENERATE_LEAD: &str = "generate_lead";
    /// What the names of events about mails begin with.
    pub const EMAIL: &str = "email_";
    /// A mail went out; the property `mail` names it.
    pub const EMAIL_SENT: &str = "email_sent";
    /// A mail was opened.
    pub const EMAIL_OPEN: &str = "email_open";
    /// A link in a mail was followed; the properties `mail` and `link` name both.
    pub const EMAIL_CLICK: &str = "email_click";
    /// Our own: a decision chose this offer for this visitor.
    pub const RESERVED: &str = "gloed_reserved";
    /// Our own: a coupon code was given; the code is the property `code`.
    pub const GRANTED: &str = "gloed_granted";
    /// The page showed an offer.
    pub const OFFER_SHOWN: &str = "offer_shown";
    /// The visitor closed an offer.
    pub const OFFER_DISMISSED: &str = "offer_dismissed";
    /// The visitor followed an offer.
    pub const OFFER_CLICKED: &str = "offer_clicked";
    /// The property of [`GRANTED`] that holds the code.
    pub const CODE_PROPERTY: &str = "code";
}

/// How far a touch is believed. Ordered: a higher one wins over a lower one with the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Anybody who knows the write key could have sent it. Worth nothing until somebody vouches for its stream.
    Browser,
    /// From a page, with evidence of a person.
    Page,
    /// With the site's server key, or a signed webhook.
    Server,
    /// What the product itself did. Never scored, never refused.
    Product,
}

impl Trust {
    /// The names that conditions use, lowest first. `product` is not among them: no rule sees our own touches.
    pub const NAMES: [&'static str; 3] = ["browser", "page", "server"];

    /// The name that conditions use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Page => "page",
            Self::Server => "server",
            Self::Product => "product",
        }
    }
}

/// Where a visit came from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Typed, bookmarked, or not known.
    #[default]
    Direct,
    /// A search engine's unpaid results.
    Organic,
    /// An advertisement.
    Paid,
    /// A social network.
    Social,
    /// A mail.
    Email,
    /// A link on another site.
    Referral,
}

impl Channel {
    /// Every name, as conditions use them.
    pub const NAMES: [&'static str; 6] = ["direct", "organic", "paid", "social", "email", "referral"];

    /// The name that conditions use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Organic => "organic",
            Self::Paid => "paid",
            Self::Social => "social",
            Self::Email => "email",
            Self::Referral => "referral",
        }
    }
}

/// The kind of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Device {
    /// A viewport under 768 CSS pixels.
    Phone,
    /// A viewport under 1,024 CSS pixels.
    Tablet,
    /// Anything wider.
    Desktop,
}

impl Device {
    /// Every name, as conditions use them.
    pub const NAMES: [&'static str; 3] = ["phone", "tablet", "desktop"];

    /// The name that conditions use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Tablet => "tablet",
            Self::Desktop => "desktop",
        }
    }
}

/// The value of a property or attribute. There are no floats: amounts travel as [`Money`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scalar {
    /// Text, at most 256 bytes.
    Text(Text<256>),
    /// A whole number.
    Integer(i64),
    /// True or false.
    Boolean(bool),
}

impl Scalar {
    /// The text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => formatter.write_str(text),
            Self::Integer(number) => write!(formatter, "{number}"),
            Self::Boolean(truth) => write!(formatter, "{truth}"),
        }
    }
}

/// The name of a property or attribute.
pub type PropertyName = Text<64>;

/// Properties by name. Always sorted and without double names, so that equal content has equal bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Vec<(PropertyName, Scalar)>")]
pub struct Properties(Vec<(PropertyName, Scalar)>);

impl Properties {
    /// The value of one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Scalar> {
        let found = self.0.binary_search_by(|(held, _)| held.as_str().cmp(name)).ok()?;
        self.0.get(found).map(|(_, value)| value)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Scalar)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// All of them, by name, as they are kept.
    #[must_use]
    pub fn pairs(&self) -> &[(PropertyName, Scalar)] {
        &self.0
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(PropertyName, Scalar)> for Properties {
    /// Sorts; of two with one name the last stays.
    fn from_iter<I: IntoIterator<Item = (PropertyName, Scalar)>>(pairs: I) -> Self {
        let mut sorted: Vec<_> = pairs.into_iter().collect();
        sorted.reverse();
        sorted.sort_by(|left, right| left.0.cmp(&right.0));
        sorted.dedup_by(|later, kept| later.0 == kept.0);
        Self(sorted)
    }
}

impl From<Vec<(PropertyName, Scalar)>> for Properties {
    fn from(pairs: Vec<(PropertyName, Scalar)>) -> Self {
        // As we write them, they are in order.
        if pairs.is_sorted_by(|left, right| left.0 < right.0) { Self(pairs) } else { pairs.into_iter().collect() }
    }
}

/// One item of a commerce event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Item {
    /// The shop's article number.
    pub id: Text<64>,
    /// As the shop calls it.
    pub name: Option<Text<128>>,
    /// The department or category.
    pub category: Option<Text<128>>,
    /// Size, colour.
    pub variant: Option<Text<64>>,
    /// Of one piece.
    pub price: Option<Money>,
    /// How many pieces.
    pub quantity: u32,
}

/// The page that a touch happened on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PageFacts {
    /// Host name, lower case, without port.
    pub host: Text<128>,
    /// Normalised path, without query.
    pub path: Text<128>,
    /// Title, where it is known.
    pub title: Option<Text<128>>,
}

/// Where a touch's visit came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SourceFacts {
    /// The kind of source.
    pub channel: Channel,
    /// `utm_source`, or what the referrer is known as.
    pub source: Option<Text<64>>,
    /// `utm_medium`.
    pub medium: Option<Text<64>>,
    /// `utm_campaign`.
    pub campaign: Option<Text<64>>,
    /// Host of the page before, where that was another site. With [`Channel::Direct`] the visitor came back from there: from
    /// paying, from signing in, or from another domain of the shop.
    pub referrer_host: Option<Text<128>>,
}

impl SourceFacts {
    /// Whether the touch came back to the shop from paying or signing in.
    #[must_use]
    pub fn is_return(&self) -> bool {
        (self.channel == Channel::Direct) & self.referrer_host.is_some()
    }

    /// Whether the touch names a campaign, by parameters or a click id.
    #[must_use]
    #[inline]
    pub fn has_campaign(&self) -> bool {
        self.campaign.is_some() | self.source.is_some() | self.medium.is_some() | (self.channel == Channel::Paid)
    }

    /// Whether the campaign parameters, as far as there are any, are those of another touch.
    #[must_use]
    #[inline]
    pub fn is_campaign_of(&self, other: &Self) -> bool {
        let same = |own: &Option<Text<64>>, other: &Option<Text<64>>| own.is_none() || own == other;
        (self.channel != Channel::Paid || other.channel == Channel::Paid)
            && same(&self.campaign, &other.campaign)
            && same(&self.source, &other.source)
            && same(&self.medium, &other.medium)
    }
}

/// One fact about a visitor: what happened, when, where, how far it is trusted, under which id.
///
/// `time`, `received`, `trust` and `suspect` are the collector's business and no part of the content that copies of one id are compared by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Touch {
    /// Id of the event.
    pub id: TouchId,
    /// When it happened: corrected, never after `received`.
    pub time: Millis,
    /// When the collector received it.
    pub received: Millis,
    /// What happened.
    pub name: EventName,
    /// The device or source it came from.
    pub stream: StreamId,
    /// How far it is believed.
    pub trust: Trust,
    /// The page it happened on.
    pub page: Option<PageFacts>,
    /// Where the visit came from.
    pub source: SourceFacts,
    /// ISO 3166-1, two letters.
    pub country: Option<Text<8>>,
    /// ISO 3166-2.
    pub region: Option<Text<64>>,
    /// The kind of device.
    pub device: Option<Device>,
    /// Of the page, else of the browser.
    pub language: Option<Text<16>>,
    /// What it is worth.
    pub value: Option<Money>,
    /// The order, of a purchase or refund: counts once, whichever stream sends it.
    pub transaction: Option<Text<64>>,
    /// Items of a commerce event.
    pub items: Vec<Item>,
    /// The offer that it is about.
    pub offer: Option<OfferId>,
    /// The decision that showed that offer.
    pub decision: Option<DecisionId>,
    /// Free properties; of `set_attributes`, the attributes set.
    pub properties: Properties,
    /// Of `set_attributes`: the attributes removed (`null` on the wire), by name.
    pub removed: Vec<PropertyName>,
    /// Why it may be no person's. Such a touch counts once there is evidence of a person in its stream.
    pub suspect: Option<Suspicion>,
}

impl EventName {
    /// Reads a name that others hold too.
    pub(crate) fn shared(text: &Arc<str>) -> Result<Self, TextError> {
        Self::check(text).map(|()| Self(text.clone()))
    }

    /// The name of a touch that is not told yet.
    pub(crate) fn unnamed() -> Self {
        Self(Arc::default())
    }
}

impl TouchId {
    /// The id that a page gives: its stream, a dot, and a number.
    pub(crate) fn numbered(stream: &StreamId, number: u64) -> Result<Self, TextError> {
        let mut digits = [0; 20];
        let mut rest = number;
        let mut begin = digits.len();
        for (place, digit) in digits.iter_mut().enumerate().rev() {
            begin = place;
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        let digits = digits.get(begin..).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default();
        Self::parse(&[stream.as_str(), ".", digits].concat())
    }

    /// The id of a touch that is not told yet.
    pub(crate) fn unnamed() -> Self {
        Self("".into())
    }

    /// The id of a fold's touch. It holds spaces, which no id from outside may, so the two are never taken for another.
    pub(crate) fn of_fold(noon: Millis, digest: u64, lost: Lost) -> Self {
        Self(format!("fold {} {digest:016x}{:04x}", noon.0, lost.bits()).as_str().into())
    }

    /// What the touches that it stands for had and the fold does not keep, as the id says.
    fn lost(&self) -> Lost {
        let bits = self.as_str().rsplit_terminator(' ').next().and_then(|digits| digits.get(16..));
        Lost::from_bits(bits.and_then(|bits| u16::from_str_radix(bits, 16).ok()).unwrap_or_default())
    }

    /// Whether it is that of a fold.
    pub(crate) fn is_fold(&self) -> bool {
        self.0.as_bytes().get(4) == Some(&b' ')
    }
}

impl StreamId {
    /// The stream of a touch that stands for touches of several streams: shorter than any from outside.
    pub(crate) fn of_folds() -> Self {
        Self("folded".into())
    }
}

impl Touch {
    /// A touch with nothing but its required facts: received when it happened, from a browser, direct, no page.
    #[must_use]
    pub fn new(id: TouchId, name: EventName, stream: StreamId, time: Millis) -> Self {
        Self {
            id,
            time,
            received: time,
            name,
            stream,
            trust: Trust::Browser,
            page: None,
            source: SourceFacts::default(),
            country: None,
            region: None,
            device: None,
            language: None,
            value: None,
            transaction: None,
            items: Vec::new(),
            offer: None,
            decision: None,
            properties: Properties::default(),
            removed: Vec::new(),
            suspect: None,
        }
    }

    /// Whether this is the named event.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.name.as_str() == name
    }

    /// Whether this stands for a bucket of touches that were folded: see [`Lead::fold`](crate::Lead::fold).
    #[must_use]
    pub fn is_fold(&self) -> bool {
        self.id.is_fold()
    }

    /// What of it no condition can be asked any more, since it is folded.
    pub(crate) fn lost(&self) -> Lost {
        if self.is_fold() { self.id.lost() } else { Lost::NONE }
    }

    /// Whether what a field says of it is known: of a touch that stands for a fold not all is (`CONDITIONS.md`).
    #[must_use]
    pub fn tells(&self, field: &Field) -> bool {
        !self.lost().covers(field)
    }

    /// Pieces in all items.
    #[must_use]
    pub fn quantity(&self) -> i64 {
        self.items.iter().fold(0, |total: i64, item| total.saturating_add(i64::from(item.quantity)))
    }
}
