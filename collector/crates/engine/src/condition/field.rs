//! Fields: what a condition can look at, where, and what it is compared with.

use crate::time::Span;
use crate::touch::{Channel, Device, Trust};

/// Where a condition stands, which decides the fields it can look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The steps of a sequence: one touch.
    Step,
    /// Rules and labels: one touch, and the visitor as of it.
    Touch,
    /// Rules with `while`, segments: the visitor at an instant, without what follows from points.
    State,
    /// Filters: a lead.
    Lead,
    /// Offers: a lead, and the moment that asks.
    Moment,
}

/// What a condition looks at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
    /// Channel of the touch's session, or of the lead's last one.
    Channel,
    /// The campaign of the touch's session.
    Campaign,
    /// The source of the touch's session.
    Source,
    /// The medium of the touch's session.
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
    /// The lead's score that makes its stage, in micro-points.
    Score,
    /// A score by its name, in micro-points.
    NamedScore(String),
    /// The lead's stage.
    Stage,
    /// The lead's labels.
    Label,
    /// An attribute of the lead.
    Attribute(String),
    /// How often an event was recorded.
    Count(String),
    /// How often an event was recorded less than so long ago.
    Recent(Span, String),
    /// Sessions so far.
    VisitNumber,
    /// Sessions that began less than so long ago.
    Visits(Span),
    /// Local days on which a session began less than so long ago.
    VisitDays(Span),
    /// Distinct touches: one a channel and session, and one an event that a server told of.
    Touchpoints,
    /// The state last given with a `consent` event.
    Consent,
    /// The local day of the year: month times 100 plus day.
    Date,
    /// Whole local days until the day in an attribute.
    DaysUntil(String),
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
    /// The name of an event.
    EventName,
    /// A country's code.
    Country,
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
    /// A day of the year, as a number: month times 100 plus day.
    YearDay,
    /// A set of texts.
    Set,
    /// A set of page tags.
    Tags,
    /// Text, a whole number or a boolean, as the value says.
    Scalar,
}

/// The states of consent, as the wire has them.
const CONSENT: [&str; 4] = ["granted", "denied", "required", "cookieless"];

/// Fields of a touch, with what they hold.
const TOUCH: [(&str, Field, Kind); 19] = [
    ("event", Field::Event, Kind::EventName),
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
    ("country", Field::Country, Kind::Country),
    ("region", Field::Region, Kind::Text),
    ("device", Field::Device, Kind::Closed(&Device::NAMES)),
    ("language", Field::Language, Kind::Text),
    ("trust", Field::Trust, Kind::Ordered(&Trust::NAMES)),
    ("offer", Field::Offer, Kind::Text),
];

/// Fields of the visitor as of a touch or at an instant, with what they hold.
const KNOWN: [(&str, Field, Kind); 4] = [
    ("label", Field::Label, Kind::Set),
    ("visit.number", Field::VisitNumber, Kind::Number),
    ("touchpoints", Field::Touchpoints, Kind::Number),
    ("consent", Field::Consent, Kind::Closed(&CONSENT)),
];

/// Fields of the visitor at an instant, with what they hold.
const STATE: [(&str, Field, Kind); 8] = [
    ("cart.quantity", Field::CartQuantity, Kind::Number),
    ("cart.value", Field::CartValue, Kind::Amount),
    ("last_seen", Field::LastSeen, Kind::Duration),
    ("date", Field::Date, Kind::YearDay),
    ("country", Field::Country, Kind::Country),
    ("device", Field::Device, Kind::Closed(&Device::NAMES)),
    ("language", Field::Language, Kind::Text),
    ("channel", Field::Channel, Kind::Closed(&Channel::NAMES)),
];

/// What follows from points, with what it holds.
const STAGE: [(&str, Field, Kind); 1] = [("stage", Field::Stage, Kind::Stage)];
const SCORE: [(&str, Field, Kind); 1] = [("score", Field::Score, Kind::Points)];

/// Fields of the moment, with what they hold.
const MOMENT: [(&str, Field, Kind); 3] = [
    ("page.path", Field::PagePath, Kind::Text),
    ("page.host", Field::PageHost, Kind::Text),
    ("page.tag", Field::PageTag, Kind::Tags),
];

