//! A page that goes on sending events and asking for offers, over one connection.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How a page fared.
#[derive(Debug, Default)]
pub(crate) struct Fared {
    /// Requests that were answered well: their event accepted, their question answered.
    pub(crate) well: u64,
    /// Answers that were anything else.
    pub(crate) otherwise: Vec<String>,
    /// The longest time to an answer.
    pub(crate) longest: Duration,
}

/// Sets a flag when it is dropped, also where a test fails: what waits for the flag would never end.
pub(crate) struct Until<'f>(pub(crate) &'f AtomicBool);

impl Drop for Until<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends an event and asks for offers, again and again until `done`, every time as another visitor.
pub(crate) fn browse(address: SocketAddr, done: &AtomicBool) -> Fared {
    let mut stream = BufReader::new(TcpStream::connect(address).unwrap());
    let mut fared = Fared::default();
    while !done.load(Ordering::Relaxed) {
        let number = fared.well + fared.otherwise.len() as u64;
        let begin = Instant::now();
        let (status, answer) = exchange(&mut stream, &body(number));
        fared.longest = fared.longest.max(begin.elapsed());
        if status == 200 && answer["receipts"][0]["status"] == "accepted" && answer["decision"].is_object() {
            fared.well += 1;
        } else {
            fared.otherwise.push(format!("{status}: {answer}"));
        }
    }
    fared
}

fn body(number: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let now = u64::try_from(now).unwrap();
    let body = json!({
        "v": 1, "site": "shop", "seed": format!("{number:022}"), "stream": format!("{number:016}"), "sent": now,
        "consent": { "state": "granted", "source": "tag" }, "person": true,
        "page": { "url": "https://shop.example/price", "title": "Prijs", "language": "nl-NL", "viewport": 1280 },
        "events": [{ "n": 1, "name": "page_view", "time": now }],
        "decide": { "slots": ["popup", "bar", "home"] },
    });
    body.to_string()
}

fn exchange(stream: &mut BufReader<TcpStream>, body: &str) -> (u16, Value) {
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nOrigin: https://shop.example\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.get_mut().write_all(format!("{head}{body}").as_bytes()).unwrap();
    let (mut status, mut length) = (0, 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(rest) = line.strip_prefix("http/1.1 ") {
            status = rest.split(' ').next().unwrap().parse().unwrap();
        } else if let Some(rest) = line.strip_prefix("content-length: ") {
            length = rest.parse().unwrap();
        } else if line.is_empty() {
            break;
        }
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}
