//! The page's core: what a shop's page says becomes wire bodies, and answers become offers.
//!
//! The way of an event in the page:
//!
//! ```text
//! page/loader.js   takes it down: a number, the time, the page, the source            (a `Capture`)
//! normalise        the shop's dialect becomes one event of the wire                    (a `Normal`)
//! duplicates       the same fact from another source, or a known transaction, ends here
//! queue            waits for company, survives a reload when the collector is away
//! core             one request at a time; retry with back-off; a question for offers rides along
//! Browser          page/bridge.js sends it; the answer comes back to `Core::answered`
//! ```
//!
//! The loader owns identity, consent and numbering, since it may have to send before this core is there, or without it.
//! The core owns everything between a capture and an acknowledged event. It is pure but for [`browser::Browser`], and
//! is tested natively against [`memory::MemoryBrowser`].
//!
//! Every byte here is downloaded by every visitor: no `core::fmt`, no floating point text, no maps, no panics.

pub mod amount;
pub mod browser;
pub mod core;
pub mod duplicates;
pub mod json;
#[cfg(not(target_arch = "wasm32"))]
pub mod memory;
pub mod normalise;
pub mod queue;
#[cfg(target_arch = "wasm32")]
pub mod web;
