//! The other end of the socket: commands of `gloed` that ask the running collector.

use std::io;
use std::path::Path;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

/// A connection to the admin socket of a running collector.
pub struct Client(BufReader<UnixStream>);

impl Client {
    /// Connects to the collector whose data folder this is.
    ///
    /// # Errors
    /// Says that none runs there, or may not be reached by this user.
    pub async fn connect(data: &Path) -> Result<Self, String> {
        let path = super::path(data);
        let connected = UnixStream::connect(&path).await;
        let stream = connected.map_err(|error| {
            let hint = match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                    ": no collector runs on this data folder (--data names another)"
                }
                io::ErrorKind::PermissionDenied => ": only the user who runs the collector may ask it",
                _ => "",
            };
            // In full: a relative folder is another one for whoever stands elsewhere.
            let path = std::path::absolute(&path).unwrap_or(path);
            format!("{}: {error}{hint}", path.display())
        })?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Asks one command.
    ///
    /// # Errors
    /// The collector's refusal in its words, or that it went away.
    pub async fn ask(&mut self, command: &Value) -> Result<Value, String> {
        let exchange = async {
            self.0.get_mut().write_all(format!("{command}\n").as_bytes()).await?;
            let mut line = String::new();
            self.0.read_line(&mut line).await?;
            Ok::<_, io::Error>(line)
        };
        let line = exchange.await.map_err(|error| format!("the collector went away: {error}"))?;
        let answer: Value = serde_json::from_str(&line).map_err(|_| "the collector went away".to_owned())?;
        match answer["error"]["detail"].as_str() {
            Some(detail) => Err(detail.to_owned()),
            None => Ok(answer),
        }
    }
}
