//! Funnels: how far leads came through steps that follow one another.

use crate::condition::{Condition, Names, Scope, TouchFacts};
use crate::lead::Lead;
use crate::model::{Model, ModelError};
use crate::orders::Orders;
use crate::quarantine::Quarantine;
use crate::time::Millis;
use crate::touch::EventName;
use crate::tree::{Node, Tree};

/// The steps of a funnel, checked against the names of a model.
#[derive(Debug, Clone)]
pub struct Funnel(Vec<Condition>);

impl Funnel {
    /// Reads steps, each an event's name, or a condition on one touch as it would stand in a model:
    /// `{ field = "event", eq = "email_open" }`.
    ///
    /// # Errors
    /// Every fault of every step, the path says of which one: `step[0]`.
    pub fn parse<'t>(steps: impl IntoIterator<Item = &'t str>, model: &Model) -> Result<Self, Vec<ModelError>> {
        let stages: Vec<String> = model.stages.iter().map(|stage| stage.name.clone()).collect();
        let scores: Vec<String> = model.scores.iter().map(|score| score.name.clone()).collect();
        let tags: Vec<String> = model.page_tags.names().map(str::to_owned).collect();
        let names = Names { currency: model.currency, stages: &stages, scores: &scores, page_tags: &tags };
        let (mut conditions, mut faults) = (Vec::new(), Vec::new());
        for (number, text) in steps.into_iter().enumerate() {
            let path = format!("step[{number}]");
            match step(text, &path, &names) {
                Ok(condition) => conditions.push(condition),
                Err(found) => faults.extend(found.into_iter().map(|fault| ModelError { line: None, ..fault })),
            }
        }
        if faults.is_empty() { Ok(Self(conditions)) } else { Err(faults) }
    }

    /// How many steps there are.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.0.len()
    }

    /// How many steps a lead came, of what happened within `[from, until]`: each by a touch of its own, in canonical order,
    /// at the earliest. Our own touches count too; what is held and second tellings of an order do not.
    #[must_use]
    pub fn reached(&self, lead: &Lead, model: &Model, from: Millis, until: Millis) -> usize {
        let quarantine = Quarantine::of(lead);
        let orders = Orders::of(lead.touches(), &quarantine);
        let counts = |place: usize| orders.telling(place).counts && quarantine.reason(place).is_none();
        let mut steps = self.0.iter();
        let mut wanted = steps.next();
        for (place, touch) in lead.touches().iter().enumerate() {
            let Some(step) = wanted else { break };
            let inside = touch.time >= from && touch.time <= until;
            if inside && counts(place) && step.matches(&TouchFacts::of(touch, &model.page_tags, model.currency)) {
                wanted = steps.next();
            }
        }
        self.0.len() - steps.len() - usize::from(wanted.is_some())
    }
}

/// A step as it is written: a condition, or the name of an event alone.
fn step(text: &str, path: &str, names: &Names<'_>) -> Result<Condition, Vec<ModelError>> {
    let written = match EventName::parse(text) {
        Ok(name) => format!("step = {{ field = \"event\", eq = \"{name}\" }}"),
        Err(_) => format!("step = {text}"),
    };
    let tree = Tree::parse(&written).map_err(|faults| {
        faults.into_iter().map(|fault| ModelError { path: path.to_owned(), ..fault }).collect::<Vec<_>>()
    })?;
    let only = match &tree.node {
        Node::Table(entries) => match entries.as_slice() {
            [(_, _, only)] => Some(only),
            _ => None,
        },
        _ => None,
    };
    let not_one = || {
        let (found, allowed) = (
            text.to_owned(),
            "an event's name, or one condition such as { field = \"event\", eq = \"email_open\" }".to_owned(),
        );
        vec![ModelError { path: path.to_owned(), line: None, found, allowed }]
    };
    Condition::parse(only.ok_or_else(not_one)?, path, Scope::Step, names)
}
