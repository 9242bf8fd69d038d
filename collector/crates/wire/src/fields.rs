//! Reading one JSON object field by field, keeping count of what was ignored and naming what was cut.

use crate::fault::{EventCode, EventFault};
use crate::tree::{Number, Object, Value};

/// What reading has set aside so far, over a whole body.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Unknown fields and values that no field can hold.
    pub(crate) ignored: u32,
}

/// One object being read. Every field must be asked for; what is left over counts as ignored.
pub(crate) struct Fields<'body, 'context> {
    object: &'body Object<'body>,
    path: &'context str,
    asked: u32,
    truncated: &'context mut Vec<String>,
}

impl<'body, 'context> Fields<'body, 'context> {
    pub(crate) fn new(object: &'body Object<'body>, path: &'context str, truncated: &'context mut Vec<String>) -> Self {
        Self { object, path, asked: 0, truncated }
    }

    /// A field's value, `null` being the same as absent.
    pub(crate) fn value(&mut self, name: &str) -> Option<&'body Value<'body>> {
        let value = self.object.get(name)?;
        self.asked += 1;
        (!value.is_null()).then_some(value)
    }

    pub(crate) fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Optional text, cut at `limit` bytes. A value of another type is ignored and counted.
    pub(crate) fn text(&mut self, name: &str, limit: usize, ledger: &mut Ledger) -> Option<String> {
        match self.value(name)? {
            Value::String(text) => Some(self.cut(name, text, limit)),
            _ => {
                ledger.ignored += 1;
                None
            }
        }
    }

    /// Required text, not cut: the caller's parser decides what is allowed.
    pub(crate) fn required_text(&mut self, name: &str) -> Result<&'body str, EventFault> {
        match self.value(name) {
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(self.wrong_type(name, other, "text")),
            None => Err(self.missing(name)),
        }
    }

    /// A required integer.
    pub(crate) fn required_integer(&mut self, name: &str) -> Result<i64, EventFault> {
        match self.value(name) {
            Some(value) => integer(value).ok_or_else(|| self.wrong_type(name, value, "an integer")),
            None => Err(self.missing(name)),
        }
    }

    pub(crate) fn missing(&self, name: &str) -> EventFault {
        EventFault { code: EventCode::MissingField, detail: format!("{} is required", self.at(name)) }
    }

    pub(crate) fn wrong_type(&self, name: &str, found: &Value<'_>, allowed: &str) -> EventFault {
        EventFault {
            code: EventCode::WrongType,
            detail: format!("{} is {}; allowed is {allowed}", self.at(name), kind(found)),
        }
    }

    pub(crate) fn cut(&mut self, name: &str, text: &str, limit: usize) -> String {
        let kept = cut_at(text, limit);
        if kept.len() < text.len() {
            self.truncated.push(self.at(name));
        }
        kept.to_owned()
    }

    /// How many fields nobody asked for.
    pub(crate) fn finish(self, ledger: &mut Ledger) {
        let present = u32::try_from(self.object.len()).unwrap_or(u32::MAX);
        ledger.ignored = ledger.ignored.saturating_add(present.saturating_sub(self.asked));
    }
}

/// An integer that a JavaScript number holds exactly.
pub(crate) fn integer(value: &Value<'_>) -> Option<i64> {
    let integer = value.as_i64()?;
    (integer.unsigned_abs() <= crate::limits::LARGEST_INTEGER.unsigned_abs()).then_some(integer)
}

/// `text` up to `limit` bytes, never inside a character.
pub(crate) fn cut_at(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// What a value is, for an error's "found".
pub(crate) fn kind(value: &Value<'_>) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(Number::Fraction(_)) => "a number with a fraction",
        Value::Number(_) => "an integer",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
