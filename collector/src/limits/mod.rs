//! Limits at the door.

mod body_room;
mod in_flight;
mod new_visitors;
mod rate;

pub use body_room::{BodyRoom, Occupied};
pub use in_flight::InFlight;
pub use new_visitors::NewVisitors;
pub use rate::RateLimits;
