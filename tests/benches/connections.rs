//! What sends: 64 connections that are kept alive, on one core, with as little work a request as can be done.
//!
//! *Closed* loop: each connection sends as soon as it has its answer. That is saturation, and what is counted is work.
//! *Open* loop: requests are due at fixed instants, whether or not the server keeps up, and a latency counts from the
//! instant at which a request was due: a server that stands still cannot hide whom it kept waiting.

use std::{
    cell::RefCell,
    io,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use tests::{Fault, raw};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::{JoinSet, yield_now},
    time::{sleep_until, timeout},
};

use crate::shop::{Asks, Past, Shop};

/// Connections at once.
pub(crate) const CONNECTIONS: u8 = 64;
/// How long one answer may take: beyond it the run is broken, not slow.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// Whom to send to, and what.
#[derive(Clone)]
pub(crate) struct Target {
    /// The server.
    pub(crate) address: SocketAddr,
    /// The traffic.
    pub(crate) shop: Rc<RefCell<Shop>>,
    /// What each request asks for.
    pub(crate) asks: Asks,
}

/// What was sent in one go, and how it was answered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent {
    /// How long requests were sent.
    pub(crate) took: Duration,
    /// From due (open) or sent (closed) to the end of the answer, of each request that was answered 200 or 204.
    pub(crate) latencies: Vec<Duration>,
    /// Requests that were answered anything else.
    pub(crate) refused: usize,
    /// Bytes of all bodies of answers.
    pub(crate) answer_bytes: usize,
}

impl Sent {
    /// Requests that were answered well.
    pub(crate) fn requests(&self) -> usize {
        self.latencies.len()
    }

    /// Such requests a second.
    #[expect(clippy::cast_precision_loss, reason = "far fewer requests than 2^52")]
    pub(crate) fn rate(&self) -> f64 {
        self.requests() as f64 / self.took.as_secs_f64()
    }

    fn add(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.refused += other.refused;
        self.answer_bytes += other.answer_bytes;
    }
}

/// Sends for `duration`, as fast as answers come.
///
/// # Errors
/// When a connection breaks.
pub(crate) async fn closed(target: &Target, duration: Duration) -> Result<Sent, Fault> {
    let begin = Instant::now();
    let end = begin + duration;
    let one = |number: u8| {
        let target = target.clone();
        async move {
            let mut connection = Connection::open(&target, number).await?;
            let mut sent = Sent::default();
            while Instant::now() < end {
                connection.prepare(&target);
                let due = Instant::now();
                connection.exchange(due, &mut sent).await?;
            }
            Ok(sent)
        }
    };
    all(begin, one).await
}

/// Sends `rate` requests a second for `duration`.
///
/// # Errors
/// When a connection breaks.
pub(crate) async fn open(target: &Target, rate: f64, duration: Duration) -> Result<Sent, Fault> {
    let begin = Instant::now();
    let period = Duration::from_secs_f64(f64::from(CONNECTIONS) / rate);
    let one = |number: u8| {
        let target = target.clone();
        async move {
            let mut connection = Connection::open(&target, number).await?;
            let mut sent = Sent::default();
            let first = begin + Duration::from_millis(100) + period.mul_f64(f64::from(number) / f64::from(CONNECTIONS));
            let mut due = first;
            while due < first + duration {
                until(due).await;
                connection.prepare(&target);
                connection.exchange(due, &mut sent).await?;
                due += period;
            }
            Ok(sent)
        }
    };
    all(begin, one).await
}

/// Sends one request; gives the body of its answer.
///
/// # Errors
/// When the connection breaks.
pub(crate) async fn one(target: &Target) -> Result<Vec<u8>, Fault> {
    let mut connection = Connection::open(target, 0).await?;
    connection.prepare(target);
    connection.exchange(Instant::now(), &mut Sent::default()).await?;
    Ok(connection.answer)
}

/// Sends the past of every visitor, and takes from the answers the ids that they have from then on.
///
/// # Errors
/// When a connection breaks or a request is refused.
pub(crate) async fn past(target: &Target, past: Past) -> Result<Sent, Fault> {
    let begin = Instant::now();
    let visitors = target.shop.borrow().visitors();
    let one = |number: u8| {
        let target = target.clone();
        async move {
            let mut connection = Connection::open(&target, number).await?;
            let mut sent = Sent::default();
            for visitor in (u32::from(number)..visitors).step_by(usize::from(CONNECTIONS)) {
                target.shop.borrow_mut().past(visitor, past, &connection.host, &mut connection.request);
                connection.exchange(Instant::now(), &mut sent).await?;
                if let Some(id) = given_id(&connection.answer) {
                    target.shop.borrow_mut().learn(visitor, id);
                }
            }
            Ok(sent)
        }
    };
    all(begin, one).await
}

