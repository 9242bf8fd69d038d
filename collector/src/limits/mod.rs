//! Limits at the door.

mod in_flight;
mod rate;

pub use in_flight::InFlight;
pub use rate::RateLimits;
