//! States that are told of: since when they hold, when they begin or cease next, what lies in a cart, who is seen.

use crate::common::{START, add, lead, minute, model, server_touch, text, touch, with};
use engine::model::Via;
use engine::{Currency, Item, Lead, Millis, Model, Money, Span, Touch, cart_items, evaluate, next_notice, preset};

const SEASONS: &str = r#"
version = 1
name = "tyres"
[[stages]]
name = "cold"
[[rules]]
id = "change_season"
while = { all = [
    { field = "attribute.segment", eq = "lease" },
    { any = [
        { all = [{ field = "date", gte = "10-01" }, { field = "date", lt = "12-01" }] },
        { all = [{ field = "date", gte = "03-01" }, { field = "date", lt = "05-01" }] },
    ] },
] }
notice = "season"
via = ["mail"]
per = { times = 1, every = "90d" }
[[rules]]
id = "looked"
while = { field = "recent.1d.page_view", gte = 1 }
points = 1
"#;

fn item(id: &str, quantity: u32, euro: i64) -> Item {
    Item {
        id: id.into(),
        name: Some(format!("Article {id}").as_str().into()),
        category: None,
        variant: None,
        price: Some(Money { minor: euro * 100, currency: Currency::EUR }),
        quantity,
    }
}

fn cart(id: &str, name: &str, at: i64, items: Vec<Item>) -> Touch {
    Touch { items, ..touch(id, name, minute(at)) }
}

/// When a state that is told of begins or ceases next.
fn foreseen(lead: &Lead, model: &Model, now: Millis) -> Option<Millis> {
    next_notice(lead, model, &evaluate(lead, model, now))
}

/// The rules that are told of, and since when.
fn told(lead: &Lead, model: &Model, now: Millis) -> Vec<(String, Millis)> {
    let held = evaluate(lead, model, now).told_of;
    held.into_iter().map(|(rule, since)| (model.rules[rule].id.to_string(), since)).collect()
}

#[test]
fn an_abandoned_cart_is_foreseen_to_the_millisecond_and_a_purchase_before_it_cancels() {
    let model = model(preset("b2c").unwrap());
    let rule = model.rule("cart_abandoned").unwrap().notice().unwrap();
    assert_eq!((&*rule.name, rule.of_cart, rule.needs_cart, rule.of_abandonment), ("cart_abandoned", true, true, true));
    // given something in the cart, and nothing since
    let mut known = lead([cart("1", "add_to_cart", 0, vec![item("a", 2, 10)])]);
    let begins = minute(60);
    // then it is foreseen, holds from that instant on, and ends with the next thing that happens
    assert_eq!(foreseen(&known, &model, START), Some(begins));
    assert_eq!(told(&known, &model, begins - Span(1)), []);
    assert_eq!(told(&known, &model, begins), [("cart_abandoned".to_owned(), begins)]);
    assert_eq!(foreseen(&known, &model, begins), None, "it holds until something happens");
    add(&mut known, touch("2", "page_view", minute(59)));
    assert_eq!(foreseen(&known, &model, minute(59)), Some(minute(119)));
    add(&mut known, touch("3", "purchase", minute(60)));
    assert_eq!(foreseen(&known, &model, minute(60)), None, "bought");
    // an empty cart is nobody's
    assert_eq!(foreseen(&lead([touch("1", "page_view", START)]), &model, START), None);
}

#[test]
fn a_mail_that_is_sent_is_no_sign_of_whom_it_is_sent_to_and_one_that_is_opened_is() {
    let model = model(preset("b2c").unwrap());
    let mut known = lead([cart("1", "add_to_cart", 0, vec![])]);
    add(&mut known, server_touch("2", "email_sent", minute(70)));
    assert_eq!(told(&known, &model, minute(70)), [("cart_abandoned".to_owned(), minute(60))]);
    assert_eq!(evaluate(&known, &model, minute(70)).last_seen, Some(START));
    add(&mut known, server_touch("3", "email_open", minute(80)));
    assert_eq!(told(&known, &model, minute(80)), []);
}

#[test]
fn a_season_begins_and_ends_by_itself_and_only_what_is_told_of_is_foreseen() {
    let model = model(SEASONS);
    assert_eq!(model.notices().map(|(_, notice)| notice.via.clone()).collect::<Vec<_>>(), [vec![Via::Mail]]);
    let lease = with([("segment", text("lease"))], server_touch("crm", "set_attributes", START));
    let known = lead([touch("1", "page_view", START), lease]);
    // 1 October, 1 December, 1 March, UTC
    let changes = [1_790_812_800_000, 1_796_083_200_000, 1_803_859_200_000].map(Millis);
    let mut at = START;
    for change in changes {
        at = foreseen(&known, &model, at).unwrap();
        assert_eq!(at, change);
    }
    assert_eq!(told(&known, &model, changes[0]), [("change_season".to_owned(), changes[0])]);
    assert_eq!(told(&known, &model, changes[1]), []);
    assert_eq!(foreseen(&lead([touch("1", "page_view", START)]), &model, START), None, "of another segment");
}

