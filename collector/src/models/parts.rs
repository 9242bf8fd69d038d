//! A model of several texts, read as one (ADR 1), and which of them a line of it is in.

use engine::ModelError;
use engine::model::ModelWarning;

/// Texts that follow each other.
#[derive(Debug, Default)]
pub struct Parts {
    text: String,
    /// Lines before each part, and its name.
    begun: Vec<(u32, String)>,
}

impl Parts {
    /// Adds a text that people know by this name: a file's path, `preset b2c`.
    pub fn add(&mut self, name: impl Into<String>, text: &str) {
        self.begun.push((u32::try_from(self.text.lines().count()).unwrap_or(u32::MAX), name.into()));
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    /// All of them as one text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A fault with the part and the line in it, as the marketer has it before them.
    #[must_use]
    pub fn located(&self, fault: ModelError) -> String {
        let (name, line) = self.place(fault.line);
        if name.is_empty() { fault.to_string() } else { format!("{name}: {}", ModelError { line, ..fault }) }
    }

    /// The same of a warning.
    #[must_use]
    pub fn warned(&self, warning: ModelWarning) -> String {
        let (name, line) = self.place(warning.line);
        if name.is_empty() { warning.to_string() } else { format!("{name}: {}", ModelWarning { line, ..warning }) }
    }

    fn place(&self, line: Option<u32>) -> (&str, Option<u32>) {
        let part = line.and_then(|line| self.begun.iter().rev().find(|(before, _)| *before < line));
        part.map_or(("", line), |(before, name)| (name, line.map(|line| line - before)))
    }
}
