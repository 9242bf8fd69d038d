//! `gloed geo`: the database of places of a running collector.

use clap::Subcommand;
use collector::admin::Client;
use collector::config::Config;
use collector::geo::InUse;
use jiff::Timestamp;
use serde_json::json;

use crate::{Failure, Running};

/// What to do about the database of places.
#[derive(Subcommand)]
pub(crate) enum GeoCommand {
    /// Read the file again now, rather than within seconds of its being replaced, and say what is in use
    Reload {
        #[command(flatten)]
        running: Running,
    },
}

/// Has the file read again and returns what to print.
pub(crate) async fn reload(config: &Config) -> Result<String, Failure> {
    let failed = |message| (1, message);
    let mut client = Client::connect(&config.data).await.map_err(failed)?;
    let answer = client.ask(&json!({ "command": "geo_reload" })).await.map_err(failed)?;
    let in_use: InUse =
        serde_json::from_value(answer).map_err(|error| (1, format!("the collector's answer: {error}")))?;
    let InUse { path, kind, built, networks } = in_use;
    let built = i64::try_from(built).ok().and_then(|built| Timestamp::from_second(built).ok());
    let built = built.map_or_else(String::new, |built| format!(", made {}", built.strftime("%Y-%m-%d")));
    Ok(format!("{path} is in use: {kind}{built}, {networks} networks"))
}
