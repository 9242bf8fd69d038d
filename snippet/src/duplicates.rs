//! One fact, said twice.
//!
//! Shops report the same thing through several sources at once (a plugin pushes an object, the theme calls gtag, a
//! button carries attributes). Two *clicks* come from the same source twice and are two facts. And a thank-you page that
//! is reloaded reports its purchase again.

use crate::json::{lists, put};

/// How far apart two reports of one fact may be, ms.
const TWIN_WINDOW: f64 = 1_000.0;

/// How long the list of known transactions may become, in bytes: some fifty. The oldest are forgotten then.
const TRANSACTION_BYTES: usize = 1_024;

/// A fact of the last second, and who reported it so far.
#[derive(Debug)]
struct Fact {
    content: String,
    at: f64,
    sources: u8,
}

/// The facts of the last second.
#[derive(Debug, Default)]
pub struct Twins {
    facts: Vec<Fact>,
}

impl Twins {
    /// Whether this report only repeats, from another source, a fact of the last second. A report is matched with one
    /// fact at most, so that n clicks reported by two sources stay n. `source` is one bit.
    pub fn is_twin(&mut self, content: String, source: u8, time: f64) -> bool {
        while self.facts.first().is_some_and(|fact| time - fact.at >= TWIN_WINDOW) {
            self.facts.remove(0);
        }
        for fact in &mut self.facts {
            if fact.sources & source == 0 && fact.content == content {
                fact.sources |= source;
                return true;
            }
        }
        self.facts.push(Fact { content, at: time, sources: source });
        false
    }
}

/// Notes a transaction in `known`. False when it was noted before.
pub fn is_new_transaction(known: &mut String, transaction: &str) -> bool {
    if lists(known, transaction) {
        return false;
    }
    if known.len() > TRANSACTION_BYTES {
        known.clear();
    }
    put(known, transaction);
    put(known, " ");
    true
}
