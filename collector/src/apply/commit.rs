//! Commits, and what is remembered of them.

use std::time::Instant;

use store::{Change, Committed, StoreError};

use crate::app::App;
use crate::message::COUPON_LEAKED;
use crate::metric::Metric;

/// Commits changes, one answer each. What was committed is remembered; what was not, and what nobody knows of, is forgotten.
///
/// # Errors
/// When the store is away: then some of it may have been committed.
pub(super) async fn commit(app: &App, changes: &[Change]) -> Result<Vec<Committed>, StoreError> {
    let began = Instant::now();
    let committed = app.store.commit(changes).await;
    let Ok(answers) = &committed else {
        changes.iter().for_each(|change| app.leads.forget(&change.key));
        return committed;
    };
    for (change, answer) in changes.iter().zip(answers) {
        let Committed::Applied(version) = answer else {
            app.leads.forget(&change.key);
            continue;
        };
        app.leads.committed(change, *version, began);
        Metric::OutboxMessage.add(change.outbox.len() as u64);
        let leaks = change.outbox.iter().filter(|message| message.kind == COUPON_LEAKED).count();
        if leaks > 0 {
            Metric::CouponRedeemed.counts("leaked", leaks as u64);
        }
        // Whoever erased them just now may have had them forgotten before.
        if app.erased.contains(&change.key) {
            app.leads.forget(&change.key);
        }
    }
    committed
}
