//! Putting a collector together, in the order in which parts depend on each other.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use store::embedded::{self, EmbeddedStore};
use store::log::{DiskFiles, Files, Log, LogError, Settings};
use store::redis::{self, CheckError, RedisStore};
use store::{Store, StoreError};
use thiserror::Error;
use tokio::sync::Notify;

use crate::accept;
use crate::app::{App, Deciding};
use crate::apply::{self, ApplyError, Progress};
use crate::budget::spent::Spent;
use crate::client_address::TrustedProxies;
use crate::clock::Clock;
use crate::config::{Config, Environment, Missing, RedisConfig, Secrets, SecretsError, StoreConfig};
use crate::erasure::{self, Erased};
use crate::fleet::{self, Fleet, FleetError, erasures};
use crate::geo::{self, Geo, GeoError};
use crate::identity::Tombstones;
use crate::leads::{Leads, Writers};
use crate::limits::{BodyRoom, InFlight, NewVisitors, RateLimits};
use crate::log_watch;
use crate::merges::Merges;
use crate::metric::Metric;
use crate::models::{self, ModelsError};
use crate::outbox;
use crate::pages::Sessions;
use crate::quarantine::{Quarantine, QuarantineError};
use crate::site::{SiteError, Sites};
use crate::snippet_files::SnippetFiles;
use crate::tail::Tail;

