//! Touchpoints: what each kind of touch cost, and what came of it.
//!
//! A success is a lead that was announced in the highest stage, or an order that a server told of. Each is divided among the
//! touches before it by their impact, so that the parts of all kinds add up to the successes that any of them came before.

use engine::{Lead, Millis, Model, Scalar, Touch, Trust, touch::event};
use serde::{Deserialize, Serialize};

use crate::transition::{STAGE, is_move};

/// One success, as parts of it are counted.
pub const WHOLE: u64 = 1_000_000;

/// What came of every kind of touch that the model lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TouchpointsReport {
    /// ISO 4217; every cost is in it.
    pub currency: String,
    /// In the order of the model.
    pub kinds: Vec<KindRow>,
    /// Leads that became hot in the period, all told.
    pub hot: u32,
    /// Orders that a server told of in the period, all told.
    pub orders: u32,
}

/// One kind of touch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindRow {
    /// The name of its event.
    pub event: String,
    /// As people read it.
    pub title: String,
    /// What one of them weighs.
    pub impact: u32,
    /// Touches in the period.
    pub touches: u64,
    /// Leads that had any.
    pub leads: u32,
    /// What they cost, minor units.
    pub cost: i64,
    /// Leads that became hot after one of them.
    pub hot: Success,
    /// Orders that came after one of them.
    pub orders: Success,
}

/// What came after touches of a kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Success {
    /// How many successes.
    pub count: u32,
    /// Its part of them by impact, in millionths of one.
    pub part: u64,
}

impl Success {
    /// What a whole success cost at these costs, minor units; `None`: there was none.
    #[must_use]
    pub fn cost_of_one(&self, cost: i64) -> Option<i64> {
        let part = i128::from(self.part);
        (i128::from(cost) * i128::from(WHOLE)).checked_div(part).and_then(|one| i64::try_from(one).ok())
    }
}

/// A report under way: leads are added one by one.
pub struct Touchpoints<'a> {
    model: &'a Model,
    from: Millis,
    now: Millis,
    report: TouchpointsReport,
}

impl<'a> Touchpoints<'a> {
    /// A report of what happened within `[from, now]`. The model lists the kinds, and names the highest stage.
    #[must_use]
    pub fn new(model: &'a Model, from: Millis, now: Millis) -> Self {
        let kinds = model.touch_kinds.iter().map(|kind| KindRow {
            event: kind.event.to_string(),
            title: kind.title.to_string(),
            impact: kind.impact,
            ..KindRow::default()
        });
        let kinds = kinds.collect();
        let report = TouchpointsReport { currency: model.currency.to_string(), kinds, hot: 0, orders: 0 };
        Self { model, from, now, report }
    }

    /// Looks at one lead.
    pub fn add(&mut self, lead: &Lead) {
        let evaluation = engine::evaluate(lead, self.model, self.now);
        let counts = |place: &usize| evaluation.uncounted.binary_search(place).is_err();
        let inside = |touch: &Touch| touch.time >= self.from && touch.time <= self.now;
        // When, of which kind, how many; in canonical order.
        let mut touches: Vec<(Millis, usize, u64)> = Vec::new();
        let (mut hot, mut orders) = (None, Vec::new());
        for (place, (touch, count)) in lead.touches().iter().zip(lead.counts()).enumerate() {
            if !inside(touch) || !counts(&place) {
                continue;
            }
            if self.became_hot(touch) {
                hot = hot.or(Some(touch.time));
            }
            if touch.trust == Trust::Product {
                continue;
            }
            if touch.is(event::PURCHASE) && touch.trust == Trust::Server {
                orders.push(touch.time);
            }
            let kind = self.model.touch_kinds.iter().position(|kind| kind.event == touch.name);
            touches.extend(kind.map(|kind| (touch.time, kind, count as u64)));
        }
        for (place, row) in self.report.kinds.iter_mut().enumerate() {
            let count: u64 = touches.iter().filter(|(_, kind, _)| *kind == place).map(|(_, _, count)| count).sum();
            let cost = self.model.touch_kinds.get(place).map_or(0, |kind| kind.cost.minor);
            row.touches += count;
            row.leads += u32::from(count > 0);
            row.cost = row.cost.saturating_add(cost.saturating_mul(i64::try_from(count).unwrap_or(i64::MAX)));
        }
        self.report.hot += u32::from(hot.is_some());
        if let Some(at) = hot {
            self.divide(&touches, None, at, |row| &mut row.hot);
        }
        // What came before an earlier order has brought that one.
        let mut after = None;
        for at in orders {
            self.report.orders += 1;
            self.divide(&touches, after, at, |row| &mut row.orders);
            after = Some(at);
        }
    }

    /// Divides a success at an instant among the touches before it.
    fn divide(
        &mut self,
        touches: &[(Millis, usize, u64)],
        after: Option<Millis>,
        at: Millis,
        of: impl Fn(&mut KindRow) -> &mut Success,
    ) {
        let before = |touch: &&(Millis, usize, u64)| Some(touch.0) > after && touch.0 <= at;
        let mut counts = vec![0_u64; self.report.kinds.len()];
        for (_, kind, count) in touches.iter().filter(before) {
            if let Some(sum) = counts.get_mut(*kind) {
                *sum += count;
            }
        }
        let weight = |(row, count): (&KindRow, &u64)| count.saturating_mul(u64::from(row.impact));
        let total: u64 = self.report.kinds.iter().zip(&counts).map(weight).sum();
        for (row, count) in self.report.kinds.iter_mut().zip(&counts).filter(|(_, count)| **count > 0) {
            let part = u128::from(weight((row, count))) * u128::from(WHOLE);
            let success = of(row);
            success.count += 1;
            success.part += part.checked_div(u128::from(total)).and_then(|part| u64::try_from(part).ok()).unwrap_or(0);
        }
    }

    fn became_hot(&self, touch: &Touch) -> bool {
        let highest = self.model.stages.name(super::highest(self.model));
        is_move(touch) && touch.properties.get(STAGE).and_then(Scalar::text) == Some(highest)
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> TouchpointsReport {
        self.report
    }
}
