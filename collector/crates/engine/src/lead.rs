//! A lead: the bounded ledger of touches that everything else is computed from.

use serde::{Deserialize, Serialize};

use crate::time::Millis;
use crate::touch::{Touch, TouchId};

/// The format that [`Lead::encode`] writes, and the newest that [`Lead::decode`] reads.
pub const LEAD_FORMAT: u8 = 1;

/// What is known about one visitor: touches in canonical order, which is (time, id), and nothing that follows from them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lead {
    /// Numbers of the horizons in which touches went over the limit, ascending.
    pub(crate) overflowed: Vec<i64>,
    /// In canonical order, no id twice.
    pub(crate) touches: Vec<Touch>,
}

/// Why bytes are not a lead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// No bytes at all.
    #[error("no lead: found 0 bytes, allowed: a format byte and its content")]
    Empty,
    /// Written by a newer engine than this one.
    #[error("lead of format {found}, this engine reads up to format {newest}: it was written by a newer version")]
    Newer {
        /// The format byte found.
        found: u8,
        /// The newest that this engine knows.
        newest: u8,
    },
    /// A format byte that was never given out.
    #[error("no lead: found format {found}, allowed: 1 to {newest}")]
    Unknown {
        /// The format byte found.
        found: u8,
        /// The newest that this engine knows.
        newest: u8,
    },
    /// The content does not read as the format says.
    #[error("broken lead of format {format}: {detail}")]
    Broken {
        /// The format byte found.
        format: u8,
        /// What was wrong.
        detail: String,
    },
}

impl Lead {
    /// Every touch, in canonical order.
    #[must_use]
    pub fn touches(&self) -> &[Touch] {
        &self.touches
    }

    /// Whether nothing was ever recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.touches.is_empty()
    }

    /// When the first touch happened.
    #[must_use]
    pub fn first_seen(&self) -> Option<Millis> {
        self.touches.first().map(|touch| touch.time)
    }

    /// When the last touch happened, our own included.
    #[must_use]
    pub fn last_touched(&self) -> Option<Millis> {
        self.touches.last().map(|touch| touch.time)
    }

    /// When the visitor was last seen: the last touch that is not our own.
    #[must_use]
    pub fn last_seen(&self) -> Option<Millis> {
        self.touches.iter().rev().find(|touch| touch.trust < crate::touch::Trust::Product).map(|touch| touch.time)
    }

    /// The lead as it was at an instant, as far as is known today: without what happened later.
    #[must_use]
    pub fn until(&self, at: Millis) -> Self {
        let known = self.touches.partition_point(|touch| touch.time <= at);
        Self { touches: self.touches.get(..known).unwrap_or_default().to_vec(), ..self.clone() }
    }

    /// The touch with this id.
    #[must_use]
    pub fn touch(&self, id: &TouchId) -> Option<&Touch> {
        self.touches.iter().rev().find(|touch| touch.id == *id)
    }

    /// Numbers of the horizons (`received` divided by seven days) that had more touches than the limit; ascending. The
    /// lead's page says so.
    #[must_use]
    pub fn overflowed(&self) -> &[i64] {
        &self.overflowed
    }

    /// The bytes that the store keeps: the format byte, then the content in postcard. Equal leads have equal bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        #[expect(
            clippy::expect_used,
            reason = "writing to memory fails only for sequences of unknown length: none here"
        )]
        postcard::to_extend(self, vec![LEAD_FORMAT]).expect("a lead has no sequence of unknown length")
    }

    /// Reads what [`Lead::encode`] wrote. Never panics, and allocates no more than in proportion to the input.
    ///
    /// # Errors
    /// When the bytes are empty, of another format, cut short, too long, or hold touches out of canonical order.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let (&format, content) = bytes.split_first().ok_or(FormatError::Empty)?;
        let newest = LEAD_FORMAT;
        match format {
            LEAD_FORMAT => {}
            0 => return Err(FormatError::Unknown { found: 0, newest }),
            found => return Err(FormatError::Newer { found, newest }),
        }
        let broken = |detail: String| FormatError::Broken { format, detail };
        let (lead, rest) = postcard::take_from_bytes::<Self>(content).map_err(|error| broken(error.to_string()))?;
        if !rest.is_empty() {
            return Err(broken(format!("{} bytes after its end", rest.len())));
        }
        if !lead.touches.is_sorted_by(|left, right| left.canonical() < right.canonical()) {
            return Err(broken("touches out of canonical order".to_owned()));
        }
        if !lead.overflowed.is_sorted_by(|left, right| left < right) {
            return Err(broken("horizons out of order".to_owned()));
        }
        Ok(lead)
    }
}

impl Touch {
    /// What touches are ordered by.
    pub(crate) fn canonical(&self) -> (Millis, &TouchId) {
        (self.time, &self.id)
    }
}
