//! Why each offer is shown or not, and the fewest changes that would show it.
//!
//! What an offer asks for is made a formula over facts ([`smallest`](super::smallest)): its slot is offered, its pool has a
//! code, its condition holds, and each offer before it in the slot is absent or its own condition does not hold. Facts are tried in
//! other states ([`what_if`](super::what_if)), now and at the instants at which time alone may change something
//! ([`instants`](super::instants)).

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::change::{Becomes, Change};
use super::experiment::Assigned;
use super::instants::Instants;
use super::smallest::{Found, Leaf, Node, Way, smallest};
use super::what_if::{Fact, Scene, State};
use super::{Asking, Moment, Withheld, decide};
use crate::condition::{Comparison, Condition, Facts, Field, Sequence, Test};
use crate::evaluate::Evaluation;
use crate::lead::Lead;
use crate::model::{Model, Offer, Slot};
use crate::reason::Reason;
use crate::time::Millis;
use crate::touch::OfferId;

/// What looking for the smallest set of one offer may cost, in parts of conditions looked at.
pub const MOST_WORK: u32 = 1_000_000;
/// How many instants are tried for one offer.
pub const MOST_INSTANTS: usize = 32;
/// Stands for any label that is not named anywhere.
const ANY_LABEL: &str = "any";
/// How many states one fact is told apart in.
const MOST_STATES: usize = 128;

/// One offer of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// Which.
    pub offer: OfferId,
    /// Its slot.
    pub slot: Slot,
    /// Why it is not shown now, and the part or circumstance that decided; `None`: it is shown.
    pub refusal: Option<(Reason, String)>,
    /// What would show it; `None`: it is shown.
    pub remedy: Option<Remedy>,
    /// When it is shown if nothing happens and the same page asks then; `None`: not at any instant that was tried.
    pub until: Option<Millis>,
}

/// What would show an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// All of these together.
    Changes {
        /// At least one. Of the same number of changes those without waiting come first.
        changes: Vec<Change>,
        /// Whether no smaller set does. `false`: the conditions were too large to try all.
        smallest: bool,
    },
    /// Nothing that can be changed: why.
    NotChangeable(Reason, String),
    /// The conditions were too large to find any.
    TooLarge,
}

/// Explains every offer of a model, in its order.
///
/// `evaluate` gives the evaluation of this lead under this model at an instant.
pub fn explain(
    lead: &Lead,
    model: &Model,
    moment: &Moment,
    now: Millis,
    evaluate: &dyn Fn(Millis) -> Evaluation,
) -> Vec<Explained> {
    let moment = &Moment { explain: true, ..moment.clone() };
    let remembered: RefCell<BTreeMap<Millis, Evaluation>> = RefCell::default();
    let evaluate = &|at: Millis| remembered.borrow_mut().entry(at).or_insert_with(|| lean(evaluate(at))).clone();
    let evaluation = evaluate(now);
    let decision = decide(lead, &evaluation, model, moment, now);
    let scene = Scene { lead, evaluation: &evaluation, model, moment };
    let explained = |offer: &Offer| {
        if Assigned::of(lead, offer, &model.offers_policy, moment.stream.as_ref()).holds_out() {
            let (reason, detail) = (Reason::Holdout, "held out".to_owned());
            let remedy = Some(Remedy::NotChangeable(reason, detail.clone()));
            let (offer, slot) = (offer.id.clone(), offer.slot.clone());
            return Explained { offer, slot, refusal: Some((reason, detail)), remedy, until: None };
        }
        let refused = decision.considered.iter().find(|considered| considered.offer == offer.id);
        let refusal = refused.map(|considered| (considered.reason, considered.detail.clone()));
        let (remedy, until) = match &refusal {
            None => (None, None),
            Some(refusal) => {
                let (remedy, until) = remedy(&scene, offer, now, refusal, evaluate);
                (Some(remedy), until)
            }
        };
        Explained { offer: offer.id.clone(), slot: offer.slot.clone(), refusal, remedy, until }
    };
    model.offers.iter().map(explained).collect()
}

