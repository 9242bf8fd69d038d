//! The course of a bench: what is measured after what, and which limit each figure has.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum};
use tests::{Fault, comparison, reference_server, workspace};

use crate::{
    SERVER_CORE,
    connections::{self, Target},
    environments::Populated,
    figures::Figures,
    footprint,
    median::milliseconds,
    picture,
    references::{self, Kind, Needs},
    rounds::{self, Run},
    shop::{Asks, Past},
    stores,
    subject::{Server, Subject},
    visibility,
};

/// Events of one visitor in a request of many.
const MANY: u32 = 10;
/// Rounds of each latency, and for how long each.
const LATENCY_ROUNDS: u32 = 3;
const LATENCY_ROUND: Duration = Duration::from_secs(3);
/// For how long the bench load runs.
const BENCH_LOAD: Duration = Duration::from_secs(10);
/// The longest that a bench may take. What has not begun by then is left out, and said to be.
const LONGEST: Duration = Duration::from_secs(9 * 60);

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Sends again what an earlier run sent
    #[arg(long)]
    seed: Option<u64>,
    /// Rounds, of which each figure is the median
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Seconds of each round
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// Visitors with a past
    #[arg(long, default_value_t = 100_000)]
    visitors: u32,
    /// Leaves Redis out
    #[arg(long)]
    without_redis: bool,
    /// Only this part, or these; all when not given
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// Appends the figures to tests/benches/RESULTS.md and draws tests/benches/results.svg
    #[arg(long)]
    record: bool,
}

/// A part of the course.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Processor time of events, at saturation.
    Events,
    /// Processor time of decisions, at saturation.
    Decisions,
    /// Latencies at half of saturation, which is measured by the two before; else at 1,000 requests a second.
    Latencies,
    /// From acknowledged to visible, and how many events a commit takes.
    Visible,
    /// Bytes a visitor in the store.
    Bytes,
}

impl Arguments {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

/// Runs it all.
///
/// # Errors
/// When a server does not start, breaks or refuses.
#[expect(clippy::print_stdout, reason = "what a bench is for")]
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Fault> {
    let begin = Instant::now();
    let load = load_average();
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    println!("seed {seed}, load average {load}; the same traffic again: bench --seed {seed}");
    let mut figures = Figures::default();
    let mut drawn = Vec::new();
    if arguments.only != [Part::Bytes] {
        let bench = Bench::start(arguments, seed).await?;
        drawn = bench.measure(arguments, &mut figures).await?;
    }
    if arguments.wants(Part::Bytes) && begin.elapsed() < LONGEST {
        let bytes = footprint::embedded(SERVER_CORE, seed).await?;
        figures.at_most("bench_bytes_a_visitor_embedded", bytes, "B", 300.0, false);
        if !arguments.without_redis {
            let bytes = footprint::redis(SERVER_CORE, &stores::start(SERVER_CORE)?, seed).await?;
            figures.at_most("bench_bytes_a_visitor_redis", bytes, "B", 650.0, false);
        }
    }
    figures.print();
    println!("took {:.0} s", begin.elapsed().as_secs_f64());
    if arguments.record {
        figures.append(&format!("{}, commit {}, load average before it began {load}", today(), commit()))?;
        if !drawn.is_empty() {
            let file = workspace::root().join("tests/benches/results.svg");
            fs::write(&file, picture::svg(&drawn)).map_err(Fault::system(format!("writing {}", file.display())))?;
        }
    }
    Ok(())
}

/// What runs.
struct Bench {
    embedded: Populated,
    redis: Option<(servers::Server, Populated)>,
    /// Holds a decision's answer for the bare servers.
    answer: PathBuf,
    _folder: tempfile::TempDir,
}

impl Bench {
    async fn start(arguments: &Arguments, seed: u64) -> Result<Self, Fault> {
        let start = async |redis: Option<&servers::Server>| {
            Populated::start(SERVER_CORE, redis, arguments.visitors, Past::Usual, seed).await
        };
        let embedded = start(None).await?;
        let redis = match arguments.without_redis {
            true => None,
            false => {
                let server = stores::start(SERVER_CORE)?;
                let populated = start(Some(&server)).await?;
                Some((server, populated))
            }
        };
        let folder = tempfile::tempdir().map_err(Fault::system("making a temporary folder"))?;
        let answer = folder.path().join("decision.json");
        let decision = connections::one(&embedded.target(Asks::Decision)).await?;
        fs::write(&answer, decision).map_err(Fault::system("writing a decision"))?;
        Ok(Self { embedded, redis, answer, _folder: folder })
    }

