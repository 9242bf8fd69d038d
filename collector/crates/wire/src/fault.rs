//! What is wrong with a body, in words a front-end developer can act on.

use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;

/// A fault that rejects the whole request. The code is the one of WIRE.md's table of problems.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EnvelopeFault {
    /// Not JSON at all, or nested deeper than [`crate::limits::DEPTH`].
    #[error("the body is not JSON: {0}")]
    Malformed(String),
    /// A required field of the envelope is missing or of the wrong type.
    #[error("{0}")]
    Envelope(String),
    /// `v` names a version this collector does not read.
    #[error("v is {found}; this collector reads 1")]
    Version {
        /// What the body said.
        found: String,
    },
    /// More events than one request may carry.
    #[error("{found} events in one request; at most {limit} are allowed: split them", limit = crate::limits::EVENTS)]
    TooManyEvents {
        /// How many there were.
        found: usize,
    },
}

/// Why one event was rejected: stable, part of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventCode {
    /// A required field is absent.
    MissingField,
    /// A field has another type than the contract says.
    WrongType,
    /// The name is empty, too long or has a character that is not allowed.
    BadName,
    /// The name is one that only the product itself uses.
    ReservedName,
    /// An amount is not decimal text, or has more digits than its currency.
    BadAmount,
    /// The time cannot be corrected: it lies before 2020 or after the moment of sending.
    TimeOutOfBounds,
    /// Only of a server's event: it names nobody, or in two ways, or by an id that is none of this site.
    BadVisitor,
}

impl EventCode {
    /// The code as it stands in the answer, in the log and in metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingField => "missing_field",
            Self::WrongType => "wrong_type",
            Self::BadName => "bad_name",
            Self::ReservedName => "reserved_name",
            Self::BadAmount => "bad_amount",
            Self::TimeOutOfBounds => "time_out_of_bounds",
            Self::BadVisitor => "bad_visitor",
        }
    }
}

/// One event that is rejected, the others beside it are not.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}: {detail}", code.as_str())]
pub struct EventFault {
    /// The stable code.
    pub code: EventCode,
    /// What was found, what is allowed, and where (`events[3].value`).
    pub detail: String,
}

impl EventFault {
    /// The path of the field inside its event (`value`, `items[0].price`); empty when it is the event itself. A detail begins
    /// with the whole path.
    #[must_use]
    pub fn field(&self) -> &str {
        let path = self.detail.split([' ', ':']).next().unwrap_or_default();
        path.split_once("].").filter(|(event, _)| event.starts_with("events[")).map_or("", |(_, field)| field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_the_path_that_a_detail_begins_with() {
        for (detail, field) in [
            ("events[1].name is required", "name"),
            ("events[12].items[3].price: 3 digits", "items[3].price"),
            ("events[0] is text; allowed is an object", ""),
            ("something].else", ""),
        ] {
            let fault = EventFault { code: EventCode::WrongType, detail: detail.to_owned() };
            assert_eq!(fault.field(), field, "{detail}");
        }
    }
}
