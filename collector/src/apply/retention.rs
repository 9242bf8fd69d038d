//! What of the log is kept: whatever the store has not made durable, and never less than a minute.
//!
//! A store that makes durable what it takes lets the log go soon. One that does so in its own time, or never, may come back
//! without what it had; then the log brings it back, as far as it reaches: up to a share of its cap.

use std::collections::VecDeque;
use std::time::Duration;

use engine::{Millis, Span};
use store::Durability;
use store::log::{Log, Position};

/// Of the log's cap, in hundredths, that may be taken by records which the store has but has not made durable. The rest is
/// for events that wait for a store which is away.
const SHARE: u64 = 75;

/// When what was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    at: Millis,
    position: Position,
}

/// What may go from the log, and when.
#[derive(Debug)]
pub(super) struct Retention {
    /// By rising time and position. The first is not behind the oldest record that is kept.
    marks: VecDeque<Mark>,
    /// Everything before it is durable in the store.
    durable: Position,
    least: Span,
    /// Bytes from which on records may go that are not durable in the store.
    most: u64,
}

impl Retention {
    /// A record is kept for `least`; a log has at most `cap` bytes.
    pub(super) fn new(least: Span, cap: u64) -> Self {
        Self { marks: VecDeque::new(), durable: Position::FIRST, least, most: cap / 100 * SHARE }
    }

    /// Everything before `position` is applied.
    pub(super) fn reached(&mut self, now: Millis, position: Position) {
        if self.marks.back().is_none_or(|last| position > last.position) {
            self.marks.push_back(Mark { at: now, position });
        }
    }

    /// The log is applied again from `position` on: nothing behind it counts as applied.
    pub(super) fn back_to(&mut self, now: Millis, position: Position) {
        self.marks.clear();
        self.durable = Position::FIRST;
        self.reached(now, position);
    }

    /// What the store, asked at `now` or later, says of what was committed before.
    pub(super) fn store_says(&mut self, now: Millis, durability: Durability) {
        let ago = |mark: &Mark| Duration::from_millis(u64::try_from(now.since(mark.at).0).unwrap_or(0));
        if let Some(durable) = self.marks.iter().rfind(|mark| durability.covers(ago(mark))) {
            self.durable = durable.position.max(self.durable);
        }
    }

    /// The position before which records may go now; `None` when none may.
    pub(super) fn may_go(&self, log: &Log, now: Millis) -> Option<Position> {
        let old_enough = self.marks.iter().filter(|mark| mark.at + self.least <= now);
        let durable = old_enough.clone().rfind(|mark| mark.position <= self.durable);
        // As few as make room.
        let over = log.stats().bytes > self.most;
        let makes_room = |mark: &&Mark| log.bytes_from(mark.position) <= self.most;
        let crowded =
            over.then(|| old_enough.clone().find(makes_room).or_else(|| old_enough.clone().next_back())).flatten();
        durable.into_iter().chain(crowded).map(|mark| mark.position).max()
    }

    /// The log begins at `start` now.
    pub(super) fn begins_at(&mut self, start: Position) {
        while self.marks.get(1).is_some_and(|second| second.position <= start) {
            self.marks.pop_front();
        }
    }

    /// For how long records have been kept, at least: of those from before this process nobody knows when they came.
    pub(super) fn span(&self, now: Millis) -> Span {
        self.marks.front().map_or(Span(0), |first| now.since(first.at))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use store::log::Settings;
    use store::log::faulty::FaultyFiles;

    use super::*;

    /// A log of ten segments with one record of about a hundred bytes each; it may have two thousand bytes.
    fn log() -> Log {
        let settings = Settings { segment_bytes: 150, ..Settings::default() };
        let (log, _) = Log::open(Path::new("/log"), settings, Arc::new(FaultyFiles::new()), |_| ()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for _ in 0..10 {
            runtime.block_on(log.append(vec![7; 100])).unwrap();
        }
        log
    }

    /// Positions 2 to 11 were reached a second apart, from time 0 on.
    fn retention(cap: u64) -> Retention {
        let mut retention = Retention::new(Span::seconds(60), cap);
        for second in 0..10 {
            retention.reached(Millis(1000 * second), Position(u64::try_from(second).unwrap() + 2));
        }
        retention
    }

    #[test]
    fn what_is_durable_goes_when_it_is_old_enough() {
        let log = log();
        let mut retention = retention(1 << 30);
        // nothing goes that is not durable, however old
        assert_eq!(retention.may_go(&log, Millis(1_000_000)), None);
        // nothing goes that is not old enough, however durable
        retention.store_says(Millis(9_000), Durability::Durable);
        assert_eq!(retention.may_go(&log, Millis(59_999)), None);
        assert_eq!(retention.may_go(&log, Millis(60_000)), Some(Position(2)));
        assert_eq!(retention.may_go(&log, Millis(64_500)), Some(Position(6)));
    }

    #[test]
    fn of_a_store_that_lags_behind_only_what_is_old_enough_for_it_goes() {
        let log = log();
        let mut retention = retention(1 << 30);
        // given a store that has made durable what was committed more than a minute and a half ago
        let lagging = Durability::DurableBefore(Duration::from_secs(90));
        retention.store_says(Millis(89_999), lagging);
        assert_eq!(retention.may_go(&log, Millis(1_000_000)), None);
        // then what was applied before the last second that this covers goes, and nothing behind it
        retention.store_says(Millis(94_500), lagging);
        assert_eq!(retention.may_go(&log, Millis(1_000_000)), Some(Position(6)));
        // and what was durable once stays so
        retention.store_says(Millis(95_000), Durability::DurableBefore(Duration::from_secs(95)));
        assert_eq!(retention.may_go(&log, Millis(1_000_000)), Some(Position(6)));
    }

    #[test]
    fn a_store_that_makes_nothing_durable_gets_a_share_of_the_cap_and_no_more() {
        let log = log();
        // given a log of 1,810 bytes, three quarters of whose cap are 1,500
        let mut retention = retention(2_000);
        for durability in [Durability::Volatile, Durability::Pending] {
            retention.store_says(Millis(9_000), durability);
            // then the oldest goes, and no more than has to
            assert_eq!(retention.may_go(&log, Millis(1_000_000)), Some(Position(3)));
            // but nothing younger than the minimum, whatever room there is
            assert_eq!(retention.may_go(&log, Millis(60_000)), Some(Position(2)));
            assert_eq!(retention.may_go(&log, Millis(59_000)), None);
        }
        assert_eq!(retention.span(Millis(70_000)), Span::seconds(70));
        retention.begins_at(Position(3));
        assert_eq!(retention.span(Millis(70_000)), Span::seconds(69));
    }

    #[test]
    fn applied_again_nothing_counts_until_it_is_applied() {
        let log = log();
        let mut retention = retention(1 << 30);
        retention.store_says(Millis(9_000), Durability::Durable);
        retention.back_to(Millis(100_000), Position(1));
        retention.store_says(Millis(100_000), Durability::Durable);
        assert_eq!(retention.may_go(&log, Millis(1_000_000)), Some(Position(1)));
    }
}
