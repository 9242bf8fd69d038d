//! Bounded text: strings that cannot grow a lead, and ids that only their parser builds.

use std::sync::Arc;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

impl<const LIMIT: usize> Text<LIMIT> {
    /// Reads a text that was cut before it was written.
    fn read(text: &str) -> Result<Self, TextError> {
        Self::check(text).map(|()| Self(text.into()))
    }

    /// The same, of a text that others hold too.
    pub(crate) fn shared(text: &Arc<str>) -> Result<Self, TextError> {
        Self::check(text).map(|()| Self(text.clone()))
    }

    fn check(text: &str) -> Result<(), TextError> {
        if text.len() > LIMIT {
            return Err(TextError::new("text", text, "a shorter text: this one was not cut by us"));
        }
        Ok(())
    }
}

impl<const LIMIT: usize> Serialize for Text<LIMIT> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de, const LIMIT: usize> Deserialize<'de> for Text<LIMIT> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_with(deserializer, Self::read)
    }
}

/// Reads a text where it stands, without a copy of it in between.
pub(crate) fn deserialize_with<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    read: fn(&str) -> Result<T, TextError>,
) -> Result<T, D::Error> {
    struct Reading<T>(fn(&str) -> Result<T, TextError>);

    impl<T> Visitor<'_> for Reading<T> {
        type Value = T;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("a string")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
            (self.0)(text).map_err(E::custom)
        }
    }

    deserializer.deserialize_str(Reading(read))
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

/// The longest id that is kept where it is used: a UUID, and a stream with a number, are shorter.
const SHORT: usize = 39;

/// The text of an id of which there are many: kept in place where it is short, so that a copy of it touches
/// nothing that is shared, and shared where it is long.
#[derive(Clone)]
pub(crate) enum IdText {
    Short(ShortText),
    Long(Arc<str>),
}

/// A short text, nothing but zeros behind it. Aligned, so that it is copied and compared in a few whole words.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(align(8))]
pub(crate) struct ShortText {
    bytes: [u8; SHORT],
    length: u8,
}

impl IdText {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short(ShortText { bytes, length }) => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Self::Long(text) => text.as_bytes(),
        }
    }
}

impl From<&str> for IdText {
    fn from(text: &str) -> Self {
        let mut bytes = [0; SHORT];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(place), Ok(length)) => {
                place.copy_from_slice(text.as_bytes());
                Self::Short(ShortText { bytes, length })
            }
            _ => Self::Long(text.into()),
        }
    }
}

impl std::ops::Deref for IdText {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            // It was made of a text, so that it always is one.
            Self::Short(_) => std::str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Self::Long(text) => text,
        }
    }
}

impl PartialEq for IdText {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Short(one), Self::Short(other)) => one == other,
            _ => self.as_bytes() == other.as_bytes(),
        }
    }
}

impl Eq for IdText {}

impl PartialOrd for IdText {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for IdText {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl std::hash::Hash for IdText {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl std::fmt::Debug for IdText {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&**self, formatter)
    }
}

/// Declares an id: a newtype with a private field that only `parse` builds, serde included. It holds a shared text, or what is
/// named behind it.
macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $what:literal, $length:expr, $accepts:expr, $allowed:literal) => {
        crate::text::identifier!($(#[$doc])* $name(std::sync::Arc<str>), $what, $length, $accepts, $allowed);
    };
    ($(#[$doc:meta])* $name:ident($holds:ty), $what:literal, $length:expr, $accepts:expr, $allowed:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($holds);

        impl $name {
            #[doc = concat!("Reads ", $allowed, ".")]
            ///
            /// # Errors
            /// A [`TextError`](crate::text::TextError) that names what was found and what is allowed.
            pub fn parse(text: &str) -> Result<Self, crate::text::TextError> {
                Self::check(text).map(|()| Self(text.into()))
            }

            fn check(text: &str) -> Result<(), crate::text::TextError> {
                let accepts: fn(u8) -> bool = $accepts;
                if ($length).contains(&text.len()) && text.bytes().all(accepts) {
                    Ok(())
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

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::text::deserialize_with(deserializer, Self::parse)
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
    fn an_id_reads_back_and_is_ordered_as_its_text_whether_it_is_short_or_long() {
        // given texts on both sides of what is kept in place, and of every order
        let texts = ["", "a", "a:1", "a:10", "b", &"a".repeat(SHORT), &"a".repeat(SHORT + 1), &"b".repeat(64)];
        for left in texts {
            let held = IdText::from(left);
            // then each reads back
            assert_eq!((&*held, format!("{held:?}")), (left, format!("{left:?}")));
            assert_eq!(matches!(held, IdText::Short(_)), left.len() <= SHORT);
            for right in texts {
                // and compares as its text does
                assert_eq!(held.cmp(&IdText::from(right)), left.cmp(right), "{left} {right}");
                assert_eq!(held == IdText::from(right), left == right, "{left} {right}");
            }
        }
    }

    #[test]
    fn decoding_refuses_a_text_that_is_too_long() {
        let read = |text: &str| postcard::from_bytes::<Text<4>>(&postcard::to_allocvec(text).unwrap());
        assert_eq!(read("hell").as_deref(), Ok("hell"));
        assert!(read("hello").is_err());
    }
}
