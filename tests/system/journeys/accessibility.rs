//! The popup for people with a keyboard, a screen reader, or no taste for movement.

use serde_json::{Value, json};

use super::{Journey, Origin, SOON};

/// A visitor to whom the next page will show the popup of the case mango.
async fn with_a_cart() -> Journey {
    let journey = Journey::begin(Origin::SameSite).await;
    journey.settle_in().await;
    journey.add_to_cart("regenjas-texel").await;
    journey
}

/// The popup as assistive technology is told of it.
async fn dialog(journey: &Journey) -> Value {
    let tree = journey.browser.devtools("Accessibility.getFullAXTree", json!({})).await.unwrap();
    let nodes = tree["nodes"].as_array().unwrap();
    let dialog = nodes.iter().find(|node| node["role"]["value"] == "dialog" && node["ignored"] == false);
    dialog.cloned().unwrap_or_else(|| panic!("no dialog in {} nodes", nodes.len()))
}

fn property<'a>(node: &'a Value, name: &str) -> &'a Value {
    let all = node["properties"].as_array().unwrap();
    all.iter().find(|property| property["name"] == name).map_or(&Value::Null, |property| &property["value"]["value"])
}

#[tokio::test]
async fn accessible_popup_has_a_name_holds_the_keyboard_and_gives_it_back() {
    // given a visitor whose keyboard is in the search field
    let journey = with_a_cart().await;
    let search = "addEventListener('DOMContentLoaded', () => document.querySelector('#q').focus())";
    journey.browser.before_every_page(search).await.unwrap();

    // when the popup appears
    journey.goto("/categorie/laarzen").await;
    journey.browser.wait_for_offer("10 % korting op je mandje", SOON).await.unwrap();

    // then it is a modal dialog with a name and a description
    let told = dialog(&journey).await;
    assert_eq!(told["name"]["value"], "10 % korting op je mandje");
    assert!(told["description"]["value"].as_str().unwrap_or_default().contains("nieuwsbrief"), "{told}");
    assert_eq!(property(&told, "modal"), true);

    // and Tab goes round inside, both ways
    let focus = async || journey.browser.offers().await.unwrap().remove(0).focus;
    assert_ne!(focus().await, "", "the keyboard is inside");
    let mut round = Vec::new();
    for _ in 0..8 {
        journey.browser.press("Tab").await.unwrap();
        round.push(focus().await);
    }
    assert_eq!(round[..4], round[4..], "{round:?}");
    let mut stops = round[..4].to_vec();
    stops.sort();
    assert_eq!(stops, ["Geef mij 10 %", "Nee, dank je", "Sluiten", "input"]);
    journey.browser.press("Shift+Tab").await.unwrap();
    assert_eq!(focus().await, round[2]);

    // and Escape closes it, and the keyboard is where it was
    journey.browser.press("Escape").await.unwrap();
    journey.browser.wait_for_no_offer(SOON).await.unwrap();
    assert_eq!(journey.browser.execute("return document.activeElement.id", &[]).await.unwrap(), "q");
    journey.assert_no_errors().await;
}

#[tokio::test]
async fn accessible_popup_tells_what_is_wrong_and_what_came_of_it() {
    let journey = with_a_cart().await;
    journey.goto("/categorie/laarzen").await;
    journey.browser.wait_for_offer("10 % korting op je mandje", SOON).await.unwrap();
    let nodes = async |role: &str| {
        let tree = journey.browser.devtools("Accessibility.getFullAXTree", json!({})).await.unwrap();
        let nodes = tree["nodes"].as_array().unwrap().clone();
        nodes.into_iter().filter(|node| node["role"]["value"] == role && node["ignored"] == false).collect::<Vec<_>>()
    };

    journey.browser.offer_type("anna").await.unwrap();
    journey.browser.press("Enter").await.unwrap();
    journey.browser.wait_for_offer("geldig e-mailadres", SOON).await.unwrap();

    let fields = nodes("textbox").await;
    let field = fields.iter().find(|node| node["name"]["value"] == "E-mailadres" && property(node, "focused") == true);
    let field = field.unwrap_or_else(|| panic!("{fields:?}"));
    assert_eq!(property(field, "invalid"), "true");
    assert!(field["description"]["value"].as_str().unwrap_or_default().contains("geldig"), "{field}");

    journey.browser.offer_type("@voorbeeld.example").await.unwrap();
    journey.browser.press("Enter").await.unwrap();
    let thanks = journey.browser.wait_for_offer("WARM10", SOON).await.unwrap();
    assert_eq!(thanks.focus, "Gelukt, dank je wel!", "the news is where the keyboard is");
    assert_eq!(dialog(&journey).await["name"]["value"], "Gelukt, dank je wel!");
    journey.assert_no_errors().await;
}

#[tokio::test]
async fn accessible_popup_does_not_move_where_movement_is_not_wanted() {
    let journey = with_a_cart().await;
    let moving = async |path: &str| {
        journey.goto(path).await;
        journey.browser.wait_for_offer("10 % korting op je mandje", SOON).await.unwrap();
        journey.browser.offer_animations().await.unwrap()
    };
    let still = json!({ "features": [{ "name": "prefers-reduced-motion", "value": "reduce" }] });
    journey.browser.devtools("Emulation.setEmulatedMedia", still).await.unwrap();

    assert_eq!(moving("/categorie/laarzen").await, Vec::<String>::new());

    journey.assert_no_errors().await;
    // And where nothing is said it does: the check above looks at the right thing.
    let journey = with_a_cart().await;
    journey.goto("/categorie/laarzen").await;
    journey.browser.wait_for_offer("10 % korting op je mandje", SOON).await.unwrap();
    assert_ne!(journey.browser.offer_animations().await.unwrap(), Vec::<String>::new());
}
