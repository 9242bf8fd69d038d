//! Secrets: made at the first start in the data folder, readable by this user only.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Environment, SiteConfig};

/// Why secrets could not be had.
#[derive(Debug, Error)]
pub enum SecretsError {
    /// The file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// The system's word.
        source: std::io::Error,
    },
    /// The file is not what this program writes.
    #[error("{path}: {message}")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// There is a secret that other collectors have to share, and it is not made here.
    #[error(
        "{path} lacks {what}: collectors on one store share their secrets, so none is made at a start; copy the file from \
         another collector, or make it once with `gloed make-secrets`"
    )]
    Missing {
        /// The file.
        path: String,
        /// What it lacks.
        what: String,
    },
    /// The system gave no randomness.
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
}

/// All secrets of one process.
#[derive(Clone)]
pub struct Secrets {
    /// Password of the marketer's pages.
    pub admin_password: SecretString,
    /// Key of the tombstones of erased visitors. Losing it brings erased visitors back.
    pub tombstone_key: SecretString,
    /// By site key.
    pub sites: BTreeMap<String, SiteSecrets>,
}

/// A site's secrets.
#[derive(Clone)]
pub struct SiteSecrets {
    /// Turns seeds into visitor ids and signs them.
    pub visitor_secret: SecretString,
    /// The secret before it, still accepted while ids signed with it are in use.
    pub previous_visitor_secret: Option<SecretString>,
    /// Authenticates the shop's server.
    pub server_key: SecretString,
}

/// The file's own shape.
#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct SecretsFile {
    admin_password: String,
    tombstone_key: String,
    #[serde(default)]
    sites: BTreeMap<String, SiteSecretsFile>,
}

#[derive(Serialize, Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct SiteSecretsFile {
    visitor_secret: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous_visitor_secret: Option<String>,
    server_key: String,
}

const HEADER: &str = "# Made by Gloed at its first start. Keep it secret, keep it backed up: without visitor_secret every\n\
                      # visitor is new, without tombstone_key a restored backup brings erased visitors back.\n\n";

/// What becomes of secrets that are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// They are made.
    Make,
    /// They are an error: others share them.
    Refuse,
}

