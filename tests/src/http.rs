//! Requests as an ordinary program sends them: keep-alive, one answer read whole, no cookies unless they are given.

use std::time::Duration;

use axum::body::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde_json::Value;

use crate::{Fault, fault};

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(30);

/// The user agent of a person's browser: without one, or with a program's, what a request tells is held.
pub const PERSON: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36";

/// A client, which looks like a person's browser unless a request says otherwise. It keeps connections open; make one a test, since they belong to the test's runtime.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came, compressed if it was.
    pub body: Bytes,
}

impl Http {
    /// A client without connections yet.
    #[must_use]
    pub fn new() -> Self {
        // Less than the collector waits for the next request: one that it closes at that moment is none to send on.
        let idle = Duration::from_secs(2);
        let client =
            Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).pool_idle_timeout(idle).build_http();
        Self { client }
    }

    /// GET of an address such as `http://127.0.0.1:7070/livez`.
    ///
    /// # Errors
    /// [`Fault::NoAnswer`] when no whole answer came within 30 s. A status such as 500 is an answer.
    pub async fn get(&self, address: &str) -> Result<Answer, Fault> {
        self.send(Method::GET, address, &[], Bytes::new()).await
    }

    /// POST of a JSON body, as `application/json`, with more headers.
    ///
    /// # Errors
    /// As [`Http::get`].
    pub async fn post(&self, address: &str, headers: &[(&str, &str)], body: &Value) -> Result<Answer, Fault> {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.send(Method::POST, address, &all, body.to_string()).await
    }

    /// Any request.
    ///
    /// # Errors
    /// As [`Http::get`].
    pub async fn send(
        &self,
        method: Method,
        address: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, Fault> {
        let no_answer = |detail: String| Fault::NoAnswer { address: address.to_owned(), detail };
        let mut request = Request::builder().method(method).uri(address);
        if !headers.iter().any(|(name, _)| *name == "user-agent") {
            request = request.header("user-agent", PERSON);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).map_err(|error| no_answer(error.to_string()))?;
        let exchange = async {
            let answer = self.client.request(request).await.map_err(|error| no_answer(causes(&error)))?;
            let (parts, body) = answer.into_parts();
            let body = body.collect().await.map_err(|error| no_answer(causes(&error)))?.to_bytes();
            Ok(Answer { status: parts.status, headers: parts.headers, body })
        };
        tokio::time::timeout(LIMIT, exchange).await.map_err(|_| no_answer(format!("none within {LIMIT:?}")))?
    }
}

impl Answer {
    /// The body as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// [`Fault::Unreadable`] with status and beginning of the body.
    pub fn json(&self) -> Result<Value, Fault> {
        serde_json::from_slice(&self.body).map_err(|error| Fault::Unreadable {
            what: format!("an answer {}", self.status),
            detail: error.to_string(),
            found: fault::head(&self.text(), 500),
        })
    }

    /// The first header of that name, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// An error with its causes: the outermost message alone ("client error") says little.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
