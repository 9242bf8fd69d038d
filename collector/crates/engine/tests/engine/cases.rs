//! The cases that must work, as far as the engine decides them.

use crate::common::{START, at_page, decide_at, lead, minute, model, offer_touch, on_page, server_touch, touch};
use engine::{
    CouponCode, Lead, LedgerLimits, OfferId, Points, Properties, Reason, Scalar, Touch, Trust, claim, evaluate,
    presets, record,
};

const SHOP: &str = include_str!("shop.toml");

/// The ids of the offers that a page would show.
fn shown(lead: &Lead, path: &str, at: i64) -> Vec<String> {
    let decision = decide_at(lead, &model(SHOP), &at_page(path), minute(at));
    decision.offers.iter().map(|chosen| chosen.offer.to_string()).collect()
}

fn view(id: &str, path: &str, at: i64) -> Touch {
    on_page(path, touch(id, "page_view", minute(at)))
}

/// Somebody whose welcome is over, so that only the offer in question remains.
fn browsing() -> Vec<Touch> {
    vec![
        view("s:1", "/", 0),
        offer_touch("w", "offer_shown", "welcome", "d0", START),
        view("s:2", "/jassen/regenjas", 1),
    ]
}

#[test]
fn mango_the_popup_comes_after_the_cart_once_and_its_code_after_the_sign_up() {
    let model = model(SHOP);
    let mut story = browsing();
    assert!(shown(&lead(story.clone()), "/jassen/regenjas", 1).is_empty(), "nothing was put into the cart yet");
    // given something in the cart, on the page where it was put there
    story.push(on_page("/jassen/regenjas", touch("s:3", "add_to_cart", minute(2))));
    assert!(shown(&lead(story.clone()), "/jassen/regenjas", 2).is_empty(), "it waits for the next page");
    // when the visitor looks further
    story.push(view("s:4", "/jassen", 3));
    let browsing_on = lead(story.clone());
    let decision = decide_at(&browsing_on, &model, &at_page("/jassen"), minute(3));
    // then the popup comes, without its code, and says why
    let [popup] = &decision.offers[..] else { panic!("one offer, found {decision:?}") };
    assert_eq!(
        (popup.offer.as_str(), popup.slot.as_str(), popup.field.as_deref()),
        ("cart-newsletter", "popup", Some("email"))
    );
    assert_eq!((popup.goal.as_ref().map(|goal| goal.as_str()), popup.code.as_ref()), (Some("sign_up"), None));
    assert_eq!(popup.reasons, [Reason::SequenceMatched, Reason::AttributeMatched, Reason::PageMatched]);

    // when it was shown, then it does not come again
    story.push(offer_touch("s:5", "offer_shown", "cart-newsletter", "d1", minute(3)));
    story.push(view("s:6", "/broeken", 4));
    assert!(shown(&lead(story.clone()), "/broeken", 4).is_empty());

    // when the visitor subscribes in it, then the code is theirs, the same one however often they ask
    story.push(offer_touch("s:7", "sign_up", "cart-newsletter", "d1", minute(5)));
    let mut subscribed = lead(story);
    let offer = OfferId::parse("cart-newsletter").unwrap();
    let ask = |lead: &Lead, text: &str| {
        let model = crate::common::model(text);
        claim(lead, &evaluate(lead, &model, minute(6)), &model, &offer, minute(6)).unwrap()
    };
    let grant = ask(&subscribed, SHOP);
    assert_eq!((grant.code.known(), grant.already_granted), (Some("WARM10"), false));
    let code: Properties = [("code".into(), Scalar::Text("WARM10".into()))].into_iter().collect();
    let granted = offer_touch("own:1", "gloed_granted", "cart-newsletter", "d1", minute(6));
    let granted = Touch { trust: Trust::Product, properties: code, ..granted };
    record(&mut subscribed, granted, &LedgerLimits::default());
    let again = ask(&subscribed, &SHOP.replace("WARM10", "KOUD5"));
    assert_eq!(
        (again.code.known(), again.already_granted),
        (Some("WARM10"), true),
        "an edit of the model takes no code away"
    );
}

