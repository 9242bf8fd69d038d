//! Which rules and labels a touch can concern, by its event name: a touch pays for the rules about it, and for no others.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Basis, LabelRule, Rule, least_trust};
use crate::condition::{Condition, Facts, Given};
use crate::touch::Trust;

/// Places of rules and labels by event name.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventIndex {
    /// By digest of the name; a power of two of slots, at most half of them taken. The digest is fixed, so that the same
    /// model is the same everywhere.
    slots: Vec<Option<Concerned>>,
    /// For names that no rule mentions: the rules and labels about any event.
    others: Concerned,
    /// Rules with `while`.
    pub(crate) states: Vec<u32>,
}

/// What concerns one event name, in the order of the model.
#[derive(Debug, Clone, Default)]
pub(crate) struct Concerned {
    name: String,
    /// Who must tell of it for rules that say nothing about trust; `None`: it depends on the name, which is another.
    pub(crate) least: Option<Trust>,
    pub(crate) rules: Vec<Concern>,
    pub(crate) labels: Vec<Concern>,
}

/// A rule or label that concerns an event name.
#[derive(Debug, Clone)]
pub(crate) struct Concern {
    number: u32,
    open: Open,
}

/// What a touch of the event must still be asked.
#[derive(Debug, Clone)]
enum Open {
    /// Nothing.
    Nothing,
    /// The condition as it is written.
    All,
    /// What the event leaves of it; shared by the events that leave the same.
    Rest(Arc<Condition>),
}

impl Concern {
    /// Its place in the model.
    pub(crate) fn number(&self) -> usize {
        self.number as usize
    }

    /// Whether its condition, `when`, holds of a touch of the event.
    pub(crate) fn matches(&self, when: &Condition, facts: &impl Facts) -> bool {
        match &self.open {
            Open::Nothing => true,
            Open::All => when.matches(facts),
            Open::Rest(rest) => rest.matches(facts),
        }
    }
}

/// A rule or a label, while the index is made.
#[derive(Clone, Copy)]
struct Entry<'m> {
    number: u32,
    is_label: bool,
    when: &'m Condition,
    events: Option<&'m [String]>,
}

impl Concerned {
    fn list(&mut self, entry: &Entry<'_>) -> &mut Vec<Concern> {
        if entry.is_label { &mut self.labels } else { &mut self.rules }
    }

    /// Adds a rule or a label, once however often it names the event. `shared` is what another event left of it.
    fn add(&mut self, entry: &Entry<'_>, shared: &mut Option<Arc<Condition>>) {
        let open = match entry.when.given(&self.name) {
            Given::Decided(false) => return,
            Given::Decided(true) => Open::Nothing,
            Given::Whole => Open::All,
            Given::Rest(rest) => {
                let same = shared.take().filter(|held| **held == rest).unwrap_or_else(|| Arc::new(rest));
                Open::Rest(Arc::clone(shared.insert(same)))
            }
        };
        let list = self.list(entry);
        if list.last().is_none_or(|last| last.number != entry.number) {
            list.push(Concern { number: entry.number, open });
        }
    }
}

impl EventIndex {
    pub(crate) fn of(rules: &[Rule], labels: &[LabelRule]) -> Self {
        let of_rules = numbered(rules).filter_map(|(number, rule)| match &rule.basis {
            Basis::Touch(touch) => {
                Some(Entry { number, is_label: false, when: &touch.when, events: touch.events.as_deref() })
            }
            Basis::State(_) => None,
        });
        let of_labels = numbered(labels).map(|(number, label)| Entry {
            number,
            is_label: true,
            when: &label.when,
            events: label.events.as_deref(),
        });
        let all = || of_rules.clone().chain(of_labels.clone());
        // By name, so that a model of many rules is read in time proportional to what they concern.
        let mut others = Concerned::default();
        let mut named: BTreeMap<&str, Concerned> = BTreeMap::new();
        for name in all().filter_map(|entry| entry.events).flatten() {
            let least = Some(least_trust(name));
            named.entry(name).or_insert_with(|| Concerned { name: name.clone(), least, ..Concerned::default() });
        }
        for entry in all() {
            let mut shared = None;
            match entry.events {
                None => {
                    others.list(&entry).push(Concern { number: entry.number, open: Open::All });
                    named.values_mut().for_each(|concerned| concerned.add(&entry, &mut shared));
                }
                Some(names) => {
                    for name in names {
                        if let Some(concerned) = named.get_mut(name.as_str()) {
                            concerned.add(&entry, &mut shared);
                        }
                    }
                }
            }
        }
        let mut slots = vec![None; (named.len() * 2).next_power_of_two()];
        for (name, concerned) in named {
            let found = probe(name, slots.len()).find(|slot| slots.get(*slot).is_some_and(Option::is_none));
            if let Some(slot) = found.and_then(|slot| slots.get_mut(slot)) {
                *slot = Some(concerned);
            }
        }
        let states = numbered(rules)
            .filter(|(_, rule)| matches!(rule.basis, Basis::State(_)))
            .map(|(number, _)| number)
            .collect();
        Self { slots, others, states }
    }

    /// What concerns a touch of this name.
    pub(crate) fn concerned(&self, name: &str) -> &Concerned {
        for slot in probe(name, self.slots.len()) {
            match self.slots.get(slot) {
                Some(Some(held)) if held.name == name => return held,
                Some(Some(_)) => {}
                _ => break,
            }
        }
        &self.others
    }
}

/// The slots to look at for a name, in order. Both ends of a name tell names apart well enough, and a digest of them costs
/// a tenth of one of all its bytes.
fn probe(name: &str, slots: usize) -> impl Iterator<Item = usize> + use<> {
    let mask = slots.wrapping_sub(1);
    let bytes = name.as_bytes();
    let (head, tail) = match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
        _ => (bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0),
    };
    let mixed = (head ^ tail.rotate_left(29) ^ bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let first = (mixed >> 32) as usize;
    (0..slots).map(move |step| first.wrapping_add(step) & mask)
}

fn numbered<T>(all: &[T]) -> impl Iterator<Item = (u32, &T)> + Clone {
    (0..).zip(all)
}
