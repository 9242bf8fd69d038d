//! From acknowledged to visible in the store, and how many events one commit takes with it: read from the collector's own
//! metrics, before and after.

use std::{collections::BTreeMap, time::Duration};

use ::tests::{Fault, environment::Environment};

use crate::{connections, environments::Populated, shop::Asks};

/// Events a second of the bench load.
const RATE: f64 = 2_000.0;

/// What the bench load showed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visibility {
    /// Milliseconds from a request's receipt until the store has its events, of 99 in 100 events: the upper edge of the bucket
    /// that they lie in, or in between where they lie evenly.
    pub(crate) p99: f64,
    /// Events a commit of a lead.
    pub(crate) merged: f64,
}

/// Sends the bench load for `duration`, one event a request.
///
/// # Errors
/// When the collector does not answer.
pub(crate) async fn measure(populated: &Populated, duration: Duration) -> Result<Visibility, Fault> {
    let environment = &populated.environment;
    let before = environment.metrics().await?;
    connections::open(&populated.target(Asks::Events(1)), RATE, duration).await?;
    environment.applied().await?;
    let after = environment.metrics().await?;
    let grown = |name: &str| after.get(name).unwrap_or(&0.0) - before.get(name).unwrap_or(&0.0);
    let events = grown("gloed_visible_seconds_count");
    Ok(Visibility {
        p99: quantile(&buckets(&before, &after), 0.99) * 1e3,
        merged: events / grown("gloed_leads_committed_total").max(1.0),
    })
}

/// Events a commit since the collector started.
///
/// # Errors
/// When the collector does not answer.
pub(crate) async fn merged_so_far(environment: &Environment) -> Result<f64, Fault> {
    let metrics = environment.metrics().await?;
    let of = |name: &str| metrics.get(name).copied().unwrap_or_default();
    Ok(of("gloed_visible_seconds_count") / of("gloed_leads_committed_total").max(1.0))
}

/// Upper edges in seconds, ascending, each with how many more values there are up to it than before.
fn buckets(before: &BTreeMap<String, f64>, after: &BTreeMap<String, f64>) -> Vec<(f64, f64)> {
    let edge = |name: &str| {
        let edge = name.strip_prefix("gloed_visible_seconds_bucket{le=\"")?.strip_suffix("\"}")?;
        edge.parse::<f64>().ok().filter(|edge| edge.is_finite())
    };
    let grown = |(name, count): (&String, &f64)| Some((edge(name)?, count - before.get(name).unwrap_or(&0.0)));
    let mut buckets: Vec<(f64, f64)> = after.iter().filter_map(grown).collect();
    buckets.sort_by(|left, right| left.0.total_cmp(&right.0));
    buckets
}

fn quantile(buckets: &[(f64, f64)], quantile: f64) -> f64 {
    let all = buckets.last().map_or(0.0, |(_, count)| *count);
    let wanted = all * quantile;
    let mut below = (0.0, 0.0);
    for &(edge, count) in buckets {
        if count >= wanted && count > below.1 {
            return below.0 + (edge - below.0) * (wanted - below.1) / (count - below.1);
        }
        below = (edge, count);
    }
    below.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_lies_in_its_bucket_as_far_as_its_rank() {
        let buckets = [(0.1, 90.0), (0.2, 100.0), (0.5, 100.0)];

        assert!((quantile(&buckets, 0.95) - 0.15).abs() < 1e-9);
        assert!((quantile(&buckets, 0.45) - 0.05).abs() < 1e-9);
        assert_eq!(quantile(&[], 0.99), 0.0);
    }
}
