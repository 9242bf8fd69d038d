//! Codes of which each is one visitor's: those of pools that a shop brings, read from its file and leased so that no code is ever
//! with two visitors, and [`signed`] ones, which are made.
//!
//! ```text
//! a shop's file ─ codes::read ─► Pool ─ Pool::lease ─► a code set aside for one visitor ─ pool::keep ─► theirs for good
//!                     └─ faults, by line                        └─ not kept in time ─► back in the pool
//! ```

pub mod codes;
pub(crate) mod leasing;
pub mod pool;
pub mod pools;
pub mod signed;
mod taken;
