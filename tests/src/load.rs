//! A bounded load on the loopback interface, with a fixed rate: what a shop's visitors send together.
//!
//! Every visitor has a connection of its own, kept alive, from an address of its own (127.2.x.1 unless the load says
//! otherwise, so that a limit by address sees many clients), and sends a request at fixed instants, whether or not the server keeps up. A latency
//! counts from the instant at which the request was *due*, so that a stalled server cannot hide what it delayed.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use axum::body::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout_at},
};

use crate::{Fault, http::PERSON, raw};

/// How long after the last request is due an answer is still waited for.
const GRACE: Duration = Duration::from_secs(30);
/// The pause before a request that got no answer is sent again.
const AGAIN_AFTER: Duration = Duration::from_millis(250);

/// What to send, and how fast.
#[derive(Debug, Clone)]
pub struct Load {
    /// The server.
    pub address: SocketAddr,
    /// The path of the requests.
    pub path: String,
    /// More headers, such as `origin`. `content-type: text/plain` is there already.
    pub headers: Vec<(String, String)>,
    /// How many visitors send at the same time; at most 60,000.
    pub visitors: u32,
    /// Events a second of all visitors together.
    pub events_per_second: u32,
    /// Events in one request. Only for the rate: what is in a body is the caller's.
    pub batch: u32,
    /// For how long requests are due.
    pub duration: Duration,
    /// Whether a request without an answer, or answered 429 or 503, is sent again, unchanged, until 30 s after the end:
    /// as a page does. Later requests of the same visitor wait for it.
    pub again: bool,
    /// The network that the visitors' addresses begin in: 127.*network*.x.1.
    pub network: u8,
    /// Whether each request says that it was forwarded for an address of its own, as whoever wants to be nobody would.
    pub forwarded: bool,
}

impl Load {
    /// The bench load: 2,000 events a second in batches of 10, from 200 visitors, for 30 s.
    #[must_use]
    pub fn bench(address: SocketAddr) -> Self {
        Self {
            address,
            path: "/v1/events".to_owned(),
            headers: Vec::new(),
            visitors: 200,
            events_per_second: 2_000,
            batch: 10,
            duration: Duration::from_secs(30),
            again: false,
            network: 2,
            forwarded: false,
        }
    }

