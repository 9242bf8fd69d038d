//! *Miezer*, a small webshop for rainwear that does not exist: the place to try Gloed, and to test it against.
//!
//! It is a shop like any other. It renders its pages on the server, in Dutch and in English, keeps the cart in a cookie,
//! works without scripts, has a strict content security policy, and speaks GA4's `dataLayer`. Of Gloed its pages know
//! one thing, the tag in their head; its own scripts (`assets/*.js`) pass on what the visitor says in the consent
//! banner and show, for the curious, what the snippet sent.
//!
//! A request goes `server` → `router` → `pages` (through `visit`, which reads the cookies) → a template. What is sold
//! stands in [`catalog`], what is advised in [`advice`].

pub mod advice;
mod assets;
pub mod cart;
pub mod catalog;
pub mod language;
pub mod money;
mod pages;
mod router;
mod server;
pub mod settings;
mod visit;

pub use server::serve;
