//! The tree that models and conditions are read from.
//!
//! TOML text becomes this tree, with lines; JSON comes through the same tree, built by whoever reads it. Numbers with a
//! point stay text, so no float is ever made.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::model::ModelError;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// The line it begins on, from 1, where the text is known.
    pub line: Option<u32>,
    /// The value.
    pub node: Node,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number with a point, as written.
    Decimal(String),
    /// True or false.
    Boolean(bool),
    /// A date or a time, as written (TOML only).
    Date(String),
    /// A list (TOML's array).
    List(Vec<Tree>),
    /// A table (JSON's object): keys, the line of each, and their values.
    Table(Vec<(String, Option<u32>, Tree)>),
}

impl Tree {
    /// Reads TOML text.
    ///
    /// # Errors
    /// Every fault of syntax, each with its line.
    pub fn parse(text: &str) -> Result<Self, Vec<ModelError>> {
        let lines = Lines::of(text);
        let (table, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            return Ok(lines.table(&table));
        }
        Err(errors
            .into_iter()
            .map(|error| ModelError {
                path: "(text)".to_owned(),
                line: error.span().map(|span| lines.line(span.start)),
                found: error.message().replace('\n', ", "),
                allowed: "TOML 1.1".to_owned(),
            })
            .collect())
    }

    /// A value without a place, such as one that came as JSON.
    #[must_use]
    pub const fn unplaced(node: Node) -> Self {
        Self { line: None, node }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        if let Node::Text(text) = &self.node { Some(text) } else { None }
    }

    /// The list, if it is one.
    #[must_use]
    pub fn list(&self) -> Option<&[Self]> {
        if let Node::List(list) = &self.node { Some(list) } else { None }
    }

    /// The number as decimal text, if it is a number or text.
    #[must_use]
    pub fn decimal(&self) -> Option<std::borrow::Cow<'_, str>> {
        match &self.node {
            Node::Integer(number) => Some(number.to_string().into()),
            Node::Decimal(text) | Node::Text(text) => Some(text.as_str().into()),
            _ => None,
        }
    }
}

impl std::fmt::Display for Tree {
    /// As an error names it: scalars as written, the rest by kind.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.node {
            Node::Text(text) => write!(formatter, "{:?}", crate::text::cut(text, 80)),
            Node::Integer(number) => write!(formatter, "{number}"),
            Node::Decimal(text) | Node::Date(text) => formatter.write_str(text),
            Node::Boolean(truth) => write!(formatter, "{truth}"),
            Node::List(list) => write!(formatter, "a list of {}", list.len()),
            Node::Table(_) => formatter.write_str("a table"),
        }
    }
}

/// Where the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let begins = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(place, _)| place + 1);
        Self(std::iter::once(0).chain(begins).collect())
    }

    fn line(&self, offset: usize) -> u32 {
        u32::try_from(self.0.partition_point(|begin| *begin <= offset)).unwrap_or(u32::MAX)
    }

    fn table(&self, table: &Spanned<DeTable<'_>>) -> Tree {
        Tree { line: Some(self.line(table.span().start)), node: Node::Table(self.entries(table.get_ref())) }
    }

    fn entries(&self, table: &DeTable<'_>) -> Vec<(String, Option<u32>, Tree)> {
        table
            .iter()
            .map(|(key, value)| (key.get_ref().to_string(), Some(self.line(key.span().start)), self.value(value)))
            .collect()
    }

    fn value(&self, value: &Spanned<DeValue<'_>>) -> Tree {
        let node = match value.get_ref() {
            DeValue::String(text) => Node::Text(text.to_string()),
            // A whole number too large for 64 bits stays text, and is refused by whoever reads it.
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or_else(|_| Node::Decimal(number.to_string()), Node::Integer),
            DeValue::Float(number) => Node::Decimal(number.as_str().to_owned()),
            DeValue::Boolean(truth) => Node::Boolean(*truth),
            DeValue::Datetime(date) => Node::Date(date.to_string()),
            DeValue::Array(list) => Node::List(list.iter().map(|item| self.value(item)).collect()),
            DeValue::Table(table) => Node::Table(self.entries(table)),
        };
        Tree { line: Some(self.line(value.span().start)), node }
    }
}