/// Without its lines: no condition reads them, and there may be thousands, at each of many instants.
fn lean(evaluation: Evaluation) -> Evaluation {
    Evaluation { lines: Vec::new(), ..evaluation }
}

fn remedy(
    scene: &Scene<'_>,
    offer: &Offer,
    now: Millis,
    refusal: &(Reason, String),
    evaluate: &dyn Fn(Millis) -> Evaluation,
) -> (Remedy, Option<Millis>) {
    let mut work = MOST_WORK;
    let mut best: Option<Vec<Change>> = None;
    let mut sure = true;
    let mut until = None;
    let mut instants = instants(scene, offer, now, evaluate);
    sure &= instants.len() <= MOST_INSTANTS;
    instants.truncate(MOST_INSTANTS);
    for at in std::iter::once(now).chain(instants) {
        let evaluation = evaluate(at);
        let scene = Scene { evaluation: &evaluation, ..*scene };
        let waits = usize::from(at != now);
        // A set is of use if it is smaller than the best one, or shows that time alone is enough.
        let most = best.as_ref().map_or(usize::MAX, |best| (best.len() - 1).saturating_sub(waits));
        let useful = best.as_ref().is_none_or(|best| best.len() > 1 + waits);
        if !useful && (waits == 0 || until.is_some()) {
            continue;
        }
        let Some(case) = Case::of(&scene, offer, at) else { continue };
        sure &= case.complete;
        let states: Vec<u32> = case.variables.iter().map(|one| u32::try_from(one.states.len()).unwrap_or(0)).collect();
        let way = match smallest(&case.formula, &states, if useful { most } else { 0 }, &mut work) {
            Found::Nothing => continue,
            Found::Smallest(way) => way,
            Found::SpentWith(way) => {
                sure = false;
                let Some(way) = way else { break };
                way
            }
        };
        if waits == 1 && way.changed.is_empty() && until.is_none() {
            until = Some(at);
        }
        let wait = Change { becomes: Becomes::Wait { until: at }, asked: Vec::new() };
        let mut changes: Vec<Change> = (waits == 1).then_some(wait).into_iter().collect();
        changes.extend(case.changes(&way));
        if best.as_ref().is_none_or(|best| changes.len() < best.len()) {
            best = Some(changes);
        }
    }
    let remedy = match best {
        Some(changes) => Remedy::Changes { changes, smallest: sure },
        None if !sure && work == 0 => Remedy::TooLarge,
        None => {
            let (reason, detail) = refusal.clone();
            Remedy::NotChangeable(reason, detail)
        }
    };
    (remedy, until)
}

fn instants(scene: &Scene<'_>, offer: &Offer, now: Millis, evaluate: &dyn Fn(Millis) -> Evaluation) -> Vec<Millis> {
    let mut instants = Instants::after(scene, now);
    instants.of_offer(offer);
    instants.of_condition(&offer.when, evaluate);
    for rival in rivals(scene, offer) {
        instants.of_rival(rival);
        instants.of_condition(&rival.when, evaluate);
    }
    instants.all()
}

/// Offers that take the slot before this one does, or that may interrupt before it in the same answer.
fn rivals<'m>(scene: &Scene<'m>, offer: &Offer) -> impl Iterator<Item = &'m Offer> {
    let model = scene.model;
    let of_slot = move |slot: &Slot| model.ranking.of_slot(slot).iter().filter_map(|place| model.offers.get(*place));
    let (id, slot) = (offer.id.clone(), offer.slot.clone());
    let before = scene.moment.slots.iter().take_while(move |one| **one != slot).filter(|one| one.interrupts());
    let interrupts = offer.slot.interrupts();
    let beside = before.filter(move |_| interrupts).flat_map(of_slot);
    of_slot(&offer.slot).take_while(move |one| one.id != id).chain(beside)
}

/// A fact, and what parts of conditions ask of it.
struct Variable<'a> {
    fact: Fact,
    asked: Vec<&'a Comparison>,
    /// States that some part tells apart.
    states: Vec<State>,
    /// Every state that was tried, and the place in `states` of one that no part can tell from it.
    all: Vec<(State, usize)>,
}

