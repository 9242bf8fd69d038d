//! What a fact could be instead: as far as parts of conditions can tell one thing from another.

use super::what_if::{Fact, Scene, State};
use crate::calendar;
use crate::condition::{Comparison, Facts, Field, Glob, Literal, Test, Value};
use crate::state::bounds;
use crate::text::Text;
use crate::touch::{Channel, Device, PageFacts, Scalar};

/// The most states that one fact is tried in.
const MOST_STATES: usize = 400;
/// The longest path of a page.
const PATH_BYTES: usize = 128;

impl Scene<'_> {
    /// What a fact could be instead, as far as these parts can tell one thing from another; what is least of a change first.
    pub(super) fn states(&self, fact: &Fact, asked: &[&Comparison]) -> Vec<State> {
        let evaluation = self.evaluation;
        let now = |fact: &Fact| match fact {
            Fact::Score(place) => evaluation.scores.get(*place).map_or(0, |points| points.0),
            Fact::Stage => i64::try_from(evaluation.stage.0).unwrap_or_default(),
            _ => i64::from(evaluation.touchpoints),
        };
        let mut states: Vec<State> = match fact {
            Fact::Score(_) => nearest(numbers(asked), now(fact)),
            Fact::Stage => {
                let stages = i64::try_from(self.model.stages.iter().len()).unwrap_or_default();
                nearest((0..stages).collect(), now(fact))
            }
            // What is known of the past can only grow.
            Fact::Touchpoints => nearest(numbers(asked), now(fact))
                .into_iter()
                .filter(|state| matches!(state, State::Number(number) if *number >= now(fact)))
                .collect(),
            Fact::LastSeen => vec![State::Number(0)],
            Fact::Label(_) | Fact::Slot(_) | Fact::Pool(_) | Fact::Offer(_) => {
                vec![State::Otherwise]
            }
            Fact::Attribute(_) | Fact::Context(_) => {
                let mut values = self.scalars(asked);
                values.extend(["true", "false"].map(|word| Some(Scalar::Boolean(word == "true"))));
                values.push(Some(Scalar::Text(Text::cut("other"))));
                values.into_iter().map(State::Scalar).collect()
            }
            Fact::Consent => named(&["granted", "denied", "required", "cookieless"]),
            Fact::Device => named(&Device::NAMES).into_iter().chain([State::Scalar(None)]).collect(),
            Fact::Channel => named(&Channel::NAMES).into_iter().chain([State::Scalar(None)]).collect(),
            Fact::Country => {
                let known = self.scalars(asked).into_iter().map(State::Scalar);
                known.chain(named(&["NL", "BE", "DE", "FR"])).filter(|state| fits(state, 2)).collect()
            }
            Fact::Language => {
                let known = self.scalars(asked).into_iter().map(State::Scalar);
                known.chain(named(&["nl", "en", "de", "fr"])).filter(|state| fits(state, 16)).collect()
            }
            Fact::Page => self.pages(asked),
            Fact::Cart => self.carts(asked),
            Fact::Events(_) | Fact::Visits => self.more(asked),
            Fact::Day | Fact::Happenings => Vec::new(),
        };
        states.truncate(MOST_STATES);
        states
    }

    /// Values that are named, what patterns spell out, none, and numbers beside those that are named.
    fn scalars(&self, asked: &[&Comparison]) -> Vec<Option<Scalar>> {
        let mut values: Vec<Option<Scalar>> = Vec::new();
        let (days, plain): (Vec<&Comparison>, Vec<&Comparison>) =
            asked.iter().partition(|one| matches!(one.field, Field::DaysUntil(_)));
        let text = |text: &str| (text.len() <= 256).then(|| Scalar::Text(Text::cut(text)));
        for comparison in &plain {
            match &comparison.test {
                Test::Equal(literal) | Test::NotEqual(literal) => values.extend(scalar(literal).map(Some)),
                Test::In(list) => values.extend(list.iter().filter_map(scalar).map(Some)),
                Test::Glob(globs) => {
                    values.extend(globs.iter().flat_map(Glob::samples).filter_map(|one| text(&one)).map(Some));
                }
                _ => {}
            }
        }
        values.push(None);
        values.extend(numbers(&plain).into_iter().map(|number| Some(Scalar::Integer(number))));
        let today = calendar::local_day(self.evaluation.at, &self.model.offsets);
        let named_days = numbers(&days).into_iter().filter_map(|ahead| today.checked_add(ahead));
        values.extend(named_days.filter_map(calendar::day_text).filter_map(|day| text(&day)).map(Some));
        values
    }

    fn pages(&self, asked: &[&Comparison]) -> Vec<State> {
        let here = self.moment.page.as_ref();
        let (mut paths, mut hosts) = (Vec::new(), Vec::new());
        let mut patterns: Vec<&Glob> = Vec::new();
        for comparison in asked {
            let texts = match (&comparison.field, &comparison.test) {
                (Field::PagePath, _) => &mut paths,
                (Field::PageHost, _) => &mut hosts,
                (_, Test::Has(tag)) => {
                    let tags = self.model.page_tags.0.iter().filter(|(name, _)| name == tag);
                    patterns.extend(tags.flat_map(|(_, globs)| globs));
                    continue;
                }
                _ => {
                    patterns.extend(self.model.page_tags.0.iter().flat_map(|(_, globs)| globs));
                    continue;
                }
            };
            match &comparison.test {
                Test::Equal(Literal::Text(text)) | Test::NotEqual(Literal::Text(text)) => texts.push(text.clone()),
                Test::In(list) => texts.extend(list.iter().filter_map(|literal| match literal {
                    Literal::Text(text) => Some(text.clone()),
                    _ => None,
                })),
                Test::Glob(globs) if comparison.field == Field::PagePath => patterns.extend(globs),
                Test::Glob(globs) => texts.extend(globs.iter().flat_map(Glob::samples)),
                _ => {}
            }
        }
        paths.extend(patterns.iter().flat_map(|glob| glob.samples()));
        // Where two patterns are to match one path, it begins as one of them and ends as the other.
        let pairs = patterns.iter().flat_map(|one| patterns.iter().map(move |other| (one, other)));
        paths.extend(pairs.filter(|(one, other)| one != other).map(|(one, other)| {
            let begin = one.begins().trim_end_matches('/');
            other.samples().into_iter().next().map_or_else(String::new, |end| format!("{begin}{end}"))
        }));
        paths.extend(["/".to_owned(), "/gloed/other".to_owned()]);
        // As paths are kept: without empty parts, so without a slash at the end.
        let rooted = |path: String| {
            let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
            format!("/{}", parts.join("/"))
        };
        let mut paths: Vec<String> =
            here.map(|page| page.path.to_string()).into_iter().chain(paths.into_iter().map(rooted)).collect();
        paths.retain(|path| path.len() <= PATH_BYTES);
        keep_first(&mut paths);
        hosts.insert(0, here.map_or_else(|| "shop.example".to_owned(), |page| page.host.to_string()));
        if asked.iter().any(|one| one.field == Field::PageHost) {
            hosts.push("other.example".to_owned());
        }
        hosts.retain(|host| !host.is_empty() && host.len() <= PATH_BYTES);
        keep_first(&mut hosts);
        let page =
            |host: &String, path: &String| PageFacts { host: Text::cut(host), path: Text::cut(path), title: None };
        let pages = hosts.iter().flat_map(|host| paths.iter().map(move |path| page(host, path)));
        pages.map(|page| State::Page(Some(page))).chain([State::Page(None)]).collect()
    }

    /// A cart without pieces has no worth; one whose worth is known keeps one.
    fn carts(&self, asked: &[&Comparison]) -> Vec<State> {
        let cart = self.evaluation.cart;
        let of = |field: &Field| {
            let about: Vec<&Comparison> = asked.iter().copied().filter(|one| one.field == *field).collect();
            numbers(&about)
        };
        let (held, worth) = (cart.quantity, cart.value.map(|value| value.minor));
        let mut pieces: Vec<i64> = [held, 1, 0].into_iter().chain(of(&Field::CartQuantity)).collect();
        pieces.retain(|pieces| *pieces >= 0);
        let asks = of(&Field::CartValue);
        let mut worths: Vec<Option<i64>> = [worth].into_iter().chain(asks.into_iter().map(Some)).collect();
        if asked.iter().any(|one| one.field == Field::CartValue) {
            worths.push(Some(0));
        }
        worths.retain(|worth| worth.is_none_or(|worth| worth >= 0));
        keep_first(&mut pieces);
        keep_first(&mut worths);
        let mut carts: Vec<(i64, Option<i64>)> =
            pieces.iter().flat_map(|pieces| worths.iter().map(move |worth| (*pieces, *worth))).collect();
        carts.iter_mut().filter(|(pieces, _)| *pieces == 0).for_each(|(_, worth)| *worth = None);
        // What one has a price, all have: a worth is not lost while there are pieces.
        carts.retain(|(pieces, now)| *pieces == 0 || now.is_some() || worth.is_none());
        keep_first(&mut carts);
        carts.sort_by_key(|(pieces, now)| {
            let apart = |one: Option<i64>, other: Option<i64>| one.unwrap_or(0).abs_diff(other.unwrap_or(0));
            (u8::from(*pieces != held) + u8::from(*now != worth), pieces.abs_diff(held), apart(*now, worth))
        });
        carts.into_iter().map(|(pieces, worth)| State::Cart(pieces, worth)).collect()
    }

    /// How many more could make a difference.
    fn more(&self, asked: &[&Comparison]) -> Vec<State> {
        let facts = self.facts();
        let mut more: Vec<u32> = vec![1];
        for comparison in asked {
            let Some(Value::Number(held)) = facts.value(&comparison.field) else { continue };
            let apart = numbers(&[comparison]).into_iter().filter_map(|number| number.checked_sub(held));
            more.extend(apart.filter_map(|apart| u32::try_from(apart).ok()).filter(|more| (1..=10_000).contains(more)));
        }
        more.sort_unstable();
        more.dedup();
        more.into_iter().map(State::More).collect()
    }
}

