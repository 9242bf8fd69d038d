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
    /// In the order of happening, all of it: what is heard next may have been heard before any of them.
    given: Vec<(Told, Points)>,
    happened: Period,
    heard: Period,
    /// The same in the order of hearing, once that is another one: mostly what happens first is heard first.
    disordered: Option<Vec<(Millis, Points)>>,
    /// When the last was heard.
    latest: Option<Millis>,
}

/// Where the last period begins in a list that is in order of time, and the sum from there on.
#[derive(Debug, Clone, Copy, Default)]
struct Period {
    from: usize,
    sum: Points,
}

impl Allowance {
    /// With room for so many.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { given: Vec::with_capacity(capacity), ..Self::default() }
    }

    /// What the cap leaves of points above zero.
    #[inline]
    pub(super) fn take(&mut self, cap: BrowserCap, told: Told, points: Points) -> Points {
        // The sums may still hold what is older than a period: if even they leave room, nobody need look.
        let room = cap.points - self.happened.sum.max(self.heard.sum);
        if points <= room && self.disordered.is_none() && self.latest.is_none_or(|latest| latest <= told.heard) {
            self.latest = Some(told.heard);
            self.happened.sum += points;
            self.heard.sum += points;
            self.given.push((told, points));
            return points;
        }
        self.take_what_is_left(cap, told, points)
    }

    fn take_what_is_left(&mut self, cap: BrowserCap, told: Told, points: Points) -> Points {
        while let Some((_, points)) =
            self.given.get(self.happened.from).filter(|(before, _)| told.happened.since(before.happened) >= cap.every)
        {
            self.happened.sum = self.happened.sum - *points;
            self.happened.from += 1;
        }
        let taken = self.happened.sum.max(self.taken_by_hearing(cap.every, told.heard));
        let granted = points.min((cap.points - taken).max(Points::ZERO));
        if granted > Points::ZERO {
            self.given.push((told, granted));
            self.happened.sum += granted;
            self.heard.sum += granted;
            if let Some(given) = &mut self.disordered {
                let place = given.partition_point(|(heard, _)| *heard <= told.heard);
                given.insert(place, (told.heard, granted));
            }
        }
        granted
    }

    /// The sum of what was heard less than a period away. Every period with that instant in it is part of that.
    fn taken_by_hearing(&mut self, every: Span, at: Millis) -> Points {
        if self.disordered.is_none() {
            if self.latest.is_none_or(|latest| latest <= at) {
                self.latest = Some(at);
                while let Some((_, points)) =
                    self.given.get(self.heard.from).filter(|(before, _)| at.since(before.heard) >= every)
                {
                    self.heard.sum = self.heard.sum - *points;
                    self.heard.from += 1;
                }
                return self.heard.sum;
            }
            // Until now they were in order.
            self.disordered = Some(self.given.iter().map(|(told, points)| (told.heard, *points)).collect());
        }
        let given = self.disordered.as_deref().unwrap_or_default();
        let from = given.partition_point(|(heard, _)| at.since(*heard) >= every);
        let near = given.get(from..).unwrap_or_default().iter().take_while(|(heard, _)| heard.since(at) < every);
        near.map(|(_, points)| *points).sum()
    }
}
