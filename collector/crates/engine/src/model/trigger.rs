//! When the page shows an offer that was chosen for it.

use super::reader::{Faults, Table, integer, short_text};
use crate::touch::EventName;

/// What every kind of trigger may have beside `kind`; each has one of them at most.
const KEYS: [&str; 5] = ["kind", "seconds", "percent", "selector", "event"];
const KINDS: &str = "\"now\", \"delay\", \"scroll\", \"inactivity\", \"exit\", \"click\" or \"event\"";

/// The moment at which the page shows an offer that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// At once.
    Now,
    /// After so many seconds on the page.
    Delay {
        /// 1 to 600.
        seconds: u32,
    },
    /// When so much of what can be scrolled was scrolled.
    Scroll {
        /// 1 to 100; 100 is the end of the page.
        percent: u32,
    },
    /// When the page was looked at for so long without a pointer, a key or scrolling.
    Inactivity {
        /// 1 to 600.
        seconds: u32,
    },
    /// When the visitor is about to leave the page.
    Exit,
    /// When something of the shop's page is clicked.
    Click {
        /// What.
        selector: Selector,
    },
    /// When an event of this name was told on the page.
    Event {
        /// GA4's name, or one of the shop's own.
        event: EventName,
    },
}

/// What is clicked: a selector of CSS, whose grammar only the browser knows. It can name elements and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector(String);

impl Selector {
    const ALLOWED: &'static str =
        "a CSS selector of 1 to 200 bytes, its brackets and quotes closed, without { } ; and line breaks";

    fn parse(text: &str) -> Option<Self> {
        let mut open = Vec::new();
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            let quoted = matches!(open.last(), Some('"' | '\''));
            match letter {
                '{' | '}' | ';' => return None,
                control if control.is_control() => return None,
                // What is escaped means itself.
                '\\' => drop(letters.next()?),
                '"' | '\'' if open.last() == Some(&letter) => drop(open.pop()),
                _ if quoted => {}
                '"' | '\'' => open.push(letter),
                '(' => open.push(')'),
                '[' => open.push(']'),
                ')' | ']' if open.pop() != Some(letter) => return None,
                _ => {}
            }
        }
        (open.is_empty() && !text.trim().is_empty()).then(|| Self(text.to_owned()))
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `[offers.trigger]`; at once when absent.
pub(super) fn trigger(offer: &Table<'_>, faults: &mut Faults) -> Trigger {
    let Some(table) = offer.table("trigger", &KEYS, faults) else { return Trigger::Now };
    let kind = table.required("kind", KINDS, faults, |tree| tree.text().filter(|kind| key_of(kind).is_some()));
    let Some((kind, own)) = kind.and_then(|kind| Some((kind, key_of(kind)?))) else { return Trigger::Now };
    for (key, tree) in table.entries().filter(|(key, _)| *key != "kind" && *key != own && KEYS.contains(key)) {
        faults.add(&table.inner(key), tree.line, tree, format!("nothing: kind = \"{kind}\" has no {key}"));
    }
    // What is faulty is refused as a whole: what stands here instead is never seen.
    match kind {
        "delay" => Trigger::Delay { seconds: number(&table, own, "seconds", 600, faults) },
        "inactivity" => Trigger::Inactivity { seconds: number(&table, own, "seconds", 600, faults) },
        "scroll" => Trigger::Scroll { percent: number(&table, own, "per cent", 100, faults) },
        "exit" => Trigger::Exit,
        "click" => table
            .required(own, Selector::ALLOWED, faults, |tree| Selector::parse(short_text(tree, 200)?))
            .map_or(Trigger::Now, |selector| Trigger::Click { selector }),
        "event" => table
            .required(own, "an event name: 1 to 64 of a-z A-Z 0-9 _ . : -", faults, |tree| {
                EventName::parse(tree.text()?).ok()
            })
            .map_or(Trigger::Now, |event| Trigger::Event { event }),
        _ => Trigger::Now,
    }
}

/// The key that a kind of trigger needs, empty for none; `None`: there is no such kind.
fn key_of(kind: &str) -> Option<&'static str> {
    match kind {
        "now" | "exit" => Some(""),
        "delay" | "inactivity" => Some("seconds"),
        "scroll" => Some("percent"),
        "click" => Some("selector"),
        "event" => Some("event"),
        _ => None,
    }
}

fn number(table: &Table<'_>, key: &str, unit: &str, most: u32, faults: &mut Faults) -> u32 {
    let allowed = format!("a whole number of {unit} from 1 to {most}");
    let read = |tree| u32::try_from(integer(tree)?).ok().filter(|number| (1..=most).contains(number));
    table.required(key, &allowed, faults, read).unwrap_or_default()
}
