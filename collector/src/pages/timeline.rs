//! What a visitor did and what the product did, newest first, by day and visit.

use std::collections::BTreeMap;

use engine::decide::{REDEEMED, SEED_PROPERTY, SHARES_PROPERTY};
use engine::sessions::{self, SESSION_GAP};
use engine::touch::event;
use engine::{Cause, Evaluation, Lead, Millis, Points, Suspicion, Touch, TouchId, Trust};

use super::language::Language;
use super::names::Name;
use super::when::{Times, When};
use crate::budget::{COST_PROPERTY, DAY_PROPERTY, HOLDER_PROPERTY};
use crate::coupon::redemption::LEAKED;

/// Items that one event shows.
const ITEMS: usize = 5;

/// One day.
pub(super) struct Day {
    pub(super) name: String,
    pub(super) groups: Vec<Group>,
}

/// A visit, or what happened outside one.
pub(super) struct Group {
    /// `Visit 3`; none for what happened outside the shop, or is held.
    pub(super) visit: Option<String>,
    /// Whether nothing of it counts.
    pub(super) held: bool,
    pub(super) from: When,
    pub(super) to: When,
    /// Device, channel, campaign.
    pub(super) facts: Vec<String>,
    pub(super) entries: Vec<Entry>,
}

/// One touch.
pub(super) struct Entry {
    pub(super) time: When,
    /// In words, or as the shop calls it.
    pub(super) event: String,
    /// Whether `event` is the shop's own name.
    pub(super) custom: bool,
    /// `by Gloed`, `from the server`.
    pub(super) source: Option<&'static str>,
    pub(super) page: Option<(String, String)>,
    pub(super) offer: Option<String>,
    pub(super) code: Option<String>,
    pub(super) items: Vec<String>,
    pub(super) more_items: usize,
    pub(super) value: Option<String>,
    pub(super) properties: Vec<(Name, String)>,
    /// What it gave when it happened.
    pub(super) points: Option<String>,
    /// Why it counts for nothing.
    pub(super) held: Option<&'static str>,
}

/// A run of touches that belong together.
struct Run<'a> {
    visit: Option<u32>,
    /// Of a device that has shown no person: no visit.
    held: bool,
    last: Millis,
    /// Where its first touch came from.
    source: &'a engine::SourceFacts,
    touches: Vec<usize>,
}

/// The last `most` touches of a lead.
pub(super) fn days(lead: &Lead, evaluation: &Evaluation, times: &Times<'_>, most: usize) -> Vec<Day> {
    let touches = lead.touches();
    let hidden = touches.len().saturating_sub(most);
    let given = given(evaluation);
    let held: BTreeMap<&TouchId, Suspicion> = evaluation.quarantined.iter().map(|(id, why)| (id, *why)).collect();
    let mut runs = runs(touches, |touch| held.contains_key(&touch.id));
    runs.sort_by_key(|run| std::cmp::Reverse(run.last));
    let mut days: Vec<Day> = Vec::new();
    for run in runs {
        let shown: Vec<&Touch> =
            run.touches.iter().filter(|place| **place >= hidden).map(|place| &touches[*place]).collect();
        let (Some(first), Some(last)) = (shown.first(), shown.last()) else { continue };
        // What the product did may come after the visitor left.
        let theirs = || shown.iter().filter(|touch| touch.trust != Trust::Product);
        let mut entries: Vec<Entry> = Vec::with_capacity(shown.len());
        let mut page = None;
        for touch in &shown {
            let mut entry = entry(touch, &given, times);
            entry.held = held.get(&touch.id).map(|why| times.language.suspicion(*why));
            if let Some(fold) = lead.fold(touch) {
                entry.event = format!("{} × {}", fold.count, entry.event);
            }
            // Said once for all that happened on it.
            let same = touch.page.is_some() && touch.page == page && !touch.is(event::PAGE_VIEW);
            page = touch.page.clone().or(page);
            entries.push(if same { Entry { page: None, ..entry } } else { entry });
        }
        entries.reverse();
        let group = Group {
            visit: run.visit.map(|number| times.language.visit(number)),
            held: run.held,
            from: times.at(theirs().next().unwrap_or(first).time),
            to: times.at(theirs().next_back().unwrap_or(last).time),
            facts: facts(&shown, times.language),
            entries,
        };
        let name = times.day(last.time);
        match days.last_mut() {
            Some(day) if day.name == name => day.groups.push(group),
            _ => days.push(Day { name, groups: vec![group] }),
        }
    }
    days
}