    /// Sends. `body` makes the body of turn `turn` (from 0) of visitor `visitor` (from 0) just before it is first sent;
    /// it keeps the visitor's state in `S`, made by `S::default()`.
    ///
    /// # Errors
    /// [`Fault::Unreadable`] when the load makes no sense (no visitors, no rate, a header that is none).
    pub async fn run<S>(&self, body: impl Fn(&mut S, Turn) -> Vec<u8> + Send + Sync + 'static) -> Result<Record, Fault>
    where
        S: Default + Send + 'static,
    {
        let nonsense = |detail: &str| Fault::Unreadable {
            what: "a load".to_owned(),
            detail: detail.to_owned(),
            found: format!("{self:?}"),
        };
        if self.visitors == 0 || self.visitors > 60_000 || self.events_per_second == 0 || self.batch == 0 {
            return Err(nonsense("it needs 1 to 60,000 visitors, a rate and a batch size above zero"));
        }
        self.request(&[], Turn { visitor: 0, turn: 0 }).map_err(|error| nonsense(&error.to_string()))?;
        // A request every `period`, the visitors evenly spread over it.
        let per_request = f64::from(self.batch) / f64::from(self.events_per_second);
        let period = Duration::from_secs_f64(per_request * f64::from(self.visitors));
        let begin = Instant::now() + Duration::from_millis(100);
        let shared = Arc::new((self.clone(), body));
        let mut visitors = JoinSet::new();
        for visitor in 0..self.visitors {
            let shared = Arc::clone(&shared);
            let first = begin + period.mul_f64(f64::from(visitor) / f64::from(self.visitors));
            visitors.spawn(async move {
                let (load, body) = &*shared;
                let mut state = S::default();
                let end = begin + load.duration;
                let mut connection = None;
                let mut sent = Vec::new();
                let mut due = first;
                for turn in 0.. {
                    if due >= end {
                        break;
                    }
                    sleep_until(due).await;
                    let turn = Turn { visitor, turn };
                    let body = body(&mut state, turn);
                    sent.push(load.exchange(&mut connection, turn, body, due, end + GRACE).await);
                    due += period;
                }
                sent
            });
        }
        let mut sent = visitors.join_all().await.concat();
        sent.sort_by_key(|exchange| (exchange.turn.turn, exchange.turn.visitor));
        Ok(Record { sent, took: begin.elapsed() })
    }

    async fn exchange(
        &self,
        connection: &mut Option<SendRequest<Full<Bytes>>>,
        turn: Turn,
        body: Vec<u8>,
        due: Instant,
        until: Instant,
    ) -> Exchange {
        let mut tries = 0;
        loop {
            tries += 1;
            let result = timeout_at(until, self.once(connection, turn, &body)).await;
            let (status, answer) = match result {
                Ok(Ok((status, answer))) => (Some(status), answer),
                Ok(Err(_)) | Err(_) => {
                    *connection = None;
                    (None, Vec::new())
                }
            };
            let later = matches!(status, None | Some(429 | 503));
            if self.again && later && Instant::now() + AGAIN_AFTER < until {
                sleep(AGAIN_AFTER).await;
                continue;
            }
            return Exchange { turn, body, status, answer, latency: due.elapsed(), tries };
        }
    }

    /// One request on the visitor's connection, which is opened when there is none.
    async fn once(
        &self,
        connection: &mut Option<SendRequest<Full<Bytes>>>,
        turn: Turn,
        body: &[u8],
    ) -> Result<(u16, Vec<u8>), Box<dyn std::error::Error + Send + Sync>> {
        if connection.as_ref().is_none_or(SendRequest::is_closed) {
            let [.., high, low] = turn.visitor.to_be_bytes();
            let network = self.network.saturating_add(high % 250);
            let stream = raw::connect_from([127, network, low, 1], self.address).await?;
            stream.set_nodelay(true)?;
            let (sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            // The end of the connection is seen by the sender.
            tokio::spawn(driver);
            *connection = Some(sender);
        }
        let sender = connection.as_mut().ok_or("no connection")?;
        sender.ready().await?;
        let answer = sender.send_request(self.request(body, turn)?).await?;
        let status = answer.status().as_u16();
        Ok((status, answer.into_body().collect().await?.to_bytes().to_vec()))
    }

    fn request(&self, body: &[u8], turn: Turn) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let mut request = Request::post(&self.path).header("host", self.address.to_string());
        request = request.header("content-type", "text/plain;charset=UTF-8").header("user-agent", PERSON);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if self.forwarded {
            let [_, _, high, low] = turn.turn.to_be_bytes();
            let [.., visitor] = turn.visitor.to_be_bytes();
            request = request.header("x-forwarded-for", format!("198.{visitor}.{high}.{low}"));
        }
        request.body(Full::new(Bytes::copy_from_slice(body)))
    }
}

/// Whose request, and which one of theirs; both from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    /// The visitor.
    pub visitor: u32,
    /// The request of this visitor.
    pub turn: u32,
}

/// One request and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// Whose, and which.
    pub turn: Turn,
    /// The body as it was sent.
    pub body: Vec<u8>,
    /// The status of the (last) answer; `None`: none came, so whether it was stored is unknown.
    pub status: Option<u16>,
    /// The body of that answer.
    pub answer: Vec<u8>,
    /// From the instant at which it was due to the end of the answer.
    pub latency: Duration,
    /// How often it was sent.
    pub tries: u32,
}

