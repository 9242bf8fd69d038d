//! Whether the servers are such as a store can stand on: looked at once, at start, each finding one sentence.

use super::RedisStore;
use super::health::Info;
use crate::{BoxError, DocumentName, StoreError, Version};

/// The newest format of the store as a whole that is known, and the document that says which it has.
const FORMAT: u8 = 1;
const FORMAT_NAME: &str = "store/format";

/// The oldest version that is known to work: `ZRANGEBYLEX` and exclusive ranges of streams came with it.
const OLDEST: (u32, u32) = (6, 2);

/// Why a store cannot stand on these servers. Each is one sentence for whoever runs them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The address, or the settings of its connections.
    #[error("the store cannot be used: {0}")]
    Unusable(BoxError),
    /// A server is not there, or does not do what is asked of it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is too old.
    #[error("{place} is version {found}; at least {}.{} is needed", OLDEST.0, OLDEST.1)]
    Old {
        /// Host and port.
        place: String,
        /// Its version.
        found: String,
    },
    /// It would drop leads when its memory is full.
    #[error("{place} has maxmemory-policy {found}, which drops leads when memory is full: set it to noeviction")]
    Evicts {
        /// Host and port.
        place: String,
        /// Its policy.
        found: String,
    },
    /// It is a cluster's node, and the address is not a cluster's; or the other way round.
    #[error("{place} {found}: write the address as {remedy}")]
    Mode {
        /// Host and port.
        place: String,
        /// What it is.
        found: &'static str,
        /// How to write the address.
        remedy: &'static str,
    },
    /// The user may not do what the store does.
    #[error(
        "the user may not run {missing} on keys that begin with g: — give the rights that collector/docs/REDIS.md lists"
    )]
    Rights {
        /// The commands.
        missing: String,
    },
    /// It follows another server and takes no writes.
    #[error("{place} is a replica, which takes no writes: give the address of its master")]
    Replica {
        /// Host and port.
        place: String,
    },
}

/// What is legal but weakens the promise: one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning(String);

impl std::fmt::Display for Warning {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl RedisStore {
    pub(super) async fn check(&self) -> Result<Vec<Warning>, CheckError> {
        const DOING: &str = "look at the server";
        let mut warnings = Vec::new();
        for answer in self.servers.ask_each(DOING, &redis::cmd("INFO")).await? {
            let place = answer.place.clone();
            let info = Info::of(DOING, answer)?;
            let found = info.field("redis_version").to_owned();
            if version(&found) < OLDEST {
                return Err(CheckError::Old { place, found });
            }
            match (info.field("redis_mode"), self.address.is_cluster()) {
                ("cluster", false) => {
                    let (found, remedy) = ("is a node of a cluster", "redis+cluster://host:port,host:port");
                    return Err(CheckError::Mode { place, found, remedy });
                }
                ("standalone", true) => {
                    let (found, remedy) = ("is not a node of a cluster", "redis://host:port");
                    return Err(CheckError::Mode { place, found, remedy });
                }
                _ => {}
            }
            if info.field("role") != "master" {
                return Err(CheckError::Replica { place });
            }
            let policy = info.field("maxmemory_policy");
            if policy != "noeviction" {
                return Err(CheckError::Evicts { place, found: policy.to_owned() });
            }
            warnings.extend(of_persistence(&place, &info));
        }
        self.check_rights().await?;
        self.check_format().await?;
        if let Some(difference) = self.clock_difference().await? {
            let ahead = if difference > 0 { "ahead of" } else { "behind" };
            let seconds = difference.unsigned_abs() / 1000;
            warnings.push(Warning(format!("the store's clock is {seconds} s {ahead} this machine's: set both by NTP")));
        }
        Ok(warnings)
    }
}

impl RedisStore {
    /// Founds a store where there is none; refuses one that a newer version wrote.
    async fn check_format(&self) -> Result<(), StoreError> {
        let name = DocumentName::parse(FORMAT_NAME)
            .map_err(|error| StoreError::Corrupt { what: error.to_string(), source: None })?;
        match self.read_document(&name).await?.as_ref().map(|document| document.bytes.as_slice()) {
            Some([FORMAT]) => Ok(()),
            Some([found, ..]) if *found > FORMAT => {
                Err(StoreError::Newer { what: "the store on Redis", found: *found, known: FORMAT })
            }
            Some(other) => Err(StoreError::Corrupt { what: format!("its format reads {other:?}"), source: None }),
            None => match self.write_document(&name, Version::ABSENT, &[FORMAT]).await {
                // Another collector was quicker.
                Ok(_) | Err(StoreError::Conflict { .. }) => Ok(()),
                Err(error) => Err(error),
            },
        }
    }
}

fn of_persistence(place: &str, info: &Info) -> Option<Warning> {
    // Whether it takes snapshots INFO does not say.
    (info.field("aof_enabled") != "1").then(|| {
        Warning(format!(
            "{place} keeps no append-only file: what it has not saved when it ends comes back only as far as the collectors' \
             logs reach; set appendonly yes"
        ))
    })
}

fn version(text: &str) -> (u32, u32) {
    let mut parts = text.split('.').map(|part| part.parse().unwrap_or_default());
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}
