//! `gloed log replay`: the log is applied again, by the collector that has it open.

use std::io::Write;

use collector::admin::Client;
use collector::apply::Reapplied;
use collector::config::Config;
use serde_json::json;

use super::line;
use crate::Failure;

/// Has it applied again, and prints the accounting.
pub(super) async fn run(from: Option<u64>, config: &Config, output: &mut dyn Write) -> Result<(), Failure> {
    let failed = |message| (1, message);
    let mut client = Client::connect(&config.data).await.map_err(failed)?;
    let answer = client.ask(&json!({ "command": "log_replay", "from": from })).await.map_err(failed)?;
    let Reapplied { from, end, outcomes } = serde_json::from_value(answer)
        .map_err(|error| (1, format!("the collector's answer does not read: {error}")))?;
    line(output, format_args!("records {from} to before {end} are applied again"));
    for (outcome, count) in &outcomes {
        line(output, format_args!("{count:>12} {outcome}"));
    }
    let already = outcomes.get("reapplied").copied().unwrap_or_default();
    line(output, format_args!("{already} events were in the store already; every other line is new to it"));
    Ok(())
}
