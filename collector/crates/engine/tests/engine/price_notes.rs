//! Who gets a price of their own by an automated decision is told so.

use crate::common::{START, at_page, decide_at, model};
use engine::{Lead, Moment};

const COUPON: &str = "coupon = { kind = \"fixed\", code = \"WARM10\", reveal = \"shown\" }\n";
const DUTCH: &str = "Deze prijs is voor jou gepersonaliseerd op basis van geautomatiseerde besluitvorming.";
const ENGLISH: &str = "This price has been personalised for you on the basis of automated decision-making.";

/// What an offer that holds for everybody says in its small print, and whether it counts as personalised.
fn told(rest: &str, words: &str, language: &str) -> (bool, Option<String>) {
    let text = format!(
        "version = 1\nname = \"m\"\n[[stages]]\nname = \"cold\"\n[[labels]]\nlabel = \"care\"\nwhen = {{ field = \"event\", eq = \"a\" }}\n\
         [[offers]]\nid = \"a\"\nslot = \"popup\"\n{rest}\n\
         content.nl = {{ title = \"A\"{words} }}\ncontent.en = {{ title = \"A\" }}\ncontent.de = {{ title = \"A\" }}\n"
    );
    let moment = Moment { language: Some(language.to_owned()), ..at_page("/") };
    let mut decision = decide_at(&Lead::default(), &model(&text), &moment, START);
    let chosen = decision.offers.remove(0);
    (chosen.price_personalised, chosen.content.unwrap().disclosure)
}

#[test]
fn a_code_that_depends_on_score_stage_or_labels_says_so_by_itself() {
    let yes = |language: &str| Some(if language == "nl" { DUTCH } else { ENGLISH }.to_owned());
    for condition in [
        "{ field = \"score\", lt = 70 }",
        "{ field = \"stage\", eq = \"cold\" }",
        "{ any = [{ field = \"visit.number\", gt = 9 }, { not = { field = \"label\", has = \"care\" } }] }",
    ] {
        let offer = format!("when = {condition}\n{COUPON}");
        for language in ["nl", "en", "de"] {
            assert_eq!(told(&offer, "", language), (true, yes(language)), "{condition}");
        }
    }
}

#[test]
fn what_everybody_in_the_same_situation_gets_is_nobodys_own_price() {
    let stage = "when = { field = \"stage\", eq = \"cold\" }\n";
    let visit = format!("when = {{ field = \"count.purchase\", eq = 0 }}\n{COUPON}");

    assert_eq!(told(&visit, "", "nl"), (false, None), "decided by the situation");
    assert_eq!(told(stage, "", "nl"), (false, None), "decided by the stage, and no price");
    assert_eq!(told(COUPON, ", disclosure = \"Eenmalig.\"", "nl"), (false, Some("Eenmalig.".to_owned())));
}

#[test]
fn the_shop_has_the_last_word_and_its_own_words() {
    let staged = format!("when = {{ field = \"stage\", eq = \"cold\" }}\n{COUPON}");
    let words = ", disclosure = \"Eenmalig.\", price_disclosure = \"Voor jou uitgerekend.\"";

    assert_eq!(told(&staged, words, "nl"), (true, Some("Eenmalig. Voor jou uitgerekend.".to_owned())));
    assert_eq!(
        told(&format!("{staged}price_personalised = false"), words, "nl"),
        (false, Some("Eenmalig.".to_owned()))
    );
    assert_eq!(told("price_personalised = true", "", "nl"), (true, Some(DUTCH.to_owned())));
}
