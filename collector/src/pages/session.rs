//! Who is logged in. Sessions live in memory: a restart logs everybody out, and nothing on disk can be stolen.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use engine::{Millis, Span};
use sha2::{Digest as _, Sha256};

use super::attempts::Attempts;

/// A session ends after twelve hours without a request.
const IDLE: Span = Span::minutes(12 * 60);
/// More sessions than people: the oldest goes.
const MOST: usize = 1000;

/// Who is logged in, and how often somebody tried to be.
#[derive(Default)]
pub struct Sessions {
    /// By the hash of their token, with the time of their last request.
    living: Mutex<HashMap<[u8; 32], Millis>>,
    pub(super) attempts: Attempts,
}

impl Sessions {
    /// Begins a session and returns its token.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn begin(&self, now: Millis) -> Result<String, getrandom::Error> {
        let token = format!("{}{}", crate::identity::random_id()?, crate::identity::random_id()?);
        let mut sessions = self.living.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, last| now.since(*last) < IDLE);
        if sessions.len() >= MOST
            && let Some(oldest) = sessions.iter().min_by_key(|(_, last)| **last).map(|(token, _)| *token)
        {
            sessions.remove(&oldest);
        }
        sessions.insert(hash(&token), now);
        Ok(token)
    }

    /// Whether this is the token of a living session; keeps it alive.
    #[must_use]
    pub fn continues(&self, token: &str, now: Millis) -> bool {
        // Looked up by its hash, so that the time of the lookup says nothing about the token.
        let mut sessions = self.living.lock().unwrap_or_else(PoisonError::into_inner);
        match sessions.get_mut(&hash(token)) {
            Some(last) if now.since(*last) < IDLE => {
                *last = now;
                true
            }
            _ => false,
        }
    }

    /// Ends a session.
    pub fn end(&self, token: &str) {
        self.living.lock().unwrap_or_else(PoisonError::into_inner).remove(&hash(token));
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_lives_while_it_is_used_and_ends_when_told() {
        let sessions = Sessions::default();
        let hours = |hours: i64| Millis(hours * 3_600_000);
        let token = sessions.begin(hours(0)).unwrap();
        assert!(sessions.continues(&token, hours(11)));
        assert!(sessions.continues(&token, hours(22)));
        assert!(!sessions.continues(&token, hours(35)));
        assert!(!sessions.continues("", hours(0)));
        let other = sessions.begin(hours(0)).unwrap();
        sessions.end(&other);
        assert!(!sessions.continues(&other, hours(0)));
    }
}
