//! Which store, and where.

use std::path::Path;

use store::redis::Address;

use super::reader::{ConfigFault, Section};
use super::values::Span;

/// Where leads are kept.
#[derive(Debug, Clone)]
pub enum StoreConfig {
    /// In the data folder.
    Embedded,
    /// On Redis or Valkey.
    Redis(RedisConfig),
}

/// A store on Redis. Shown without user and password.
#[derive(Debug, Clone)]
pub struct RedisConfig {
    /// The servers, with what is needed to log in.
    pub address: Address,
    /// After so long a lead that nobody changes goes by itself.
    pub retention: Span,
}

const KINDS: &str = "\"embedded\" or \"redis\"";

impl StoreConfig {
    /// Reads the section `store`; `None` when it has faults.
    pub(super) fn read(mut section: Section<'_>, folder: &Path, faults: &mut Vec<ConfigFault>) -> Option<Self> {
        let before = faults.len();
        let kind: String = section.parsed("kind", "embedded".to_owned(), KINDS, faults);
        let url: Option<String> = section.optional("url", "an address such as \"redis://127.0.0.1:6379\"", faults);
        let mut password: Option<String> = section.optional("password", "text", faults);
        let password_file: Option<String> = section.optional("password_file", "the path of a file", faults);
        let retention = section.parsed("retention", Span::seconds(400 * 24 * 3600), Span::ALLOWED, faults);
        let mut fault = |key: &str, message: String| faults.push(ConfigFault { path: section.at(key), message });
        if let Some(file) = &password_file {
            match std::fs::read_to_string(folder.join(file)) {
                Ok(text) if password.is_none() => password = Some(text.trim_end().to_owned()),
                Ok(_) => fault("password_file", "is given beside store.password; allowed is one of them".to_owned()),
                Err(error) => fault("password_file", format!("{file:?} cannot be read: {error}")),
            }
        }
        let found = match (kind.as_str(), url) {
            ("embedded", None) => Some(Self::Embedded),
            ("embedded", Some(_)) => {
                fault("url", "is given, and store.kind is \"embedded\", which has no address".to_owned());
                None
            }
            ("redis", None) => {
                fault("url", "is required when store.kind is \"redis\"".to_owned());
                None
            }
            // The address may hold a password: no message repeats it.
            ("redis", Some(url)) => match Address::parse(&url, password.as_deref()) {
                Ok(address) => Some(Self::Redis(RedisConfig { address, retention })),
                Err(error) => {
                    fault("url", error.to_string());
                    None
                }
            },
            _ => {
                fault("kind", format!("is {kind:?}; allowed is {KINDS}"));
                None
            }
        };
        section.finish(faults);
        found.filter(|_| faults.len() == before)
    }
}
