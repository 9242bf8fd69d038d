//! What is known of a visitor at an instant, found out anew for every question, and whether a condition holds.

use engine::condition::{Comparison, Condition, Field, Literal, Order, Sequence, Test, Value};
use engine::touch::{Scalar, event};
use engine::{Channel, Millis, Model, SourceFacts, Span, StageIndex, Touch, Trust};

use super::calendar;

/// A label that was given.
pub(super) struct Gift<'a> {
    pub(super) label: &'a str,
    pub(super) until: Option<Millis>,
}

/// A visitor as of the touches taken, at an instant.
pub(super) struct Visitor<'v, 'a> {
    pub(super) model: &'a Model,
    pub(super) touches: &'a [Touch],
    pub(super) counts: &'v [bool],
    pub(super) gifts: &'v [Gift<'a>],
    pub(super) now: Millis,
    /// As it was just before.
    pub(super) stage: StageIndex,
    /// The touch that a rule or label asks about.
    pub(super) about: Option<&'a Touch>,
    /// Whose attributes count.
    pub(super) least: Trust,
}

/// Of the tellings of one order the most trusted counts, of these the first; any other touch counts.
pub(super) fn counting(touches: &[Touch]) -> Vec<bool> {
    let order = |touch: &'_ Touch| tells_of_order(touch).then(|| (touch.name.clone(), touch.transaction.clone()));
    let better = |place: usize, touch: &Touch| {
        touches.iter().enumerate().any(|(other, rival)| {
            order(rival) == order(touch) && (rival.trust > touch.trust || (rival.trust == touch.trust && other < place))
        })
    };
    touches.iter().enumerate().map(|(place, touch)| !tells_of_order(touch) || !better(place, touch)).collect()
}

fn tells_of_order(touch: &Touch) -> bool {
    (touch.is(event::PURCHASE) || touch.is(event::REFUND)) && touch.transaction.is_some()
}

/// The sessions of some touches.
struct Sessions {
    begun: Vec<Millis>,
    touchpoints: i64,
    channel: Option<Channel>,
}

