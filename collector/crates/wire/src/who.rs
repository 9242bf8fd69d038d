//! What the shop's server says of who is who: that a visitor is a person, and links that say so later.

use crate::envelope::{body_object, body_value, version};
use crate::fault::{EnvelopeFault, EventFault};
use crate::fields::{Fields, Ledger, kind};
use crate::limits;
use crate::server::{Person, Whom};
use crate::tree::Value;

/// Body of `POST /v1/server/merge`, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeRequest {
    /// The visitor whose lead is joined into another: signed id or bare; not verified yet.
    pub visitor: String,
    /// Whose lead goes on: a person's (`person`), or another visitor's (`into`).
    pub into: Whom,
    /// How many fields nobody reads.
    pub ignored: u32,
}

/// Body of `POST /v1/server/links`, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRequest {
    /// Whom the link is for.
    pub person: Person,
    /// Labels that it gives to whoever opens it.
    pub labels: Vec<String>,
    /// Whether who opens it is this person.
    pub merge: bool,
    /// For how long it is good, as `30d`; not parsed yet.
    pub valid_for: Option<String>,
    /// The address to put it into; not checked yet.
    pub url: Option<String>,
    /// How many fields nobody reads.
    pub ignored: u32,
}

impl MergeRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// [`EnvelopeFault`] says what was found and what is allowed.
    pub fn parse(body: &[u8]) -> Result<Self, EnvelopeFault> {
        read(body, |fields| {
            let visitor = fields.required_text("visitor").map_err(whole)?.to_owned();
            let into = match (person(fields)?, text(fields, "into")?) {
                (Some(person), None) => Whom::Person(person),
                (None, Some(into)) => Whom::Visitor(into),
                (None, None) => return Err(fault("person or into is required")),
                (Some(_), Some(_)) => return Err(fault("person and into are both there; allowed is one")),
            };
            Ok(Self { visitor, into, ignored: 0 })
        })
        .map(|(request, ignored)| Self { ignored, ..request })
    }
}

impl LinkRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// [`EnvelopeFault`] says what was found and what is allowed.
    pub fn parse(body: &[u8]) -> Result<Self, EnvelopeFault> {
        read(body, |fields| {
            let person = person(fields)?.ok_or_else(|| fault("person is required"))?;
            let merge = match fields.value("merge") {
                None => false,
                Some(Value::Bool(merge)) => *merge,
                Some(other) => return Err(fault(format!("merge is {}; allowed is a boolean", kind(other)))),
            };
            let labels = labels(fields.value("labels"))?;
            if labels.is_empty() && !merge {
                return Err(fault("a link without labels and without merge says nothing"));
            }
            let (valid_for, url) = (text(fields, "valid_for")?, text(fields, "url")?);
            Ok(Self { person, labels, merge, valid_for, url, ignored: 0 })
        })
        .map(|(request, ignored)| Self { ignored, ..request })
    }
}

/// Reads a body's object by `fields`, and says how many of its fields nobody asked for.
pub(crate) fn read<T>(
    body: &[u8],
    fields_of: impl FnOnce(&mut Fields<'_, '_>) -> Result<T, EnvelopeFault>,
) -> Result<(T, u32), EnvelopeFault> {
    let value = body_value(body)?;
    let (mut ledger, mut truncated) = (Ledger::default(), Vec::new());
    let mut fields = Fields::new(body_object(&value)?, "", &mut truncated);
    version(&mut fields)?;
    let request = fields_of(&mut fields)?;
    fields.finish(&mut ledger);
    Ok((request, ledger.ignored))
}

pub(crate) fn person(fields: &mut Fields<'_, '_>) -> Result<Option<Person>, EnvelopeFault> {
    let named = text(fields, "person")?;
    named.map(|person| Person::parse(&person).map_err(|found| fault(format!("person {found}")))).transpose()
}

pub(crate) fn text(fields: &mut Fields<'_, '_>, name: &str) -> Result<Option<String>, EnvelopeFault> {
    match fields.value(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_ref().to_owned())),
        Some(other) => Err(fault(format!("{name} is {}; allowed is text", kind(other)))),
    }
}

fn labels(value: Option<&Value<'_>>) -> Result<Vec<String>, EnvelopeFault> {
    let list = match value {
        None => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(other) => return Err(fault(format!("labels is {}; allowed is a list of text", kind(other)))),
    };
    if list.len() > limits::LINK_LABELS {
        return Err(fault(format!("{} labels; allowed are at most {}", list.len(), limits::LINK_LABELS)));
    }
    let label = |(place, value): (usize, &Value<'_>)| match value {
        Value::String(label) if (1..=limits::LABEL_BYTES).contains(&label.len()) => Ok(label.as_ref().to_owned()),
        _ => Err(fault(format!("labels[{place}] must be text of 1 to {} bytes", limits::LABEL_BYTES))),
    };
    list.iter().enumerate().map(label).collect()
}

fn whole(fault: EventFault) -> EnvelopeFault {
    EnvelopeFault::Envelope(fault.detail)
}

pub(crate) fn fault(detail: impl Into<String>) -> EnvelopeFault {
    EnvelopeFault::Envelope(detail.into())
}
