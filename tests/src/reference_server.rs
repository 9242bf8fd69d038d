//! The bare server that latencies are compared with (decision 20): what any server must do that makes events durable
//! before it answers, and nothing else. It parses the JSON, appends the body to one file, waits for one group
//! `fdatasync`, and answers one receipt an event. `POST /v1/decide` parses and answers a fixed body.
//!
//! It runs as a process of its own (`reference-server LISTEN FOLDER`), built with the same profile as the collector.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    net::SocketAddr,
    path::Path,
    sync::mpsc,
    thread,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    routing::{get, post},
    serve::ListenerExt,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot};

use crate::{
    Fault, binaries, ports,
    process::{Process, Program},
};

/// The most bodies that one `fdatasync` covers.
const GROUP: usize = 1_024;

/// Bytes to make durable, and who waits for it.
type Waiting = (Bytes, oneshot::Sender<()>);

/// Starts the reference server on a free port; gives its address and its process.
///
/// # Errors
/// When it is not built or does not start.
pub async fn start() -> Result<(SocketAddr, Process), Fault> {
    let address = ports::free_address()?;
    Ok((address, program(address)?.start().await?))
}

/// The same on one core.
///
/// # Errors
/// When it is not built or does not start.
pub async fn start_on_core(core: usize) -> Result<(SocketAddr, Process), Fault> {
    let address = ports::free_address()?;
    Ok((address, program(address)?.on_core(core).start().await?))
}

fn program(address: SocketAddr) -> Result<Program, Fault> {
    let program = Program::new("reference-server", binaries::reference_server()?);
    Ok(program.argument(address.to_string()).argument(".").ready_when(format!("http://{address}/livez")))
}

/// Serves at `listen`, with its file in `folder`, until the process ends.
///
/// # Errors
/// When it cannot listen or write.
pub async fn serve(listen: SocketAddr, folder: &Path) -> io::Result<()> {
    let file = OpenOptions::new().create(true).append(true).open(folder.join("reference.log"))?;
    let (log, waiting) = mpsc::sync_channel(GROUP);
    thread::Builder::new().name("log".to_owned()).spawn(move || write_groups(file, &waiting))?;
    let router = Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route("/v1/events", post(events))
        .route("/v1/decide", post(decide))
        .with_state(log);
    let listener = TcpListener::bind(listen).await?.tap_io(|stream| {
        // Without it answers may wait for an acknowledgement; where it is refused they do.
        stream.set_nodelay(true).ok();
    });
    axum::serve(listener, router).await
}

async fn events(State(log): State<mpsc::SyncSender<Waiting>>, body: Bytes) -> Result<Json<Value>, StatusCode> {
    let parsed: Value = serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let events = parsed["events"].as_array().ok_or(StatusCode::BAD_REQUEST)?;
    let receipts = vec![json!({ "status": "accepted" }); events.len()];
    let (durable, wait) = oneshot::channel();
    log.try_send((body, durable)).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    // The thread drops the sender when the disk refuses.
    wait.await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(Json(json!({ "v": 1, "receipts": receipts, "ignored": 0 })))
}

async fn decide(body: Bytes) -> Result<Json<Value>, StatusCode> {
    let parsed: Value = serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    if !parsed.is_object() {
        return Err(StatusCode::BAD_REQUEST);
    }
    Ok(Json(json!({ "v": 1, "decision": "7Rf0AAAAAAAAAAAAAAAAAA", "offers": [] })))
}

/// Writes whatever waits, makes it durable at once, and tells everyone who waited.
fn write_groups(mut file: File, waiting: &mpsc::Receiver<Waiting>) {
    while let Ok(first) = waiting.recv() {
        let group: Vec<Waiting> = std::iter::once(first).chain(waiting.try_iter().take(GROUP - 1)).collect();
        let bytes: Vec<u8> = group.iter().flat_map(|(body, _)| body.iter().copied()).collect();
        if file.write_all(&bytes).and_then(|()| file.sync_data()).is_err() {
            return;
        }
        for (_, durable) in group {
            // Who went away in the meantime needs no answer.
            durable.send(()).ok();
        }
    }
}
