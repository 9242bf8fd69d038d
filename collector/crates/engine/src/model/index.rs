//! Which rules and labels a touch can concern, by its event name: a touch pays for the rules about it, and for no others.

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

impl EventIndex {
    pub(crate) fn of(rules: &[Rule], labels: &[LabelRule]) -> Self {
        let events = |rule: &Rule| match &rule.basis {
            Basis::Touch(touch) => Some(touch.events.clone()),
            Basis::State(_) => None,
        };
        let of_rules: Vec<(u32, Option<Vec<String>>)> =
            numbered(rules).filter_map(|(number, rule)| Some((number, events(rule)?))).collect();
        let of_labels: Vec<(u32, Option<Vec<String>>)> =
            numbered(labels).map(|(number, label)| (number, label.events.clone())).collect();
        let mut names: Vec<&String> =
            of_rules.iter().chain(&of_labels).filter_map(|(_, names)| names.as_ref()).flatten().collect();
        names.sort_unstable();
        names.dedup();
        let about = |name: Option<&String>, all: &[(u32, Option<Vec<String>>)]| {
            let concerns = |names: &Option<Vec<String>>| {
                names.as_ref().is_none_or(|names| name.is_some_and(|name| names.contains(name)))
            };
            all.iter().filter(|(_, names)| concerns(names)).map(|(number, _)| *number).collect()
        };
        let concerned = |name: Option<&String>| Concerned {
            name: name.cloned().unwrap_or_default(),
            rules: about(name, &of_rules),
            labels: about(name, &of_labels),
        };
        let mut slots = vec![None; (names.len() * 2).next_power_of_two()];
        for name in names {
            let found = probe(name, slots.len()).find(|slot| slots.get(*slot).is_some_and(Option::is_none));
            if let Some(slot) = found.and_then(|slot| slots.get_mut(slot)) {
                *slot = Some(concerned(Some(name)));
            }
        }
        let states = numbered(rules)
            .filter(|(_, rule)| matches!(rule.basis, Basis::State(_)))
            .map(|(number, _)| number)
            .collect();
        Self { slots, others: concerned(None), states }
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

fn numbered<T>(all: &[T]) -> impl Iterator<Item = (u32, &T)> {
    (0..).zip(all)
}
