//! Counted resources: budgets and pools of codes, of which no more may be given away than there is.

use std::fmt;

use crate::{UnixMillis, Unparsable};

/// The name of a resource: 1 to 128 of `a-z A-Z 0-9 _ - . /`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceName(Box<str>);

impl ResourceName {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 128;

    /// Reads a name; anything but 1 to 128 of `a-z A-Z 0-9 _ - . /` is an error.
    pub fn parse(text: &str) -> Result<Self, Unparsable> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
        if text.is_empty() || text.len() > Self::MAX_BYTES || !text.bytes().all(allowed) {
            return Err(Unparsable::new("resource name", text, "1 to 128 of a-z A-Z 0-9 _ - . /"));
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Who holds a part of a resource: made by the caller, one for each grant, the same when a grant is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Holder(pub [u8; 16]);

/// A part of a resource to be set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// Of which resource.
    pub resource: ResourceName,
    /// For whom.
    pub holder: Holder,
    /// How much, in the resource's own unit (codes, minor units of money).
    pub amount: u64,
    /// How much there is in all, as the model has it now; what is confirmed and held never exceeds it by a reservation.
    pub limit: u64,
    /// From when it may be taken back, unless it is confirmed before.
    pub expires: UnixMillis,
}

/// What became of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// The amount is set aside for the holder.
    Held,
    /// This holder's part is confirmed already; nothing more was taken.
    Confirmed,
    /// There is not enough; nothing was taken.
    Exhausted {
        /// How much is left.
        left: u64,
    },
}

/// What became of a confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmed {
    /// The holder's part is spent for good; also when it was before.
    Confirmed,
    /// The holder has nothing: never reserved, released, or expired and taken back.
    Lapsed,
}

/// How much of a resource is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Spent for good.
    pub confirmed: u64,
    /// Set aside, what has expired but was not taken back included.
    pub held: u64,
}
