//! The little of Redis's protocol (RESP 2) that a harness speaks: one command, one answer.

use std::{
    borrow::Cow,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::Fault;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// An answer of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A simple or a bulk string.
    Bytes(Vec<u8>),
    /// A number.
    Number(i64),
    /// Nothing.
    Nil,
    /// A list.
    List(Vec<Reply>),
    /// An error, as the server words it.
    Error(String),
}

impl Reply {
    /// The text of a string or an error, bytes that are no text replaced; of anything else nothing.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes),
            Self::Error(text) => text.into(),
            _ => "".into(),
        }
    }
}

/// A connection to a server, as its default user.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects to this address.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn open(address: SocketAddr) -> Result<Self, Fault> {
        let connect = || {
            let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let stream = connect().map_err(Fault::system(format!("connecting to {address}")))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends a command and reads its answer, an error among them.
    ///
    /// # Errors
    /// When the connection breaks or the answer takes longer than 10 s.
    pub fn send(&mut self, command: &[impl AsRef<[u8]>]) -> Result<Reply, Fault> {
        let mut bytes = format!("*{}\r\n", command.len()).into_bytes();
        for word in command.iter().map(AsRef::as_ref) {
            bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(b"\r\n");
        }
        let mut exchange = || {
            self.stream.get_mut().write_all(&bytes)?;
            self.read()
        };
        exchange().map_err(Fault::system(format!("sending {}", name(command))))
    }

    /// Sends a command that must not be answered with an error.
    ///
    /// # Errors
    /// As [`send`](Self::send), and [`Fault::Refused`] for an error of the server's.
    pub fn ask(&mut self, command: &[impl AsRef<[u8]>]) -> Result<Reply, Fault> {
        match self.send(command)? {
            Reply::Error(found) => Err(Fault::Refused { command: name(command), found }),
            reply => Ok(reply),
        }
    }

    fn read(&mut self) -> io::Result<Reply> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end();
        let odd = || io::Error::new(io::ErrorKind::InvalidData, format!("an answer that begins {line:?}"));
        let (kind, rest) = line.split_at_checked(1).ok_or_else(odd)?;
        let number = || rest.parse::<i64>().map_err(|_| odd());
        match kind {
            "+" => Ok(Reply::Bytes(rest.as_bytes().to_vec())),
            "-" => Ok(Reply::Error(rest.to_owned())),
            ":" => Ok(Reply::Number(number()?)),
            "$" => match usize::try_from(number()?) {
                Err(_) => Ok(Reply::Nil),
                Ok(length) => {
                    let mut bytes = vec![0; length + 2];
                    self.stream.read_exact(&mut bytes)?;
                    bytes.truncate(length);
                    Ok(Reply::Bytes(bytes))
                }
            },
            "*" => match usize::try_from(number()?) {
                Err(_) => Ok(Reply::Nil),
                Ok(length) => (0..length).map(|_| self.read()).collect::<io::Result<_>>().map(Reply::List),
            },
            _ => Err(odd()),
        }
    }
}

/// The first words of a command, for messages.
fn name(command: &[impl AsRef<[u8]>]) -> String {
    let words = command.iter().take(4).map(|word| String::from_utf8_lossy(word.as_ref()));
    words.collect::<Vec<_>>().join(" ")
}
