//! The process's configuration: one commented TOML file, layered under environment and command line.

mod reader;
mod secrets;
mod site;
mod store;
mod values;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use engine::LedgerLimits;
use ipnet::IpNet;

pub use reader::{ConfigFault, Environment};
pub(crate) use secrets::same_secret;
pub use secrets::{Missing, Secrets, SecretsError, SiteSecrets};
pub use site::{ModelSource, SiteConfig};
pub use store::{RedisConfig, StoreConfig};
pub use values::{Bytes, Origin, Span};

use reader::Section;

/// A record stays in the log for this long, whatever the store says of it.
const LEAST_RETAINED: Span = Span::seconds(60);

/// Everything `gloed.toml` says, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address of the public listener.
    pub public: SocketAddr,
    /// Address of the private listener.
    pub private: SocketAddr,
    /// Folder of log, store and secrets.
    pub data: PathBuf,
    /// The file of the secrets, when it is not in the data folder.
    pub secrets: Option<PathBuf>,
    /// Proxies whose `X-Forwarded-For` is read.
    pub trusted_proxies: Vec<IpNet>,
    /// Time for a request's header.
    pub header_timeout: Span,
    /// Time for a request's body.
    pub body_timeout: Span,
    /// Time for requests in flight after a stop signal.
    pub drain_timeout: Span,
    /// Open connections of the public listener.
    pub connections: usize,
    /// Limits at the door.
    pub limits: LimitsConfig,
    /// How large a visitor's ledger may grow.
    pub ledger: LedgerLimits,
    /// Bytes of a log segment.
    pub log_segment: Bytes,
    /// Bytes of the whole log.
    pub log_cap: Bytes,
    /// Where leads are kept.
    pub store: StoreConfig,
    /// For how long a record is kept in the log, at least.
    pub log_retain: Span,
    /// Database for country and region.
    pub geo_database: Option<PathBuf>,
    /// The shops.
    pub sites: Vec<SiteConfig>,
    /// Folder that relative model paths start from.
    pub folder: PathBuf,
}

/// Limits at the door.
#[derive(Debug, Clone, Copy)]
pub struct LimitsConfig {
    /// Event requests being worked on.
    pub events_in_flight: usize,
    /// Decision requests being worked on.
    pub decisions_in_flight: usize,
    /// Requests a second, a site and address.
    pub requests_per_second: u32,
    /// Requests that may come at once.
    pub request_burst: u32,
    /// Requests a second of visitors without a signed id, a site.
    pub new_visitors_per_second: u32,
    /// Such requests that may come at once.
    pub new_visitor_burst: u32,
}

/// What the command line says, above file and environment.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--public`.
    pub public: Option<SocketAddr>,
    /// `--private`.
    pub private: Option<SocketAddr>,
    /// `--data`.
    pub data: Option<PathBuf>,
}

/// Trusted proxies may be written as an address or as a network.
struct Network(IpNet);

impl std::str::FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let alone = || text.parse::<std::net::IpAddr>().map(IpNet::from);
        text.parse::<IpNet>().or_else(|_| alone()).map(Self).map_err(|_| ())
    }
}

