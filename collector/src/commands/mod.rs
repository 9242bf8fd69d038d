//! Commands of `gloed` that are more than a line.

use collector::admin::Client;
use collector::config::Config;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{BAD_CONFIGURATION, Failure, Running};

mod experiments;
pub(crate) mod geo;
pub(crate) mod log;
pub(crate) mod model;
pub(crate) mod report;
mod table;

/// Loads a configuration.
pub(crate) type Load<'l> = &'l dyn Fn(&Running) -> Result<Config, Failure>;

/// Asks a running collector about a site; about the only one where none is named.
async fn ask<A: DeserializeOwned>(
    running: &Running,
    site: Option<&str>,
    load: Load<'_>,
    mut question: Value,
) -> Result<A, Failure> {
    let config = load(running)?;
    let keys: Vec<&str> = config.sites.iter().map(|site| site.key.as_str()).collect();
    let site = match (site, keys.as_slice()) {
        (Some(site), _) => site,
        (None, [only]) => only,
        (None, _) => {
            return Err((BAD_CONFIGURATION, format!("which site? there are {}", keys.join(", "))));
        }
    };
    question["site"] = json!(site);
    let mut client = Client::connect(&config.data).await.map_err(|error| (1, error))?;
    let answer = client.ask(&question).await.map_err(|error| (1, error))?;
    // The collector may be of another version than this command.
    serde_json::from_value(answer).map_err(|error| (1, format!("the collector's answer does not read: {error}")))
}
