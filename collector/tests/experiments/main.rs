//! Experiments: results over real ledgers, and whether what is said of them can be believed.
//!
//! Simulations draw a fresh seed and print it; `GLOED_SEED` draws the same again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::panic, reason = "a model that is none fails the test")]
#![expect(clippy::print_stdout, reason = "figures and seeds are what the simulations print")]

mod bar;
mod draw;
mod shop;
mod simulation;
mod study;
mod sure_buyers;
