//! The collector's admin socket: one JSON object a line in, one out.

use std::{io, path::Path, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::UnixStream,
};

use crate::{Fault, fault};

/// How long an answer may take. Moving the clock waits for all that is due on the way.
const LIMIT: Duration = Duration::from_secs(60);

/// Asks one command of the collector whose data folder this is.
///
/// # Errors
/// When nobody answers within a minute, or with what is not JSON.
pub async fn ask(data: &Path, command: &Value) -> Result<Value, Fault> {
    let path = data.join("admin.sock");
    let exchange = async {
        let mut stream = BufReader::new(UnixStream::connect(&path).await?);
        stream.get_mut().write_all(format!("{command}\n").as_bytes()).await?;
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        Ok::<_, io::Error>(line)
    };
    let no_answer = |detail: String| Fault::NoAnswer { address: path.display().to_string(), detail };
    let line = tokio::time::timeout(LIMIT, exchange)
        .await
        .map_err(|_| no_answer(format!("none within {LIMIT:?} to {command}")))?
        .map_err(|error| no_answer(error.to_string()))?;
    serde_json::from_str(&line).map_err(|error| Fault::Unreadable {
        what: format!("the answer to {command}"),
        detail: error.to_string(),
        found: fault::head(&line, 500),
    })
}
