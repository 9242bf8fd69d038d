//! What the whole-system tests stand on: real processes, a real browser, a network that is slow on purpose.
//!
//! Nothing here knows what Gloed *should* do; that is said by the tests. Everything is bounded by a deadline, stays on
//! the loopback interface, and is cleaned up when it is dropped. A failing step returns a [`Fault`] that reads alone;
//! tests `unwrap` it, since a panic is what makes the processes show what they wrote.
//!
//! | for | see |
//! | --- | --- |
//! | a collector with a configuration of its own, and the demo shop | [`environment`] |
//! | a binary of ours, started, killed, started again | [`binaries`], [`process`] |
//! | commands of the same machine: the clock, the outbox | [`admin`] |
//! | requests as a program sends them, and odd ones | [`http`], [`raw`] |
//! | a visitor with a browser, and the offer in its closed shadow root | [`browser`], [`offer`] |
//! | a phone's network | [`slow_network`] |
//! | a connection that goes wrong on purpose | [`fault_proxy`] |
//! | a Redis server, or a cluster of them | the package `servers` |
//! | a fixed rate of events, and what was acknowledged | [`load`], [`body`] |
//! | what a latency is judged against | [`reference_server`], [`comparison`] |
//! | a promised figure, printed | [`bar`] |

pub mod admin;
pub mod bar;
pub mod binaries;
pub mod body;
pub mod browser;
pub mod comparison;
mod driver;
pub mod environment;
pub mod fault;
pub mod fault_proxy;
pub mod http;
pub mod load;
pub mod offer;
pub mod ports;
pub mod process;
pub mod raw;
pub mod reference_server;
pub mod slow_network;
pub mod waiting;
pub mod workspace;

pub use fault::Fault;
