//! The hottest leads of a site, exactly.
//!
//! The store's index orders leads by a *bound*: the highest score until a lead is looked at again. Scores cool under it at
//! different speeds, so the order of the index is only nearly right. Leads are evaluated in the order of the index, and
//! that ends as soon as the next bound is below the last score wanted: nothing further down can be among the hottest.

use std::cmp::Reverse;

use engine::{Evaluation, Millis, Points};
use store::{HeatCursor, HeatEntry, LeadKey};

use crate::app::App;
use crate::log_record::KeptLead;
use crate::problem::Problem;
use crate::site::Site;

/// The most leads that one question evaluates. Reached only with a filter that few leads pass.
pub const MOST_EVALUATED: usize = 2_000;
/// Index entries read at once.
const AT_ONCE: usize = 128;

/// Which leads are asked for. Nothing set: all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only leads in the stage of this name.
    pub stage: Option<String>,
    /// Only leads with this label.
    pub label: Option<String>,
}

impl Filter {
    /// Whether a lead is asked for.
    #[must_use]
    pub fn admits(&self, evaluation: &Evaluation) -> bool {
        self.stage.as_ref().is_none_or(|stage| evaluation.stage_name == *stage)
            && self.label.as_ref().is_none_or(|label| evaluation.has_label(label))
    }

    /// Whether every lead is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Why looking ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Every lead with points was looked at.
    Everything,
    /// No other lead can be warmer than those found.
    Enough,
    /// [`MOST_EVALUATED`] leads were looked at; others may pass the filter too.
    TooMany,
}

/// A lead in the list.
#[derive(Debug, Clone)]
pub struct HotLead {
    /// Who.
    pub key: LeadKey,
    /// What the ledger means now.
    pub evaluation: Evaluation,
}

/// The hottest leads.
#[derive(Debug)]
pub struct Heat {
    /// By falling score; among equals the one seen last comes first.
    pub leads: Vec<HotLead>,
    /// Leads that were looked at, by the place of their stage, filtered out or not.
    pub stages: Vec<usize>,
    /// Why looking ended.
    pub end: End,
}

impl Heat {
    /// How many leads were looked at.
    #[must_use]
    pub fn looked_at(&self) -> usize {
        self.stages.iter().sum()
    }
}

/// The `limit` hottest leads of a site that pass a filter, at `now`.
///
/// # Errors
/// [`Problem::StoreUnavailable`]. A lead that does not read is logged and left out.
pub async fn hottest(app: &App, site: &Site, filter: &Filter, limit: usize, now: Millis) -> Result<Heat, Problem> {
    let model = site.model();
    let mut found: Vec<HotLead> = Vec::new();
    let mut stages = vec![0; model.stages.iter().len()];
    let mut after: Option<HeatCursor> = None;
    let mut looked_at = 0;
    let end = loop {
        let want = AT_ONCE.min(MOST_EVALUATED - looked_at);
        if want == 0 {
            break End::TooMany;
        }
        let entries = app.store.top(&site.name, after, want).await.map_err(Problem::StoreUnavailable)?;
        let more = entries.len() == want;
        after = entries.last().map(HeatEntry::cursor);
        looked_at += entries.len();

        let kept = load(app, entries.into_iter().map(|entry| entry.key).collect()).await?;
        let model = model.clone();
        // A long ledger takes a millisecond and more: not on a thread that others wait for.
        let evaluated = tokio::task::spawn_blocking(move || {
            let evaluate = |(key, kept): (LeadKey, KeptLead)| HotLead {
                key,
                evaluation: engine::evaluate(&kept.lead, &model, now),
            };
            kept.into_iter().map(evaluate).collect::<Vec<_>>()
        });
        for lead in evaluated.await.map_err(|error| Problem::Internal(error.to_string()))? {
            if let Some(count) = stages.get_mut(lead.evaluation.stage.0) {
                *count += 1;
            }
            if filter.admits(&lead.evaluation) {
                found.push(lead);
            }
        }
        found
            .sort_by_key(|lead| (Reverse(lead.evaluation.score), Reverse(lead.evaluation.last_seen), lead.key.visitor));
        found.truncate(limit);
        if !more {
            break End::Everything;
        }
        let last_wanted = limit.checked_sub(1).and_then(|last| found.get(last)).map(|lead| lead.evaluation.score);
        let next_bound = after.map(|cursor| Points(cursor.bound.micro_points()));
        if limit == 0 || last_wanted > next_bound {
            break End::Enough;
        }
    };
    Ok(Heat { leads: found, stages, end })
}

/// Leads as this collector knows them: what the store has, and what is on its way there. Erased ones are left out.
async fn load(app: &App, mut keys: Vec<LeadKey>) -> Result<Vec<(LeadKey, KeptLead)>, Problem> {
    keys.retain(|key| !app.erased.contains(key));
    let tails: Vec<_> = keys.iter().map(|key| app.tail.of(key)).collect();
    let stored = app.store.load(&keys).await.map_err(Problem::StoreUnavailable)?;
    let mut leads = Vec::with_capacity(keys.len());
    for ((key, tail), stored) in keys.into_iter().zip(tails).zip(stored) {
        let Some(stored) = stored else { continue };
        match KeptLead::with_tail(Some(&stored), tail, &app.config.ledger) {
            // Merged into another since the index was read: that one is in it.
            Ok(kept) if kept.fence.is_some() => {}
            Ok(kept) => leads.push((key, kept)),
            Err(error) => tracing::error!(%key, %error, "a lead cannot be read; the list leaves it out"),
        }
    }
    Ok(leads)
}
