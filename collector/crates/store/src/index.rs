//! Places in the store's indexes.

use crate::{LeadKey, StoredLead, UnixMillis, VisitorId};

/// The highest score that a lead can have until its next wake time, in micro-points (10⁻⁶ point).
///
/// At most 2⁵³ − 1 on either side of zero (nine thousand million points), since a sorted set in Redis orders by a double.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bound(i64);

impl Bound {
    /// The highest bound.
    pub const MAX: Self = Self((1 << 53) - 1);
    /// The lowest bound.
    pub const MIN: Self = Self(-((1 << 53) - 1));

    /// A bound of so many micro-points; what is beyond [`MAX`](Self::MAX) or [`MIN`](Self::MIN) becomes that.
    pub fn from_micro_points(micro_points: i64) -> Self {
        Self(micro_points.clamp(Self::MIN.0, Self::MAX.0))
    }

    /// The bound in micro-points.
    pub const fn micro_points(self) -> i64 {
        self.0
    }
}

/// A lead in a site's heat index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeatEntry {
    /// Which lead.
    pub key: LeadKey,
    /// Its bound.
    pub bound: Bound,
}

impl HeatEntry {
    /// The place of this entry: reading on *after* it continues the list.
    pub fn cursor(&self) -> HeatCursor {
        HeatCursor { bound: self.bound, visitor: self.key.visitor }
    }
}

/// A place in a site's heat index, which is ordered by falling bound and, among equals, by rising visitor id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HeatCursor {
    /// Bound of the last entry seen.
    pub bound: Bound,
    /// Visitor of the last entry seen.
    pub visitor: VisitorId,
}

/// A lead whose wake time has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Which lead.
    pub key: LeadKey,
    /// The wake time that was set.
    pub at: UnixMillis,
}

/// Where a scan goes on; opaque, made by the store that reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanCursor(pub(crate) Vec<u8>);

/// One page of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanned {
    /// Leads of the partition, in no promised order. May be empty although there is more.
    pub leads: Vec<(LeadKey, StoredLead)>,
    /// Where to go on; `None`: the partition has been seen whole.
    pub next: Option<ScanCursor>,
}
