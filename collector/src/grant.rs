//! Money: a code is given once it is in the store, and no new one without it.
//!
//! ```text
//! a decision that gives a code ─► the lead as the store has it ─► decide again ─► log ─► committed ─► answer
//!                                           └─ away ─► without the code        └─ not in time ─► without the code
//! ```
//!
//! A code of a pool is leased before it goes into the log (`coupon`), and answered once the ledger in the store has it.
//!
//! An offer without a code is as good from what is remembered, so the shop goes on without the store. A code that was not
//! answered in time stands in the ledger all the same: whoever asks again gets that one.

use std::time::Duration;

use engine::decide::granted;
use engine::{Decision, Lead, OfferId, TouchId};
use store::LeadKey;

use crate::app::App;
use crate::person::{self, Person};

/// How long a decision waits for the store to say what it has; the page is to have its answer within 50 ms.
const READS_WITHIN: Duration = Duration::from_millis(40);
/// How long a code waits until it is in the store. Longer than applying takes when it is well; a page that reached an offer's
/// goal waits for its code.
const COMMITS_WITHIN: Duration = Duration::from_secs(1);

/// The reason why a code is not given now, and would be later.
pub(crate) const UNAVAILABLE: &str = "unavailable";

/// Whether a decision gives codes that the ledger does not hold yet. Who is held out is asked about like the others, so that
/// both are left out alike.
pub(crate) fn gives_new(decision: &Decision, lead: &Lead) -> bool {
    decision.offers.iter().any(|chosen| chosen.gives_code && is_new(lead, &chosen.offer))
}

/// Whether a code of an offer would be a new one.
pub(crate) fn is_new(lead: &Lead, offer: &OfferId) -> bool {
    granted(lead, offer).is_none()
}

/// Takes offers that would give a new code out of a decision: their places stay empty.
pub(crate) fn withhold_new(decision: &mut Decision, lead: &Lead) {
    decision.offers.retain(|chosen| !chosen.gives_code || !is_new(lead, &chosen.offer));
}

/// A person as the store has them now, with whatever other collectors gave them; `None` where it does not answer in time.
pub(crate) async fn read_again(app: &App, key: &LeadKey) -> Option<Person> {
    match tokio::time::timeout(READS_WITHIN, person::known(app, key)).await {
        Ok(Ok(person)) => Some(person),
        Ok(Err(problem)) => {
            tracing::warn!(code = problem.code(), "no new code is given: the store does not answer");
            None
        }
        Err(_) => {
            tracing::warn!("no new code is given: the store does not answer in time");
            None
        }
    }
}

/// Whether a visitor's codes of these offers are these, as the store has it: applying may have found one with somebody else.
pub(crate) async fn holds(app: &App, key: &LeadKey, codes: &[(OfferId, String)]) -> bool {
    if codes.is_empty() {
        return true;
    }
    let Some(person) = read_again(app, key).await else { return false };
    let has =
        |offer, code: &str| granted(&person.kept.lead, offer).is_some_and(|grant| grant.code.known() == Some(code));
    codes.iter().all(|(offer, code)| has(offer, code))
}

/// Waits until touches of the tail are in the store; whether they are, in time.
pub(crate) async fn committed(app: &App, key: &LeadKey, touches: &[TouchId]) -> bool {
    let waiting = async {
        loop {
            let mut applied = std::pin::pin!(app.applied.notified());
            // Before the look: what is applied in between rings.
            applied.as_mut().enable();
            let tail = app.tail.of(key);
            if !tail.iter().any(|touch| touches.contains(&touch.id)) {
                break;
            }
            applied.await;
        }
    };
    tokio::time::timeout(COMMITS_WITHIN, waiting).await.is_ok()
}
