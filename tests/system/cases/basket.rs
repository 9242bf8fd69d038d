//! `abandoned_basket`: a cart is not paid, nothing happens for an hour, and that is told once.

use std::fs;

use serde_json::{Value, json};
use tests::{
    body::{Page, now},
    environment::SITE,
    workspace,
};

use super::{Case, article, row};

const URL: &str = "/jassen/regenjas";
const MINUTE: i64 = 60_000;

async fn shop() -> Case {
    Case::of("b2c", "").await
}

fn boots() -> Value {
    json!({ "items": [article("laars-1", "Regenlaars", "39.95", 2)] })
}

/// A visitor who put two boots and a coat into the cart, and took one boot out again.
async fn leaves_a_cart(case: &Case, page: &mut Page) -> String {
    let coat =
        json!({ "items": [article("jas-7", "Regenjas Texel", "89.50", 1)], "value": "89.50", "currency": "EUR" });
    let one = json!({ "items": [article("laars-1", "Regenlaars", "39.95", 1)] });
    let events = [("page_view", json!({})), ("add_to_cart", boots()), ("add_to_cart", coat), ("remove_from_cart", one)];
    case.visits(page, URL, &events).await
}

/// The names of a message's fields, of the cart's, and of the first line's and touch's.
fn fields(message: &Value) -> Vec<String> {
    let names = |value: &Value, before: &str| -> Vec<String> {
        value.as_object().into_iter().flatten().map(|(name, _)| format!("{before}{name}")).collect()
    };
    let touches = message["touches"].as_array().unwrap();
    let on_page = touches.iter().find(|touch| touch["path"].is_string()).cloned().unwrap_or_default();
    let inner = ["cart", "order", "model"].into_iter().flat_map(|name| names(&message[name], name));
    let first = names(&message["cart"]["items"][0], "item").into_iter().chain(names(&on_page, "touch"));
    let mut all: Vec<String> = names(message, "").into_iter().chain(inner).chain(first).collect();
    all.sort();
    all
}

/// The message of this type in WIRE.md.
fn promised(kind: &str) -> Value {
    let text = fs::read_to_string(workspace::root().join("collector/crates/wire/WIRE.md")).unwrap();
    let examples = text.split("```json\n").skip(1).filter_map(|part| part.split_once("```"));
    let examples = examples.filter_map(|(example, _)| serde_json::from_str::<Value>(example).ok());
    examples.filter(|example| example["type"] == kind).last().unwrap_or_else(|| panic!("{kind} is not in WIRE.md"))
}

#[tokio::test]
async fn abandoned_basket_is_told_once_at_the_hour_with_what_lies_in_it() {
    let mut case = shop().await;
    let mut page = Page::of_visitor(SITE, 1);
    let visitor = leaves_a_cart(&case, &mut page).await;
    let left = case.visitor(&visitor).await["last_seen"].as_i64().unwrap();

    // just before the hour nothing is told, and just after it one message
    case.advance("59m").await;
    assert_eq!(case.messages("cart_abandoned").await, Vec::<Value>::new());
    case.advance("2m").await;
    let messages = case.messages("cart_abandoned").await;
    let [told] = messages.as_slice() else { panic!("not one: {messages:#?}") };
    assert_eq!((&told["site"], &told["visitor"]), (&json!(SITE), &json!(visitor)));
    assert_eq!(told["since"], left + 60 * MINUTE, "the predicted instant");
    let late = told["announced_at"].as_i64().unwrap() - told["since"].as_i64().unwrap();
    assert!((0..1_500).contains(&late), "{late} ms late");
    assert_eq!((&told["rule"], &told["title"]), (&json!("cart_abandoned"), &json!("Left the cart without buying")));
    assert_eq!(told["via"], json!(["webhook", "mail"]));
    let cart = json!({
        "quantity": 2, "value": "129.45", "currency": "EUR",
        "items": [
            { "id": "laars-1", "name": "Regenlaars", "quantity": 1, "price": "39.95", "currency": "EUR" },
            { "id": "jas-7", "name": "Regenjas Texel", "quantity": 1, "price": "89.50", "currency": "EUR" },
        ],
    });
    assert_eq!(told["cart"], cart);
    assert_eq!(told["touches"][0]["name"], "remove_from_cart");
    assert_eq!(told["touches"][0]["path"], URL);
    assert_eq!(told["url"], format!("/sites/{SITE}/leads/{visitor}"));
    assert_eq!(fields(told), fields(&promised("cart_abandoned")), "the fields of WIRE.md's example, and no others");

    // and however long it lies there, the mail about it is sent and opened, or the visitor looks in again: no second one
    case.tells(&visitor, "email_sent", json!({})).await;
    case.advance("2h").await;
    case.tells(&visitor, "email_open", json!({})).await;
    case.advance("2h").await;
    case.visits(&mut page, URL, &[("page_view", json!({}))]).await;
    case.advance("30d").await;
    assert_eq!(case.messages("cart_abandoned").await, messages);

    // nor after a kill, nor by a model that is published again
    case.environment.collector.kill_9().await.unwrap();
    case.environment.collector.restart().await.unwrap();
    case.advance("2h").await;
    case.printed(&["model", "publish", "1"]);
    case.advance("2h").await;
    assert_eq!(case.messages("cart_abandoned").await, messages);

    // but when something is put in since, it is another one
    case.visits(&mut page, URL, &[("add_to_cart", boots())]).await;
    case.advance("61m").await;
    assert_eq!(case.messages("cart_abandoned").await.len(), 2);
}

