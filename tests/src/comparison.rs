//! A latency judged against a reference of the same run (decision 20): on a machine that others use too, a ratio says
//! more than a figure.
//!
//! Rounds alternate: reference, subject, reference, subject, …, reference. When the reference itself moves by more than
//! a factor of two, the whole run is repeated, at most three times; if it never stays still the result is *noisy*, which
//! is no result.

use std::time::Duration;

/// The reference may move by this factor within one run.
const STEADY: f64 = 2.0;
/// How often a run is made at most.
const RUNS: u32 = 3;

/// What came of it. Medians over the rounds of the last run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Of the thing tested.
    pub subject: Duration,
    /// Of what it is compared with.
    pub reference: Duration,
    /// The reference never stayed within a factor of two.
    pub noisy: bool,
}

impl Comparison {
    /// Subject by reference.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.subject.as_secs_f64() / self.reference.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// Measures `rounds` (at least one) of each in turn, and repeats while the reference is unsteady.
///
/// # Errors
/// The first error of a measurement.
pub async fn compare<E>(
    rounds: u32,
    mut reference: impl AsyncFnMut() -> Result<Duration, E>,
    mut subject: impl AsyncFnMut() -> Result<Duration, E>,
) -> Result<Comparison, E> {
    let mut run = 1;
    loop {
        let mut references = vec![reference().await?];
        let mut subjects = Vec::new();
        for _ in 0..rounds.max(1) {
            subjects.push(subject().await?);
            references.push(reference().await?);
        }
        let noisy = !steady(&references);
        if !noisy || run == RUNS {
            return Ok(Comparison { subject: median(subjects), reference: median(references), noisy });
        }
        run += 1;
    }
}

fn steady(values: &[Duration]) -> bool {
    let least = values.iter().min().copied().unwrap_or_default();
    let most = values.iter().max().copied().unwrap_or_default();
    most <= least.mul_f64(STEADY)
}

fn median(values: Vec<Duration>) -> Duration {
    crate::load::nearest_rank(values, 0.5)
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, convert::Infallible};

    use super::*;

    /// Gives the values in turn, the last one for ever.
    fn in_turn(values: &'static [u64], asked: &Cell<usize>) -> impl AsyncFnMut() -> Result<Duration, Infallible> {
        async || {
            let value = values[asked.get().min(values.len() - 1)];
            asked.set(asked.get() + 1);
            Ok(Duration::from_millis(value))
        }
    }

    #[tokio::test]
    async fn a_steady_reference_gives_a_ratio_after_one_run() {
        let (references, subjects) = (Cell::new(0), Cell::new(0));

        let result = compare(2, in_turn(&[2, 3, 2], &references), in_turn(&[4], &subjects)).await.unwrap();

        assert_eq!((result.ratio(), result.noisy), (2.0, false));
        assert_eq!((references.get(), subjects.get()), (3, 2));
    }

    #[tokio::test]
    async fn an_unsteady_run_is_repeated_and_the_repetition_counts() {
        let (references, subjects) = (Cell::new(0), Cell::new(0));

        let result = compare(1, in_turn(&[1, 9, 4], &references), in_turn(&[99, 8], &subjects)).await.unwrap();

        assert_eq!((result.ratio(), result.noisy), (2.0, false));
    }

    #[tokio::test]
    async fn a_reference_that_never_stays_still_is_noisy_after_three_runs() {
        let (references, subjects) = (Cell::new(0), Cell::new(0));

        let result = compare(1, in_turn(&[1, 9, 1, 9, 1, 9], &references), in_turn(&[1], &subjects)).await.unwrap();

        assert!(result.noisy);
        assert_eq!(references.get(), 6);
    }
}
