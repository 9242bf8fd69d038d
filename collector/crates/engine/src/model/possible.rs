//! Whether a condition can hold at all, as far as its comparisons with one field say.
//!
//! What is called impossible is; what is not may still be. Fields are looked at one by one.

use super::place::Place;
use crate::condition::{Comparison, Condition, Field, Literal, Order, Test};
use crate::touch::Trust;

/// A comparison that must hold, or must not.
#[derive(Debug, Clone, Copy)]
struct Demand<'c> {
    comparison: &'c Comparison,
    wanted: bool,
}

/// The part of a condition that never holds and why, or nothing. `stages`: how many the model has.
pub(super) fn never<'t>(condition: &Condition, place: &Place<'t>, stages: usize) -> Option<(Place<'t>, String)> {
    match condition {
        Condition::All(parts) => {
            let place = place.key("all");
            let inner = (0..).zip(parts).find_map(|(number, part)| never(part, &place.item(number), stages));
            let demands = demands(condition);
            inner.or_else(|| Some((place.clone(), clash(&demands, stages)?))).or_else(|| {
                // Each choice may be possible by itself and none beside the rest.
                let choices = (0..).zip(parts).filter_map(|(number, part)| match part {
                    Condition::Any(choices) => Some((place.item(number).key("any"), choices)),
                    _ => None,
                });
                let never_beside = |choice: &Condition| {
                    clash(&demands.iter().copied().chain(self::demands(choice)).collect::<Vec<_>>(), stages).is_some()
                };
                let mut hopeless = choices.filter(|(_, choices)| choices.iter().all(never_beside));
                hopeless.next().map(|(place, _)| (place, "no part of it can hold beside the rest".to_owned()))
            })
        }
        Condition::Any(parts) => {
            let place = place.key("any");
            let mut whys = (0..).zip(parts).map(|(number, part)| never(part, &place.item(number), stages));
            if parts.is_empty() {
                return Some((place, "any of nothing, which never holds".to_owned()));
            }
            whys.all(|why| why.is_some()).then(|| (place, "no part of it can hold".to_owned()))
        }
        Condition::Not(part) => {
            always(part, stages).then(|| (place.key("not"), "the contrary of what always holds".to_owned()))
        }
        Condition::Compare(_) => Some((place.clone(), clash(&demands(condition), stages)?)),
        Condition::Sequence(sequence) => {
            let place = place.key("sequence");
            (0..).zip(&sequence.steps).find_map(|(number, step)| never(step, &place.item(number), stages))
        }
    }
}

/// Whether a condition holds whatever is looked at, for certain.
pub(super) fn always(condition: &Condition, stages: usize) -> bool {
    match condition {
        Condition::All(parts) => parts.iter().all(|part| always(part, stages)),
        Condition::Any(parts) => parts.iter().any(|part| always(part, stages)),
        Condition::Not(part) => never(part, &Place::default(), stages).is_some(),
        Condition::Compare(_) | Condition::Sequence(_) => false,
    }
}

/// Whether a condition demands a trust that this least trust excludes.
pub(super) fn excludes_trust(condition: &Condition, least: Trust) -> bool {
    highest(condition, &Field::Trust).is_some_and(|highest| highest < rank(least))
}

/// Whether only touches of a page can match, none that a server tells of.
pub(super) fn of_pages_alone(condition: &Condition) -> bool {
    excludes_trust(condition, Trust::Server)
}

fn rank(trust: Trust) -> i64 {
    match trust {
        Trust::Browser => 0,
        Trust::Page => 1,
        Trust::Server | Trust::Product => 2,
    }
}

/// The highest number that a field can have where the condition holds; `None`: there is no bound, or no value is fine too.
pub(super) fn highest(condition: &Condition, field: &Field) -> Option<i64> {
    let demands = demands(condition);
    let own: Vec<Demand<'_>> = demands.into_iter().filter(|demand| demand.comparison.field == *field).collect();
    if let Some(candidates) = candidates(&own) {
        return candidates.filter_map(|one| if let Literal::Number(number) = one { Some(*number) } else { None }).max();
    }
    let (_, highest) = range(&own, (i64::MIN, i64::MAX));
    (highest < i64::MAX && own.iter().any(Demand::needs_value)).then_some(highest)
}

/// What must hold whenever the condition does.
fn demands(condition: &Condition) -> Vec<Demand<'_>> {
    match condition {
        Condition::All(parts) => parts.iter().flat_map(demands).collect(),
        Condition::Compare(comparison) => vec![Demand { comparison, wanted: true }],
        Condition::Not(part) => match &**part {
            Condition::Compare(comparison) => vec![Demand { comparison, wanted: false }],
            _ => Vec::new(),
        },
        Condition::Any(_) | Condition::Sequence(_) => Vec::new(),
    }
}

