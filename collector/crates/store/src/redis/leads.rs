//! Leads: loading and changing them, reading them all, erasing them.

use std::collections::BTreeMap;

use redis::{Cmd, Value};

use super::call::{self, Call, Script};
use super::{RedisStore, keys, packing, versions};
use crate::{
    Change, Committed, Erasure, LeadKey, Message, Partition, ScanCursor, Scanned, StoreError, StoredLead, Tombstone,
    Version,
};

static COMMIT: Script = Script::new(include_str!("scripts/commit.lua"));
static ERASE: Script = Script::new(include_str!("scripts/erase.lua"));
static FORGET: Script = Script::new(include_str!("scripts/forget.lua"));
static AFTER: Script = Script::new(include_str!("scripts/after.lua"));

/// Leads read by one command.
const LOADED_AT_ONCE: usize = 256;
/// Leads changed by one script: about a quarter of a millisecond in which a server does nothing else.
const CHANGED_AT_ONCE: usize = 32;

impl RedisStore {
    /// Places in `items` by the group of their partition, each group in pieces of at most `most`.
    fn in_groups<T>(&self, items: &[T], most: usize, partition: impl Fn(&T) -> Partition) -> Vec<(u16, Vec<usize>)> {
        let mut groups: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
        for (at, item) in items.iter().enumerate() {
            groups.entry(self.servers.group(partition(item))).or_default().push(at);
        }
        let pieces = |(slot, places): (u16, Vec<usize>)| {
            places.chunks(most).map(|piece| (slot, piece.to_vec())).collect::<Vec<_>>()
        };
        groups.into_iter().flat_map(pieces).collect()
    }

    pub(super) async fn load_leads(&self, leads: &[LeadKey]) -> Result<Vec<Option<StoredLead>>, StoreError> {
        const DOING: &str = "load";
        let groups = self.in_groups(leads, LOADED_AT_ONCE, LeadKey::partition);
        let calls = groups.iter().map(|(slot, places)| {
            let mut command = redis::cmd("MGET");
            command.arg(places.iter().map(|at| keys::lead(&leads[*at])).collect::<Vec<_>>());
            Call::new(*slot, command)
        });
        let answers = self.servers.ask(DOING, calls.collect()).await?;
        let mut loaded = vec![None; leads.len()];
        for ((_, places), answer) in groups.iter().zip(answers) {
            for (at, value) in places.iter().zip(call::list(DOING, answer)?) {
                loaded[*at] = call::optional(DOING, value)?.as_deref().map(packing::unpack).transpose()?;
            }
        }
        Ok(loaded)
    }

    pub(super) async fn commit_changes(&self, changes: &[Change]) -> Result<Vec<Committed>, StoreError> {
        let mut outcomes = vec![Committed::Erased; changes.len()];
        // Places of changes still to be made, each with what its version must be above.
        let mut open: Vec<(usize, Version)> =
            changes.iter().enumerate().map(|(at, change)| (at, change.expected)).collect();
        while !open.is_empty() {
            let groups = self.in_groups(&open, CHANGED_AT_ONCE, |(at, _)| changes[*at].key.partition());
            let pieces: Vec<(u16, Vec<(usize, Version)>)> = groups
                .into_iter()
                .map(|(slot, places)| (slot, places.into_iter().map(|place| open[place]).collect()))
                .collect();
            open.clear();
            let calls = pieces.iter().map(|(slot, piece)| self.commit_call(*slot, piece, changes)).collect();
            let answers = self.servers.ask("commit", calls).await?;
            for ((_, piece), answer) in pieces.iter().zip(answers) {
                let answer = call::bytes("commit", answer)?;
                let (results, []) = answer.as_chunks::<9>() else { return Err(corrupt("an answer of a commit")) };
                if results.len() != piece.len() {
                    return Err(corrupt("an answer of a commit"));
                }
                for ((at, _), [kind, version @ ..]) in piece.iter().zip(results) {
                    let version = Version(u64::from_be_bytes(*version));
                    match kind {
                        b'A' => outcomes[*at] = Committed::Applied(version),
                        b'C' => outcomes[*at] = Committed::Conflict { current: version },
                        b'E' => outcomes[*at] = Committed::Erased,
                        b'F' => open.push((*at, version)),
                        _ => return Err(corrupt("a lead")),
                    }
                }
            }
        }
        Ok(outcomes)
    }

