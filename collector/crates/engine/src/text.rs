//! Bounded text: strings that cannot grow a lead, and ids that only their parser builds.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Why a text is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: found {found:?}, allowed: {allowed}")]
pub struct TextError {
    /// What was being read, such as `event name`.
    pub what: &'static str,
    /// The text as found, cut at 80 bytes.
    pub found: String,
    /// What would have been accepted.
    pub allowed: &'static str,
}

impl TextError {
    pub(crate) fn new(what: &'static str, found: &str, allowed: &'static str) -> Self {
        Self { what, found: cut(found, 80).to_owned(), allowed }
    }
}

/// The longest prefix of `text` of at most `limit` bytes that ends at a character boundary.
#[must_use]
pub fn cut(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Free text of at most `LIMIT` bytes. Longer input is cut, never refused: nobody's title loses a page view. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text<const LIMIT: usize>(Arc<str>);

impl<const LIMIT: usize> Text<LIMIT> {
    /// Keeps what fits in `LIMIT` bytes, cut at a character boundary.
    #[must_use]
    pub fn cut(text: &str) -> Self {
        Self(cut(text, LIMIT).into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const LIMIT: usize> TryFrom<String> for Text<LIMIT> {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, TextError> {
        if text.len() > LIMIT {
            return Err(TextError::new("text", &text, "a shorter text: this one was not cut by us"));
        }
        Ok(Self(text.into()))
    }
}

impl<const LIMIT: usize> From<Text<LIMIT>> for String {
    fn from(text: Text<LIMIT>) -> Self {
        text.as_str().to_owned()
    }
}

impl<const LIMIT: usize> From<&str> for Text<LIMIT> {
    fn from(text: &str) -> Self {
        Self::cut(text)
    }
}

impl<const LIMIT: usize> std::ops::Deref for Text<LIMIT> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const LIMIT: usize> std::fmt::Display for Text<LIMIT> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Declares an id: a newtype with a private field that only `parse` builds, serde included.
macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $what:literal, $length:expr, $accepts:expr, $allowed:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            #[doc = concat!("Reads ", $allowed, ".")]
            ///
            /// # Errors
            /// A [`TextError`](crate::text::TextError) that names what was found and what is allowed.
            pub fn parse(text: &str) -> Result<Self, crate::text::TextError> {
                let accepts: fn(u8) -> bool = $accepts;
                if ($length).contains(&text.len()) && text.bytes().all(accepts) {
                    Ok(Self(text.into()))
                } else {
                    Err(crate::text::TextError::new($what, text, $allowed))
                }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = crate::text::TextError;

            fn try_from(text: String) -> Result<Self, crate::text::TextError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.as_str().to_owned()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}
pub(crate) use identifier;

/// Letters, digits, `_`, `.` and `-`: what the ids of a model are written with.
pub(crate) const fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_at_a_character_boundary() {
        // given a text whose limit falls inside a two-byte letter
        let text = "caf\u{e9}";
        // when it is cut at four bytes, then the letter is dropped whole
        assert_eq!(Text::<4>::cut(text).as_str(), "caf");
        assert_eq!(Text::<5>::cut(text).as_str(), text);
    }

    #[test]
    fn decoding_refuses_a_text_that_is_too_long() {
        assert!(Text::<4>::try_from("hello".to_owned()).is_err());
    }
}
