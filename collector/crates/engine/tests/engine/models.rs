//! Models: what is read, and what the errors of broken ones say.

use crate::common::{model, site};
use engine::model::{Basis, Keep, Reveal, Trigger};
use engine::{Model, Points, Span, preset};

#[test]
fn the_preset_and_the_shop_are_right() {
    let b2c = model(preset("b2c").unwrap());
    assert_eq!((b2c.name.as_str(), b2c.version, b2c.half_life), ("b2c", 1, Some(Span::days(2))));
    assert_eq!(b2c.browser_cap.map(|cap| (cap.points, cap.every)), Some((Points::whole(100), Span::minutes(60))));
    assert_eq!(b2c.rule("purchase").unwrap().half_life, Some(Span::days(14)));
    let shop = model(include_str!("shop.toml"));
    let mango = shop.offer("cart-newsletter").unwrap();
    assert_eq!(mango.trigger, Trigger::Delay { seconds: 3 });
    assert_eq!(mango.coupon.as_ref().map(|coupon| coupon.reveal), Some(Reveal::Goal));
    assert!(matches!(&shop.rule("cart").unwrap().basis, Basis::Touch(rule) if rule.keep == Keep::Earliest));
}

/// A sound model, to break in one place.
const SOUND: &str = r#"version = 1
name = "sound"
half_life = "2d"

[[stages]]
name = "cold"

[[stages]]
name = "warm"
enter = ">= 30"

[[rules]]
id = "cart"
when = { field = "event", eq = "add_to_cart" }
points = 10

[[offers]]
id = "welcome"
slot = "popup"
content.nl = { title = "Welkom" }
"#;

#[test]
fn a_broken_model_says_where_what_and_what_is_allowed() {
    model(SOUND);
    for (from, to, message) in [
        ("version = 1", "", "version (line 1): found nothing, allowed: a whole number from 1: this model's own count"),
        ("version = 1", "version = 0", "version (line 1): found 0, allowed: a whole number from 1"),
        ("\"sound\"", "sound", "(text) (line 2): found "),
        ("half_life =", "halflife =", "halflife (line 3): found an unknown key, allowed: version, name, half_life"),
        ("\"2d\"", "\"2 days\"", "half_life (line 3): found \"2 days\", allowed: a duration of at least 64 seconds"),
        ("\"2d\"", "\"30s\"", "half_life (line 3): found \"30s\", allowed: a duration of at least 64 seconds"),
        (
            "name = \"cold\"",
            "name = \"cold\"\nenter = \"> 3\"",
            "stages[0].enter (line 7): found \"> 3\", allowed: nothing",
        ),
        ("\">= 30\"", "30", "stages[1].enter (line 10): found 30, allowed: \">= NUMBER\" or \"> NUMBER\""),
        ("\">= 30\"", "\">= 30\"\nleave = \"< 31\"", "stages[1].leave (line 11): found left where >= 30 still holds"),
        (
            "[[rules]]",
            "[[stages]]\nname = \"hot\"\nenter = \">= 30\"\n[[rules]]",
            "stages[2].enter (line 14): found >= 30, allowed: above that of the stage before it, >= 30",
        ),
        ("\"warm\"", "\"cold\"", "stages[1].name (line 8): found \"cold\" again"),
        ("\"cart\"", "\"my cart\"", "rules[0].id (line 13): found \"my cart\", allowed: 1 to 64 of a-z A-Z 0-9 _ . -"),
        ("points = 10", "points = \"ten\"", "rules[0].points (line 15): found \"ten\", allowed: a number of points"),
        ("points = 10", "", "rules[0].points (line 12): found nothing, allowed: a number of points"),
        ("points = 10", "points = 10\nper = { every = \"1d\" }", "rules[0].per.times (line 16): found nothing"),
        (
            "points = 10",
            "points = 10\nkeep = \"latest\"",
            "rules[0].keep (line 16): found \"latest\", allowed: latest beside per",
        ),
        (
            "points = 10",
            "points = 10\ntrust = \"product\"",
            "rules[0].trust (line 16): found \"product\", allowed: browser, page, server",
        ),
        ("\"event\"", "\"evnt\"", "rules[0].when.field (line 14): found \"evnt\", allowed: event, page.path"),
        (
            "[[offers]]",
            "[[rules]]\nid = \"cart\"\nwhen = { all = [] }\npoints = 1\n[[offers]]",
            "rules[1].id (line 17): found \"cart\" again",
        ),
        ("slot = \"popup\"", "slot = \"pop up\"", "offers[0].slot (line 19): found \"pop up\", allowed: popup, bar"),
        (
            "slot = \"popup\"",
            "slot = \"popup\"\ntrigger = { kind = \"hover\" }",
            "offers[0].trigger.kind (line 20): found \"hover\", allowed: \"now\", \"delay\", \"scroll\"",
        ),
        (
            "slot = \"popup\"",
            "slot = \"popup\"\ncoupon = { kind = \"fixed\", code = \"X\", reveal = \"goal\" }",
            "offers[0].goal (line 17): found nothing, allowed: the event that reveals the code",
        ),
        (
            "slot = \"popup\"",
            "slot = \"popup\"\nfrom = 2026-10-02\nuntil = \"2026-10-01\"",
            "offers[0].until (line 21): found a day before from",
        ),
        (
            "slot = \"popup\"",
            "slot = \"popup\"\nfrom = \"2026-02-30\"",
            "offers[0].from (line 20): found \"2026-02-30\", allowed: a day such as",
        ),
        (
            "content.nl = { title = \"Welkom\" }",
            "",
            "offers[0].content (line 17): found nothing, allowed: [offers.content] with the words",
        ),
        (
            "content.nl",
            "content.dutch",
            "offers[0].content.dutch (line 20): found an unknown key, allowed: field, fallback, or a language",
        ),
        (
            "title = \"Welkom\"",
            "title = \"Welkom\", link = \"javascript:alert(1)\"",
            "offers[0].content.nl.link (line 20): found \"javascript:alert(1)\", allowed: a path of the shop",
        ),
    ] {
        let broken = SOUND.replacen(from, to, 1);
        assert_ne!(broken, SOUND, "{from} is not in the model");
        let faults: Vec<_> = Model::parse(&broken, &site()).unwrap_err().iter().map(ToString::to_string).collect();
        assert!(faults.iter().any(|fault| fault.contains(message)), "gave {faults:#?}\nnot {message}");
    }
}

