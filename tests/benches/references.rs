//! The bare servers that ours is compared with: the least that can be done to say something like the same answer. Each
//! is a process of its own (`bench reference …`), with axum and the same build profile as the collector.
//!
//! | kind | does |
//! | --- | --- |
//! | `post` | reads the same JSON into a structure of its own and answers 204 |
//! | `decision` | reads the same JSON and answers the same bytes, always the same |
//!
//! The server that makes each body durable before it answers is [`tests::reference_server`].

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::ListenerExt as _,
};
use clap::{Args, ValueEnum};
use serde::Deserialize;
use tests::{
    Fault, ports,
    process::{Process, Program},
};
use tokio::net::TcpListener;

/// Which bare server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Reads and answers 204.
    Post,
    /// Reads and answers a decision that is given.
    Decision,
}

/// The command line of a reference's process.
#[derive(Debug, Args)]
pub(crate) struct Command {
    #[arg(value_enum)]
    kind: Kind,
    listen: SocketAddr,
    /// A file with the body that is answered to a request for a decision.
    #[arg(long)]
    answer: Option<PathBuf>,
}

/// A body as any server would read it that wants what is in it.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "what is read is the work; nothing is done with it")]
struct Body {
    v: u32,
    site: String,
    #[serde(default)]
    seed: Option<String>,
    #[serde(default)]
    id: Option<String>,
    stream: String,
    sent: i64,
    consent: BTreeMap<String, String>,
    page: Option<Page>,
    #[serde(default)]
    events: Vec<Event>,
    decide: Option<Decide>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "as above")]
struct Page {
    url: Option<String>,
    referrer: Option<String>,
    title: Option<String>,
    language: Option<String>,
    viewport: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "as above")]
struct Event {
    n: u64,
    name: String,
    time: i64,
    value: Option<String>,
    currency: Option<String>,
    #[serde(default)]
    items: Vec<Item>,
    #[serde(default)]
    properties: BTreeMap<String, serde_json::Value>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "as above")]
struct Item {
    id: String,
    name: Option<String>,
    category: Option<String>,
    price: Option<String>,
    quantity: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "as above")]
struct Decide {
    slots: Option<Vec<String>>,
}

/// Starts a reference on `core`.
///
/// # Errors
/// When it does not start.
pub(crate) async fn start(kind: Kind, core: usize, answer: Option<&Path>) -> Result<(SocketAddr, Process), Fault> {
    let address = ports::free_address()?;
    let name = kind.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let this = std::env::current_exe().map_err(Fault::system("finding this program"))?;
    let mut program = Program::new(format!("reference-{name}"), this)
        .argument("reference")
        .argument(name)
        .argument(address.to_string())
        .on_core(core)
        .ready_when(format!("http://{address}/livez"));
    if let Some(answer) = answer {
        program = program.argument("--answer").argument(answer);
    }
    Ok((address, program.start().await?))
}

/// Serves until the process ends.
///
/// # Errors
/// When it cannot listen or read what it is to answer.
pub(crate) async fn serve(command: Command) -> io::Result<()> {
    let answer = command.answer.map(std::fs::read).transpose()?.unwrap_or_default();
    let router = match command.kind {
        Kind::Post => Router::new().route("/v1/events", post(read)),
        Kind::Decision => Router::new().route("/v1/decide", post(decide)),
    };
    let router = router.route("/livez", get(|| async { "ok" })).with_state(Bytes::from(answer));
    let listener = TcpListener::bind(command.listen).await?.tap_io(|stream| {
        // Without it answers may wait for an acknowledgement; where it is refused they do.
        stream.set_nodelay(true).ok();
    });
    axum::serve(listener, router).await
}

async fn read(body: Bytes) -> StatusCode {
    match serde_json::from_slice::<Body>(&body) {
        Ok(body) => {
            std::hint::black_box(body);
            StatusCode::NO_CONTENT
        }
        Err(_) => StatusCode::BAD_REQUEST,
    }
}

async fn decide(State(answer): State<Bytes>, body: Bytes) -> Response {
    match serde_json::from_slice::<Body>(&body) {
        Ok(body) => {
            std::hint::black_box(body);
            ([(header::CONTENT_TYPE, "application/json")], answer).into_response()
        }
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}
