//! The HTTP interface: one file for each address or concern. Routes and layers stand in `router.rs`.

pub mod body;
pub mod cors;
pub mod decide;
pub mod events;
pub mod experiments;
pub mod health;
pub mod model;
pub mod model_answer;
pub mod model_schema;
pub mod model_version;
pub mod models;
pub mod openapi;
pub mod outbox;
pub mod sender;
pub mod server_coupons;
pub mod server_events;
pub mod server_explain;
mod server_key;
pub mod server_links;
pub mod server_merge;
pub mod snippet;
pub mod visitors;