/// What each touch gave when it happened.
fn given(evaluation: &Evaluation) -> BTreeMap<&TouchId, Points> {
    let mut given = BTreeMap::new();
    for line in &evaluation.lines {
        if let Cause::Touch { touch } | Cause::Fold { touch, .. } = &line.cause {
            *given.entry(touch).or_insert(Points::ZERO) += line.points_then;
        }
    }
    given
}

/// Visits, numbered as the engine counts them. What the product did belongs to the visit that goes on; what a server tells stands alone. What a
/// page told and is `held` makes no visit, and stands apart too.
fn runs(touches: &[Touch], held: impl Fn(&Touch) -> bool) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    let mut open: BTreeMap<(&str, bool), usize> = BTreeMap::new();
    let (mut latest, mut visits) = (None, 0);
    for (place, touch) in touches.iter().enumerate() {
        let visiting = touch.trust < Trust::Server || (touch.trust == Trust::Server && touch.page.is_some());
        let apart = visiting && held(touch);
        let going_on = if visiting {
            let last = open.get(&(touch.stream.as_str(), apart)).copied();
            last.filter(|run| sessions::goes_on(runs[*run].last, runs[*run].source, touch))
        } else {
            latest
                .filter(|run: &usize| touch.trust == Trust::Product || (runs[*run].visit.is_none() && !runs[*run].held))
                .filter(|run| touch.time.since(runs[*run].last) < SESSION_GAP)
        };
        let run = going_on.unwrap_or_else(|| {
            let counts = visiting && !apart;
            visits += u32::from(counts);
            let visit = counts.then_some(visits);
            runs.push(Run { visit, held: apart, last: touch.time, source: &touch.source, touches: Vec::new() });
            runs.len() - 1
        });
        if visiting {
            open.insert((touch.stream.as_str(), apart), run);
        }
        // What the product does makes no visit longer.
        if visiting || runs[run].visit.is_none() {
            runs[run].last = touch.time;
        }
        latest = Some(run);
        runs[run].touches.push(place);
    }
    runs
}

fn facts(touches: &[&Touch], language: Language) -> Vec<String> {
    let Some(first) = touches.iter().find(|touch| touch.trust != Trust::Product) else { return Vec::new() };
    let mut facts = Vec::new();
    if first.page.is_some() {
        let channel = language.channel(first.source.channel);
        facts.push(match (&first.source.source, &first.source.referrer_host) {
            (Some(from), _) => format!("{channel} ({from})"),
            (None, Some(from)) => format!("{channel} ({from})"),
            (None, None) => channel.to_owned(),
        });
    }
    facts.extend(first.source.campaign.as_ref().map(|name| format!("{} {name}", language.words().of_campaign)));
    facts.extend(touches.iter().find_map(|touch| touch.device).map(|device| language.device(device).to_owned()));
    facts
}