/// What cannot hold together, as people read it.
fn clash(demands: &[Demand<'_>], stages: usize) -> Option<String> {
    demands.iter().enumerate().find_map(|(place, first)| {
        let field = &first.comparison.field;
        let same = |demand: &&Demand<'_>| demand.comparison.field == *field;
        // Each field once, where it comes first.
        if demands.iter().take(place).any(|before| same(&before)) {
            return None;
        }
        let own: Vec<Demand<'_>> = demands.iter().filter(same).copied().collect();
        let texts = || own.iter().map(Demand::text).collect::<Vec<_>>().join(" and ");
        (!satisfiable(&own, domain(field, stages))).then(|| format!("{}, which never holds", texts()))
    })
}

/// Whether one value, or none, meets all of these demands on one field.
fn satisfiable(demands: &[Demand<'_>], domain: (i64, i64)) -> bool {
    let needs_value = demands.iter().any(Demand::needs_value);
    if demands.iter().any(Demand::forbids_value) {
        return !needs_value;
    }
    if !needs_value {
        return true;
    }
    // A set may hold several: only the same text, wanted and not, is too much.
    let held = |wanted: bool| {
        demands.iter().filter(move |demand| demand.wanted == wanted).filter_map(|demand| {
            match &demand.comparison.test {
                Test::Has(text) => Some(text),
                _ => None,
            }
        })
    };
    if held(true).any(|text| held(false).any(|other| other == text)) {
        return false;
    }
    let (lowest, highest) = range(demands, domain);
    match candidates(demands) {
        Some(mut candidates) => candidates.any(|literal| {
            let inside =
                if let Literal::Number(number) = literal { (domain.0..=domain.1).contains(number) } else { true };
            inside && demands.iter().all(|demand| demand.admits(literal))
        }),
        None => lowest <= highest,
    }
}

/// The values that the field can have at most, where a demand lists them.
fn candidates<'c>(demands: &[Demand<'c>]) -> Option<impl Iterator<Item = &'c Literal> + use<'c>> {
    let list = demands.iter().find_map(|demand| match (&demand.comparison.test, demand.wanted) {
        (Test::Equal(literal), true) | (Test::NotEqual(literal), false) => Some(std::slice::from_ref(literal)),
        (Test::In(list), true) => Some(list.as_slice()),
        _ => None,
    });
    list.map(|list| list.iter())
}

/// The numbers that the orders among the demands leave.
fn range(demands: &[Demand<'_>], domain: (i64, i64)) -> (i64, i64) {
    demands.iter().fold(domain, |(lowest, highest), demand| {
        let Test::Order(order, bound) = demand.comparison.test else { return (lowest, highest) };
        let order = if demand.wanted { order } else { opposite(order) };
        match order {
            Order::Above => (lowest.max(bound.saturating_add(1)), highest),
            Order::AtLeast => (lowest.max(bound), highest),
            Order::Below => (lowest, highest.min(bound.saturating_sub(1))),
            Order::AtMost => (lowest, highest.min(bound)),
        }
    })
}

const fn opposite(order: Order) -> Order {
    match order {
        Order::Above => Order::AtMost,
        Order::AtLeast => Order::Below,
        Order::Below => Order::AtLeast,
        Order::AtMost => Order::Above,
    }
}

/// The numbers that a field can have at all.
fn domain(field: &Field, stages: usize) -> (i64, i64) {
    match field {
        Field::Trust => (0, rank(Trust::Server)),
        Field::Stage => (0, i64::try_from(stages).unwrap_or(i64::MAX).saturating_sub(1)),
        Field::Date => (101, 1_231),
        Field::Count(_)
        | Field::Recent(..)
        | Field::VisitNumber
        | Field::Visits(_)
        | Field::VisitDays(_)
        | Field::Touchpoints
        | Field::Quantity
        | Field::CartQuantity
        | Field::CartValue
        | Field::LastSeen => (0, i64::MAX),
        _ => (i64::MIN, i64::MAX),
    }
}

/// Whether a value passes a test.
pub(super) fn admits(test: &Test, literal: &Literal) -> bool {
    match test {
        Test::Exists(wanted) => *wanted,
        Test::Has(_) => true,
        Test::Glob(globs) => match literal {
            Literal::Text(text) => globs.iter().any(|glob| glob.matches(text)),
            _ => false,
        },
        Test::Equal(wanted) => wanted == literal,
        Test::NotEqual(unwanted) => unwanted != literal,
        Test::In(list) => list.contains(literal),
        Test::Order(order, bound) => match literal {
            Literal::Number(number) => match order {
                Order::Above => number > bound,
                Order::AtLeast => number >= bound,
                Order::Below => number < bound,
                Order::AtMost => number <= bound,
            },
            _ => false,
        },
    }
}

impl Demand<'_> {
    fn needs_value(&self) -> bool {
        match &self.comparison.test {
            Test::Exists(there) => *there == self.wanted,
            Test::NotEqual(_) => !self.wanted,
            _ => self.wanted,
        }
    }

    fn forbids_value(&self) -> bool {
        matches!(&self.comparison.test, Test::Exists(there) if *there != self.wanted)
    }

    fn admits(&self, literal: &Literal) -> bool {
        admits(&self.comparison.test, literal) == self.wanted
    }

    fn text(&self) -> String {
        let text = &self.comparison.text;
        if self.wanted { text.clone() } else { format!("not {text}") }
    }
}
