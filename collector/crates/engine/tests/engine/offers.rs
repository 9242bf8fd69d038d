//! What decisions look like from outside, apart from the cases: slots, dates, gaps, dismissals, languages, reasons.

use crate::common::{START, at_page, decide_at, lead, minute, model, offer_touch, on_page, touch};
use engine::{CouponCode, Lead, Millis, Model, Moment, OfferId, PoolName, Reason, Slot, Span, claim, decide, evaluate};

const SHOP: &str = include_str!("shop.toml");

fn refused(lead: &Lead, model: &Model, moment: &Moment, now: Millis, offer: &str) -> (Reason, String) {
    let moment = Moment { explain: true, ..moment.clone() };
    let decision = decide(lead, &evaluate(lead, model, now), model, &moment, now);
    let found = decision.considered.into_iter().find(|considered| considered.offer.as_str() == offer);
    let found = found.unwrap_or_else(|| panic!("{offer} was not refused"));
    assert!(!found.shown);
    (found.reason, found.detail)
}

#[test]
fn every_refusal_says_which_part_decided() {
    let (model, page) = (model(SHOP), at_page("/jassen"));
    let cold = lead([on_page("/", touch("a", "page_view", START))]);
    for (offer, reason, detail) in [
        ("cart-newsletter", Reason::SequenceNotMatched, "step 1 of 2: event = add_to_cart"),
        ("advice", Reason::LabelMissing, "label = brochure"),
        ("autumn", Reason::SlotNotOffered, "slot = home"),
    ] {
        assert_eq!(refused(&cold, &model, &page, minute(1), offer), (reason, detail.to_owned()));
    }
    // the same in the slot that it is for: before its first day, on it, after its last
    let home = Moment { slots: vec![Slot::parse("home").unwrap()], ..page };
    let october = Millis(1_790_812_800_000);
    assert_eq!(refused(&cold, &model, &home, october - Span(1), "autumn").0, Reason::NotYet);
    assert_eq!(refused(&cold, &model, &home, october, "autumn"), (Reason::StageTooLow, "stage >= warm".to_owned()));
    assert_eq!(refused(&cold, &model, &home, october + Span::days(31), "autumn").0, Reason::Ended);
    // and without being asked, a decision does not list what it did not choose
    let plain = decide(&cold, &evaluate(&cold, &model, minute(1)), &model, &home, minute(1));
    assert!(plain.considered.is_empty());
}

#[test]
fn one_offer_for_each_slot_by_priority_then_id() {
    let offer = |id: &str, priority: i64| {
        format!(
            "[[offers]]\nid = \"{id}\"\nslot = \"popup\"\npriority = {priority}\ncontent.nl = {{ title = \"{id}\" }}\n"
        )
    };
    let text = format!(
        "version = 1\nname = \"m\"\n[[stages]]\nname = \"cold\"\n{}{}{}",
        offer("b", 5),
        offer("a", 5),
        offer("c", 4)
    );
    let model = model(&text);
    let decision = decide_at(&Lead::default(), &model, &at_page("/"), START);
    let [chosen] = &decision.offers[..] else { panic!("{decision:?}") };
    assert_eq!((chosen.offer.as_str(), &chosen.reasons[..]), ("a", &[Reason::Unconditional][..]));
    let (reason, detail) = refused(&Lead::default(), &model, &at_page("/"), START, "c");
    assert_eq!((reason, detail.as_str()), (Reason::LowerPriority, "a takes the slot"));
}

#[test]
fn a_reservation_holds_until_its_page_is_left_or_thirty_minutes_have_passed() {
    let (model, page) = (model(SHOP), at_page("/"));
    let first = on_page("/", touch("a", "page_view", START));
    let reserved = offer_touch("r", "gloed_reserved", "welcome", "d1", START);
    // given an offer that a decision has reserved and no page has shown
    let held = lead([first.clone(), reserved.clone()]);
    assert_eq!(refused(&held, &model, &page, minute(29), "welcome").0, Reason::Reserved);
    assert_eq!(decide_at(&held, &model, &page, minute(30)).offers.len(), 1);
    // when its stream views another page, then it may be chosen again at once
    let left = lead([first, reserved, on_page("/jassen", touch("b", "page_view", minute(1)))]);
    assert_eq!(decide_at(&left, &model, &page, minute(1)).offers.len(), 1);
}

