//! Notices: what the world outside is told when a state begins to hold.

use std::sync::Arc;

use super::Per;
use super::reader::{Faults, Table};
use crate::condition::{Comparison, Condition, Field, Order, Test};
use crate::tree::Tree;

/// Names that messages of the product itself have.
const TAKEN: [&str; 2] = ["stage_changed", "cart_recovered"];
const NAME: &str = "a name of 1 to 64 of a-z 0-9 _, other than stage_changed and cart_recovered";

/// By which way a message is to go out. Whoever delivers it reads this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Via {
    /// To a system.
    Webhook,
    /// To people.
    Mail,
}

impl Via {
    /// All of them, which is what a notice has that says nothing.
    pub const ALL: [Self; 2] = [Self::Webhook, Self::Mail];

    /// As models and messages call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Mail => "mail",
        }
    }

    /// Reads a list that names none twice.
    pub(super) fn list(tree: &Tree) -> Option<Vec<Self>> {
        let named = |name: &str| Self::ALL.into_iter().find(|via| via.name() == name);
        let mut all: Vec<Self> = tree.list()?.iter().map(|one| named(one.text()?)).collect::<Option<_>>()?;
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        (all.len() == count).then_some(all)
    }
}

/// What becomes of messages about leads of whom nothing but browsers has told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BrowserOnly {
    /// They go out like any other, and say so.
    #[default]
    Tell,
    /// They are noted, and told to nobody until a server has told of the lead too.
    Hold,
}

impl BrowserOnly {
    /// What the table `[notices]` says of it; where it says nothing, they are told.
    pub(super) fn of(top: &Table<'_>, faults: &mut Faults) -> Self {
        let table = top.table("notices", &["browser_only"], faults);
        let said = table.and_then(|table| {
            table.optional("browser_only", "\"tell\" or \"hold\"", faults, |tree| match tree.text()? {
                "tell" => Some(Self::Tell),
                "hold" => Some(Self::Hold),
                _ => None,
            })
        });
        said.unwrap_or_default()
    }
}

/// What is told when the state of a rule begins to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The type of the message; unique in the model.
    pub name: Arc<str>,
    /// How it goes out; never empty.
    pub via: Vec<Via>,
    /// How often it is told of one lead at most; `None`: each time.
    pub per: Option<Per>,
    /// The state is about the cart: what lies in it is told once.
    pub of_cart: bool,
    /// The state holds of nobody whose cart is empty.
    pub needs_cart: bool,
    /// The state is that of a cart left alone: a purchase after it is a recovery.
    pub of_abandonment: bool,
}

/// Keys of a rule that are about its notice.
pub(super) const KEYS: [&str; 2] = ["notice", "via"];

/// The notice of a rule with `while`; `None` where it has none, or a faulty one. `told` are the names before it.
pub(super) fn notice(
    table: &Table<'_>,
    holds: Option<&Condition>,
    per: Option<Per>,
    told: &mut Vec<Arc<str>>,
    faults: &mut Faults,
) -> Option<Notice> {
    let allowed = "a list of \"webhook\", \"mail\"; at least one, each once";
    let via = table.optional("via", allowed, faults, |tree| Via::list(tree).filter(|via| !via.is_empty()));
    if table.get("notice").is_none() {
        if let Some(tree) = table.get("via") {
            faults.add(&table.inner("via"), tree.line, "via", "nothing without notice: it says how a notice goes out");
        }
        return None;
    }
    let name = table.optional("notice", NAME, faults, |tree| {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        tree.text().filter(|text| (1..=64).contains(&text.len()) && text.bytes().all(good) && !TAKEN.contains(text))
    })?;
    let name: Arc<str> = name.into();
    if told.contains(&name) {
        let line = table.get("notice").and_then(|tree| tree.line);
        faults.add(&table.inner("notice"), line, format!("\"{name}\" again"), "a notice that no other rule has");
    }
    told.push(Arc::clone(&name));
    let looks_at = |field: Field| holds.is_some_and(|holds| holds.looks_at(&field));
    let of_cart = looks_at(Field::CartQuantity) || looks_at(Field::CartValue);
    let of_abandonment = of_cart && looks_at(Field::LastSeen);
    let needs_cart = holds.is_some_and(needs_cart);
    Some(Notice { name, via: via.unwrap_or_else(|| Via::ALL.to_vec()), per, of_cart, needs_cart, of_abandonment })
}

/// Whether a condition never holds of an empty cart, as far as it says so itself.
fn needs_cart(condition: &Condition) -> bool {
    match condition {
        Condition::All(parts) => parts.iter().any(needs_cart),
        Condition::Any(parts) => parts.iter().all(needs_cart),
        // An empty cart has no value, and nothing is a comparison with that.
        Condition::Compare(Comparison { field: Field::CartValue, test: Test::Order(..), .. }) => true,
        Condition::Compare(Comparison { field: Field::CartQuantity, test, .. }) => match test {
            Test::Order(Order::Above, bound) => *bound >= 0,
            Test::Order(Order::AtLeast, bound) => *bound > 0,
            _ => false,
        },
        _ => false,
    }
}
