//! The collectors of the bench: everything that a shop would have on, and a population of visitors with a past.

use std::{cell::RefCell, fs, path::PathBuf, rc::Rc};

use servers::Server;
use tests::{
    Fault,
    environment::{Environment, SITE, Setup},
    workspace,
};

use crate::{
    connections::{self, Target},
    model,
    shop::{Asks, Past, Shop},
    subject,
};

/// Where the tests fetch a database of countries to.
const COUNTRIES: &str =
    "tests/fetched/node_modules/@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb";

/// A collector whose visitors have a past.
pub(crate) struct Populated {
    /// The collector.
    pub(crate) environment: Rc<Environment>,
    /// Its shop.
    pub(crate) shop: Rc<RefCell<Shop>>,
    /// Whose processor time counts.
    pub(crate) server: subject::Server,
}

impl Populated {
    /// Starts a collector on `core`, with its leads on `redis` or else in its own folder, and tells it the past of so many
    /// visitors.
    ///
    /// # Errors
    /// When it does not start or refuses.
    pub(crate) async fn start(
        core: usize,
        redis: Option<&Server>,
        visitors: u32,
        past: Past,
        seed: u64,
    ) -> Result<Self, Fault> {
        let countries = countries()?.display().to_string();
        let mut setup = Setup::default()
            .model(&model::text())
            // All that is sent comes from a few networks.
            .set("limits.requests_per_second", 1_000_000)
            .set("limits.new_visitors_per_second", 1_000_000)
            .set("limits.new_visitor_burst", 1_000_000)
            .set("limits.request_burst", 1_000_000)
            .set("server.trusted_proxies", vec!["127.0.0.0/8".to_owned()])
            .set("geo.database", countries)
            .log("warn")
            .on_core(core);
        if let Some(redis) = redis {
            setup = setup.redis(redis.url());
        }
        let environment = Rc::new(setup.start().await?);
        let shop = Rc::new(RefCell::new(Shop::new(SITE, visitors, seed)));
        let server = subject::Server::collector(environment.clone(), redis.and_then(Server::id).into_iter().collect());
        let populated = Self { environment, shop, server };
        let sent = connections::past(&populated.target(Asks::Events(1)), past).await?;
        if sent.refused > 0 {
            let (detail, found) = ("requests were refused".to_owned(), format!("{} refused", sent.refused));
            return Err(Fault::Unreadable { what: "the past of the visitors".to_owned(), detail, found });
        }
        populated.server.still().await?;
        Ok(populated)
    }

    /// What its visitors send to it.
    pub(crate) fn target(&self, asks: Asks) -> Target {
        Target { address: self.environment.public(), shop: self.shop.clone(), asks }
    }
}

fn countries() -> Result<PathBuf, Fault> {
    fs::canonicalize(workspace::root().join(COUNTRIES)).map_err(|error| Fault::Missing {
        what: format!("a database of countries ({COUNTRIES})"),
        remedy: format!("`.ci/prerequisites test` fetches it; {error}"),
    })
}
