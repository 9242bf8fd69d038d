//! `make bench`: what a request costs, beside the bare servers that do the least that can be done.
//!
//! ```text
//! core 1                               core 0
//! shop ─► 64 connections ─► closed ──► bare server, or collector; with its store
//!                        └► open
//! ```
//!
//! One after another, round after round, in one run; a figure is the median of the rounds, a limit is a ratio of two of
//! them. What is counted is processor time of the server *and* its store until everything that was acknowledged is
//! applied: on a machine that others use it is steadier than requests a second, and nothing hides in a queue.
//!
//! Everything stays on the loopback interface, in processes and temporary folders of this run.
//!
//! | for | see |
//! | --- | --- |
//! | who sends what | `shop`, `model` |
//! | how it is sent | `connections` |
//! | to whom | `references`, `environments`, `stores` |
//! | what is counted | `subject`, `rounds`, `visibility`, `footprint` |
//! | the order of it all, and its limits | `course` |
//! | what is written | `figures`, `picture`, `median` |

mod connections;
mod course;
mod environments;
mod figures;
mod footprint;
mod median;
mod model;
mod picture;
mod references;
mod rounds;
mod shop;
mod stores;
mod subject;
mod visibility;

use std::error::Error;

use clap::{Parser, Subcommand};
use rustix::thread::{CpuSet, sched_setaffinity};
use tokio::task::LocalSet;

/// Servers and stores run here.
const SERVER_CORE: usize = 0;
/// What sends runs here.
const CLIENT_CORE: usize = 1;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    course: course::Arguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves as a bare server; for the bench itself.
    Reference(references::Command),
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    if let Some(Command::Reference(command)) = arguments.command {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        return Ok(runtime.block_on(references::serve(command))?);
    }
    let mut cores = CpuSet::new();
    cores.set(CLIENT_CORE);
    sched_setaffinity(None, &cores)
        .map_err(|error| format!("the bench needs two cores, {SERVER_CORE} and {CLIENT_CORE}: {error}"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(LocalSet::new().block_on(&runtime, course::run(&arguments.course))?)
}