/// Waits until `due`, to the microsecond: timers tick in milliseconds, so the last of them is spent looking at the clock.
async fn until(due: Instant) {
    if let Some(early) = due.checked_sub(Duration::from_millis(2)) {
        sleep_until(early.into()).await;
    }
    while Instant::now() < due {
        yield_now().await;
    }
}

/// The signed id in an answer's body.
fn given_id(answer: &[u8]) -> Option<&str> {
    let begin = memchr::memmem::find(answer, b"\"id\":\"")? + 6;
    let length = memchr::memchr(b'"', &answer[begin..])?;
    std::str::from_utf8(&answer[begin..begin + length]).ok()
}

/// What all connections came to, each with its number.
async fn all<Work: Future<Output = Result<Sent, Fault>> + 'static>(
    begin: Instant,
    one: impl Fn(u8) -> Work,
) -> Result<Sent, Fault> {
    let mut connections = JoinSet::new();
    for number in 0..CONNECTIONS {
        connections.spawn_local(one(number));
    }
    let mut total = Sent::default();
    while let Some(ended) = connections.join_next().await {
        total.add(
            ended.map_err(|error| Fault::System { what: "sending".to_owned(), source: io::Error::other(error) })??,
        );
    }
    total.took = begin.elapsed();
    Ok(total)
}

struct Connection {
    stream: TcpStream,
    host: String,
    request: Vec<u8>,
    /// Bytes read: the head of an answer, and in the end its body alone.
    answer: Vec<u8>,
    asks: Asks,
}

impl Connection {
    async fn open(target: &Target, number: u8) -> Result<Self, Fault> {
        let connecting = || format!("connecting to {}", target.address);
        // Each from an address of its own, as clients come.
        let stream =
            raw::connect_from([127, 2, number, 1], target.address).await.map_err(Fault::system(connecting()))?;
        stream.set_nodelay(true).map_err(Fault::system(connecting()))?;
        Ok(Self {
            stream,
            host: target.address.to_string(),
            request: Vec::new(),
            answer: Vec::with_capacity(4096),
            asks: target.asks,
        })
    }

    fn prepare(&mut self, target: &Target) {
        target.shop.borrow_mut().next(self.asks, &self.host, &mut self.request);
    }

    /// Sends what is prepared, and reads the answer whole.
    async fn exchange(&mut self, due: Instant, sent: &mut Sent) -> Result<(), Fault> {
        let answered = timeout(ANSWER_LIMIT, self.answered()).await;
        let status = answered
            .unwrap_or_else(|_| Err(io::Error::other(format!("no answer within {ANSWER_LIMIT:?}"))))
            .map_err(Fault::system(format!("a request to {}", self.host)))?;
        sent.answer_bytes += self.answer.len();
        match status {
            200 | 204 => sent.latencies.push(due.elapsed()),
            _ => sent.refused += 1,
        }
        Ok(())
    }

    async fn answered(&mut self) -> io::Result<u16> {
        self.stream.write_all(&self.request).await?;
        self.answer.clear();
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some((status, head, length)) = head(&self.answer)? {
                while self.answer.len() < head + length {
                    if self.stream.read_buf(&mut self.answer).await? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                self.answer.drain(..head);
                return Ok(status);
            }
        }
    }
}

/// Status, bytes of the head, and bytes of the body; `None` while the head is not there whole.
fn head(bytes: &[u8]) -> io::Result<Option<(u16, usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut answer = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = answer.parse(bytes).map_err(io::Error::other)? else { return Ok(None) };
    let status = answer.code.unwrap_or_default();
    let named = answer.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = named.and_then(|header| std::str::from_utf8(header.value).ok()?.parse().ok());
    match length {
        Some(length) => Ok(Some((status, head, length))),
        None if status == 204 => Ok(Some((status, head, 0))),
        None => Err(io::Error::other(format!("an answer {status} without a length"))),
    }
}
