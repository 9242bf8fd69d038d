//! `gloed`: the collector's command line.

mod commands;

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use collector::clock::{Clock, SystemClock, TestClock};
use collector::config::{Config, Environment, Missing, Overrides, Secrets};
use collector::identity::Identities;
use collector::{admin, http, outbox, serve, site, start};
use serde_json::json;
use tokio::net::TcpListener;

use commands::geo::GeoCommand;
use commands::log::LogCommand;
use commands::model::ModelCommand;
use commands::report::ReportCommand;

/// A sixth of what an event costs was the C library's allocator: records are made on one thread and dropped on another. This
/// one gives out again first what was given back last, which the processor still has at hand (`tests/benches/PROFILE.md`).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// `EX_USAGE` of sysexits.h: the configuration is wrong, starting again will not help.
const BAD_CONFIGURATION: u8 = 64;
/// How often `outbox --follow` asks for more.
const FOLLOW_EVERY: Duration = Duration::from_millis(250);

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
        /// For tests: a clock that the admin socket can move ahead. Only where nobody else can reach the collector
        #[arg(long, hide = true)]
        test_clock: bool,
    },
    /// Report every fault of the configuration and of the sites' models at once
    CheckConfig {
        #[command(flatten)]
        options: Options,
    },
    /// Make the file of secrets where it, or a site in it, is missing; for collectors that share a store
    MakeSecrets {
        #[command(flatten)]
        options: Options,
    },
    /// Print the keys that signed coupon codes are verified with, the one in use first: for the shop's till
    CouponKey {
        #[command(flatten)]
        options: Options,
        /// Only of the site with this write key
        #[arg(long)]
        site: Option<String>,
    },
    /// Print messages that wait in a running collector's outbox, one JSON object a line
    Outbox {
        #[command(flatten)]
        running: Running,
        /// Only of the site with this write key
        #[arg(long)]
        site: Option<String>,
        /// Only messages behind this `outbox_id`
        #[arg(long, value_name = "ID")]
        after: Option<String>,
        /// At most so many, unless followed
        #[arg(long, default_value_t = outbox::LIMIT)]
        limit: usize,
        /// Go on with those that come, until interrupted
        #[arg(long)]
        follow: bool,
    },
    /// Models: check, explain, try on history, publish
    Model {
        #[command(subcommand)]
        command: ModelCommand,
    },
    /// The database of places
    Geo {
        #[command(subcommand)]
        command: GeoCommand,
    },
    /// The durable log: look at its files, apply it again, see what could not be applied
    Log {
        #[command(subcommand)]
        command: LogCommand,
    },
    /// Reports of what became of leads: stages, funnel, carts, touchpoints, experiments
    Report {
        #[command(subcommand)]
        command: ReportCommand,
    },
    /// Print the description of the HTTP interface as OpenAPI JSON
    Openapi,
    /// Ask a running collector whether it is ready: exit code 0 if so
    Health {
        /// Its public or private address; when absent, the public one of the configuration
        address: Option<SocketAddr>,
        /// The configuration file that it was started with
        #[arg(long, default_value = "gloed.toml", conflicts_with = "address")]
        config: PathBuf,
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

/// Which running collector a command is for.
#[derive(Clone, clap::Args)]
struct Running {
    /// The configuration file that it was started with
    #[arg(long, default_value = "gloed.toml")]
    config: PathBuf,
    /// Its data folder, above the file
    #[arg(long)]
    data: Option<PathBuf>,
}

impl From<Running> for Options {
    fn from(Running { config, data }: Running) -> Self {
        Self { config, public: None, private: None, data }
    }
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
        Command::Serve { options, test_clock } => run(serving(options, environment, test_clock)),
        Command::CheckConfig { options } => check(&options, &environment),
        Command::MakeSecrets { options } => make_secrets(&options, &environment),
        Command::CouponKey { options, site } => print_coupon_keys(&options, &environment, site.as_deref()),
        Command::Outbox { running, site, after, limit, follow } => load(&running.into(), &environment)
            .and_then(|config| run(print_outbox(config, Wanted { site, after, limit, follow }))),
        Command::Model { command } => run(async move {
            let load = |running: &Running| load(&running.clone().into(), &environment);
            commands::model::run(command, &load).await.map(|text| say(&mut std::io::stdout(), &text))
        }),
        Command::Geo { command } => {
            let GeoCommand::Reload { running } = command;
            load(&running.into(), &environment).and_then(|config| {
                run(async move { commands::geo::reload(&config).await.map(|text| say(&mut std::io::stdout(), &text)) })
            })
        }
        Command::Log { command } => run(async move {
            let load = |running: &Running| load(&running.clone().into(), &environment);
            commands::log::run(command, &load, &mut std::io::stdout()).await
        }),
        Command::Report { command } => run(async move {
            let load = |running: &Running| load(&running.clone().into(), &environment);
            commands::report::run(command, &load).await.map(|text| say(&mut std::io::stdout(), &text))
        }),
        Command::Openapi => describe(),
        Command::Health { address, config } => address
            .map_or_else(|| configured_address(config, &environment), Ok)
            .and_then(|address| run(async move { serve::health(address).await.map_err(|error| (1, error)) })),
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

/// Where the collector of a configuration listens for everybody, as this machine reaches it.
fn configured_address(config: PathBuf, environment: &Environment) -> Result<SocketAddr, Failure> {
    let mut address = load(&Options { config, public: None, private: None, data: None }, environment)?.public;
    match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    Ok(address)
}

fn check(options: &Options, environment: &Environment) -> Result<(), Failure> {
    let config = load(options, environment)?;
    let folder: &Path = &config.folder;
    let faults: Vec<String> = config
        .sites
        .iter()
        .flat_map(|one| {
            let model = site::load_model(one, folder, SystemClock.now()).err();
            [model, site::load_pools(one, folder).err()].into_iter().flatten()
        })
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

fn make_secrets(options: &Options, environment: &Environment) -> Result<(), Failure> {
    let config = load(options, environment)?;
    let file = config.secrets_file();
    let failed = |error: &dyn std::fmt::Display| (1, error.to_string());
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(|error| failed(&format!("{}: {error}", folder.display())))?;
    }
    Secrets::load(&file, &config.sites, Missing::Make, environment).map_err(|error| failed(&error))?;
    say(&mut std::io::stdout(), &format!("{} holds the secrets of {} site(s)", file.display(), config.sites.len()));
    Ok(())
}

/// Prints one line a key: site, key.
fn print_coupon_keys(options: &Options, environment: &Environment, only: Option<&str>) -> Result<(), Failure> {
    let config = load(options, environment)?;
    let secrets = Secrets::load(&config.secrets_file(), &config.sites, Missing::Refuse, environment);
    let secrets = secrets.map_err(|error| (1, error.to_string()))?;
    let mut found = false;
    for (site, secrets) in secrets.sites.iter().filter(|(site, _)| only.is_none_or(|only| only == *site)) {
        for key in Identities::new(site, secrets).coupon_keys() {
            say(&mut std::io::stdout(), &format!("{site} {}", key.to_hexadecimal()));
        }
        found = true;
    }
    if found { Ok(()) } else { Err((1, "no site in the configuration has this write key".to_owned())) }
}

fn describe() -> Result<(), Failure> {
    let json = http::openapi::json().map_err(|error| (1, error.to_string()))?;
    say(&mut std::io::stdout(), &json);
    Ok(())
}

/// Which part of the outbox to print.
struct Wanted {
    site: Option<String>,
    after: Option<String>,
    /// Without `follow` at most so many.
    limit: usize,
    follow: bool,
}

/// Prints messages of the outbox; with `follow` for ever.
async fn print_outbox(config: Config, wanted: Wanted) -> Result<(), Failure> {
    let failed = |message| (1, message);
    let mut client = admin::Client::connect(&config.data).await.map_err(failed)?;
    let mut output = std::io::stdout();
    let (mut after, mut left) = (wanted.after, wanted.limit);
    while wanted.follow || left > 0 {
        let limit = if wanted.follow { outbox::LIMIT } else { left };
        let ask = json!({ "command": "outbox", "site": wanted.site, "after": after, "limit": limit });
        let page = client.ask(&ask).await.map_err(failed)?;
        for message in page["messages"].as_array().into_iter().flatten() {
            if writeln!(output, "{message}").is_err() {
                // Whoever read has gone.
                return Ok(());
            }
            left = left.saturating_sub(1);
            after = message["outbox_id"].as_str().map(str::to_owned);
        }
        match page["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None if wanted.follow => tokio::time::sleep(FOLLOW_EVERY).await,
            None => break,
        }
    }
    Ok(())
}

/// The clock of a test, as far ahead as it was at its last end.
fn test_clock(config: &Config) -> Result<TestClock, Failure> {
    if !config.public.ip().is_loopback() {
        let message = format!("--test-clock: server.public is {}; allowed is a loopback address", config.public);
        return Err((BAD_CONFIGURATION, message));
    }
    let clock = TestClock::load(&config.data).map_err(|error| (1, format!("--test-clock: {error}")))?;
    tracing::warn!(
        ahead_ms = clock.offset().0,
        "TEST CLOCK: time can be moved through the admin socket. Never run a shop like this"
    );
    Ok(clock)
}

async fn serving(options: Options, environment: Environment, with_test_clock: bool) -> Result<(), Failure> {
    let config = load(&options, &environment)?;
    let test_clock = if with_test_clock { Some(test_clock(&config)?) } else { None };
    let clock: Arc<dyn Clock> = match &test_clock {
        Some(clock) => Arc::new(clock.clone()),
        None => Arc::new(SystemClock),
    };
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let bind = |address: SocketAddr, key: &str| {
        serve::bind(address).map_err(|error| (1, format!("{key}: {address}: {error}")))
    };
    let public = bind(config.public, "server.public")?;
    let private = bind(config.private, "server.private")?;
    let shutdown = serve::signal().map_err(|error| (1, format!("no signal handler: {error}")))?;
    let metrics = start::record_metrics().map_err(|error| (1, error.to_string()))?;
    let started = start::start(config, &environment, clock, metrics).await.map_err(|error| {
        let code =
            if matches!(error, start::StartError::Site(_) | start::StartError::Geo(_)) { BAD_CONFIGURATION } else { 1 };
        (code, error.to_string())
    })?;
    let socket = admin::AdminSocket::open(started.app.clone(), test_clock)
        .map_err(|error| (1, format!("{}: {error}", admin::path(started.app.data()).display())))?;
    let address = |listener: &TcpListener| listener.local_addr().map(|address| address.to_string()).unwrap_or_default();
    tracing::info!(public = address(&public), private = address(&private), "ready");
    serve::serve(started.app.clone(), public, private, shutdown).await;
    drop(socket);
    started.finish().await;
    Ok(())
}
