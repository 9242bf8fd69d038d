//! Where leads are kept.
//!
//! Two things stand here, side by side and independent of each other:
//!
//! - the [`Store`]: leads by key and version, with their index entries and outgoing messages, behind one object-safe
//!   trait of domain verbs. [`embedded::EmbeddedStore`] keeps them in a folder of this machine, [`redis::RedisStore`] on a
//!   Redis or Valkey server;
//! - the [`log`]: an append-only durable log. What is in it has been acknowledged; the store is derived from it.
//!
//! The store never scores: it sees keys, versions, bytes, bounds, wake times and messages, and knows nothing of events,
//! rules or offers. What must hold for *every* store is the table of cases in `conformance` (feature `testsuite`).

pub mod embedded;
pub mod log;
pub mod redis;

mod change;
#[cfg(feature = "testsuite")]
pub mod conformance;
mod document;
mod error;
mod index;
mod key;
mod resource;
mod store;

pub use change::{Change, Committed, Erasure, Message, MessageId, OutboxId, Queued, StoredLead};
pub use document::{Document, DocumentName};
pub use error::{BoxError, StoreError};
pub use index::{Bound, Due, HeatCursor, HeatEntry, ScanCursor, Scanned};
pub use key::{LeadKey, Partition, Partitions, SiteName, Tombstone, Unparsable, Version, VisitorId};
pub use resource::{Confirmed, Holder, Reservation, Reserved, ResourceName, Usage};
pub use store::{Durability, Health, Store};

/// Milliseconds since 1970-01-01T00:00:00Z, as every time in this crate. The store asks no clock: `now` is an argument.
pub type UnixMillis = i64;
