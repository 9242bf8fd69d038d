//! The browser's twin in memory, for tests: what was sent, stored and said can be looked at.

use std::collections::BTreeMap;

use crate::browser::{Browser, Stored};

/// A request as the core made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The ticket to answer with.
    pub ticket: u32,
    /// The question it carries; 0 when none.
    pub ask: u32,
    /// How many events it carries.
    pub events: u32,
    /// Body.
    pub body: String,
}

/// A browser without a page.
#[derive(Debug, Clone, Default)]
pub struct MemoryBrowser {
    /// Requests, oldest first.
    pub sent: Vec<Sent>,
    /// The storage. A later page's browser is made with an earlier one's.
    pub storage: BTreeMap<Stored, String>,
    /// Whether the storage refuses to be written.
    pub storage_is_full: bool,
    /// Explanations, oldest first: code and detail.
    pub notes: Vec<(String, String)>,
    /// The last span that `wake_in` was called with, ms.
    pub wake: Option<f64>,
    /// What `random` answers.
    pub random: f64,
    /// What `slots` answers.
    pub slots: String,
}

impl Browser for MemoryBrowser {
    fn head(&mut self) -> String {
        "\"v\":1,\"site\":\"shop\"".to_owned()
    }

    fn slots(&mut self) -> String {
        self.slots.clone()
    }

    fn send(&mut self, ticket: u32, ask: u32, events: u32, body: &str) {
        self.sent.push(Sent { ticket, ask, events, body: body.to_owned() });
    }

    fn store(&mut self, name: Stored, text: &str) {
        if text.is_empty() {
            self.storage.remove(&name);
        } else if !self.storage_is_full {
            self.storage.insert(name, text.to_owned());
        }
    }

    fn load(&mut self, name: Stored) -> String {
        match name {
            Stored::Queue => self.storage.remove(&name),
            Stored::Transactions => self.storage.get(&name).cloned(),
        }
        .unwrap_or_default()
    }

    fn wake_in(&mut self, milliseconds: f64) {
        self.wake = Some(milliseconds);
    }

    fn random(&mut self) -> f64 {
        self.random
    }

    fn note(&mut self, code: &str, detail: &str) {
        self.notes.push((code.to_owned(), detail.to_owned()));
    }
}
