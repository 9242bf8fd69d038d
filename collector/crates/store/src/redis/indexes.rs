//! The heat index, the wake index and the outbox: each an order of its own in every partition, read as one.

use std::cmp::Reverse;

use redis::Value;

use super::call::{self, Call, Script};
use super::leads::{corrupt, range_after, range_from_start};
use super::merged::{Merge, Wanted};
use super::{RedisStore, keys};
use crate::{
    Bound, Due, HeatCursor, HeatEntry, LeadKey, Message, MessageId, OutboxId, Partition, Partitions, Queued, SiteName,
    StoreError, UnixMillis, VisitorId,
};

static ACKNOWLEDGE: Script = Script::new(include_str!("scripts/acknowledge.lua"));

/// Bits of a place in the outbox below the milliseconds: how many messages a partition can take within one.
const WITHIN_A_MILLISECOND: u32 = 20;
/// A lead that is due for so long is looked for: it may have gone by itself and be due for ever.
const LONG_DUE: UnixMillis = 3_600_000;

impl RedisStore {
    pub(super) async fn read_top(
        &self,
        site: &SiteName,
        after: Option<HeatCursor>,
        limit: usize,
    ) -> Result<Vec<HeatEntry>, StoreError> {
        const DOING: &str = "read the heat index";
        let order = |entry: &HeatEntry| (Reverse(entry.bound), entry.key.visitor);
        let mut merge = Merge::new(Partition::all(), limit, order);
        while let Some(wanted) = merge.wanted() {
            let call = |Wanted { partition, after: last, limit }: &Wanted<HeatEntry>| {
                let (slot, key) = (keys::slot(*partition), keys::heat(*partition, site));
                match last.as_ref().map(HeatEntry::cursor).or(after) {
                    None => range_from_start(slot, &key, *limit),
                    Some(HeatCursor { bound, visitor }) => {
                        range_after(slot, &key, -bound.micro_points() as f64, visitor.as_bytes(), *limit)
                    }
                }
            };
            let answers = self.servers.ask(DOING, wanted.iter().map(call).collect()).await?;
            let read = |(member, score): (Vec<u8>, f64)| {
                let visitor =
                    VisitorId::from_bytes(member.try_into().map_err(|_| corrupt("a place in the heat index"))?);
                // A whole number below 2^53: a double holds it exactly.
                let bound = Bound::from_micro_points(-score as i64);
                Ok(HeatEntry { key: LeadKey::new(site.clone(), visitor), bound })
            };
            let entries = |answer| call::scored(DOING, answer)?.into_iter().map(read).collect();
            merge.take(answers.into_iter().map(entries).collect::<Result<Vec<_>, StoreError>>()?);
        }
        Ok(merge.found())
    }

    pub(super) async fn read_due(
        &self,
        partitions: &Partitions,
        now: UnixMillis,
        limit: usize,
    ) -> Result<Vec<Due>, StoreError> {
        loop {
            let due = self.read_wake(partitions, now, limit).await?;
            let gone = self.gone(due.iter().filter(|due| due.at < now.saturating_sub(LONG_DUE))).await?;
            if gone.is_empty() {
                return Ok(due);
            }
            self.forget(gone.iter()).await?;
        }
    }

    /// Those of these leads that are not there.
    async fn gone(&self, due: impl Iterator<Item = &Due>) -> Result<Vec<LeadKey>, StoreError> {
        let leads: Vec<LeadKey> = due.map(|due| due.key.clone()).collect();
        let loaded = self.load_leads(&leads).await?;
        Ok(leads.into_iter().zip(loaded).filter(|(_, lead)| lead.is_none()).map(|(key, _)| key).collect())
    }

    async fn read_wake(&self, partitions: &Partitions, now: UnixMillis, limit: usize) -> Result<Vec<Due>, StoreError> {
        const DOING: &str = "read the wake index";
        let wanted = Partition::all().filter(|partition| partitions.contains(*partition));
        let mut merge = Merge::new(wanted, limit, |due: &Due| (due.at, keys::name(&due.key)));
        while let Some(wanted) = merge.wanted() {
            let call = |Wanted { partition, after, limit }: &Wanted<Due>| {
                let (slot, key) = (keys::slot(*partition), keys::wake(*partition));
                match after {
                    None => {
                        let mut command = redis::cmd("ZRANGEBYSCORE");
                        command.arg(key).arg("-inf").arg(now).arg("WITHSCORES").arg("LIMIT").arg(0).arg(*limit);
                        Call::new(slot, command)
                    }
                    Some(Due { key: lead, at }) => range_after(slot, &key, *at as f64, &keys::name(lead), *limit),
                }
            };
            let answers = self.servers.ask(DOING, wanted.iter().map(call).collect()).await?;
            let read = |(member, score): (Vec<u8>, f64)| Ok(Due { key: keys::read_name(&member)?, at: score as i64 });
            let entries = |answer| {
                let entries = call::scored(DOING, answer)?.into_iter().map(read);
                entries.filter(|due| due.as_ref().map_or(true, |due: &Due| due.at <= now)).collect()
            };
            merge.take(answers.into_iter().map(entries).collect::<Result<Vec<_>, StoreError>>()?);
        }
        Ok(merge.found())
    }

