//! Several collectors on one store.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod asking;
mod away;
mod bar;
mod budgets;
mod contention;
mod coupons;
mod following;
mod leases;
mod pools;
mod reading;
mod shop;
mod switched;
