//! Medians and quantiles.

use std::time::Duration;

/// The middle value, the lower one of two; zero of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// Milliseconds that the share `quantile` of the values stayed within, by the nearest rank.
pub(crate) fn milliseconds(values: &[Duration], quantile: f64) -> f64 {
    ::tests::load::nearest_rank(values.to_vec(), quantile).as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_value_whatever_the_order() {
        assert_eq!(median(&[9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(&[4.0, 1.0]), 1.0);
        assert_eq!(median(&[]), 0.0);
    }
}
