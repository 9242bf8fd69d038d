//! A shop at run time: its configuration, its secrets and its model.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicU16;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use engine::{Millis, Model, ModelError, SiteFacts};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use secrecy::SecretString;
use store::{SiteName, Version};
use thiserror::Error;

use crate::config::{Config, ModelSource, Secrets, SiteConfig, same_secret};
use crate::coupon::pools::{self, PoolFileError, Pools};
use crate::identity::Identities;
use crate::models::{Parts, Publication};

/// Why a site cannot be served.
#[derive(Debug, Error)]
pub enum SiteError {
    /// The model's file cannot be read.
    #[error("sites.{site}.model: {path}: {source}")]
    ModelFile {
        /// The site.
        site: String,
        /// The file.
        path: String,
        /// The system's word.
        source: std::io::Error,
    },
    /// The model has faults.
    #[error("sites.{site}.model:\n    {}", faults.join("\n    "))]
    Model {
        /// The site.
        site: String,
        /// All of them.
        faults: Vec<String>,
    },
    /// A pool of codes cannot be used.
    #[error("sites.{site}.{source}")]
    Pool {
        /// The site.
        site: String,
        /// Which one, and why.
        source: PoolFileError,
    },
    /// The site's key is no name for a store.
    #[error(transparent)]
    Name(#[from] store::Unparsable),
    /// No secrets were made for it.
    #[error("sites.{0}: there are no secrets for this site")]
    Secrets(String),
}

/// One shop.
pub struct Site {
    /// Name in the store.
    pub name: SiteName,
    /// What the configuration says.
    pub config: SiteConfig,
    /// Makes and verifies visitor ids.
    pub identities: Identities,
    /// Hosts of the site's own origins: coming from one is no referral.
    pub own_hosts: Vec<String>,
    /// Its pools of coupon codes.
    pub pools: Pools,
    /// The text of the model in the configuration. What is in force stands on the site's shelf.
    pub configured: String,
    server_key: SecretString,
    in_force: ArcSwap<InForce>,
    /// Held by whoever publishes a model here.
    pub publishing: tokio::sync::Mutex<()>,
    /// The version of the document with this site's models that was last looked at.
    shelf: Mutex<Version>,
    /// Partitions of the store whose leads are still to be looked at under the model in force; until then the order of the
    /// heat index is partly an old one.
    pub sweep_left: AtomicU16,
}

/// The model in force, and how it came into force.
#[derive(Debug, Clone)]
pub struct InForce {
    /// Its number on the shelf; 0 until the shelf is read.
    pub number: u32,
    /// The model.
    pub model: Arc<Model>,
    /// When it came into force.
    pub since: Millis,
    /// Whether stages that it changed are announced like any other change.
    pub notify: bool,
}

impl Site {
    fn new(config: SiteConfig, secrets: &Secrets, folder: &Path, now: Millis) -> Result<Self, SiteError> {
        let key = config.key.as_str().to_owned();
        let site_secrets = secrets.sites.get(&key).ok_or_else(|| SiteError::Secrets(key.clone()))?;
        let (configured, model) = load(&config, folder, now)?;
        let pools = load_pools(&config, folder)?;
        let hosts = config.origins.iter().filter_map(|origin| url::Url::parse(origin.as_str()).ok());
        Ok(Self {
            name: SiteName::parse(&key)?,
            identities: Identities::new(&key, site_secrets),
            own_hosts: hosts.filter_map(|url| url.host_str().map(str::to_owned)).collect(),
            server_key: site_secrets.server_key.clone(),
            in_force: ArcSwap::from_pointee(InForce { number: 0, model: Arc::new(model), since: now, notify: true }),
            publishing: tokio::sync::Mutex::new(()),
            shelf: Mutex::new(Version::ABSENT),
            sweep_left: AtomicU16::new(0),
            configured,
            pools,
            config,
        })
    }

    /// The model in force.
    #[must_use]
    pub fn model(&self) -> Arc<Model> {
        self.in_force.load().model.clone()
    }

    /// The model in force, and how it came into force.
    #[must_use]
    pub fn in_force(&self) -> Arc<InForce> {
        self.in_force.load_full()
    }

    /// Brings a model into force, for everything that is asked from now on, as `shelf` has it: nothing happens when a later
    /// version of that document was looked at meanwhile. (A store that was lost counts its versions from the beginning.)
    pub fn put_in_force(&self, shelf: Version, number: u32, model: Model, publication: &Publication) {
        let mut seen = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen > shelf && publication.at <= self.in_force.load().since {
            return;
        }
        *seen = shelf;
        let (since, notify) = (publication.at, publication.notify);
        self.in_force.store(Arc::new(InForce { number, model: Arc::new(model), since, notify }));
    }

