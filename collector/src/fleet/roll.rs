//! The roll: which collectors there are, which of them looks after which partition, and what they have to tell each other.
//!
//! One document of the store, that every collector reads and writes on if nobody else has since: so it is as if they wrote
//! it in turns. Nothing in it is decided by anybody's clock but the store's, which is handed in.
//!
//! A partition belongs to whoever the roll says, for as long as that collector is heard of. It changes hands in two ways:
//! its holder gives it away, or is not heard of any more and others share out what it had. So by the store's clock two never
//! hold one.

use std::collections::BTreeMap;

use engine::{Millis, Span};
use serde::{Deserialize, Serialize};
use store::{Partition, Partitions};

use super::CollectorId;

/// The format that is written, and the newest that is read.
pub(super) const FORMAT: u8 = 1;
/// A collector that was not heard of for this long is taken for dead, by the store's clock: others share out what it held.
pub const DEAD_AFTER: Span = Span::seconds(6);
/// How long a dead collector stays on the roll, for people to see: its log may hold what was not applied.
const REMEMBERED: Span = Span::days(7);
/// The most collectors on a roll; the dead leave it first.
const MOST: usize = 200;

/// What a collector does at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Duty {
    /// Takes partitions.
    Working,
    /// Takes some only where nobody works: it has to apply much of its log first, or cannot.
    Behind,
    /// Takes none, since its clock is off.
    Idle,
    /// Is about to stop, and has none any more.
    Leaving,
}

/// A collector, as it last said of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Member {
    pub(super) id: CollectorId,
    /// Which process of that collector: another one after each start.
    pub(super) process: u64,
    /// Of the program.
    pub(super) version: String,
    /// When it was last heard of, by the store's clock.
    pub(super) heard: Millis,
    /// Everything that it received before this instant of its own clock is applied.
    pub(super) watermark: Millis,
    pub(super) duty: Duty,
    /// The model in force at each of its sites: site, number, and since when.
    pub(super) models: Vec<(String, u32, Millis)>,
}

/// What collectors tell each other: how far something is that all of them have to follow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct News {
    /// By site, the version of the document with its models.
    pub(super) shelves: BTreeMap<String, u64>,
    /// How many tombstones were ever told of.
    pub(super) erasures: u64,
}

impl News {
    /// Both, whichever is further.
    pub(super) fn join(&mut self, other: &Self) {
        for (site, version) in &other.shelves {
            let known = self.shelves.entry(site.clone()).or_default();
            *known = (*known).max(*version);
        }
        self.erasures = self.erasures.max(other.erasures);
    }
}

/// The roll.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Roll {
    members: Vec<Member>,
    /// By partition.
    holders: BTreeMap<u8, CollectorId>,
    pub(super) news: News,
}

/// As it is written: holders by their place among the members, from 1.
type Written = (Vec<Member>, Vec<u8>, News);

/// Why a document is no roll.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum RollFault {
    /// Written by a newer version.
    #[error("the roll of collectors has format {found}, and this version reads up to {FORMAT}")]
    Newer {
        /// The format found; 0 for no bytes.
        found: u8,
    },
    /// Not what its format says.
    #[error("the roll of collectors does not read: {0}")]
    Broken(String),
}

/// What came of a collector's reporting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reported {
    /// It is on the roll, and holds these.
    Holds(Partitions),
    /// Another process goes by its id, which has come later.
    Superseded,
}

impl Roll {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, RollFault> {
        let (&found, content) = bytes.split_first().ok_or(RollFault::Newer { found: 0 })?;
        if found != FORMAT {
            return Err(RollFault::Newer { found });
        }
        let read = postcard::from_bytes::<Written>(content);
        let (members, places, news) = read.map_err(|error| RollFault::Broken(error.to_string()))?;
        let holder = |(partition, place): (usize, &u8)| {
            let holder = members.get(usize::from(*place).checked_sub(1)?)?;
            Some((u8::try_from(partition).ok()?, holder.id))
        };
        let holders = places.iter().enumerate().filter_map(holder).collect();
        Ok(Self { members, holders, news })
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, RollFault> {
        let place = |id: &CollectorId| {
            let place = self.members.iter().position(|member| member.id == *id)?;
            u8::try_from(place + 1).ok()
        };
        let places = (0..=u8::MAX).map(|partition| self.holders.get(&partition).and_then(place).unwrap_or_default());
        let written: Written = (self.members.clone(), places.collect(), self.news.clone());
        postcard::to_extend(&written, vec![FORMAT]).map_err(|error| RollFault::Broken(error.to_string()))
    }

