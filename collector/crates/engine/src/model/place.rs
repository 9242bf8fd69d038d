//! Where in a model's text something stands.

use crate::tree::{Node, Tree};

/// A path such as `rules[3].when`, and the line it is on where that is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Place<'t> {
    pub(super) path: String,
    pub(super) line: Option<u32>,
    tree: Option<&'t Tree>,
}

impl<'t> Place<'t> {
    /// The model itself.
    pub(super) fn top(tree: &'t Tree) -> Self {
        Self { path: String::new(), line: tree.line, tree: Some(tree) }
    }

    /// A key of the table here. One that is not there is on the line of its table.
    pub(super) fn key(&self, key: &str) -> Self {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        let found = self.tree.and_then(|tree| match &tree.node {
            Node::Table(entries) => entries.iter().find(|(held, ..)| held == key),
            _ => None,
        });
        let line = found.and_then(|(_, line, _)| *line).or(self.line);
        Self { path, line, tree: found.map(|(.., value)| value) }
    }

    /// A member of the list here, from 0.
    pub(super) fn item(&self, number: usize) -> Self {
        let tree = self.tree.and_then(|tree| tree.list()?.get(number));
        Self { path: format!("{}[{number}]", self.path), line: tree.and_then(|tree| tree.line).or(self.line), tree }
    }

    /// Whether the table here has a key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.key(key).tree.is_some()
    }
}
