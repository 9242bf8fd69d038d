//! Kinds of touch: what one of each costs the shop, and what it weighs. Reports read them; scores do not.

use std::sync::Arc;

use super::reader::{Faults, Table, integer, short_text};
use crate::money::{Currency, Money};
use crate::touch::EventName;

/// The most kinds of one model.
const MOST: usize = 100;
/// The heaviest impact.
const HEAVIEST: u32 = 1_000;

/// One kind of touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TouchKind {
    /// The name of its event; unique in the model.
    pub event: EventName,
    /// As people read it; the event's name where the model gives none.
    pub title: Arc<str>,
    /// What one of them costs, in the site's currency; nothing where the model does not say.
    pub cost: Money,
    /// What one of them weighs beside others when a success is divided among the touches before it: 0 to 1,000, 1 where the
    /// model does not say.
    pub impact: u32,
}

/// The kinds of a model.
pub(super) fn touch_kinds(top: &Table<'_>, currency: Currency, faults: &mut Faults) -> Vec<TouchKind> {
    let mut kinds: Vec<TouchKind> = Vec::new();
    for table in top.tables("touch_kinds", &["event", "title", "cost", "impact"], faults) {
        if kinds.len() == MOST {
            faults.add(&table.path, table.line, "one more kind of touch", format!("at most {MOST}"));
            break;
        }
        let event = table.required("event", "the name of an event", faults, |tree| EventName::parse(tree.text()?).ok());
        let title = table.optional("title", "1 to 120 bytes", faults, |tree| short_text(tree, 120));
        let cost = table.optional("cost", "an amount in the site's currency, such as \"12.50\"", faults, |tree| {
            Money::parse(&tree.decimal()?, currency).ok().filter(|cost| cost.minor >= 0)
        });
        let impact = table.optional("impact", &format!("a whole number from 0 to {HEAVIEST}"), faults, |tree| {
            u32::try_from(integer(tree)?).ok().filter(|impact| *impact <= HEAVIEST)
        });
        let Some(event) = event else { continue };
        if kinds.iter().any(|kind| kind.event == event) {
            let found = format!("\"{}\" again", event.as_str());
            faults.add(&table.inner("event"), table.line, found, "an event that no kind before it has");
        }
        let title = title.map_or_else(|| Arc::from(event.as_str()), Arc::from);
        let cost = cost.unwrap_or(Money { minor: 0, currency });
        kinds.push(TouchKind { event, title, cost, impact: impact.unwrap_or(1) });
    }
    kinds
}
