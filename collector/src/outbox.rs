//! Messages to the world outside: committed with the lead they are about, read and acknowledged by whoever delivers them.
//!
//! The store keeps bytes: the format, when the message was made (ms since 1970, big-endian), and the message as JSON,
//! which is what every reader gets, with its place in the outbox beside it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use engine::{Millis, Span};
use serde::Serialize;
use serde_json::Value;
use store::{Message, MessageId, OutboxId, Partition, Partitions, Queued, SiteName, StoreError};
use utoipa::ToSchema;

use crate::app::App;
use crate::message::Told;

/// The format that is written and read.
const FORMAT: u8 = 1;
/// Messages in one answer, when nobody says.
pub const LIMIT: usize = 100;
/// The most messages in one answer.
pub const MOST: usize = 1_000;
/// The most messages that one question looks at. Reached when most are other sites'.
const MOST_EXAMINED: usize = 10_000;
/// How long a message waits for somebody to deliver it. Who comes later than this has no use for it.
const KEPT_FOR: Span = Span::days(7);
/// How often that is looked at.
const EXPIRE_EVERY: Duration = Duration::from_secs(3_600);

/// A part of the outbox, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct OutboxPage {
    /// The messages; beside its own fields each has `outbox_id`, its place in the outbox.
    #[schema(value_type = Vec<QueuedMessage>)]
    pub messages: Vec<Value>,
    /// What to give as `after` to read on; absent when this was all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A message in the outbox, and its place. For the description of the interface.
#[derive(Debug, Serialize, ToSchema)]
pub struct QueuedMessage {
    /// Its place: what `after` and `acknowledge` take. Another one if the store was lost and filled again from the log.
    pub outbox_id: String,
    /// What happened.
    #[serde(flatten)]
    pub message: Told,
}

/// A message as the store keeps it.
///
/// # Errors
/// Never for these types; kept so that nothing panics.
pub(crate) fn message(id: MessageId, made: Millis, message: &Told) -> Result<Message, serde_json::Error> {
    let mut bytes = vec![FORMAT];
    bytes.extend_from_slice(&made.0.to_be_bytes());
    serde_json::to_writer(&mut bytes, message)?;
    Ok(Message { id, kind: message.kind(), bytes })
}

/// A place in the outbox as text: 18 hexadecimal digits that sort as the places do.
#[must_use]
pub fn show_id(id: OutboxId) -> String {
    format!("{:016x}{:02x}", id.sequence, id.partition.0)
}

/// Reads what [`show_id`] wrote.
///
/// # Errors
/// Says what is allowed.
pub fn parse_id(text: &str) -> Result<OutboxId, String> {
    let whole = text.len() == 18 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let parsed = || {
        let sequence = u64::from_str_radix(text.get(..16)?, 16).ok()?;
        let partition = u8::from_str_radix(text.get(16..)?, 16).ok()?;
        Some(OutboxId { sequence, partition: Partition(partition) })
    };
    let found = if whole { parsed() } else { None };
    found.ok_or_else(|| "an outbox_id is 18 hexadecimal digits, as a message has them".to_owned())
}

/// Messages that wait, of one site or of all, strictly after a place; at most `limit`, and at most [`MOST`].
///
/// # Errors
/// When the store is away.
pub async fn read(
    app: &App,
    site: Option<&SiteName>,
    after: Option<OutboxId>,
    limit: usize,
) -> Result<OutboxPage, StoreError> {
    let limit = limit.clamp(1, MOST);
    let mut page = OutboxPage { messages: Vec::new(), next: None };
    let (mut after, mut examined) = (after, 0);
    loop {
        let queued = app.store.outbox(&Partitions::ALL, after, limit).await?;
        let more = queued.len() == limit;
        examined += queued.len();
        for one in &queued {
            after = Some(one.id);
            if site.is_some_and(|site| one.key.site != *site) || app.erased.contains(&one.key) {
                continue;
            }
            match shown(one) {
                Some(shown) => page.messages.push(shown),
                None => tracing::error!(outbox_id = show_id(one.id), "a message in the outbox does not read"),
            }
            if page.messages.len() == limit {
                page.next = after.map(show_id);
                return Ok(page);
            }
        }
        if !more {
            return Ok(page);
        }
        if examined >= MOST_EXAMINED {
            page.next = after.map(show_id);
            return Ok(page);
        }
    }
}

