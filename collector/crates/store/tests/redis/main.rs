//! The store on real Redis servers: what every store must do, and what only this one does.

#![expect(clippy::unwrap_used, clippy::panic, reason = "functions that tests share fail as tests do")]

mod away;
mod checks;
mod cluster;
mod common;
mod durable;
mod expiry;
mod figures;
mod purge;
mod suite;
