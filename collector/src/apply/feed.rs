//! From the log's thread to the one that applies: bounded, and never holding an answer up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use store::log::{Log, LogError, Position, Record};
use tokio::sync::mpsc;

/// Groups that wait in memory. What does not fit is read from the log again: it is durable there.
const GROUPS: usize = 4096;

/// The log's end of the feed.
pub struct FeedSender {
    groups: mpsc::Sender<Vec<Record>>,
    durable: Arc<AtomicU64>,
}

/// The applying end of the feed: every record of the log from a position on, in order, once.
pub struct Feed {
    groups: mpsc::Receiver<Vec<Record>>,
    durable: Arc<AtomicU64>,
    next: Position,
}

/// Makes both ends.
#[must_use]
pub fn feed() -> (FeedSender, Feed) {
    let (sender, receiver) = mpsc::channel(GROUPS);
    let durable = Arc::new(AtomicU64::new(0));
    (FeedSender { groups: sender, durable: durable.clone() }, Feed { groups: receiver, durable, next: Position::FIRST })
}

impl FeedSender {
    /// Hands over what has just become durable. Never waits.
    pub fn push(&self, records: Vec<Record>) {
        let Some(end) = records.last().map(|last| last.position.next()) else { return };
        // Full, or nobody listens any more: the log keeps it.
        drop(self.groups.try_send(records));
        // After the sending: whoever finds the queue empty and this beyond its position has missed something.
        self.durable.store(end.0, Ordering::Release);
    }
}

impl Feed {
    /// Where to begin.
    pub fn start_at(&mut self, position: Position) {
        self.next = position;
    }

    /// The position after the last record handed out.
    #[must_use]
    pub fn position(&self) -> Position {
        self.next
    }

    /// Waits for the next records; `None` when the log is closed and all of it was handed out.
    ///
    /// # Errors
    /// When records must be read from the log again and cannot.
    pub async fn next(&mut self, log: &Log, most: usize) -> Result<Option<Vec<Record>>, LogError> {
        loop {
            let waiting = match self.groups.try_recv() {
                Ok(group) => Some(group),
                // Looked at again, since the group may have come between the two looks.
                Err(_) if self.next.0 < self.durable.load(Ordering::Acquire) => self.groups.try_recv().ok(),
                Err(_) => match self.groups.recv().await {
                    Some(group) => Some(group),
                    None => return Ok(None),
                },
            };
            let Some(mut records) = waiting else {
                return self.reread(log, most).map(Some);
            };
            records.retain(|record| record.position >= self.next);
            let Some(first) = records.first() else { continue };
            if first.position > self.next {
                // Groups before this one did not fit: read on in the log; this group is met again there.
                return self.reread(log, most).map(Some);
            }
            while records.len() < most {
                let Ok(more) = self.groups.try_recv() else { break };
                let expected = records.last().map(|record| record.position.next());
                if more.first().map(|record| record.position) != expected {
                    break;
                }
                records.extend(more);
            }
            self.took(&records);
            return Ok(Some(records));
        }
    }

    /// Reads records that are in the log and were not handed out. Blocks; only after an overflow.
    fn reread(&mut self, log: &Log, most: usize) -> Result<Vec<Record>, LogError> {
        let mut records = Vec::new();
        let end = log.stats().end;
        for record in log.read(self.next) {
            match record {
                Ok(record) => records.push(record),
                // Said by the log itself; what is behind the damage is still good.
                Err(LogError::Corrupt(damage)) => self.next = self.next.max(damage.resumes),
                Err(error) => return Err(error),
            }
            if records.len() >= most {
                break;
            }
        }
        if records.is_empty() {
            // All that was missing is gone from the log: rewritten for an erasure, or damaged.
            self.next = self.next.max(end);
        }
        self.took(&records);
        Ok(records)
    }

    fn took(&mut self, records: &[Record]) {
        if let Some(last) = records.last() {
            self.next = last.position.next();
        }
    }
}
