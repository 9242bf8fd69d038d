//! Where a lead stands in the store's indexes: its heat bound, and when it is to be looked at again.
//!
//! Both are functions of `now`, and moving an entry costs as much as committing a lead. So they are chosen such that a commit
//! names the ones that are there already, as long as nothing that matters has changed (ADR 18).

use engine::model::Basis;
use engine::{Millis, Model, Outlook, Points, Span};
use store::LeadKey;

/// How long a heat bound stands before it is looked at again, at most and at least. The heat page is exact whatever the
/// bounds are, since it evaluates what it shows; tight bounds only make it evaluate less.
const REFRESH: (Span, Span) = (Span::minutes(10), Span::minutes(6 * 60));

/// Where a lead stands in the indexes.
pub(super) struct Places {
    /// The highest score until then; `None`: it has no points, and is in no index of heat.
    pub(super) bound: Option<Points>,
    /// When to look again; `None`: nothing changes without an event.
    pub(super) wake: Option<Millis>,
}

impl Places {
    /// Of a lead as it was replayed until `now`.
    pub(super) fn of(key: &LeadKey, outlook: &Outlook<'_>, model: &Model, now: Millis) -> Self {
        // Where the forecast does not reach, the lead wakes to look on: a date may lie years ahead.
        let change_at = outlook.foresee_change().look_at(|next| next.at);
        let renewed_at = renewed_at(key, now, refresh_after(model));
        let look_again_at = change_at.map_or(renewed_at, |at| at.min(renewed_at));
        let bound = outlook.bound(look_again_at);
        // Leads without points or timers are in no index: most visitors leave after one page, and an index of them orders
        // nothing.
        let bound = (bound > Points::ZERO).then(|| rounded_up(bound));
        let wake = if bound.is_some() { Some(look_again_at) } else { change_at };
        Self { bound, wake: wake.into_iter().chain(outlook.foresee_notice().look_at(|at| at)).min() }
    }
}

/// When a bound is renewed: not later than `after` from now, and of each lead at instants that lie an eighth of that apart, so
/// that its place in the index does not move with every event. Each has instants of its own, so that not all wake at once.
fn renewed_at(key: &LeadKey, now: Millis, after: Span) -> Millis {
    let apart = (after.0 / 8).max(1);
    let [first, second, third, fourth, ..] = *key.visitor.as_bytes();
    let own = i64::from(u32::from_be_bytes([first, second, third, fourth])) % apart;
    let latest = (now + after).0;
    Millis(latest - (latest - own).rem_euclid(apart))
}

/// A bound with five binary digits, rounded up: at most a sixteenth more, and the same for a while. It orders nearly as well,
/// and what is shown is evaluated in any case.
fn rounded_up(bound: Points) -> Points {
    let digits = i64::BITS - bound.0.max(1).leading_zeros();
    let step = 1_i64 << digits.saturating_sub(5);
    // No number of points comes near the last one that there is; it would have no next step.
    Points((bound.0.saturating_add(step - 1) / step * step).max(bound.0))
}

/// The time in which no line can have fallen below three quarters: 0.4 of the shortest half-life (log2 of 4/3 is 0.415),
/// or the shortest expiry.
fn refresh_after(model: &Model) -> Span {
    let half_lives = model.rules.iter().filter_map(|rule| rule.half_life).chain(model.half_life);
    let fades = half_lives.map(|half_life| Span(half_life.0 / 5 * 2));
    let expires = model.rules.iter().filter_map(|rule| match &rule.basis {
        Basis::Touch(rule) => rule.expires,
        Basis::State(_) => None,
    });
    fades.chain(expires).min().unwrap_or(REFRESH.1).clamp(REFRESH.0, REFRESH.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_rounded_up_by_at_most_a_sixteenth() {
        for (bound, rounded) in [(1, 1), (31, 31), (32, 32), (33, 34), (1_000_000, 1_015_808), (i64::MAX, i64::MAX)] {
            let found = rounded_up(Points(bound)).0;
            assert!(found >= bound && found - bound <= bound / 16, "{bound}: {found}");
            assert!(bound == i64::MAX || found == rounded, "{bound}: {found}");
        }
    }
}
