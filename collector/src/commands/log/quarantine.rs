//! `gloed log quarantine`: records that could not be applied.
//!
//! Looking at them reads their files; what changes anything goes through the running collector.

use std::io::Write;

use clap::Subcommand;
use collector::admin::Client;
use collector::log_record::LogRecord;
use collector::quarantine::{Kept, Quarantine, QuarantineId};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Load, line};
use crate::{Failure, Running};

/// What to do about records in quarantine.
#[derive(Subcommand)]
pub(crate) enum QuarantineCommand {
    /// All of them, with the reason
    List {
        /// JSON, one object a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        running: Running,
    },
    /// One of them: why, when, and what it holds. Names the visitor; what a visitor typed is not shown
    Show {
        /// Its name, as `list` prints it
        id: String,
        #[command(flatten)]
        running: Running,
    },
    /// Append one to the log again, and say whether it could be applied this time
    Replay {
        /// Its name; all of them when it is left out
        id: Option<String>,
        #[command(flatten)]
        running: Running,
    },
    /// Let go of one for good: its events are lost
    Drop {
        /// Its name
        id: String,
        #[command(flatten)]
        running: Running,
    },
}

/// Carries a command out.
pub(super) async fn run(command: QuarantineCommand, load: Load<'_>, output: &mut dyn Write) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| (1, error.to_string());
    match command {
        QuarantineCommand::List { json, running } => {
            let quarantine = Quarantine::of(&load(&running)?.data);
            for id in quarantine.list().map_err(|error| failed(&error))? {
                list_one(&id, &quarantine, json, output);
            }
            Ok(())
        }
        QuarantineCommand::Show { id, running } => {
            let quarantine = Quarantine::of(&load(&running)?.data);
            show(&parsed(&id)?, &quarantine, output)
        }
        QuarantineCommand::Replay { id, running } => {
            let config = load(&running)?;
            let mut client = Client::connect(&config.data).await.map_err(|error| failed(&error))?;
            let ids = match id {
                Some(id) => vec![parsed(&id)?],
                None => Quarantine::of(&config.data).list().map_err(|error| failed(&error))?,
            };
            let mut left = 0;
            for id in &ids {
                let ask = json!({ "command": "quarantine_replay", "id": id.as_str() });
                let said = match client.ask(&ask).await {
                    Ok(answer) if answer["became"] == "applied" => "applied".to_owned(),
                    Ok(answer) => {
                        left += 1;
                        match answer["became"].as_str() {
                            Some("again") => "could not be applied again, and is back in quarantine".to_owned(),
                            _ => "is in the log, and not applied yet".to_owned(),
                        }
                    }
                    Err(refusal) => {
                        left += 1;
                        refusal
                    }
                };
                line(output, format_args!("{} {said}", id.as_str()));
            }
            if left == 0 { Ok(()) } else { Err((1, format!("{left} of {} are not applied", ids.len()))) }
        }
        QuarantineCommand::Drop { id, running } => {
            let config = load(&running)?;
            let mut client = Client::connect(&config.data).await.map_err(|error| failed(&error))?;
            let ask = json!({ "command": "quarantine_drop", "id": parsed(&id)?.as_str() });
            client.ask(&ask).await.map_err(|error| failed(&error))?;
            line(output, format_args!("{id} is gone"));
            Ok(())
        }
    }
}

fn parsed(id: &str) -> Result<QuarantineId, Failure> {
    QuarantineId::parse(id).ok_or_else(|| (1, format!("{id:?} is no name of a record; `list` prints them")))
}

fn list_one(id: &QuarantineId, quarantine: &Quarantine, json: bool, output: &mut dyn Write) {
    let id_text = id.as_str();
    match (quarantine.read(id), json) {
        (Ok(kept), true) => {
            let Kept { at, position, tries, reason, payload } = kept;
            let (at, bytes) = (at.0, payload.len());
            let said = json!({ "id": id_text, "at": at, "position": position, "tries": tries, "reason": reason,
                "bytes": bytes, "kind": kind(&payload) });
            line(output, said);
        }
        (Ok(kept), false) => {
            let (at, kind) = (instant(kept.at.0), kind(&kept.payload));
            line(output, format_args!("{id_text}  {at}  {kind:<8}  {}", kept.reason));
        }
        (Err(error), true) => line(output, json!({ "id": id_text, "error": error.to_string() })),
        (Err(error), false) => line(output, format_args!("{id_text}  {error}")),
    }
}

fn show(id: &QuarantineId, quarantine: &Quarantine, output: &mut dyn Write) -> Result<(), Failure> {
    let kept = quarantine.read(id).map_err(|error| (1, error.to_string()))?;
    let position = kept.position.map_or_else(|| "of several records".to_owned(), |position| position.to_string());
    let rows = [
        ("reason", kept.reason.clone()),
        ("at", instant(kept.at.0)),
        ("position", position),
        ("tries", kept.tries.to_string()),
        ("bytes", kept.payload.len().to_string()),
        ("kind", kind(&kept.payload).to_owned()),
    ];
    for (name, value) in rows {
        line(output, format_args!("{name:<10}{value}"));
    }
    match LogRecord::decode(&kept.payload) {
        Ok(LogRecord::Touches(record)) => {
            whose("visitor", record.whose.key(), output);
            for touch in &record.touches {
                line(output, format_args!("event     {}  {}  {}", instant(touch.time.0), touch.name, touch.id));
            }
        }
        Ok(LogRecord::Erasure(record)) => whose("erases", record.whose.key(), output),
        Ok(LogRecord::Merge(record)) => {
            let keys = record.keys();
            whose("from", keys.clone().map(|(from, _)| from), output);
            whose("into", keys.map(|(_, into)| into), output);
        }
        Err(error) => line(output, format_args!("it {error}")),
    }
    Ok(())
}

fn whose<E: std::fmt::Display>(what: &str, key: Result<store::LeadKey, E>, output: &mut dyn Write) {
    match key {
        Ok(key) => line(output, format_args!("{what:<10}{key}")),
        Err(error) => line(output, format_args!("{what:<10}{error}")),
    }
}

/// What kind of record it is.
fn kind(payload: &[u8]) -> &'static str {
    match LogRecord::decode(payload) {
        Ok(LogRecord::Touches(_)) => "touches",
        Ok(LogRecord::Erasure(_)) => "erasure",
        Ok(LogRecord::Merge(_)) => "merge",
        Err(_) => "unread",
    }
}

fn instant(milliseconds: i64) -> String {
    let known = Timestamp::from_millisecond(milliseconds);
    known.map_or_else(|_| Value::from(milliseconds).to_string(), |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}