#[test]
fn without_a_cart_only_what_needs_one_is_not_foreseen() {
    let foreseen_from = |holds: &str| {
        let text = format!(
            "version = 1\nname = \"k\"\n[[stages]]\nname = \"cold\"\n\
             [[rules]]\nid = \"a\"\nnotice = \"a\"\nwhile = {{ {holds} }}"
        );
        foreseen(&lead([touch("1", "page_view", START)]), &model(&text), START)
    };
    let (cart, autumn) = ("{ field = \"cart.quantity\", gt = 0 }", "{ field = \"date\", gte = \"10-01\" }");
    let october = Some(Millis(1_790_812_800_000));
    assert_eq!(foreseen_from(&format!("any = [{cart}, {autumn}]")), october);
    assert_eq!(foreseen_from(&format!("all = [{{ field = \"cart.quantity\", gte = 0 }}, {autumn}]")), october);
    assert_eq!(foreseen_from(&format!("all = [{{ not = {cart} }}, {autumn}]")), october);
    assert_eq!(foreseen_from(&format!("all = [{cart}, {autumn}]")), None);
}

#[test]
fn what_lies_in_a_cart_is_what_was_added_less_what_was_removed_since_the_last_order() {
    let held = |lead: &Lead| -> Vec<(String, i64)> {
        cart_items(lead).into_iter().map(|one| (one.item.id.to_string(), one.quantity)).collect()
    };
    let mut known = lead([
        cart("1", "add_to_cart", 0, vec![item("old", 1, 5)]),
        cart("2", "purchase", 1, vec![item("old", 1, 5)]),
        cart("3", "add_to_cart", 2, vec![item("a", 2, 10), item("b", 1, 20)]),
        cart("4", "add_to_cart", 3, vec![item("a", 1, 9)]),
        cart("5", "remove_from_cart", 4, vec![item("b", 3, 20), item("never", 1, 1)]),
    ]);
    assert_eq!(held(&known), [("a".to_owned(), 3)]);
    assert_eq!(cart_items(&known)[0].item.price.unwrap().to_string(), "9.00 EUR", "as it was put in last");
    // a second telling of the first order does not empty the cart of now
    let order = |id: &str, at: i64| Touch { transaction: Some("1".into()), ..cart(id, "purchase", at, vec![]) };
    let mut twice = lead([order("p", 0), cart("c", "add_to_cart", 1, vec![item("a", 1, 10)])]);
    add(&mut twice, Touch { trust: engine::Trust::Server, ..order("s", 2) });
    assert_eq!(held(&twice), [("a".to_owned(), 1)]);
    add(&mut known, cart("6", "purchase", 9, vec![]));
    assert_eq!(held(&known), []);
}

#[test]
fn kinds_of_touch_have_a_cost_and_an_impact() {
    let model = model(
        "version = 1\nname = \"k\"\n[[stages]]\nname = \"cold\"\n\
         [[touch_kinds]]\nevent = \"call_outcome\"\ntitle = \"Phone call\"\ncost = \"12.50\"\nimpact = 5\n\
         [[touch_kinds]]\nevent = \"email_sent\"",
    );
    let kinds: Vec<_> = model
        .touch_kinds
        .iter()
        .map(|kind| (kind.event.as_str(), &*kind.title, kind.cost.to_string(), kind.impact))
        .collect();
    let (call, mail) = (("call_outcome", "Phone call", "12.50 EUR".to_owned(), 5), "0.00 EUR".to_owned());
    assert_eq!(kinds, [call, ("email_sent", "email_sent", mail, 1)]);
}

#[test]
fn a_funnel_takes_its_steps_in_order_each_by_a_touch_of_its_own() {
    let model = model(SEASONS);
    let steps =
        ["{ field = \"event\", eq = \"email_open\" }", "{ field = \"event\", in = [\"email_open\", \"appointment\"] }"];
    let funnel = engine::Funnel::parse(steps, &model).unwrap();
    let came = |touches: Vec<Touch>| funnel.reached(&lead(touches), &model, minute(0), minute(60));
    let (open, appointment) = (|at| touch("o", "email_open", minute(at)), |at| touch("a", "appointment", minute(at)));
    assert_eq!(came(vec![]), 0);
    assert_eq!(came(vec![open(1)]), 1, "one touch is one step");
    assert_eq!(came(vec![appointment(1), open(2)]), 1, "in order");
    assert_eq!(came(vec![open(1), appointment(2)]), 2);
    assert_eq!(came(vec![open(1), appointment(61)]), 1, "after the period");
    assert_eq!(came(vec![open(-1), appointment(2)]), 0, "before it");
    // and the name of an event alone is a step
    let named = engine::Funnel::parse(["email_open", "appointment"], &model).unwrap();
    let both = lead(vec![open(1), appointment(2)]);
    assert_eq!(named.reached(&both, &model, minute(0), minute(60)), 2);
    // and a step that is none says which, what, and what is allowed
    let broken = ["{ field = \"event\", eq = \"a\" }", "{ field = \"evnt\", eq = 1 }", "1\nother = 2", "{"];
    let faults = engine::Funnel::parse(broken, &model).unwrap_err();
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].starts_with("step[1].field: found \"evnt\", allowed: event, "), "{told:?}");
    assert!(told[1].starts_with("step[2]: found 1\nother = 2, allowed: an event's name, or one condition"), "{told:?}");
    assert!(told[2].starts_with("step[3]: found "), "{told:?}");
}
