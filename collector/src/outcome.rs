//! What becomes of an accepted event: exactly one of these, counted once, when it is first applied.

use engine::Recorded;

/// The end of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A touch of the lead now.
    Recorded,
    /// The lead had it already.
    Duplicate,
    /// The lead had another content under the same id; the commutative rule chose one.
    Conflict,
    /// Older than the horizon.
    Stale,
    /// The lead holds no more touches inside the horizon.
    OverLimit,
    /// A touch of the lead now, which counts for nothing until there is evidence of a person.
    Quarantined,
    /// Could not be applied, and was put aside for a person to look at.
    PutAside,
    /// The visitor was erased in the meantime.
    Erased,
    /// Applied before a restart; outside the accounting.
    Reapplied,
}

impl Outcome {
    /// All, in the order in which they are declared.
    pub const ALL: [Self; 9] = [
        Self::Recorded,
        Self::Duplicate,
        Self::Conflict,
        Self::Stale,
        Self::OverLimit,
        Self::Quarantined,
        Self::PutAside,
        Self::Erased,
        Self::Reapplied,
    ];

    /// The label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Duplicate => "duplicate",
            Self::Conflict => "conflict",
            Self::Stale => "stale",
            Self::OverLimit => "over_limit",
            Self::Quarantined => "quarantined",
            Self::PutAside => "put_aside",
            Self::Erased => "erased",
            Self::Reapplied => "reapplied",
        }
    }
}

impl From<Recorded> for Outcome {
    fn from(recorded: Recorded) -> Self {
        match recorded {
            Recorded::New => Self::Recorded,
            Recorded::Duplicate => Self::Duplicate,
            Recorded::Conflict => Self::Conflict,
            Recorded::Stale => Self::Stale,
            Recorded::OverLimit => Self::OverLimit,
        }
    }
}

/// What became of a merge, counted when it is applied; one that is applied again is `already`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merged {
    /// Two leads are one now.
    Merged,
    /// They were one before.
    Already,
    /// One of the two was erased.
    Erased,
    /// The visitor is another person already.
    OtherPerson,
    /// The person would have more ids than is believed.
    TooManyIds,
    /// Could not be carried out, and was put aside.
    Quarantined,
}

impl Merged {
    /// All, in the order in which they are declared.
    pub const ALL: [Self; 6] =
        [Self::Merged, Self::Already, Self::Erased, Self::OtherPerson, Self::TooManyIds, Self::Quarantined];

    /// The label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Merged => "merged",
            Self::Already => "already",
            Self::Erased => "erased",
            Self::OtherPerson => "other_person",
            Self::TooManyIds => "too_many_ids",
            Self::Quarantined => "quarantined",
        }
    }
}
