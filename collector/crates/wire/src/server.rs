//! What the shop's server tells: mails, calls, orders. There is no page and no consent in it; who sends is known by the
//! site's server key.

use crate::envelope::{Sketch, Stream, body_object, body_value, events, sketches, version};
use crate::event::{Event, Head};
use crate::fault::{EnvelopeFault, EventCode, EventFault};
use crate::fields::{Fields, Ledger, integer};
use crate::limits;
use crate::tree::Value;

/// The shop's own id of a person: 1 to 128 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Person(String);

impl Person {
    /// Reads a shop's id of a person.
    ///
    /// # Errors
    /// Says what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (found, most) = (text.len(), limits::PERSON_BYTES);
        if (1..=most).contains(&found) {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("is {found} bytes; allowed are 1 to {most}"))
        }
    }

    /// The id as the shop wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Person {
    // Shops use customer numbers and worse: it never reaches a log.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Person(…)")
    }
}

/// Whom a server's event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// The signed id that a page or cookie holds, or the bare visitor id; not verified yet.
    Visitor(String),
    /// Somebody who may never have visited.
    Person(Person),
}

/// One event of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerEvent {
    /// What happened. It has an `id` and no `n`; where no time was given it is that of receipt.
    pub event: Event,
    /// To whom.
    pub whom: Whom,
    /// Which tool told it: the stream.
    pub source: Stream,
    /// Where the visit came from, when the server says so; not checked yet.
    pub channel: Option<String>,
}

/// One request of a server, read. Its events are each good or rejected on their own.
#[derive(Debug, Clone)]
pub struct ServerEnvelope {
    /// The events, in order.
    pub events: Vec<Result<ServerEvent, EventFault>>,
    /// What can be told of each event, be it good or rejected; in the same order.
    pub sketches: Vec<Sketch>,
    /// How many fields or values nobody reads.
    pub ignored: u32,
}

impl ServerEnvelope {
    /// Reads a body. `received`, ms since 1970, is the time of events that have none.
    ///
    /// # Errors
    /// [`EnvelopeFault`] when nothing of the request can be used. A fault in one event is in `events`.
    pub fn parse(body: &[u8], received: i64) -> Result<Self, EnvelopeFault> {
        let value = body_value(body)?;
        let mut ledger = Ledger::default();
        let mut truncated = Vec::new();
        let mut fields = Fields::new(body_object(&value)?, "", &mut truncated);
        version(&mut fields)?;
        let list = fields.value("events");
        fields.finish(&mut ledger);
        if list.is_none() {
            return Err(EnvelopeFault::Envelope("events is required, a list".to_owned()));
        }
        let events = events(list, |value, index| ServerEvent::read(value, index, received, &mut ledger))?;
        Ok(Self { events, sketches: sketches(list), ignored: ledger.ignored })
    }
}

impl ServerEvent {
    fn read(value: &Value<'_>, index: usize, received: i64, ledger: &mut Ledger) -> Result<Self, EventFault> {
        let (event, (whom, source, channel)) = Event::read_with(value, index, ledger, |fields| {
            let time = match fields.value("time") {
                None => received,
                Some(value) => integer(value).ok_or_else(|| fields.wrong_type("time", value, "an integer"))?,
            };
            let head = Head { n: None, id: Some(id(fields)?), time };
            Ok((head, (whom(fields)?, source(fields)?, channel(fields)?)))
        })?;
        Ok(Self { event, whom, source, channel })
    }
}

/// Visible ASCII, so that an id is written in one way only.
fn id(fields: &mut Fields<'_, '_>) -> Result<String, EventFault> {
    let text = fields.required_text("id")?;
    let fits = (1..=limits::ID_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(text.to_owned()) } else { Err(unfit(fields, "id", "1 to 64 visible ASCII characters")) }
}

fn whom(fields: &mut Fields<'_, '_>) -> Result<Whom, EventFault> {
    let bad = |detail: String| EventFault { code: EventCode::BadVisitor, detail };
    match (fields.value("visitor"), fields.value("person")) {
        (Some(Value::String(visitor)), None) => Ok(Whom::Visitor(visitor.as_ref().to_owned())),
        (None, Some(Value::String(person))) => {
            let named = Person::parse(person).map(Whom::Person);
            named.map_err(|fault| bad(format!("{} {fault}", fields.at("person"))))
        }
        (None, None) => Err(bad(format!("{} or {} is required", fields.at("visitor"), fields.at("person")))),
        (Some(_), Some(_)) => {
            Err(bad(format!("{} and {} are both there; allowed is one", fields.at("visitor"), fields.at("person"))))
        }
        (Some(other), None) => Err(fields.wrong_type("visitor", other, "text")),
        (None, Some(other)) => Err(fields.wrong_type("person", other, "text")),
    }
}

fn source(fields: &mut Fields<'_, '_>) -> Result<Stream, EventFault> {
    let text = match fields.value("source") {
        None => limits::DEFAULT_SOURCE,
        Some(Value::String(text)) => text,
        Some(other) => return Err(fields.wrong_type("source", other, "text")),
    };
    Stream::parse(text).map_err(|_| unfit(fields, "source", "8 to 32 of a-z A-Z 0-9 _ -"))
}

fn channel(fields: &mut Fields<'_, '_>) -> Result<Option<String>, EventFault> {
    match fields.value("channel") {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_ref().to_owned())),
        Some(other) => Err(fields.wrong_type("channel", other, "text")),
    }
}

fn unfit(fields: &Fields<'_, '_>, name: &str, allowed: &str) -> EventFault {
    EventFault { code: EventCode::WrongType, detail: format!("{} must be {allowed}", fields.at(name)) }
}
