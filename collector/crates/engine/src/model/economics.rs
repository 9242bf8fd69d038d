//! Economics: what orders are worth to the shop. Reports read it; scores and decisions do not.

use super::Share;
use super::parse::{DURATION, span};
use super::reader::{Faults, Table};
use crate::time::Span;
use crate::tree::Tree;

/// How long after an offer an order or a goal counts for it, where the model does not say.
const WINDOW: Span = Span::days(7);
/// The longest window: orders are kept for longer.
const LONGEST: Span = Span::days(90);

/// What an order's value stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Economics {
    /// The share of revenue that is left after what was sold is paid for, before discounts; `None`: the model does not say.
    pub margin: Option<Share>,
    /// Whether the `value` of orders includes what their property `tax` says.
    pub value_includes_tax: bool,
    /// Whether the `value` of orders includes what their property `shipping` says.
    pub value_includes_shipping: bool,
    /// How long after a visitor met an offer what they do counts for it.
    pub window: Span,
}

impl Economics {
    /// What the table `[economics]` says.
    pub(super) fn of(top: &Table<'_>, faults: &mut Faults) -> Self {
        let mut economics =
            Self { margin: None, value_includes_tax: false, value_includes_shipping: false, window: WINDOW };
        let Some(table) = top.table("economics", &["margin", "value_includes", "window"], faults) else {
            return economics;
        };
        economics.margin = table.optional("margin", "a share such as \"40%\"", faults, |tree| {
            Share::parse(tree.text()?).filter(|margin| margin.hundredths() > 0)
        });
        let includes = table.optional("value_includes", "a list of \"tax\", \"shipping\"; each once", faults, includes);
        (economics.value_includes_tax, economics.value_includes_shipping) = includes.unwrap_or_default();
        if let Some(window) = span(&table, "window", faults) {
            economics.window = window;
            if window > LONGEST {
                let line = table.get("window").and_then(|tree| tree.line);
                faults.add(&table.inner("window"), line, window, format!("{DURATION}; at most {LONGEST}"));
            }
        }
        economics
    }
}

/// Whether tax, and whether shipping, is named.
fn includes(tree: &Tree) -> Option<(bool, bool)> {
    let (mut tax, mut shipping) = (false, false);
    for part in tree.list()? {
        let named = match part.text()? {
            "tax" => &mut tax,
            "shipping" => &mut shipping,
            _ => return None,
        };
        if std::mem::replace(named, true) {
            return None;
        }
    }
    Some((tax, shipping))
}
