//! Rounds: one subject after another, again and again, so that whatever else the machine does meets all of them alike.

use std::time::Duration;

use tests::Fault;

use crate::{
    median::median,
    subject::{Round, Subject},
};

/// The reference may move by this factor within one run (decision 20).
const STEADY: f64 = 2.0;
/// How often a run is made at most.
const RUNS: u32 = 3;

/// What the rounds of one subject came to.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    /// As it stands in the table.
    pub(crate) name: &'static str,
    /// Events in a request.
    pub(crate) events: u32,
    /// Processor microseconds a request, of each round.
    pub(crate) costs: Vec<f64>,
    /// Requests a second, of each round.
    pub(crate) rates: Vec<f64>,
    /// Latencies at saturation, of all rounds.
    pub(crate) latencies: Vec<Duration>,
    /// Bytes of one answer.
    pub(crate) answer_bytes: usize,
    /// Resident memory of server and store in the end, bytes.
    pub(crate) memory: u64,
}

impl Measured {
    /// The median of its rounds, processor microseconds a request.
    pub(crate) fn cost(&self) -> f64 {
        median(&self.costs)
    }

    /// The median of its rounds, requests a second.
    pub(crate) fn rate(&self) -> f64 {
        median(&self.rates)
    }
}

/// A run: its subjects in their order, and whether the first of them, the reference, never stayed still.
#[derive(Debug)]
pub(crate) struct Run {
    /// The subjects.
    pub(crate) measured: Vec<Measured>,
    /// The reference moved by more than a factor of two in each of three runs: no result.
    pub(crate) noisy: bool,
}

impl Run {
    /// One subject by its name.
    pub(crate) fn of(&self, name: &str) -> Option<&Measured> {
        self.measured.iter().find(|measured| measured.name == name)
    }
}

/// Measures `rounds` rounds of `duration` of each subject; the first one is what the others are compared with.
///
/// # Errors
/// The first error of a round.
pub(crate) async fn run(subjects: &[Subject], rounds: u32, duration: Duration) -> Result<Run, Fault> {
    let mut runs = 1;
    loop {
        let measured = once(subjects, rounds, duration).await?;
        let noisy = measured.first().is_some_and(|reference| !steady(&reference.costs));
        if !noisy || runs == RUNS {
            return Ok(Run { measured, noisy });
        }
        runs += 1;
    }
}

async fn once(subjects: &[Subject], rounds: u32, duration: Duration) -> Result<Vec<Measured>, Fault> {
    let begin = |subject: &Subject| Measured {
        name: subject.name,
        events: subject.events,
        costs: Vec::new(),
        rates: Vec::new(),
        latencies: Vec::new(),
        answer_bytes: 0,
        memory: 0,
    };
    let mut measured: Vec<Measured> = subjects.iter().map(begin).collect();
    for _ in 0..rounds {
        for (subject, measured) in subjects.iter().zip(&mut measured) {
            let Round { sent, processor } = subject.round(duration).await?;
            measured.costs.push(cost(processor, sent.requests()));
            measured.rates.push(sent.rate());
            measured.answer_bytes = sent.answer_bytes / sent.requests().max(1);
            measured.latencies.extend(sent.latencies);
            measured.memory = subject.server.memory();
        }
    }
    Ok(measured)
}

/// Processor microseconds a request.
#[expect(clippy::cast_precision_loss, reason = "far fewer requests than 2^52")]
fn cost(processor: Duration, requests: usize) -> f64 {
    processor.as_secs_f64() * 1e6 / requests.max(1) as f64
}

fn steady(values: &[f64]) -> bool {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(0.0, f64::max);
    most <= least * STEADY
}
