//! What one collector holds while it runs: handed to every request.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::SecretString;
use store::Store;
use store::log::Log;
use tokio::sync::{Mutex, Notify};

use crate::apply::Progress;
use crate::budget::spent::Spent;
use crate::client_address::TrustedProxies;
use crate::clock::Clock;
use crate::config::Config;
use crate::erasure::Erased;
use crate::fleet::Fleet;
use crate::geo::Geo;
use crate::leads::Leads;
use crate::limits::{BodyRoom, InFlight, NewVisitors, RateLimits};
use crate::merges::Merges;
use crate::pages::Sessions;
use crate::quarantine::Quarantine;
use crate::site::Sites;
use crate::snippet_files::SnippetFiles;
use crate::tail::Tail;

/// Everything a request may need. One for each process, in an `Arc`.
pub struct App {
    /// What `gloed.toml` says.
    pub config: Config,
    /// The shops.
    pub sites: Sites,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The durable log.
    pub log: Arc<Log>,
    /// Where leads are kept.
    pub store: Arc<dyn Store>,
    /// What decisions read of it.
    pub leads: Leads,
    /// Rings whenever something of the tail is in the store.
    pub applied: Notify,
    /// This collector among those that work on the store.
    pub fleet: Fleet,
    /// Taken in and not yet in the store.
    pub tail: Arc<Tail>,
    /// Who was merged into whom, as far as is remembered.
    pub merges: Merges,
    /// Who was erased.
    pub erased: Arc<Erased>,
    /// Rings when an erasure wants bytes removed.
    pub erasure_waiting: Notify,
    /// Country and region.
    pub geo: Geo,
    /// Whose word about addresses is believed.
    pub proxies: TrustedProxies,
    /// How often one network may ask.
    pub rates: RateLimits,
    /// How many visitors may be new.
    pub new_visitors: NewVisitors,
    /// Bodies on their way.
    pub body_room: BodyRoom,
    /// Event requests being worked on.
    pub events_in_flight: InFlight,
    /// Decision requests being worked on.
    pub decisions_in_flight: InFlight,
    /// Requests of the shops' servers being worked on: a place of their own, so that no crowd of pages keeps them out.
    pub server_in_flight: InFlight,
    /// One decision at a time for each visitor, so that two never reserve the same offer.
    pub deciding: Deciding,
    /// Budgets of which the store had nothing left a moment ago.
    pub spent: Spent,
    /// What the page loads.
    pub snippet: SnippetFiles,
    /// Renders `/metrics`.
    pub metrics: PrometheusHandle,
    /// Marketers who are logged in.
    pub sessions: Sessions,
    /// Their password.
    pub admin_password: SecretString,
    /// How far applying is.
    pub progress: Progress,
    /// Records that could not be applied.
    pub quarantine: Quarantine,
    /// Cleared while the log is not being applied: `/readyz` says so.
    pub applying: AtomicBool,
    /// Set when the process is asked to stop: `/readyz` says so before connections are refused.
    pub draining: AtomicBool,
}

impl App {
    /// The collector's data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.config.data
    }
}

/// Locks by visitor, in a fixed number of stripes.
pub struct Deciding(Vec<Mutex<()>>);

impl Default for Deciding {
    fn default() -> Self {
        Self(std::iter::repeat_with(Mutex::default).take(1024).collect())
    }
}

impl Deciding {
    /// Waits until no other decision of this visitor runs.
    pub async fn enter(&self, key: &store::LeadKey) -> tokio::sync::MutexGuard<'_, ()> {
        let [first, second, ..] = *key.visitor.as_bytes();
        self.0[usize::from(u16::from_be_bytes([first, second])) % self.0.len()].lock().await
    }
}