#[test]
fn an_offer_that_was_shown_or_closed_stays_away_as_long_as_it_says() {
    let model = model(SHOP);
    let page = Moment { slots: vec![Slot::parse("popup").unwrap()], ..at_page("/") };
    let download = |id: &str| {
        let file = ("file".into(), engine::Scalar::Text("/files/brochure-2026.pdf".into()));
        engine::Touch { properties: [file].into_iter().collect(), ..touch(id, "file_download", START) }
    };
    // given an offer that may be shown three times, and was shown twice under one decision, and closed
    let touches = [
        download("a"),
        offer_touch("r", "gloed_reserved", "advice", "d1", minute(1)),
        offer_touch("s", "offer_shown", "advice", "d1", minute(2)),
        offer_touch("t", "offer_shown", "advice", "d1", minute(2)),
        offer_touch("u", "offer_dismissed", "advice", "d1", minute(3)),
    ];
    let closed = lead(touches.clone());
    let (reason, detail) = refused(&closed, &model, &page, minute(4), "advice");
    assert_eq!((reason, detail.as_str()), (Reason::DismissedRecently, "closed less than 1d ago"));
    assert_eq!(decide_at(&closed, &model, &page, minute(3) + Span::days(1)).offers.len(), 1);
    // when it was shown by two more decisions, then that was the third time
    let more = ["d2", "d3"].map(|decision| offer_touch(decision, "offer_shown", "advice", decision, minute(5)));
    let (reason, detail) = refused(&lead(touches.into_iter().chain(more)), &model, &page, minute(9_999), "advice");
    assert_eq!((reason, detail.as_str()), (Reason::AlreadyShown, "shown 3 of 3"));
}