    /// Puts a collector's own word of itself on the roll, and shares out what nobody holds. `heard` of `me` is now, by the
    /// store's clock. `first`: this process has not reported before, and takes the id over from whatever process had it.
    pub(super) fn report(&mut self, me: Member, first: bool) -> Reported {
        let now = me.heard;
        match self.members.iter_mut().find(|member| member.id == me.id) {
            Some(known) if known.process != me.process && !first => return Reported::Superseded,
            Some(known) => *known = me.clone(),
            None => self.members.push(me.clone()),
        }
        self.members.retain(|member| member.id == me.id || now.since(member.heard) < REMEMBERED);
        while self.members.len() > MOST
            && let Some(place) = self.members.iter().position(|member| !member.lives(now))
        {
            self.members.remove(place);
        }
        self.share_out(&me, now);
        Reported::Holds(self.held(&me.id))
    }

    /// Takes a collector off the roll that has applied everything and stops.
    pub(super) fn leave(&mut self, id: &CollectorId, process: u64) {
        self.members.retain(|member| member.id != *id || member.process != process);
        self.holders.retain(|_, holder| holder != id);
    }

    fn share_out(&mut self, me: &Member, now: Millis) {
        let on = |duty: Duty| -> Vec<CollectorId> {
            let takes = |member: &&Member| member.lives(now) && member.duty == duty;
            self.members.iter().filter(takes).map(|member| member.id).collect()
        };
        let working = Some(on(Duty::Working)).filter(|working| !working.is_empty());
        let working = working.unwrap_or_else(|| on(Duty::Behind));
        for partition in 0..=u8::MAX {
            let holder = self.holders.get(&partition);
            let kept = holder.is_some_and(|holder| {
                // Mine are mine to give away; others' are theirs for as long as they are heard of.
                *holder != me.id && self.members.iter().any(|member| member.id == *holder && member.lives(now))
            });
            if kept {
                continue;
            }
            match working.iter().max_by_key(|id| weight(id, partition)) {
                Some(wanted) => drop(self.holders.insert(partition, *wanted)),
                None => drop(self.holders.remove(&partition)),
            }
        }
    }

    /// The partitions that a collector holds.
    pub(super) fn held(&self, id: &CollectorId) -> Partitions {
        let own = self.holders.iter().filter(|(_, holder)| *holder == id);
        own.fold(Partitions::NONE, |held, (partition, _)| held.with(Partition(*partition)))
    }

    /// Collectors that are heard of.
    pub(super) fn living(&self, now: Millis) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(move |member| member.lives(now))
    }

    /// The last word of a collector, if it was ever heard of.
    pub(super) fn member(&self, id: &CollectorId) -> Option<&Member> {
        self.members.iter().find(|member| member.id == *id)
    }
}

impl Member {
    /// Whether it is heard of. What was heard later than now was so by the clock of another server of the store, which says
    /// nothing.
    fn lives(&self, now: Millis) -> bool {
        let silent = now.since(self.heard);
        silent < DEAD_AFTER && silent > Span(-DEAD_AFTER.0)
    }
}

