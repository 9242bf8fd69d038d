//! Country and region of an address, where a database is configured. The address itself goes no further.
//!
//! The file may be replaced while the collector runs, by a rename or by writing over it: [`watch`] sees that it is another
//! one and takes it, and `gloed geo reload` does so at once. Requests meanwhile use the one that is there. A file that does
//! not read to its end, such as one half written, is refused whole: the old one stays.

use std::collections::HashSet;
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use maxminddb::{MaxMindDbError, Reader, WithinOptions, geoip2};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use thiserror::Error;

use crate::app::App;
use crate::clock::Clock;
use crate::metric::Metric;

/// How often the file is looked at. It costs one `stat`.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why a database cannot be used.
#[derive(Debug, Error)]
pub enum GeoError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    File {
        /// Its path.
        path: String,
        /// The system's word.
        source: std::io::Error,
    },
    /// It is no MaxMind database, or a part of one.
    #[error("{path} is no whole MaxMind database: {source}")]
    Broken {
        /// Its path.
        path: String,
        /// What is wrong.
        source: MaxMindDbError,
    },
    /// Somebody writes to it.
    #[error("{path} was written to while it was read: it is taken when that is done")]
    Changing {
        /// Its path.
        path: String,
    },
    /// Reading it ended before its time.
    #[error("reading the database broke off: {0}")]
    BrokenOff(String),
    /// There is none.
    #[error("geo.database is not set: there is nothing to reload")]
    NotConfigured,
}

/// Where a visitor is, as coarse as scores need it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// ISO 3166-1, two letters.
    pub country: Option<String>,
    /// ISO 3166-2 without the country.
    pub region: Option<String>,
}

/// A database that is in use, as `gloed geo reload` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InUse {
    /// The file.
    pub path: String,
    /// What kind it calls itself, such as `GeoLite2-City`.
    pub kind: String,
    /// When it was made, in seconds since 1970, as it says itself.
    pub built: u64,
    /// Addresses it knows of, in networks.
    pub networks: u64,
}

/// A database, or none.
pub struct Geo {
    path: Option<PathBuf>,
    current: ArcSwapOption<Database>,
    /// One at a time: what was read last is what is used.
    reading: Mutex<()>,
}

struct Database {
    reader: Reader<Vec<u8>>,
    networks: u64,
    /// Of the file that it was read from.
    stamp: Stamp,
}

/// Tells one content of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    length: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

impl From<&Metadata> for Stamp {
    fn from(of: &Metadata) -> Self {
        Self {
            file: (of.dev(), of.ino()),
            length: of.size(),
            written: (of.mtime(), of.mtime_nsec()),
            changed: (of.ctime(), of.ctime_nsec()),
        }
    }
}

/// The flat form of freely licensed databases: `country_code` at the top.
#[derive(Deserialize)]
struct Flat<'a> {
    country_code: Option<&'a str>,
}

impl Geo {
    /// Opens a database, if there is a path.
    ///
    /// # Errors
    /// When the file is missing or no whole MaxMind database.
    pub fn open(path: Option<&Path>, clock: &dyn Clock) -> Result<Self, GeoError> {
        let geo =
            Self { path: path.map(Path::to_path_buf), current: ArcSwapOption::empty(), reading: Mutex::default() };
        if geo.path.is_some() {
            geo.reload(clock)?;
        }
        Ok(geo)
    }

    /// Reads the file again and uses it from now on. Blocks, a second for the largest databases.
    ///
    /// # Errors
    /// See [`GeoError`]; then what was in use stays in use.
    pub fn reload(&self, clock: &dyn Clock) -> Result<InUse, GeoError> {
        let path = self.path.as_deref().ok_or(GeoError::NotConfigured)?;
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        match Database::read(path) {
            Ok(database) => {
                let metadata = database.reader.metadata();
                let in_use = InUse {
                    path: path.display().to_string(),
                    kind: metadata.database_type.clone(),
                    built: metadata.build_epoch,
                    networks: database.networks,
                };
                self.current.store(Some(Arc::new(database)));
                Metric::GeoReload.count("loaded");
                Metric::GeoLoaded.level(u64::try_from(clock.now().0 / 1000).unwrap_or_default());
                Metric::GeoBuilt.level(in_use.built);
                Ok(in_use)
            }
            Err(error) => {
                Metric::GeoReload.count("refused");
                Err(error)
            }
        }
    }

