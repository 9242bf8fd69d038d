//! Labels, and the tags of pages.

use std::sync::Arc;

use crate::condition::{Condition, Glob};
use crate::time::Span;

/// When a visitor gets a label.
#[derive(Debug, Clone)]
pub struct LabelRule {
    /// The label: an interest, such as `brochure`.
    pub label: Arc<str>,
    /// Which touches give it.
    pub when: Condition,
    /// Names of the events that can match at all; `None`: any.
    pub events: Option<Vec<String>>,
    /// How long after the last such touch it is lost; `None`: never.
    pub expires: Option<Span>,
}

/// Tags that the model gives to paths, by tag.
#[derive(Debug, Clone, Default)]
pub struct PageTags(pub(crate) Vec<(String, Vec<Glob>)>);

impl PageTags {
    /// Whether a path has a tag.
    #[must_use]
    pub fn has(&self, tag: &str, path: &str) -> bool {
        self.0.iter().any(|(name, globs)| name == tag && globs.iter().any(|glob| glob.matches(path)))
    }

    /// The tags of a path, by name.
    pub fn of<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(_, globs)| globs.iter().any(|glob| glob.matches(path)))
            .map(|(name, _)| name.as_str())
    }

    /// Tags that no page can have, since they have no pattern.
    pub(crate) fn without_patterns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, globs)| globs.is_empty()).map(|(name, _)| name.as_str())
    }

    /// Every tag there is, by name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}
