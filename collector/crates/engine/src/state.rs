//! The state: what is known of a visitor as of a touch or at an instant, apart from points and stage.

use std::sync::Arc;

use crate::calendar;
use crate::cart::CartSum;
use crate::condition::{
    Comparison, Condition, Facts, Field, History, Literal, Progress, Sequence, Test, TouchFacts, Value, any_tag,
    visible,
};
use crate::counts::{Count, Counts};
use crate::fold::Fold;
use crate::lazily::Lazily;
use crate::lead::Lead;
use crate::lost::Lost;
use crate::model::{Concern, Model, StageIndex};
use crate::orders::Orders;
use crate::quarantine::Quarantine;
use crate::sessions::{Sessions, days_begun, is_their_doing};
use crate::text::Text;
use crate::time::{Millis, Span};
use crate::touch::{Device, PropertyName, Scalar, StreamId, Touch, Trust, event};

/// An attribute with who set it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attribute<'a> {
    pub(crate) name: &'a PropertyName,
    pub(crate) value: &'a Scalar,
    trust: Trust,
}

/// A label with where it comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held<'a> {
    pub(crate) label: LabelName<'a>,
    /// Place of the touch that gave it last.
    pub(crate) touch: usize,
    pub(crate) since: Millis,
    pub(crate) until: Option<Millis>,
}

/// A label of the model, or one that a server told of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum LabelName<'a> {
    Model(&'a Arc<str>),
    Told(&'a str),
}

impl LabelName<'_> {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Model(label) => label,
            Self::Told(label) => label,
        }
    }

    /// Whether it is this label of the model.
    fn is(&self, label: &Arc<str>) -> bool {
        // Mostly the same rule gave it before, which is seen without comparing texts.
        matches!(self, Self::Model(held) if Arc::ptr_eq(held, label)) || self.as_str() == &**label
    }

    pub(crate) fn shared(&self) -> Arc<str> {
        match self {
            Self::Model(label) => Arc::clone(label),
            Self::Told(label) => Arc::from(*label),
        }
    }
}

/// What is known of a visitor as of the touches taken so far, at an instant.
#[derive(Debug, Clone)]
pub(crate) struct State<'a> {
    pub(crate) model: &'a Model,
    pub(crate) touches: &'a [Touch],
    pub(crate) quarantine: Quarantine,
    pub(crate) orders: Orders,
    /// Touches that stand for folds, by place.
    folds: Vec<(usize, &'a Fold)>,
    /// How many touches were taken.
    known: usize,
    /// The instant.
    pub(crate) now: Millis,
    pub(crate) attributes: Vec<Attribute<'a>>,
    pub(crate) labels: Vec<Held<'a>>,
    pub(crate) sessions: Sessions<'a>,
    pub(crate) cart: CartSum,
    pub(crate) purchased: bool,
    pub(crate) country: Option<&'a Text<8>>,
    pub(crate) device: Option<Device>,
    pub(crate) language: Option<&'a Text<16>>,
    pub(crate) last_seen: Option<Millis>,
    consent: Option<&'a str>,
    /// How often events were recorded that conditions asked about.
    recorded: Lazily<Counts>,
    /// How far sequences have come that conditions asked about, by where they stand in the model, and
    /// whether by what is known or by what may be.
    progress: Lazily<Vec<((usize, bool), Progress)>>,
    /// Whether a server ever told of them.
    pub(crate) told_by_server: bool,
}

impl<'a> State<'a> {
    /// Before the first touch; `asking` is taken for a page that somebody uses.
    pub(crate) fn new(lead: &'a Lead, model: &'a Model, asking: Option<&StreamId>) -> Self {
        let touches = lead.touches();
        let quarantine = Quarantine::but_of(lead, asking);
        Self {
            model,
            touches,
            orders: Orders::of(touches, &quarantine),
            quarantine,
            folds: if lead.folds.is_empty() { Vec::new() } else { lead.folds_by_place() },
            known: 0,
            now: touches.first().map_or(Millis(0), |touch| touch.time),
            attributes: Vec::new(),
            labels: Vec::new(),
            sessions: Sessions::default(),
            cart: CartSum::default(),
            purchased: false,
            country: None,
            device: None,
            language: None,
            last_seen: None,
            consent: None,
            recorded: Lazily::default(),
            progress: Lazily::default(),
            told_by_server: false,
        }
    }

