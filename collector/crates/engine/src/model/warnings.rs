//! What is allowed in a model and most likely a mistake.

use super::misspelt;
use super::place::Place;
use super::possible::{admits, excludes_trust, highest, never};
use super::reach;
use super::shadows::shadows;
use super::{Basis, Effect, Model, Rule, StageIndex, TouchRule};
use crate::condition::{Condition, Field, Literal, Order, Test};
use crate::decide::REDEEMED;
use crate::points::Points;
use crate::touch::event;
use crate::tree::Tree;

/// Something in a model that is allowed and most likely a mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}{}: {found}; {advice}", super::error::at(*line))]
pub struct ModelWarning {
    /// Where, such as `rules[3].when.all`.
    pub path: String,
    /// The line of the text, from 1, where it is known.
    pub line: Option<u32>,
    /// What stands there, and what follows from it.
    pub found: String,
    /// What to do about it.
    pub advice: String,
}

/// What is most likely a mistake in a model: conditions that never hold, limits without effect, thresholds and stages that
/// nobody can reach, and what makes no difference: it repeats something, or something before it always comes first. In the
/// order of the file.
///
/// `tree` is what the model was read from, for lines. Everything told is certain; not everything that is so is told.
#[must_use]
pub fn warnings(model: &Model, tree: &Tree) -> Vec<ModelWarning> {
    let most = (0..model.scores.len()).map(|score| reach::highest(model, score)).collect();
    let mut found = Findings { model, top: Place::top(tree), most, warnings: Vec::new() };
    let reachable = found.stages();
    found.rules();
    found.conditions(&reachable);
    found.offers();
    for (place, what, advice) in shadows(model, &found.top) {
        found.add(&place, what, advice);
    }
    found.warnings.sort_by_key(|warning| warning.line);
    found.warnings
}

struct Findings<'m, 't> {
    model: &'m Model,
    top: Place<'t>,
    /// The most that each score can be; `None`: there is no bound.
    most: Vec<Option<Points>>,
    warnings: Vec<ModelWarning>,
}

const KNOWN_EVENTS: &str = "or keep it if your shop sends an event of that name";
const REACH: &str = "lower it, raise a cap, or let rules give more";

impl<'m, 't> Findings<'m, 't> {
    fn add(&mut self, place: &Place<'_>, found: impl Into<String>, advice: impl Into<String>) {
        let (path, line) = (place.path.clone(), place.line);
        self.warnings.push(ModelWarning { path, line, found: found.into(), advice: advice.into() });
    }

    /// Which stages can be entered.
    fn stages(&mut self) -> Vec<bool> {
        let model = self.model;
        let most = self.most.first().copied().flatten();
        let set: Vec<StageIndex> = model.rules.iter().filter_map(|rule| sets(model, rule)).collect();
        let mut reachable = Vec::with_capacity(model.stages.iter().len());
        for (number, stage) in model.stages.iter().enumerate() {
            let place = self.top.key("stages").item(number);
            let out_of_reach = |threshold: super::Threshold| most.filter(|most| !threshold.holds(*most));
            let is_set = set.contains(&StageIndex(number));
            let own = stage.enter.and_then(out_of_reach);
            if let (Some(enter), Some(most), false) = (stage.enter, own, is_set) {
                self.add(&place.key("enter"), format!("{enter}, and nobody has more than {most}"), REACH);
            }
            let mut by_segment = false;
            for (number, segment) in stage.segments.iter().enumerate() {
                let place = place.key("segments").item(number);
                match out_of_reach(segment.enter).filter(|_| !is_set) {
                    Some(most) => {
                        let found = format!("{}, and nobody has more than {most}", segment.enter);
                        self.add(&place.key("enter"), found, REACH);
                    }
                    None => by_segment = true,
                }
            }
            reachable.push(own.is_none() || is_set || by_segment);
        }
        reachable
    }

    fn rules(&mut self) {
        for (number, rule) in self.model.rules.iter().enumerate() {
            let place = self.top.key("rules").item(number);
            if let Basis::Touch(touch) = &rule.basis {
                self.matches(rule, touch, &place);
                self.limits(touch, &place);
            }
            self.points(rule, &place);
        }
    }

