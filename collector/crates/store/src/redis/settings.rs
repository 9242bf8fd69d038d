//! How a store on Redis is used.

use std::time::Duration;

/// How a store on Redis is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How long connecting may take, log-in included. Default 1 s.
    pub connect_timeout: Duration,
    /// How long an answer may take. Default 2 s. Then the connection is given up.
    pub response_timeout: Duration,
    /// A lead that nobody changes for so long goes by itself. Default 400 days. Longer than the caller keeps leads: this is
    /// for what a caller that is gone for ever leaves behind.
    pub retention: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(1),
            response_timeout: Duration::from_secs(2),
            retention: Duration::from_secs(400 * 24 * 3600),
        }
    }
}
