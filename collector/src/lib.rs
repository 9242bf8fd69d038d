//! Gloed's collector: the path of an event.
//!
//! ```text
//! accept:  http ─► validate ─► enrich ─► log (fdatasync) ─► answer
//!          bytes   ValidEvent  Touch     LogRecord          Receipt
//! apply:   log ─► record ─► bound ─► commit ─► out of the tail
//!                 Lead'     Change   Lead@v
//!          log ─► merge ─► fence, join, let go
//! decide:  Person + unapplied tail ─► evaluate ─► decide ─► reserve (log) ─► answer
//! ```
//!
//! 1. [`serve`] accepts a connection; [`router`] finds the handler: [`http::events`] for an event.
//! 2. The handler reads the body inside its limits ([`http::body`]) and hands the bytes to [`accept::admit`], which reads
//!    the envelope (crate `wire`), finds the [`site::Site`], checks origin, rate and consent, and finds out who the
//!    visitor is ([`identity`]). A refusal is a [`problem::Problem`] and costs no store command.
//! 3. [`accept::accept`] validates each event (times corrected, amounts in their currency), enriches it (place, channel,
//!    personal data masked) into a touch, adds the touches to the [`tail::Tail`], and appends one [`log_record::LogRecord`]
//!    to the log (crate `store`). When the append resolves, the bytes are on the disk and the receipts are answered.
//! 4. [`apply`], on a thread of its own, takes the record from the log, records its touches in the lead (crate `engine`),
//!    commits the lead with its place in the heat index, and takes the touches out of the tail. Each event ends in exactly
//!    one [`outcome::Outcome`]. When the stage is another than the one last announced, the same commit holds a
//!    [`transition`] for the [`outbox`]; it also says when to look again although nothing happens.
//! 5. [`decision::decide`] asks [`person::for_decision`] for the lead, with what is still in the tail and with whatever was merged
//!    into it, evaluates, decides, and makes what it reserves durable before it answers.
//!
//! Two visitors become one by a log record of their own, from [`http::server_merge`] or a signed [`link`] in a page's address;
//! [`merges`] holds what is on its way, and [`apply`] carries it out.
//!
//! Several collectors may work on one store: [`fleet`] says which of them wakes which leads, and what they tell each other.
//! Decisions read [`leads`] that are remembered for a moment; a code is a [`grant`], which waits for the store; one of a
//! pool is leased first ([`coupon`]).
//!
//! What the shop's server tells comes in by [`http::server_events`] and [`accept::accept_server`], and goes on from step 3.
//! Models come in by [`http::models`] and the command line, and lie on the shelf of [`models`].
//! Commands of this machine reach the running collector through [`admin`].
//!
//! What must stay true is in `docs/ARCHITECTURE.md`.

pub mod accept;
pub mod account;
pub mod admin;
pub mod app;
pub mod apply;
pub mod budget;
mod census;
pub mod client_address;
pub mod clock;
pub mod config;
mod connections;
pub mod coupon;
pub mod decision;
pub mod erasure;
pub mod explain;
pub mod fleet;
pub mod geo;
pub mod grant;
pub mod heat;
pub mod http;
pub mod identity;
pub mod leads;
pub mod limits;
pub mod link;
pub mod log_record;
mod log_watch;
pub mod masking;
pub mod merges;
pub mod message;
pub mod metric;
pub mod models;
pub mod notice;
pub mod outbox;
pub mod outcome;
pub mod pages;
mod past_use;
pub mod person;
pub mod problem;
pub mod quarantine;
pub mod recovery;
pub mod refused;
pub mod reports;
pub mod router;
pub mod serve;
pub mod site;
pub mod snippet_files;
pub mod start;
pub mod study;
pub mod tail;
pub mod transition;
