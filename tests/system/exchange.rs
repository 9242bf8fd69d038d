//! One request, byte by byte as wanted, and its answer: from any loopback address, with any framing.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use serde_json::Value;
use tests::{http::PERSON, raw::Raw};

/// How long an answer may take; far above every limit of the tests' configurations.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// How a body travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// With its length in the header.
    Declared,
    /// In chunks, its length unknown beforehand.
    Chunked,
    /// With this length in the header, and without the body.
    OnlyDeclared(usize),
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) framing: Framing,
    /// The loopback address it comes from.
    pub(crate) from: [u8; 4],
}

/// An answer. Header names in lower case.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            method: "POST",
            path: path.to_owned(),
            headers: vec![
                ("content-type".to_owned(), "text/plain;charset=UTF-8".to_owned()),
                ("user-agent".to_owned(), PERSON.to_owned()),
            ],
            body: body.into(),
            framing: Framing::Declared,
            from: [127, 0, 0, 1],
        }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self { method: "GET", headers: Vec::new(), ..Self::post(path, "") }
    }

    pub(crate) fn from(mut self, address: [u8; 4]) -> Self {
        self.from = address;
        self
    }

    /// Adds a header.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Puts a header in the place of all of that name.
    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(held, _)| held != name);
        self.with(name, value)
    }

    /// The request line and the headers.
    pub(crate) fn head(&self) -> String {
        let Self { method, path, .. } = self;
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: collector.example\r\nconnection: close\r\n");
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        match self.framing {
            Framing::Declared => head.push_str(&format!("content-length: {}\r\n", self.body.len())),
            Framing::OnlyDeclared(length) => head.push_str(&format!("content-length: {length}\r\n")),
            Framing::Chunked => head.push_str("transfer-encoding: chunked\r\n"),
        }
        head.push_str("\r\n");
        head
    }

    /// Sends it on a connection of its own and reads the answer.
    pub(crate) async fn send(&self, to: SocketAddr) -> Answer {
        let mut connection = Raw::connect_from(self.from, to).await.unwrap();
        connection.send(self.head()).await.unwrap();
        // Whoever is refused before the body is read may be cut off while sending it; the answer was sent all the same.
        match self.framing {
            Framing::Declared => drop(connection.send(&self.body).await),
            Framing::OnlyDeclared(_) => {}
            Framing::Chunked => {
                for chunk in self.body.chunks(4_096) {
                    drop(connection.send(format!("{:x}\r\n", chunk.len())).await);
                    drop(connection.send(chunk).await);
                    drop(connection.send("\r\n").await);
                }
                drop(connection.send("0\r\n\r\n").await);
            }
        }
        Answer::read(connection).await
    }
}

impl Answer {
    /// Reads the one answer of a connection that then closes.
    pub(crate) async fn read(mut connection: Raw) -> Self {
        let text = connection.read_to_end(SOON).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer but {text:?}"));
        let mut lines = head.lines();
        let status = lines.next().unwrap_or_default().split(' ').nth(1).unwrap_or_default();
        let headers = lines.filter_map(|line| line.split_once(": "));
        Self {
            status: status.parse().unwrap_or_else(|_| panic!("no status in {head:?}")),
            headers: headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
