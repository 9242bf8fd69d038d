//! The pools of a site, as its configuration names them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use engine::{Model, ModelError, PoolName};
use store::UnixMillis;

use super::codes::{self, Fault};
use super::pool::Pool;
use super::register::CodeName;

/// Why a pool cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PoolFileError {
    /// Its file cannot be read.
    #[error("pools.{pool}: {path}: {source}")]
    Unread {
        /// The pool.
        pool: PoolName,
        /// The file.
        path: String,
        /// The system's word.
        source: std::io::Error,
    },
    /// Lines of it are no codes.
    #[error("pools.{pool}: {path}:\n    {}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n    "))]
    Lines {
        /// The pool.
        pool: PoolName,
        /// The file.
        path: String,
        /// All of them, by rising line.
        faults: Vec<Fault>,
    },
}

/// Pools by name.
#[derive(Debug, Default)]
pub struct Pools(BTreeMap<PoolName, Pool>);

impl Pools {
    /// Reads the file of each pool; relative paths start from `folder`.
    ///
    /// # Errors
    /// The first pool whose file cannot be read, or has lines that are no codes.
    pub fn read(files: &BTreeMap<PoolName, PathBuf>, folder: &Path) -> Result<Self, PoolFileError> {
        let mut pools = BTreeMap::new();
        for (name, file) in files {
            let file = folder.join(file);
            let (pool, path) = (name.clone(), file.display().to_string());
            let content = match std::fs::read(&file) {
                Ok(content) => content,
                Err(source) => return Err(PoolFileError::Unread { pool, path, source }),
            };
            let read = codes::read(&content);
            if !read.faults.is_empty() {
                return Err(PoolFileError::Lines { pool, path, faults: read.faults });
            }
            pools.insert(name.clone(), Pool::of(read.codes));
        }
        Ok(Self(pools))
    }

    /// The pool of this name.
    #[must_use]
    pub fn get(&self, name: &PoolName) -> Option<&Pool> {
        self.0.get(name)
    }

    /// Whether one of them has this code.
    #[must_use]
    pub fn hold(&self, code: &CodeName) -> bool {
        self.0.values().any(|pool| pool.holds(code))
    }

    /// Pools of which every code is known to be with somebody at `now`.
    #[must_use]
    pub fn empty(&self, now: UnixMillis) -> Vec<PoolName> {
        self.0.iter().filter(|(_, pool)| pool.is_known_empty(now)).map(|(name, _)| name.clone()).collect()
    }
}

/// A fault for each offer whose pool is none of these.
pub fn unknown<'a>(model: &Model, known: impl Iterator<Item = &'a PoolName> + Clone) -> Vec<ModelError> {
    let allowed = || {
        let names: Vec<&str> = known.clone().map(PoolName::as_str).collect();
        match names.is_empty() {
            true => "a pool of the site's configuration, which has none: [sites.pools]".to_owned(),
            false => format!("a pool of the site's configuration: {}", names.join(", ")),
        }
    };
    let pools =
        model.offers.iter().enumerate().filter_map(|(place, offer)| Some((place, offer.coupon.as_ref()?.code.pool()?)));
    let unknown = pools.filter(|(_, pool)| !known.clone().any(|one| one == *pool));
    unknown
        .map(|(place, pool)| ModelError {
            path: format!("offers[{place}].coupon.pool"),
            line: None,
            found: format!("\"{pool}\""),
            allowed: allowed(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(named: &[(&str, &str)]) -> BTreeMap<PoolName, PathBuf> {
        named.iter().map(|(name, file)| (PoolName::parse(name).unwrap(), PathBuf::from(file))).collect()
    }

    #[test]
    fn every_bad_line_of_a_pools_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("good.csv"), "code\nA-1\nB-2\n").unwrap();
        std::fs::write(folder.path().join("bad.csv"), "A-1\ntwo words\nA-1\n").unwrap();
        let read = |named: &[(&str, &str)]| Pools::read(&files(named), folder.path());

        assert!(read(&[("autumn", "good.csv")]).unwrap().get(&PoolName::parse("autumn").unwrap()).is_some());
        let bad = read(&[("autumn", "bad.csv")]).unwrap_err().to_string();
        assert!(
            bad.starts_with("pools.autumn: ") && bad.contains("bad.csv:\n    line 2: found \"two words\""),
            "{bad}"
        );
        assert!(bad.contains("line 3: found \"A-1\", which line 1 has already"), "{bad}");
        let missing = read(&[("autumn", "none.csv")]).unwrap_err().to_string();
        assert!(missing.starts_with("pools.autumn: ") && missing.contains("none.csv: "), "{missing}");
    }
}
