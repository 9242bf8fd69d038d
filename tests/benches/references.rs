//! The bare servers that ours is compared with: the least that can be done to say something like the same answer. Each
//! is a process of its own (`bench reference …`), with axum and the same build profile as the collector.
//!
//! | kind | does |
//! | --- | --- |
//! | `post` | reads the same JSON into a structure of its own and answers 204 |
//! | `script` | that, and one EVALSHA of four commands on Redis for each event: two counters, one leaderboard, one expiry |
//! | `decision` | reads the same JSON and answers the same bytes, always the same |
//! | `fields` | that, and one HMGET on Redis before the answer |
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
use redis::{Script, aio::MultiplexedConnection};
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
    /// Reads, counts by a script on Redis, and answers 204.
    Script,
    /// Reads and answers a decision that is given.
    Decision,
    /// Reads, asks Redis for two fields, and answers a decision that is given.
    Fields,
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
    /// The address of the Redis that it uses.
    #[arg(long)]
    redis: Option<String>,
}

/// What a reference needs beside its kind.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Needs<'a> {
    /// A file with the body of a decision.
    pub(crate) answer: Option<&'a Path>,
    /// The address of a Redis.
    pub(crate) redis: Option<&'a str>,
}

/// What a shop would write first: points, the last page, and one leaderboard of the whole site.
const SCRIPT: &str = r#"
redis.call("HINCRBY", KEYS[1], "score", ARGV[1])
redis.call("HINCRBY", KEYS[1], ARGV[2], 1)
redis.call("ZINCRBY", KEYS[2], ARGV[1], KEYS[1])
redis.call("EXPIRE", KEYS[1], 2592000)
return 1
"#;

#[derive(Clone)]
struct Shared {
    answer: Bytes,
    redis: Option<MultiplexedConnection>,
    script: Script,
}

/// A body as any server would read it that wants what is in it.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "what is read is the work; hardly anything is done with it")]
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
pub(crate) async fn start(kind: Kind, core: usize, needs: Needs<'_>) -> Result<(SocketAddr, Process), Fault> {
    let address = ports::free_address()?;
    let name = kind.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let this = std::env::current_exe().map_err(Fault::system("finding this program"))?;
    let mut program = Program::new(format!("reference-{name}"), this)
        .argument("reference")
        .argument(name)
        .argument(address.to_string())
        .on_core(core)
        .ready_when(format!("http://{address}/livez"));
    if let Some(answer) = needs.answer {
        program = program.argument("--answer").argument(answer);
    }
    if let Some(redis) = needs.redis {
        program = program.argument("--redis").argument(redis);
    }
    Ok((address, program.start().await?))
}

/// Serves until the process ends.
///
/// # Errors
/// When it cannot listen, read what it is to answer, or reach its Redis.
pub(crate) async fn serve(command: Command) -> io::Result<()> {
    let redis = match &command.redis {
        None => None,
        Some(url) => {
            let client = redis::Client::open(url.as_str()).map_err(io::Error::other)?;
            Some(client.get_multiplexed_async_connection().await.map_err(io::Error::other)?)
        }
    };
    let answer = command.answer.map(std::fs::read).transpose()?.unwrap_or_default();
    let shared = Shared { answer: Bytes::from(answer), redis, script: Script::new(SCRIPT) };
    let router = match command.kind {
        Kind::Post => Router::new().route("/v1/events", post(read)),
        Kind::Script => Router::new().route("/v1/events", post(count)),
        Kind::Decision => Router::new().route("/v1/decide", post(decide)),
        Kind::Fields => Router::new().route("/v1/decide", post(decide_by_fields)),
    };
    let router = router.route("/livez", get(|| async { "ok" })).with_state(shared);
    let listener = TcpListener::bind(command.listen).await?.tap_io(|stream| {
        // Without it answers may wait for an acknowledgement; where it is refused they do.
        stream.set_nodelay(true).ok();
    });
    axum::serve(listener, router).await
}

fn parsed(body: &Bytes) -> Result<Body, StatusCode> {
    serde_json::from_slice(body).map_err(|_| StatusCode::BAD_REQUEST)
}

async fn read(body: Bytes) -> Result<StatusCode, StatusCode> {
    std::hint::black_box(parsed(&body)?);
    Ok(StatusCode::NO_CONTENT)
}

async fn count(State(shared): State<Shared>, body: Bytes) -> Result<StatusCode, StatusCode> {
    let body = parsed(&body)?;
    let mut redis = shared.redis.ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
    for event in &body.events {
        let mut call = shared.script.key(format!("visitor:{}", body.stream));
        let called = call.key("leaderboard").arg(5).arg(&event.name).invoke_async::<i64>(&mut redis).await;
        called.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn decide(State(shared): State<Shared>, body: Bytes) -> Result<Response, StatusCode> {
    std::hint::black_box(parsed(&body)?);
    Ok(decision(shared.answer))
}

async fn decide_by_fields(State(shared): State<Shared>, body: Bytes) -> Result<Response, StatusCode> {
    let body = parsed(&body)?;
    let mut redis = shared.redis.ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
    let mut ask = redis::cmd("HMGET");
    ask.arg(format!("visitor:{}", body.stream)).arg("score").arg("page_view");
    let fields: [Option<i64>; 2] = ask.query_async(&mut redis).await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    std::hint::black_box(fields);
    Ok(decision(shared.answer))
}

fn decision(answer: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], answer).into_response()
}