/// What it takes to show one offer at one instant.
struct Case<'a, 's> {
    scene: &'s Scene<'a>,
    variables: Vec<Variable<'a>>,
    formula: Node,
    texts: Vec<String>,
    /// Every sequence that is asked about.
    sequences: Vec<&'a Sequence>,
    /// Whether every state is told apart.
    complete: bool,
}

impl<'a, 's> Case<'a, 's> {
    /// `None`: it is over, shown often enough, reserved, closed or too soon after another.
    fn of(scene: &'s Scene<'a>, offer: &'a Offer, at: Millis) -> Option<Self> {
        let asking = Asking::of(scene.lead, scene.evaluation, scene.model, scene.moment, at);
        if asking.barred(offer).or_else(|| asking.too_soon(offer)).is_some() {
            return None;
        }
        // Another that interrupts is in the way where the limits of all allow no two in one answer. Where they allow two and
        // no third, none is let be: that may be more than is needed.
        let one_more = asking.limits.refusal(&[offer]).is_some();
        let two_more = asking.limits.refusal(&[offer, offer]).is_some();
        let in_the_way = |rival: &Offer| rival.slot == offer.slot || one_more || two_more;
        let is_out =
            |rival: &Offer| asking.barred(rival).or_else(|| Withheld::refusal(&scene.moment.withheld, rival)).is_some();
        let rivals = rivals(scene, offer).filter(|rival| in_the_way(rival) && !is_out(rival));
        let rivals: Vec<&'a Offer> = rivals.collect();
        let several = two_more && !one_more && rivals.iter().any(|rival| rival.slot != offer.slot);
        let mut case = Self {
            scene,
            variables: Vec::new(),
            formula: Node::All(Vec::new()),
            texts: Vec::new(),
            sequences: Vec::new(),
            complete: !several,
        };
        let mut labels: Vec<&str> = scene.evaluation.labels.iter().map(|held| &*held.label).collect();
        labels.extend(scene.model.labels.iter().map(|rule| &*rule.label));
        for one in std::iter::once(offer).chain(rivals.iter().copied()) {
            case.gather(&one.when, &mut labels);
        }
        labels.sort_unstable();
        labels.dedup();
        case.weigh();
        let mut parts = Vec::new();
        if asking.elsewhere(offer).is_some() {
            parts.push(case.otherwise(Fact::Slot(offer.slot.clone())));
        }
        if let Some(pool) = asking.empty_pool(offer) {
            parts.push(case.otherwise(Fact::Pool(pool.clone())));
        }
        parts.push(case.condition(&offer.when, true, true, &labels));
        for rival in rivals {
            let mut ways = Vec::new();
            if let Some(pool) = asking.empty_pool(rival) {
                ways.push(case.as_it_is(Fact::Pool(pool.clone())));
            }
            ways.push(case.condition(&rival.when, true, false, &labels));
            ways.push(case.otherwise(Fact::Offer(rival.id.clone())));
            parts.push(Node::Any(ways));
        }
        case.formula = Node::All(parts);
        Some(case)
    }

    /// Notes every part of a condition at the fact that it is about.
    fn gather(&mut self, condition: &'a Condition, labels: &mut Vec<&'a str>) {
        match condition {
            Condition::All(parts) | Condition::Any(parts) => parts.iter().for_each(|part| self.gather(part, labels)),
            Condition::Not(part) => self.gather(part, labels),
            Condition::Compare(comparison) => {
                if let (Field::Label, Test::Has(label)) = (&comparison.field, &comparison.test) {
                    labels.push(label);
                }
                let variable = self.variable(self.scene.fact(comparison));
                if let Some(variable) = self.variables.get_mut(variable)
                    && !variable.asked.contains(&comparison)
                {
                    variable.asked.push(comparison);
                }
            }
            Condition::Sequence(sequence) => {
                self.variable(Fact::Happenings);
                if !self.sequences.contains(&sequence) {
                    self.sequences.push(sequence);
                }
            }
        }
    }

    /// The place of a fact, which is noted if it was not.
    fn variable(&mut self, fact: Fact) -> usize {
        if let Some(found) = self.variables.iter().position(|variable| variable.fact == fact) {
            return found;
        }
        self.variables.push(Variable { fact, asked: Vec::new(), states: Vec::new(), all: Vec::new() });
        self.variables.len() - 1
    }