impl Config {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// Every fault at once.
    pub fn load(path: &Path, environment: &Environment, overrides: &Overrides) -> Result<Self, Vec<ConfigFault>> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            vec![ConfigFault { path: path.display().to_string(), message: format!("cannot be read: {error}") }]
        })?;
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        Self::parse(&text, &folder, environment, overrides)
    }

    /// Reads a configuration from text; relative paths start from `folder`.
    ///
    /// # Errors
    /// Every fault at once.
    pub fn parse(
        text: &str,
        folder: &Path,
        environment: &Environment,
        overrides: &Overrides,
    ) -> Result<Self, Vec<ConfigFault>> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let path = format!("line {}", before.matches('\n').count() + 1);
            vec![ConfigFault { path, message: error.message().to_owned() }]
        })?;
        let mut faults = Vec::new();
        let mut root = Section::new(table, "", environment);

        let mut server = root.section("server", &mut faults);
        let address = "an address such as \"127.0.0.1:7070\"";
        let public = server.parsed("public", SocketAddr::from(([127, 0, 0, 1], 7070)), address, &mut faults);
        let private = server.parsed("private", SocketAddr::from(([127, 0, 0, 1], 7071)), address, &mut faults);
        let data: PathBuf = server.parsed("data", PathBuf::from("data"), "a folder", &mut faults);
        let secrets: Option<PathBuf> = server.optional("secrets", "the path of a file", &mut faults);
        let networks: Vec<Network> =
            server.list("trusted_proxies", "an address or network such as \"10.0.0.0/8\"", &mut faults);
        let header_timeout = server.parsed("header_timeout", Span::seconds(5), Span::ALLOWED, &mut faults);
        let body_timeout = server.parsed("body_timeout", Span::seconds(10), Span::ALLOWED, &mut faults);
        let drain_timeout = server.parsed("drain_timeout", Span::seconds(10), Span::ALLOWED, &mut faults);
        let connections = server.parsed("connections", 4096, "a whole number", &mut faults);
        server.finish(&mut faults);

        let mut limits = root.section("limits", &mut faults);
        let whole = "a whole number above 0";
        let limits_config = LimitsConfig {
            events_in_flight: limits.parsed("events_in_flight", 512, whole, &mut faults),
            decisions_in_flight: limits.parsed("decisions_in_flight", 512, whole, &mut faults),
            requests_per_second: limits.parsed("requests_per_second", 50, whole, &mut faults),
            request_burst: limits.parsed("request_burst", 200, whole, &mut faults),
            new_visitors_per_second: limits.parsed("new_visitors_per_second", 200, whole, &mut faults),
            new_visitor_burst: limits.parsed("new_visitor_burst", 20_000, whole, &mut faults),
        };
        limits.finish(&mut faults);

        let ledger = ledger(root.section("ledger", &mut faults), &mut faults);

        let mut log = root.section("log", &mut faults);
        let log_segment = log.parsed("segment", Bytes(64 << 20), Bytes::ALLOWED, &mut faults);
        let log_cap = log.parsed("cap", Bytes(2 << 30), Bytes::ALLOWED, &mut faults);
        if log_cap.0 < log_segment.0.saturating_mul(2) {
            let message = format!("is {} bytes; allowed is at least two segments ({})", log_cap.0, log_segment.0 * 2);
            faults.push(ConfigFault { path: "log.cap".to_owned(), message });
        }
        let log_retain = log.parsed("retain", LEAST_RETAINED, Span::ALLOWED, &mut faults);
        if log_retain.duration() < LEAST_RETAINED.duration() {
            let message = format!("is {:?}; allowed is 60s or more", log_retain.duration());
            faults.push(ConfigFault { path: "log.retain".to_owned(), message });
        }
        log.finish(&mut faults);

        let store = root.section("store", &mut faults);
        let store = StoreConfig::read(store, folder, &mut faults);

        let mut geo = root.section("geo", &mut faults);
        let geo_database: Option<PathBuf> = geo.optional("database", "the path of an .mmdb file", &mut faults);
        geo.finish(&mut faults);

        let sections = root.sections("sites", &mut faults);
        if sections.is_empty() {
            let message = "is required: at least one [[sites]] table".to_owned();
            faults.push(ConfigFault { path: "sites".to_owned(), message });
        }
        let mut sites: Vec<SiteConfig> = Vec::new();
        for (index, section) in sections.into_iter().enumerate() {
            if let Some(site) = SiteConfig::read(section, &mut faults) {
                if sites.iter().any(|other| other.key == site.key) {
                    let message = format!("is {:?}, which another site has already", site.key.as_str());
                    faults.push(ConfigFault { path: format!("sites[{index}].key"), message });
                }
                sites.push(site);
            }
        }
        root.finish(&mut faults);

        for (path, zero) in [
            ("limits.events_in_flight", limits_config.events_in_flight == 0),
            ("limits.decisions_in_flight", limits_config.decisions_in_flight == 0),
            ("limits.requests_per_second", limits_config.requests_per_second == 0),
            ("limits.request_burst", limits_config.request_burst == 0),
            ("limits.new_visitors_per_second", limits_config.new_visitors_per_second == 0),
            ("limits.new_visitor_burst", limits_config.new_visitor_burst == 0),
            ("server.connections", connections == 0),
        ] {
            if zero {
                faults.push(ConfigFault { path: path.to_owned(), message: format!("is 0; allowed is {whole}") });
            }
        }
        let Some(store) = store.filter(|_| faults.is_empty()) else { return Err(faults) };
        Ok(Self {
            public: overrides.public.unwrap_or(public),
            private: overrides.private.unwrap_or(private),
            data: overrides.data.clone().unwrap_or(data),
            secrets: secrets.map(|file| folder.join(file)),
            trusted_proxies: networks.into_iter().map(|Network(network)| network).collect(),
            header_timeout,
            body_timeout,
            drain_timeout,
            connections,
            limits: limits_config,
            ledger,
            log_segment,
            log_cap,
            store,
            log_retain,
            geo_database,
            sites,
            folder: folder.to_path_buf(),
        })
    }

    /// The file of the secrets.
    #[must_use]
    pub fn secrets_file(&self) -> PathBuf {
        self.secrets.clone().unwrap_or_else(|| self.data.join("secrets.toml"))
    }

    /// Legal but risky settings, as sentences for the log at start.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.private.ip().is_loopback() {
            warnings
                .push(format!("server.private is {}: the marketer's pages are reachable from elsewhere", self.private));
        }
        for network in &self.trusted_proxies {
            if network.prefix_len() == 0 {
                warnings.push(format!("server.trusted_proxies holds {network}: any client can name its own address"));
            }
        }
        warnings
    }
}

