//! Why an offer is not shown.

use crate::model::Offer;
use crate::reason::Reason;
use crate::time::Millis;
use crate::touch::OfferId;

/// Why an offer is not shown, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) reason: Reason,
    /// The particulars; empty where nobody asks for them.
    pub(super) detail: String,
    /// From when on this is no reason any more if nothing happens until then; `None`: time alone does not change it, or
    /// nobody knows when it does.
    pub(super) until: Option<Millis>,
}

impl Refusal {
    /// For good, or until something happens.
    pub(super) fn of(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), until: None }
    }

    /// Until an instant.
    pub(super) fn until(reason: Reason, detail: impl Into<String>, until: Millis) -> Self {
        Self { reason, detail: detail.into(), until: Some(until) }
    }

    /// The one that lasts longest.
    pub(super) fn longest(refusals: impl IntoIterator<Item = Option<Self>>) -> Option<Self> {
        // What has no end lasts longer than anything that has one.
        refusals.into_iter().flatten().max_by_key(|refusal| refusal.until.unwrap_or(Millis::MAX))
    }
}

/// An offer that the ledger, the model and the moment would allow, and for which there is nothing left, or may be nothing:
/// what only the store knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// The offer.
    pub offer: OfferId,
    /// Why.
    pub reason: Reason,
    /// The particulars, such as which budget.
    pub detail: String,
    /// From when on there is some again; `None`: nobody knows.
    pub until: Option<Millis>,
}

impl Withheld {
    pub(super) fn refusal(withheld: &[Self], offer: &Offer) -> Option<Refusal> {
        let found = withheld.iter().find(|withheld| withheld.offer == offer.id)?;
        Some(Refusal { reason: found.reason, detail: found.detail.clone(), until: found.until })
    }
}
