//! What touches give: rules are tried, limits kept, contributions begun and ended.

use super::allowance::Told;
use super::{Pin, Tally, Timeline};
use crate::contribution::{Contribution, Origin};
use crate::decay::Decay;
use crate::model::{Basis, Effect, Keep, StageIndex, TouchRule, least_trust};
use crate::points::Points;
use crate::slots::Owner;
use crate::time::Millis;
use crate::touch::{Touch, Trust};
use crate::why_not::WhyNot;

impl<'a> Timeline<'a> {
    /// Takes a touch: what it says of the visitor, then labels, then rules in the order of the model.
    pub(super) fn take(&mut self, place: usize, touch: &'a Touch) {
        let counts = self.state.take(place, touch);
        if touch.trust < Trust::Server && self.state.quarantine.reason(place).is_none() {
            self.by_browser = self.by_browser.max(Some(touch.received));
        }
        self.watch(place, touch, counts);
        if !counts {
            return;
        }
        let model = self.model;
        let concerned = model.index.concerned(touch.name.as_str());
        let least = concerned.least.unwrap_or_else(|| least_trust(touch.name.as_str()));
        self.state.label(place, touch, &concerned.labels, self.history.stage);
        for concern in &concerned.rules {
            let number = concern.number();
            let Some(rule) = model.rules.get(number) else { continue };
            if let Basis::Touch(basis) = &rule.basis
                && !self.is_full(number, basis, touch.time)
                && basis.trusts(touch, least)
                && concern.matches(&basis.when, &self.state.known(Some(touch), self.history.stage))
            {
                match self.state.fold(place) {
                    Some(fold) => self.count_fold(number, basis, place, touch, fold.count),
                    None => _ = self.count(number, basis, place, touch, 1),
                }
            }
        }
    }

    /// Whether a rule gives nothing at an instant whatever happens, so that its condition need not be looked at.
    fn is_full(&self, number: usize, rule: &TouchRule, at: Millis) -> bool {
        let Some(per) = rule.per.filter(|_| rule.keep == Keep::Earliest && rule.from <= 1) else { return false };
        // Whoever watches wants to hear which condition failed.
        if self.watch.is_some() {
            return false;
        }
        let tally = self.tallies.iter().find(|tally| tally.rule == number);
        let blocking =
            tally.filter(|tally| tally.kept >= per.times).and_then(|one| self.contributions.get(one.blocking));
        blocking.is_some_and(|held| per.every.is_none_or(|every| at.since(held.start) < every))
    }

    /// A touch that stands for many: all at once where the rule has no limit, else one by one.
    fn count_fold(&mut self, number: usize, rule: &TouchRule, place: usize, touch: &Touch, many: u32) {
        if rule.per.is_none() {
            self.count(number, rule, place, touch, many);
            return;
        }
        for _ in 0..many {
            if !self.count(number, rule, place, touch, 1) {
                break;
            }
        }
    }

