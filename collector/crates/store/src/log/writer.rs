//! The thread that writes: everything that waits in one write and one sync, then the tail, then the answers.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::frame::{self, FRAME_BYTES, HEADER_BYTES, Header, Kind};
use super::segments::{self, Segment, Segments};
use super::{File, Files, LogError, Position, Record, Settings};

/// Payload bytes of one group at most: bounds the buffer and how long the first of a group waits for the last.
const GROUP_BYTES: usize = 8 << 20;

/// Takes each group of durable records, in the order of the log.
pub(super) type Tail = Box<dyn FnMut(Vec<Record>) + Send>;

/// What the log's users and its writer share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) folder: PathBuf,
    pub(super) settings: Settings,
    pub(super) files: Arc<dyn Files>,
    queue: Mutex<Queue>,
    /// Signalled when the queue has something for the writer.
    filled: Condvar,
    segments: Mutex<Segments>,
    /// Held by who replaces or removes sealed segments.
    pub(super) maintenance: Mutex<()>,
}

#[derive(Debug)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// Frame bytes that wait or are being written.
    pending_bytes: u64,
    pending: usize,
    /// Bytes of all segments on the disk.
    used_bytes: u64,
    rotations: Vec<mpsc::Sender<Result<(), LogError>>>,
    closed: bool,
    /// Whether there is no writer any more.
    ended: bool,
    failed: Option<Arc<io::Error>>,
    syncs: u64,
    last_sync: Duration,
}

#[derive(Debug)]
struct Waiting {
    payload: Vec<u8>,
    answer: oneshot::Sender<Answer>,
}

type Answer = Result<Position, LogError>;

/// An append under way. It was taken when [`Log::append`](super::Log::append) returned, in the order of the calls;
/// dropping this does not take it back.
#[derive(Debug)]
#[must_use = "nothing is durable before this has resolved"]
pub struct Appending(State);

#[derive(Debug)]
enum State {
    Refused(LogError),
    Waiting(oneshot::Receiver<Answer>),
}

impl Future for Appending {
    type Output = Result<Position, LogError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Refused(error) => Poll::Ready(Err(error.clone())),
            State::Waiting(answer) => {
                // A writer that ended without an answer has closed the log.
                Pin::new(answer).poll(context).map(|answer| answer.unwrap_or(Err(LogError::Closed)))
            }
        }
    }
}

/// What the queue's counters say.
pub(super) struct Counters {
    pub(super) waiting: usize,
    pub(super) syncs: u64,
    pub(super) last_sync: Duration,
    pub(super) failed: bool,
}

impl Shared {
    pub(super) fn new(folder: PathBuf, settings: Settings, files: Arc<dyn Files>, segments: Segments) -> Self {
        let queue = Queue {
            waiting: VecDeque::new(),
            pending_bytes: 0,
            pending: 0,
            used_bytes: segments.bytes(),
            rotations: Vec::new(),
            closed: false,
            ended: false,
            failed: None,
            syncs: 0,
            last_sync: Duration::ZERO,
        };
        Self {
            folder,
            settings,
            files,
            queue: Mutex::new(queue),
            filled: Condvar::new(),
            segments: Mutex::new(segments),
            maintenance: Mutex::new(()),
        }
    }

