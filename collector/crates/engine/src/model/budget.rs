//! Budgets: how often an offer, or all of a site's, may be shown, and what their codes may cost, whoever sees them.

/// What there is in all and for each day; what is `None` has no bound.
///
/// Times are counted when an offer is shown, money when a code is revealed: by the most that the code can cost. Days are
/// those of the site's zone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Budget {
    /// Times in all.
    pub total: Option<u64>,
    /// Times a day.
    pub per_day: Option<u64>,
    /// Minor units of the site's currency in all.
    pub money_total: Option<u64>,
    /// Minor units of the site's currency a day.
    pub money_per_day: Option<u64>,
}

impl Budget {
    /// Whether it bounds how often something is shown.
    #[must_use]
    pub const fn counts_times(&self) -> bool {
        self.total.is_some() || self.per_day.is_some()
    }

    /// Whether it bounds what codes cost.
    #[must_use]
    pub const fn counts_money(&self) -> bool {
        self.money_total.is_some() || self.money_per_day.is_some()
    }
}