/// The message with its place; `None` when it is not of our writing.
fn shown(queued: &Queued) -> Option<Value> {
    let (_, json) = made(&queued.message)?;
    let mut message: Value = serde_json::from_slice(json).ok()?;
    message.as_object_mut()?.insert("outbox_id".to_owned(), Value::String(show_id(queued.id)));
    Some(message)
}

/// When a message was made, and its JSON.
fn made(message: &Message) -> Option<(Millis, &[u8])> {
    let (&format, rest) = message.bytes.split_first()?;
    let (made, json) = rest.split_first_chunk()?;
    (format == FORMAT).then(|| (Millis(i64::from_be_bytes(*made)), json))
}

/// Takes delivered messages of a site out of the outbox. What is gone already, or another site's, is passed over.
///
/// # Errors
/// When the store is away.
pub async fn acknowledge(app: &App, site: &SiteName, delivered: &[OutboxId]) -> Result<usize, StoreError> {
    let mut own = BTreeSet::new();
    for id in delivered {
        // The place just before: a read goes on after one.
        let before = match id.partition.0.checked_sub(1) {
            Some(partition) => Some(OutboxId { partition: Partition(partition), ..*id }),
            None => id.sequence.checked_sub(1).map(|sequence| OutboxId { sequence, partition: Partition(u8::MAX) }),
        };
        let found = app.store.outbox(&Partitions::ALL, before, 1).await?;
        own.extend(found.iter().filter(|one| one.id == *id && one.key.site == *site).map(|one| one.id));
    }
    let own: Vec<OutboxId> = own.into_iter().collect();
    app.store.acknowledge(&own).await?;
    Ok(own.len())
}

/// Drops messages that nobody came for, until the process ends: the outbox must not grow for ever where nothing delivers.
pub async fn expire(app: Arc<App>) {
    loop {
        tokio::time::sleep(EXPIRE_EVERY).await;
        match drop_older(&app, &app.fleet.held(), app.clock.now().minus(KEPT_FOR)).await {
            Ok(0) => {}
            Ok(dropped) => tracing::warn!(dropped, "messages that nobody came for within seven days left the outbox"),
            Err(error) => tracing::warn!(%error, "old messages are still in the outbox"),
        }
    }
}

/// Drops messages of these partitions that were made before `oldest`, and says how many.
///
/// # Errors
/// When the store is away.
pub async fn drop_older(app: &App, partitions: &Partitions, oldest: Millis) -> Result<usize, StoreError> {
    let mut dropped = 0;
    if *partitions == Partitions::NONE {
        return Ok(dropped);
    }
    loop {
        let queued = app.store.outbox(partitions, None, LIMIT).await?;
        let is_old = |one: &&Queued| made(&one.message).is_some_and(|(made, _)| made < oldest);
        let old: Vec<OutboxId> = queued.iter().filter(is_old).map(|one| one.id).collect();
        if old.is_empty() {
            return Ok(dropped);
        }
        app.store.acknowledge(&old).await?;
        dropped += old.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written_and_sorts_as_text() {
        let places = [(0, 0), (0, 255), (1, 3), (0xffff_ffff_ffff, 7), (u64::MAX, 255)];
        let ids = places.map(|(sequence, partition)| OutboxId { sequence, partition: Partition(partition) });
        let texts = ids.map(show_id);
        for (id, text) in ids.iter().zip(&texts) {
            assert_eq!(parse_id(text), Ok(*id));
        }
        assert!(ids.is_sorted() && texts.is_sorted());
        for odd in ["", "1", "00000000000004d2", "00000000000004D27f", "00000000000004d27f0", "+0000000000004d27f"] {
            assert!(parse_id(odd).is_err(), "{odd}");
        }
    }
}