/// Each number that parts compare with, and its neighbours: between them nothing changes.
fn numbers(asked: &[&Comparison]) -> Vec<i64> {
    let beside = |number: i64| [number.saturating_sub(1), number, number.saturating_add(1)];
    let mut numbers: Vec<i64> = asked.iter().flat_map(|one| bounds(&one.test)).flat_map(beside).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

fn nearest(mut numbers: Vec<i64>, now: i64) -> Vec<State> {
    numbers.sort_by_key(|number| (number.abs_diff(now), *number));
    numbers.into_iter().map(State::Number).collect()
}

fn named(names: &[&str]) -> Vec<State> {
    names.iter().map(|name| State::Scalar(Some(Scalar::Text(Text::cut(name))))).collect()
}

fn fits(state: &State, bytes: usize) -> bool {
    match state {
        State::Scalar(None) => true,
        State::Scalar(Some(Scalar::Text(text))) => text.len() <= bytes,
        _ => false,
    }
}

fn scalar(literal: &Literal) -> Option<Scalar> {
    match literal {
        Literal::Text(text) => (text.len() <= 256).then(|| Scalar::Text(Text::cut(text))),
        Literal::Number(number) => Some(Scalar::Integer(*number)),
        Literal::Boolean(truth) => Some(Scalar::Boolean(*truth)),
    }
}

/// Lets go of what was there before, in the list.
fn keep_first<T: PartialEq>(list: &mut Vec<T>) {
    let mut place = 0;
    while place < list.len() {
        let (before, rest) = list.split_at(place);
        if rest.first().is_some_and(|one| before.contains(one)) {
            list.remove(place);
        } else {
            place += 1;
        }
    }
}