    /// Everything that the population is for; gives the tables.
    async fn measure(&self, arguments: &Arguments, figures: &mut Figures) -> Result<Vec<(&'static str, Run)>, Fault> {
        let duration = Duration::from_secs(arguments.seconds);
        let mut runs = Vec::new();
        // At half of saturation, where that is known.
        let (mut events_rate, mut decisions_rate) = (1_000.0, 1_000.0);
        let half = |run: &Run| run.of("embedded").map_or(1_000.0, |measured| measured.rate() / 2.0);
        if arguments.wants(Part::Events) {
            let run = rounds::run(&self.ingest().await?, arguments.rounds, duration).await?;
            figures.table("Events", &run);
            ingest_limits(figures, &run);
            events_rate = half(&run);
            runs.push(("Events", run));
        }
        if arguments.wants(Part::Decisions) {
            let run = rounds::run(&self.decisions().await?, arguments.rounds, duration).await?;
            figures.table("Decisions", &run);
            decision_limits(figures, &run);
            decisions_rate = half(&run);
            runs.push(("Decisions", run));
        }
        if arguments.wants(Part::Latencies) {
            self.latencies(figures, events_rate, decisions_rate).await?;
        }
        if arguments.wants(Part::Visible) {
            self.visible(figures).await?;
        }
        Ok(runs)
    }

    fn subject(name: &'static str, populated: &Populated, asks: Asks) -> Subject {
        let events = if let Asks::Events(events) = asks { events } else { 1 };
        Subject { name, target: populated.target(asks), events, server: populated.server.clone() }
    }

    /// A bare server that is sent what the visitors of the embedded collector send.
    async fn bare(&self, name: &'static str, kind: Kind, asks: Asks) -> Result<Subject, Fault> {
        let redis = self.redis.as_ref().map(|(server, _)| server);
        let url = redis.map(servers::Server::url);
        let store = match kind {
            Kind::Script | Kind::Fields => redis.and_then(servers::Server::id),
            Kind::Post | Kind::Decision => None,
        };
        let needs = Needs { answer: Some(&self.answer), redis: url.as_deref().filter(|_| store.is_some()) };
        let (address, process) = references::start(kind, SERVER_CORE, needs).await?;
        let target = Target { address, ..self.embedded.target(asks) };
        Ok(Subject { name, target, events: 1, server: Server::bare(process, store.into_iter().collect()) })
    }

    async fn ingest(&self) -> Result<Vec<Subject>, Fault> {
        let one = Asks::Events(1);
        let mut subjects = vec![
            self.bare("bare POST", Kind::Post, one).await?,
            Self::subject("embedded", &self.embedded, one),
            Self::subject("embedded, ten a request", &self.embedded, Asks::Events(MANY)),
        ];
        if let Some((_, populated)) = &self.redis {
            subjects.push(self.bare("bare POST and EVALSHA", Kind::Script, one).await?);
            subjects.push(Self::subject("Redis", populated, one));
            subjects.push(Self::subject("Redis, ten a request", populated, Asks::Events(MANY)));
        }
        Ok(subjects)
    }

    async fn decisions(&self) -> Result<Vec<Subject>, Fault> {
        let mut subjects = vec![
            self.bare("bare decision", Kind::Decision, Asks::Decision).await?,
            Self::subject("embedded", &self.embedded, Asks::Decision),
        ];
        if let Some((_, populated)) = &self.redis {
            subjects.push(self.bare("bare decision and HMGET", Kind::Fields, Asks::Decision).await?);
            subjects.push(Self::subject("Redis", populated, Asks::Decision));
        }
        Ok(subjects)
    }