    /// Looks for states of each fact that some part tells from the others.
    fn weigh(&mut self) {
        for variable in &mut self.variables {
            let mut told_apart: Vec<Vec<bool>> = Vec::new();
            for state in self.scene.states(&variable.fact, &variable.asked) {
                let held = |one: &&Comparison| self.scene.would_hold(one, &variable.fact, &state);
                let held: Vec<bool> = variable.asked.iter().map(held).collect();
                let class = told_apart.iter().position(|known| *known == held);
                if class.is_none() && told_apart.len() == MOST_STATES {
                    self.complete = false;
                    continue;
                }
                let class = class.unwrap_or_else(|| {
                    told_apart.push(held);
                    variable.states.push(state.clone());
                    told_apart.len() - 1
                });
                variable.all.push((state, class));
            }
            if variable.fact == Fact::Happenings {
                let mut stories = stories(self.sequences.len());
                self.complete &= stories.len() <= MOST_STATES;
                stories.truncate(MOST_STATES);
                variable.all = stories.iter().enumerate().map(|(class, one)| (one.clone(), class)).collect();
                variable.states = stories;
            }
        }
    }

    /// A fact that is so or not, and is to be otherwise.
    fn otherwise(&mut self, fact: Fact) -> Node {
        let fact = self.plain(fact);
        Node::Leaf(Leaf { fact, states: 1, as_it_is: false, text: usize::MAX })
    }

    /// A fact that is so or not, and is to stay so.
    fn as_it_is(&mut self, fact: Fact) -> Node {
        let fact = self.plain(fact);
        Node::Leaf(Leaf { fact, states: 0, as_it_is: true, text: usize::MAX })
    }

    fn plain(&mut self, fact: Fact) -> usize {
        let place = self.variable(fact);
        if let Some(variable) = self.variables.get_mut(place)
            && variable.states.is_empty()
        {
            variable.states.push(State::Otherwise);
            variable.all.push((State::Otherwise, 0));
        }
        place
    }

    /// That it is sure (`wanted`), or not sure, that a condition `holds`, or that it does not.
    fn condition(&mut self, condition: &'a Condition, holds: bool, wanted: bool, labels: &[&str]) -> Node {
        match condition {
            Condition::All(parts) | Condition::Any(parts) => {
                let all = matches!(condition, Condition::All(_)) == (holds == wanted);
                let parts = parts.iter().map(|part| self.condition(part, holds, wanted, labels)).collect();
                if all { Node::All(parts) } else { Node::Any(parts) }
            }
            Condition::Not(part) => self.condition(part, !holds, wanted, labels),
            Condition::Compare(comparison) => self.comparison(comparison, holds == wanted, labels),
            Condition::Sequence(sequence) => self.sequence(sequence, holds, wanted, condition),
        }
    }

    fn comparison(&mut self, comparison: &'a Comparison, wanted: bool, labels: &[&str]) -> Node {
        if let (Field::Label, Test::Exists(exists)) = (&comparison.field, &comparison.test) {
            return self.any_label(*exists == wanted, labels, comparison);
        }
        let fact = self.scene.fact(comparison);
        let place = self.variable(fact);
        let text = self.text(if wanted { comparison.text.clone() } else { format!("not {}", comparison.text) });
        let as_it_is = comparison.holds(&self.scene.facts()) == wanted;
        let mut states = 0;
        if let Some(variable) = self.variables.get(place) {
            for (bit, state) in variable.states.iter().enumerate() {
                if self.scene.would_hold(comparison, &variable.fact, state) == wanted {
                    states |= 1 << bit;
                }
            }
        }
        Node::Leaf(Leaf { fact: place, states, as_it_is, text })
    }

    /// That the visitor has some label, or none.
    fn any_label(&mut self, some: bool, labels: &[&str], comparison: &Comparison) -> Node {
        let text = self.text(comparison.text.clone());
        let mut parts = Vec::new();
        // Last, one that nothing else asks about.
        for label in labels.iter().chain(&[ANY_LABEL]) {
            let held = self.scene.evaluation.has_label(label);
            let fact = self.plain(Fact::Label((*label).to_owned()));
            let as_it_is = held == some;
            parts.push(Node::Leaf(Leaf { fact, states: u128::from(!as_it_is), as_it_is, text }));
        }
        if some { Node::Any(parts) } else { Node::All(parts) }
    }