    // No code that holds these locks can panic half-way through a change, so a poisoned lock is as good as another.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn segments(&self) -> MutexGuard<'_, Segments> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn counters(&self) -> Counters {
        let queue = self.queue();
        Counters {
            waiting: queue.pending,
            syncs: queue.syncs,
            last_sync: queue.last_sync,
            failed: queue.failed.is_some(),
        }
    }

    pub(super) fn append(&self, payload: Vec<u8>) -> Appending {
        match self.enqueue(payload) {
            Ok(answer) => Appending(State::Waiting(answer)),
            Err(refusal) => Appending(State::Refused(refusal)),
        }
    }

    fn enqueue(&self, payload: Vec<u8>) -> Result<oneshot::Receiver<Answer>, LogError> {
        let allowed = self.settings.max_record;
        if payload.len() > allowed {
            return Err(LogError::TooLarge { found: payload.len(), allowed });
        }
        let wanted = (FRAME_BYTES + payload.len()) as u64;
        let mut queue = self.queue();
        queue.refuse_if_ended()?;
        // Headers of the segments that what waits may begin: one a segment, and one more in the worst case for each
        // record that does not fit the rest of its segment.
        let after = queue.pending_bytes + wanted;
        let begun = (2 * after / self.settings.segment_bytes.max(1) + 1).min(queue.pending as u64 + 1);
        let used = queue.used_bytes + queue.pending_bytes;
        if used + wanted + begun * HEADER_BYTES as u64 > self.settings.cap_bytes {
            return Err(LogError::Full { used, cap: self.settings.cap_bytes, wanted });
        }
        let (answer, receiver) = oneshot::channel();
        queue.waiting.push_back(Waiting { payload, answer });
        queue.pending_bytes = after;
        queue.pending += 1;
        drop(queue);
        self.filled.notify_one();
        Ok(receiver)
    }

    /// Seals the active segment, and returns when that is done.
    pub(super) fn rotate(&self) -> Result<(), LogError> {
        let (sender, receiver) = mpsc::channel();
        {
            let mut queue = self.queue();
            queue.refuse_if_ended()?;
            queue.rotations.push(sender);
        }
        self.filled.notify_one();
        receiver.recv().unwrap_or(Err(LogError::Closed))
    }

    /// Refuses new appends; the writer ends when it has written what waits.
    pub(super) fn close(&self) {
        self.queue().closed = true;
        self.filled.notify_one();
    }

    /// The failure that stopped the writer, if one has.
    pub(super) fn failure(&self) -> Option<LogError> {
        self.queue().failed.clone().map(|source| LogError::Failed { source })
    }

    /// Takes appends again, for a writer that goes on with these segments.
    pub(super) fn accept_again(&self) -> Result<(), LogError> {
        let used_bytes = self.segments().bytes();
        let mut queue = self.queue();
        if queue.closed {
            return Err(LogError::Closed);
        }
        (queue.used_bytes, queue.ended, queue.failed) = (used_bytes, false, None);
        Ok(())
    }

    /// Tells the cap how many bytes sealed segments have gained or lost.
    pub(super) fn resized(&self, before: u64, after: u64) {
        let mut queue = self.queue();
        queue.used_bytes = (queue.used_bytes + after).saturating_sub(before);
    }
}

impl Queue {
    fn refuse_if_ended(&self) -> Result<(), LogError> {
        match &self.failed {
            Some(source) => Err(LogError::Failed { source: source.clone() }),
            None if self.closed || self.ended => Err(LogError::Closed),
            None => Ok(()),
        }
    }
}

/// Makes a new segment, durable with its header and its name.
pub(super) fn create_segment(
    folder: &Path,
    files: &dyn Files,
    number: u64,
    first: Position,
) -> io::Result<(Segment, Header, Box<dyn File>)> {
    let header = Header::new(first);
    let bytes = header.encode();
    let mut file = files.create(&segments::path(folder, number))?;
    file.append(&bytes)?;
    file.sync()?;
    files.sync_folder(folder)?;
    Ok((Segment { number, first, end: first, bytes: bytes.len() as u64 }, header, file))
}

