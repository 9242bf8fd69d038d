//! What a site no longer has once another model is in force. Whoever publishes a part of a model for the whole of it learns so
//! at once.

use std::collections::BTreeSet;

use engine::Model;
use serde::{Deserialize, Serialize};

/// What stood in one model and stands in another no more, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Offers.
    pub offers: Vec<String>,
    /// Labels that touches get.
    pub labels: Vec<String>,
    /// Rules.
    pub rules: Vec<String>,
    /// Stages.
    pub stages: Vec<String>,
}

impl Lost {
    /// What `new` does not have of `old`.
    #[must_use]
    pub fn between(old: &Model, new: &Model) -> Self {
        fn missing<T: ToString>(old: &Model, new: &Model, names: impl Fn(&Model) -> Vec<T>) -> Vec<String> {
            let names = |model| names(model).iter().map(ToString::to_string).collect::<BTreeSet<String>>();
            names(old).difference(&names(new)).cloned().collect()
        }
        Self {
            offers: missing(old, new, |model| model.offers.iter().map(|offer| offer.id.clone()).collect()),
            labels: missing(old, new, |model| model.labels.iter().map(|label| label.label.clone()).collect()),
            rules: missing(old, new, |model| model.rules.iter().map(|rule| rule.id.clone()).collect()),
            stages: missing(old, new, |model| model.stages.iter().map(|stage| stage.name.clone()).collect()),
        }
    }

    /// Each kind that something is lost of, as people read it: `2 offers (first-visit, mango)`.
    pub fn told(&self) -> impl Iterator<Item = String> {
        let Self { offers, labels, rules, stages } = self;
        let kinds = [("offer", offers), ("label", labels), ("rule", rules), ("stage", stages)];
        kinds.into_iter().filter(|(_, names)| !names.is_empty()).map(|(kind, names)| {
            let plural = if names.len() == 1 { "" } else { "s" };
            format!("{} {kind}{plural} ({})", names.len(), names.join(", "))
        })
    }
}
