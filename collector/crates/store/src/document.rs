//! Documents: models, settings, users. Few, and changed by people.

use std::fmt;

use crate::{Unparsable, Version};

/// The name of a document: 1 to 128 of `a-z A-Z 0-9 _ - . /`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentName(Box<str>);

impl DocumentName {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 128;

    /// Reads a name; anything but 1 to 128 of `a-z A-Z 0-9 _ - . /` is an error.
    pub fn parse(text: &str) -> Result<Self, Unparsable> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
        if text.is_empty() || text.len() > Self::MAX_BYTES || !text.bytes().all(allowed) {
            return Err(Unparsable::new("document name", text, "1 to 128 of a-z A-Z 0-9 _ - . /"));
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DocumentName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A document as the store has it. The bytes are the caller's own, format byte included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The version to expect when changing it.
    pub version: Version,
    /// What was last put.
    pub bytes: Vec<u8>,
}
