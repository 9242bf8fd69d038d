//! Why an offer was chosen, and why another was not: a closed list.

use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident => $code:literal,)*) => {
        /// A reason of a decision. The code is what clients see; the list is closed, and grows only with a version.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// Every reason, in the order of this list.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable code, `snake_case`.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }
        }
    };
}

reasons! {
    // Why an offer is shown: one for each kind of condition that held.
    /// The offer asks for nothing.
    Unconditional => "unconditional",
    /// The touches that the offer waits for happened, in order.
    SequenceMatched => "sequence_matched",
    /// The stage is one that the offer is for.
    StageAllowed => "stage_allowed",
    /// The score is in the range that the offer is for.
    ScoreMatched => "score_matched",
    /// The visitor has the label.
    LabelPresent => "label_present",
    /// The attribute is as asked.
    AttributeMatched => "attribute_matched",
    /// The asking page is one that the offer is for.
    PageMatched => "page_matched",
    /// The cart is as asked.
    CartMatched => "cart_matched",
    /// It is the right visit.
    VisitMatched => "visit_matched",
    /// An event happened as often as asked.
    CountMatched => "count_matched",
    /// The visitor was last seen as long ago as asked.
    LastSeenMatched => "last_seen_matched",
    /// It is the right time of the year, or so long before or after a day that is known.
    DateMatched => "date_matched",
    /// Country, device, language or channel is as asked.
    AudienceMatched => "audience_matched",
    /// What the page said about itself is as asked.
    ContextMatched => "context_matched",

    // Why an offer is not shown: its condition.
    /// The touches that it waits for did not happen, not in order, not in time, or something came between.
    SequenceNotMatched => "sequence_not_matched",
    /// The stage is below the one it is for.
    StageTooLow => "stage_too_low",
    /// The stage is another than it is for.
    StageNotAllowed => "stage_not_allowed",
    /// The score is outside its range.
    ScoreNotMatched => "score_not_matched",
    /// The visitor has not got the label.
    LabelMissing => "label_missing",
    /// The visitor has a label that excludes it.
    LabelExcludes => "label_excludes",
    /// The attribute is not as asked.
    AttributeNotMatched => "attribute_not_matched",
    /// The asking page is none that it is for.
    PageNotMatched => "page_not_matched",
    /// The cart is not as asked.
    CartNotMatched => "cart_not_matched",
    /// It is another visit.
    VisitNotMatched => "visit_not_matched",
    /// An event happened more or less often than asked.
    CountNotMatched => "count_not_matched",
    /// The visitor was last seen too recently, or too long ago.
    LastSeenNotMatched => "last_seen_not_matched",
    /// It is another time of the year, or not so long before or after a day that is known.
    DateNotMatched => "date_not_matched",
    /// Country, device, language or channel is another.
    AudienceNotMatched => "audience_not_matched",
    /// What the page said about itself is not as asked.
    ContextNotMatched => "context_not_matched",
    /// The condition does not hold, and no single part of it is to blame.
    ConditionNotMet => "condition_not_met",

    // Why an offer is not shown: anything else.
    /// The page did not offer the slot.
    SlotNotOffered => "slot_not_offered",
    /// Its first day has not come.
    NotYet => "not_yet",
    /// Its last day is over.
    Ended => "ended",
    /// The visitor has seen it as often as it may be shown.
    AlreadyShown => "already_shown",
    /// Another decision has chosen it, and may be about to show it.
    Reserved => "reserved",
    /// The visitor already did what it is for.
    GoalReached => "goal_reached",
    /// The visitor has seen it as often as it may be shown in one visit.
    ShownThisSession => "shown_this_session",
    /// The visitor has seen it, not long enough ago.
    ShownRecently => "shown_recently",
    /// The visitor closed it, not long enough ago.
    DismissedRecently => "dismissed_recently",
    /// Another offer was shown, not long enough ago.
    MinGap => "min_gap",
    /// As many offers were shown in this visit as may be in one.
    SessionFull => "session_full",
    /// As many offers were shown to the visitor today as may be in a day.
    DayFull => "day_full",
    /// The visitor closed offers and followed none since, not long enough ago.
    OffersDismissed => "offers_dismissed",
    /// What the offer, or all offers together, may be shown or cost is spent.
    BudgetSpent => "budget_spent",
    /// Whether there is any left for it cannot be asked now.
    Unavailable => "unavailable",
    /// Every code of the offer's pool is with somebody else.
    PoolEmpty => "pool_empty",
    /// Another offer takes the slot.
    LowerPriority => "lower_priority",

    // Why a code was not given.
    /// The model has no such offer.
    UnknownOffer => "unknown_offer",
    /// The offer has no code.
    NoCoupon => "no_coupon",
    /// The visitor is of the share that is shown nothing.
    Holdout => "holdout",
    /// The offer was never shown to this visitor.
    NeverShown => "never_shown",
    /// What the offer is for has not happened.
    GoalNotReached => "goal_not_reached",
}

impl std::fmt::Display for Reason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_snake_case_and_the_same_as_on_the_wire() {
        for (place, reason) in Reason::ALL.iter().enumerate() {
            assert!(reason.code().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
            assert!(Reason::ALL[place + 1..].iter().all(|other| other.code() != reason.code()), "{reason}");
            // The name of the variant, spelled as serde spells it.
            let snake = format!("{reason:?}").chars().fold(String::new(), |mut text, letter| {
                if letter.is_uppercase() && !text.is_empty() {
                    text.push('_');
                }
                text.extend(letter.to_lowercase());
                text
            });
            assert_eq!(snake, reason.code());
        }
    }
}
