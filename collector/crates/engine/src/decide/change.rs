//! Changes that would show an offer: a closed vocabulary.

use crate::money::Money;
use crate::points::Points;
use crate::time::Millis;
use crate::touch::{Channel, Device, OfferId, PageFacts, PropertyName, Scalar};

use crate::model::{PoolName, Slot};

/// One thing that would have to be otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What it would have to be.
    pub becomes: Becomes,
    /// The parts of conditions that ask for it, as people read them: `score >= 30`, `not label = b2b`.
    pub asked: Vec<String>,
}

/// A fact as it would have to be. Everything that is not named stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Becomes {
    /// It is this instant, and nothing has happened until then.
    Wait {
        /// The first instant that was found.
        until: Millis,
    },
    /// The page can fill the slot.
    Slot {
        /// Which one.
        slot: Slot,
    },
    /// Another offer is not in the model: one that takes the slot.
    OfferAbsent {
        /// Which one.
        offer: OfferId,
    },
    /// The pool has a code for this visitor.
    PoolFilled {
        /// Which one.
        pool: PoolName,
    },
    /// A score is in this range.
    Score {
        /// Place of the score in the model.
        score: usize,
        /// Inclusive.
        range: Range<Points>,
    },
    /// The stage is in this range.
    Stage {
        /// Places in the model, inclusive.
        range: Range<usize>,
    },
    /// The visitor has a label, or has it not.
    Label {
        /// Which one.
        label: String,
        /// Whether they have it.
        present: bool,
    },
    /// An attribute has this value; `None`: none.
    Attribute {
        /// Which one.
        name: PropertyName,
        /// A value that does; others may.
        value: Option<Scalar>,
    },
    /// The asking page is this one; `None`: it does not say which it is.
    Page {
        /// A page that does; others may.
        page: Option<PageFacts>,
    },
    /// So much lies in the cart. What is `None` stays as it is; a cart without pieces has no value.
    Cart {
        /// Pieces.
        quantity: Option<Range<i64>>,
        /// What they are worth.
        value: Option<Range<Money>>,
    },
    /// An event happens now, so many times.
    Events {
        /// Its name.
        name: String,
        /// How many times; at least once.
        times: u32,
    },
    /// So many visits more begin now.
    Visits {
        /// At least one.
        more: u32,
    },
    /// Distinct touches are in this range.
    Touchpoints {
        /// Inclusive.
        range: Range<i64>,
    },
    /// The visitor is seen now.
    Seen,
    /// What is left of a sequence happens now, in order, and nothing that spoils it.
    Sequence {
        /// The steps that are left, as people read them.
        steps: String,
    },
    /// Who the visitor is, as far as their device and browser say; `None`: it is not known.
    Audience(Audience),
    /// The page says this about itself; `None`: it does not.
    Context {
        /// The name of the property.
        name: PropertyName,
        /// A value that does; others may.
        value: Option<Scalar>,
    },
}

/// What is known of a visitor's device, place and visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// The state of consent.
    Consent(String),
    /// ISO 3166-1, two letters.
    Country(Option<String>),
    /// The kind of device.
    Device(Option<Device>),
    /// The language.
    Language(Option<String>),
    /// Where the visit came from.
    Channel(Option<Channel>),
}

/// What something may be: from one to another, both included; `None`: no end on that side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range<T> {
    /// At least this.
    pub at_least: Option<T>,
    /// At most this.
    pub at_most: Option<T>,
}

impl<T: Copy> Range<T> {
    pub(super) fn map<U>(self, read: impl Fn(T) -> U) -> Range<U> {
        Range { at_least: self.at_least.map(&read), at_most: self.at_most.map(&read) }
    }
}

impl Becomes {
    /// The stable name of this kind of change.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Wait { .. } => "wait",
            Self::Slot { .. } => "slot",
            Self::OfferAbsent { .. } => "offer_absent",
            Self::PoolFilled { .. } => "pool",
            Self::Score { .. } => "score",
            Self::Stage { .. } => "stage",
            Self::Label { .. } => "label",
            Self::Attribute { .. } => "attribute",
            Self::Page { .. } => "page",
            Self::Cart { .. } => "cart",
            Self::Events { .. } => "event",
            Self::Visits { .. } => "visits",
            Self::Touchpoints { .. } => "touchpoints",
            Self::Seen => "seen",
            Self::Sequence { .. } => "sequence",
            Self::Audience(Audience::Consent(_)) => "consent",
            Self::Audience(Audience::Country(_)) => "country",
            Self::Audience(Audience::Device(_)) => "device",
            Self::Audience(Audience::Language(_)) => "language",
            Self::Audience(Audience::Channel(_)) => "channel",
            Self::Context { .. } => "context",
        }
    }
}
