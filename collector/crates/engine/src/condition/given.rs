//! What is left to ask of a condition once the event is known: rules are looked up by event, and need not ask again.

use super::{Comparison, Condition, Field, Value};

/// What is left of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Given {
    /// Nothing: it holds, or it does not.
    Decided(bool),
    /// All of it: it does not ask for the event.
    Whole,
    /// This.
    Rest(Condition),
}

impl Condition {
    /// What is left to ask of a touch of this event. Steps of sequences are about other touches.
    pub(crate) fn given(&self, event: &str) -> Given {
        match self {
            Self::All(parts) => joined(parts, event, false, Self::All),
            Self::Any(parts) => joined(parts, event, true, Self::Any),
            Self::Not(part) => match part.given(event) {
                Given::Decided(holds) => Given::Decided(!holds),
                Given::Whole => Given::Whole,
                Given::Rest(rest) => Given::Rest(Self::Not(Box::new(rest))),
            },
            Self::Compare(Comparison { field: Field::Event, test, .. }) => {
                Given::Decided(test.admits(Some(Value::Text(event))))
            }
            Self::Compare(_) | Self::Sequence(_) => Given::Whole,
        }
    }
}

/// What is left of parts that are decided together by the first one that is `decisive`.
fn joined(parts: &[Condition], event: &str, decisive: bool, join: fn(Vec<Condition>) -> Condition) -> Given {
    let given: Vec<Given> = parts.iter().map(|part| part.given(event)).collect();
    if given.contains(&Given::Decided(decisive)) {
        return Given::Decided(decisive);
    }
    if given.iter().all(|one| *one == Given::Whole) && !given.is_empty() {
        return Given::Whole;
    }
    let rest = parts.iter().zip(given).filter_map(|(part, given)| match given {
        Given::Decided(_) => None,
        Given::Whole => Some(part.clone()),
        Given::Rest(rest) => Some(rest),
    });
    let mut rest: Vec<Condition> = rest.collect();
    match (rest.pop(), rest.is_empty()) {
        (None, _) => Given::Decided(!decisive),
        (Some(only), true) => Given::Rest(only),
        (Some(last), false) => {
            rest.push(last);
            Given::Rest(join(rest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::{Literal, Test};

    fn event(name: &str) -> Condition {
        compare(Field::Event, name)
    }

    fn compare(field: Field, text: &str) -> Condition {
        Condition::Compare(Comparison {
            field,
            test: Test::Equal(Literal::Text(text.to_owned())),
            text: text.to_owned(),
        })
    }

    #[test]
    fn what_the_event_decides_is_not_asked_again() {
        let (search, country) = (event("search"), compare(Field::Country, "NL"));
        let both = Condition::All(vec![search.clone(), country.clone()]);
        assert_eq!(search.given("search"), Given::Decided(true));
        assert_eq!(both.given("search"), Given::Rest(country.clone()));
        assert_eq!(both.given("login"), Given::Decided(false));
        assert_eq!(country.given("search"), Given::Whole);
        let either = Condition::Any(vec![search, country.clone()]);
        assert_eq!(either.given("search"), Given::Decided(true));
        assert_eq!(either.given("login"), Given::Rest(country.clone()));
        assert_eq!(Condition::Not(Box::new(either)).given("login"), Given::Rest(Condition::Not(Box::new(country))));
    }

    #[test]
    fn nothing_asked_of_all_holds_and_of_any_does_not() {
        assert_eq!(Condition::All(Vec::new()).given("search"), Given::Decided(true));
        assert_eq!(Condition::Any(Vec::new()).given("search"), Given::Decided(false));
        let two = Condition::All(vec![compare(Field::Country, "NL"), compare(Field::Language, "nl")]);
        assert_eq!(two.given("search"), Given::Whole);
        let three = Condition::All(vec![event("search"), two.clone(), two.clone()]);
        assert_eq!(three.given("search"), Given::Rest(Condition::All(vec![two.clone(), two])));
    }
}
