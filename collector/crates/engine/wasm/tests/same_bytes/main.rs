//! Native and WASM builds of the engine compute the same bytes.
//!
//! `PROPTEST_CASES` says of how many inputs; without it, ten thousand. They are drawn from a fresh seed, which is printed;
//! `GLOED_SEED` draws the same again.

#[cfg(test)]
mod both_builds;
#[cfg(test)]
#[expect(dead_code, reason = "the engine's tests use the rest")]
#[path = "../../../tests/engine/common.rs"]
mod common;
#[cfg(test)]
mod inputs;
#[cfg(test)]
#[expect(dead_code, reason = "the engine's tests use the rest")]
#[path = "../../../tests/engine/random.rs"]
mod random;
