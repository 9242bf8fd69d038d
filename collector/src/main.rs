//! `gloed`: the collector's command line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use collector::clock::{Clock as _, SystemClock};
use collector::config::{Config, Environment, Overrides};
use collector::{http, serve, site, start};
use tokio::net::TcpListener;

/// `EX_USAGE` of sysexits.h: the configuration is wrong, starting again will not help.
const BAD_CONFIGURATION: u8 = 64;

/// Events of shop pages in, lead scores and offers out.
#[derive(Parser)]
#[command(name = "gloed", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until SIGTERM or ctrl-c
    Serve {
        #[command(flatten)]
        options: Options,
    },
    /// Report every fault of the configuration and of the sites' models at once
    CheckConfig {
        #[command(flatten)]
        options: Options,
    },
    /// Print the description of the HTTP interface as OpenAPI JSON
    Openapi,
    /// Ask a running collector whether it is ready: exit code 0 if so
    Health {
        /// Its public or private address
        #[arg(default_value = "127.0.0.1:7070")]
        address: SocketAddr,
    },
}

#[derive(clap::Args)]
struct Options {
    /// The configuration file
    #[arg(long, default_value = "gloed.toml")]
    config: PathBuf,
    /// Address of the public listener, above the file
    #[arg(long)]
    public: Option<SocketAddr>,
    /// Address of the private listener, above the file
    #[arg(long)]
    private: Option<SocketAddr>,
    /// Data folder, above the file
    #[arg(long)]
    data: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let environment: Environment = std::env::vars().collect();
    // The embedded store's library tells much that only its authors need.
    let filter = environment.get("GLOED_LOG").map_or("info,fjall=warn,lsm_tree=warn", String::as_str);
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(std::io::stderr)
        .init();
    let ended = match arguments.command {
        Command::Serve { options } => run(serving(options, environment)),
        Command::CheckConfig { options } => check(&options, &environment),
        Command::Openapi => describe(),
        Command::Health { address } => run(async move { serve::health(address).await.map_err(|error| (1, error)) }),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, message)) => {
            say(&mut std::io::stderr(), &message);
            ExitCode::from(code)
        }
    }
}

/// An exit code and what to say.
type Failure = (u8, String);

/// Words to a person; a closed pipe is nobody's fault.
fn say(to: &mut dyn std::io::Write, text: &str) {
    drop(writeln!(to, "{text}"));
}

fn run(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| (1, format!("no runtime: {error}")))?.block_on(work)
}

fn load(options: &Options, environment: &Environment) -> Result<Config, Failure> {
    let overrides = Overrides { public: options.public, private: options.private, data: options.data.clone() };
    Config::load(&options.config, environment, &overrides).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(|fault| format!("  {fault}")).collect();
        let count = faults.len();
        let things = if count == 1 { "fault" } else { "faults" };
        (BAD_CONFIGURATION, format!("{}: {count} {things}\n{}", options.config.display(), lines.join("\n")))
    })
}

fn check(options: &Options, environment: &Environment) -> Result<(), Failure> {
    let config = load(options, environment)?;
    let folder: &Path = &config.folder;
    let faults: Vec<String> = config
        .sites
        .iter()
        .filter_map(|one| site::load_model(one, folder, SystemClock.now()).err())
        .map(|error| format!("  {error}"))
        .collect();
    if !faults.is_empty() {
        return Err((BAD_CONFIGURATION, faults.join("\n")));
    }
    let mut output = std::io::stdout();
    for warning in config.warnings() {
        say(&mut output, &format!("warning: {warning}"));
    }
    say(&mut output, &format!("{} is good: {} site(s)", options.config.display(), config.sites.len()));
    Ok(())
}

fn describe() -> Result<(), Failure> {
    let json = http::openapi::json().map_err(|error| (1, error.to_string()))?;
    say(&mut std::io::stdout(), &json);
    Ok(())
}

async fn serving(options: Options, environment: Environment) -> Result<(), Failure> {
    let config = load(&options, &environment)?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let bind = |address: SocketAddr, key: &'static str| async move {
        TcpListener::bind(address).await.map_err(|error| (1, format!("{key}: {address}: {error}")))
    };
    let public = bind(config.public, "server.public").await?;
    let private = bind(config.private, "server.private").await?;
    let shutdown = serve::signal().map_err(|error| (1, format!("no signal handler: {error}")))?;
    let metrics = start::record_metrics().map_err(|error| (1, error.to_string()))?;
    let started = start::start(config, &environment, Arc::new(SystemClock), metrics).await.map_err(|error| {
        let code =
            if matches!(error, start::StartError::Site(_) | start::StartError::Geo(_)) { BAD_CONFIGURATION } else { 1 };
        (code, error.to_string())
    })?;
    let address = |listener: &TcpListener| listener.local_addr().map(|address| address.to_string()).unwrap_or_default();
    tracing::info!(public = address(&public), private = address(&private), "ready");
    serve::serve(started.app.clone(), public, private, shutdown).await;
    started.finish().await;
    Ok(())
}
