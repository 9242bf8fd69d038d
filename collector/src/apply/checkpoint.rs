//! Where applying stands, as a document in the store that it is true of.
//!
//! It is written after what it covers, and not before the store has been asked to make that durable: it can be too old,
//! never too new. It names the store that it was written to: one that stands in another (a replica that has taken over, a
//! restart without what was in memory) says nothing of what that one holds.
//!
//! What it says is noted beside the log as well, for people who look at the log's files: nothing is decided by that.

use std::path::Path;

use serde::{Deserialize, Serialize};
use store::log::{Position, Stats};
use store::{Document, DocumentName, StoreError, Version};

use super::ApplyError;
use crate::app::App;

const FORMAT: u8 = 2;
/// Of format 1, which named no store.
const WITHOUT_STORE: u8 = 1;

/// Where applying stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checkpoint {
    name: DocumentName,
    version: Version,
    position: Position,
    /// [`Health::identity`](store::Health::identity) of the store that it is true of; `None`: nobody has said.
    store: Option<String>,
}

impl Checkpoint {
    /// Reads this collector's from the store; without one, applying stands at the beginning.
    pub(super) async fn load(app: &App) -> Result<Self, ApplyError> {
        let named = |name: &str| DocumentName::parse(name).map_err(|_| ApplyError::Checkpoint(0));
        let read = |bytes: &[u8]| decode(bytes).ok_or(ApplyError::Checkpoint(bytes.len()));
        // Every collector has a log of its own.
        let name = named(&format!("log/{}", app.fleet.id()))?;
        if let Some(Document { version, bytes }) = app.store.document(&name).await? {
            let (position, store) = read(&bytes)?;
            return Ok(Self { name, version, position, store });
        }
        // As it was called when a store had one collector.
        let before = app.store.document(&named("log/checkpoint")?).await?;
        let (position, store) = before.map_or(Ok((Position::FIRST, None)), |document| read(&document.bytes))?;
        Ok(Self { name, version: Version::ABSENT, position, store })
    }

    /// Where to go on in a log, in a store of this identity: at the checkpoint, or at the oldest record that is kept when the
    /// checkpoint is another store's or beyond the log, and so another log's.
    pub(super) fn go_on_at(&self, log: &Stats, store: &str) -> Position {
        let anothers = self.store.as_deref().is_some_and(|known| known != store);
        if anothers || self.position > log.end { log.start } else { self.position.max(log.start) }
    }

    /// Whether it says something of the store of this identity.
    pub(super) fn is_of(&self, store: &str) -> bool {
        self.store.as_deref() == Some(store)
    }

    /// Everything before `position` is in the store of this identity.
    pub(super) async fn write(&mut self, app: &App, position: Position, store: &str) -> Result<(), StoreError> {
        // Whoever applies the log again to the same store takes nothing away from it.
        let same_store = self.store.as_deref() == Some(store);
        let same_log = self.position <= app.log.stats().end;
        let position = if same_store && same_log { position.max(self.position) } else { position };
        if same_store && position == self.position && self.version != Version::ABSENT {
            return Ok(());
        }
        self.version = app.store.put_document(&self.name, self.version, encode(position, store)).await?;
        (self.position, self.store) = (position, Some(store.to_owned()));
        let noted = NotedCheckpoint { position: position.0, store: store.to_owned(), at: app.clock.now().0 };
        if let Err(error) = noted.write(&app.data().join("log")) {
            tracing::debug!(%error, "the checkpoint could not be noted beside the log");
        }
        Ok(())
    }
}

/// What the last checkpoint said, as it stands in a file beside the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotedCheckpoint {
    /// Everything before it was in the store.
    pub position: u64,
    /// Which store that was.
    pub store: String,
    /// When it was written, ms since 1970.
    pub at: i64,
}

impl NotedCheckpoint {
    const FILE: &str = "checkpoint.json";

    /// Reads it from the log's folder; `None` when there is none that reads.
    #[must_use]
    pub fn read(log: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(log.join(Self::FILE)).ok()?).ok()
    }

    fn write(&self, log: &Path) -> std::io::Result<()> {
        let beside = log.join("checkpoint.new");
        std::fs::write(&beside, serde_json::to_vec(self)?)?;
        std::fs::rename(beside, log.join(Self::FILE))
    }
}

fn encode(position: Position, store: &str) -> Vec<u8> {
    let mut bytes = vec![FORMAT];
    bytes.extend_from_slice(&position.0.to_be_bytes());
    bytes.extend_from_slice(store.as_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Option<(Position, Option<String>)> {
    let (format, content) = bytes.split_first()?;
    let (position, store) = content.split_first_chunk()?;
    let store = match *format {
        WITHOUT_STORE if store.is_empty() => None,
        FORMAT => Some(String::from_utf8(store.to_vec()).ok()?),
        _ => return None,
    };
    Some((Position(u64::from_be_bytes(*position)), store))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: [(&str, Option<&str>); 2] = [
        (include_str!("../../../tests/formats/checkpoint-1.hex"), None),
        (include_str!("../../../tests/formats/checkpoint-2.hex"), Some("3f2a")),
    ];

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<char> = hex.trim().chars().collect();
        digits.chunks(2).map(|pair| u8::from_str_radix(&String::from_iter(pair), 16).unwrap()).collect()
    }

    #[test]
    fn every_format_loads_and_the_newest_is_written() {
        for (hex, store) in HEX {
            assert_eq!(decode(&bytes(hex)), Some((Position(258), store.map(str::to_owned))));
        }
        assert_eq!(encode(Position(258), "3f2a"), bytes(HEX[1].0), "a change of these bytes is a new format");
        for broken in [&[][..], &[1, 0], &[3, 0, 0, 0, 0, 0, 0, 1, 2], &[1, 0, 0, 0, 0, 0, 0, 1, 2, 65]] {
            assert_eq!(decode(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn in_another_store_or_beside_another_log_everything_kept_is_applied_again() {
        let log = |start, end| Stats {
            bytes: 0,
            segments: 1,
            start: Position(start),
            end: Position(end),
            waiting: 0,
            syncs: 0,
            last_sync: std::time::Duration::ZERO,
            failed: false,
        };
        let at = |position, store: Option<&str>| Checkpoint {
            name: DocumentName::parse("log/checkpoint").unwrap(),
            version: Version(1),
            position: Position(position),
            store: store.map(str::to_owned),
        };
        // the same store, one of a time when nobody said, another one, another log, and a log that begins later
        assert_eq!(at(50, Some("a")).go_on_at(&log(10, 90), "a"), Position(50));
        assert_eq!(at(50, None).go_on_at(&log(10, 90), "a"), Position(50));
        assert_eq!(at(50, Some("b")).go_on_at(&log(10, 90), "a"), Position(10));
        assert_eq!(at(95, Some("a")).go_on_at(&log(10, 90), "a"), Position(10));
        assert_eq!(at(5, Some("a")).go_on_at(&log(10, 90), "a"), Position(10));
    }
}
