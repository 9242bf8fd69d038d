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