    /// A touch that matches a rule, as many times as it stands for: what it gives, if the rule's limits allow it. Says
    /// whether another one at the same instant might give something too.
    fn count(&mut self, number: usize, rule: &TouchRule, place: usize, touch: &Touch, many: u32) -> bool {
        let found = self.tallies.iter().position(|tally| tally.rule == number).unwrap_or_else(|| {
            self.tallies.push(Tally { rule: number, matches: 0, kept: 0, last: 0, blocking: 0 });
            self.tallies.len() - 1
        });
        let Some(tally) = self.tallies.get_mut(found) else { return false };
        tally.matches = tally.matches.saturating_add(many);
        if tally.matches < rule.from {
            let (matched, from) = (tally.matches, rule.from);
            self.refuse(number, place, || WhyNot::TooFew { matched, from });
            return true;
        }
        let many = many.min(tally.matches - rule.from + u32::from(rule.from > 0));
        let tally = *tally;
        let Some(points) = self.worth(number, rule.effect, touch) else {
            self.refuse(number, place, || WhyNot::NoValue);
            return false;
        };
        let full = rule.per.is_some_and(|per| tally.kept >= per.times);
        if let Some(per) = rule.per.filter(|_| full) {
            let blocking = self.contributions.get(tally.blocking).map(|held| held.start);
            match rule.keep {
                Keep::Earliest => {
                    let inside = |since: Millis| per.every.is_none_or(|every| touch.time.since(since) < every);
                    if blocking.is_some_and(inside) {
                        self.refuse(number, place, || WhyNot::Limit(per));
                        return false;
                    }
                }
                Keep::Latest => self.finish(tally.blocking, touch.time),
            }
        }
        let fold = || Origin::Fold(u32::try_from(place).unwrap_or(u32::MAX), many);
        let (origin, points) = match (touch.is_fold(), rule.effect) {
            (false, _) => (Origin::Touch(place), points),
            (true, Effect::RaiseTo(_)) => (fold(), points),
            (true, _) => (fold(), Points(points.0.saturating_mul(i64::from(many)))),
        };
        let heard = (touch.trust < Trust::Server).then_some(touch.received);
        let given = self.give(number, origin, touch.time, points, heard);
        let end = rule.expires.map(|span| touch.time.plus(span));
        if let Some((end, contribution)) = end.zip(self.contributions.get_mut(given)) {
            contribution.finish(end);
        }
        self.tally(found, given, full);
        match rule.effect {
            Effect::SetStage(stage) => {
                // What neither lasts longer nor sets a higher stage says nothing beside this one.
                self.pins.retain(|pin| pin.stage > stage || end.is_some_and(|end| pin.holds(end)));
                self.pins.push(Pin { stage, until: end });
            }
            Effect::HandBack => self.hand_back(number, given, place, touch.time),
            Effect::Points(_) | Effect::PointsPer { .. } | Effect::RaiseTo(_) => {}
        }
        true
    }

    /// Notes why the watched rule does not count a touch.
    fn refuse(&mut self, number: usize, place: usize, why: impl FnOnce() -> WhyNot) {
        if let Some(watch) = self.watch.as_mut().filter(|watch| watch.rule == number) {
            watch.refused.push((place, why()));
        }
    }

    /// Notes why the watched rule is not even tried on a touch.
    fn watch(&mut self, place: usize, touch: &'a Touch, counts: bool) {
        let Some(number) = self.watch.as_ref().map(|watch| watch.rule) else { return };
        let Some(Basis::Touch(rule)) = self.model.rules.get(number).map(|rule| &rule.basis) else { return };
        let failing = rule.when.why_not(&self.state.known(Some(touch), self.history.stage));
        let why = match failing {
            Some(failing) => Some(WhyNot::Condition(failing)),
            None if !counts => Some(WhyNot::NotCounted),
            None => (!rule.trusts(touch, least_trust(touch.name.as_str()))).then_some(WhyNot::Trust(touch.trust)),
        };
        if let Some(why) = why {
            self.refuse(number, place, || why);
        }
    }

    fn tally(&mut self, found: usize, given: usize, full: bool) {
        let Some(tally) = self.tallies.get_mut(found) else { return };
        if tally.kept == 0 {
            tally.blocking = given;
        } else {
            let last = tally.last;
            if let Some(before) = self.contributions.get_mut(last) {
                before.following = Some(given);
            }
        }
        if full {
            let next = self.contributions.get(tally.blocking).and_then(|held| held.following);
            tally.blocking = next.unwrap_or(given);
        }
        tally.kept = tally.kept.saturating_add(1);
        tally.last = given;
    }

    /// What a rule gives for a touch before limits; `None`: it has nothing to give for.
    fn worth(&mut self, number: usize, effect: Effect, touch: &Touch) -> Option<Points> {
        match effect {
            Effect::Points(points) => Some(points),
            Effect::PointsPer { points, minor } => {
                let value = touch.value.filter(|value| value.currency == self.model.currency)?;
                let parts = (value.minor / minor).max(0);
                Some(Points(points.0.saturating_mul(parts).clamp(-Points::LARGEST.0, Points::LARGEST.0)))
            }
            Effect::RaiseTo(level) => {
                let score = self.model.rules.get(number)?.score;
                if score == super::STAGE_SCORE && self.is_at_least(level, touch.time) {
                    return Some(Points::ZERO);
                }
                Some((level - self.exactly(score, touch.time)).max(Points::ZERO))
            }
            Effect::SetStage(_) | Effect::HandBack => Some(Points::ZERO),
        }
    }

