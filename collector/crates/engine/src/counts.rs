//! Counts: how often events were recorded, kept for the names that conditions ask about.

use crate::time::Millis;

/// How often each event was recorded that was asked about, as far as touches were looked at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    /// By name.
    counts: Vec<(Box<str>, Count)>,
}

/// How often one event was recorded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Count {
    /// How many touches of the ledger were looked at.
    pub(crate) taken: usize,
    /// When each was, ascending, with how many there were until then, itself included.
    times: Vec<(Millis, i64)>,
}

impl Counts {
    /// The count of an event.
    pub(crate) fn of(&mut self, name: &str) -> Option<&mut Count> {
        let place = self.counts.binary_search_by(|(held, _)| (**held).cmp(name));
        let place = place.unwrap_or_else(|place| {
            self.counts.insert(place, (name.into(), Count::default()));
            place
        });
        self.counts.get_mut(place).map(|(_, count)| count)
    }
}

impl Count {
    /// Counts a touch that stands for so many. It is not before any other.
    pub(crate) fn add(&mut self, time: Millis, many: u32) {
        let before = self.times.last().map_or(0, |(_, count)| *count);
        self.times.push((time, before.saturating_add(i64::from(many))));
    }

    /// How many there were after an instant, or ever.
    pub(crate) fn since(&self, after: Option<Millis>) -> i64 {
        let until =
            |place: usize| place.checked_sub(1).and_then(|place| self.times.get(place)).map_or(0, |(_, count)| *count);
        until(self.times.len()) - after.map_or(0, |after| until(self.after(after)))
    }

    /// When the first one after an instant was.
    pub(crate) fn first_after(&self, after: Millis) -> Option<Millis> {
        self.times.get(self.after(after)).map(|(time, _)| *time)
    }

    fn after(&self, after: Millis) -> usize {
        self.times.partition_point(|(time, _)| *time <= after)
    }
}