#[tokio::test]
async fn abandoned_basket_comes_again_with_the_same_id_after_the_loss_of_the_store() {
    let mut case = shop().await;
    leaves_a_cart(&case, &mut Page::of_visitor(SITE, 1)).await;
    case.advance("61m").await;
    let before = case.messages("cart_abandoned").await;

    case.environment.collector.kill_9().await.unwrap();
    fs::remove_dir_all(case.environment.data().join("store")).unwrap();
    case.environment.collector.restart().await.unwrap();
    case.advance("2m").await;

    let after = case.messages("cart_abandoned").await;
    assert_eq!(after.len(), 1, "{after:#?}");
    assert_eq!((&after[0]["id"], &after[0]["since"]), (&before[0]["id"], &before[0]["since"]), "a receiver can tell");
}

#[tokio::test]
async fn abandoned_basket_is_cancelled_by_a_purchase_before_the_hour_and_put_off_by_anything_else() {
    let case = shop().await;
    let (mut buyer, mut reader) = (Page::of_visitor(SITE, 1), Page::of_visitor(SITE, 2));
    leaves_a_cart(&case, &mut buyer).await;
    let reading = leaves_a_cart(&case, &mut reader).await;
    case.advance("50m").await;
    case.visits(&mut buyer, "/bedankt", &[("purchase", json!({ "transaction_id": "1" }))]).await;
    case.visits(&mut reader, URL, &[("page_view", json!({}))]).await;

    case.advance("50m").await;
    assert_eq!(case.messages("cart_abandoned").await, Vec::<Value>::new());
    case.advance("11m").await;
    let told = case.messages("cart_abandoned").await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["visitor"], reading);
    case.advance("30d").await;
    assert_eq!(case.messages("cart_recovered").await, Vec::<Value>::new());
}

#[tokio::test]
async fn abandoned_basket_found_later_is_told_to_nobody() {
    let case = shop().await;
    // given a cart of three weeks ago that a server tells of now, and one that was put there half an hour ago
    let time = |ago: i64| json!({ "time": now() - ago * MINUTE, "items": [article("a", "A", "9.95", 1)] });
    case.tells("long ago", "add_to_cart", time(3 * 7 * 24 * 60)).await;
    let recent = case.tells("recently", "add_to_cart", time(30)).await;
    case.advance("1d").await;
    let told = case.messages("cart_abandoned").await;
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(told[0]["visitor"], recent);

    // and a model that is published with a notice tells nothing of what holds already
    let loud = case.environment.config().with_file_name("loud.toml");
    let notice = "[[rules]]\nid = \"loud\"\nwhile = { field = \"cart.quantity\", gt = 0 }\nnotice = \"has_cart\"\n";
    fs::write(&loud, format!("{}\n{notice}", engine::preset("b2c").unwrap())).unwrap();
    case.printed(&["model", "publish", loud.to_str().unwrap()]);
    case.tells(&recent, "email_open", json!({})).await;
    case.advance("1h").await;
    assert_eq!(case.messages("has_cart").await, Vec::<Value>::new());
    let new = case.tells("new", "add_to_cart", json!({})).await;
    assert_eq!(case.messages_of("has_cart", &new).await.len(), 1);
}

#[tokio::test]
async fn abandoned_basket_bought_after_all_is_recovered_once_and_reported_with_its_value() {
    let case = shop().await;
    // given three carts that were told of
    let mut pages: Vec<Page> = (1..=3).map(|number| Page::of_visitor(SITE, number)).collect();
    let mut visitors = Vec::new();
    for page in &mut pages {
        visitors.push(leaves_a_cart(&case, page).await);
    }
    case.advance("2h").await;
    assert_eq!(case.messages("cart_abandoned").await.len(), 3);

    // when the first is bought, as the page says at once and the server a minute later
    let order = |number: &str, value: &str| json!({ "transaction_id": number, "value": value, "currency": "EUR" });
    case.visits(&mut pages[0], "/bedankt", &[("purchase", order("2204", "1.00"))]).await;
    case.advance("1m").await;
    assert_eq!(case.messages("cart_recovered").await, Vec::<Value>::new(), "it waits for the server");
    case.tells(&visitors[0], "purchase", order("2204", "119.45")).await;

    // then that is told, with the server's amount
    let messages = case.messages("cart_recovered").await;
    let [told] = messages.as_slice() else { panic!("not one: {messages:#?}") };
    assert_eq!(told["visitor"], visitors[0]);
    assert_eq!(told["order"], json!({ "transaction_id": "2204", "value": "119.45", "currency": "EUR" }));
    assert_eq!(told["notice"], "cart_abandoned");
    assert!(told["at"].as_i64() > told["abandoned_at"].as_i64(), "{told}");
    assert_eq!(fields(told), fields(&promised("cart_recovered")), "the fields of WIRE.md's example, and no others");

    // and one that only a page tells of, after ten minutes, without an amount; each once, whatever is bought later
    case.visits(&mut pages[1], "/bedankt", &[("purchase", order("2205", "5000.00"))]).await;
    case.advance("11m").await;
    case.tells(&visitors[0], "purchase", order("2206", "10.00")).await;
    case.advance("40d").await;
    let messages = case.messages("cart_recovered").await;
    assert_eq!(messages.len(), 2, "{messages:#?}");
    assert_eq!((&messages[1]["visitor"], &messages[1]["order"]), (&json!(visitors[1]), &Value::Null));

    // and the report has both, with what is known of their value
    let printed = case.printed(&["report", "carts", SITE, "--since", "60d"]);
    assert_eq!(row(&printed, "abandoned"), ["3", "100.0 %", "3", "388.35 EUR", "3"], "{printed}");
    assert_eq!(row(&printed, "recovered"), ["2", "66.7 %", "2", "119.45 EUR", "1"], "{printed}");
    let printed = case.printed(&["report", "carts", "--since", "1d"]);
    assert_eq!(row(&printed, "abandoned"), ["0", "–", "0", "0.00 EUR", "0"], "{printed}");
}
