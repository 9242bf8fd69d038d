//! `web-demo`: serves the demo shop.

use std::error::Error;
use std::io::IsTerminal as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;
use web_demo::serve;
use web_demo::settings::{DiscountCode, Origin, Settings, SiteKey, Stub, Tag};

/// A small webshop on its own origin, to try Gloed and to test against.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Where to listen. On 127.0.0.1 also on [::1], so that `localhost` answers whatever it resolves to.
    #[arg(long, env = "GLOED_DEMO_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Public origin of the collector, as the tag names it.
    #[arg(long, env = "GLOED_DEMO_COLLECTOR", default_value = "http://127.0.0.1:7070")]
    collector: Origin,
    /// The site's public write key.
    #[arg(long, env = "GLOED_DEMO_SITE", default_value = "demo-shop")]
    site: SiteKey,
    /// Which form of the tag the pages carry.
    #[arg(long, value_enum, default_value_t = TagForm::One)]
    tag: TagForm,
    /// The snippet's manifest, which holds the inline stub and its hash.
    #[arg(long, required_if_eq("tag", "stub"))]
    stub_file: Option<PathBuf>,
    /// Puts the consent into the tag, in place of the shop's banner.
    #[arg(long, value_enum)]
    consent: Option<Consent>,
    /// Leaves 'wasm-unsafe-eval' out of the content security policy.
    #[arg(long)]
    without_wasm: bool,
    /// Discount codes that the cart accepts, each CODE=PERCENT; may be repeated.
    #[arg(long = "code", default_values = ["WARM10=10", "WELKOM5=5"])]
    codes: Vec<DiscountCode>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TagForm {
    One,
    Stub,
    None,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Consent {
    Granted,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();

    let tag = match (arguments.tag, arguments.stub_file) {
        (TagForm::One, _) => Tag::One,
        (TagForm::None, _) => Tag::None,
        (TagForm::Stub, Some(path)) => Tag::Stub(Stub::from_manifest(&path)?),
        (TagForm::Stub, None) => return Err("--tag stub needs --stub-file".into()),
    };
    let settings = Settings {
        collector: arguments.collector,
        site: arguments.site,
        tag,
        consent_in_tag: matches!(arguments.consent, Some(Consent::Granted)),
        allow_wasm: !arguments.without_wasm,
        codes: arguments.codes,
    };

    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let listener = TcpListener::bind(arguments.listen).await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = watch::channel(());
    let until_stopped = |mut stopped: watch::Receiver<()>| async move {
        // The sender says nothing; it goes, which ends the wait with an error.
        stopped.changed().await.ok();
    };

    let second = beside(address)
        .await
        .map(|listener| tokio::spawn(serve(listener, settings.clone(), until_stopped(stopped.clone()))));
    let first = tokio::spawn(serve(listener, settings, until_stopped(stopped)));
    tracing::info!(shop = %format_args!("http://{address}/"), also_on_ipv6 = second.is_some(), "the demo shop is ready");

    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    drop(stop);
    first.await?;
    if let Some(second) = second {
        second.await?;
    }
    Ok(())
}

/// The same port on `[::1]`, for a listener on 127.0.0.1. A machine without IPv6, or with the port taken there, does
/// without.
async fn beside(address: SocketAddr) -> Option<TcpListener> {
    if address.ip() != IpAddr::V4(Ipv4Addr::LOCALHOST) {
        return None;
    }
    let there = SocketAddr::from((Ipv6Addr::LOCALHOST, address.port()));
    match TcpListener::bind(there).await {
        Ok(listener) => Some(listener),
        Err(error) => {
            tracing::debug!(%error, "not listening on [::1]");
            None
        }
    }
}
