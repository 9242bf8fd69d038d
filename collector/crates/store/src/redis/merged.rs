//! One order out of the orders of many partitions, read no further than is wanted.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::Partition;

/// Read of every partition at first, beyond twice its even share: most of the time that is enough for all of them.
const BEYOND_EVEN_SHARE: usize = 3;

/// What is wanted of one partition.
pub(super) struct Wanted<Item> {
    /// Which.
    pub(super) partition: Partition,
    /// Only what comes after this; `None`: from where the caller begins.
    pub(super) after: Option<Item>,
    /// At most so many; fewer only at the end.
    pub(super) limit: usize,
}

/// What has been read of one partition.
struct Lane<Item> {
    partition: Partition,
    read: VecDeque<Item>,
    last: Option<Item>,
    /// How many are asked for next; 0: there are no more.
    next: usize,
}

/// The first items of all partitions in one order. Says what it wants, takes what was read, until it wants nothing:
/// after one round trip, unless the first items lie unusually close together.
pub(super) struct Merge<Item, Key> {
    limit: usize,
    order: fn(&Item) -> Key,
    lanes: Vec<Lane<Item>>,
    /// Lanes of which nothing is left that was read, and that may hold what comes next.
    dry: Vec<usize>,
    /// The head of every other lane that has one.
    heads: BinaryHeap<Reverse<(Key, usize)>>,
    found: Vec<Item>,
}

impl<Item: Clone, Key: Ord> Merge<Item, Key> {
    /// Of these partitions, the first `limit` by `order`.
    pub(super) fn new(partitions: impl IntoIterator<Item = Partition>, limit: usize, order: fn(&Item) -> Key) -> Self {
        let lane = |partition| Lane { partition, read: VecDeque::new(), last: None, next: 0 };
        let mut lanes: Vec<Lane<Item>> = partitions.into_iter().map(lane).collect();
        let first = limit.min(2 * limit.div_ceil(lanes.len().max(1)) + BEYOND_EVEN_SHARE);
        lanes.iter_mut().for_each(|lane| lane.next = first);
        let dry = if limit == 0 { Vec::new() } else { (0..lanes.len()).collect() };
        Self { limit, order, lanes, dry, heads: BinaryHeap::new(), found: Vec::new() }
    }

    /// What is to be read in the next round trip; `None` when everything is found.
    pub(super) fn wanted(&self) -> Option<Vec<Wanted<Item>>> {
        let wanted =
            |lane: &Lane<Item>| Wanted { partition: lane.partition, after: lane.last.clone(), limit: lane.next };
        let wanted: Vec<_> = self.dry.iter().map(|number| wanted(&self.lanes[*number])).collect();
        (!wanted.is_empty()).then_some(wanted)
    }

    /// Takes what was read of each partition that was wanted, in the order in which they were.
    pub(super) fn take(&mut self, read: impl IntoIterator<Item = Vec<Item>>) {
        for (number, items) in self.dry.drain(..).zip(read) {
            let lane = &mut self.lanes[number];
            lane.next = if items.len() < lane.next { 0 } else { (2 * lane.next).min(self.limit) };
            lane.last = items.last().cloned().or(lane.last.take());
            lane.read = items.into();
            self.heads.extend(lane.read.front().map(|head| Reverse(((self.order)(head), number))));
        }
        while self.found.len() < self.limit && self.dry.is_empty() {
            let Some(Reverse((_, number))) = self.heads.pop() else { break };
            let lane = &mut self.lanes[number];
            self.found.extend(lane.read.pop_front());
            match lane.read.front() {
                Some(head) => self.heads.push(Reverse(((self.order)(head), number))),
                None if lane.next > 0 && self.found.len() < self.limit => self.dry.push(number),
                None => {}
            }
        }
    }

    /// What was found, in order.
    pub(super) fn found(self) -> Vec<Item> {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first of so many numbers, dealt to partitions by `deal`, and in how many round trips they were read.
    fn first(count: u32, limit: usize, deal: fn(u32) -> u8) -> (Vec<u32>, usize) {
        let mut merge = Merge::new(Partition::all(), limit, |number: &u32| *number);
        let mut trips = 0;
        while let Some(wanted) = merge.wanted() {
            trips += 1;
            let of = |wanted: Wanted<u32>| {
                let begin = wanted.after.map_or(0, |after| after + 1);
                (begin..count).filter(|number| deal(*number) == wanted.partition.0).take(wanted.limit).collect()
            };
            merge.take(wanted.into_iter().map(of).collect::<Vec<_>>());
        }
        (merge.found(), trips)
    }

    #[test]
    fn the_first_of_all_partitions_come_in_order() {
        // Dealt evenly, all to one partition, in turn to two
        for deal in [|number| (number % 256) as u8, |_| 7, |number| (number / 50 % 2) as u8] as [fn(u32) -> u8; 3] {
            for limit in [0, 1, 100, 999, 1000, 2000] {
                let (found, _) = first(1000, limit, deal);
                assert_eq!(found, (0..1000.min(limit as u32)).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn evenly_dealt_ones_take_one_round_trip() {
        assert_eq!(first(10_000, 100, |number| (number % 256) as u8).1, 1);
        assert_eq!(first(0, 100, |_| 0).1, 1);
        assert_eq!(first(10_000, 0, |_| 0).1, 0);
    }
}
