//! How often a password may be tried. Fixed memory: networks that share a slot share its allowance.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use engine::{Millis, Span};

use crate::client_address::truncated;

/// Wrong passwords that one network may give within [`PERIOD`].
const MOST: u32 = 10;
/// After this the count begins anew.
const PERIOD: Span = Span::minutes(5);
const SLOTS: usize = 1024;

/// Attempts by network.
pub(super) struct Attempts {
    slots: Mutex<Vec<Slot>>,
    // Keyed per process: nobody outside can choose whom to lock out.
    hasher: RandomState,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    count: u32,
    began: Millis,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { slots: Mutex::new(vec![Slot::default(); SLOTS]), hasher: RandomState::new() }
    }
}

impl Attempts {
    /// Takes one attempt of this network, before the password is looked at: so that many at once cannot slip through.
    ///
    /// # Errors
    /// Seconds until the next one is allowed, at least 1.
    pub(super) fn take(&self, address: IpAddr, now: Millis) -> Result<(), u32> {
        self.with(address, |slot| {
            if now.since(slot.began) >= PERIOD {
                *slot = Slot { count: 0, began: now };
            }
            if slot.count >= MOST {
                let wait = slot.began.plus(PERIOD).since(now).0;
                return Err(u32::try_from(wait.div_euclid(1000) + 1).unwrap_or(u32::MAX));
            }
            slot.count += 1;
            Ok(())
        })
    }

    /// The password was right: earlier mistakes of this network are forgotten.
    pub(super) fn forgive(&self, address: IpAddr) {
        self.with(address, |slot| *slot = Slot::default());
    }

    fn with<T>(&self, address: IpAddr, change: impl FnOnce(&mut Slot) -> T) -> T {
        let hash = self.hasher.hash_one(truncated(address));
        let slot = usize::try_from(hash % SLOTS as u64).unwrap_or_default();
        change(&mut self.slots.lock().unwrap_or_else(PoisonError::into_inner)[slot])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_ten_wrong_passwords_a_network_waits_five_minutes() {
        // given a network that tried ten times
        let attempts = Attempts::default();
        let address = |text: &str| text.parse().unwrap();
        let (start, here) = (Millis(1_790_000_000_000), address("198.51.100.7"));
        assert!((0..MOST).all(|_| attempts.take(here, start).is_ok()));
        // when it tries again, from another address of the network, then it is told how long to wait
        assert_eq!(attempts.take(address("198.51.100.8"), start + Span::minutes(1)), Err(241));
        // and after that it may
        assert_eq!(attempts.take(here, start + Span::minutes(5)), Ok(()));
    }

    #[test]
    fn the_right_password_forgives_the_wrong_ones() {
        let attempts = Attempts::default();
        let here = "198.51.100.7".parse().unwrap();
        for _ in 0..100 {
            assert_eq!(attempts.take(here, Millis(0)), Ok(()));
            attempts.forgive(here);
        }
    }
}