#[test]
fn mango_no_popup_for_whoever_goes_straight_to_the_checkout_subscribed_or_bought() {
    let cart = on_page("/jassen/regenjas", touch("s:3", "add_to_cart", minute(2)));
    let after_cart = |more: &[Touch]| lead(browsing().into_iter().chain([cart.clone()]).chain(more.iter().cloned()));
    // straight to the checkout: neither there, nor on a page after it
    let checkout = after_cart(&[view("s:4", "/checkout/adres", 3), touch("s:5", "begin_checkout", minute(3))]);
    assert!(shown(&checkout, "/checkout/adres", 3).is_empty());
    let back = after_cart(&[touch("s:4", "begin_checkout", minute(3)), view("s:5", "/jassen", 4)]);
    assert!(shown(&back, "/jassen", 4).is_empty());
    // bought
    let bought = after_cart(&[touch("s:4", "purchase", minute(3)), view("s:5", "/jassen", 4)]);
    assert!(shown(&bought, "/jassen", 4).is_empty());
    // subscribed already, and unsubscribed again
    let newsletter = |truth: bool| [("newsletter".into(), Scalar::Boolean(truth))].into_iter().collect();
    let set = |id: &str, truth, at| Touch { properties: newsletter(truth), ..touch(id, "set_attributes", minute(at)) };
    let subscribed = [set("s:4", true, 3), view("s:5", "/jassen", 4)];
    assert!(shown(&after_cart(&subscribed), "/jassen", 4).is_empty());
    let [first, second] = subscribed;
    let removed = Touch { removed: vec!["newsletter".into()], ..touch("s:6", "set_attributes", minute(5)) };
    assert_eq!(shown(&after_cart(&[first, second, removed]), "/jassen", 5), ["cart-newsletter"]);
}

#[test]
fn first_visit_gives_a_code_once_and_no_later_visit_does() {
    let model = model(SHOP);
    let first = lead([view("s:1", "/", 0)]);
    let decision = decide_at(&first, &model, &at_page("/"), minute(0));
    assert_eq!(decision.offers[0].code.as_ref().and_then(CouponCode::known), Some("WELKOM5"));
    assert_eq!(decision.offers[0].reasons, [Reason::VisitMatched]);
    // shown once
    let seen = lead([view("s:1", "/", 0), offer_touch("s:2", "offer_shown", "welcome", "d1", START)]);
    assert!(shown(&seen, "/", 1).is_empty());
    // and on the second visit it is over, shown or not
    let again = lead([view("s:1", "/", 0), view("s:2", "/", 60)]);
    assert!(shown(&again, "/", 60).is_empty());
}

#[test]
fn a_brochure_puts_a_label_on_the_lead_and_the_label_chooses_the_offer() {
    let file: Properties = [("file".into(), Scalar::Text("/files/brochure-2026.pdf".into()))].into_iter().collect();
    let download = Touch { properties: file, ..touch("s:3", "file_download", minute(2)) };
    let labelled = lead(browsing().into_iter().chain([download]));
    let evaluation = evaluate(&labelled, &model(SHOP), minute(3));
    let [label] = &evaluation.labels[..] else { panic!("{:?}", evaluation.labels) };
    assert_eq!((&*label.label, label.touch.as_str(), label.since), ("brochure", "s:3", minute(2)));
    assert_eq!(shown(&labelled, "/", 3), ["advice"]);
    // four weeks later the interest is over
    assert!(shown(&labelled, "/", 2 + 28 * 24 * 60).is_empty());
}

#[test]
fn b2c_a_visit_passes_through_warm_and_can_become_hot() {
    let model = model(presets::find("b2c").unwrap());
    let steps: [(&str, &str); 15] = [
        ("page_view", "cold"),
        ("page_view", "cold"),
        ("view_item", "cold"),
        ("page_view", "cold"),
        ("view_item", "cold"),
        ("add_to_cart", "cold"),
        ("page_view", "warm"),
        ("view_item", "warm"),
        ("sign_up", "warm"),
        ("view_cart", "warm"),
        ("page_view", "warm"),
        ("begin_checkout", "hot"),
        ("add_shipping_info", "hot"),
        ("add_payment_info", "hot"),
        ("purchase", "hot"),
    ];
    let mut lead = Lead::default();
    for (number, (name, stage)) in steps.into_iter().enumerate() {
        // when the visitor takes the next step, a minute after the one before
        let now = minute(i64::try_from(number).unwrap());
        record(&mut lead, touch(&format!("s:{number}"), name, now), &LedgerLimits::default());
        // then the stage is the one expected
        let evaluation = evaluate(&lead, &model, now);
        assert_eq!(evaluation.stage_name, stage, "after step {number}, {name}, at {}", evaluation.score);
    }
    // and all of it came from a browser, so it stays within the cap
    assert!(evaluate(&lead, &model, minute(15)).score <= Points::whole(100));
}

#[test]
fn b2c_visiting_the_cart_outweighs_opening_a_mail() {
    let model = model(presets::find("b2c").unwrap());
    let score = |touch: Touch| evaluate(&lead([touch]), &model, START).score;
    let opened = score(server_touch("a", "email_open", START));
    assert!(score(touch("a", "view_cart", START)) > opened);
    assert!(opened > Points::ZERO);
    assert_eq!(presets::find("b2z").unwrap_err().to_string(), "unknown preset \"b2z\", allowed: b2c, b2b, exact");
}
