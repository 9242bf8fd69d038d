//! Two visitors are one person: the record that says so, on its way to the disk.

use std::sync::Arc;

use store::LeadKey;
use store::log::Appending;

use crate::app::App;
use crate::log_record::{LogRecord, MergeGround, MergeRecord};
use crate::merges::Pending;
use crate::problem::Problem;

/// A merge that the log has taken and that is on its way to the disk.
pub(super) struct Merging {
    pending: Arc<Pending>,
    appending: Appending,
}

impl Merging {
    /// Hands a merge to the log. Decisions see it from now on. Who was erased is not merged: `None`.
    pub(super) fn begin(
        app: &App,
        from: &LeadKey,
        into: &LeadKey,
        ground: MergeGround,
    ) -> Result<Option<Self>, Problem> {
        let record = MergeRecord::new(from.visitor, into, ground, app.clock.now());
        let payload = LogRecord::Merge(record).encode().map_err(|error| Problem::Internal(error.to_string()))?;
        let pending = app.merges.begin(from, into, ground == MergeGround::Person);
        // After it is known as on its way: an erasure sees it there, or it sees the erasure here.
        if app.erased.contains(from) || app.erased.contains(into) {
            app.merges.refused(&pending);
            return Ok(None);
        }
        Ok(Some(Self { pending, appending: app.log.append(payload) }))
    }

    /// Waits until it is on the disk.
    pub(super) async fn durable(self, app: &App) -> Result<(), Problem> {
        let appended = self.appending.await;
        if appended.is_err() {
            app.merges.refused(&self.pending);
        }
        appended.map(|_| ()).map_err(Problem::from)
    }
}

/// Merges the lead of one visitor into another's: durable when this returns, and seen by every decision of this collector.
/// Says whether it was begun; who was erased is not merged.
///
/// # Errors
/// [`Problem::LogUnavailable`]: nothing has changed.
pub async fn merge(app: &App, from: &LeadKey, into: &LeadKey, ground: MergeGround) -> Result<bool, Problem> {
    match Merging::begin(app, from, into, ground)? {
        None => Ok(false),
        Some(merging) => merging.durable(app).await.map(|()| true),
    }
}
