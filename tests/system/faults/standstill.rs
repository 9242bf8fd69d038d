//! For how long applying stands still.

use std::time::{Duration, Instant};

use tests::environment::Environment;

/// How often it is looked.
const EVERY: Duration = Duration::from_millis(50);
/// Under load a batch is applied every few milliseconds: what takes longer than so is a standstill.
const STANDSTILL: Duration = Duration::from_secs(1);

/// When a batch had been applied since the look before.
#[derive(Debug, Default)]
pub(super) struct Progress {
    seen: Vec<Instant>,
}

impl Progress {
    /// Looks until it is dropped.
    pub(super) async fn watch(&mut self, environment: &Environment) {
        let mut looks = tokio::time::interval(EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut last = 0.0;
        loop {
            looks.tick().await;
            // A batch in which one lead could not be committed counts none of them.
            let applied = environment.metric("gloed_leads_committed_total").await.unwrap();
            if applied > last {
                self.seen.push(Instant::now());
            }
            last = applied;
        }
    }

    /// How long after `begin` the last standstill ended that there was until `end`; zero when there was none.
    pub(super) fn resumed(&self, begin: Instant, end: Instant) -> Duration {
        let within = self.seen.iter().copied().filter(|at| (begin..end).contains(at));
        let times: Vec<Instant> = [begin].into_iter().chain(within).chain([end]).collect();
        let last = times.windows(2).rev().find(|pair| pair[1] - pair[0] > STANDSTILL);
        last.map_or(Duration::ZERO, |pair| pair[1] - begin)
    }
}