/// The writer's own state.
pub(super) struct Writer {
    shared: Arc<Shared>,
    file: Box<dyn File>,
    header: Header,
    active: Segment,
    /// `None` after it has panicked.
    tail: Option<Tail>,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, file: Box<dyn File>, header: Header, active: Segment, tail: Tail) -> Self {
        Self { shared, file, header, active, tail: Some(tail) }
    }

    /// Writes until the log is closed or has failed, and gives the tail callback back for the next writer.
    pub(super) fn run(mut self) -> Option<Tail> {
        // Whatever ends this thread, nobody may wait for it in vain.
        let _end = End(self.shared.clone());
        while let Some(work) = self.next_work() {
            let (mut records, answers) = self.number(work.group);
            let first = self.active.end.0;
            let written = self.make_durable(&records);
            // A group that went on in another segment may be on the disk in part: that part is in the log for good.
            records.retain(|record| record.position < self.active.end);
            let handed_over = self.hand_over(records);
            let durable = if handed_over.is_ok() { self.active.end } else { Position(first) };
            let outcome = written.and(handed_over).map_err(|error| self.fail(error));
            for (position, answer) in (first..).map(Position).zip(answers) {
                let outcome = if position < durable { Ok(()) } else { outcome.clone() };
                // Who no longer waits does not want to know.
                drop(answer.send(outcome.map(|()| position)));
            }
            for rotation in work.rotations {
                let outcome = outcome.clone().and_then(|()| self.rotate().map_err(|error| self.fail(error)));
                drop(rotation.send(outcome));
            }
            if self.shared.queue().failed.is_some() {
                break;
            }
        }
        self.tail.take()
    }

    /// Waits for work; `None` when the log is closed and nothing waits.
    fn next_work(&self) -> Option<Work> {
        let mut queue = self.shared.queue();
        while queue.waiting.is_empty() && queue.rotations.is_empty() {
            if queue.closed {
                return None;
            }
            queue = self.shared.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let mut bytes = 0;
        let mut group = Vec::new();
        while bytes < GROUP_BYTES
            && let Some(waiting) = queue.waiting.pop_front()
        {
            bytes += waiting.payload.len();
            group.push(waiting);
        }
        // A rotation seals what was appended before it was asked for.
        let rotations = if queue.waiting.is_empty() { mem::take(&mut queue.rotations) } else { Vec::new() };
        Some(Work { group, rotations })
    }

    fn number(&self, group: Vec<Waiting>) -> (Vec<Record>, Vec<oneshot::Sender<Answer>>) {
        let mut position = self.active.end;
        group
            .into_iter()
            .map(|Waiting { payload, answer }| {
                let record = Record { position, payload };
                position = position.next();
                (record, answer)
            })
            .unzip()
    }

    /// Writes records that follow the last one, and returns when they are on the disk.
    fn make_durable(&mut self, records: &[Record]) -> io::Result<()> {
        let mut written = Vec::new();
        for record in records {
            let frame = (FRAME_BYTES + record.payload.len()) as u64;
            let length = self.active.bytes + written.len() as u64;
            if length + frame > self.shared.settings.segment_bytes && length > HEADER_BYTES as u64 {
                self.write(&mem::take(&mut written), record.position)?;
                self.rotate()?;
            }
            frame::encode(&mut written, self.header.salt, Kind::Record, record.position, &record.payload);
        }
        let end = records.last().map_or(self.active.end, |last| last.position.next());
        self.write(&written, end)?;
        let mut queue = self.shared.queue();
        queue.pending -= records.len();
        queue.pending_bytes -= records.iter().map(|record| (FRAME_BYTES + record.payload.len()) as u64).sum::<u64>();
        Ok(())
    }

    /// One write and one sync.
    fn write(&mut self, frames: &[u8], end: Position) -> io::Result<()> {
        if frames.is_empty() {
            return Ok(());
        }
        self.file.append(frames)?;
        let begun = Instant::now();
        self.file.sync()?;
        let took = begun.elapsed();
        self.active.bytes += frames.len() as u64;
        self.active.end = end;
        self.shared.segments().active = self.active;
        let mut queue = self.shared.queue();
        queue.used_bytes += frames.len() as u64;
        queue.syncs += 1;
        queue.last_sync = took;
        Ok(())
    }

    /// Seals the active segment and begins the next, unless it is empty.
    fn rotate(&mut self) -> io::Result<()> {
        if self.active.first == self.active.end {
            return Ok(());
        }
        let number = self.active.number + 1;
        let made = create_segment(&self.shared.folder, &*self.shared.files, number, self.active.end)?;
        let sealed = mem::replace(&mut self.active, made.0);
        (self.header, self.file) = (made.1, made.2);
        {
            let mut segments = self.shared.segments();
            segments.sealed.push_back(sealed);
            segments.active = self.active;
        }
        self.shared.queue().used_bytes += self.active.bytes;
        Ok(())
    }

    fn hand_over(&mut self, records: Vec<Record>) -> io::Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        // A panic of the callback is a fault of its owner. It must not end in appends that wait for ever.
        let taken = self.tail.take().and_then(|mut tail| {
            catch_unwind(AssertUnwindSafe(|| tail(records))).ok()?;
            Some(tail)
        });
        self.tail = taken;
        let panicked = || io::Error::other("the callback that takes durable records has panicked");
        self.tail.is_some().then_some(()).ok_or_else(panicked)
    }

    /// Refuses everything from now on: a failed sync is not tried again.
    fn fail(&self, error: io::Error) -> LogError {
        tracing::error!(%error, "the log has failed: nothing is acknowledged until it is opened anew");
        let source = Arc::new(error);
        let failed = LogError::Failed { source: source.clone() };
        let (waiting, rotations) = {
            let mut queue = self.shared.queue();
            queue.failed = Some(source);
            (queue.pending, queue.pending_bytes) = (0, 0);
            (mem::take(&mut queue.waiting), mem::take(&mut queue.rotations))
        };
        for Waiting { answer, .. } in waiting {
            drop(answer.send(Err(failed.clone())));
        }
        for rotation in rotations {
            drop(rotation.send(Err(failed.clone())));
        }
        failed
    }
}

/// What the writer does at once.
struct Work {
    group: Vec<Waiting>,
    rotations: Vec<mpsc::Sender<Result<(), LogError>>>,
}

/// Says when the writer ends, whatever ended it.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.ended = true;
        queue.waiting.clear();
        queue.rotations.clear();
    }
}