    fn sequence(&mut self, sequence: &'a Sequence, holds: bool, wanted: bool, condition: &Condition) -> Node {
        let fact = self.variable(Fact::Happenings);
        let facts = self.scene.facts();
        let is_whole = |sure: bool| facts.reached(sequence, sure) == sequence.steps.len();
        let so_far = facts.reached(sequence, true);
        // What has happened cannot be undone; what is left can happen.
        let would = |completed: bool| {
            let sure = if holds { is_whole(true) || completed } else { !is_whole(false) && !completed };
            sure == wanted
        };
        let mut states = 0;
        if let Some(variable) = self.variables.get(fact) {
            for (bit, state) in variable.states.iter().enumerate() {
                if would(completes(sequence, so_far, &self.steps(state))) {
                    states |= 1 << bit;
                }
            }
        }
        let text = condition.to_text();
        let text = self.text(if holds == wanted { text } else { format!("not {text}") });
        Node::Leaf(Leaf { fact, states, as_it_is: would(false), text })
    }

    /// The steps that happen in a state, in order.
    fn steps(&self, state: &State) -> Vec<&'a Condition> {
        let State::Happen(sequences) = state else { return Vec::new() };
        let sequences = sequences.iter().filter_map(|place| self.sequences.get(*place));
        let left = |sequence: &&'a Sequence| {
            let so_far = self.scene.facts().reached(sequence, true);
            sequence.steps.iter().skip(so_far)
        };
        sequences.flat_map(left).collect()
    }

    fn text(&mut self, text: String) -> usize {
        self.texts.push(text);
        self.texts.len() - 1
    }

    /// The changes of a way, in the order in which conditions ask for them.
    fn changes(&self, way: &Way) -> Vec<Change> {
        let change = |(fact, states): &(usize, u128)| {
            let variable = self.variables.get(*fact)?;
            let does = |class: usize| states >> class & 1 == 1;
            let (state, _) = variable.all.iter().find(|(_, class)| does(*class))?;
            let all: Vec<State> = variable.all.iter().map(|(state, _)| state.clone()).collect();
            let would = |wanted: &State| {
                variable.all.iter().find(|(state, _)| state == wanted).is_some_and(|(_, class)| does(*class))
            };
            let becomes = match state {
                State::Happen(_) => {
                    let steps: Vec<String> = self.steps(state).into_iter().map(Condition::to_text).collect();
                    Becomes::Sequence { steps: steps.join(", then ") }
                }
                _ => self.scene.becomes(&variable.fact, state, would, &all),
            };
            let relied = way.relied.iter().filter(|(about, _)| about == fact);
            let mut asked: Vec<String> = relied.filter_map(|(_, text)| self.texts.get(*text).cloned()).collect();
            asked.dedup();
            Some(Change { becomes, asked })
        };
        way.changed.iter().filter_map(change).collect()
    }
}

/// What may happen of so many sequences: what is left of one, of two in either order, of all.
fn stories(sequences: usize) -> Vec<State> {
    let ones = (0..sequences).map(|one| vec![one]);
    let twos =
        (0..sequences).flat_map(|one| (0..sequences).filter(move |two| *two != one).map(move |two| vec![one, two]));
    let all = (sequences > 2).then(|| (0..sequences).collect());
    ones.chain(twos).chain(all).map(State::Happen).collect()
}

/// Whether what is left of a sequence lies in these steps, in its order, and nothing of them spoils it. Steps are known again by
/// what they ask.
fn completes(sequence: &Sequence, so_far: usize, steps: &[&Condition]) -> bool {
    let mut left = sequence.steps.iter().skip(so_far).peekable();
    for step in steps {
        if sequence.without.as_deref() == Some(*step) {
            return false;
        }
        if left.peek() == Some(step) {
            left.next();
        }
    }
    left.peek().is_none() && !steps.is_empty()
}
