//! Where every event is: received = recorded + duplicate + conflict + stale + quarantined + over limit + put aside + erased
//! + rejected + queued.

use std::collections::BTreeMap;

use tests::{
    bar::{Bar, Verdict},
    environment::Environment,
};

/// The accounts of a collector that was not started anew in between.
#[derive(Debug)]
pub(super) struct Accounts {
    /// Events that got a receipt, by its code.
    receipts: BTreeMap<String, f64>,
    /// What became of those that were accepted. Without what was applied again: it was counted when it was applied first.
    outcomes: BTreeMap<String, f64>,
    /// Accepted, and not in the store yet.
    queued: f64,
}

impl Accounts {
    pub(super) async fn read(environment: &Environment) -> Self {
        let metrics = environment.metrics().await.unwrap();
        let labelled = |name: &str| {
            let value = |metric: &str| Some(metric.strip_prefix(name)?.split('"').nth(1)?.to_owned());
            metrics.iter().filter_map(|(metric, count)| Some((value(metric)?, *count))).collect::<BTreeMap<_, _>>()
        };
        let mut outcomes = labelled("gloed_event_outcomes_total{");
        outcomes.remove("reapplied");
        let queued = metrics.get("gloed_unapplied_events").copied().unwrap_or_default();
        Self { receipts: labelled("gloed_event_receipts_total{"), outcomes, queued }
    }

    /// Events that are nowhere, or in two places, of `sent` ones.
    fn difference(&self, sent: usize) -> f64 {
        let received: f64 = self.receipts.values().sum();
        (received - sent as f64).abs() + (self.waiting() - self.queued).abs()
    }

    /// Events that were accepted and have not ended.
    pub(super) fn waiting(&self) -> f64 {
        let accepted = self.receipts.get("accepted").copied().unwrap_or_default();
        accepted - self.outcomes.values().sum::<f64>()
    }

    /// How many ended so.
    fn ended(&self, outcome: &str) -> f64 {
        self.outcomes.get(outcome).copied().unwrap_or_default()
    }
}

/// Reads the accounts when everything is applied: of `sent` events, each once, each is accounted for, and recorded once, also
/// where the commit was made and its reply was lost.
pub(super) async fn balances(name: &str, environment: &Environment, sent: usize) {
    environment.applied().await.unwrap();
    let accounts = Accounts::read(environment).await;
    let bar = Bar::at_most(&format!("{name}_accounting_difference"), accounts.difference(sent), "events", 0.0);
    assert_eq!(bar.print(), Verdict::Ok, "{sent} sent: {accounts:?}");
    assert_eq!(accounts.ended("recorded"), sent as f64, "each was sent once: {accounts:?}");
}