/// All exchanges of one run, in the order in which they were due.
#[derive(Debug, Clone)]
pub struct Record {
    /// Them.
    pub sent: Vec<Exchange>,
    /// From the first request to the last answer.
    pub took: Duration,
}

impl Record {
    /// How many requests ended with each status; `None`: no answer.
    #[must_use]
    pub fn statuses(&self) -> BTreeMap<Option<u16>, usize> {
        let mut statuses = BTreeMap::new();
        for exchange in &self.sent {
            *statuses.entry(exchange.status).or_default() += 1;
        }
        statuses
    }

    /// The latency that the share `quantile` (0 to 1) of the answered requests stayed within; exact, by the nearest
    /// rank. Zero when there was no answer.
    #[must_use]
    pub fn latency(&self, quantile: f64) -> Duration {
        let answered = self.sent.iter().filter(|exchange| exchange.status.is_some());
        nearest_rank(answered.map(|exchange| exchange.latency).collect(), quantile)
    }

    /// The events that were acknowledged, for a replay: from each body answered 200, those whose receipt in `receipts`
    /// says `accepted`, each with the whole body that it came in.
    ///
    /// # Errors
    /// [`Fault::Unreadable`] when a body or a 200 answer is not as WIRE.md has it.
    pub fn acknowledged(&self) -> Result<Vec<Acknowledged>, Fault> {
        let mut acknowledged = Vec::new();
        for exchange in self.sent.iter().filter(|exchange| exchange.status == Some(200)) {
            let read = |what: &str, bytes: &[u8]| {
                serde_json::from_slice::<Value>(bytes).map_err(|error| Fault::Unreadable {
                    what: format!("{what} of {:?}", exchange.turn),
                    detail: error.to_string(),
                    found: String::from_utf8_lossy(bytes).into_owned(),
                })
            };
            let body = Arc::new(read("the body", &exchange.body)?);
            let answer = read("the answer", &exchange.answer)?;
            let receipts = answer["receipts"].as_array().map(Vec::as_slice).unwrap_or_default();
            let events = body["events"].as_array().map(Vec::as_slice).unwrap_or_default();
            if receipts.len() != events.len() {
                return Err(Fault::Unreadable {
                    what: format!("the answer of {:?}", exchange.turn),
                    detail: format!("{} receipts for {} events", receipts.len(), events.len()),
                    found: answer.to_string(),
                });
            }
            let accepted = events.iter().zip(receipts).filter(|(_, receipt)| receipt["status"] == "accepted");
            acknowledged.extend(accepted.map(|(event, _)| Acknowledged {
                visitor: exchange.turn.visitor,
                event: event.clone(),
                body: Arc::clone(&body),
            }));
        }
        Ok(acknowledged)
    }
}

/// An event that the collector said yes to.
#[derive(Debug, Clone)]
pub struct Acknowledged {
    /// The visitor.
    pub visitor: u32,
    /// The event.
    pub event: Value,
    /// The body that it came in.
    pub body: Arc<Value>,
}

/// The smallest value that at least the share `quantile` of the values does not exceed; zero when there are none.
#[must_use]
pub fn nearest_rank(mut values: Vec<Duration>, quantile: f64) -> Duration {
    values.sort_unstable();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the number of values")]
    #[expect(clippy::cast_precision_loss, reason = "far fewer values than 2^52")]
    let rank = (quantile.clamp(0.0, 1.0) * values.len() as f64).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_by_the_nearest_rank() {
        let hundred: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();

        assert_eq!(nearest_rank(hundred.clone(), 0.99), Duration::from_millis(99));
        assert_eq!(nearest_rank(hundred.clone(), 0.5), Duration::from_millis(50));
        assert_eq!(nearest_rank(hundred.clone(), 1.0), Duration::from_millis(100));
        assert_eq!(nearest_rank(hundred, 0.0), Duration::from_millis(1));
        assert_eq!(nearest_rank(Vec::new(), 0.99), Duration::ZERO);
    }
}