/// The fewest bytes that a ledger may be given: one event that is as large as it may be has room.
const LEAST_LEDGER: Bytes = Bytes(64 << 10);

/// Reads the limits of a ledger.
fn ledger(mut section: Section<'_>, faults: &mut Vec<ConfigFault>) -> LedgerLimits {
    let standard = LedgerLimits::default();
    let whole = "a whole number above 0";
    let touches = section.parsed("touches", standard.touches, whole, faults);
    let older = section.parsed("older", standard.older, whole, faults);
    let bytes = section.parsed("bytes", Bytes(standard.bytes as u64), Bytes::ALLOWED, faults);
    section.finish(faults);
    for (path, number) in [("ledger.touches", touches), ("ledger.older", older)] {
        if number == 0 {
            faults.push(ConfigFault { path: path.to_owned(), message: format!("is 0; allowed is {whole}") });
        }
    }
    if bytes.0 < LEAST_LEDGER.0 {
        let message = format!("is {} bytes; allowed is at least 64KiB, for one event at its largest", bytes.0);
        faults.push(ConfigFault { path: "ledger.bytes".to_owned(), message });
    }
    LedgerLimits { touches, older, bytes: usize::try_from(bytes.0).unwrap_or(usize::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[[sites]]\nkey = \"shop\"\norigins = [\"https://shop.example\"]\ncurrency = \"EUR\"\n";

    fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let environment = environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Config::parse(text, Path::new(""), &environment, &Overrides::default())
            .map_err(|faults| faults.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_documented_defaults_are_the_real_ones() {
        let documented = parse(&format!("{}\n{GOOD}", include_str!("../../gloed.default.toml")), &[]).unwrap();
        let bare = parse(GOOD, &[]).unwrap();
        let shown = |config: &Config| format!("{config:?}");
        assert_eq!(shown(&documented), shown(&bare));
    }

    #[test]
    fn the_environment_is_above_the_file() {
        let text = format!("[server]\npublic = \"127.0.0.1:1\"\n{GOOD}");
        let config =
            parse(&text, &[("GLOED_SERVER_PUBLIC", "127.0.0.1:2"), ("GLOED_SITES_0_CURRENCY", "USD")]).unwrap();
        assert_eq!(config.public.port(), 2);
        assert_eq!(config.sites[0].currency.as_str(), "USD");
    }

    #[test]
    fn every_fault_is_reported_at_once_with_its_path() {
        let faults = parse(
            "[log]\nretain = \"59s\"\n[server]\npublic = \"here\"\nport = 1\n[limits]\nrequest_burst = 0\n[[sites]]\nkey = \"a b\"\n\
             origins = [\"shop.example/path\"]\ncurrency = \"EUR\"\ntime_zone = \"Mars/Olympus\"\n",
            &[],
        )
        .unwrap_err();
        for part in [
            "server.public: is \"here\"",
            "server.port: is not a key; allowed here are public, private",
            "log.retain: is 59s; allowed is 60s or more",
            "limits.request_burst: is 0",
            "sites[0].key: is \"a b\"",
            "sites[0].origins[0]: is \"shop.example/path\"",
            "sites[0].time_zone: is \"Mars/Olympus\"",
        ] {
            assert!(faults.iter().any(|fault| fault.contains(part)), "{part} in {faults:#?}");
        }
    }

    #[test]
    fn a_ledger_has_room_for_something() {
        let config = parse(&format!("[ledger]\ntouches = 200\nolder = 300\nbytes = \"256KiB\"\n{GOOD}"), &[]).unwrap();
        assert_eq!(config.ledger, LedgerLimits { touches: 200, older: 300, bytes: 256 << 10 });
        let faults = parse(&format!("[ledger]\ntouches = 0\nolder = 0\nbytes = \"1KiB\"\nage = 3\n{GOOD}"), &[]);
        let faults = faults.unwrap_err();
        for part in [
            "ledger.touches: is 0; allowed is a whole number above 0",
            "ledger.older: is 0",
            "ledger.bytes: is 1024 bytes; allowed is at least 64KiB",
            "ledger.age: is not a key; allowed here are touches, older, bytes",
        ] {
            assert!(faults.iter().any(|fault| fault.contains(part)), "{part} in {faults:#?}");
        }
    }

    #[test]
    fn a_store_on_redis_needs_an_address_and_no_message_shows_a_secret() {
        let redis = |lines: &str| format!("[store]\nkind = \"redis\"\n{lines}{GOOD}");
        let url = "url = \"redis://gloed:topsecret@127.0.0.1:7000\"\n";
        let config = parse(&redis(url), &[("GLOED_STORE_RETENTION", "30d")]).unwrap();
        let StoreConfig::Redis(RedisConfig { address, retention }) = &config.store else { panic!("{config:?}") };
        assert_eq!((address.to_string(), *retention), ("redis://127.0.0.1:7000".to_owned(), Span::seconds(2_592_000)));
        assert!(!format!("{config:?}").contains("topsecret"));

        let faults = |text: &str, environment: &[(&str, &str)]| parse(text, environment).unwrap_err().join("; ");
        for (text, part) in [
            (redis(""), "store.url: is required"),
            (redis("url = \"http://gloed:topsecret@a\"\n"), "store.url: the address of the store cannot be used"),
            (redis("password_file = \"missing\"\n"), "store.password_file: \"missing\" cannot be read"),
            (format!("[store]\n{url}{GOOD}"), "store.url: is given, and store.kind is \"embedded\""),
            (format!("[store]\nkind = \"cloud\"\n{GOOD}"), "store.kind: is \"cloud\""),
        ] {
            let found = faults(&text, &[("GLOED_STORE_PASSWORD", "topsecret")]);
            assert!(found.contains(part), "{part} in {found}");
            assert!(!found.contains("topsecret"), "{found}");
        }
    }

    #[test]
    fn a_site_names_the_file_of_each_of_its_pools() {
        let config = parse(&format!("{GOOD}[sites.pools]\nautumn = \"codes/autumn.csv\"\n"), &[]).unwrap();
        let pools: Vec<_> = config.sites[0].pools.iter().map(|(name, file)| (name.as_str(), file.as_path())).collect();
        assert_eq!(pools, [("autumn", Path::new("codes/autumn.csv"))]);
        let faults = parse(&format!("{GOOD}[sites.pools]\n\"two words\" = \"a.csv\"\nspring = 3\n"), &[]);
        let faults = faults.unwrap_err();
        for part in [
            "sites[0].pools.two words: is no name of a pool; allowed is 1 to 64 of a-z A-Z 0-9 _ . -",
            "sites[0].pools.spring: is an integer; allowed is the path of a file of codes",
        ] {
            assert!(faults.iter().any(|fault| fault == part), "{part} in {faults:#?}");
        }
    }

    #[test]
    fn a_proxy_list_that_trusts_everybody_is_warned_of() {
        let config = parse(&format!("[server]\ntrusted_proxies = [\"0.0.0.0/0\"]\n{GOOD}"), &[]).unwrap();
        assert!(config.warnings()[0].contains("any client"));
    }
}
