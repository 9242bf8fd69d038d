//! What a site's configuration says.

use std::collections::BTreeMap;
use std::path::PathBuf;

use engine::PoolName;
use engine::money::Currency;
use jiff::tz::TimeZone;
use wire::SiteKey;

use super::reader::{ConfigFault, Section};
use super::values::Origin;

/// Where a site's model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSource {
    /// A preset that ships with Gloed.
    Preset(String),
    /// A file, relative to the configuration's folder.
    File(PathBuf),
}

/// One shop.
#[derive(Debug, Clone)]
pub struct SiteConfig {
    /// Public write key.
    pub key: SiteKey,
    /// Name for people.
    pub name: String,
    /// Origins that may send events.
    pub origins: Vec<Origin>,
    /// Currency of scores by value.
    pub currency: Currency,
    /// Zone of days, seasons and reports.
    pub time_zone: TimeZone,
    /// The parts of the model, read as one text: a preset, the shop's own rules and offers.
    pub model: Vec<ModelSource>,
    /// Pools of coupon codes: the file of each, relative to the configuration's folder.
    pub pools: BTreeMap<PoolName, PathBuf>,
    /// Query parameters kept besides campaign parameters.
    pub allow_query: Vec<String>,
    /// Whether decisions carry score and stage.
    pub page_may_see_score: bool,
    /// Whether decisions may explain.
    pub page_may_explain: bool,
}

struct Key(SiteKey);

impl std::str::FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        SiteKey::parse(text).map(Self)
    }
}

struct Zone(TimeZone);

impl std::str::FromStr for Zone {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        TimeZone::get(text).map(Self)
    }
}

struct CurrencyCode(Currency);

impl std::str::FromStr for CurrencyCode {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Currency::parse(text).map(Self).map_err(|_| ())
    }
}

impl SiteConfig {
    pub(crate) fn read(mut section: Section<'_>, faults: &mut Vec<ConfigFault>) -> Option<Self> {
        let before = faults.len();
        let required = |section: &Section<'_>, key: &str, faults: &mut Vec<ConfigFault>| {
            if faults.len() == before {
                faults.push(ConfigFault { path: section.at(key), message: "is required".to_owned() });
            }
        };
        let key: Option<Key> = section.optional("key", "1 to 64 of a-z A-Z 0-9 _ -", faults);
        if key.is_none() {
            required(&section, "key", faults);
        }
        let name: Option<String> = section.optional("name", "text", faults);
        let origins: Vec<Origin> = section.list("origins", Origin::ALLOWED, faults);
        if origins.is_empty() {
            required(&section, "origins", faults);
        }
        let currency: Option<CurrencyCode> = section.optional("currency", "three letters of ISO 4217", faults);
        if currency.is_none() {
            required(&section, "currency", faults);
        }
        let zone: Option<Zone> = section.optional("time_zone", "a zone such as \"Europe/Amsterdam\"", faults);
        let model: Vec<String> = section.list("model", "a preset or a path", faults);
        let pools = section.section("pools", faults);
        let pools = pools_of(pools, faults);
        let allow_query: Vec<String> = section.list("allow_query", "parameter names", faults);
        let page_may_see_score = section.parsed("page_may_see_score", false, "true or false", faults);
        let page_may_explain = section.parsed("page_may_explain", false, "true or false", faults);
        section.finish(faults);

        let (Key(key), CurrencyCode(currency)) = (key?, currency?);
        let time_zone = match zone {
            Some(Zone(zone)) => zone,
            None => TimeZone::get("Europe/Amsterdam").unwrap_or(TimeZone::UTC),
        };
        let source = |part: String| match engine::preset(&part) {
            Some(_) => ModelSource::Preset(part),
            None => ModelSource::File(PathBuf::from(part)),
        };
        let model = if model.is_empty() { vec!["b2c".to_owned()] } else { model };
        Some(Self {
            name: name.unwrap_or_else(|| key.as_str().to_owned()),
            key,
            origins,
            currency,
            time_zone,
            model: model.into_iter().map(source).collect(),
            pools,
            allow_query,
            page_may_see_score,
            page_may_explain,
        })
    }
}

/// Reads which file each pool of codes has.
fn pools_of(section: Section<'_>, faults: &mut Vec<ConfigFault>) -> BTreeMap<PoolName, PathBuf> {
    let path = section.at("");
    let mut pools = BTreeMap::new();
    for (name, file) in section.texts("the path of a file of codes", faults) {
        match PoolName::parse(&name) {
            Ok(name) => drop(pools.insert(name, PathBuf::from(file))),
            Err(_) => faults.push(ConfigFault {
                path: format!("{path}{name}"),
                message: "is no name of a pool; allowed is 1 to 64 of a-z A-Z 0-9 _ . -".to_owned(),
            }),
        }
    }
    pools
}
