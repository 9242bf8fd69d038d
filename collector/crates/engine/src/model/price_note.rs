//! The note that a price was personalised by an automated decision: Directive 2011/83/EU, article 6(1)(ea), as put in by
//! Directive (EU) 2019/2161, asks for it before a consumer is bound.
//!
//! What is offered for everybody, or for everybody in the same situation (a first visit, this cart), is no price of this
//! person's own. A code that depends on score, stage or labels is: they are made of what this person did.

use super::reader::Table;
use super::reader::short_text;
use crate::condition::{Condition, Field};

/// The key of the shop's own words.
pub(super) const KEY: &str = "price_disclosure";

const DUTCH: &str = "Deze prijs is voor jou gepersonaliseerd op basis van geautomatiseerde besluitvorming.";
const ENGLISH: &str = "This price has been personalised for you on the basis of automated decision-making.";

/// Whether what a condition decides depends on the visitor's score, stage or labels.
pub(super) fn is_personal(condition: &Condition) -> bool {
    condition.looks_at_any(&|field| matches!(field, Field::Score | Field::NamedScore(_) | Field::Stage | Field::Label))
}

/// The note in a language: the shop's own words, else ours, which are there in Dutch and English.
pub(super) fn note<'t>(words: &Table<'t>, language: &str) -> &'t str {
    let own = words.get(KEY).and_then(|tree| short_text(tree, super::offer_parse::LONGEST_TEXT));
    own.unwrap_or(if language == "nl" { DUTCH } else { ENGLISH })
}
