//! Buying, without any script: what the shop's own script reports stands in the pages.

use serde_json::{Value, json};

use crate::browser::{Browser, settings};

/// The facts that the page gives its script.
fn facts(html: &str) -> Value {
    let start = html.split("id=\"page-facts\">").nth(1).unwrap();
    serde_json::from_str(start.split("</script>").next().unwrap()).unwrap()
}

#[tokio::test]
async fn a_visitor_buys_without_scripts() {
    let mut browser = Browser::open(settings()).await;

    // when a coat is added twice and a pair of boots once
    let added = browser.post("/winkelwagen", "product=regenjas-texel&size=M&quantity=2").await;
    browser.post("/winkelwagen", "product=laars-waal&size=41&quantity=1").await;

    // then the browser is sent to the cart, which shows and reports them
    assert_eq!((added.status, added.header("location")), (303, Some("/winkelwagen")));
    let cart = browser.get("/winkelwagen").await.text();
    let event = &facts(&cart)["events"][0];
    assert_eq!(event["event"], "view_cart");
    assert_eq!(event["ecommerce"]["value"], json!(324.85));
    assert_eq!(
        event["ecommerce"]["items"][0],
        json!({ "item_id": "MZ-1001", "item_name": "Regenjas Texel", "item_category": "jassen",
                "item_variant": "M", "price": 129.95, "quantity": 2 })
    );
    assert!(cart.contains("data-test=\"checkout\""));

    // when one coat is taken out again and a code is used
    browser.post("/winkelwagen/wijzigen", "product=regenjas-texel&size=M&quantity=1").await;
    browser.post("/winkelwagen/code", "code=warm10").await;

    // then the checkout starts with what is left, less ten per cent
    let checkout = facts(&browser.get("/en/afrekenen").await.text());
    assert_eq!(checkout["events"][0]["event"], "begin_checkout");
    assert_eq!(checkout["checkout"]["value"], json!(175.41));
    assert_eq!(checkout["checkout"]["coupon"], "WARM10");
    assert_eq!(checkout["checkout"]["items"][0]["item_name"], "Texel raincoat");

    // when the order is placed
    let placed = browser.post("/afrekenen", "name=A&email=a%40example.com&delivery=avond&payment=ideal").await;

    // then the purchase is reported with delivery and a number, and the cart is empty
    assert_eq!((placed.status, placed.header("location")), (303, Some("/bedankt")));
    let thanks = browser.get("/bedankt").await.text();
    let purchase = &facts(&thanks)["events"][0];
    assert_eq!(purchase["event"], "purchase");
    assert_eq!(purchase["ecommerce"]["value"], json!(183.36));
    assert_eq!(purchase["ecommerce"]["shipping"], json!(7.95));
    let number = purchase["ecommerce"]["transaction_id"].as_str().unwrap();
    assert!(number.starts_with("MZ-") && thanks.contains(&format!(">{number}<")));
    assert_eq!(facts(&browser.get("/winkelwagen").await.text())["events"], json!([]));
}

#[tokio::test]
async fn no_two_orders_share_a_number() {
    let mut numbers = std::collections::BTreeSet::new();
    let mut browser = Browser::open(settings()).await;
    for _ in 0..3 {
        browser.post("/winkelwagen", "product=rugtas-dijk&quantity=1").await;
        browser.post("/afrekenen", "delivery=standaard").await;
        let thanks = facts(&browser.get("/bedankt").await.text());
        numbers.insert(thanks["events"][0]["ecommerce"]["transaction_id"].as_str().unwrap().to_owned());
    }

    assert_eq!(numbers.len(), 3);
}

#[tokio::test]
async fn the_shops_script_is_answered_in_json() {
    let mut browser = Browser::open(settings()).await;
    let headers = [("accept", "application/json"), ("content-type", "application/x-www-form-urlencoded")];

    let added = browser.ask("POST", "/en/winkelwagen", &headers, "product=laars-waal&size=40&quantity=3").await;

    assert_eq!(added.status, 200);
    let answer: Value = serde_json::from_slice(&added.body).unwrap();
    assert_eq!(answer, json!({ "count": 3, "name": "Waal boot" }));
}

