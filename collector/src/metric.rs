//! Every metric there is. Labels are closed sets: codes and outcomes, never ids, addresses or anything a client writes.

use metrics::{counter, gauge, histogram};

/// A metric by its purpose; [`Metric::name`] is what Prometheus sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Events that ended, by `outcome`. Exactly one for each accepted event.
    EventOutcome,
    /// Connections that were closed by us, by `why` (`no_room`: others came, and it had been waited for longest).
    ConnectionClosed,
    /// Events by the door's verdict, by `code` (`accepted`, or why rejected).
    EventReceipt,
    /// Requests refused as a whole, by `code`.
    RequestRefused,
    /// Fields and values that nobody reads.
    FieldsIgnored,
    /// Texts that were cut.
    TextsTruncated,
    /// Decisions answered, by whether an offer was in them (`offer`, `empty`, or `withheld` from who may be no
    /// person).
    Decision,
    /// Decisions made while the store was away: of what is `remembered` of the visitor, or the `fallback`, which offers
    /// nothing.
    DecisionWithoutStore,
    /// Codes given: `shown` with an offer, `claimed` at its goal, or `unavailable` where the store did not take them in time.
    /// Decisions that had none to give, their pool being empty: `pool_empty`.
    CouponGranted,
    /// Codes that a till asked to redeem: `redeemed`, or why not; and codes that `leaked`.
    CouponRedeemed,
    /// Budgets asked for an offer or a code, by `outcome`: `held`, `spent`, or `unavailable` where the store did not say.
    BudgetAsked,
    /// Visitors erased.
    VisitorErased,
    /// Merges applied, by `outcome`.
    MergeOutcome,
    /// Signed links that somebody opened, by `outcome`.
    LinkOutcome,
    /// Messages put into the outbox.
    OutboxMessage,
    /// Seconds from a request's last byte to its answer, by `route`.
    AnswerSeconds,
    /// Seconds of one group's `fdatasync`.
    LogSyncSeconds,
    /// Bytes of the log on disk.
    LogBytes,
    /// For how long the log's records are kept, at least: what a store that comes back without them gets again.
    LogRetained,
    /// Times that the log was opened anew after a failed write or sync.
    LogReopened,
    /// Accepted events that are not yet in the store: what the loss of this disk would lose.
    Unapplied,
    /// The same in records of the log,
    UnappliedRecords,
    /// in about so many bytes,
    UnappliedBytes,
    /// and by the age of the oldest.
    UnappliedSeconds,
    /// Records that could not be applied and wait for somebody to look at them.
    InQuarantine,
    /// Times that the store turned out to be another one, and all of the log was applied to it.
    StoreChanged,
    /// Seconds from acknowledgement to visible in the store.
    VisibleSeconds,
    /// Leads committed with events in them: fewer than events, since those of one visitor are merged.
    LeadCommitted,
    /// Log records whose application failed and was tried again.
    ApplyRetried,
    /// Partitions of the store that are still to be looked at under a model that was published, of all sites.
    SweepLeft,
    /// Leads that were looked at since a model was published.
    SweepLead,
    /// Readings of the database of places, by `outcome` (`loaded`, `refused`: the one before stays).
    GeoReload,
    /// When the database of places in use was read, in seconds since 1970.
    GeoLoaded,
    /// When it was made, as it says itself, in seconds since 1970.
    GeoBuilt,
    /// Leads that another writer had changed when this collector committed them: read again and recorded again.
    ApplyConflict,
    /// Collectors that are heard of on this store, this one included.
    Collectors,
    /// Partitions of the store that this collector looks after.
    PartitionsHeld,
}