    /// One call of the script for these changes.
    fn commit_call(&self, slot: u16, piece: &[(usize, Version)], changes: &[Change]) -> Call {
        let piece: Vec<(&Change, Version)> = piece.iter().map(|(at, above)| (&changes[*at], *above)).collect();
        let key_count = piece.iter().map(|(change, _)| if change.outbox.is_empty() { 5 } else { 7 }).sum();
        let argument_count: usize = piece.iter().map(|(change, _)| 7 + change.outbox.len()).sum();
        let bytes: usize = piece.iter().map(|(change, _)| 300 + change.lead.as_ref().map_or(0, Vec::len)).sum();
        let mut call = Call::script(slot, &COMMIT, key_count, argument_count + 1, bytes);
        for (Change { key, outbox, .. }, _) in &piece {
            let partition = key.partition();
            call.arg(keys::lead(key)).arg(keys::heat(partition, &key.site)).arg(keys::wake(partition));
            call.arg(keys::tombstones(partition)).arg(keys::floor(partition));
            if !outbox.is_empty() {
                call.arg(keys::outbox(partition)).arg(keys::messages_of_leads(partition));
            }
        }
        call.arg(self.settings.retention.as_secs().max(1));
        for (change, above) in &piece {
            call.arg(keys::name(&change.key)).arg(change.tombstone.digest.as_slice());
            call.arg(change.expected.0.to_be_bytes().as_slice());
            match &change.lead {
                None => call.arg(""),
                Some(lead) => call.arg(packing::pack(versions::above(*above), lead)),
            };
            match change.heat {
                None => call.arg(""),
                // Ascending, so that among equals visitors rise.
                Some(bound) => call.arg(-bound.micro_points()),
            };
            match change.wake {
                // Every lead stands in the wake index, so that all can be read in order; one that never wakes, at its end.
                None => call.arg("inf"),
                Some(at) => call.arg(at),
            };
            call.arg(change.outbox.len());
            for message in &change.outbox {
                call.arg(message_value(message));
            }
        }
        call
    }

    pub(super) async fn scan_partition(
        &self,
        partition: Partition,
        cursor: Option<ScanCursor>,
        limit: usize,
    ) -> Result<Scanned, StoreError> {
        const DOING: &str = "scan";
        let (slot, wake, limit) = (keys::slot(partition), keys::wake(partition), limit.max(1));
        let call = match cursor {
            None => range_from_start(slot, &wake, limit),
            Some(ScanCursor(place)) => {
                let (score, member) = place.split_first_chunk().ok_or_else(|| corrupt("a cursor of a scan"))?;
                range_after(slot, &wake, f64::from_be_bytes(*score), member, limit)
            }
        };
        let entries = call::scored(DOING, self.servers.ask_for_one(DOING, call).await?)?;
        let next = entries
            .last()
            .filter(|_| entries.len() >= limit)
            .map(|(member, score)| ScanCursor([score.to_be_bytes().as_slice(), member].concat()));
        let leads: Vec<LeadKey> =
            entries.iter().map(|(member, _)| keys::read_name(member)).collect::<Result<_, _>>()?;
        let loaded = self.load_leads(&leads).await?;
        let (found, gone): (Vec<_>, Vec<_>) = leads.into_iter().zip(loaded).partition(|(_, lead)| lead.is_some());
        self.forget(gone.iter().map(|(key, _)| key)).await?;
        Ok(Scanned { leads: found.into_iter().filter_map(|(key, lead)| Some((key, lead?))).collect(), next })
    }

    /// Takes leads that have gone by themselves out of the indexes.
    pub(super) async fn forget(&self, gone: impl Iterator<Item = &LeadKey>) -> Result<(), StoreError> {
        let gone: Vec<&LeadKey> = gone.collect();
        let groups = self.in_groups(&gone, CHANGED_AT_ONCE, |key| key.partition());
        let calls = groups.iter().map(|(slot, places)| {
            let mut call = Call::script(*slot, &FORGET, 3 * places.len(), places.len(), 150 * places.len());
            for key in places.iter().map(|at| gone[*at]) {
                let partition = key.partition();
                call.arg(keys::lead(key)).arg(keys::heat(partition, &key.site)).arg(keys::wake(partition));
            }
            call.arg(places.iter().map(|at| keys::name(gone[*at])).collect::<Vec<_>>());
            call
        });
        self.servers.ask("forget leads", calls.collect()).await.map(drop)
    }