type Fields = &'static [(&'static str, Field, Kind)];
/// The prefix of a family of fields, what makes one of them of the rest of its name, and what they hold.
type Family = (&'static str, fn(&str) -> Option<Field>, Kind);

const PROPERTY: Family = ("property.", |name| Some(Field::Property(name.to_owned())), Kind::Scalar);
const ATTRIBUTE: Family = ("attribute.", |name| Some(Field::Attribute(name.to_owned())), Kind::Scalar);
const COUNT: Family = ("count.", |name| Some(Field::Count(name.to_owned())), Kind::Number);
const RECENT: Family = ("recent.", recent, Kind::Number);
const VISITS: Family = ("visits.", |span| Some(Field::Visits(Span::parse(span).ok()?)), Kind::Number);
const VISIT_DAYS: Family = ("visit_days.", |span| Some(Field::VisitDays(Span::parse(span).ok()?)), Kind::Number);
const DAYS_UNTIL: Family = ("days_until.", |name| Some(Field::DaysUntil(name.to_owned())), Kind::Number);
const NAMED_SCORE: Family = ("score.", |name| Some(Field::NamedScore(name.to_owned())), Kind::Points);
const CONTEXT: Family = ("context.", |name| Some(Field::Context(name.to_owned())), Kind::Scalar);

/// `7d.page_view`: a duration and an event name.
fn recent(rest: &str) -> Option<Field> {
    let (span, name) = rest.split_once('.')?;
    Some(Field::Recent(Span::parse(span).ok()?, name.to_owned())).filter(|_| !name.is_empty())
}

impl Field {
    /// Whether a touch alone says it.
    pub(crate) fn is_of_touch(&self) -> bool {
        matches!(self, Self::Property(_)) || TOUCH.iter().any(|(_, field, _)| field == self)
    }
}

impl Scope {
    fn fields(self) -> &'static [Fields] {
        match self {
            Self::Step => &[&TOUCH],
            Self::Touch => &[&TOUCH, &KNOWN, &STAGE],
            Self::State => &[&KNOWN, &STATE],
            Self::Lead => &[&SCORE, &STAGE, &KNOWN, &STATE],
            Self::Moment => &[&SCORE, &STAGE, &KNOWN, &STATE, &MOMENT],
        }
    }

    fn families(self) -> &'static [Family] {
        match self {
            Self::Step => &[PROPERTY],
            Self::Touch => &[PROPERTY, ATTRIBUTE, COUNT, RECENT, VISITS, VISIT_DAYS],
            Self::State => &[ATTRIBUTE, COUNT, RECENT, VISITS, VISIT_DAYS, DAYS_UNTIL],
            Self::Lead => &[ATTRIBUTE, COUNT, RECENT, VISITS, VISIT_DAYS, DAYS_UNTIL, NAMED_SCORE],
            Self::Moment => &[ATTRIBUTE, COUNT, RECENT, VISITS, VISIT_DAYS, DAYS_UNTIL, NAMED_SCORE, CONTEXT],
        }
    }

    /// The field of this name, and what it holds; `None`: there is none here.
    pub(super) fn field(self, name: &str) -> Option<(Field, Kind)> {
        let plain = self.fields().iter().copied().flatten().find(|(held, ..)| *held == name);
        if let Some((_, field, kind)) = plain {
            return Some((field.clone(), *kind));
        }
        self.families().iter().find_map(|(prefix, make, kind)| {
            let rest = name.strip_prefix(prefix).filter(|rest| (1..=64).contains(&rest.len()))?;
            Some((make(rest)?, *kind))
        })
    }

    /// Every field there is here, for an error.
    pub(super) fn names(self) -> String {
        let plain = self.fields().iter().copied().flatten().map(|(name, ..)| (*name).to_owned());
        let families = self.families().iter().map(|(prefix, ..)| match *prefix {
            "recent." => "recent.<duration>.<event>".to_owned(),
            "visits." | "visit_days." => format!("{prefix}<duration>"),
            prefix => format!("{prefix}<name>"),
        });
        plain.chain(families).collect::<Vec<_>>().join(", ")
    }
}
