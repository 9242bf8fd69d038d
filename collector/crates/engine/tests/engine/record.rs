//! Recording: idempotent, commutative, bounded.

use crate::common::{START, lead, minute, server_touch, touch};
use engine::digest::digest;
use engine::{Lead, LedgerLimits, Millis, Recorded, Span, Touch, Trust, record};

#[test]
fn the_same_event_twice_is_one_touch() {
    // given a ledger with one touch
    let mut lead = lead([touch("s:1", "page_view", START)]);
    let bytes = lead.encode();
    // when a retry of it arrives later
    let retry = Touch { received: START + Span::seconds(40), ..touch("s:1", "page_view", START) };
    // then it is a duplicate and nothing changed
    assert_eq!(record(&mut lead, retry, &LedgerLimits::default()), Recorded::Duplicate);
    assert_eq!(lead.encode(), bytes);
}

#[test]
fn of_two_copies_the_more_trusted_stays_with_the_earliest_time() {
    // given a browser's purchase and the server's other telling of the same id, a minute later
    let browser = touch("order-7", "purchase", START);
    let server = Touch { country: Some("NL".into()), ..server_touch("order-7", "purchase", minute(1)) };
    for copies in [[browser.clone(), server.clone()], [server.clone(), browser.clone()]] {
        let mut lead = Lead::default();
        // when both are recorded, in either order
        let outcomes = copies.map(|copy| record(&mut lead, copy, &LedgerLimits::default()));
        // then the second is a conflict, the server's content stays, at the browser's time
        assert_eq!(outcomes, [Recorded::New, Recorded::Conflict]);
        let [kept] = lead.touches() else { panic!("one touch, found {}", lead.touches().len()) };
        assert_eq!((kept.trust, kept.time, kept.country.as_deref()), (Trust::Server, START, Some("NL")));
    }
}

#[test]
fn of_two_contents_with_equal_trust_the_smaller_digest_stays() {
    let one = Touch { country: Some("NL".into()), ..touch("a", "search", START) };
    let other = Touch { country: Some("BE".into()), ..touch("a", "search", START) };
    let smaller = if digest(&one) < digest(&other) { one.clone() } else { other.clone() };
    for copies in [[one.clone(), other.clone()], [other, one]] {
        assert_eq!(lead(copies).touches(), std::slice::from_ref(&smaller));
    }
}

#[test]
fn a_digest_is_of_the_content_alone_and_never_changes() {
    let plain = touch("a", "search", START);
    let moved = Touch { time: minute(3), received: minute(4), trust: Trust::Server, ..touch("b", "search", START) };
    assert_eq!(digest(&plain), digest(&moved));
    // Conflicts are decided by it on every collector: a change of this value is a change of the format.
    assert_eq!(digest(&plain), 0xce48_efde_4395_3e87);
}

#[test]
fn a_browser_event_older_than_the_horizon_is_stale_and_a_server_event_is_not() {
    let late = START + Span::days(7) + Span(1);
    let mut lead = Lead::default();
    let browser = Touch { received: late, ..touch("a", "page_view", START) };
    let on_time = Touch { received: late - Span(1), ..touch("b", "page_view", START) };
    let server = Touch { received: late, ..server_touch("c", "email_open", START) };
    let outcomes = [browser, on_time, server].map(|touch| record(&mut lead, touch, &LedgerLimits::default()));
    assert_eq!(outcomes, [Recorded::Stale, Recorded::New, Recorded::New]);
}

#[test]
fn beyond_the_limit_of_a_horizon_the_first_received_stay_whatever_the_order() {
    // given a limit of three and five touches of one horizon, one of them our own
    let limits = LedgerLimits { touches: 3, ..LedgerLimits::default() };
    let own = Touch { trust: Trust::Product, ..touch("own", "gloed_reserved", minute(9)) };
    let mut touches: Vec<_> = (0..5).map(|number| touch(&format!("t{number}"), "page_view", minute(number))).collect();
    touches.push(own);
    let record_all = |touches: &[Touch]| {
        let mut lead = Lead::default();
        let outcomes: Vec<_> = touches.iter().map(|touch| record(&mut lead, touch.clone(), &limits)).collect();
        (lead, outcomes)
    };
    // when they are recorded in order and in reverse
    let (forward, outcomes) = record_all(&touches);
    touches.reverse();
    let (backward, _) = record_all(&touches);
    // then the same three stay, our own is never refused, and the lead says that there were more
    use Recorded::{New, OverLimit};
    assert_eq!(outcomes, [New, New, New, OverLimit, OverLimit, New]);
    assert_eq!(forward.encode(), backward.encode());
    let kept: Vec<_> = forward.touches().iter().map(|touch| touch.id.as_str()).collect();
    assert_eq!(kept, ["t0", "t1", "t2", "own"]);
    assert_eq!(forward.overflowed(), [START.0 / Span::days(7).0]);
    // and a touch of the next horizon finds room
    let mut forward = forward;
    let next = touch("next", "page_view", START + Span::days(7));
    assert_eq!(record(&mut forward, next, &limits), New);
}

#[test]
fn touches_stand_in_canonical_order_whatever_the_order_of_arrival() {
    let lead = lead([touch("b", "x", START), touch("c", "x", Millis(1)), touch("a", "x", START)]);
    let order: Vec<_> = lead.touches().iter().map(|touch| touch.id.as_str()).collect();
    assert_eq!(order, ["c", "a", "b"]);
    assert_eq!((lead.first_seen(), lead.last_seen()), (Some(Millis(1)), Some(START)));
}
