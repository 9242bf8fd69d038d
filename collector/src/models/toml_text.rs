//! A model that came as JSON, written as the TOML text that people read and edit.
//!
//! Laid out as the presets are: single values first, then a table or a list of tables a part, conditions on one line.

use engine::tree::{Node, Tree};

/// The text of a tree; read again it is the same tree, but for the order of its keys. What is no table has no text of its own and gives an empty one.
#[must_use]
pub fn write(tree: &Tree) -> String {
    let Node::Table(entries) = &tree.node else { return String::new() };
    let mut text = String::new();
    // Behind the first header a single value would belong to that table.
    for (name, _, value) in entries.iter().filter(|(_, _, value)| !has_header(value)) {
        line(&mut text, name, value);
    }
    for (name, _, value) in entries.iter().filter(|(_, _, value)| has_header(value)) {
        match &value.node {
            Node::List(items) => items.iter().for_each(|item| part(&mut text, ("[[", "]]"), name, item)),
            _ => part(&mut text, ("[", "]"), name, value),
        }
    }
    text
}

/// Whether a value of the whole has lines of its own below a header: a table, or a list of nothing but tables.
fn has_header(value: &Tree) -> bool {
    let is_table = |tree: &Tree| matches!(tree.node, Node::Table(_));
    match &value.node {
        Node::List(items) => !items.is_empty() && items.iter().all(is_table),
        _ => is_table(value),
    }
}

fn part(text: &mut String, (open, close): (&str, &str), name: &str, table: &Tree) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(open);
    key(text, name);
    text.push_str(close);
    text.push('\n');
    if let Node::Table(entries) = &table.node {
        for (name, _, value) in entries {
            line(text, name, value);
        }
    }
}

fn line(text: &mut String, name: &str, value: &Tree) {
    key(text, name);
    text.push_str(" = ");
    inline(text, value);
    text.push('\n');
}

fn key(text: &mut String, name: &str) {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !name.is_empty() && name.bytes().all(bare) {
        text.push_str(name);
    } else {
        quoted(text, name);
    }
}

fn inline(text: &mut String, value: &Tree) {
    match &value.node {
        Node::Text(words) => quoted(text, words),
        Node::Integer(number) => text.push_str(&number.to_string()),
        Node::Decimal(written) | Node::Date(written) => text.push_str(written),
        Node::Boolean(truth) => text.push_str(if *truth { "true" } else { "false" }),
        Node::List(items) => {
            text.push('[');
            separated(text, items, inline);
            text.push(']');
        }
        Node::Table(entries) if entries.is_empty() => text.push_str("{}"),
        Node::Table(entries) => {
            text.push_str("{ ");
            separated(text, entries, |text, (name, _, value)| {
                key(text, name);
                text.push_str(" = ");
                inline(text, value);
            });
            text.push_str(" }");
        }
    }
}

fn separated<T>(text: &mut String, parts: &[T], write: impl Fn(&mut String, &T)) {
    for (number, part) in parts.iter().enumerate() {
        if number > 0 {
            text.push_str(", ");
        }
        write(text, part);
    }
}

/// A basic string of TOML.
fn quoted(text: &mut String, words: &str) {
    text.push('"');
    for letter in words.chars() {
        match letter {
            '"' | '\\' => text.extend(['\\', letter]),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            '\r' => text.push_str("\\r"),
            control if control.is_ascii_control() => text.push_str(&format!("\\u{:04X}", u32::from(control))),
            other => text.push(other),
        }
    }
    text.push('"');
}
