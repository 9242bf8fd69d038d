//! How often one network may ask. Fixed memory: a flood of addresses fills no table, at worst it shares slots.

use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use crate::client_address::truncated;

/// Slots. Two networks that share one also share its allowance.
const SLOTS: usize = 1 << 16;

/// A table of allowances, one a slot.
pub struct RateLimits {
    slots: Vec<DefaultDirectRateLimiter>,
    clock: DefaultClock,
    // Keyed per process: nobody outside can choose whose slot to fill.
    hasher: std::hash::RandomState,
}

impl RateLimits {
    /// So many a second, so many at once; 0 counts as 1.
    #[must_use]
    pub fn new(per_second: u32, burst: u32) -> Self {
        let at_least_one = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst));
        // One clock for all: making one asks the processor, which on a virtual machine takes so long that 65,536 of them
        // would hold up the start by more than a second.
        let clock = DefaultClock::default();
        let slots =
            std::iter::repeat_with(|| RateLimiter::direct_with_clock(quota, clock.clone())).take(SLOTS).collect();
        Self { slots, clock, hasher: std::hash::RandomState::new() }
    }

    /// Takes one request of this network for this site.
    ///
    /// # Errors
    /// Seconds until the next one is allowed, at least 1.
    pub fn take(&self, site: &str, address: IpAddr) -> Result<(), u32> {
        use std::hash::BuildHasher as _;
        let hash = self.hasher.hash_one((site, truncated(address)));
        // The table's length is a power of two: the low bits choose.
        let slot = usize::try_from(hash & (SLOTS as u64 - 1)).unwrap_or_default();
        match self.slots[slot].check() {
            Ok(()) => Ok(()),
            Err(refused) => {
                let wait = refused.wait_time_from(self.clock.now()).as_secs_f64().ceil();
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 1 to 3600")]
                Err(wait.clamp(1.0, 3600.0) as u32)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_refused_after_its_burst_and_told_when_to_come_back() {
        let limits = RateLimits::new(1, 3);
        let address = |text: &str| text.parse().unwrap();
        for last in ["1", "2", "3"] {
            assert_eq!(limits.take("shop", address(&format!("198.51.100.{last}"))), Ok(()));
        }
        assert_eq!(limits.take("shop", address("198.51.100.4")), Err(1), "the same /24");
        assert_eq!(limits.take("shop", address("203.0.113.4")), Ok(()), "another network");
    }
}
