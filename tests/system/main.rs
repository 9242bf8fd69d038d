//! The whole system: the built collector and demo shop as processes, and a browser as their visitor.
//!
//! Each module is one journey or one promise. Modules are `#[cfg(test)]`, so that their helpers may `unwrap`. A test that
//! prints a promised figure has a name that begins with `bar_`: `make bars` runs those.

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod budgets;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod command_line;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod coupons;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod erasure;
#[cfg(test)]
mod exactly_once;
#[cfg(test)]
mod exchange;
#[cfg(test)]
mod exit_intent;
#[cfg(test)]
mod explain;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod flood;
#[cfg(test)]
mod forged;
#[cfg(test)]
mod full_disk;
#[cfg(test)]
mod geo;
#[cfg(test)]
mod journeys;
#[cfg(test)]
mod load;
#[cfg(test)]
mod log_commands;
#[cfg(test)]
mod merging;
#[cfg(test)]
mod model_api;
#[cfg(test)]
mod models;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod personal_data;
#[cfg(test)]
mod pools;
#[cfg(test)]
mod random;
#[cfg(test)]
mod receipts;
#[cfg(test)]
mod redis;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod server_events;
#[cfg(test)]
mod several;
#[cfg(test)]
mod suspects;
#[cfg(test)]
mod transitions;
