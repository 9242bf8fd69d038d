//! How many visitors may be new at a site. Each is a lead in the store and costs memory there, and a seed costs whoever makes
//! it up nothing. Visitors who come with a signed id of ours are not counted, so a flood of new ones keeps nobody out who was
//! there before it.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// An allowance for each site of the configuration; others have none and need none.
pub struct NewVisitors {
    sites: BTreeMap<String, DefaultDirectRateLimiter>,
    clock: DefaultClock,
}

impl NewVisitors {
    /// So many a second, so many at once; 0 counts as 1.
    pub fn new(sites: impl IntoIterator<Item = String>, per_second: u32, burst: u32) -> Self {
        let at_least_one = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst));
        let clock = DefaultClock::default();
        let limiter = |site| (site, RateLimiter::direct_with_clock(quota, clock.clone()));
        Self { sites: sites.into_iter().map(limiter).collect(), clock }
    }

    /// Takes one request of somebody who comes without a signed id.
    ///
    /// # Errors
    /// Seconds until the next one is allowed, at least 1.
    pub fn take(&self, site: &str) -> Result<(), u32> {
        let Some(limiter) = self.sites.get(site) else { return Ok(()) };
        limiter.check().map_err(|refused| {
            let wait = refused.wait_time_from(self.clock.now()).as_secs_f64().ceil();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 1 to 3600")]
            let seconds = wait.clamp(1.0, 3600.0) as u32;
            seconds
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_that_has_had_its_new_visitors_is_told_when_to_come_back_and_another_is_not() {
        let visitors = NewVisitors::new(["shop".to_owned(), "other".to_owned()], 1, 2);
        assert_eq!([visitors.take("shop"), visitors.take("shop"), visitors.take("shop")], [Ok(()), Ok(()), Err(1)]);
        assert_eq!(visitors.take("other"), Ok(()));
    }
}