    /// Place of the touch that was taken last.
    pub(crate) fn last_taken(&self) -> usize {
        self.known.saturating_sub(1)
    }

    /// What the visitor consented to, as far as touches say.
    pub(crate) fn consent(&self) -> &'a str {
        self.consent.unwrap_or(&self.model.assumed_consent)
    }

    pub(crate) fn shared_consent(&self) -> Arc<str> {
        self.consent.map_or_else(|| Arc::clone(&self.model.assumed_consent), Arc::from)
    }

    /// The fold that the touch at `place` stands for.
    pub(crate) fn fold(&self, place: usize) -> Option<&'a Fold> {
        if self.folds.is_empty() {
            return None;
        }
        let found = self.folds.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        self.folds.get(found).map(|(_, fold)| *fold)
    }

    /// Takes the touch at `place`, the next in canonical order. Says whether rules and labels may look at it: what is held,
    /// our own touches and second tellings of an order are facts, and give nothing.
    pub(crate) fn take(&mut self, place: usize, touch: &'a Touch) -> bool {
        self.known = place + 1;
        self.now = touch.time;
        if touch.trust == Trust::Product || self.quarantine.reason(place).is_some() {
            return false;
        }
        let fold = self.fold(place);
        match fold {
            Some(fold) => self.sessions.take_folded(touch, fold),
            None => self.sessions.take(touch),
        }
        self.told_by_server |= touch.trust == Trust::Server;
        // Noon may lie after the last touch of that day.
        if is_their_doing(touch) {
            self.last_seen = self.last_seen.max(Some(fold.map_or(touch.time, |fold| fold.last)));
        }
        self.country = touch.country.as_ref().or(self.country);
        self.device = touch.device.or(self.device);
        self.language = touch.language.as_ref().or(self.language);
        let telling = self.orders.telling(place);
        match touch.name.as_str() {
            // What is folded of a cart was bought since.
            event::ADD_TO_CART | event::REMOVE_FROM_CART if fold.is_some() => {}
            event::ADD_TO_CART => self.cart.add(touch, self.model.currency, 1),
            event::REMOVE_FROM_CART => self.cart.add(touch, self.model.currency, -1),
            // Whoever tells first ends the cart; a later telling of the same order must not end the next one.
            event::PURCHASE => {
                self.purchased = true;
                if telling.first {
                    self.cart = CartSum::default();
                }
            }
            event::SET_ATTRIBUTES => self.set_attributes(touch),
            event::CONSENT => {
                self.consent = touch.properties.get("state").and_then(Scalar::text).or(self.consent);
            }
            event::LABEL_ADDED | event::LABEL_REMOVED if touch.trust == Trust::Server => self.told_label(place, touch),
            _ => {}
        }
        telling.counts
    }

    /// The value set last by whom is trusted most: what a server knows, no browser changes.
    fn set_attributes(&mut self, touch: &'a Touch) {
        let trust = touch.trust;
        self.attributes.retain(|held| held.trust > trust || !touch.removed.contains(held.name));
        for (name, value) in touch.properties.pairs() {
            match self.attributes.iter_mut().find(|held| held.name == name) {
                Some(held) if held.trust > trust => {}
                Some(held) => *held = Attribute { name, value, trust },
                None => self.attributes.push(Attribute { name, value, trust }),
            }
        }
    }

    fn told_label(&mut self, place: usize, touch: &'a Touch) {
        let Some(label) = touch.properties.get("label").and_then(Scalar::text) else { return };
        self.labels.retain(|held| held.label.as_str() != label);
        if touch.is(event::LABEL_ADDED) {
            let label = LabelName::Told(label);
            self.labels.push(Held { label, touch: place, since: touch.time, until: None });
        }
    }

    /// Gives the labels of these rules that the touch at `place` earns; `stage` is as it was just before. Two rules may
    /// give one label: the one that keeps it longest counts.
    pub(crate) fn label(&mut self, place: usize, touch: &'a Touch, concerns: &[Concern], stage: StageIndex) {
        for concern in concerns {
            let Some(rule) = self.model.labels.get(concern.number()) else { continue };
            if !concern.matches(&rule.when, &self.known(Some(touch), stage)) {
                continue;
            }
            let until = rule.expires.map(|span| touch.time.plus(span));
            let given = Held { label: LabelName::Model(&rule.label), touch: place, since: touch.time, until };
            match self.labels.iter_mut().find(|held| held.label.is(&rule.label)) {
                Some(held) if until.is_none() || held.until.is_some_and(|end| until >= Some(end)) => *held = given,
                Some(_) => {}
                None => self.labels.push(given),
            }
        }
    }

    /// Labels that are held at the instant.
    pub(crate) fn held(&self) -> impl Iterator<Item = &Held<'a>> {
        self.labels.iter().filter(|held| held.until.is_none_or(|until| self.now < until))
    }

    /// The facts for a condition: about a touch and the visitor as of it, or about the visitor alone.
    pub(crate) fn known(&self, touch: Option<&'a Touch>, stage: StageIndex) -> Known<'_, 'a> {
        let lost = if self.folds.is_empty() { Lost::NONE } else { touch.map_or(Lost::NONE, Touch::lost) };
        Known { state: self, touch, stage, least: Trust::Browser, lost }
    }

    /// The same, with the attributes only that a server set.
    pub(crate) fn vouched(&self) -> Known<'_, 'a> {
        Known { state: self, touch: None, stage: StageIndex::default(), least: Trust::Server, lost: Lost::NONE }
    }

    fn attribute(&self, name: &str, least: Trust) -> Option<&'a Scalar> {
        let found = self.attributes.iter().find(|held| held.name.as_str() == name && held.trust >= least);
        found.map(|held| held.value)
    }

    /// What the count of an event says, of the touches taken so far that count.
    #[inline(never)]
    fn counted<T>(&self, name: &str, ask: impl FnOnce(&Count) -> T) -> Option<T> {
        self.recorded.ask(|counts| {
            let count = counts.of(name)?;
            for place in count.taken..self.known {
                if let Some(touch) = self.touches.get(place).filter(|touch| touch.is(name) && self.counts(place)) {
                    count.add(touch.time, self.fold(place).map_or(1, |fold| fold.count));
                }
            }
            count.taken = self.known;
            Some(ask(count))
        })
    }

    /// How many steps of a sequence of the model were reached by the touches taken so far. `sure`: by what is known; else by
    /// what may be.
    #[inline(never)]
    fn reached(&self, sequence: &Sequence, sure: bool) -> usize {
        // A sequence is known by its place in memory, where the model keeps it as long as this state lasts.
        let key = (std::ptr::from_ref(sequence).addr(), sure);
        let sees = |place: &usize, touch: &Touch| visible(touch) && self.quarantine.reason(*place).is_none();
        self.progress.ask(|all| {
            let found = all.binary_search_by_key(&key, |(held, _)| *held).unwrap_or_else(|place| {
                all.insert(place, (key, Progress::default()));
                place
            });
            let Some((_, progress)) = all.get_mut(found) else { return 0 };
            let taken = self.touches.get(..self.known).unwrap_or_default().iter().enumerate();
            for (_, touch) in taken.skip(progress.taken).filter(|(place, touch)| sees(place, touch)) {
                progress.take(
                    sequence,
                    touch,
                    sure,
                    &TouchFacts::of(touch, &self.model.page_tags, self.model.currency),
                );
            }
            progress.taken = self.known;
            progress.reached(sequence.within.map(|within| self.now.minus(within)))
        })
    }

    /// Whether the touch at a place is neither held nor a second telling.
    fn counts(&self, place: usize) -> bool {
        self.orders.telling(place).counts && self.quarantine.reason(place).is_none()
    }

    /// The first instant after this one at which the condition may hold or cease to hold, if no touch comes.
    pub(crate) fn next_look(&self, condition: &Condition) -> Option<Millis> {
        match condition {
            Condition::All(parts) | Condition::Any(parts) => parts.iter().filter_map(|part| self.next_look(part)).min(),
            Condition::Not(part) => self.next_look(part),
            Condition::Compare(comparison) => self.next_look_at(comparison),
            Condition::Sequence(sequence) => {
                let within = sequence.within?;
                // A touch is outside from the first millisecond after `within` on.
                let from = self.now.minus(within);
                let taken = self.touches.get(..self.known).unwrap_or_default();
                let place = taken.partition_point(|touch| touch.time < from);
                taken.get(place).map(|touch| touch.time.plus(within).plus(Span(1)))
            }
        }
    }

    fn next_look_at(&self, comparison: &Comparison) -> Option<Millis> {
        match &comparison.field {
            Field::Label => self.held().filter_map(|held| held.until).min(),
            Field::Recent(span, name) => {
                let first = self.counted(name, |count| count.first_after(self.now.minus(*span)))??;
                Some(first.plus(*span))
            }
            Field::Visits(span) | Field::VisitDays(span) => {
                let begun = &self.sessions.begun;
                let inside = begun.get(begun.partition_point(|time| *time <= self.now.minus(*span)))?;
                Some(inside.plus(*span))
            }
            Field::LastSeen => {
                let seen = self.last_seen?;
                // "More than" begins a millisecond after "at least".
                let sides = |bound: i64| [seen.plus(Span(bound)), seen.plus(Span(bound)).plus(Span(1))];
                self.soonest(bounds(&comparison.test).flat_map(sides))
            }
            Field::Date => {
                let year = calendar::date_of(calendar::local_day(self.now, &self.model.offsets)).year;
                let turns = bounds(&comparison.test).chain([101]);
                let days = turns.flat_map(|bound| {
                    [year, year + 1].into_iter().filter_map(move |year| calendar::day_in_year(year, bound))
                });
                self.soonest(days.flat_map(|day| [day, day + 1]).filter_map(|day| self.midnight(day)))
            }
            Field::DaysUntil(name) => {
                let day = self.day_of(name, Trust::Browser)?;
                let turns = bounds(&comparison.test).flat_map(|bound| {
                    let day = day.saturating_sub(bound);
                    [day, day.saturating_add(1)]
                });
                self.soonest(turns.filter_map(|day| self.midnight(day)))
            }
            _ => None,
        }
    }

    fn soonest(&self, instants: impl Iterator<Item = Millis>) -> Option<Millis> {
        instants.filter(|instant| *instant > self.now).min()
    }

    fn midnight(&self, day: i64) -> Option<Millis> {
        calendar::local_midnight(day, &self.model.offsets)
    }

    /// The day in an attribute, `YYYY-MM-DD`.
    fn day_of(&self, name: &str, least: Trust) -> Option<i64> {
        calendar::day_number(self.attribute(name, least)?.text()?)
    }
}