    pub(super) async fn erase_leads(&self, erasures: &[Erasure]) -> Result<(), StoreError> {
        let groups = self.in_groups(erasures, CHANGED_AT_ONCE, |erasure| erasure.key.partition());
        let calls = groups.iter().map(|(slot, places)| {
            let piece = || places.iter().map(|at| &erasures[*at]);
            let mut call = Call::script(*slot, &ERASE, 6 * places.len(), 2 * places.len(), 250 * places.len());
            for key in piece().map(|erasure| &erasure.key) {
                let partition = key.partition();
                call.arg(keys::lead(key)).arg(keys::heat(partition, &key.site)).arg(keys::wake(partition));
                call.arg(keys::tombstones(partition)).arg(keys::outbox(partition));
                call.arg(keys::messages_of_leads(partition));
            }
            for erasure in piece() {
                call.arg(keys::name(&erasure.key)).arg(erasure.tombstone.digest.as_slice());
            }
            call
        });
        self.servers.ask("erase", calls.collect()).await.map(drop)
    }

    pub(super) async fn bury_tombstones(&self, tombstones: &[Tombstone]) -> Result<(), StoreError> {
        let calls = by_partition(tombstones).into_iter().map(|(partition, places)| {
            let mut command = redis::cmd("ZADD");
            command.arg(keys::tombstones(partition));
            for at in places {
                command.arg(0).arg(tombstones[at].digest.as_slice());
            }
            Call::new(keys::slot(partition), command)
        });
        self.servers.ask("bury", calls.collect()).await.map(drop)
    }

    pub(super) async fn has_tombstones(&self, tombstones: &[Tombstone]) -> Result<Vec<bool>, StoreError> {
        const DOING: &str = "look for tombstones";
        let groups = by_partition(tombstones);
        let calls = groups.iter().map(|(partition, places)| {
            let mut command = redis::cmd("ZMSCORE");
            command.arg(keys::tombstones(*partition));
            command.arg(places.iter().map(|at| tombstones[*at].digest.as_slice()).collect::<Vec<_>>());
            Call::new(keys::slot(*partition), command)
        });
        let answers = self.servers.ask(DOING, calls.collect()).await?;
        let mut found = vec![false; tombstones.len()];
        for ((_, places), answer) in groups.iter().zip(answers) {
            for (at, score) in places.iter().zip(call::list(DOING, answer)?) {
                found[*at] = score != Value::Nil;
            }
        }
        Ok(found)
    }

    pub(super) async fn list_tombstones(
        &self,
        partition: Partition,
        after: Option<Tombstone>,
        limit: usize,
    ) -> Result<Vec<Tombstone>, StoreError> {
        const DOING: &str = "list tombstones";
        let begin = after.map_or(b"-".to_vec(), |after| [b"(".as_slice(), &after.digest].concat());
        let mut command = redis::cmd("ZRANGEBYLEX");
        command.arg(keys::tombstones(partition)).arg(begin).arg("+").arg("LIMIT").arg(0).arg(limit);
        let answer = self.servers.ask_for_one(DOING, Call::new(keys::slot(partition), command)).await?;
        let read = |value| {
            let digest = call::bytes(DOING, value)?.try_into().map_err(|_| corrupt("a tombstone"))?;
            Ok(Tombstone { partition, digest })
        };
        call::list(DOING, answer)?.into_iter().map(read).collect()
    }
}

/// Places of tombstones by their partition.
fn by_partition(tombstones: &[Tombstone]) -> BTreeMap<Partition, Vec<usize>> {
    let mut groups: BTreeMap<Partition, Vec<usize>> = BTreeMap::new();
    for (at, tombstone) in tombstones.iter().enumerate() {
        groups.entry(tombstone.partition).or_default().push(at);
    }
    groups
}

/// The first entries of a sorted set, with their scores.
pub(super) fn range_from_start(slot: u16, key: &[u8], limit: usize) -> Call {
    let mut command: Cmd = redis::cmd("ZRANGEBYSCORE");
    command.arg(key).arg("-inf").arg("+inf").arg("WITHSCORES").arg("LIMIT").arg(0).arg(limit);
    Call::new(slot, command)
}

/// The entries of a sorted set after a place, with their scores.
pub(super) fn range_after(slot: u16, key: &[u8], score: f64, member: &[u8], limit: usize) -> Call {
    let mut call = Call::script(slot, &AFTER, 1, 3, 100);
    call.arg(key).arg(score.to_string()).arg(member).arg(limit);
    call
}

fn message_value(message: &Message) -> Vec<u8> {
    [&[message.kind], message.id.0.as_slice(), &message.bytes].concat()
}

pub(super) fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt { what: format!("{what} cannot be read"), source: None }
}
