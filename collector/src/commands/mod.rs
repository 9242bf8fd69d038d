//! Commands of `gloed` that are more than a line.

pub(crate) mod geo;
pub(crate) mod model;
mod table;
