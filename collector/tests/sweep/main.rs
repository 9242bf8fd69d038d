//! The sweep after a model was published: how long it takes, what goes on meanwhile, and that a crash does not end it.

#[cfg(test)]
mod bar;
#[cfg(test)]
mod crash;
#[cfg(test)]
#[expect(dead_code, reason = "the engine's benches use the rest")]
#[path = "../../crates/engine/benches/engine/median.rs"]
mod median;
#[cfg(test)]
mod running;
#[cfg(test)]
mod visitor;