/// How much a collector is the one for a partition: the heaviest is. Whoever comes or goes moves no partition between two
/// others (rendezvous hashing). FNV-1a with the finish of MurmurHash3: versions that run beside each other must agree.
fn weight(id: &CollectorId, partition: u8) -> u64 {
    let bytes = id.as_bytes().iter().chain(std::iter::once(&partition));
    let mut hash = bytes
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    for factor in [0xff51_afd7_ed55_8ccd_u64, 0xc4ce_b9fe_1a85_ec53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Millis = Millis(1_795_262_400_000);

    fn member(byte: u8, heard: Millis) -> Member {
        Member {
            id: CollectorId::from_bytes([byte; 16]),
            process: u64::from(byte),
            version: "0.1.0".to_owned(),
            heard,
            watermark: heard,
            duty: Duty::Working,
            models: Vec::new(),
        }
    }

    fn count(held: &Partitions) -> usize {
        Partition::all().filter(|partition| held.contains(*partition)).count()
    }

    fn holds(roll: &mut Roll, me: Member) -> usize {
        match roll.report(me, false) {
            Reported::Holds(held) => count(&held),
            Reported::Superseded => panic!("superseded"),
        }
    }

    /// A roll of three who have shared out everything at noon.
    fn three() -> Roll {
        let mut roll = Roll::default();
        for _ in 0..2 {
            for byte in 1..=3 {
                holds(&mut roll, member(byte, NOON));
            }
        }
        roll
    }

    fn shares(roll: &Roll) -> Vec<usize> {
        (1..=3).map(|byte| count(&roll.held(&CollectorId::from_bytes([byte; 16])))).collect()
    }

    #[test]
    fn who_is_alone_has_all_at_once() {
        assert_eq!(holds(&mut Roll::default(), member(1, NOON)), 256);
    }

    #[test]
    fn a_newcomer_gets_its_share_only_from_those_who_give_it() {
        // given one who has all, when two more report
        let mut roll = Roll::default();
        assert_eq!(holds(&mut roll, member(1, NOON)), 256);
        assert_eq!(holds(&mut roll, member(2, NOON)), 0);
        assert_eq!(holds(&mut roll, member(3, NOON)), 0);
        // then the first gives them theirs when it reports again
        let left = holds(&mut roll, member(1, NOON));
        let shares = shares(&roll);
        assert_eq!((shares[0], shares.iter().sum::<usize>()), (left, 256));
        assert!(shares.iter().all(|share| (60..=110).contains(share)), "{shares:?}");
    }

    #[test]
    fn what_a_dead_collector_had_is_shared_out_and_nothing_moves_between_the_others() {
        let mut roll = three();
        let before: Vec<Partitions> = (1..=2).map(|byte| roll.held(&member(byte, NOON).id)).collect();
        // when the third is not heard of for a little less than it takes
        let almost = NOON + Span(DEAD_AFTER.0 - 1);
        holds(&mut roll, member(1, almost));
        holds(&mut roll, member(2, almost));
        assert_eq!(roll.held(&member(1, NOON).id), before[0]);
        // and then for as long
        let dead = NOON + DEAD_AFTER;
        holds(&mut roll, member(1, dead));
        let shares = shares(&roll);
        assert_eq!((shares[2], shares[0] + shares[1]), (0, 256));
        for (byte, before) in (1..=2).zip(before) {
            let after = roll.held(&member(byte, NOON).id);
            assert!(Partition::all().all(|one| !before.contains(one) || after.contains(one)));
        }
        // then, back again, it has what it had
        let back = dead + Span::seconds(1);
        assert_eq!(holds(&mut roll, member(3, back)), 0);
        holds(&mut roll, member(1, back));
        holds(&mut roll, member(2, back));
        assert_eq!(roll.held(&member(3, back).id), three().held(&member(3, NOON).id));
    }

    #[test]
    fn who_leaves_or_is_behind_or_has_a_clock_that_is_off_gives_everything_away_itself() {
        for duty in [Duty::Leaving, Duty::Idle, Duty::Behind] {
            let mut roll = three();
            assert_eq!(holds(&mut roll, Member { duty, ..member(3, NOON) }), 0);
            assert_eq!(shares(&roll).iter().sum::<usize>(), 256, "{duty:?}");
        }
    }

    #[test]
    fn when_nobody_may_hold_a_partition_nobody_does() {
        let mut roll = Roll::default();
        assert_eq!(holds(&mut roll, Member { duty: Duty::Leaving, ..member(1, NOON) }), 0);
        assert_eq!(holds(&mut roll, Member { duty: Duty::Idle, ..member(2, NOON) }), 0);
    }

    #[test]
    fn who_is_behind_holds_what_nobody_else_can() {
        let mut roll = Roll::default();
        let behind = |byte| Member { duty: Duty::Behind, ..member(byte, NOON) };
        assert_eq!(holds(&mut roll, behind(1)), 256);
        // Another one that is behind gets its share, and one that works gets everything.
        assert_eq!(holds(&mut roll, behind(2)), 0);
        let left = holds(&mut roll, behind(1));
        assert!(left < 256 && left + holds(&mut roll, behind(2)) == 256);
        holds(&mut roll, member(3, NOON));
        assert_eq!(holds(&mut roll, behind(1)) + holds(&mut roll, behind(2)), 0);
        assert_eq!(holds(&mut roll, member(3, NOON)), 256);
    }

    #[test]
    fn the_later_of_two_processes_has_the_id() {
        let mut roll = Roll::default();
        let (earlier, later) = (member(1, NOON), Member { process: 99, ..member(1, NOON) });
        assert_eq!(roll.report(earlier.clone(), true), Reported::Holds(Partitions::ALL));
        assert_eq!(roll.report(later.clone(), true), Reported::Holds(Partitions::ALL));
        assert_eq!(roll.report(earlier.clone(), false), Reported::Superseded);
        roll.leave(&earlier.id, earlier.process);
        assert_eq!(roll.report(later, false), Reported::Holds(Partitions::ALL));
    }

    #[test]
    fn what_was_heard_by_a_clock_far_ahead_keeps_nobody_alive() {
        let mut roll = three();
        // when the store's clock is an hour behind what it was
        let now = NOON.minus(Span::minutes(60));
        assert_eq!(holds(&mut roll, member(1, now)), 256);
    }

    #[test]
    fn a_roll_reads_as_it_was_written_and_a_newer_one_is_refused() {
        let mut roll = three();
        roll.news.shelves.insert("shop".to_owned(), 7);
        let bytes = roll.encode().unwrap();
        assert_eq!(Roll::decode(&bytes), Ok(roll));
        assert_eq!(Roll::decode(&[FORMAT + 1]), Err(RollFault::Newer { found: FORMAT + 1 }));
        assert!(matches!(Roll::decode(&bytes[..9]), Err(RollFault::Broken(_))));
        assert!(bytes.len() < 1_024, "{} bytes, four times a second", bytes.len());
    }

    #[test]
    fn of_two_tidings_the_further_one_stands() {
        let told = |shelf, erasures| News { shelves: [("shop".to_owned(), shelf)].into(), erasures };
        let mut news = told(3, 9);
        news.join(&told(4, 8));
        assert_eq!(news, told(4, 9));
    }
}
