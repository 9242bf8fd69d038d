//! What browsers may still give: `browser_cap` bounds it within any period, by when touches happened and by when they were
//! received alike. By the first alone, somebody who forges their times fills the periods of a whole week at once.

use crate::model::BrowserCap;
use crate::points::Points;
use crate::time::{Millis, Span};

/// When something happened, and when it was heard of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    pub(super) happened: Millis,
    pub(super) heard: Millis,
}

/// What browsers gave so far, as far as it still counts.
#[derive(Debug, Clone, Default)]
pub(super) struct Allowance {
    happened: Window,
    heard: Window,
}

impl Allowance {
    /// What the cap leaves of points above zero.
    pub(super) fn take(&mut self, cap: BrowserCap, told: Told, points: Points) -> Points {
        let taken = self.happened.around(told.happened, cap.every).max(self.heard.around(told.heard, cap.every));
        let granted = points.min((cap.points - taken).max(Points::ZERO));
        if granted > Points::ZERO {
            self.happened.add(told.happened, cap.every, granted);
            self.heard.add(told.heard, cap.every, granted);
        }
        granted
    }
}

/// Points by instant, with the sum of those of the last period.
#[derive(Debug, Clone, Default)]
struct Window {
    /// Ascending.
    given: Vec<(Millis, Points)>,
    /// The latest instant that was asked for.
    latest: Option<Millis>,
    /// Where the period before `latest` begins, and the sum from there on.
    from: usize,
    sum: Points,
}

impl Window {
    /// The sum of what lies less than a period away from an instant. Every period with the instant in it is part of that.
    fn around(&mut self, at: Millis, every: Span) -> Points {
        if self.latest.is_some_and(|latest| at < latest) {
            let from = self.given.partition_point(|(other, _)| at.since(*other) >= every);
            let inside = self.given.get(from..).unwrap_or_default().iter();
            return inside.take_while(|(other, _)| other.since(at) < every).map(|(_, points)| *points).sum();
        }
        self.latest = Some(at);
        while let Some((_, points)) = self.given.get(self.from).filter(|(other, _)| at.since(*other) >= every) {
            self.sum = self.sum - *points;
            self.from += 1;
        }
        self.sum
    }

    fn add(&mut self, at: Millis, every: Span, points: Points) {
        let place = self.given.partition_point(|(other, _)| *other <= at);
        self.given.insert(place, (at, points));
        if self.latest.is_some_and(|latest| latest.since(at) >= every) {
            self.from += 1;
        } else {
            self.sum += points;
        }
    }
}