#[test]
fn all_errors_come_at_once_in_the_order_of_the_file() {
    let broken = SOUND
        .replace("\"2d\"", "2")
        .replace("points = 10", "points = true\ncolour = 1")
        .replace("slot = \"popup\"", "slot = 1");
    let faults = Model::parse(&broken, &site()).unwrap_err();
    let paths: Vec<_> = faults.iter().map(|fault| fault.path.as_str()).collect();
    assert_eq!(paths, ["half_life", "rules[0].points", "rules[0].colour", "offers[0].slot"]);
}

#[test]
fn rules_inherit_the_expiry_of_their_group() {
    // given a group whose lines end after a day
    let text = "version = 1\nname = \"short\"\n[[stages]]\nname = \"cold\"\n[[stages]]\nname = \"hot\"\nenter = \">= 5\"\n\
                [[groups]]\nid = \"sale\"\nexpires = \"1d\"\n";
    let rule = |id: &str, rest: &str| {
        format!(
            "[[rules]]\nid = \"{id}\"\ngroup = \"sale\"\nwhen = {{ field = \"event\", eq = \"page_view\" }}\n{rest}\n"
        )
    };
    // when one rule of it says nothing, one something, one that it never ends, and one has no lines
    let rules = [
        rule("silent", "points = 1"),
        rule("own", "points = 1\nexpires = \"2h\""),
        rule("never", "points = 1\nexpires = \"none\""),
        rule("stage", "set_stage = \"hot\""),
    ];
    let model = model(&format!("{text}{}", rules.concat()));
    // then each has what it says, else what its group says
    let expires = |id: &str| match &model.rule(id).unwrap().basis {
        Basis::Touch(rule) => rule.expires,
        Basis::State(_) => None,
    };
    assert_eq!(
        ["silent", "own", "never", "stage"].map(expires),
        [Some(Span::days(1)), Some(Span::minutes(120)), None, None]
    );
}