    /// The version of the document with this site's models that was last looked at.
    #[must_use]
    pub fn shelf(&self) -> Version {
        *self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a model of this site is compiled for.
    #[must_use]
    pub fn facts(&self, now: Millis) -> SiteFacts {
        facts(&self.config, now)
    }

    /// The day in the site's time zone; `None` outside the years that calendars know.
    #[must_use]
    pub fn day(&self, at: Millis) -> Option<Date> {
        Some(Timestamp::from_millisecond(at.0).ok()?.to_zoned(self.config.time_zone.clone()).date())
    }

    /// Whether this is the site's server key; the time says nothing about how much of it is right.
    #[must_use]
    pub fn has_server_key(&self, given: &str) -> bool {
        same_secret(&self.server_key, given)
    }

    /// Whether a page of this origin may send.
    #[must_use]
    pub fn allows_origin(&self, origin: &str) -> bool {
        self.config.origins.iter().any(|allowed| allowed.as_str() == origin)
    }
}

/// Reads and compiles a site's model.
///
/// # Errors
/// When its file cannot be read, or every fault of it.
pub fn load_model(config: &SiteConfig, folder: &Path, now: Millis) -> Result<Model, SiteError> {
    load(config, folder, now).map(|(_, model)| model)
}

/// Reads a site's pools of codes.
///
/// # Errors
/// When a file cannot be read, or every bad line of it.
pub fn load_pools(config: &SiteConfig, folder: &Path) -> Result<Pools, SiteError> {
    let site = || config.key.as_str().to_owned();
    Pools::read(&config.pools, folder).map_err(|source| SiteError::Pool { site: site(), source })
}

/// What a model of a site is compiled for.
fn facts(config: &SiteConfig, now: Millis) -> SiteFacts {
    SiteFacts { currency: config.currency, offsets: offsets(&config.time_zone, now) }
}

/// The text of a site's model, and the model.
fn load(config: &SiteConfig, folder: &Path, now: Millis) -> Result<(String, Model), SiteError> {
    let site = config.key.as_str();
    let mut parts = Parts::default();
    for source in &config.model {
        match source {
            ModelSource::Preset(name) => {
                parts.add(format!("preset {name}"), engine::preset(name).unwrap_or_default());
            }
            ModelSource::File(path) => {
                let path = folder.join(path);
                let name = path.display().to_string();
                let read = std::fs::read_to_string(&path);
                let text =
                    read.map_err(|source| SiteError::ModelFile { site: site.to_owned(), path: name.clone(), source })?;
                parts.add(name, &text);
            }
        }
    }
    let faulty = |faults: Vec<ModelError>| SiteError::Model {
        site: site.to_owned(),
        faults: faults.into_iter().map(|fault| parts.located(fault)).collect(),
    };
    let model = Model::parse(parts.text(), &facts(config, now)).map_err(faulty)?;
    let unknown = pools::unknown(&model, config.pools.keys());
    if unknown.is_empty() { Ok((parts.text().to_owned(), model)) } else { Err(faulty(unknown)) }
}

/// The zone's changes of offset from two years back to ten years ahead: the engine holds no zone data.
fn offsets(zone: &TimeZone, now: Millis) -> Vec<(Millis, i32)> {
    const YEAR: i64 = 366 * 86_400_000;
    let (from, until) = (now.0.saturating_sub(2 * YEAR), now.0.saturating_add(10 * YEAR));
    let Ok(start) = Timestamp::from_millisecond(from) else { return Vec::new() };
    let first = (Millis(from), zone.to_offset(start).seconds());
    let later = zone
        .following(start)
        .map(|change| (Millis(change.timestamp().as_millisecond()), change.offset().seconds()))
        .take_while(|(at, _)| at.0 < until);
    std::iter::once(first).chain(later).collect()
}

/// All shops of this process.
pub struct Sites(BTreeMap<String, Arc<Site>>);

impl Sites {
    /// Builds every site of a configuration.
    ///
    /// # Errors
    /// The first site that cannot be served, with all faults of its model.
    pub fn new(config: &Config, secrets: &Secrets, now: Millis) -> Result<Self, SiteError> {
        let mut sites = BTreeMap::new();
        for site in &config.sites {
            let key = site.key.as_str().to_owned();
            sites.insert(key, Arc::new(Site::new(site.clone(), secrets, &config.folder, now)?));
        }
        Ok(Self(sites))
    }

    /// The site with this write key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Arc<Site>> {
        self.0.get(key)
    }

    /// All, by key.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Site>> {
        self.0.values()
    }

    /// The site with this server key. Every site is compared, so that the time says nothing.
    #[must_use]
    pub fn with_server_key(&self, given: &str) -> Option<&Arc<Site>> {
        self.0.values().fold(None, |found, site| if site.has_server_key(given) { Some(site) } else { found })
    }

    /// Whether any site allows this origin: a preflight names no site.
    #[must_use]
    pub fn any_allows_origin(&self, origin: &str) -> bool {
        self.0.values().any(|site| site.allows_origin(origin))
    }
}
