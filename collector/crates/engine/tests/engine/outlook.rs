//! One replay says what asking for each thing by itself says.

use crate::common::START;
use crate::random::{models, touches};
use engine::{Lead, LedgerLimits, Millis, Outlook, Span, bound, evaluate, foresee_change, foresee_notice, record};
use proptest::prelude::*;

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(10_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_outlook_is_what_each_question_by_itself_is_answered(
        model in models(),
        touches in touches(30),
        after in 0..15 * 86_400_000_i64,
        ahead in 0..15 * 86_400_000_i64,
    ) {
        let model = &model.model;
        let mut lead = Lead::default();
        for touch in touches {
            record(&mut lead, touch, &LedgerLimits::default());
        }
        let now = START + Span(after);
        let until = Millis(now.0 + ahead);

        let outlook = Outlook::of(&lead, model, now);

        let evaluation = evaluate(&lead, model, now);
        prop_assert_eq!(outlook.foresee_notice(), foresee_notice(&lead, model, &evaluation));
        prop_assert_eq!(outlook.foresee_change(), foresee_change(&lead, model, now));
        prop_assert_eq!(outlook.bound(until), bound(&lead, model, now, until));
        // Asked twice, it says the same: no answer has moved on what the next one stands on.
        prop_assert_eq!(outlook.foresee_change(), foresee_change(&lead, model, now));
        prop_assert_eq!(outlook.evaluation, evaluation);
    }
}