fn entry(touch: &Touch, given: &BTreeMap<&TouchId, Points>, times: &Times<'_>) -> Entry {
    let language = times.language;
    let words = language.words();
    let known = language.event(touch.name.as_str());
    let of_code = touch.trust == Trust::Product && [event::GRANTED, REDEEMED, LEAKED].iter().any(|name| touch.is(name));
    let code = touch.properties.get(event::CODE_PROPERTY).filter(|_| of_code);
    let property = |(name, value): (&str, &engine::Scalar)| {
        let value = language.scalar(value);
        let value = if name == "stage" { language.stage(&value).to_owned() } else { value };
        (Name::of(name, language), value)
    };
    let removed = touch.removed.iter().map(|name| (Name::of(name.as_str(), language), "–".to_owned()));
    Entry {
        time: times.at(touch.time),
        event: known.map_or_else(|| touch.name.to_string(), str::to_owned),
        custom: known.is_none(),
        source: match touch.trust {
            Trust::Product => Some(words.by_gloed),
            Trust::Server => Some(words.from_server),
            Trust::Browser | Trust::Page => None,
        },
        page: touch
            .page
            .as_ref()
            .map(|page| (page.title.as_ref().map(ToString::to_string).unwrap_or_default(), page.path.to_string())),
        offer: touch.offer.as_ref().map(ToString::to_string),
        items: touch.items.iter().take(ITEMS).map(|item| item_words(item, language)).collect(),
        more_items: touch.items.len().saturating_sub(ITEMS),
        value: touch.value.map(|value| language.money(value)),
        properties: match code {
            Some(_) => Vec::new(),
            None => touch
                .properties
                .iter()
                .filter(|(name, _)| !is_ledger_work(touch, name))
                .map(property)
                .chain(removed)
                .collect(),
        },
        code: code.map(ToString::to_string),
        held: None,
        points: given.get(&touch.id).map(|points| language.signed_points(*points)),
    }
}

/// What our own touches note for later decisions, and says nothing to a person.
fn is_ledger_work(touch: &Touch, name: &str) -> bool {
    let notes = [SHARES_PROPERTY, SEED_PROPERTY, HOLDER_PROPERTY, DAY_PROPERTY, COST_PROPERTY];
    touch.trust == Trust::Product && notes.contains(&name)
}

/// `2 × Regenjas (€ 79,95)`
fn item_words(item: &engine::Item, language: Language) -> String {
    let name = item.name.as_ref().map_or_else(|| item.id.to_string(), ToString::to_string);
    let count = if item.quantity == 1 { String::new() } else { format!("{} × ", item.quantity) };
    let price = item.price.map(|price| format!(" ({})", language.money(price))).unwrap_or_default();
    format!("{count}{name}{price}")
}

#[cfg(test)]
mod tests {
    use engine::{EventName, StreamId};

    use super::*;

    #[test]
    fn visits_are_grouped_as_the_engine_counts_them() {
        // given two visits of one stream, one of another in between, and what the product did in the last
        let touch = |number: i64, minute: i64, stream: &str, trust: Trust| {
            let id = TouchId::parse(&format!("t{number}")).unwrap();
            let mut touch = Touch::new(
                id,
                EventName::parse("page_view").unwrap(),
                StreamId::parse(stream).unwrap(),
                Millis(minute * 60_000),
            );
            touch.trust = trust;
            touch
        };
        let touches = [
            touch(1, 0, "stream-a", Trust::Browser),
            touch(2, 29, "stream-a", Trust::Browser),
            touch(3, 40, "stream-b", Trust::Browser),
            touch(4, 100, "stream-a", Trust::Browser),
            touch(5, 101, "gloed-product", Trust::Product),
            touch(6, 500, "mail-server", Trust::Server),
        ];
        let shape = |runs: &[Run]| -> Vec<(Option<u32>, Vec<usize>)> {
            runs.iter().map(|run| (run.visit, run.touches.clone())).collect()
        };
        // when they are grouped
        let grouped = runs(&touches, |_| false);
        // then the product's doing lies in the visit that went on, and the server's word in none
        let visits = [(Some(1), vec![0, 1]), (Some(2), vec![2]), (Some(3), vec![3, 4]), (None, vec![5])];
        assert_eq!(shape(&grouped), visits);
        // and what is held is no visit, so that the others are numbered without it
        let grouped = runs(&touches, |touch| touch.stream.as_str() == "stream-b");
        let visits = [(Some(1), vec![0, 1]), (None, vec![2]), (Some(2), vec![3, 4]), (None, vec![5])];
        assert_eq!((shape(&grouped), grouped[1].held), (visits.to_vec(), true));
    }
}