impl<'a> Visitor<'_, 'a> {
    /// Whether a condition holds, which what is unknown never does.
    pub(super) fn holds(&self, condition: &Condition) -> bool {
        self.truth(condition) == Some(true)
    }

    /// Whether it holds, does not, or is not known.
    fn truth(&self, condition: &Condition) -> Option<bool> {
        match condition {
            Condition::Sequence(sequence) => {
                let sure = self.happened(sequence, &|truth| truth == Some(true), &|truth| truth != Some(false));
                let possible = self.happened(sequence, &|truth| truth != Some(false), &|truth| truth == Some(true));
                if sure == possible { Some(sure) } else { None }
            }
            _ => plain(
                condition,
                &|inner| self.truth(inner),
                &|field| self.about.is_none_or(|touch| touch.tells(field)),
                &|field| self.value(field),
                &|field| self.set(field),
            ),
        }
    }

    /// Touches that match each step in turn, nothing that spoils it after the first, all of it inside `within`. What counts
    /// as matching, and as spoiling, is asked of what is known of it.
    fn happened(
        &self,
        sequence: &Sequence,
        counts: &dyn Fn(Option<bool>) -> bool,
        spoils: &dyn Fn(Option<bool>) -> bool,
    ) -> bool {
        let foreign = |touch: &Touch| touch.trust < Trust::Product;
        let matches =
            |touch: &Touch, condition: &Condition| foreign(touch) && counts(step(self.model, touch, condition));
        let ends = |touch: &Touch, condition: &Condition| foreign(touch) && spoils(step(self.model, touch, condition));
        let inside = |touch: &Touch| sequence.within.is_none_or(|within| touch.time >= self.now - within);
        // A fold is one touch here, however many it stands for.
        let mut seen: Vec<&Touch> = self.touches.iter().collect();
        seen.dedup_by(|later, before| later.is_fold() && later.id == before.id);
        let begins = |place: usize| {
            let later = &seen[place + 1..];
            let spoilt =
                sequence.without.as_ref().is_some_and(|without| later.iter().any(|touch| ends(touch, without)));
            let mut rest = later.iter();
            let follows = sequence.steps[1..].iter().all(|wanted| rest.any(|touch| matches(touch, wanted)));
            inside(seen[place]) && matches(seen[place], &sequence.steps[0]) && !spoilt && follows
        };
        (0..seen.len()).any(begins)
    }

    fn set(&self, field: &Field) -> Vec<&str> {
        match (field, self.about) {
            (Field::Label, _) => {
                let held = self.gifts.iter().filter(|gift| gift.until.is_none_or(|until| self.now < until));
                held.map(|gift| gift.label).collect()
            }
            (_, Some(touch)) => touch_set(self.model, touch, field),
            _ => Vec::new(),
        }
    }

    fn value(&self, field: &Field) -> Option<Value<'a>> {
        let number = |count: usize| Some(Value::Number(i64::try_from(count).unwrap()));
        match field {
            Field::Stage => number(self.stage.0),
            Field::Attribute(name) => self.attribute(name).map(Value::from),
            Field::Count(name) => number(self.named(name).count()),
            Field::Recent(span, name) => number(self.named(name).filter(|touch| self.now - touch.time < *span).count()),
            Field::VisitNumber => number(self.sessions().begun.len()),
            Field::Visits(span) => {
                number(self.sessions().begun.iter().filter(|begun| self.now - **begun < *span).count())
            }
            Field::Touchpoints => Some(Value::Number(self.sessions().touchpoints)),
            Field::Consent => {
                let told = self.foreign().filter(|touch| touch.is(event::CONSENT));
                let states = told.filter_map(|touch| touch.properties.get("state").and_then(Scalar::text));
                Some(Value::Text(states.last().unwrap_or("granted")))
            }
            Field::VisitDays(span) => {
                let begun = self.sessions().begun.into_iter().filter(|begun| self.now - *begun < *span);
                let days = begun.map(|begun| calendar::local_day(begun, &self.model.offsets));
                number(days.collect::<std::collections::BTreeSet<_>>().len())
            }
            Field::Channel | Field::Campaign | Field::Source if self.about.is_some() => {
                self.came_from(self.about?, field)
            }
            _ if self.about.is_some() => touch_value(self.model, self.about?, field),
            Field::CartQuantity => Some(Value::Number(self.cart().0)),
            Field::CartValue => self.cart().1.map(Value::Number),
            Field::LastSeen => {
                // What systems of the shop write of somebody, or send them, says nothing of where they are.
                let written = "email_sent set_attributes label_added label_removed call_outcome refund";
                let by_systems =
                    |touch: &Touch| touch.trust == Trust::Server && written.split(' ').any(|name| touch.is(name));
                let seen = self.foreign().filter(|touch| !by_systems(touch)).last();
                seen.map(|touch| Value::Number((self.now - touch.time).0))
            }
            Field::Date => Some(Value::Number(calendar::year_day(self.today()))),
            Field::DaysUntil(name) => {
                let day = calendar::day(self.attribute(name)?.text()?)?;
                Some(Value::Number(day - self.today()))
            }
            Field::Country => self.foreign().filter_map(|touch| touch.country.as_deref()).last().map(Value::Text),
            Field::Device => self.foreign().filter_map(|touch| touch.device).last().map(|one| Value::Text(one.name())),
            Field::Language => self.foreign().filter_map(|touch| touch.language.as_deref()).last().map(Value::Text),
            Field::Channel => self.sessions().channel.map(|channel| Value::Text(channel.name())),
            _ => None,
        }
    }

    /// Where the visit that a touch is part of began: walked back, touch by touch, to its beginning.
    fn came_from(&self, touch: &'a Touch, field: &Field) -> Option<Value<'a>> {
        let visits = |touch: &&Touch| touch.trust < Trust::Server || touch.page.is_some();
        let mut first = touch;
        if visits(&touch) {
            let taken = self.touches.iter().filter(|one| one.trust < Trust::Product && visits(one));
            let stream: Vec<&Touch> = taken.filter(|one| one.stream == touch.stream).collect();
            let mut began = stream[0];
            for pair in stream.windows(2) {
                let (last, next) = (pair[0], pair[1]);
                if ends(&began.source, last.time, next) {
                    began = next;
                }
            }
            first = began;
        }
        touch_value(self.model, first, field)
    }

    fn today(&self) -> i64 {
        calendar::local_day(self.now, &self.model.offsets)
    }

    /// Touches that are not our own.
    fn foreign(&self) -> impl Iterator<Item = &'a Touch> + use<'a> {
        self.touches.iter().filter(|touch| touch.trust < Trust::Product)
    }

    fn named(&self, name: &str) -> impl Iterator<Item = &'a Touch> {
        self.touches
            .iter()
            .zip(self.counts)
            .filter(move |(touch, counts)| **counts && touch.is(name))
            .map(|(one, _)| one)
    }

    /// The value set last by whom is trusted most.
    fn attribute(&self, name: &str) -> Option<&'a Scalar> {
        let mut held: Option<(Trust, &Scalar)> = None;
        for touch in self.foreign().filter(|touch| touch.is(event::SET_ATTRIBUTES)) {
            let may_change = held.is_none_or(|(trust, _)| trust <= touch.trust);
            if may_change && touch.removed.iter().any(|removed| removed.as_str() == name) {
                held = None;
            }
            if let Some(value) = touch.properties.get(name).filter(|_| may_change) {
                held = Some((touch.trust, value));
            }
        }
        held.filter(|(trust, _)| *trust >= self.least).map(|(_, value)| value)
    }

    /// Pieces and worth: added less removed since the last purchase, and never less than nothing.
    fn cart(&self) -> (i64, Option<i64>) {
        let (mut pieces, mut worth) = (0, None);
        for (place, touch) in self.touches.iter().enumerate().filter(|(_, touch)| touch.trust < Trust::Product) {
            let sign = match touch.name.as_str() {
                event::ADD_TO_CART => 1,
                event::REMOVE_FROM_CART => -1,
                event::PURCHASE => {
                    let told = |before: &Touch| {
                        tells_of_order(touch) && before.is(event::PURCHASE) && before.transaction == touch.transaction
                    };
                    if !self.touches[..place].iter().any(told) {
                        (pieces, worth) = (0, None);
                    }
                    continue;
                }
                _ => continue,
            };
            pieces = (pieces + sign * if touch.items.is_empty() { 1 } else { touch.quantity() }).max(0);
            if let Some(value) = touch.value.filter(|value| value.currency == self.model.currency) {
                worth = Some((worth.unwrap_or(0) + sign * value.minor).max(0));
            }
            if pieces == 0 {
                worth = None;
            }
        }
        (pieces, worth)
    }

    /// The sessions of each stream.
    fn sessions(&self) -> Sessions {
        let gap = Span::minutes(30);
        // Of each stream: the last touch of its session, and where the session came from.
        let mut open: Vec<(&str, Millis, &SourceFacts)> = Vec::new();
        let mut told: Vec<(&str, &str, Millis)> = Vec::new();
        let mut sessions = Sessions { begun: Vec::new(), touchpoints: 0, channel: None };
        for touch in self.foreign() {
            let stream = touch.stream.as_str();
            if touch.trust == Trust::Server && touch.page.is_none() {
                let name = touch.name.as_str();
                let known = told.iter().rev().find(|(held, event, _)| (*held, *event) == (stream, name));
                if known.is_none_or(|(.., last)| touch.time - *last >= gap) {
                    sessions.touchpoints += 1;
                }
                told.push((stream, name, touch.time));
                continue;
            }
            match open.iter_mut().rev().find(|(held, ..)| *held == stream) {
                Some((_, last, began)) if !ends(began, *last, touch) => {
                    *last = touch.time;
                    sessions.channel = Some(began.channel);
                }
                _ => {
                    open.push((stream, touch.time, &touch.source));
                    sessions.begun.push(touch.time);
                    sessions.touchpoints += 1;
                    sessions.channel = Some(touch.source.channel);
                }
            }
        }
        sessions
    }
}