impl Metric {
    /// All, with the type and meaning that `/metrics` prints.
    pub const ALL: [(Self, &'static str); 37] = [
        (Self::EventOutcome, "Accepted events by what became of them"),
        (Self::EventReceipt, "Events by the receipt they got"),
        (Self::ConnectionClosed, "Connections closed to make room"),
        (Self::RequestRefused, "Requests refused as a whole"),
        (Self::FieldsIgnored, "Fields and values that nobody reads"),
        (Self::TextsTruncated, "Texts that were cut at their limit"),
        (Self::Decision, "Decisions answered"),
        (Self::DecisionWithoutStore, "Decisions made while the store was away"),
        (Self::CouponGranted, "Coupon codes revealed"),
        (Self::CouponRedeemed, "Coupon codes that tills redeemed or asked to, and those that leaked"),
        (Self::BudgetAsked, "Budgets asked for an offer or a code"),
        (Self::VisitorErased, "Visitors erased"),
        (Self::MergeOutcome, "Merges of two visitors by what became of them"),
        (Self::LinkOutcome, "Signed links opened by what became of them"),
        (Self::OutboxMessage, "Messages put into the outbox"),
        (Self::AnswerSeconds, "Seconds from a request's last byte to its answer"),
        (Self::LogSyncSeconds, "Seconds of one group's fdatasync"),
        (Self::LogBytes, "Bytes of the log on disk"),
        (Self::LogRetained, "Seconds for which the log's records are kept, at least"),
        (Self::LogReopened, "Times that the log was opened anew after a failed write or sync"),
        (Self::Unapplied, "Accepted events not yet in the store"),
        (Self::UnappliedRecords, "Log records not yet in the store"),
        (Self::UnappliedBytes, "Bytes of the log that are not yet in the store, about"),
        (Self::UnappliedSeconds, "Age of the oldest log record that is not yet in the store"),
        (Self::InQuarantine, "Records that could not be applied and wait for somebody to look at them"),
        (Self::StoreChanged, "Times that the store was another one, and all of the log was applied to it"),
        (Self::VisibleSeconds, "Seconds from acknowledgement to visible in the store"),
        (Self::LeadCommitted, "Leads committed with events in them, those of one visitor merged"),
        (Self::ApplyRetried, "Batches whose application was tried again"),
        (Self::SweepLeft, "Partitions to be looked at under a model that was published"),
        (Self::SweepLead, "Leads looked at since a model was published"),
        (Self::GeoReload, "Readings of the database of places: loaded, or refused and the one before stays"),
        (Self::GeoLoaded, "When the database of places in use was read"),
        (Self::GeoBuilt, "When the database of places in use was made"),
        (Self::ApplyConflict, "Leads that another writer had changed, and that were recorded again"),
        (Self::Collectors, "Collectors that are heard of on this store"),
        (Self::PartitionsHeld, "Partitions of the store that this collector looks after"),
    ];

    /// The name in Prometheus's form.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EventOutcome => "gloed_event_outcomes_total",
            Self::EventReceipt => "gloed_event_receipts_total",
            Self::ConnectionClosed => "gloed_connections_closed_total",
            Self::RequestRefused => "gloed_requests_refused_total",
            Self::FieldsIgnored => "gloed_fields_ignored_total",
            Self::TextsTruncated => "gloed_texts_truncated_total",
            Self::Decision => "gloed_decisions_total",
            Self::DecisionWithoutStore => "gloed_decisions_without_store_total",
            Self::CouponGranted => "gloed_coupons_granted_total",
            Self::CouponRedeemed => "gloed_coupons_redeemed_total",
            Self::BudgetAsked => "gloed_budgets_asked_total",
            Self::VisitorErased => "gloed_visitors_erased_total",
            Self::MergeOutcome => "gloed_merges_total",
            Self::LinkOutcome => "gloed_links_total",
            Self::OutboxMessage => "gloed_outbox_messages_total",
            Self::AnswerSeconds => "gloed_answer_seconds",
            Self::LogSyncSeconds => "gloed_log_sync_seconds",
            Self::LogBytes => "gloed_log_bytes",
            Self::LogRetained => "gloed_log_retained_seconds",
            Self::LogReopened => "gloed_log_reopened_total",
            Self::Unapplied => "gloed_unapplied_events",
            Self::UnappliedRecords => "gloed_unapplied_records",
            Self::UnappliedBytes => "gloed_unapplied_bytes",
            Self::UnappliedSeconds => "gloed_unapplied_age_seconds",
            Self::InQuarantine => "gloed_quarantined_records",
            Self::StoreChanged => "gloed_store_changes_total",
            Self::VisibleSeconds => "gloed_visible_seconds",
            Self::LeadCommitted => "gloed_leads_committed_total",
            Self::ApplyRetried => "gloed_apply_retried_total",
            Self::SweepLeft => "gloed_sweep_partitions_left",
            Self::SweepLead => "gloed_sweep_leads_total",
            Self::GeoReload => "gloed_geo_reloads_total",
            Self::GeoLoaded => "gloed_geo_loaded_timestamp_seconds",
            Self::GeoBuilt => "gloed_geo_built_timestamp_seconds",
            Self::ApplyConflict => "gloed_apply_conflicts_total",
            Self::Collectors => "gloed_collectors",
            Self::PartitionsHeld => "gloed_partitions_held",
        }
    }

    /// The label's name.
    const fn label(self) -> &'static str {
        match self {
            Self::EventOutcome | Self::Decision | Self::GeoReload | Self::MergeOutcome | Self::LinkOutcome => "outcome",
            Self::AnswerSeconds => "route",
            Self::ConnectionClosed => "why",
            _ => "code",
        }
    }

    /// One more, under a label's value from a closed set.
    pub fn count(self, value: &'static str) {
        counter!(self.name(), self.label() => value).increment(1);
    }

    /// So many more, under a label's value from a closed set.
    pub fn counts(self, value: &'static str, number: u64) {
        counter!(self.name(), self.label() => value).increment(number);
    }

    /// So many more, without a label.
    pub fn add(self, number: u64) {
        counter!(self.name()).increment(number);
    }

    /// A level.
    #[expect(clippy::cast_precision_loss, reason = "Prometheus's numbers are doubles")]
    pub fn level(self, number: u64) {
        gauge!(self.name()).set(number as f64);
    }

    /// A duration.
    pub fn seconds(self, duration: std::time::Duration) {
        histogram!(self.name()).record(duration.as_secs_f64());
    }

    /// A duration under a label.
    pub fn labelled_seconds(self, value: &'static str, duration: std::time::Duration) {
        histogram!(self.name(), self.label() => value).record(duration.as_secs_f64());
    }

    /// Tells the exporter what each metric means.
    pub fn describe_all() {
        for (metric, meaning) in Self::ALL {
            match metric {
                Self::AnswerSeconds | Self::LogSyncSeconds | Self::VisibleSeconds => {
                    metrics::describe_histogram!(metric.name(), meaning);
                }
                Self::LogBytes
                | Self::LogRetained
                | Self::Unapplied
                | Self::UnappliedRecords
                | Self::UnappliedBytes
                | Self::UnappliedSeconds
                | Self::InQuarantine
                | Self::SweepLeft
                | Self::GeoLoaded
                | Self::GeoBuilt
                | Self::Collectors
                | Self::PartitionsHeld => metrics::describe_gauge!(metric.name(), meaning),
                _ => metrics::describe_counter!(metric.name(), meaning),
            }
        }
    }
}
