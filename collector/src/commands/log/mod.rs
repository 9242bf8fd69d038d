//! `gloed log`: the durable log, and what of it could not be applied.

mod inspect;
mod quarantine;
mod replay;

use std::io::Write;
use std::path::PathBuf;

use clap::Subcommand;

use super::Load;
use crate::{Failure, Running};
use quarantine::QuarantineCommand;

/// What to do about the log.
#[derive(Subcommand)]
pub(crate) enum LogCommand {
    /// Say what the log's files hold. Reads them and nothing else, so it may be done beside a running collector. Exit code 1
    /// when they are damaged
    Inspect {
        /// The data folder, or the log's folder in it
        folder: PathBuf,
        /// One line for each record as well, without anything about persons
        #[arg(long)]
        records: bool,
        /// JSON, one object a line
        #[arg(long)]
        json: bool,
    },
    /// Have a running collector apply its log again, to the store that it has now, and say what that came to. What the store
    /// has already stays as it is
    Replay {
        /// Begin at this position; the oldest record when it is left out
        #[arg(long, value_name = "POSITION")]
        from: Option<u64>,
        #[command(flatten)]
        running: Running,
    },
    /// Records that could not be applied
    Quarantine {
        #[command(subcommand)]
        command: QuarantineCommand,
    },
}

/// Carries a command out, printing to `output`.
pub(crate) async fn run(command: LogCommand, load: Load<'_>, output: &mut dyn Write) -> Result<(), Failure> {
    match command {
        LogCommand::Inspect { folder, records, json } => inspect::run(&folder, records, json, output),
        LogCommand::Replay { from, running } => replay::run(from, &load(&running)?, output).await,
        LogCommand::Quarantine { command } => quarantine::run(command, load, output).await,
    }
}

/// A line to whoever reads; a closed pipe is nobody's fault.
fn line(output: &mut dyn Write, text: impl std::fmt::Display) {
    drop(writeln!(output, "{text}"));
}
