//! A model as JSON: the same tree as of its TOML text, so that the one can be made of the other without loss.
//!
//! Numbers travel as they are written, since a float would not always come back as the same digits. What JSON lacks becomes
//! text (dates), and what TOML lacks is refused (`null`, and a key that stands twice). The order of keys means nothing: what
//! a text says by it is [`settled`] in words.

use std::collections::BTreeSet;
use std::fmt;

use engine::ModelError;
use engine::tree::{Node, Tree};
use serde::de::{MapAccess, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// Levels of nesting that are read; conditions end long before.
const DEEPEST: usize = 64;

/// Why JSON is no tree of a model.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JsonError {
    /// It is no JSON, or nested too deep.
    #[error("{0}")]
    Malformed(String),
    /// It is JSON, and holds what no model can.
    #[error("{} of the text", super::counted(.0.len()))]
    Faults(Vec<ModelError>),
}

/// Reads a model that was written as JSON. Each value knows its line, as a TOML text's do.
///
/// # Errors
/// The first fault of syntax, or every `null` and every key that stands twice.
pub fn read(text: &str) -> Result<Tree, JsonError> {
    let raw: &RawValue = serde_json::from_str(text).map_err(malformed)?;
    let begins = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(place, _)| place + 1).collect();
    let mut reading = Reading { start: text.as_ptr().addr(), begins, faults: Vec::new() };
    let tree = reading.value(raw, "", 1)?;
    if reading.faults.is_empty() { Ok(tree) } else { Err(JsonError::Faults(reading.faults)) }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands where a result's error is mapped")]
fn malformed(error: serde_json::Error) -> JsonError {
    JsonError::Malformed(error.to_string())
}

struct Reading {
    /// Where the text lies, so that the place of a part of it is known.
    start: usize,
    /// Where its lines begin, but for the first.
    begins: Vec<usize>,
    faults: Vec<ModelError>,
}

impl Reading {
    fn line(&self, raw: &RawValue) -> Option<u32> {
        let offset = raw.get().as_ptr().addr().checked_sub(self.start)?;
        u32::try_from(self.begins.partition_point(|begin| *begin <= offset) + 1).ok()
    }

    fn fault(&mut self, path: &str, line: Option<u32>, found: &str, allowed: &str) {
        let (path, found, allowed) = (path.to_owned(), found.to_owned(), allowed.to_owned());
        self.faults.push(ModelError { path, line, found, allowed });
    }

    fn value(&mut self, raw: &RawValue, path: &str, depth: usize) -> Result<Tree, JsonError> {
        let (text, line) = (raw.get(), self.line(raw));
        if depth > DEEPEST {
            let line = line.unwrap_or_default();
            return Err(JsonError::Malformed(format!("nested deeper than {DEEPEST} levels at line {line}")));
        }
        let node = match text.as_bytes().first() {
            Some(b'{') => self.table(text, path, depth)?,
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text).map_err(malformed)?;
                let items = items.into_iter().enumerate();
                let items = items.map(|(number, item)| self.value(item, &format!("{path}[{number}]"), depth + 1));
                Node::List(items.collect::<Result<_, _>>()?)
            }
            Some(b'"') => Node::Text(serde_json::from_str(text).map_err(malformed)?),
            Some(b't') => Node::Boolean(true),
            Some(b'f') => Node::Boolean(false),
            Some(b'n') => {
                self.fault(path, line, "null", "a value; what is not there is left out with its key");
                Node::Boolean(false)
            }
            // As written; a whole number too large for 64 bits stays text, and is refused by whoever reads it.
            _ => text.parse().map_or_else(|_| Node::Decimal(text.to_owned()), Node::Integer),
        };
        Ok(Tree { line, node })
    }

    fn table(&mut self, text: &str, path: &str, depth: usize) -> Result<Node, JsonError> {
        let Entries(entries) = serde_json::from_str(text).map_err(malformed)?;
        let mut known = BTreeSet::new();
        let mut table: Vec<(String, Option<u32>, Tree)> = Vec::with_capacity(entries.len());
        for (key, raw) in entries {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let line = self.line(raw);
            if !known.insert(key.clone()) {
                self.fault(&path, line, "the key a second time", "each key once");
                continue;
            }
            let value = self.value(raw, &path, depth + 1)?;
            table.push((key, line, value));
        }
        Ok(Node::Table(table))
    }
}

/// An object's keys and values as they are written, a key that stands twice included.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(entries)
            }
        }

        deserializer.deserialize_map(Reader).map(Entries)
    }
}

/// A model that says nothing by the order of its keys: offers name the language that is for whoever reads none of theirs.
#[must_use]
pub fn settled(mut tree: Tree) -> Tree {
    if let Some(Node::List(offers)) = node_of(&mut tree, "offers") {
        offers.iter_mut().for_each(settle);
    }
    tree
}

fn node_of<'a>(tree: &'a mut Tree, wanted: &str) -> Option<&'a mut Node> {
    let Node::Table(entries) = &mut tree.node else { return None };
    entries.iter_mut().find(|(key, _, _)| key == wanted).map(|(_, _, value)| &mut value.node)
}

fn settle(offer: &mut Tree) {
    let Some(Node::Table(content)) = node_of(offer, "content") else { return };
    let mut languages: Vec<_> = content.iter().filter(|(_, _, words)| matches!(words.node, Node::Table(_))).collect();
    // As the engine takes them.
    languages.sort_by_key(|(_, _, words)| words.line);
    let first = languages.first().map(|(language, _, _)| language.clone());
    if let Some(first) = first.filter(|_| content.iter().all(|(key, _, _)| key != "fallback")) {
        content.push(("fallback".to_owned(), None, Tree::unplaced(Node::Text(first))));
    }
}

/// A tree, to be written as JSON: keys in alphabetical order, numbers as they are written.
#[derive(Debug, Clone, Copy)]
pub struct AsJson<'a>(pub &'a Tree);

impl Serialize for AsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.node {
            Node::Text(text) | Node::Date(text) => serializer.serialize_str(text),
            Node::Integer(number) => serializer.serialize_i64(*number),
            // TOML allows a plus before a number, JSON does not.
            Node::Decimal(text) => {
                let number = text.strip_prefix('+').unwrap_or(text).to_owned();
                RawValue::from_string(number).map_err(S::Error::custom)?.serialize(serializer)
            }
            Node::Boolean(truth) => serializer.serialize_bool(*truth),
            Node::List(items) => serializer.collect_seq(items.iter().map(AsJson)),
            Node::Table(entries) => {
                let mut sorted: Vec<_> = entries.iter().map(|(key, _, value)| (key, AsJson(value))).collect();
                sorted.sort_by_key(|(key, _)| *key);
                serializer.collect_map(sorted)
            }
        }
    }
}

/// What a [`settled`] model says, in TOML or JSON, with or without comments: SHA-256, in hexadecimal, of its JSON without
/// white space, keys in alphabetical order.
///
/// # Errors
/// When it holds a number that JSON cannot have, as no model that compiles does.
pub fn digest(tree: &Tree) -> Result<String, serde_json::Error> {
    let hash = Sha256::digest(serde_json::to_vec(&AsJson(tree))?);
    Ok(hash.iter().map(|byte| format!("{byte:02x}")).collect())
}