/// Why a collector cannot start.
#[derive(Debug, Error)]
pub enum StartError {
    /// A file or folder.
    #[error("{what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: String,
        /// The system's word.
        source: std::io::Error,
    },
    /// The secrets.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// A site or its model.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The database of places.
    #[error("geo.database: {0}")]
    Geo(#[from] GeoError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The servers of the store.
    #[error(transparent)]
    Redis(#[from] CheckError),
    /// What could not be applied before.
    #[error(transparent)]
    Quarantine(#[from] QuarantineError),
    /// The models of the sites.
    #[error(transparent)]
    Models(#[from] ModelsError),
    /// The other collectors.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// Erasures that other collectors carried out.
    #[error("erasures of other collectors: {0}")]
    Erasures(String),
    /// The log could not be applied.
    #[error("the log could not be applied: {0}")]
    Apply(#[from] ApplyError),
}

/// A collector that is ready to be served.
pub struct Started {
    /// What requests get.
    pub app: Arc<App>,
    applying: std::thread::JoinHandle<()>,
}

/// What a collector keeps things in.
pub struct Ground {
    /// Where leads are kept.
    pub store: Arc<dyn Store>,
    /// Who else commits to it.
    pub writers: Writers,
    /// The file system of the log.
    pub files: Arc<dyn Files>,
}

impl Ground {
    /// What the configuration says: a store in the data folder, which is made, or on Redis; and this machine's disk.
    ///
    /// # Errors
    /// When the store cannot be opened.
    pub async fn of(config: &Config) -> Result<Self, StartError> {
        let (store, writers): (Arc<dyn Store>, _) = match &config.store {
            StoreConfig::Embedded => {
                let store = EmbeddedStore::open(&config.data.join("store"), embedded::Settings::default())?;
                (Arc::new(store), Writers::Alone)
            }
            StoreConfig::Redis(RedisConfig { address, retention }) => {
                let settings = redis::Settings { retention: retention.duration(), ..redis::Settings::default() };
                let (store, warnings) = RedisStore::open(address.clone(), settings).await?;
                for warning in warnings {
                    tracing::warn!("{warning}");
                }
                tracing::info!(%address, "the store is open");
                (Arc::new(store), Writers::Several)
            }
        };
        Ok(Self { store, writers, files: Arc::new(DiskFiles) })
    }
}

/// Opens everything, applies what the log holds, and starts the thread that applies.
///
/// # Errors
/// See [`StartError`].
pub async fn start(
    config: Config,
    environment: &Environment,
    clock: Arc<dyn Clock>,
    metrics: PrometheusHandle,
) -> Result<Started, StartError> {
    let ground = Ground::of(&config).await?;
    start_on(ground, config, environment, clock, metrics).await
}

/// The same on another ground than the configuration's, on whose store others may work too.
///
/// # Errors
/// See [`StartError`].
pub async fn start_on(
    Ground { store, writers, files }: Ground,
    config: Config,
    environment: &Environment,
    clock: Arc<dyn Clock>,
    metrics: PrometheusHandle,
) -> Result<Started, StartError> {
    let data = config.data.clone();
    let io = |what, path: &Path| {
        let path = path.display().to_string();
        move |source| StartError::Io { what, path, source }
    };
    std::fs::create_dir_all(&data).map_err(io("cannot make the data folder", &data))?;
    let missing = match config.store {
        StoreConfig::Embedded => Missing::Make,
        StoreConfig::Redis(_) => Missing::Refuse,
    };
    let secrets = Secrets::load(&config.secrets_file(), &config.sites, missing, environment)?;
    let sites = Sites::new(&config, &secrets, clock.now())?;
    let geo = Geo::open(config.geo_database.as_deref(), &*clock)?;
    accept::prepare_programs();
    let tombstones = data.join("tombstones");
    let erased = Erased::open(&tombstones, Tombstones::new(secrets.tombstone_key.clone()))
        .map_err(io("cannot open", &tombstones))?;
    let erased = Arc::new(erased);
    let quarantine = Quarantine::of(&data);
    quarantine.recover()?;
    let erasures = |error: erasures::ErasuresError| StartError::Erasures(error.to_string());
    let told = erasures::told_so_far(&*store).await.map_err(erasures)?;
    erasures::unite(&erased, &*store).await.map_err(erasures)?;
    let fleet = Fleet::new(&data)?;
    models::adopt(&sites, &*store, clock.now()).await?;

    let (sender, mut feed) = apply::feed();
    let settings = Settings { segment_bytes: config.log_segment.0, cap_bytes: config.log_cap.0, ..Settings::default() };
    let (log, recovery) = Log::open(&data.join("log"), settings, files, move |records| sender.push(records))?;
    tracing::info!(records = recovery.records, "the log is open");

    let app = Arc::new(App {
        sites,
        clock,
        log: Arc::new(log),
        store,
        leads: Leads::of(writers),
        applied: Notify::new(),
        fleet,
        tail: Arc::new(Tail::default()),
        merges: Merges::default(),
        erased,
        erasure_waiting: Notify::new(),
        geo,
        proxies: TrustedProxies::new(config.trusted_proxies.clone()),
        rates: RateLimits::new(config.limits.requests_per_second, config.limits.request_burst),
        new_visitors: NewVisitors::new(
            config.sites.iter().map(|site| site.key.as_str().to_owned()),
            config.limits.new_visitors_per_second,
            config.limits.new_visitor_burst,
        ),
        body_room: BodyRoom::default(),
        events_in_flight: InFlight::new(config.limits.events_in_flight),
        decisions_in_flight: InFlight::new(config.limits.decisions_in_flight),
        server_in_flight: InFlight::new(config.limits.events_in_flight),
        deciding: Deciding::default(),
        snippet: SnippetFiles::default(),
        metrics,
        sessions: Sessions::default(),
        admin_password: secrets.admin_password,
        progress: Progress::default(),
        spent: Spent::default(),
        quarantine,
        applying: AtomicBool::new(true),
        draining: AtomicBool::new(false),
        config,
    });
    erasures::known(&app, told);
    app.sites.iter().for_each(|site| app.fleet.tell_of_models(site, site.shelf()));
    // Before the log is applied: others wait with their timers for what is in it.
    let reporter = fleet::join(&app).await?;
    fleet::start(&app, reporter);
    let replayed = apply::replay(&app, &mut feed).await?;
    app.fleet.caught_up();
    if replayed > 0 {
        tracing::info!(replayed, "records after the checkpoint were applied again");
    }
    let applying = apply::start(app.clone(), feed).map_err(io("cannot start a thread for", &data))?;
    // One that a process before this did not end.
    app.sites.iter().for_each(|site| apply::sweep(&app, site));
    tokio::spawn(erasure::clean(app.clone()));
    tokio::spawn(outbox::expire(app.clone()));
    tokio::spawn(geo::watch(app.clone()));
    tokio::spawn(log_watch::watch(app.clone()));
    Ok(Started { app, applying })
}

impl Started {
    /// After the last request: everything taken in is applied and made durable.
    pub async fn finish(self) {
        let Self { app, applying } = self;
        let closing = app.clone();
        let finished = tokio::task::spawn_blocking(move || {
            closing.log.close();
            applying.join()
        });
        match finished.await {
            Ok(Ok(())) => {
                if let Err(error) = fleet::leave(&app).await {
                    tracing::warn!(%error, "the other collectors take this one for dead instead of gone");
                }
                tracing::info!("everything is applied; stopped");
            }
            _ => tracing::error!("applying ended early; the rest is applied at the next start"),
        }
    }
}

/// Makes this process record metrics, once.
///
/// # Errors
/// When it does already.
pub fn record_metrics() -> Result<PrometheusHandle, metrics_exporter_prometheus::BuildError> {
    // From a tenth of a millisecond to ten seconds: answers, syncs, visibility, of which 250 ms are promised.
    const SECONDS: [f64; 16] =
        [0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1.0, 10.0];
    let handle = PrometheusBuilder::new().set_buckets(&SECONDS)?.install_recorder()?;
    Metric::describe_all();
    Ok(handle)
}