#[test]
fn a_gap_holds_between_offers_that_interrupt_and_not_for_those_in_the_page() {
    let offer = |id: &str, slot: &str| {
        format!("[[offers]]\nid = \"{id}\"\nslot = \"{slot}\"\ncontent.nl = {{ title = \"{id}\" }}\n")
    };
    let model = model(&format!(
        "version = 1\nname = \"m\"\noffers_policy = {{ min_gap = \"10m\" }}\n[[stages]]\nname = \"cold\"\n{}{}{}",
        offer("one", "popup"),
        offer("two", "bar"),
        offer("three", "home")
    ));
    let slots = ["popup", "bar", "home"].map(|slot| Slot::parse(slot).unwrap());
    let page = Moment { slots: slots.into(), ..at_page("/") };
    let shown = lead([offer_touch("s", "offer_shown", "one", "d1", START)]);
    let (reason, detail) = refused(&shown, &model, &page, minute(9), "two");
    assert_eq!((reason, detail.as_str()), (Reason::MinGap, "one less than 10m ago"));
    let ids = |now| {
        let decision = decide_at(&shown, &model, &page, now);
        decision.offers.iter().map(|chosen| chosen.offer.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(ids(minute(9)), ["three"]);
    assert_eq!(ids(minute(10)), ["two", "three"]);
}

#[test]
fn words_come_in_the_language_of_the_moment_with_the_first_as_fallback() {
    let model = model(SHOP);
    let content = &model.offer("cart-newsletter").unwrap().content;
    for (language, title) in [
        (Some("en-GB"), "10 % off?"),
        (Some("NL"), "10 % korting?"),
        (Some("de"), "10 % korting?"),
        (None, "10 % korting?"),
    ] {
        assert_eq!(content.pick(language).unwrap().title, title, "{language:?}");
    }
}

#[test]
fn a_claim_is_refused_with_its_reason() {
    let model = model(SHOP);
    let ask = |lead: &Lead, offer: &str| {
        let offer = OfferId::parse(offer).unwrap();
        claim(lead, &evaluate(lead, &model, minute(9)), &model, &offer, minute(9)).map(|grant| grant.code)
    };
    let shown = lead([offer_touch("s", "offer_shown", "cart-newsletter", "d1", START)]);
    assert_eq!(ask(&shown, "nothing"), Err(Reason::UnknownOffer));
    assert_eq!(ask(&shown, "advice"), Err(Reason::NoCoupon));
    assert_eq!(ask(&Lead::default(), "cart-newsletter"), Err(Reason::NeverShown));
    assert_eq!(ask(&shown, "cart-newsletter"), Err(Reason::GoalNotReached));
    // a goal that was reached without the offer, or before it, earns no code
    let elsewhere =
        lead([offer_touch("s", "offer_shown", "cart-newsletter", "d1", START), touch("g", "sign_up", minute(1))]);
    assert_eq!(ask(&elsewhere, "cart-newsletter"), Err(Reason::GoalNotReached));
    let before = lead([
        offer_touch("g", "sign_up", "cart-newsletter", "d0", START),
        offer_touch("s", "offer_shown", "cart-newsletter", "d1", minute(2)),
    ]);
    assert_eq!(ask(&before, "cart-newsletter"), Err(Reason::GoalNotReached));
}

/// A code of a pool in the popup, and what is there for whoever cannot have one.
const POOLS: &str = r#"
version = 1
name = "pools"
[[stages]]
name = "cold"
[[offers]]
id = "autumn"
slot = "popup"
priority = 5
frequency = { per_visitor = "unlimited" }
coupon = { kind = "pool", pool = "autumn", reveal = "shown" }
content.nl = { title = "5 %" }
[[offers]]
id = "plain"
slot = "popup"
frequency = { per_visitor = "unlimited" }
content.nl = { title = "Welkom" }
"#;

fn granted(code: &str) -> Lead {
    let code = [("code".into(), engine::Scalar::Text(code.into()))].into_iter().collect();
    let touch = offer_touch("own:1", "gloed_granted", "autumn", "d1", START);
    lead([engine::Touch { trust: engine::Trust::Product, properties: code, ..touch }])
}

#[test]
fn an_offer_with_a_pool_asks_for_one_of_its_codes_until_the_ledger_has_one() {
    let (model, page) = (model(POOLS), at_page("/"));
    let pool = CouponCode::OneOf(PoolName::parse("autumn").unwrap());
    let claimed = |lead: &Lead| {
        let offer = OfferId::parse("autumn").unwrap();
        claim(lead, &evaluate(lead, &model, minute(9)), &model, &offer, minute(9)).unwrap()
    };
    // given somebody without a code
    let without = lead([offer_touch("s", "offer_shown", "autumn", "d1", START)]);
    assert_eq!(decide_at(&without, &model, &page, minute(1)).offers[0].code, Some(pool.clone()));
    let claim_of_it = claimed(&without);
    assert_eq!((claim_of_it.code, claim_of_it.already_granted), (pool, false));
    // when one was granted, then it is theirs
    let with = granted("A-1");
    let theirs = CouponCode::Known("A-1".to_owned());
    assert_eq!(decide_at(&with, &model, &page, minute(1)).offers[0].code, Some(theirs.clone()));
    let again = claimed(&with);
    assert_eq!((again.code, again.already_granted), (theirs, true));
}

/// Seen red with a refusal that does not look at what was granted, and without the refusal.
#[test]
fn an_empty_pool_takes_its_offer_away_from_who_has_no_code_yet() {
    let model = model(POOLS);
    let page = Moment { empty_pools: vec![PoolName::parse("autumn").unwrap()], ..at_page("/") };
    let first = |lead: &Lead| decide_at(lead, &model, &page, minute(1)).offers[0].offer.to_string();
    // given an empty pool, then the next offer of the slot is shown to who has no code, and it is said why
    assert_eq!(first(&Lead::default()), "plain");
    assert!(decide_at(&Lead::default(), &model, &page, minute(1)).pool_empty);
    let found = refused(&Lead::default(), &model, &page, minute(1), "autumn");
    assert_eq!(found, (Reason::PoolEmpty, "pool = autumn".to_owned()));
    // and who has a code keeps it
    assert_eq!(first(&granted("A-1")), "autumn");
    assert!(!decide_at(&granted("A-1"), &model, &page, minute(1)).pool_empty);
}

#[test]
fn an_offer_with_signed_codes_says_what_they_are_made_of_until_the_ledger_has_one() {
    let signed =
        POOLS.replace(r#"kind = "pool", pool = "autumn""#, r#"kind = "signed", prefix = "WARM", valid_for = "14d""#);
    let (model, page) = (model(&signed), at_page("/"));
    let code = |lead: &Lead| decide_at(lead, &model, &page, minute(1)).offers[0].code.clone().unwrap();
    // given somebody without a code, then it is said what theirs is made of
    let made_of = code(&Lead::default());
    let coupon = made_of.signed().unwrap();
    assert_eq!((coupon.prefix.as_str(), coupon.valid_days, made_of.known()), ("WARM", 14, None));
    // and who was granted one keeps it
    assert_eq!(code(&granted("WARM-OLD")).known(), Some("WARM-OLD"));
}
