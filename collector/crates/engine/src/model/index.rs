//! Which rules and labels a touch can concern, by its event name: a touch pays for the rules about it, and for no others.

use std::collections::BTreeMap;

use super::{Basis, LabelRule, Rule};

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
    pub(crate) rules: Vec<u32>,
    pub(crate) labels: Vec<u32>,
}

impl Concerned {
    /// Adds a rule or a label, once however often it names the event.
    fn add(&mut self, number: u32, is_label: bool) {
        let list = if is_label { &mut self.labels } else { &mut self.rules };
        if list.last() != Some(&number) {
            list.push(number);
        }
    }
}

impl EventIndex {
    pub(crate) fn of(rules: &[Rule], labels: &[LabelRule]) -> Self {
        let of_rules = numbered(rules).filter_map(|(number, rule)| match &rule.basis {
            Basis::Touch(touch) => Some((number, touch.events.as_deref())),
            Basis::State(_) => None,
        });
        let of_labels = numbered(labels).map(|(number, label)| (number, label.events.as_deref()));
        let all = || {
            let rules = of_rules.clone().map(|(number, names)| (number, names, false));
            rules.chain(of_labels.clone().map(|(number, names)| (number, names, true)))
        };
        // By name, so that a model of many rules is read in time proportional to what they concern.
        let mut others = Concerned::default();
        let mut named: BTreeMap<&str, Concerned> = BTreeMap::new();
        for name in all().filter_map(|(_, names, _)| names).flatten() {
            named.entry(name).or_insert_with(|| Concerned { name: name.clone(), ..Concerned::default() });
        }
        for (number, names, is_label) in all() {
            match names {
                None => {
                    others.add(number, is_label);
                    named.values_mut().for_each(|concerned| concerned.add(number, is_label));
                }
                Some(names) => {
                    for name in names {
                        if let Some(concerned) = named.get_mut(name.as_str()) {
                            concerned.add(number, is_label);
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

/// The slots to look at for a name, in order.
fn probe(name: &str, slots: usize) -> impl Iterator<Item = usize> + use<> {
    let mask = slots.wrapping_sub(1);
    let first = crate::digest::fnv1a(name.as_bytes()) as usize;
    (0..slots).map(move |step| first.wrapping_add(step) & mask)
}

fn numbered<T>(all: &[T]) -> impl Iterator<Item = (u32, &T)> + Clone {
    (0..).zip(all)
}
