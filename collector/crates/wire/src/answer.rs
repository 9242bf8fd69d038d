//! What the collector answers.

use serde::Serialize;
use utoipa::ToSchema;

use crate::fault::EventFault;

/// The answer to `POST /v1/events`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Answer {
    /// Version of the wire: 1.
    pub v: u8,
    /// One receipt an event, in order.
    pub receipts: Vec<Receipt>,
    /// The visitor's signed id, when the page must keep it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Fields and values that nobody reads.
    #[serde(skip_serializing_if = "is_zero")]
    pub ignored: u32,
    /// The decision, when one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionAnswer>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field over by reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field over by reference")]
fn is_false(truth: &bool) -> bool {
    !truth
}

/// What became of one event at the door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Receipt {
    /// Durable on this collector's disk.
    Accepted {
        /// Paths of the texts that were cut.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        truncated: Vec<String>,
    },
    /// Not taken.
    Rejected {
        /// Stable code.
        code: &'static str,
        /// What was found, what is allowed, where.
        detail: String,
        /// Whether the same event may be sent again later.
        retry: bool,
    },
}

impl From<&EventFault> for Receipt {
    fn from(fault: &EventFault) -> Self {
        Self::Rejected { code: fault.code.as_str(), detail: fault.detail.clone(), retry: false }
    }
}

/// The answer to `POST /v1/server/events`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ServerAnswer {
    /// Version of the wire: 1.
    pub v: u8,
    /// One receipt an event, in order.
    pub receipts: Vec<ServerReceipt>,
    /// Fields and values that nobody reads.
    #[serde(skip_serializing_if = "is_zero")]
    pub ignored: u32,
}

/// What became of one event of a server: a `Receipt`, and the visitor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ServerReceipt {
    /// As of a page's event.
    #[serde(flatten)]
    pub receipt: Receipt,
    /// The visitor that an accepted event is about, as `GET /v1/visitors/{id}` takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visitor: Option<String>,
}

/// The answer to `POST /v1/decide`, and the `decision` of an [`Answer`].
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DecisionAnswer {
    /// Version of the wire: 1.
    pub v: u8,
    /// The decision's id, to be named by `offer_shown` and its kin.
    pub decision: String,
    /// What to show, at most one a slot. Empty is an ordinary answer.
    pub offers: Vec<OfferAnswer>,
    /// Why nothing is offered whatever the model says: who asks may be no person (`bot`, `prerender`), or the store is away
    /// (`unavailable`). Or that more would be offered if a pool had a code left (`pool_empty`), or a budget something
    /// (`budget_spent`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// The outcome of a claim, when one was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed: Option<Claimed>,
    /// Offers that were considered and not shown; only where the site allows the page to ask.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub considered: Vec<Considered>,
    /// Score and stage; only where the site allows the page to see them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead: Option<LeadView>,
    /// The visitor's signed id, when the page must keep it. Only in the answer of `/v1/decide`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// One offer to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OfferAnswer {
    /// The offer's id in the model.
    pub id: String,
    /// Where it goes: `popup`, `bar`, `slide-in`, or the name of an inline slot.
    pub slot: String,
    /// Which variant: `default` where there is only one, `holdout` for a visitor who is shown nothing.
    pub variant: String,
    /// Texts by name; plain text, never markup. Absent for a visitor who is held out: when the trigger fires the page shows
    /// nothing and reports `offer_shown` all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<std::collections::BTreeMap<String, String>>,
    /// When the page shows it.
    pub trigger: Trigger,
    /// Whether the price is this visitor's own by an automated decision, which `content.disclosure` then says: whoever shows
    /// an offer in another way has to show that too.
    #[serde(skip_serializing_if = "is_false")]
    pub price_personalised: bool,
    /// The event that counts as success.
    pub goal: Option<String>,
    /// The coupon code, where the offer reveals it at once.
    pub code: Option<String>,
    /// Why it shows.
    pub reasons: Vec<String>,
}

/// When the page shows an offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Trigger {
    /// At once.
    Now,
    /// After this many seconds on the page.
    Delay {
        /// Seconds, 1 to 600.
        seconds: u32,
    },
    /// When so much of what can be scrolled was scrolled.
    Scroll {
        /// 1 to 100; 100 is the end of the page.
        percent: u32,
    },
    /// When the page was looked at for so long without a pointer, a key or scrolling.
    Inactivity {
        /// Seconds, 1 to 600.
        seconds: u32,
    },
    /// When the visitor is about to leave.
    Exit,
    /// When something of the page is clicked.
    Click {
        /// Of CSS, at most 200 bytes. A browser may find it wrong: then the offer is not shown.
        selector: String,
    },
    /// When an event of this name was told on this page.
    Event {
        /// GA4's name, or one of the shop's own.
        event: String,
    },
}

/// The outcome of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Claimed {
    /// The offer.
    pub id: String,
    /// Its code, when granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why not, when refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// From when on that is no reason any more, ms since 1970, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

/// An offer that was weighed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Considered {
    /// The offer.
    pub id: String,
    /// Whether it is among the offers shown.
    pub shown: bool,
    /// Stable reason code.
    pub reason: String,
    /// The condition that decided, in words.
    pub detail: String,
    /// From when on it is no reason any more if nothing happens until then, ms since 1970, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

/// What a page may see of a lead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LeadView {
    /// Points as decimal text, rounded towards the lower stage.
    pub score: String,
    /// Name of the stage.
    pub stage: String,
}

/// The answer to `POST /v1/server/links`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LinkAnswer {
    /// Version of the wire: 1.
    pub v: u8,
    /// What the parameter `gloed_link` holds.
    pub token: String,
    /// The address with the token in it, when one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Until when it is good, ms since 1970.
    pub expires: i64,
    /// Fields that nobody reads.
    #[serde(skip_serializing_if = "is_zero")]
    pub ignored: u32,
}
