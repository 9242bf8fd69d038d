//! Reading tables: each key once, every fault noted, nothing ignored.

use super::ModelError;
use crate::tree::{Node, Tree};

/// The faults found so far.
#[derive(Debug, Default)]
pub(super) struct Faults(pub(super) Vec<ModelError>);

impl Faults {
    pub(super) fn add(&mut self, path: &str, line: Option<u32>, found: impl ToString, allowed: impl ToString) {
        let (found, allowed) = (found.to_string(), allowed.to_string());
        self.0.push(ModelError { path: path.to_owned(), line, found, allowed });
    }
}

/// A table of the model and the path that leads to it.
#[derive(Debug, Clone)]
pub(super) struct Table<'t> {
    pub(super) path: String,
    pub(super) line: Option<u32>,
    entries: &'t [(String, Option<u32>, Tree)],
}

impl<'t> Table<'t> {
    /// The table at `path`. Notes a value that is none, and each key that is not `known`.
    pub(super) fn at(path: String, tree: &'t Tree, known: &[&str], faults: &mut Faults) -> Option<Self> {
        let table = Self::open(path, tree, faults)?;
        for (key, line, _) in table.entries.iter().filter(|(key, ..)| !known.contains(&key.as_str())) {
            faults.add(&table.inner(key), *line, "an unknown key", known.join(", "));
        }
        Some(table)
    }

    /// The table at `path`, whose keys are free.
    pub(super) fn open(path: String, tree: &'t Tree, faults: &mut Faults) -> Option<Self> {
        match &tree.node {
            Node::Table(entries) => Some(Self { path, line: tree.line, entries }),
            _ => {
                faults.add(&path, tree.line, tree, "a table");
                None
            }
        }
    }

    /// Keys with their values.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'t str, &'t Tree)> + use<'t> {
        self.entries.iter().map(|(key, _, value)| (key.as_str(), value))
    }

    /// The path of a key.
    pub(super) fn inner(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn get(&self, key: &str) -> Option<&'t Tree> {
        self.entries.iter().find(|(held, ..)| held == key).map(|(.., value)| value)
    }

    /// What `read` makes of a key's value; notes a value that it makes nothing of. `None` when absent or faulty.
    pub(super) fn optional<T>(
        &self,
        key: &str,
        allowed: &str,
        faults: &mut Faults,
        read: impl FnOnce(&'t Tree) -> Option<T>,
    ) -> Option<T> {
        let tree = self.get(key)?;
        let value = read(tree);
        if value.is_none() {
            faults.add(&self.inner(key), tree.line, tree, allowed);
        }
        value
    }

    /// The same, of a key that must be there.
    pub(super) fn required<T>(
        &self,
        key: &str,
        allowed: &str,
        faults: &mut Faults,
        read: impl FnOnce(&'t Tree) -> Option<T>,
    ) -> Option<T> {
        if self.get(key).is_none() {
            faults.add(&self.inner(key), self.line, "nothing", allowed);
        }
        self.optional(key, allowed, faults, read)
    }

    /// The tables of a list, which may be absent, each with its path and without unknown keys.
    pub(super) fn tables(&self, key: &str, known: &[&str], faults: &mut Faults) -> Vec<Self> {
        let list = self.optional(key, &format!("a list of tables: [[{key}]]"), faults, Tree::list).unwrap_or_default();
        list.iter()
            .enumerate()
            .filter_map(|(number, tree)| Self::at(format!("{}[{number}]", self.inner(key)), tree, known, faults))
            .collect()
    }

    /// A table inside this one, which may be absent.
    pub(super) fn table(&self, key: &str, known: &[&str], faults: &mut Faults) -> Option<Self> {
        Self::at(self.inner(key), self.get(key)?, known, faults)
    }
}

/// Text of 1 to `limit` bytes.
pub(super) fn short_text(tree: &Tree, limit: usize) -> Option<&str> {
    tree.text().filter(|text| (1..=limit).contains(&text.len()))
}

/// True or false.
pub(super) fn boolean(tree: &Tree) -> Option<bool> {
    if let Node::Boolean(truth) = tree.node { Some(truth) } else { None }
}

/// A whole number.
pub(super) fn integer(tree: &Tree) -> Option<i64> {
    if let Node::Integer(number) = tree.node { Some(number) } else { None }
}
