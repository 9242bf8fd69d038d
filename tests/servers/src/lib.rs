//! Real servers for tests: Redis, Valkey, and clusters of them.
//!
//! A [`Server`] is a process of its own on a free loopback port, in a temporary folder, with the persistence, limits and
//! users that a test gives it; it can be killed, suspended, and started again on the same port and folder. A [`Cluster`]
//! is so many of them, joined. Everything is bounded by a deadline and stopped by its process id when it is dropped; a
//! failing test shows what its servers wrote.
//!
//! Nothing here is asynchronous and nothing depends on our crates or on a Redis client, so that any test can stand on
//! it. Every call blocks, most for milliseconds; starting a cluster takes about two seconds.
//!
//! ```no_run
//! use servers::{Persistence, Server, Settings};
//!
//! let mut server = Server::start(&Settings::new().persistence(Persistence::AppendAlways))?;
//! assert_eq!(server.ask(&["SET", "key", "value"])?, servers::Reply::Bytes(b"OK".to_vec()));
//! server.kill_9()?;
//! server.restart()?;
//! # Ok::<(), servers::Fault>(())
//! ```
//!
//! The port 6379, on which a distribution's own service listens, is never used.

mod cluster;
mod connection;
mod fault;
mod ports;
mod program;
mod server;
mod settings;

pub use cluster::{Cluster, NodeRole};
pub use connection::{Connection, Reply};
pub use fault::Fault;
pub use program::Program;
pub use server::Server;
pub use settings::{Persistence, Settings};
