//! Which server is run.

use std::env;
use std::path::{Path, PathBuf};

/// A server program: `redis-server`, or one that understands the same configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    path: PathBuf,
}

impl Program {
    /// Names another program than `redis-server` of the search path, for example Valkey's `valkey-server`.
    pub const VARIABLE: &'static str = "GLOED_REDIS_SERVER";

    /// What [`VARIABLE`](Self::VARIABLE) names, or else `redis-server`.
    #[must_use]
    pub fn from_environment() -> Self {
        Self { path: env::var_os(Self::VARIABLE).map_or_else(|| PathBuf::from("redis-server"), PathBuf::from) }
    }

    /// Other servers than the default one, by name; `None` for one that is not installed. `.ci/prerequisites test` fetches them
    /// where it can.
    #[must_use]
    pub fn others() -> [(&'static str, Option<Self>); 2] {
        let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fetched/servers");
        [("Valkey 9", "valkey-server"), ("Redis 8", "redis-8-server")].map(|(name, file)| {
            let path = fetched.join(file);
            (name, path.is_file().then_some(Self { path }))
        })
    }

    /// The program at this path.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
