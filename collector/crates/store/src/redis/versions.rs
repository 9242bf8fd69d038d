//! Versions of leads and documents.
//!
//! Drawn here and not by the server, which saves a command for each change: the time in microseconds and, below it, a number
//! of this process, or one above the version before, whichever is higher. So versions of one key grow whatever clocks do;
//! and a version that was given out, and lost with a server that kept nothing, does not come again for something else.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::Version;

/// Bits below the time.
const PROCESS_BITS: u32 = 12;

static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(()) >> (64 - PROCESS_BITS));

/// A version above this one.
pub(super) fn above(before: Version) -> Version {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    let drawn = u64::try_from(micros).unwrap_or_default() << PROCESS_BITS | *PROCESS;
    Version(drawn.max(before.0.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_grow_also_above_one_of_the_future() {
        let first = above(Version::ABSENT);
        assert!(first > Version::ABSENT);
        assert!(above(first) > first);
        let future = Version(u64::MAX / 2);
        assert_eq!(above(future), Version(future.0 + 1));
    }
}