    /// The place of an address; empty without a database and for an address it does not hold.
    #[must_use]
    pub fn place(&self, address: IpAddr) -> Place {
        let current = self.current.load();
        let Some(found) = current.as_ref().and_then(|database| database.reader.lookup(address).ok()) else {
            return Place::default();
        };
        if let Ok(Some(city)) = found.decode::<geoip2::City<'_>>()
            && let Some(country) = city.country.iso_code
        {
            let region = city.subdivisions.first().and_then(|region| region.iso_code).map(str::to_owned);
            return Place { country: Some(country.to_owned()), region };
        }
        match found.decode::<Flat<'_>>() {
            Ok(Some(flat)) => Place { country: flat.country_code.map(str::to_owned), region: None },
            _ => Place::default(),
        }
    }

    /// Whether the file is another one than the one in use, and how it is now. A file that is not there is not another
    /// one: it is being replaced.
    fn replaced(&self) -> Option<Stamp> {
        let metadata = std::fs::metadata(self.path.as_deref()?).ok()?;
        let now = Stamp::from(&metadata);
        let in_use = self.current.load().as_ref().map(|database| database.stamp);
        (in_use != Some(now)).then_some(now)
    }
}

impl Database {
    fn read(path: &Path) -> Result<Self, GeoError> {
        let name = || path.display().to_string();
        let unread = |source| GeoError::File { path: name(), source };
        let mut file = File::open(path).map_err(unread)?;
        let stamp = Stamp::from(&file.metadata().map_err(unread)?);
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(unread)?;
        if Stamp::from(&file.metadata().map_err(unread)?) != stamp {
            return Err(GeoError::Changing { path: name() });
        }
        let broken = |source| GeoError::Broken { path: name(), source };
        let reader = Reader::from_source(bytes).map_err(broken)?;
        let networks = count_networks(&reader).map_err(broken)?;
        Ok(Self { reader, networks, stamp })
    }
}

/// Walks through all of a database and decodes what each network points to. One that was half overwritten may well begin
/// and end as it should.
fn count_networks(reader: &Reader<Vec<u8>>) -> Result<u64, MaxMindDbError> {
    // A tree of so many nodes has fewer leaves; one with more goes round in circles.
    let most = 3 * u64::from(reader.metadata().node_count);
    let (mut networks, mut decoded) = (0, HashSet::new());
    for network in reader.networks(WithinOptions::default())? {
        let network = network?;
        networks += 1;
        if networks > most {
            return Err(MaxMindDbError::invalid_database("its tree goes round in circles"));
        }
        if network.offset().is_some_and(|offset| decoded.insert(offset)) {
            network.decode::<IgnoredAny>()?;
        }
    }
    Ok(networks)
}

/// Takes the database again whenever its file has been replaced, once it has not changed for `LOOK_EVERY`.
pub async fn watch(app: Arc<App>) {
    if app.geo.path.is_none() {
        return;
    }
    let (mut seen, mut refused) = (None, None);
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = app.geo.replaced();
        // What is being written is left alone, and what was refused is not tried again as it is.
        let settled = now.is_some() && now == seen && now != refused;
        seen = now;
        if !settled {
            continue;
        }
        if take_again(&app).await.is_err() {
            refused = now;
        }
    }
}

/// [`Geo::reload`] beside the requests; says in the log what came of it.
///
/// # Errors
/// See [`GeoError`]; then what was in use stays in use.
pub async fn take_again(app: &Arc<App>) -> Result<InUse, GeoError> {
    let reading = app.clone();
    let read = tokio::task::spawn_blocking(move || reading.geo.reload(&*reading.clock)).await;
    let read = read.unwrap_or_else(|error| Err(GeoError::BrokenOff(error.to_string())));
    match &read {
        Ok(InUse { path, kind, networks, .. }) => {
            tracing::info!(path, kind, networks, "the database of places was read again and is in use");
        }
        Err(error) => tracing::error!(%error, "the database of places cannot be used: the one before stays"),
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn without_a_database_there_is_no_place() {
        let geo = Geo::open(None, &SystemClock).unwrap();
        assert_eq!(geo.place("8.8.8.8".parse().unwrap()), Place::default());
        assert!(matches!(geo.reload(&SystemClock), Err(GeoError::NotConfigured)));
    }

    #[test]
    fn a_missing_database_is_an_error_that_names_it() {
        let error = Geo::open(Some(Path::new("/nowhere/country.mmdb")), &SystemClock).err().unwrap();
        assert!(error.to_string().contains("/nowhere/country.mmdb"), "{error}");
    }
}
