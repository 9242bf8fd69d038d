//! A socket for requests that no client library would send.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::Fault;

/// The most that is read of one answer, in bytes.
const MOST: u64 = 4 * 1024 * 1024;

/// A plain TCP connection.
#[derive(Debug)]
pub struct Raw {
    stream: TcpStream,
}

impl Raw {
    /// Connects to `address`.
    ///
    /// # Errors
    /// When the system refuses.
    pub async fn connect(address: SocketAddr) -> Result<Self, Fault> {
        let stream = TcpStream::connect(address).await.map_err(Fault::system(format!("connecting to {address}")))?;
        Ok(Self { stream })
    }

    /// Connects to `address` from the loopback address `from`, so that the server sees another client.
    ///
    /// # Errors
    /// When the system refuses.
    pub async fn connect_from(from: [u8; 4], address: SocketAddr) -> Result<Self, Fault> {
        let stream = connect_from(from, address).await.map_err(Fault::system(format!("connecting to {address}")))?;
        Ok(Self { stream })
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the other side has closed.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), Fault> {
        self.stream.write_all(bytes.as_ref()).await.map_err(Fault::system("sending raw bytes"))
    }

    /// Says that nothing more will be sent; reading goes on.
    ///
    /// # Errors
    /// When the other side has closed.
    pub async fn finish(&mut self) -> Result<(), Fault> {
        self.stream.shutdown().await.map_err(Fault::system("closing one direction"))
    }

    /// Reads until the other side closes, at most 4 MiB. A reset counts as a close.
    ///
    /// # Errors
    /// [`Fault::Deadline`] when it did not close within `limit`, with what came until then.
    pub async fn read_to_end(&mut self, limit: Duration) -> Result<String, Fault> {
        let mut bytes = Vec::new();
        let read = timeout(limit, (&mut self.stream).take(MOST).read_to_end(&mut bytes)).await;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        match read {
            Ok(Err(error)) if error.kind() != io::ErrorKind::ConnectionReset => {
                Err(Fault::System { what: "reading raw bytes".to_owned(), source: error })
            }
            Ok(_) => Ok(text),
            Err(_) => Err(Fault::Deadline { what: "the other side to close".to_owned(), limit, last: text }),
        }
    }

    /// Reads what comes next, at most 64 KiB; empty when the other side has closed.
    ///
    /// # Errors
    /// [`Fault::Deadline`] when nothing came within `limit`.
    pub async fn read_some(&mut self, limit: Duration) -> Result<String, Fault> {
        let mut bytes = vec![0; 65_536];
        let count = timeout(limit, self.stream.read(&mut bytes))
            .await
            .map_err(|_| Fault::Deadline { what: "some bytes".to_owned(), limit, last: "nothing".to_owned() })?
            .map_err(Fault::system("reading raw bytes"))?;
        bytes.truncate(count);
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// A connection to `address` that comes from the loopback address `from`.
///
/// # Errors
/// When the system refuses.
pub async fn connect_from(from: [u8; 4], address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((from, 0)))?;
    socket.connect(address).await
}
