//! A funnel: how many leads came to each of some steps, one after the other.

use engine::{Funnel, Lead, Millis, Model};
use serde::{Deserialize, Serialize};

/// What a funnel found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunnelReport {
    /// Leads of the site.
    pub leads: u32,
    /// Leads that came to each step, and so to every step before it.
    pub reached: Vec<u32>,
}

/// A funnel under way: leads are added one by one.
pub struct FunnelStudy<'a> {
    funnel: &'a Funnel,
    model: &'a Model,
    from: Millis,
    now: Millis,
    report: FunnelReport,
}

impl<'a> FunnelStudy<'a> {
    /// A funnel over what happened within `[from, now]`. The model gives page tags and currency.
    #[must_use]
    pub fn new(funnel: &'a Funnel, model: &'a Model, from: Millis, now: Millis) -> Self {
        let report = FunnelReport { leads: 0, reached: vec![0; funnel.steps()] };
        Self { funnel, model, from, now, report }
    }

    /// Looks at one lead.
    pub fn add(&mut self, lead: &Lead) {
        self.report.leads += 1;
        let came = self.funnel.reached(lead, self.model, self.from, self.now);
        self.report.reached.iter_mut().take(came).for_each(|count| *count += 1);
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> FunnelReport {
        self.report
    }
}
