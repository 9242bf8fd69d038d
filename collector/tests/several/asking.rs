//! Requests as pages make them, to one of the collectors.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use collector::router;
use engine::Millis;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use store::LeadKey;
use tower::ServiceExt as _;

use crate::shop::{Collector, NOON};

/// A page of the shop, whose visitor it is for as long as it keeps its seed.
pub(crate) struct Page {
    seed: String,
    stream: String,
    n: u64,
    /// When it does what it does.
    now: Millis,
}

impl Page {
    pub(crate) fn of(number: u32) -> Self {
        Self { seed: format!("seed-of-visitor-{number:06}"), stream: format!("stream-{number:06}"), n: 0, now: NOON }
    }

    /// It is later.
    pub(crate) fn at(&mut self, now: Millis) {
        self.now = now;
    }

    /// Whose it is.
    pub(crate) fn key(&self, at: &Collector) -> LeadKey {
        let site = at.app().sites.get("shop").unwrap();
        let mut body = self.envelope();
        body["events"] = json!([]);
        let seed = wire::Envelope::parse(body.to_string().as_bytes()).unwrap().seed.unwrap();
        LeadKey::new(site.name.clone(), site.identities.of_seed(&seed))
    }

    /// The same, as the shop's server knows the visitor.
    pub(crate) fn visitor(&self, at: &Collector) -> String {
        self.key(at).visitor.to_string()
    }

    /// What every body begins with.
    fn envelope(&self) -> Value {
        json!({ "v": 1, "site": "shop", "seed": self.seed, "stream": self.stream, "sent": self.now.0, "person": true,
                "consent": { "state": "granted" }, "page": { "url": "https://shop.example/jassen" } })
    }

    /// The next event of this page.
    pub(crate) fn event(&mut self, name: &str) -> Value {
        self.n += 1;
        json!({ "n": self.n, "name": name, "time": self.now.0 - 1_000 + i64::try_from(self.n).unwrap() })
    }

    /// The next event of this page, about an offer.
    pub(crate) fn event_of(&mut self, name: &str, offer: &str) -> Value {
        let mut event = self.event(name);
        event["offer"] = offer.into();
        event
    }

    /// Sends events; they are acknowledged when this returns.
    pub(crate) async fn sends(&self, to: &Collector, events: Vec<Value>) -> Value {
        let mut body = self.envelope();
        body["events"] = events.into();
        let (status, answer) = post(to, "/v1/events", &body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    /// Asks for a decision; `more` is what stands beside the envelope.
    pub(crate) async fn asks(&self, of: &Collector, more: Value) -> (StatusCode, Value) {
        let mut body = self.envelope();
        body["decide"] = json!({});
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        post(of, "/v1/decide", &body).await
    }

    /// The score as a decision says it.
    pub(crate) async fn score(&self, of: &Collector, more: Value) -> String {
        let (status, answer) = self.asks(of, more).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["lead"]["score"].as_str().unwrap_or_default().to_owned()
    }
}

pub(crate) async fn post(to: &Collector, path: &str, body: &Value) -> (StatusCode, Value) {
    let mut request = Request::post(path)
        .header("origin", "https://shop.example")
        .header("content-type", "text/plain")
        .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
        .body(Body::from(body.to_string()))
        .unwrap();
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 9))));
    let answer = router::public(to.app().clone()).oneshot(request).await.unwrap();
    let status = answer.status();
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}
