//! Whether the servers are such as a store can stand on: looked at once, at start, each finding one sentence.

use super::RedisStore;
use super::health::Info;
use crate::{BoxError, StoreError};

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
        Ok(warnings)
    }
}

fn of_persistence(place: &str, info: &Info) -> Option<Warning> {
    // A snapshot has been taken, or will be: servers do not say in INFO when.
    if info.field("aof_enabled") == "1" {
        return None;
    }
    Some(Warning(format!(
        "{place} keeps no append-only file: after a crash of its machine, only what the logs of the collectors still hold \
         comes back; set appendonly yes"
    )))
}

fn version(text: &str) -> (u32, u32) {
    let mut parts = text.split('.').map(|part| part.parse().unwrap_or_default());
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}
