//! The store on real Redis servers: what every store must do, and what only this one does.

#![expect(clippy::unwrap_used, reason = "functions that tests share fail as tests do")]

mod common;
mod suite;
