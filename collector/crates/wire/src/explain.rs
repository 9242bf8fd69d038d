//! Why offers are shown or not, and what would show them: asked by the shop's server.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::envelope::{Ask, Page, ask};
use crate::fault::EnvelopeFault;
use crate::fields::Ledger;
use crate::server::Whom;
use crate::who::{fault, person, read, text};

/// Body of `POST /v1/server/explain`, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainRequest {
    /// Whom it is about; not verified yet.
    pub whom: Whom,
    /// The page that would ask.
    pub page: Option<Page>,
    /// What it would ask.
    pub ask: Ask,
    /// How many fields nobody reads.
    pub ignored: u32,
}

impl ExplainRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// [`EnvelopeFault`] says what was found and what is allowed.
    pub fn parse(body: &[u8]) -> Result<Self, EnvelopeFault> {
        let mut inner = Ledger::default();
        let (request, ignored) = read(body, |fields| {
            let whom = match (text(fields, "visitor")?, person(fields)?) {
                (Some(visitor), None) => Whom::Visitor(visitor),
                (None, Some(person)) => Whom::Person(person),
                (None, None) => return Err(fault("visitor or person is required")),
                (Some(_), Some(_)) => return Err(fault("visitor and person are both there; allowed is one")),
            };
            let page = fields.value("page").and_then(|value| Page::read(value, "page", &mut Vec::new(), &mut inner));
            let ask = fields.value("decide").map(|value| ask(value, &mut inner)).transpose()?.unwrap_or_default();
            Ok(Self { whom, page, ask, ignored: 0 })
        })?;
        Ok(Self { ignored: ignored.saturating_add(inner.ignored), ..request })
    }
}

/// The answer to `POST /v1/server/explain`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ExplainAnswer {
    /// Version of the wire: 1.
    pub v: u8,
    /// The visitor's id: where another one was asked for, that one was merged into this.
    pub visitor: String,
    /// When it was looked at, ms since 1970.
    pub at: i64,
    /// Version of the model in force.
    pub model: u32,
    /// Every offer of the model, in its order.
    pub offers: Vec<ExplainedOffer>,
    /// Fields that nobody reads.
    #[serde(skip_serializing_if = "is_zero")]
    pub ignored: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field over by reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// One offer, and what would show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExplainedOffer {
    /// The offer's id in the model.
    pub id: String,
    /// Its slot.
    pub slot: String,
    /// Whether it is shown now.
    pub shown: bool,
    /// Why not: a stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The part or circumstance that decided, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The smallest set of changes that shows it, all of them together.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ChangeAnswer>,
    /// `false`: a smaller set may do; the conditions were too large to try all. Only beside `changes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smallest: Option<bool>,
    /// Why there are no `changes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_changeable: Option<NotChangeable>,
    /// When it is shown if nothing happens and the same page asks then, ms since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

/// Why no change shows an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotChangeable {
    /// `reason` is final for this visitor: nothing that can still happen changes it.
    Final,
    /// The conditions are too large to find out.
    TooLarge,
}

/// One thing that would have to be otherwise. Which fields there are depends on `kind`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChangeAnswer {
    /// What kind of fact: `wait`, `slot`, `offer_absent`, `pool`, `score`, `stage`, `label`, `attribute`, `page`, `cart`,
    /// `event`, `visits`, `touchpoints`, `seen`, `sequence`, `consent`, `country`, `device`, `language`, `channel`, `context`.
    #[schema(example = "label")]
    pub kind: String,
    /// Its name: of the score, label, attribute, property, event, slot, pool or offer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// At least this: points, a number, or the name of a stage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<String>,
    /// At most this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<String>,
    /// Whether the label is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub present: Option<bool>,
    /// A value that does; others may. `null`: none. Only of what has a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub value: Option<Value>,
    /// How many times more, of events and visits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// Pieces in the cart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<RangeAnswer>,
    /// Worth of the cart, in the site's currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worth: Option<RangeAnswer>,
    /// The instant to wait for, ms since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// Parts of conditions that ask for it: `score >= 30`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<String>,
}

/// From one number to another, both included; absent: no end on that side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RangeAnswer {
    /// At least this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<String>,
    /// At most this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_one_visitor_and_what_a_page_would_ask() {
        let body = br#"{ "v": 1, "visitor": "abc", "page": { "url": "https://shop.example/", "colour": "red" },
                         "decide": { "slots": ["popup"], "properties": { "type": "cart" } }, "more": 1 }"#;
        let request = ExplainRequest::parse(body).unwrap();
        assert_eq!(request.whom, Whom::Visitor("abc".to_owned()));
        assert_eq!(request.ask.slots, Some(vec!["popup".to_owned()]));
        assert_eq!(request.page.unwrap().url.as_deref(), Some("https://shop.example/"));
        assert_eq!(request.ignored, 2);
    }

    #[test]
    fn nobody_and_two_are_refused() {
        let found = |body: &str| ExplainRequest::parse(body.as_bytes()).unwrap_err().to_string();
        assert!(found(r#"{ "v": 1 }"#).contains("visitor or person is required"));
        assert!(found(r#"{ "v": 1, "visitor": "a", "person": "b" }"#).contains("allowed is one"));
    }
}
