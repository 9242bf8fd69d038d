//! Counted resources.

use super::{World, at_once};
use crate::{Confirmed, Reservation, Reserved, Usage};

/// So much of ten, until 1,000.
fn of_ten(world: &World, holder: u64, amount: u64) -> Reservation {
    Reservation { resource: world.resource(), holder: world.holder(holder), amount, limit: 10, expires: 1000 }
}

async fn usage(world: &World) -> (u64, u64) {
    let Usage { confirmed, held } = world.store.usage(&world.resource()).await.unwrap();
    (confirmed, held)
}

pub(super) async fn no_more_is_reserved_than_there_is(world: World) {
    // Given ten of which seven are held
    assert_eq!(usage(&world).await, (0, 0));
    assert_eq!(world.store.reserve(&of_ten(&world, 1, 7), 0).await.unwrap(), Reserved::Held);
    // When four are wanted, then there are three; when three are, they are held; then there are none
    assert_eq!(world.store.reserve(&of_ten(&world, 2, 4), 0).await.unwrap(), Reserved::Exhausted { left: 3 });
    assert_eq!(world.store.reserve(&of_ten(&world, 3, 3), 0).await.unwrap(), Reserved::Held);
    assert_eq!(world.store.reserve(&of_ten(&world, 4, 1), 0).await.unwrap(), Reserved::Exhausted { left: 0 });
    assert_eq!(usage(&world).await, (0, 10));
    // And a limit lowered below what is used leaves nothing, and takes nothing back
    let lowered = Reservation { limit: 5, ..of_ten(&world, 5, 1) };
    assert_eq!(world.store.reserve(&lowered, 0).await.unwrap(), Reserved::Exhausted { left: 0 });
    let beyond = Reservation { limit: u64::MAX, ..of_ten(&world, 6, u64::MAX) };
    assert!(matches!(world.store.reserve(&beyond, 0).await.unwrap(), Reserved::Exhausted { .. }));
}

pub(super) async fn parallel_reservations_never_overspend(world: World) {
    // Given ten, when forty want one each at once, and confirm what they got
    let outcomes = at_once((0..40).map(|holder| {
        let world = world.clone();
        async move {
            let outcome = world.store.reserve(&of_ten(&world, holder, 1), 0).await.unwrap();
            if outcome == Reserved::Held {
                let confirmed = world.store.confirm(&world.resource(), world.holder(holder)).await.unwrap();
                assert_eq!(confirmed, Confirmed::Confirmed);
            }
            outcome
        }
    }))
    .await;
    // Then ten got one
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Reserved::Held).count(), 10);
    assert_eq!(usage(&world).await, (10, 0));
}

pub(super) async fn a_repeated_reservation_takes_nothing_more(world: World) {
    // Given a reservation, when it is tried again, also with another amount
    for amount in [6, 6, 9] {
        assert_eq!(world.store.reserve(&of_ten(&world, 1, amount), 0).await.unwrap(), Reserved::Held);
        // Then it is the same one
        assert_eq!(usage(&world).await, (0, 6));
    }
    // And after confirmation it is said to be confirmed
    world.store.confirm(&world.resource(), world.holder(1)).await.unwrap();
    assert_eq!(world.store.reserve(&of_ten(&world, 1, 6), 0).await.unwrap(), Reserved::Confirmed);
    assert_eq!(usage(&world).await, (6, 0));
    // And a repeated one that is longer lives longer
    world.store.reserve(&of_ten(&world, 2, 4), 0).await.unwrap();
    world.store.reserve(&Reservation { expires: 2000, ..of_ten(&world, 2, 4) }, 0).await.unwrap();
    assert_eq!(world.store.reserve(&of_ten(&world, 3, 1), 1500).await.unwrap(), Reserved::Exhausted { left: 0 });
}

pub(super) async fn an_expired_reservation_is_taken_back_by_who_needs_it(world: World) {
    // Given all ten held until 1,000, by two
    world.store.reserve(&of_ten(&world, 1, 4), 0).await.unwrap();
    world.store.reserve(&of_ten(&world, 2, 6), 0).await.unwrap();
    // When somebody wants all of them a moment before, and then
    let wanted = Reservation { expires: 5000, ..of_ten(&world, 3, 10) };
    assert_eq!(world.store.reserve(&wanted, 999).await.unwrap(), Reserved::Exhausted { left: 0 });
    assert_eq!(world.store.reserve(&wanted, 1000).await.unwrap(), Reserved::Held);
    // Then the first two have lapsed, and nothing is counted twice
    assert_eq!(world.store.confirm(&world.resource(), world.holder(1)).await.unwrap(), Confirmed::Lapsed);
    assert_eq!(world.store.confirm(&world.resource(), world.holder(2)).await.unwrap(), Confirmed::Lapsed);
    assert_eq!(usage(&world).await, (0, 10));
}

pub(super) async fn an_expired_reservation_that_nobody_took_back_is_confirmed(world: World) {
    // Given a reservation that has expired, when its holder tries again and confirms late
    world.store.reserve(&of_ten(&world, 1, 10), 0).await.unwrap();
    assert_eq!(world.store.reserve(&of_ten(&world, 1, 10), 7000).await.unwrap(), Reserved::Held);
    // Then it is still good: nobody else was promised it
    assert_eq!(world.store.confirm(&world.resource(), world.holder(1)).await.unwrap(), Confirmed::Confirmed);
    assert_eq!(usage(&world).await, (10, 0));
}

pub(super) async fn what_is_confirmed_stays_spent(world: World) {
    // Given a confirmed part
    world.store.reserve(&of_ten(&world, 1, 10), 0).await.unwrap();
    // When it is confirmed again, released, and its expiry passes
    for _ in 0..2 {
        assert_eq!(world.store.confirm(&world.resource(), world.holder(1)).await.unwrap(), Confirmed::Confirmed);
    }
    world.store.release(&world.resource(), world.holder(1)).await.unwrap();
    let later = world.store.reserve(&of_ten(&world, 2, 1), 9000).await.unwrap();
    // Then it is spent
    assert_eq!(later, Reserved::Exhausted { left: 0 });
    assert_eq!(usage(&world).await, (10, 0));
    // And who never reserved has nothing to confirm
    assert_eq!(world.store.confirm(&world.resource(), world.holder(9)).await.unwrap(), Confirmed::Lapsed);
}

pub(super) async fn what_is_released_can_be_reserved_again(world: World) {
    // Given all held, when it is released, twice
    world.store.reserve(&of_ten(&world, 1, 10), 0).await.unwrap();
    for _ in 0..2 {
        world.store.release(&world.resource(), world.holder(1)).await.unwrap();
        assert_eq!(usage(&world).await, (0, 0));
    }
    // Then another may have it, and the first has nothing
    assert_eq!(world.store.reserve(&of_ten(&world, 2, 10), 0).await.unwrap(), Reserved::Held);
    assert_eq!(world.store.confirm(&world.resource(), world.holder(1)).await.unwrap(), Confirmed::Lapsed);
}