    /// Whether any touch can match.
    fn matches(&mut self, rule: &Rule, touch: &TouchRule, place: &Place<'_>) {
        let is_own = |name: &String| [event::RESERVED, event::GRANTED, REDEEMED].contains(&name.as_str());
        let own = |names: &Vec<String>| !names.is_empty() && names.iter().all(is_own);
        if touch.events.as_ref().is_some_and(own) {
            let found = "about what the product itself did, which gives nothing".to_owned();
            self.add(&place.key("when"), found, "ask for what the visitor did, such as offer_clicked");
        }
        if let Some(least) = touch.trust.filter(|least| excludes_trust(&touch.when, *least)) {
            let found = format!("\"{}\", and the condition excludes that trust: {} never fires", least.name(), rule.id);
            self.add(&place.key("trust"), found, "leave out one of the two");
        }
        // As many matches as touches of that name, at most.
        let bound = touch.events.as_deref().and_then(|names| match names {
            [name] => highest(&touch.when, &Field::Count(name.clone())),
            _ => None,
        });
        if let Some(bound) = bound.filter(|bound| *bound < i64::from(touch.from)) {
            let found =
                format!("{}, and the condition holds {bound} times at most: {} never fires", touch.from, rule.id);
            self.add(&place.key("from"), found, "leave out one of the two");
        }
    }

    /// Limits that limit nothing.
    fn limits(&mut self, touch: &TouchRule, place: &Place<'_>) {
        if place.has("keep") && touch.per.is_none() {
            self.add(&place.key("keep"), "nothing to keep apart: every match counts", "add per, or leave it out");
        }
        if !matches!(touch.effect, Effect::SetStage(_) | Effect::HandBack) {
            return;
        }
        for key in ["half_life", "cap"] {
            if place.has(key) {
                self.add(&place.key(key), "no points for it to work on", "leave it out");
            }
        }
        if touch.effect == Effect::SetStage(StageIndex(0)) {
            let found = "the lowest stage, where everybody is already".to_owned();
            self.add(&place.key("set_stage"), found, "name a higher one; to send a lead back use hand_back");
        }
    }

    /// Points that give nothing, or that a cap always cuts.
    fn points(&mut self, rule: &Rule, place: &Place<'_>) {
        let (key, points) = match &rule.basis {
            Basis::State(state) if state.notice.is_some() && !place.has("points") => return,
            Basis::State(state) => ("points", state.points),
            Basis::Touch(touch) => match touch.effect {
                Effect::Points(points) => ("points", points),
                Effect::PointsPer { points, .. } => ("points_per", points),
                Effect::RaiseTo(level) => ("raise_to", level),
                Effect::SetStage(_) | Effect::HandBack => return,
            },
        };
        if points == Points::ZERO {
            self.add(&place.key(key), "0 points", "give some, or leave the rule out");
        }
        if let Some(cap) = rule.cap.filter(|cap| key == "points" && Points(points.0.abs()) > *cap) {
            let found = format!("{cap}, less than one match gives ({points})");
            self.add(&place.key("cap"), found, "say in points what it shall give");
        }
        if let (Some(cap), Some(most)) = (rule.cap, reach::uncapped(rule))
            && most > Points::ZERO
            && most <= cap
        {
            self.add(&place.key("cap"), format!("{cap}, and the rule never gives more than {most}"), "leave it out");
        }
        let ceiling = self.model.scores.get(rule.score).and_then(|score| score.ceiling.or(score.cap));
        if let Some(ceiling) = ceiling.filter(|ceiling| key == "raise_to" && points > *ceiling) {
            let found = format!("{points}, and the score is at most {ceiling}");
            self.add(&place.key(key), found, "raise to what the score allows");
        }
    }

    /// Every condition of the model: whether it can hold, and what it asks of stages and scores.
    fn conditions(&mut self, reachable: &[bool]) {
        for (condition, place, what) in self.all_conditions() {
            if let Some((place, found)) = never(condition, &place, reachable.len()) {
                self.add(&place, found, format!("change it, or leave {what} out"));
            }
            each(condition, &place, &mut |place, field, test| {
                self.asks(place, field, test, reachable);
                for (name, known) in misspelt::in_comparison(field, test) {
                    self.add(place, format!("\"{name}\", nearly {known}"), format!("write {known}, {KNOWN_EVENTS}"));
                }
            });
        }
    }

    /// Places and goals of offers that are nearly well-known ones.
    fn offers(&mut self) {
        for (number, offer) in self.model.offers.iter().enumerate() {
            let place = self.top.key("offers").item(number);
            if let Some(known) = misspelt::slot(offer.slot.as_str()) {
                let advice = format!("write {known}, or keep it if your pages have a place of that name");
                self.add(&place.key("slot"), format!("\"{}\", nearly {known}", offer.slot), advice);
            }
            if let Some((goal, known)) =
                offer.goal.as_ref().and_then(|goal| Some((goal, misspelt::event(goal.as_str())?)))
            {
                self.add(
                    &place.key("goal"),
                    format!("\"{goal}\", nearly {known}"),
                    format!("write {known}, {KNOWN_EVENTS}"),
                );
            }
        }
    }