/// A session ends after thirty minutes without a touch of its stream, or when a touch names another campaign (an advertiser's
/// click counts as naming one). Back from paying there are three hours.
fn ends(began: &SourceFacts, last: Millis, next: &Touch) -> bool {
    let paid = |from: &SourceFacts| (from.channel == Channel::Paid).then_some("paid");
    let names = |from: &SourceFacts| {
        let texts = [&from.source, &from.medium, &from.campaign].map(|text| text.as_ref().map(ToString::to_string));
        texts.into_iter().chain([paid(from).map(str::to_owned)]).collect::<Vec<_>>()
    };
    let back = next.source.channel == Channel::Direct && next.source.referrer_host.is_some();
    let patience = if back { Span::minutes(3 * 60) } else { Span::minutes(30) };
    let other = names(&next.source).into_iter().zip(names(began)).any(|(new, old)| new.is_some() && new != old);
    next.time - last >= patience || other
}

/// A step of a sequence looks at its touch alone.
fn step(model: &Model, touch: &Touch, condition: &Condition) -> Option<bool> {
    plain(
        condition,
        &|inner| step(model, touch, inner),
        &|field| touch.tells(field),
        &|field| touch_value(model, touch, field),
        &|field| touch_set(model, touch, field),
    )
}

fn touch_value<'a>(model: &Model, touch: &'a Touch, field: &Field) -> Option<Value<'a>> {
    match field {
        Field::Event => Some(Value::Text(touch.name.as_str())),
        Field::PagePath => touch.page.as_ref().map(|page| Value::Text(page.path.as_str())),
        Field::Value => {
            touch.value.filter(|money| money.currency == model.currency).map(|one| Value::Number(one.minor))
        }
        Field::Channel => Some(Value::Text(touch.source.channel.name())),
        Field::PageHost => {
            touch.page.as_ref().map(|page| page.host.as_str()).filter(|host| !host.is_empty()).map(Value::Text)
        }
        Field::Quantity => (!touch.items.is_empty()).then(|| Value::Number(touch.quantity())),
        Field::Source => touch.source.source.as_deref().map(Value::Text),
        Field::Device => touch.device.map(|device| Value::Text(device.name())),
        Field::Campaign => touch.source.campaign.as_deref().map(Value::Text),
        Field::Country => touch.country.as_deref().map(Value::Text),
        Field::Trust => Some(Value::Number(touch.trust as i64)),
        Field::Property(name) => touch.properties.get(name).map(Value::from),
        _ => None,
    }
}

