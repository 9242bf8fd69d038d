//! What one commit holds, and what became of it.

use crate::{Bound, LeadKey, Partition, Tombstone, UnixMillis, Version};

/// A lead as the store has it. The bytes are the caller's own, format byte included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLead {
    /// The version to expect when changing it.
    pub version: Version,
    /// What was last committed.
    pub bytes: Vec<u8>,
}

/// The new state of one lead, with all that must change together with it.
///
/// Index entries are the state after the change, not steps: the store finds and removes what stood there before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which lead.
    pub key: LeadKey,
    /// The version that this was made from; [`Version::ABSENT`] for a new lead.
    pub expected: Version,
    /// The lead's tombstone, were it erased. When the store has it, nothing is written: see [`Committed::Erased`].
    pub tombstone: Tombstone,
    /// The lead, or `None` to remove it; its index entries go with it whatever `heat` and `wake` say.
    pub lead: Option<Vec<u8>>,
    /// Its place in the site's heat index; `None`: it is in none.
    pub heat: Option<Bound>,
    /// When it is to be looked at without an event; `None`: never.
    pub wake: Option<UnixMillis>,
    /// Messages to be delivered because of this change.
    pub outbox: Vec<Message>,
}

/// What became of one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// Lead, index entries and messages are all written; the lead has this version now ([`Version::ABSENT`] after a
    /// removal).
    Applied(Version),
    /// Nothing is written: the lead has another version. Load it, make the change again, commit again.
    Conflict {
        /// The version it has.
        current: Version,
    },
    /// Nothing is written: the lead was erased and must not come back.
    Erased,
}

/// The name of a message for its receiver: made once by the caller, the same at every delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub [u8; 16]);

/// A message to the world outside: delivered at least once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its name, by which a receiver drops what it already has.
    pub id: MessageId,
    /// The caller's own number for what kind of message it is.
    pub kind: u8,
    /// The caller's bytes, format byte included.
    pub bytes: Vec<u8>,
}

/// Where a message stands in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutboxId {
    /// Order in which messages were committed; within one lead it is exact.
    pub sequence: u64,
    /// The partition of the lead.
    pub partition: Partition,
}

/// A message that waits for delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Names it to [`Store::acknowledge`](crate::Store::acknowledge).
    pub id: OutboxId,
    /// The lead it was committed with.
    pub key: LeadKey,
    /// The message.
    pub message: Message,
}

/// A lead to erase and the tombstone to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// The lead; it need not exist.
    pub key: LeadKey,
    /// What is left of it.
    pub tombstone: Tombstone,
}
