//! Bounds of a score: never exceeded under any model (`properties.rs`), and here, of a model with everything that can bend a
//! score, always reached.

use crate::common::{START, lead, model};
use crate::random::touches;
use engine::{Millis, Model, Span, bound, evaluate};
use proptest::prelude::*;
use std::sync::LazyLock;

/// Both signs, caps, limits, expiry, both kinds of keep, thresholds apart.
static BENT: LazyLock<Model> = LazyLock::new(|| {
    model(
        r#"
version = 1
name = "bent"
half_life = "1d"
browser_cap = { points = 60, every = "1h" }
[[stages]]
name = "cold"
[[stages]]
name = "warm"
enter = ">= 20"
leave = "< 12.5"
[[stages]]
name = "hot"
enter = "> 45"
[[rules]]
id = "view"
when = { field = "event", eq = "page_view" }
points = 3.3
per = { times = 3, every = "2h" }
[[rules]]
id = "cart"
when = { field = "event", eq = "add_to_cart" }
points = 20
cap = 35
[[rules]]
id = "remove"
when = { field = "event", eq = "remove_from_cart" }
points = -12
half_life = "6h"
[[rules]]
id = "search"
when = { field = "event", eq = "search" }
points = 7
per = { times = 2 }
keep = "latest"
expires = "3d"
[[rules]]
id = "buy"
when = { field = "event", eq = "purchase" }
points = 9
half_life = "none"
[[rules]]
id = "back"
when = { all = [{ field = "event", eq = "page_view" }, { sequence = [{ field = "event", eq = "search" }, { field = "event", eq = "page_view" }], within = "2h" }] }
points = 2
"#,
    )
});

/// After every touch of a ledger.
fn end() -> Millis {
    START + Span::days(5)
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(10_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_bound_is_always_reached(touches in touches(25), hours in 1..200_i64) {
        let lead = lead(touches);
        let from = evaluate(&lead, &BENT, end()).at;
        let until = from + Span::minutes(hours * 60);
        let highest = bound(&lead, &BENT, from, until);
        // Points change at the instants that lines name, and at no others.
        let reached = |at: Millis| evaluate(&lead, &BENT, at).score == highest;
        let mut at = from;
        let mut found = reached(at);
        while !found && at < until {
            let changes = evaluate(&lead, &BENT, at).lines.into_iter().filter_map(|line| line.next_change);
            let Some(next) = changes.map(|(next, _)| next).min() else { break };
            at = next;
            found = at <= until && reached(at);
        }
        prop_assert!(found, "{} is never reached", highest);
    }
}