#[tokio::test]
async fn what_the_shop_does_not_sell_cannot_be_added() {
    let mut browser = Browser::open(settings()).await;
    let cases = ["product=niets&quantity=1", "product=laars-waal&size=99&quantity=1", "product=laars-waal&quantity=1"];
    for form in cases {
        assert_eq!(browser.post("/winkelwagen", form).await.status, 404, "{form}");
    }
    assert_eq!(browser.post("/winkelwagen", "product=rugtas-dijk&quantity=veel").await.status, 422);
    let far_too_many = browser.post("/winkelwagen", "product=rugtas-dijk&quantity=4000000000").await;
    assert_eq!(far_too_many.status, 303);
    let cart = facts(&browser.get("/winkelwagen").await.text());
    assert_eq!(cart["events"][0]["ecommerce"]["items"][0]["quantity"], 9);
}

#[tokio::test]
async fn a_strange_cookie_does_no_harm() {
    let mut browser = Browser::open(settings()).await;
    for value in ["x", "~~~", "laars-waal.41", "laars-waal.41.-1", "niets.M.1~laars-waal..1", "....~.9.9"] {
        let cookies = format!("miezer_cart={value}; miezer_order={value}; miezer_code={value}; =; ;");
        for path in ["/", "/winkelwagen", "/afrekenen", "/bedankt"] {
            let answer = browser.ask("GET", path, &[("cookie", &cookies)], "").await;
            assert_eq!(answer.status, 200, "{path} with {value}");
        }
    }
}

#[tokio::test]
async fn an_unknown_code_is_said_to_be_unknown() {
    let mut browser = Browser::open(settings()).await;
    browser.post("/winkelwagen", "product=rugtas-dijk&quantity=1").await;

    let refused = browser.post("/en/winkelwagen/code", "code=NIETS").await;

    assert_eq!(refused.header("location"), Some("/en/winkelwagen?code=onbekend"));
    assert!(browser.get("/en/winkelwagen?code=onbekend").await.text().contains("We do not know this code."));
}

#[tokio::test]
async fn an_empty_cart_cannot_be_ordered() {
    let mut browser = Browser::open(settings()).await;

    let placed = browser.post("/afrekenen", "delivery=standaard").await;

    assert_eq!(placed.header("location"), Some("/winkelwagen"));
    assert_eq!(facts(&browser.get("/bedankt").await.text())["events"], json!([]));
}

#[tokio::test]
async fn an_overlong_form_is_refused() {
    let mut browser = Browser::open(settings()).await;
    let form = format!("product=rugtas-dijk&quantity=1&filler={}", "x".repeat(17_000));

    assert_eq!(browser.post("/winkelwagen", &form).await.status, 413);
}

#[tokio::test]
async fn logging_in_and_out() {
    let mut browser = Browser::open(settings()).await;
    assert!(browser.get("/inloggen").await.text().contains("data-test=\"login-form\""));

    browser.post("/inloggen", "email=a%40example.com&password=x").await;
    assert!(browser.get("/inloggen").await.text().contains("data-test=\"logout\""));

    browser.post("/uitloggen", "").await;
    assert!(browser.get("/inloggen").await.text().contains("data-test=\"login-form\""));
}

#[tokio::test]
async fn forms_to_the_shop_are_thanked_for() {
    let mut browser = Browser::open(settings()).await;
    for path in ["/nieuwsbrief", "/en/nieuwsbrief", "/service", "/en/service"] {
        let sent = browser.post(path, "email=a%40example.com").await;

        assert_eq!((sent.status, sent.header("location")), (303, Some(format!("{path}?verzonden=1").as_str())));
    }
}

#[tokio::test]
async fn a_search_is_reported_in_gtags_form() {
    let mut browser = Browser::open(settings()).await;

    let found = browser.get("/en/zoeken?q=Storm").await.text();

    let event = &facts(&found)["events"][0]["gtag"];
    assert_eq!(event[0], "event");
    assert_eq!(event[1], "search");
    assert_eq!(event[2]["search_term"], "Storm");
    assert!(found.contains("Northwester storm umbrella"));
}

#[tokio::test]
async fn lists_and_products_are_reported() {
    let mut browser = Browser::open(settings()).await;

    let list = facts(&browser.get("/categorie/laarzen").await.text());
    let product = facts(&browser.get("/product/fietsponcho-schier").await.text());

    assert_eq!(list["events"][0]["event"], "view_item_list");
    assert_eq!(list["events"][0]["ecommerce"]["items"].as_array().unwrap().len(), 4);
    assert_eq!(product["events"][0]["event"], "view_item");
    assert_eq!(product["events"][0]["ecommerce"]["value"], json!(79.95));
    assert_eq!(product["events"][0]["ecommerce"]["currency"], "EUR");
}
