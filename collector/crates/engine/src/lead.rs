//! A lead: the bounded ledger of touches that everything else is computed from.

use crate::fold::{self, Fold};
use crate::format_1;
use crate::format_2;
use crate::packed::Packed;
use crate::time::Millis;
use crate::touch::{Touch, TouchId, Trust};

/// The newest format that [`Lead::decode`] reads, and the one that [`Lead::encode`] writes.
pub const LEAD_FORMAT: u8 = 4;

/// What is known about one visitor: touches in canonical order, which is (time, id), and nothing that follows from them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lead {
    /// Numbers of the horizons in which touches went over the limit, ascending.
    pub(crate) overflowed: Vec<i64>,
    /// In canonical order, no id twice; among them the touches that stand for folds.
    pub(crate) touches: Vec<Touch>,
    /// In canonical order of their touches.
    pub(crate) folds: Vec<Fold>,
    /// Digests of streams whose evidence of a person was folded, ascending.
    pub(crate) persons: Vec<u64>,
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
    /// Every touch, in canonical order; of what was folded one for each bucket (see [`Lead::fold`]).
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
        let folded = self.folds.iter().map(|fold| fold.first).min();
        self.touches.first().map(|touch| folded.map_or(touch.time, |first| first.min(touch.time)))
    }

    /// When the last touch happened, our own included.
    #[must_use]
    pub fn last_touched(&self) -> Option<Millis> {
        self.touches.last().map(|touch| touch.time)
    }

    /// When the visitor was last seen: the last touch that is not our own.
    #[must_use]
    pub fn last_seen(&self) -> Option<Millis> {
        let seen = |touch: &&Touch| touch.trust < Trust::Product && !touch.is_fold();
        let folded = self.folds.iter().map(|fold| fold.last).max();
        self.touches.iter().rev().find(seen).map(|touch| touch.time).max(folded)
    }

    /// The lead as it was at an instant, as far as is known today: without what happened later.
    #[must_use]
    pub fn until(&self, at: Millis) -> Self {
        let mut known = self.clone();
        known.touches.retain(|touch| touch.time <= at);
        let Self { touches, folds, .. } = &mut known;
        folds.retain(|fold| touches.iter().any(|touch| touch.id == fold.id));
        known
    }

    /// The touch with this id.
    #[must_use]
    pub fn touch(&self, id: &TouchId) -> Option<&Touch> {
        self.touches.iter().rev().find(|touch| touch.id == *id)
    }

    /// What a touch stands for, if it stands for a bucket of touches that were folded.
    #[must_use]
    pub fn fold(&self, touch: &Touch) -> Option<&Fold> {
        if !touch.is_fold() {
            return None;
        }
        self.folds.iter().find(|fold| fold.id == touch.id)
    }

    /// Places of touches that stand for folds, each with its fold; ascending.
    pub(crate) fn folds_by_place(&self) -> Vec<(usize, &Fold)> {
        let mut folds = self.folds.iter().peekable();
        let mut places = Vec::with_capacity(self.folds.len());
        for (place, touch) in self.touches.iter().enumerate() {
            let Some(next) = folds.peek() else { break };
            if next.id == touch.id {
                places.extend(folds.next().map(|fold| (place, fold)));
            }
        }
        places
    }

    /// How many touches the one at each place stands for.
    pub fn counts(&self) -> impl Iterator<Item = usize> {
        let mut folds = self.folds.iter().peekable();
        self.touches.iter().map(move |touch| {
            let fold = folds.next_if(|fold| fold.id == touch.id);
            fold.map_or(1, |fold| usize::try_from(fold.count).unwrap_or(usize::MAX))
        })
    }

    /// Numbers of the horizons (`received` divided by seven days) that had more touches than the limit, or of which
    /// some had to go when the ledger was folded; ascending. The
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
        postcard::to_extend(&Packed::of(self), vec![LEAD_FORMAT]).expect("a lead has no sequence of unknown length")
    }

    /// Reads what [`Lead::encode`] wrote, in this format or an earlier one. Never panics, and allocates no more than in proportion to the input.
    ///
    /// # Errors
    /// When the bytes are empty, of another format, cut short, too long, or hold touches out of canonical order or at times
    /// that no calendar has.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let (&format, content) = bytes.split_first().ok_or(FormatError::Empty)?;
        let newest = LEAD_FORMAT;
        match format {
            1..=LEAD_FORMAT => {}
            0 => return Err(FormatError::Unknown { found: 0, newest }),
            found => return Err(FormatError::Newer { found, newest }),
        }
        let broken = |detail: String| FormatError::Broken { format, detail };
        let unread = |error: postcard::Error| broken(error.to_string());
        let folded = |content: fold::Content| content.lead().map_err(|detail| broken(detail.to_owned()));
        let (lead, rest) = match format {
            1 => {
                let (lead, rest) = postcard::take_from_bytes::<format_1::Lead>(content).map_err(unread)?;
                (Self::from(lead), rest)
            }
            2 => {
                let (content, rest) = postcard::take_from_bytes::<format_2::Content>(content).map_err(unread)?;
                (folded(content.into())?, rest)
            }
            3 => {
                let (content, rest) = postcard::take_from_bytes::<fold::Content>(content).map_err(unread)?;
                (folded(content)?, rest)
            }
            _ => {
                let (packed, rest) = postcard::take_from_bytes::<Packed<'_>>(content).map_err(unread)?;
                (folded(packed.content().map_err(broken)?)?, rest)
            }
        };
        if !rest.is_empty() {
            return Err(broken(format!("{} bytes after its end", rest.len())));
        }
        if !lead.touches.is_sorted_by(|left, right| left.canonical() < right.canonical()) {
            return Err(broken("touches out of canonical order".to_owned()));
        }
        if let Some(touch) = lead.touches.iter().find(|touch| !touch.is_in_calendar()) {
            let (time, received) = (touch.time.0, touch.received.0);
            let (earliest, latest) = (Millis::EARLIEST.0, Millis::LATEST.0);
            return Err(broken(format!("a touch at {time}, received at {received}; allowed: {earliest} to {latest}")));
        }
        if !lead.overflowed.is_sorted_by(|left, right| left < right) {
            return Err(broken("horizons out of order".to_owned()));
        }
        if !lead.persons.is_sorted_by(|left, right| left < right) {
            return Err(broken("streams out of order".to_owned()));
        }
        Ok(lead)
    }
}

impl Touch {
    /// What touches are ordered by.
    pub(crate) fn canonical(&self) -> (Millis, &TouchId) {
        (self.time, &self.id)
    }

    /// Whether both of its times are such as a ledger keeps.
    pub(crate) const fn is_in_calendar(&self) -> bool {
        self.time.is_in_calendar() && self.received.is_in_calendar()
    }
}
