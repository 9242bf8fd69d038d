//! What travels between a page and the collector. The contract is `WIRE.md` in this crate's folder.
//!
//! With the feature `parse` (the collector) bodies are read: [`Envelope::parse`] turns bytes into an envelope whose
//! events are each either an [`Event`] or the [`EventFault`] that rejects it; [`ServerEnvelope::parse`] does the same for
//! the shop's server, [`MergeRequest::parse`] and [`LinkRequest::parse`] for what it says of who is who. Without it (the
//! page) there are only the limits and the names, so that the page's WASM carries no JSON parser.
#![cfg_attr(not(feature = "parse"), no_std)]

pub mod limits;
pub mod names;

#[cfg(feature = "parse")]
mod answer;
#[cfg(feature = "parse")]
mod coupon;
#[cfg(feature = "parse")]
mod envelope;
#[cfg(feature = "parse")]
mod event;
#[cfg(feature = "parse")]
mod explain;
#[cfg(feature = "parse")]
mod fault;
#[cfg(feature = "parse")]
mod fields;
#[cfg(feature = "parse")]
pub mod schema;
#[cfg(feature = "parse")]
mod server;
#[cfg(feature = "parse")]
mod tree;
#[cfg(feature = "parse")]
mod who;

#[cfg(feature = "parse")]
pub use answer::{
    Answer, Claimed, Considered, DecisionAnswer, LeadView, LinkAnswer, OfferAnswer, Receipt, ServerAnswer,
    ServerReceipt, Trigger,
};
#[cfg(feature = "parse")]
pub use coupon::{CouponAnswer, RedeemRequest, Redeemed, VerifyRequest};
#[cfg(feature = "parse")]
pub use envelope::{Ask, Consent, ConsentState, Envelope, Page, Seed, SiteKey, Sketch, Stream};
#[cfg(feature = "parse")]
pub use event::{Event, Item, Scalar};
#[cfg(feature = "parse")]
pub use explain::{ChangeAnswer, ExplainAnswer, ExplainRequest, ExplainedOffer, NotChangeable, RangeAnswer};
#[cfg(feature = "parse")]
pub use fault::{EnvelopeFault, EventCode, EventFault};
#[cfg(feature = "parse")]
pub use server::{Person, ServerEnvelope, ServerEvent, Whom};
#[cfg(feature = "parse")]
pub use who::{LinkRequest, MergeRequest};
