//! Whose word counts: mails and calls are a server's to tell, and no forged event sets a stage.

use crate::common::{START, lead, minute, model, server_touch, text, touch, with};
use engine::model::{Basis, Effect};
use engine::{Model, Points, Touch, Trust, WhyNot, evaluate, presets, rule_story};

fn preset(name: &str) -> Model {
    model(presets::find(name).unwrap())
}

fn by_page(touch: Touch) -> Touch {
    Touch { trust: Trust::Page, ..touch }
}

#[test]
fn exact_a_browser_is_not_believed_about_mails_and_a_server_is() {
    let model = preset("exact");
    let clicks = |make: fn(&str, &str, engine::Millis) -> Touch| {
        let links = ["white-paper", "case", "call-back"].into_iter().zip(0_i64..);
        let click = |(link, number): (&str, i64)| {
            // Far enough apart not to be a scanner's.
            with([("link", text(link))], make(&format!("c{number}"), "email_click", minute(number)))
        };
        evaluate(&lead(links.map(click)), &model, minute(5))
    };
    let forged = clicks(touch);
    assert_eq!((forged.score, forged.stage_name.as_str()), (Points::ZERO, "mql"));
    let told = clicks(server_touch);
    assert_eq!((told.score, told.stage_name.as_str()), (Points::whole(14), "sql"));
}

#[test]
fn what_happens_in_a_mail_or_a_call_is_a_servers_to_tell_unless_the_rule_says_otherwise() {
    let rule = |id: &str, event: &str, more: &str| {
        format!("[[rules]]\nid = \"{id}\"\nwhen = {{ field = \"event\", eq = \"{event}\" }}\npoints = 1\n{more}")
    };
    let names = [
        "email_sent",
        "email_open",
        "email_click",
        "email_forward",
        "email_reply",
        "call_outcome",
        "purchase",
        "refund",
    ];
    for name in names {
        let text = format!(
            "version = 1\nname = \"m\"\n[[stages]]\nname = \"cold\"\n{}{}{}",
            rule("plain", name, ""),
            rule("page", name, "trust = \"page\"\n"),
            rule("browser", name, "trust = \"browser\"\n"),
        );
        let model = model(&text);
        let score = |touch: Touch| evaluate(&lead([touch]), &model, START).score;
        assert_eq!(score(touch("a", name, START)), Points::whole(1), "{name}");
        assert_eq!(score(by_page(touch("a", name, START))), Points::whole(2), "{name}");
        assert_eq!(score(server_touch("a", name, START)), Points::whole(3), "{name}");
        // and it is told why
        let ledger = lead([by_page(touch("a", name, START))]);
        let story = rule_story(&ledger, &model, &model.rule("plain").unwrap().id, START).unwrap();
        assert_eq!(story.refused[0].1, WhyNot::Trust(Trust::Page), "{name}");
    }
}

#[test]
fn a_stage_is_set_and_handed_back_by_a_page_that_somebody_uses_or_a_server_and_by_nobody_else() {
    let text = |more: &str| {
        format!(
            "version = 1\nname = \"m\"\nhalf_life = \"none\"\n[[stages]]\nname = \"cold\"\n\
             [[stages]]\nname = \"hot\"\nenter = \">= 10\"\n\
             [[rules]]\nid = \"asks\"\nwhen = {{ field = \"event\", eq = \"asks\" }}\nset_stage = \"hot\"\n{more}\
             [[rules]]\nid = \"worth\"\nwhen = {{ field = \"event\", eq = \"buys\" }}\npoints = 10\n\
             [[rules]]\nid = \"back\"\nwhen = {{ field = \"event\", eq = \"declines\" }}\nhand_back = true\n{more}"
        )
    };
    let plain = model(&text(""));
    let stage = |model: &Model, touches: Vec<Touch>| evaluate(&lead(touches), model, minute(5)).stage_name;
    let asks = || touch("a", "asks", START);
    assert_eq!(stage(&plain, vec![asks()]), "cold");
    assert_eq!(stage(&plain, vec![by_page(asks())]), "hot");
    assert_eq!(stage(&plain, vec![server_touch("a", "asks", START)]), "hot");
    let (buys, declines) = (touch("b", "buys", START), touch("d", "declines", minute(1)));
    assert_eq!(stage(&plain, vec![buys.clone(), declines.clone()]), "hot");
    assert_eq!(stage(&plain, vec![buys.clone(), by_page(declines.clone())]), "cold");
    // unless the rule says that anybody may
    let trusting = model(&text("trust = \"browser\"\n"));
    assert_eq!(stage(&trusting, vec![asks()]), "hot");
    assert_eq!(stage(&trusting, vec![buys, declines]), "cold");
}

#[test]
fn no_preset_lets_a_browser_alone_set_a_stage_or_hand_back() {
    for name in presets::NAMES {
        for rule in &preset(name).rules {
            let Basis::Touch(basis) = &rule.basis else { continue };
            if matches!(basis.effect, Effect::SetStage(_) | Effect::HandBack) {
                assert!(basis.trust >= Some(Trust::Page), "{name}: {}", rule.id);
            }
        }
    }
}