    /// Latencies at half of our saturation, open loop, each against its reference at the same rate.
    async fn latencies(&self, figures: &mut Figures, events_rate: f64, decisions_rate: f64) -> Result<(), Fault> {
        let (address, process) = reference_server::start_on_core(SERVER_CORE).await?;
        let target = Target { address, ..self.embedded.target(Asks::Events(1)) };
        let durable =
            Subject { name: "bare POST and fdatasync", target, events: 1, server: Server::bare(process, Vec::new()) };
        let events = Self::subject("embedded", &self.embedded, Asks::Events(1));
        latency(figures, "bench_ingest_p99_ratio", 3.0, events_rate, &durable, &events).await?;
        let bare = self.bare("bare decision", Kind::Decision, Asks::Decision).await?;
        let decision = Self::subject("embedded", &self.embedded, Asks::Decision);
        latency(figures, "bench_decision_p99_ratio", 2.0, decisions_rate, &bare, &decision).await
    }

    async fn visible(&self, figures: &mut Figures) -> Result<(), Fault> {
        let redis = self.redis.as_ref().map(|(_, populated)| ("redis", populated));
        for (name, populated) in [("embedded", &self.embedded)].into_iter().chain(redis) {
            let saturated = visibility::merged_so_far(&populated.environment).await?;
            let seen = visibility::measure(populated, BENCH_LOAD).await?;
            figures.line(format_args!(
                "{name}: {:.2} events a commit at 2,000 events a second, {saturated:.2} of all before.",
                seen.merged
            ));
            figures.at_most(&format!("bench_visible_p99_{name}"), seen.p99, "ms", 250.0, false);
        }
        figures.line(format_args!(""));
        Ok(())
    }
}

/// One latency against its reference, both at `rate` requests a second.
async fn latency(
    figures: &mut Figures,
    name: &str,
    limit: f64,
    rate: f64,
    reference: &Subject,
    subject: &Subject,
) -> Result<(), Fault> {
    let p99 = async |one: &Subject| {
        let sent = one.paced(rate, LATENCY_ROUND).await?;
        Ok::<_, Fault>(tests::load::nearest_rank(sent.latencies, 0.99))
    };
    let compared =
        comparison::compare(LATENCY_ROUNDS, async || p99(reference).await, async || p99(subject).await).await?;
    figures.line(format_args!(
        "{} {:.2} ms, {} {:.2} ms: p99 at {rate:.0} requests a second, open loop.",
        reference.name,
        milliseconds(&[compared.reference], 1.0),
        subject.name,
        milliseconds(&[compared.subject], 1.0),
    ));
    figures.at_most(name, compared.ratio(), "x", limit, compared.noisy);
    Ok(())
}

fn ingest_limits(figures: &mut Figures, run: &Run) {
    let mut limit = |name: &str, subject: &str, reference: &str, limit: f64| {
        if let (Some(subject), Some(reference)) = (run.of(subject), run.of(reference)) {
            let ratio = subject.cost() / f64::from(subject.events) / reference.cost();
            figures.at_most(name, ratio, "x", limit, run.noisy);
        }
    };
    limit("bench_ingest_embedded", "embedded", "bare POST", 1.8);
    limit("bench_ingest_embedded_of_ten", "embedded, ten a request", "bare POST", 0.4);
    limit("bench_ingest_redis", "Redis", "bare POST", 2.3);
    limit("bench_ingest_redis_to_evalsha", "Redis", "bare POST and EVALSHA", 0.8);
    limit("bench_ingest_redis_of_ten", "Redis, ten a request", "bare POST", 0.4);
}

fn decision_limits(figures: &mut Figures, run: &Run) {
    let mut limit = |name: &str, subject: &str, reference: &str, limit: f64| {
        if let (Some(subject), Some(reference)) = (run.of(subject), run.of(reference)) {
            figures.at_most(name, subject.cost() / reference.cost(), "x", limit, run.noisy);
        }
    };
    limit("bench_decision_embedded", "embedded", "bare decision", 1.6);
    limit("bench_decision_redis_to_hmget", "Redis", "bare decision and HMGET", 1.0);
}

fn load_average() -> String {
    let text = fs::read_to_string(Path::new("/proc/loadavg")).unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

fn commit() -> String {
    let asked = Command::new("git").args(["rev-parse", "--short", "HEAD"]).current_dir(workspace::root()).output();
    let text = asked.ok().filter(|asked| asked.status.success()).map(|asked| asked.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    if text.is_empty() { "none".to_owned() } else { text }
}

fn today() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()
}