    pub(super) async fn read_outbox(
        &self,
        partitions: &Partitions,
        after: Option<OutboxId>,
        limit: usize,
    ) -> Result<Vec<Queued>, StoreError> {
        const DOING: &str = "read the outbox";
        let wanted = Partition::all().filter(|partition| partitions.contains(*partition));
        let mut merge = Merge::new(wanted, limit, |queued: &Queued| queued.id);
        while let Some(wanted) = merge.wanted() {
            let call = |Wanted { partition, after: last, limit }: &Wanted<Queued>| {
                let begin = match last.as_ref().map(|last| last.id).or(after) {
                    None => "-".to_owned(),
                    // Places are ordered by sequence, then by partition.
                    Some(id) if id.partition < *partition => stream_id(id.sequence),
                    Some(id) => format!("({}", stream_id(id.sequence)),
                };
                let mut command = redis::cmd("XRANGE");
                command.arg(keys::outbox(*partition)).arg(begin).arg("+").arg("COUNT").arg(*limit);
                Call::new(keys::slot(*partition), command)
            };
            let answers = self.servers.ask(DOING, wanted.iter().map(call).collect()).await?;
            let read = |(wanted, answer): (&Wanted<Queued>, Value)| {
                let entries = call::list(DOING, answer)?.into_iter();
                entries.map(|entry| read_message(DOING, wanted.partition, entry)).collect()
            };
            merge.take(wanted.iter().zip(answers).map(read).collect::<Result<Vec<_>, StoreError>>()?);
        }
        Ok(merge.found())
    }

    pub(super) async fn acknowledge_messages(&self, delivered: &[OutboxId]) -> Result<(), StoreError> {
        let of = |partition| delivered.iter().filter(move |id| id.partition == partition);
        let calls = Partition::all().filter(|partition| of(*partition).next().is_some()).map(|partition| {
            let mut call = Call::script(keys::slot(partition), &ACKNOWLEDGE, 2, of(partition).count(), 100);
            call.arg(keys::outbox(partition)).arg(keys::messages_of_leads(partition));
            call.arg(of(partition).map(|id| stream_id(id.sequence)).collect::<Vec<_>>());
            call
        });
        self.servers.ask("acknowledge", calls.collect()).await.map(drop)
    }
}

/// A place in the outbox as the server writes it: milliseconds, and a number within them.
fn stream_id(sequence: u64) -> String {
    format!("{}-{}", sequence >> WITHIN_A_MILLISECOND, sequence & ((1 << WITHIN_A_MILLISECOND) - 1))
}

fn read_stream_id(id: &[u8]) -> Option<u64> {
    let (millis, number) = std::str::from_utf8(id).ok()?.split_once('-')?;
    let (millis, number): (u64, u64) = (millis.parse().ok()?, number.parse().ok()?);
    let fits = number >> WITHIN_A_MILLISECOND == 0 && millis.leading_zeros() >= WITHIN_A_MILLISECOND;
    fits.then_some(millis << WITHIN_A_MILLISECOND | number)
}

/// An entry of the stream: its place, and `n`, the lead's name, `m`, the message.
fn read_message(doing: &'static str, partition: Partition, entry: Value) -> Result<Queued, StoreError> {
    let odd = || corrupt("a message in the outbox");
    let [id, fields] = <[Value; 2]>::try_from(call::list(doing, entry)?).map_err(|_| odd())?;
    let [_, name, _, message] = <[Value; 4]>::try_from(call::list(doing, fields)?).map_err(|_| odd())?;
    let sequence = read_stream_id(&call::bytes(doing, id)?).ok_or_else(odd)?;
    let message = call::bytes(doing, message)?;
    let (kind, rest) = message.split_first().ok_or_else(odd)?;
    let (id, bytes) = rest.split_first_chunk().ok_or_else(odd)?;
    Ok(Queued {
        id: OutboxId { sequence, partition },
        key: keys::read_name(&call::bytes(doing, name)?)?,
        message: Message { id: MessageId(*id), kind: *kind, bytes: bytes.to_vec() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_the_outbox_keep_the_order_of_the_stream() {
        for (text, sequence) in [("0-1", 1), ("1-0", 1 << 20), ("1764037923123-7", 1_764_037_923_123 << 20 | 7)] {
            assert_eq!(read_stream_id(text.as_bytes()), Some(sequence));
            assert_eq!(stream_id(sequence), text);
        }
        assert_eq!(read_stream_id(b"1-1048576"), None);
        assert_eq!(read_stream_id(b"1"), None);
    }
}
