//! From the log's thread to the one that applies: bounded, and never holding an answer up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use store::log::{Log, LogError, Position, Reader, Record};
use tokio::sync::mpsc;

/// Groups that wait in memory. What does not fit is read from the log again: it is durable there.
const GROUPS: usize = 4096;
/// About so many bytes of records are handed out at once, whatever their number: their touches take some fourteen times as
/// much while they are applied, and after a store was away they come in full batches.
pub(super) const MOST_BYTES: usize = 2 << 20;

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
    /// Under way through the log, while what is next is not in the queue.
    backlog: Option<Reader>,
}

/// Makes both ends.
#[must_use]
pub fn feed() -> (FeedSender, Feed) {
    let (sender, receiver) = mpsc::channel(GROUPS);
    let durable = Arc::new(AtomicU64::new(0));
    let feed = Feed { groups: receiver, durable: durable.clone(), next: Position::FIRST, backlog: None };
    (FeedSender { groups: sender, durable }, feed)
}

/// What these take in the log.
fn bytes(records: &[Record]) -> usize {
    records.iter().map(|record| record.payload.len()).sum()
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
        self.backlog = None;
    }

    /// Where to begin, when records from there on are in the log and nobody hands them over any more.
    pub fn read_from(&mut self, position: Position, log: &Log) {
        self.next = position;
        self.backlog = Some(log.read(position));
    }

    /// The position after the last record handed out.
    #[must_use]
    pub fn position(&self) -> Position {
        self.next
    }

    /// Whether records are read from the log again, of which there may be many.
    #[must_use]
    pub fn has_backlog(&self) -> bool {
        self.backlog.is_some()
    }

    /// Waits for the next records, at most so many and about two MiB; `None` when the log is closed and all of it was
    /// handed out.
    ///
    /// # Errors
    /// When records must be read from the log again and cannot.
    pub async fn next(&mut self, log: &Log, most: usize) -> Result<Option<Vec<Record>>, LogError> {
        loop {
            if let Some(records) = self.read_on(most)? {
                return Ok(Some(records));
            }
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
                self.backlog = Some(log.read(self.next));
                continue;
            };
            records.retain(|record| record.position >= self.next);
            let Some(first) = records.first() else { continue };
            if first.position > self.next {
                // Groups before this one did not fit: read on in the log; this group is met again there.
                self.backlog = Some(log.read(self.next));
                continue;
            }
            let mut taken = bytes(&records);
            while records.len() < most && taken < MOST_BYTES {
                let Ok(more) = self.groups.try_recv() else { break };
                let expected = records.last().map(|record| record.position.next());
                if more.first().map(|record| record.position) != expected {
                    break;
                }
                taken += bytes(&more);
                records.extend(more);
            }
            self.took(&records);
            return Ok(Some(records));
        }
    }

    /// The next records of the log that were not handed over; `None` when there are none left. Blocks when a segment is read.
    fn read_on(&mut self, most: usize) -> Result<Option<Vec<Record>>, LogError> {
        let Some(backlog) = &mut self.backlog else { return Ok(None) };
        let mut records = Vec::new();
        let mut read = 0;
        while records.len() < most && read < MOST_BYTES {
            match backlog.next() {
                Some(Ok(record)) => {
                    read += record.payload.len();
                    records.push(record);
                }
                // Said by the log itself; what is behind the damage is still good.
                Some(Err(LogError::Corrupt(damage))) => self.next = self.next.max(damage.resumes),
                Some(Err(error)) => {
                    self.backlog = None;
                    return Err(error);
                }
                None => {
                    // What is missing at the end was rewritten for an erasure, or damaged: it does not come any more.
                    self.next = self.next.max(backlog.end());
                    self.backlog = None;
                    break;
                }
            }
        }
        self.took(&records);
        Ok((!records.is_empty()).then_some(records))
    }

    fn took(&mut self, records: &[Record]) {
        if let Some(last) = records.last() {
            self.next = self.next.max(last.position.next());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use store::log::Settings;
    use store::log::faulty::FaultyFiles;

    use super::*;

    fn record(number: u64, length: usize) -> Record {
        Record { position: Position(Position::FIRST.0 + number), payload: vec![0; length] }
    }

    #[tokio::test]
    async fn what_has_gathered_is_handed_out_in_batches_that_are_bounded_in_bytes() {
        // Given a queue of ten groups of half a batch each
        let files = Arc::new(FaultyFiles::new());
        let (log, _) = Log::open(Path::new("/log"), Settings::default(), files, |_| ()).unwrap();
        let (sender, mut feed) = feed();
        (0..10).for_each(|number| sender.push(vec![record(number, MOST_BYTES / 2)]));

        let mut batches = Vec::new();
        while batches.iter().sum::<usize>() < 10 {
            batches.push(feed.next(&log, 4096).await.unwrap().unwrap().len());
        }

        assert_eq!(batches, [2; 5]);
    }
}