    /// Begins a contribution and returns its place. `heard`: only a browser says that there is something to give for, and it
    /// was received then.
    pub(super) fn give(
        &mut self,
        number: usize,
        origin: Origin,
        start: Millis,
        points: Points,
        heard: Option<Millis>,
    ) -> usize {
        let place = self.contributions.len();
        let Some(rule) = self.model.rules.get(number) else { return place };
        let told = heard.map(|heard| Told { happened: start, heard });
        let granted = told.map_or(points, |told| self.within_browser_cap(told, points));
        let mut slot = rule.score;
        if let Some((group, cap)) = rule.group.and_then(|group| Some((group, self.model.groups.get(group)?.cap?))) {
            slot = self.slots.inside(slot, Owner::Group(group), rule.score, cap);
        }
        if let Some(cap) = rule.cap {
            slot = self.slots.inside(slot, Owner::Rule(number), rule.score, cap);
        }
        self.contributions.push(Contribution {
            origin,
            rule: number,
            score: rule.score,
            slot,
            start,
            end: None,
            decay: Decay::of(rule.half_life),
            points,
            granted,
            following: None,
        });
        place
    }

    /// Ends a contribution. What the stage takes into account already leaves the gauge.
    pub(super) fn finish(&mut self, place: usize, at: Millis) {
        let Some(contribution) = self.contributions.get_mut(place) else { return };
        if contribution.end.is_some_and(|end| end <= at) {
            return;
        }
        // What is worth nothing by now has left, or is about to.
        if place < self.settled && contribution.score == super::STAGE_SCORE && contribution.value(at) != Points::ZERO {
            self.gauge.remove(contribution);
            self.keeps_until = Millis(i64::MIN);
        }
        let all = self.sums.iter_mut().chain([&mut self.ahead]);
        for sums in all.filter(|sums| sums.score == contribution.score) {
            sums.finish(place, contribution, at);
        }
        contribution.finish(at);
    }

    /// Lets everything that touches gave to the rule's score end, and its rules count anew.
    fn hand_back(&mut self, number: usize, given: usize, place: usize, at: Millis) {
        let Some(score) = self.model.rules.get(number).map(|rule| rule.score) else { return };
        for contribution in 0..given {
            let of_touch = self
                .contributions
                .get(contribution)
                .is_some_and(|one| one.score == score && !matches!(one.origin, Origin::State(_)));
            if of_touch {
                self.finish(contribution, at);
            }
        }
        let rules = &self.model.rules;
        self.tallies.retain(|tally| rules.get(tally.rule).is_none_or(|rule| rule.score != score));
        if score == super::STAGE_SCORE {
            self.pins.clear();
            self.handed_back = Some((number, place));
        }
    }

    /// What the cap on browser events leaves of points.
    fn within_browser_cap(&mut self, told: Told, points: Points) -> Points {
        match self.model.browser_cap.filter(|_| points > Points::ZERO) {
            Some(cap) => self.allowance.take(cap, told, points),
            None => points,
        }
    }

    /// The stage that a rule sets.
    pub(super) fn sets(&self, rule: usize) -> Option<StageIndex> {
        match &self.model.rules.get(rule)?.basis {
            Basis::Touch(TouchRule { effect: Effect::SetStage(stage), .. }) => Some(*stage),
            _ => None,
        }
    }
}

impl TouchRule {
    /// Whether a touch is trusted enough; `least` is what its event asks for where the rule says nothing. What decides a
    /// stage by itself needs at least a page that somebody uses.
    fn trusts(&self, touch: &Touch, least: Trust) -> bool {
        touch.trust
            >= self.trust.unwrap_or(match self.effect {
                Effect::SetStage(_) | Effect::HandBack => least.max(Trust::Page),
                Effect::Points(_) | Effect::PointsPer { .. } | Effect::RaiseTo(_) => least,
            })
    }
}