    fn all_conditions(&self) -> Vec<(&'m Condition, Place<'t>, String)> {
        let (model, top) = (self.model, &self.top);
        let mut all = Vec::new();
        for (number, rule) in model.rules.iter().enumerate() {
            let place = top.key("rules").item(number);
            let (condition, key) = match &rule.basis {
                Basis::Touch(touch) => (&touch.when, "when"),
                Basis::State(state) => (&state.holds, "while"),
            };
            all.push((condition, place.key(key), format!("rule {}", rule.id)));
        }
        for (number, stage) in model.stages.iter().enumerate() {
            for (segment, held) in stage.segments.iter().enumerate() {
                let place = top.key("stages").item(number).key("segments").item(segment).key("when");
                all.push((&held.when, place, "the segment".to_owned()));
            }
        }
        for (number, label) in model.labels.iter().enumerate() {
            all.push((&label.when, top.key("labels").item(number).key("when"), format!("label {}", label.label)));
        }
        for (number, offer) in model.offers.iter().enumerate() {
            all.push((&offer.when, top.key("offers").item(number).key("when"), format!("offer {}", offer.id)));
        }
        all
    }

    /// A comparison with a stage that nobody enters, or with a score that nobody has.
    fn asks(&mut self, place: &Place<'_>, field: &Field, test: &Test, reachable: &[bool]) {
        let model = self.model;
        match field {
            Field::Stage => {
                let asked = |index: &usize| {
                    i64::try_from(*index).is_ok_and(|index| {
                        !matches!(test, Test::NotEqual(_) | Test::Exists(_)) && admits(test, &Literal::Number(index))
                    })
                };
                let asked: Vec<usize> = (0..reachable.len()).filter(asked).collect();
                let entered = |index: &usize| reachable.get(*index).copied().unwrap_or(true);
                if !asked.is_empty() && !asked.iter().any(entered) {
                    let names: Vec<_> = asked.iter().map(|index| model.stages.name(StageIndex(*index))).collect();
                    let found = format!("asks for the stage {}, which nobody enters", names.join(" or "));
                    self.add(place, found, "let the stage be reached, or ask for another");
                }
            }
            Field::Score => self.asks_score(place, 0, test),
            Field::NamedScore(name) => {
                if let Some(score) = model.scores.iter().position(|score| score.name == *name) {
                    self.asks_score(place, score, test);
                }
            }
            _ => {}
        }
    }

    fn asks_score(&mut self, place: &Place<'_>, score: usize, test: &Test) {
        let (Some(most), Test::Order(order @ (Order::Above | Order::AtLeast), bound)) =
            (self.most.get(score).copied().flatten(), test)
        else {
            return;
        };
        let reached = if *order == Order::Above { most.0 > *bound } else { most.0 >= *bound };
        if !reached {
            let found = format!("asks for a score from {} on, and nobody has more than {most}", Points(*bound));
            self.add(place, found, "ask for less, or let rules give more");
        }
    }
}

/// Visits every comparison of a condition.
fn each<'t>(condition: &Condition, place: &Place<'t>, visit: &mut impl FnMut(&Place<'t>, &Field, &Test)) {
    let mut list = |parts: &[Condition], place: &Place<'t>| {
        for (number, part) in parts.iter().enumerate() {
            each(part, &place.item(number), visit);
        }
    };
    match condition {
        Condition::All(parts) => list(parts, &place.key("all")),
        Condition::Any(parts) => list(parts, &place.key("any")),
        Condition::Sequence(sequence) => {
            list(&sequence.steps, &place.key("sequence"));
            if let Some(without) = &sequence.without {
                each(without, &place.key("without"), visit);
            }
        }
        Condition::Not(part) => each(part, &place.key("not"), visit),
        Condition::Compare(comparison) => visit(place, &comparison.field, &comparison.test),
    }
}

/// The stage that a rule sets, if anything can match it.
fn sets(model: &Model, rule: &Rule) -> Option<StageIndex> {
    match &rule.basis {
        Basis::Touch(TouchRule { effect: Effect::SetStage(stage), .. }) => {
            reach::can_match(model, rule).then_some(*stage)
        }
        _ => None,
    }
}