/// The numbers that a test compares with.
pub(crate) fn bounds(test: &Test) -> impl Iterator<Item = i64> {
    let literals: &[Literal] = match test {
        Test::Equal(literal) | Test::NotEqual(literal) => std::slice::from_ref(literal),
        Test::In(list) => list,
        _ => &[],
    };
    let ordered = if let Test::Order(_, bound) = test { Some(*bound) } else { None };
    let numbers =
        literals.iter().filter_map(|literal| if let Literal::Number(one) = literal { Some(*one) } else { None });
    numbers.chain(ordered)
}

/// A state, and the touch that a condition is about, if it is about one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'s, 'a> {
    state: &'s State<'a>,
    touch: Option<&'a Touch>,
    /// As it was just before the touch.
    stage: StageIndex,
    /// Whose attributes count.
    least: Trust,
    /// What is not known of the touch any more.
    lost: Lost,
}

impl Known<'_, '_> {
    fn about(&self) -> Option<TouchFacts<'_>> {
        let model = self.state.model;
        self.touch.map(|touch| TouchFacts::of(touch, &model.page_tags, model.currency))
    }
}

impl Facts for Known<'_, '_> {
    fn knows(&self, field: &Field) -> bool {
        !self.lost.covers(field)
    }

    fn value(&self, field: &Field) -> Option<Value<'_>> {
        let state = self.state;
        match field {
            Field::Stage => i64::try_from(self.stage.0).ok().map(Value::Number),
            Field::Attribute(name) => state.attribute(name, self.least).map(Value::from),
            Field::Count(name) => state.counted(name, |count| count.since(None)).map(Value::Number),
            Field::Recent(span, name) => {
                state.counted(name, |count| count.since(Some(state.now.minus(*span)))).map(Value::Number)
            }
            Field::VisitNumber => Some(Value::Number(i64::from(state.sessions.count()))),
            Field::Visits(span) => {
                let (begun, since) = (&state.sessions.begun, state.now.minus(*span));
                let before = begun.partition_point(|begun| *begun <= since);
                i64::try_from(begun.len() - before).ok().map(Value::Number)
            }
            Field::VisitDays(span) => {
                let begun = &state.sessions.begun;
                Some(Value::Number(days_begun(begun, state.now.minus(*span), &state.model.offsets)))
            }
            Field::Touchpoints => Some(Value::Number(i64::from(state.sessions.touchpoints))),
            Field::Consent => Some(Value::Text(state.consent())),
            _ => match self.touch {
                Some(touch) => TouchFacts::of(touch, &state.model.page_tags, state.model.currency)
                    .come_from(state.sessions.source)
                    .of_field(field),
                None => self.at_an_instant(field),
            },
        }
    }

    fn any_of(&self, field: &Field, visit: &mut dyn FnMut(&str) -> bool) -> bool {
        match field {
            Field::Label => self.state.held().any(|held| visit(held.label.as_str())),
            Field::PageTag => {
                any_tag(&self.state.model.page_tags, self.touch.and_then(|touch| touch.page.as_ref()), visit)
            }
            _ => self.about().is_some_and(|facts| facts.any_of(field, visit)),
        }
    }

    fn has(&self, field: &Field, wanted: &str) -> bool {
        match (field, self.touch) {
            (Field::PageTag, Some(touch)) => {
                touch.page.as_ref().is_some_and(|page| self.state.model.page_tags.has(wanted, &page.path))
            }
            _ => self.any_of(field, &mut |text| text == wanted),
        }
    }

    fn history(&self) -> History<'_> {
        let state = self.state;
        let touches = state.touches.get(..state.known).unwrap_or_default();
        History { touches, hidden: state.quarantine.places(), now: state.now }
    }

    fn step<'t>(&'t self, touch: &'t Touch) -> TouchFacts<'t> {
        TouchFacts::of(touch, &self.state.model.page_tags, self.state.model.currency)
    }

    fn reached(&self, sequence: &Sequence, sure: bool) -> usize {
        self.state.reached(sequence, sure)
    }
}

impl Known<'_, '_> {
    /// Fields that only a condition about the visitor alone has.
    fn at_an_instant(&self, field: &Field) -> Option<Value<'_>> {
        let state = self.state;
        match field {
            Field::CartQuantity => Some(Value::Number(state.cart.read(state.model.currency).quantity)),
            Field::CartValue => state.cart.read(state.model.currency).value.map(|money| Value::Number(money.minor)),
            Field::LastSeen => state.last_seen.map(|seen| Value::Number(state.now.since(seen).0.max(0))),
            Field::Date => {
                Some(Value::Number(calendar::date_of(calendar::local_day(state.now, &state.model.offsets)).year_day()))
            }
            Field::DaysUntil(name) => {
                let day = state.day_of(name, self.least)?;
                Some(Value::Number(day.saturating_sub(calendar::local_day(state.now, &state.model.offsets))))
            }
            Field::Country => state.country.map(|text| Value::Text(text)),
            Field::Device => state.device.map(|device| Value::Text(device.name())),
            Field::Language => state.language.map(|text| Value::Text(text)),
            Field::Channel => state.sessions.channel.map(|channel| Value::Text(channel.name())),
            _ => None,
        }
    }
}
