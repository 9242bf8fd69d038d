//! Collectors that change the same lead at the same time.

use std::time::Duration;

/// Rounds in which whoever lost against another writer begins again at once.
const AT_ONCE_AGAIN: u32 = 3;
/// The longest that it then waits: 2⁶ ms.
const LONGEST_WAIT: u32 = 6;

/// Waits a while, by chance, so that collectors that change the same lead do not do it in step for ever. Every round
/// somebody's change goes through, so nobody waits for long.
pub(super) async fn give_way(round: u32) {
    let Some(over) = round.checked_sub(AT_ONCE_AGAIN) else { return };
    let mut byte = [128];
    // Without randomness the middle does.
    getrandom::fill(&mut byte).unwrap_or_default();
    let longest = 1_u64 << over.min(LONGEST_WAIT);
    tokio::time::sleep(Duration::from_micros(longest * 1_000 * u64::from(byte[0]) / 256)).await;
}
