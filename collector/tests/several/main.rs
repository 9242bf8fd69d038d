//! Several collectors on one store.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod contention;
mod following;
mod leases;
mod shop;
mod switched;
