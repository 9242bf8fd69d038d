//! What is wrong with a model, so that it can be mended without guessing.

/// One fault of a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}{}: found {found}, allowed: {allowed}", at(*line))]
pub struct ModelError {
    /// Where, such as `rules[3].points`.
    pub path: String,
    /// The line of the text, from 1, where it is known.
    pub line: Option<u32>,
    /// What stands there.
    pub found: String,
    /// What could stand there.
    pub allowed: String,
}

/// The line, as a message names it.
pub(super) fn at(line: Option<u32>) -> String {
    line.map(|number| format!(" (line {number})")).unwrap_or_default()
}
