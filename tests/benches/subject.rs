//! One server under measurement: what it is sent, which processes work for it, and when all of that work is done.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use tests::{
    Fault,
    environment::Environment,
    process::{self, Process},
};
use tokio::time::sleep;

use crate::connections::{self, Sent, Target};

/// A server is still when its processes have worked for less than [`STILL_WORK`] within [`STILL`].
const STILL: Duration = Duration::from_millis(250);
const STILL_WORK: Duration = Duration::from_millis(20);
/// Work that goes on for longer after the last answer is a fault.
const STILL_LIMIT: Duration = Duration::from_secs(60);

/// Whose processor time counts.
#[derive(Clone)]
pub(crate) struct Server {
    works: Works,
    /// Process ids of its store.
    store: Vec<u32>,
}

#[derive(Clone)]
enum Works {
    Bare(Rc<Process>),
    Collector(Rc<Environment>),
}

/// A server and what it is sent.
pub(crate) struct Subject {
    /// As it stands in the table.
    pub(crate) name: &'static str,
    /// What is sent where.
    pub(crate) target: Target,
    /// Events in a request; 1 for a decision.
    pub(crate) events: u32,
    /// Who works for it.
    pub(crate) server: Server,
}

/// One round: what was sent, and what it cost until everything was done.
#[derive(Debug, Clone)]
pub(crate) struct Round {
    /// What was sent.
    pub(crate) sent: Sent,
    /// Processor time of the server and its store, user and system.
    pub(crate) processor: Duration,
}

impl Server {
    /// A bare server, and the process ids of its store.
    pub(crate) fn bare(process: Process, store: Vec<u32>) -> Self {
        Self { works: Works::Bare(Rc::new(process)), store }
    }

    /// A collector, which is done when everything acknowledged is applied, and the process ids of its store.
    pub(crate) fn collector(environment: Rc<Environment>, store: Vec<u32>) -> Self {
        Self { works: Works::Collector(environment), store }
    }

    fn processes(&self) -> impl Iterator<Item = u32> {
        let server = match &self.works {
            Works::Bare(process) => process.id(),
            Works::Collector(environment) => environment.collector.id(),
        };
        server.into_iter().chain(self.store.iter().copied())
    }

    /// Processor time so far.
    pub(crate) fn processor(&self) -> Duration {
        self.processes().filter_map(process::processor_time).sum()
    }

    /// Bytes of memory now.
    pub(crate) fn memory(&self) -> u64 {
        self.processes().filter_map(process::resident_memory).sum()
    }

    /// Waits until everything that was acknowledged is applied and no process works any more: what a server does later,
    /// such as writing its tables, belongs to what made it necessary.
    ///
    /// # Errors
    /// When it goes on working for a minute.
    pub(crate) async fn still(&self) -> Result<(), Fault> {
        if let Works::Collector(environment) = &self.works {
            environment.applied().await?;
        }
        let begin = Instant::now();
        let mut before = self.processor();
        while begin.elapsed() < STILL_LIMIT {
            sleep(STILL).await;
            let now = self.processor();
            if now.saturating_sub(before) < STILL_WORK {
                return Ok(());
            }
            before = now;
        }
        let last = format!("{:?} of processor time", self.processor());
        Err(Fault::Deadline { what: "a server to have done its work".to_owned(), limit: STILL_LIMIT, last })
    }
}

impl Subject {
    /// One round at saturation.
    ///
    /// # Errors
    /// When the server breaks or refuses.
    pub(crate) async fn round(&self, duration: Duration) -> Result<Round, Fault> {
        let before = self.server.processor();
        let sent = connections::closed(&self.target, duration).await?;
        self.server.still().await?;
        let processor = self.server.processor().saturating_sub(before);
        self.refuses_nothing(&sent)?;
        Ok(Round { sent, processor })
    }

    /// One round at a fixed rate.
    ///
    /// # Errors
    /// When the server breaks or refuses.
    pub(crate) async fn paced(&self, rate: f64, duration: Duration) -> Result<Sent, Fault> {
        let sent = connections::open(&self.target, rate, duration).await?;
        self.server.still().await?;
        self.refuses_nothing(&sent)?;
        Ok(sent)
    }

    /// A server that refuses is not measured: refusing is cheap.
    fn refuses_nothing(&self, sent: &Sent) -> Result<(), Fault> {
        if sent.refused == 0 && sent.requests() > 0 {
            return Ok(());
        }
        Err(Fault::Unreadable {
            what: format!("a round of {}", self.name),
            detail: "requests were refused".to_owned(),
            found: format!("{} refused, {} answered", sent.refused, sent.requests()),
        })
    }
}
