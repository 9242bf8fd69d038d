//! One command of a round trip, and what is read out of its answer.

use std::sync::OnceLock;

use redis::{Arg, Cmd, ToRedisArgs, Value};

use crate::StoreError;

/// A script that a server runs in one step.
pub(super) struct Script {
    text: &'static str,
    hash: OnceLock<String>,
}

impl Script {
    pub(super) const fn new(text: &'static str) -> Self {
        Self { text, hash: OnceLock::new() }
    }

    /// A call of this script with its whole text in place of its name, for a server that does not know it yet; it knows it
    /// afterwards.
    pub(super) fn with_text(&self, call: &Cmd) -> Cmd {
        let mut command = Cmd::with_capacity(call.args_iter().len(), self.text.len() + 256);
        command.arg("EVAL").arg(self.text);
        for argument in call.args_iter().skip(2) {
            if let Arg::Simple(bytes) = argument {
                command.arg(bytes);
            }
        }
        command
    }

    /// The name under which servers keep it: SHA-1 of the text.
    fn hash(&self) -> &str {
        self.hash.get_or_init(|| redis::Script::new(self.text).get_hash().to_owned())
    }
}

/// A command and the slot of its keys.
pub(super) struct Call {
    pub(super) slot: u16,
    pub(super) command: Cmd,
    pub(super) script: Option<&'static Script>,
}

impl Call {
    /// A plain command.
    pub(super) fn new(slot: u16, command: Cmd) -> Self {
        Self { slot, command, script: None }
    }

    /// A script with so many keys; `bytes` is about how long all of it will be.
    pub(super) fn script(slot: u16, script: &'static Script, keys: usize, arguments: usize, bytes: usize) -> Self {
        let mut command = Cmd::with_capacity(3 + keys + arguments, 64 + bytes);
        command.arg("EVALSHA").arg(script.hash()).arg(keys);
        Self { slot, command, script: Some(script) }
    }

    /// Adds an argument.
    pub(super) fn arg(&mut self, argument: impl ToRedisArgs) -> &mut Self {
        self.command.arg(argument);
        self
    }
}

/// What an answer is when it is not what the command answers.
fn odd(doing: &str, value: &Value) -> StoreError {
    let kind = match value {
        Value::Nil => "nothing",
        Value::Int(_) => "a number",
        Value::BulkString(_) | Value::SimpleString(_) | Value::VerbatimString { .. } | Value::Okay => "a text",
        Value::Array(_) | Value::Set(_) | Value::Map(_) => "a list",
        _ => "something else",
    };
    StoreError::Corrupt { what: format!("it answers with {kind} when it is to {doing}"), source: None }
}

/// The bytes of a string.
pub(super) fn bytes(doing: &str, value: Value) -> Result<Vec<u8>, StoreError> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        other => Err(odd(doing, &other)),
    }
}

/// The bytes of a string, or `None` where there is nothing.
pub(super) fn optional(doing: &str, value: Value) -> Result<Option<Vec<u8>>, StoreError> {
    match value {
        Value::Nil => Ok(None),
        other => bytes(doing, other).map(Some),
    }
}

/// A text, such as that of `INFO`.
pub(super) fn text(doing: &str, value: Value) -> Result<String, StoreError> {
    match value {
        Value::BulkString(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Ok(text),
        Value::Okay => Ok("OK".to_owned()),
        other => Err(odd(doing, &other)),
    }
}

/// A list.
pub(super) fn list(doing: &str, value: Value) -> Result<Vec<Value>, StoreError> {
    match value {
        Value::Array(values) | Value::Set(values) => Ok(values),
        other => Err(odd(doing, &other)),
    }
}

/// A whole number.
pub(super) fn number(doing: &str, value: &Value) -> Result<i64, StoreError> {
    match value {
        Value::Int(number) => Ok(*number),
        other => Err(odd(doing, other)),
    }
}

/// Members of a sorted set with their scores, from either form in which servers and scripts give them: pairs, or one flat
/// list in turn.
pub(super) fn scored(doing: &str, value: Value) -> Result<Vec<(Vec<u8>, f64)>, StoreError> {
    let score = |value: Value| match value {
        Value::Double(score) => Ok(score),
        Value::BulkString(ref text) => {
            std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or_else(|| odd(doing, &value))
        }
        other => Err(odd(doing, &other)),
    };
    let values = list(doing, value)?;
    let mut found = Vec::with_capacity(values.len());
    let mut values = values.into_iter();
    while let Some(first) = values.next() {
        let (member, given) = match first {
            Value::Array(pair) => {
                let mut pair = pair.into_iter();
                (pair.next().unwrap_or_default(), pair.next().unwrap_or_default())
            }
            member => (member, values.next().unwrap_or_default()),
        };
        found.push((bytes(doing, member)?, score(given)?));
    }
    Ok(found)
}
