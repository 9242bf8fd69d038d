//! When an offer is shown: what a model may say of it, and what the page is told.

use crate::common::{START, at_page, decide_at, model, site};
use engine::model::Trigger;
use engine::{EventName, Lead, Model};

fn with(trigger: &str) -> String {
    format!(
        "version = 1\nname = \"m\"\n[[stages]]\nname = \"cold\"\n\
         [[offers]]\nid = \"a\"\nslot = \"popup\"\ntrigger = {trigger}\ncontent.nl = {{ title = \"A\" }}\n"
    )
}

fn read(trigger: &str) -> Trigger {
    model(&with(trigger)).offers.remove(0).trigger
}

fn faults(trigger: &str) -> Vec<String> {
    Model::parse(&with(trigger), &site()).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn each_kind_has_what_it_needs() {
    assert_eq!(read("{ kind = \"now\" }"), Trigger::Now);
    assert_eq!(read("{ kind = \"delay\", seconds = 600 }"), Trigger::Delay { seconds: 600 });
    assert_eq!(read("{ kind = \"scroll\", percent = 50 }"), Trigger::Scroll { percent: 50 });
    assert_eq!(read("{ kind = \"inactivity\", seconds = 1 }"), Trigger::Inactivity { seconds: 1 });
    assert_eq!(read("{ kind = \"exit\" }"), Trigger::Exit);
    let event = EventName::parse("add_to_cart").unwrap();
    assert_eq!(read("{ kind = \"event\", event = \"add_to_cart\" }"), Trigger::Event { event });
}

#[test]
fn what_a_kind_lacks_or_does_not_have_is_refused_with_its_path() {
    for (trigger, message) in [
        (
            "{ }",
            "offers[0].trigger.kind (line 8): found nothing, allowed: \"now\", \"delay\", \"scroll\", \"inactivity\", \"exit\"",
        ),
        ("{ kind = \"hover\" }", "offers[0].trigger.kind (line 8): found \"hover\""),
        (
            "{ kind = \"delay\" }",
            "offers[0].trigger.seconds (line 8): found nothing, allowed: a whole number of seconds from 1 to 600",
        ),
        ("{ kind = \"inactivity\", seconds = 601 }", "offers[0].trigger.seconds (line 8): found 601"),
        (
            "{ kind = \"scroll\", percent = 0 }",
            "offers[0].trigger.percent (line 8): found 0, allowed: a whole number of per cent from 1 to 100",
        ),
        ("{ kind = \"scroll\", percent = 101 }", "offers[0].trigger.percent (line 8): found 101"),
        (
            "{ kind = \"exit\", seconds = 3 }",
            "offers[0].trigger.seconds (line 8): found 3, allowed: nothing: kind = \"exit\" has no seconds",
        ),
        ("{ kind = \"click\" }", "offers[0].trigger.selector (line 8): found nothing, allowed: a CSS selector"),
        (
            "{ kind = \"event\", event = \"add to cart\" }",
            "offers[0].trigger.event (line 8): found \"add to cart\", allowed: an event name",
        ),
        ("{ kind = \"now\", zzz = 3 }", "offers[0].trigger.zzz (line 8): found an unknown key"),
    ] {
        let faults = faults(trigger);
        assert!(faults.len() == 1 && faults[0].starts_with(message), "{trigger} gave {faults:#?}");
    }
}

#[test]
fn a_selector_names_elements_and_cannot_become_anything_else() {
    let click = |selector: &str| format!("{{ kind = \"click\", selector = '''{selector}''' }}");
    let longest = "a".repeat(200);
    for good in
        ["#help", "nav > a[href^=\"/sale\"]:not(.x, .y)", ".md\\:flex", "a[title=\"a { b ) c\"]", longest.as_str()]
    {
        // Braces stay out even where they could do no harm.
        let expected = if good.contains('{') { None } else { Some(good) };
        let found = Model::parse(&with(&click(good)), &site()).ok().map(|model| model.offers[0].trigger.clone());
        let found = found.as_ref().map(|trigger| match trigger {
            Trigger::Click { selector } => selector.as_str(),
            other => panic!("{other:?}"),
        });
        assert_eq!(found, expected);
    }
    let too_long = "a".repeat(201);
    for bad in [" ", "a{}", "a;b", "a[href", "a)", "a(]", "a[title=\"x]", "a\\", "a\u{7}b", &too_long] {
        let faults = faults(&click(bad).replace('\u{7}', "\\u0007").replace("'''a\\u0007b'''", "\"a\\u0007b\""));
        assert!(faults[0].starts_with("offers[0].trigger.selector (line 8): found "), "{bad}: {faults:?}");
    }
}

#[test]
fn a_decision_carries_the_trigger() {
    let model = model(&with("{ kind = \"scroll\", percent = 75 }"));
    let decision = decide_at(&Lead::default(), &model, &at_page("/"), START);
    assert_eq!(decision.offers[0].trigger, Trigger::Scroll { percent: 75 });
}
