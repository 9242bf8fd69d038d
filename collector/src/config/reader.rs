//! Reading a TOML table key by key, so that every fault is reported, each with its path, and none hides another.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use toml::{Table, Value};

/// One fault of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFault {
    /// Where: `sites[1].origins`.
    pub path: String,
    /// What was found and what is allowed.
    pub message: String,
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.path, self.message)
    }
}

/// The environment, handed in: tests never touch the process's own.
pub type Environment = BTreeMap<String, String>;

/// One table being read. Dropping it is not enough: [`Section::finish`] reports the keys nobody asked for.
pub(crate) struct Section<'a> {
    table: Table,
    path: String,
    environment: &'a Environment,
    allowed: Vec<&'static str>,
}

impl<'a> Section<'a> {
    pub(crate) fn new(table: Table, path: &str, environment: &'a Environment) -> Self {
        Self { table, path: path.to_owned(), environment, allowed: Vec::new() }
    }

    /// A table inside this one; an absent one reads as empty.
    pub(crate) fn section(&mut self, key: &'static str, faults: &mut Vec<ConfigFault>) -> Section<'a> {
        self.allowed.push(key);
        let path = self.at(key);
        let table = match self.table.remove(key) {
            None => Table::new(),
            Some(Value::Table(table)) => table,
            Some(other) => {
                faults.push(ConfigFault {
                    path: path.clone(),
                    message: format!("is {}; allowed is a table", kind(&other)),
                });
                Table::new()
            }
        };
        Section { table, path, environment: self.environment, allowed: Vec::new() }
    }

    /// A list of tables inside this one.
    pub(crate) fn sections(&mut self, key: &'static str, faults: &mut Vec<ConfigFault>) -> Vec<Section<'a>> {
        self.allowed.push(key);
        let path = self.at(key);
        let list = match self.table.remove(key) {
            None => Vec::new(),
            Some(Value::Array(list)) => list,
            Some(other) => {
                let message = format!("is {}; allowed is a list of tables ([[{key}]])", kind(&other));
                faults.push(ConfigFault { path: path.clone(), message });
                Vec::new()
            }
        };
        let mut sections = Vec::with_capacity(list.len());
        for (index, value) in list.into_iter().enumerate() {
            let path = format!("{path}[{index}]");
            match value {
                Value::Table(table) => {
                    sections.push(Section { table, path, environment: self.environment, allowed: Vec::new() });
                }
                other => faults.push(ConfigFault { path, message: format!("is {}; allowed is a table", kind(&other)) }),
            }
        }
        sections
    }

    /// A value written as text, from the environment (`GLOED_SERVER_PUBLIC` for `server.public`) before the file.
    pub(crate) fn parsed<T>(&mut self, key: &'static str, default: T, allowed: &str, faults: &mut Vec<ConfigFault>) -> T
    where
        T: FromStr,
    {
        self.optional(key, allowed, faults).unwrap_or(default)
    }

    /// The same for a value that may be absent.
    pub(crate) fn optional<T: FromStr>(
        &mut self,
        key: &'static str,
        allowed: &str,
        faults: &mut Vec<ConfigFault>,
    ) -> Option<T> {
        let text = self.text(key, allowed, faults)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(_) => {
                faults.push(ConfigFault { path: self.at(key), message: format!("is {text:?}; allowed is {allowed}") });
                None
            }
        }
    }

    /// Text, or an integer or boolean as text; lists and tables are faults.
    fn text(&mut self, key: &'static str, allowed: &str, faults: &mut Vec<ConfigFault>) -> Option<String> {
        self.allowed.push(key);
        let from_file = self.table.remove(key);
        if let Some(text) = self.environment.get(&self.variable(key)) {
            return Some(text.clone());
        }
        match from_file? {
            Value::String(text) => Some(text),
            Value::Integer(number) => Some(number.to_string()),
            Value::Boolean(boolean) => Some(boolean.to_string()),
            other => {
                let message = format!("is {}; allowed is {allowed}", kind(&other));
                faults.push(ConfigFault { path: self.at(key), message });
                None
            }
        }
    }

    /// A list of texts, each read by `T`; one text alone is a list of one. In the environment commas separate them.
    pub(crate) fn list<T: FromStr>(
        &mut self,
        key: &'static str,
        allowed: &str,
        faults: &mut Vec<ConfigFault>,
    ) -> Vec<T> {
        self.allowed.push(key);
        let path = self.at(key);
        let from_file = self.table.remove(key);
        let texts: Vec<String> = if let Some(text) = self.environment.get(&self.variable(key)) {
            text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
        } else {
            match from_file {
                None => Vec::new(),
                Some(Value::String(text)) => vec![text],
                Some(Value::Array(list)) => list
                    .into_iter()
                    .enumerate()
                    .filter_map(|(index, value)| match value {
                        Value::String(text) => Some(text),
                        other => {
                            faults.push(ConfigFault {
                                path: format!("{path}[{index}]"),
                                message: format!("is {}; allowed is {allowed}", kind(&other)),
                            });
                            None
                        }
                    })
                    .collect(),
                Some(other) => {
                    let message = format!("is {}; allowed is a list of {allowed}", kind(&other));
                    faults.push(ConfigFault { path: path.clone(), message });
                    Vec::new()
                }
            }
        };
        let mut values = Vec::with_capacity(texts.len());
        for (index, text) in texts.into_iter().enumerate() {
            match text.parse() {
                Ok(value) => values.push(value),
                Err(_) => faults.push(ConfigFault {
                    path: format!("{path}[{index}]"),
                    message: format!("is {text:?}; allowed is {allowed}"),
                }),
            }
        }
        values
    }

    /// The keys of a table that may have any, each with its text.
    pub(crate) fn texts(self, allowed: &str, faults: &mut Vec<ConfigFault>) -> Vec<(String, String)> {
        let path = self.path;
        let mut texts = Vec::with_capacity(self.table.len());
        for (key, value) in self.table {
            match value {
                Value::String(text) => texts.push((key, text)),
                other => faults.push(ConfigFault {
                    path: format!("{path}.{key}"),
                    message: format!("is {}; allowed is {allowed}", kind(&other)),
                }),
            }
        }
        texts
    }

    /// Reports every key that nobody asked for.
    pub(crate) fn finish(self, faults: &mut Vec<ConfigFault>) {
        for key in self.table.keys() {
            faults.push(ConfigFault {
                path: self.at(key),
                message: format!("is not a key; allowed here are {}", self.allowed.join(", ")),
            });
        }
    }

    pub(crate) fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// `server.public` → `GLOED_SERVER_PUBLIC`, `sites[0].key` → `GLOED_SITES_0_KEY`.
    fn variable(&self, key: &str) -> String {
        let path = self.at(key).replace("].", "_").replace(['.', '['], "_");
        format!("GLOED_{}", path.to_ascii_uppercase())
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Integer(_) => "an integer",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "a boolean",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}
