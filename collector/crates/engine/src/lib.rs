//! Gloed's engine: what a visitor's touches mean, and what to do about it.
//!
//! # The one idea
//!
//! **A lead is a bounded ledger of touches. Everything else is a pure function of (ledger, model, now).** Score, stage,
//! explanation, labels, forecast, offers: all are computed, none is stored.
//!
//! | step | function | from | to |
//! | --- | --- | --- | --- |
//! | record | [`record()`] | a touch, a [`Lead`] | the joined lead, and what became of the touch |
//! | merge | [`merge()`] | the lead of the same person under another id | one lead |
//! | compact | [`compact()`] | a lead, [`LedgerLimits`], the site's zone, now | the same, what is old [folded](fold) into counts |
//! | evaluate | [`evaluate()`] | lead, [`Model`], now | an [`Evaluation`]: lines that sum to the score, stage, labels, cart, what is held |
//! | forecast | [`next_change()`], [`next_notice()`], [`bound()`] | the same | when the stage, or a state that is told of, changes without any event; the highest score until then; [`Outlook`]: all of it and the evaluation from one replay |
//! | tell why not | [`rule_story()`], [`missing()`], [`transitions()`] | lead, model, now | what a rule made of each touch; what a stage takes; how the stage changed |
//! | decide | [`decide()`], [`claim()`] | lead, evaluation, model, [`Moment`], now | offers with their reasons; codes |
//! | explain | [`decide::explain()`] | lead, model, [`Moment`], now | of each offer the fewest changes that would show it |
//!
//! # What is not here
//!
//! Each of these is an absence that something above depends on:
//!
//! - **No clock, no randomness, no environment.** `now` and ids are arguments, so a backtest is the same function over the
//!   same ledger, and a test needs no sleep.
//! - **No floats, and no map whose order is by chance.** Points are micro-points, money is minor units, decay is a table of
//!   integers; the collector and the page (WebAssembly) compute the same bits.
//! - **No total beside the lines.** The score *is* their sum; limits are lines too.
//! - **No order of arrival.** [`record()`] is a join: any order and any repetition of the same touches gives the same bytes.
//! - **No nightly job.** Points change at listed instants; [`next_change()`] finds the one at which a stage changes.
//! - **No unknown in a model.** An unknown key, field, operator, slot or trigger is refused when the model is loaded, all
//!   errors at once, each with path and line.
//! - **No I/O, and no edge to `store` or `wire`.** The collector and the snippet translate what travels into touches.
//! - **No panic.** Bytes and models of any content end in a value or an error.
//!
//! # Where things are
//!
//! - [`touch`], [`lead`], [`mod@record`], [`digest`]: the ledger; [`mod@merge`], [`mod@compact`], [`fold`]: how it grows together
//!   and stays small, `staying` and `shedding`: what of it is never folded, and what goes; `lost` and [`unseen()`]: what a fold
//!   does not know, and which conditions ask it; `packed`: how it is written; [`format_1`], `format_2`: how it once was. [`text`], [`time`], [`points`], [`money`]: what it is made of.
//! - [`model`], [`tree`], [`condition`], [`presets`]: what a marketer writes, checked and compiled.
//! - `timeline`: which rules gave how many points when. Scores, the history of stages and forecasts are three questions to
//!   it, so they cannot disagree. `decay` is its table; `orders` says which tellings of a purchase count.
//! - `quarantine`: what no person did, and so does not count; [`held()`] lists it.
//! - [`mod@evaluate`], `explanation`, `facts`, [`sessions`], [`cart`]: the answer at an instant. [`forecast`]: the one without
//!   events. [`funnel`]: how far a lead came through steps.
//! - [`mod@decide`], [`reason`]: offers, and the closed list of reasons.
//!
//! # Example
//!
//! ```
//! use engine::{
//!     Currency, EventName, Lead, LedgerLimits, Millis, Model, SiteFacts, StreamId, Touch, TouchId, evaluate, next_change,
//!     preset, record,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let site = SiteFacts { currency: Currency::EUR, offsets: Vec::new() };
//! let model = Model::parse(preset("b2c").unwrap_or_default(), &site).map_err(|faults| format!("{faults:?}"))?;
//!
//! // Two touches of one visitor, a minute apart.
//! let mut lead = Lead::default();
//! let start = Millis(1_790_000_000_000);
//! for (number, name) in [(1, "add_to_cart"), (2, "begin_checkout")] {
//!     let time = Millis(start.0 + 60_000 * number);
//!     let id = TouchId::parse(&format!("q83vEjRWeJCrze8S:{number}"))?;
//!     let touch = Touch::new(id, EventName::parse(name)?, StreamId::parse("q83vEjRWeJCrze8S")?, time);
//!     record(&mut lead, touch, &LedgerLimits::default());
//! }
//!
//! let now = Millis(start.0 + 120_000);
//! let evaluation = evaluate(&lead, &model, now);
//! assert_eq!((evaluation.stage_name.as_str(), evaluation.score.shown().as_str()), ("warm", "40"));
//! assert_eq!(evaluation.lines.iter().map(|line| line.points_now).sum::<engine::Points>(), evaluation.score);
//!
//! // Left alone, the lead is cold again within a day.
//! let change = next_change(&lead, &model, now).ok_or("it cools")?;
//! assert_eq!(model.stages.name(change.to_stage), "cold");
//! # Ok(())
//! # }
//! ```

mod calendar;
pub mod cart;
pub mod compact;
pub mod condition;
mod contribution;
mod counts;
mod decay;
pub mod decide;
pub mod digest;
pub mod evaluate;
mod explanation;
pub mod fold;
pub mod forecast;
pub mod format_1;
mod format_2;
pub mod funnel;
mod gauge;
mod lazily;
pub mod lead;
mod lost;
pub mod merge;
pub mod model;
pub mod money;
mod orders;
mod packed;
pub mod points;
pub mod presets;
mod quarantine;
pub mod reason;
pub mod record;
pub mod sessions;
mod shedding;
mod slots;
mod state;
mod staying;
mod sums;
mod suspicion;
pub mod text;
pub mod time;
mod timeline;
pub mod touch;
pub mod tree;
mod unseen;
mod weight;
pub mod why_not;

pub use cart::{CartItem, cart_items};
pub use compact::{Before, Folded, compact, is_due};
pub use decide::{Chosen, Considered, Decision, Grant, Moment, Withheld, claim, decide};
pub use evaluate::{Cart, Cause, Evaluation, HeldLabel, Limit, Line, StageCause, evaluate, evaluate_for};
pub use fold::Fold;
pub use forecast::{Foreseen, NextChange, Outlook, bound, foresee_change, foresee_notice, next_change, next_notice};
pub use funnel::Funnel;
pub use lead::{FormatError, Lead};
pub use merge::merge;
pub use model::{
    CouponCode, CouponPrefix, HOLDOUT, Model, ModelError, OfferContent, PoolName, Reveal, RuleId, SignedCoupon,
    SiteFacts, Slot, StageIndex, Trigger,
};
pub use money::{Currency, Money};
pub use points::Points;
pub use presets::preset;
pub use quarantine::held;
pub use reason::Reason;
pub use record::{LedgerLimits, Recorded, record};
pub use text::{Text, TextError};
pub use time::{Millis, Span};
pub use touch::{
    Channel, DecisionId, Device, EventName, Item, OfferId, PageFacts, Properties, PropertyName, Scalar, SourceFacts,
    StreamId, Suspicion, Touch, TouchId, Trust,
};
pub use unseen::unseen;
pub use why_not::{Missing, RuleStory, Transition, WhyNot, missing, rule_story, transitions};