impl Secrets {
    /// Reads the file of secrets. What is missing, for a new site too, is made and added, or refused.
    /// `GLOED_ADMIN_PASSWORD` is above the file.
    ///
    /// # Errors
    /// See [`SecretsError`].
    pub fn load(
        path: &Path,
        sites: &[SiteConfig],
        missing: Missing,
        environment: &Environment,
    ) -> Result<Self, SecretsError> {
        let lacks = |what: String| match missing {
            Missing::Make => Ok(()),
            Missing::Refuse => Err(SecretsError::Missing { path: path.display().to_string(), what }),
        };
        let io = |source| SecretsError::Io { path: path.display().to_string(), source };
        let mut file = match std::fs::read_to_string(path) {
            Ok(text) => toml::from_str(&text).map_err(|error| SecretsError::Malformed {
                path: path.display().to_string(),
                message: error.message().to_owned(),
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                lacks("everything, for it does not exist".to_owned())?;
                SecretsFile { admin_password: random(15)?, tombstone_key: random(32)?, sites: BTreeMap::new() }
            }
            Err(error) => return Err(io(error)),
        };
        let mut changed = !path.exists();
        for site in sites {
            if !file.sites.contains_key(site.key.as_str()) {
                lacks(format!("the secrets of the site {}", site.key.as_str()))?;
                let secrets = SiteSecretsFile {
                    visitor_secret: random(32)?,
                    previous_visitor_secret: None,
                    server_key: format!("gsk_{}", random(32)?),
                };
                file.sites.insert(site.key.as_str().to_owned(), secrets);
                changed = true;
            }
        }
        if changed {
            write(path, &file).map_err(io)?;
        }
        let admin_password = environment.get("GLOED_ADMIN_PASSWORD").cloned().unwrap_or(file.admin_password);
        Ok(Self {
            admin_password: admin_password.into(),
            tombstone_key: file.tombstone_key.into(),
            sites: file.sites.into_iter().map(|(key, site)| (key, site.into())).collect(),
        })
    }
}

impl From<SiteSecretsFile> for SiteSecrets {
    fn from(file: SiteSecretsFile) -> Self {
        Self {
            visitor_secret: file.visitor_secret.into(),
            previous_visitor_secret: file.previous_visitor_secret.map(Into::into),
            server_key: file.server_key.into(),
        }
    }
}

/// Writes beside and renames, so that a crash leaves the old file or the new one.
fn write(path: &Path, file: &SecretsFile) -> std::io::Result<()> {
    let text = toml::to_string(file).map_err(std::io::Error::other)?;
    let beside = path.with_extension("toml.new");
    let mut handle = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    handle.write_all(HEADER.as_bytes())?;
    handle.write_all(text.as_bytes())?;
    handle.sync_all()?;
    std::fs::rename(&beside, path)
}

fn random(bytes: usize) -> Result<String, SecretsError> {
    let mut buffer = vec![0_u8; bytes];
    getrandom::fill(&mut buffer).map_err(SecretsError::Random)?;
    Ok(URL_SAFE_NO_PAD.encode(buffer))
}

/// Whether two secrets are the same, in a time that does not depend on where they differ.
#[must_use]
pub(crate) fn same_secret(left: &SecretString, right: &str) -> bool {
    use sha2::{Digest as _, Sha256};
    use subtle::ConstantTimeEq as _;
    // Hashed first, so that the lengths are equal and say nothing.
    let left = Sha256::digest(left.expose_secret().as_bytes());
    let right = Sha256::digest(right.as_bytes());
    left.ct_eq(&right).into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::config::{Config, Overrides};

    fn sites(keys: &[&str]) -> Vec<SiteConfig> {
        let text: String = keys
            .iter()
            .map(|key| format!("[[sites]]\nkey=\"{key}\"\norigins=[\"https://s.example\"]\ncurrency=\"EUR\"\n"))
            .collect();
        Config::parse(&text, Path::new(""), &Environment::new(), &Overrides::default()).unwrap().sites
    }

    #[test]
    fn secrets_are_made_once_kept_and_added_to() {
        let folder = tempfile::tempdir().unwrap();
        let none = Environment::new();

        let file = folder.path().join("secrets.toml");
        let load = |keys: &[&str], missing| Secrets::load(&file, &sites(keys), missing, &none);

        let first = load(&["a"], Missing::Make).unwrap();
        let second = load(&["a", "b"], Missing::Make).unwrap();

        let key = |secrets: &Secrets, site: &str| secrets.sites[site].server_key.expose_secret().to_owned();
        assert_eq!(key(&first, "a"), key(&second, "a"));
        assert_ne!(key(&second, "a"), key(&second, "b"));
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn secrets_that_others_share_are_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secrets.toml");
        let load = |keys: &[&str], missing| Secrets::load(&file, &sites(keys), missing, &Environment::new());

        let error = load(&["a"], Missing::Refuse).err().unwrap().to_string();
        assert!(error.contains("does not exist") && error.contains("gloed make-secrets"), "{error}");
        assert!(!file.exists());
        load(&["a"], Missing::Make).unwrap();
        load(&["a"], Missing::Refuse).unwrap();
        let error = load(&["a", "b"], Missing::Refuse).err().unwrap().to_string();
        assert!(error.contains("the secrets of the site b"), "{error}");
    }

    #[test]
    fn comparing_secrets_tells_equal_from_different() {
        let secret = SecretString::from("abc".to_owned());
        assert!(same_secret(&secret, "abc"));
        assert!(!same_secret(&secret, "abd"));
        assert!(!same_secret(&secret, ""));
    }
}
