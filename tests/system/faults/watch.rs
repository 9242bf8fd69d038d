//! What a collector's memory and decisions do while something goes wrong.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::{environment::Environment, load::nearest_rank};

use super::page_of;

/// How often it is looked.
const EVERY: Duration = Duration::from_millis(50);

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// When, and how many bytes.
    memory: Vec<(Instant, u64)>,
    decisions: Vec<Duration>,
    unanswered: Vec<String>,
}

impl Watched {
    /// Looks until it is dropped; asks for decisions of visitors of this round of the load.
    pub(super) async fn watch(&mut self, environment: &Environment, round: u32, visitors: u32) {
        let mut looks = tokio::time::interval(EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for visitor in (0..visitors).cycle() {
            looks.tick().await;
            self.memory.extend(environment.collector.memory().map(|bytes| (Instant::now(), bytes)));
            let mut body = page_of(round, visitor).envelope("https://shop.example/", Vec::new());
            body.as_object_mut().unwrap().remove("events");
            body["decide"] = json!({});
            let begin = Instant::now();
            match environment.post("/v1/decide", &body).await {
                Ok(answer) if answer.status == 200 => self.decisions.push(begin.elapsed()),
                Ok(answer) => self.unanswered.push(format!("{} {}", answer.status, answer.text())),
                Err(fault) => self.unanswered.push(fault.to_string()),
            }
        }
    }

    /// MiB by which it grew at most from one of these instants until the next: what went wrong in between, and catching up.
    pub(super) fn grown(&self, begins: &[Instant]) -> f64 {
        let ends = begins.iter().skip(1).copied().map(Some).chain([None]);
        let grown = begins.iter().zip(ends).map(|(begin, end)| {
            let before = self.memory.iter().rev().find(|(at, _)| at < begin).map_or(0, |(_, bytes)| *bytes);
            let within = self.memory.iter().filter(|(at, _)| at >= begin && end.is_none_or(|end| *at < end));
            within.map(|(_, bytes)| bytes.saturating_sub(before)).max().unwrap_or_default()
        });
        grown.max().unwrap_or_default() as f64 / f64::from(1 << 20)
    }

    /// What so great a share of the decisions stayed within.
    pub(super) fn decided(&self, quantile: f64) -> Duration {
        nearest_rank(self.decisions.clone(), quantile)
    }

    /// Decisions that were answered, and what the others got.
    pub(super) fn answered(&self) -> (usize, &[String]) {
        (self.decisions.len(), &self.unanswered)
    }
}