fn touch_set<'m>(model: &'m Model, touch: &'m Touch, field: &Field) -> Vec<&'m str> {
    match (field, &touch.page) {
        (Field::ItemId, _) => touch.items.iter().map(|item| item.id.as_str()).collect(),
        (Field::ItemCategory, _) => touch.items.iter().filter_map(|item| item.category.as_deref()).collect(),
        (Field::PageTag, Some(page)) => {
            model.page_tags.names().filter(|tag| model.page_tags.has(tag, &page.path)).collect()
        }
        _ => Vec::new(),
    }
}

/// The forms that do not look at history: what they say, or nothing where it turns on what is not known.
fn plain<'a, 's>(
    condition: &Condition,
    inner: &dyn Fn(&Condition) -> Option<bool>,
    knows: &dyn Fn(&Field) -> bool,
    value: &dyn Fn(&Field) -> Option<Value<'a>>,
    set: &dyn Fn(&Field) -> Vec<&'s str>,
) -> Option<bool> {
    let parts = |parts: &[Condition], decisive: bool| {
        let said: Vec<Option<bool>> = parts.iter().map(inner).collect();
        match (said.contains(&Some(decisive)), said.contains(&None)) {
            (true, _) => Some(decisive),
            (false, true) => None,
            (false, false) => Some(!decisive),
        }
    };
    match condition {
        Condition::All(all) => parts(all, false),
        Condition::Any(any) => parts(any, true),
        Condition::Not(part) => inner(part).map(|holds| !holds),
        Condition::Sequence(_) => None,
        Condition::Compare(comparison) => knows(&comparison.field).then(|| compared(comparison, value, set)),
    }
}

fn compared<'a, 's>(
    comparison: &Comparison,
    value: &dyn Fn(&Field) -> Option<Value<'a>>,
    set: &dyn Fn(&Field) -> Vec<&'s str>,
) -> bool {
    let field = &comparison.field;
    if matches!(field, Field::Label | Field::PageTag | Field::ItemId | Field::ItemCategory) {
        return match &comparison.test {
            Test::Has(wanted) => set(field).contains(&wanted.as_str()),
            Test::Exists(wanted) => *wanted != set(field).is_empty(),
            other => panic!("no set is asked {other:?}"),
        };
    }
    let equal = |literal: &Literal, held: Value<'_>| match (literal, held) {
        (Literal::Text(wanted), Value::Text(held)) => wanted == held,
        (Literal::Number(wanted), Value::Number(held)) => *wanted == held,
        (Literal::Boolean(wanted), Value::Boolean(held)) => *wanted == held,
        _ => false,
    };
    let held = value(field);
    match (&comparison.test, held) {
        (Test::Exists(wanted), _) => *wanted == held.is_some(),
        (Test::NotEqual(_), None) => true,
        (Test::NotEqual(literal), Some(held)) => !equal(literal, held),
        (Test::Equal(literal), Some(held)) => equal(literal, held),
        (Test::In(list), Some(held)) => list.iter().any(|literal| equal(literal, held)),
        (Test::Glob(globs), Some(Value::Text(text))) => globs.iter().any(|glob| glob.matches(text)),
        (Test::Order(Order::Above, bound), Some(Value::Number(held))) => held > *bound,
        (Test::Order(Order::AtLeast, bound), Some(Value::Number(held))) => held >= *bound,
        (Test::Order(Order::Below, bound), Some(Value::Number(held))) => held < *bound,
        (Test::Order(Order::AtMost, bound), Some(Value::Number(held))) => held <= *bound,
        _ => false,
    }
}
