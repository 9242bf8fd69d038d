//! Fields: what a condition can look at, where, and what it is compared with.

use crate::touch::{Channel, Device, Trust};

/// Where a condition stands, which decides the fields it can look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Rules, labels, and the steps of a sequence: one touch.
    Touch,
    /// Filters: a lead.
    Lead,
    /// Offers: a lead, and the moment that asks.
    Moment,
}

/// What a condition looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// The touch's event name.
    Event,
    /// Path of the touch's page, or of the asking page.
    PagePath,
    /// Host of the touch's page, or of the asking page.
    PageHost,
    /// Tags of the touch's page, or of the asking page.
    PageTag,
    /// Article numbers of the touch's items.
    ItemId,
    /// Categories of the touch's items.
    ItemCategory,
    /// Names of the touch's items.
    ItemName,
    /// The touch's value, in minor units of the site's currency.
    Value,
    /// Pieces in the touch's items.
    Quantity,
    /// Channel of the touch, or of the lead's session.
    Channel,
    /// The touch's campaign.
    Campaign,
    /// The touch's source.
    Source,
    /// The touch's medium.
    Medium,
    /// Country.
    Country,
    /// The touch's region.
    Region,
    /// Kind of device.
    Device,
    /// Language.
    Language,
    /// The touch's trust.
    Trust,
    /// The offer that the touch is about.
    Offer,
    /// A property of the touch.
    Property(String),
    /// The lead's score, in micro-points.
    Score,
    /// The lead's stage.
    Stage,
    /// The lead's labels.
    Label,
    /// An attribute of the lead.
    Attribute(String),
    /// How often an event was recorded.
    Count(String),
    /// Sessions so far.
    VisitNumber,
    /// Pieces in the cart.
    CartQuantity,
    /// Worth of the cart, in minor units of the site's currency.
    CartValue,
    /// Milliseconds since the visitor was last seen.
    LastSeen,
    /// A property of the request.
    Context(String),
}

/// What a field holds, which decides the operators and values it is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// One of these texts.
    Closed(&'static [&'static str]),
    /// One of these texts, which have an order, lowest first.
    Ordered(&'static [&'static str]),
    /// A stage of the model.
    Stage,
    /// A whole number.
    Number,
    /// Points.
    Points,
    /// Money in the site's currency.
    Amount,
    /// A duration.
    Duration,
    /// A set of texts.
    Set,
    /// A set of page tags.
    Tags,
    /// Text, a whole number or a boolean, as the value says.
    Scalar,
}

/// Fields of a touch, with what they hold.
const TOUCH: [(&str, Field, Kind); 19] = [
    ("event", Field::Event, Kind::Text),
    ("page.path", Field::PagePath, Kind::Text),
    ("page.host", Field::PageHost, Kind::Text),
    ("page.tag", Field::PageTag, Kind::Tags),
    ("item.id", Field::ItemId, Kind::Set),
    ("item.category", Field::ItemCategory, Kind::Set),
    ("item.name", Field::ItemName, Kind::Set),
    ("value", Field::Value, Kind::Amount),
    ("quantity", Field::Quantity, Kind::Number),
    ("channel", Field::Channel, Kind::Closed(&Channel::NAMES)),
    ("campaign", Field::Campaign, Kind::Text),
    ("source", Field::Source, Kind::Text),
    ("medium", Field::Medium, Kind::Text),
    ("country", Field::Country, Kind::Text),
    ("region", Field::Region, Kind::Text),
    ("device", Field::Device, Kind::Closed(&Device::NAMES)),
    ("language", Field::Language, Kind::Text),
    ("trust", Field::Trust, Kind::Ordered(&Trust::NAMES)),
    ("offer", Field::Offer, Kind::Text),
];

/// Fields of a lead, with what they hold.
const LEAD: [(&str, Field, Kind); 11] = [
    ("score", Field::Score, Kind::Points),
    ("stage", Field::Stage, Kind::Stage),
    ("label", Field::Label, Kind::Set),
    ("visit.number", Field::VisitNumber, Kind::Number),
    ("cart.quantity", Field::CartQuantity, Kind::Number),
    ("cart.value", Field::CartValue, Kind::Amount),
    ("last_seen", Field::LastSeen, Kind::Duration),
    ("country", Field::Country, Kind::Text),
    ("device", Field::Device, Kind::Closed(&Device::NAMES)),
    ("language", Field::Language, Kind::Text),
    ("channel", Field::Channel, Kind::Closed(&Channel::NAMES)),
];

/// Fields of the moment, with what they hold.
const MOMENT: [(&str, Field, Kind); 3] = [
    ("page.path", Field::PagePath, Kind::Text),
    ("page.host", Field::PageHost, Kind::Text),
    ("page.tag", Field::PageTag, Kind::Tags),
];

type Fields = &'static [(&'static str, Field, Kind)];
/// The prefix of a family of fields, what makes one of them, and what they hold.
type Family = (&'static str, fn(String) -> Field, Kind);

impl Scope {
    fn fields(self) -> [Fields; 2] {
        match self {
            Self::Touch => [&TOUCH, &[]],
            Self::Lead => [&LEAD, &[]],
            Self::Moment => [&LEAD, &MOMENT],
        }
    }

    fn families(self) -> &'static [Family] {
        const PROPERTY: Family = ("property.", Field::Property, Kind::Scalar);
        const ATTRIBUTE: Family = ("attribute.", Field::Attribute, Kind::Scalar);
        const COUNT: Family = ("count.", Field::Count, Kind::Number);
        const CONTEXT: Family = ("context.", Field::Context, Kind::Scalar);
        match self {
            Self::Touch => &[PROPERTY],
            Self::Lead => &[ATTRIBUTE, COUNT],
            Self::Moment => &[ATTRIBUTE, COUNT, CONTEXT],
        }
    }

    /// The field of this name, and what it holds; `None`: there is none here.
    pub(super) fn field(self, name: &str) -> Option<(Field, Kind)> {
        let plain = self.fields().into_iter().flatten().find(|(held, ..)| *held == name);
        if let Some((_, field, kind)) = plain {
            return Some((field.clone(), *kind));
        }
        self.families().iter().find_map(|(prefix, make, kind)| {
            let rest = name.strip_prefix(prefix).filter(|rest| (1..=64).contains(&rest.len()))?;
            Some((make(rest.to_owned()), *kind))
        })
    }

    /// Every field there is here, for an error.
    pub(super) fn names(self) -> String {
        let plain = self.fields().into_iter().flatten().map(|(name, ..)| (*name).to_owned());
        let families = self.families().iter().map(|(prefix, ..)| format!("{prefix}<name>"));
        plain.chain(families).collect::<Vec<_>>().join(", ")
    }
}
