//! `make bench`: what a request costs, beside the bare servers that do the least that can be done.
//!
//! ```text
//! core 1                               core 0
//! shop ─► 64 connections ─► closed ──► bare server, or collector with its store
//!                        └► open
//! ```
//!
//! One after another, round after round, in one run; a figure is the median of the rounds, a limit is a ratio of two of
//! them. What is counted is processor time of the server *and* its store until everything that was acknowledged is
//! applied: on a machine that others use it is steadier than requests a second, and nothing hides in a queue.
//!
//! Everything stays on the loopback interface, in processes and temporary folders of this run.

mod connections;
mod model;
mod references;
mod shop;
mod subject;

use std::{cell::RefCell, error::Error, rc::Rc, time::Duration};

use clap::{Parser, Subcommand};
use rustix::thread::{CpuSet, sched_setaffinity};
use tests::{
    environment::{ORIGIN, SITE, Setup},
    workspace,
};
use tokio::task::LocalSet;

use crate::{
    connections::Target,
    references::Kind,
    shop::{Asks, Shop},
    subject::{Server, Subject},
};

/// Servers and stores run here.
const SERVER_CORE: usize = 0;
/// What sends runs here.
const CLIENT_CORE: usize = 1;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Replays the traffic of an earlier run.
    #[arg(long)]
    seed: Option<u64>,
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    #[arg(long, default_value_t = 100_000)]
    visitors: u32,
    #[arg(long, default_value_t = 0)]
    hold: u64,
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
    sched_setaffinity(None, &cores)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, bench(arguments))
}

async fn bench(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed}");
    let duration = Duration::from_secs(arguments.seconds);
    let geo = std::fs::canonicalize(
        workspace::root()
            .join("tests/fetched/node_modules/@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb"),
    )?;
    let environment = Setup::default()
        .model(&model::text())
        .set("limits.requests_per_second", 1_000_000)
        .set("limits.request_burst", 1_000_000)
        .set("server.trusted_proxies", vec!["127.0.0.0/8".to_owned()])
        .set("geo.database", geo.display().to_string())
        .log("warn")
        .on_core(SERVER_CORE)
        .start()
        .await?;
    println!("pid {:?} {}", environment.collector.id(), ORIGIN);
    let environment = Rc::new(environment);
    let shop = Rc::new(RefCell::new(Shop::new(SITE, arguments.visitors, seed)));
    let collector = Target { address: environment.public(), shop: shop.clone(), asks: Asks::Events(1) };
    let server = Server::Collector(environment.clone());
    let before = server.processor();
    let sent = connections::past(&collector).await?;
    server.still().await?;
    println!(
        "past {} in {:?}, cpu {:?} refused {}",
        sent.requests(),
        sent.took,
        server.processor() - before,
        sent.refused
    );
    let (address, process) = references::start(Kind::Post, SERVER_CORE, None).await?;
    let bare = Server::Bare(Rc::new(process));
    let subjects = [
        Subject { name: "bare POST", target: Target { address, ..collector.clone() }, events: 1, server: bare },
        Subject { name: "embedded, 1", target: collector.clone(), events: 1, server: server.clone() },
        Subject {
            name: "embedded, 10",
            target: Target { asks: Asks::Events(10), ..collector.clone() },
            events: 10,
            server: server.clone(),
        },
        Subject {
            name: "embedded decision",
            target: Target { asks: Asks::Decision, ..collector.clone() },
            events: 1,
            server: server.clone(),
        },
    ];
    for _ in 0..arguments.rounds {
        for subject in &subjects {
            let round = subject.round(duration).await?;
            println!(
                "{:20} {:8.2} µs/request {:8.2} µs/event {:9.0}/s answer {} B",
                subject.name,
                round.cost(),
                round.cost() / f64::from(subject.events),
                round.sent.rate(),
                round.sent.answer_bytes / round.sent.requests()
            );
        }
    }
    let metrics = environment.metrics().await?;
    for (name, value) in metrics
        .iter()
        .filter(|(name, _)| name.contains("outcome") || name.contains("decis") || name.contains("visible"))
    {
        println!("{name} {value}");
    }
    Ok(())
}
