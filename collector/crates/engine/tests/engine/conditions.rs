//! The condition language: what holds, what is refused, how it reads.

use crate::common::{START, lead, minute, on_page, touch};
use engine::condition::{Condition, Names, Scope};
use engine::tree::{Node, Tree};
use engine::{Cause, Currency, Item, Lead, Money, Scalar, Touch, Trust, evaluate};

/// The condition `c = …`.
fn parse(text: &str, scope: Scope) -> Result<Condition, Vec<String>> {
    let Node::Table(entries) = Tree::parse(&format!("c = {text}")).unwrap().node else { panic!("no table") };
    let (stages, page_tags) = (["cold".to_owned(), "warm".to_owned()], ["checkout".to_owned()]);
    let scores = ["engagement".to_owned()];
    let names = Names { currency: Currency::EUR, stages: &stages, scores: &scores, page_tags: &page_tags };
    Condition::parse(&entries[0].2, "c", scope, &names)
        .map_err(|faults| faults.iter().map(|fault| fault.to_string().replace(" (line 1)", "")).collect())
}

/// Whether a rule with this condition gives points for the last touch.
fn holds(text: &str, lead: &Lead) -> bool {
    let model = crate::common::model(&format!(
        "version = 1\nname = \"m\"\n[[stages]]\nname = \"cold\"\n[[stages]]\nname = \"warm\"\nenter = \">= 30\"\n\
         [page_tags]\ncheckout = [\"/checkout/**\"]\n[[rules]]\nid = \"r\"\npoints = 1\nwhen = {text}"
    ));
    let last = lead.touches().last().unwrap();
    let lines = evaluate(lead, &model, last.time).lines;
    lines.iter().any(|line| line.cause == Cause::Touch { touch: last.id.clone() })
}

fn order() -> Lead {
    let item = Item {
        id: "J-17".into(),
        name: Some("Regenjas".into()),
        category: Some("jassen".into()),
        variant: None,
        price: None,
        quantity: 2,
    };
    let touch = Touch {
        trust: Trust::Page,
        value: Some(Money::parse("79.95", Currency::EUR).unwrap()),
        items: vec![item],
        properties: [("size".into(), Scalar::Integer(42)), ("gift".into(), Scalar::Boolean(true))]
            .into_iter()
            .collect(),
        ..on_page("/checkout/betalen", touch("a", "add_to_cart", START))
    };
    lead([touch])
}

#[test]
fn every_operator_on_every_kind_of_field() {
    let order = order();
    for (text, expected) in [
        ("{ field = 'event', eq = 'add_to_cart' }", true),
        ("{ field = 'event', ne = 'add_to_cart' }", false),
        ("{ field = 'event', in = ['page_view', 'add_to_cart'] }", true),
        ("{ field = 'event', glob = ['page_*', 'add_*'] }", true),
        ("{ field = 'page.path', glob = '/checkout/*' }", true),
        ("{ field = 'page.tag', has = 'checkout' }", true),
        ("{ field = 'item.category', has = 'jassen' }", true),
        ("{ field = 'item.category', has = 'broeken' }", false),
        ("{ field = 'item.id', exists = true }", true),
        ("{ field = 'value', gte = '79.95' }", true),
        ("{ field = 'value', gt = 79.95 }", false),
        ("{ field = 'value', lt = 80 }", true),
        ("{ field = 'quantity', eq = 2 }", true),
        ("{ field = 'quantity', in = [1, 3] }", false),
        ("{ field = 'channel', eq = 'direct' }", true),
        ("{ field = 'trust', gte = 'page' }", true),
        ("{ field = 'trust', gte = 'server' }", false),
        ("{ field = 'property.size', gte = 42 }", true),
        ("{ field = 'property.size', eq = '42' }", false),
        ("{ field = 'property.gift', eq = true }", true),
        // without a value only `ne` and `exists = false` hold
        ("{ field = 'country', eq = 'NL' }", false),
        ("{ field = 'country', ne = 'NL' }", true),
        ("{ field = 'country', in = ['NL'] }", false),
        ("{ field = 'country', exists = false }", true),
        ("{ field = 'property.colour', gt = 1 }", false),
        ("{ all = [] }", true),
        ("{ any = [] }", false),
        ("{ not = { any = [] } }", true),
    ] {
        assert_eq!(holds(text, &order), expected, "{text}");
    }
}

#[test]
fn an_amount_in_another_currency_has_no_value_here() {
    let mut touches = order().touches().to_vec();
    touches[0].value = Some(Money::parse("100", Currency::parse("USD").unwrap()).unwrap());
    assert!(!holds("{ field = 'value', gt = 1 }", &lead(touches)));
}

#[test]
fn a_sequence_is_in_order_inside_its_time_and_without_what_spoils_it() {
    let story =
        |names: &[(&str, i64)]| lead(names.iter().map(|(name, at)| touch(&format!("{name}{at}"), name, minute(*at))));
    let text = "{ sequence = [{ field = 'event', eq = 'a' }, { field = 'event', eq = 'b' }], \
                without = { field = 'event', eq = 'x' }, within = '30m' }";
    for (names, expected) in [
        (&[("a", 0), ("b", 1)][..], true),
        (&[("b", 0), ("a", 1)], false),
        (&[("a", 0), ("c", 1), ("b", 2)], true),
        (&[("a", 0), ("x", 1), ("b", 2)], false),
        (&[("a", 0), ("b", 1), ("x", 2)], false),
        // a new beginning after what spoilt the first counts
        (&[("a", 0), ("x", 1), ("a", 2), ("b", 3)], true),
        // all of it lies within thirty minutes before the last touch
        (&[("a", 0), ("b", 30)], true),
        (&[("a", 0), ("b", 31)], false),
    ] {
        assert_eq!(holds(text, &story(names)), expected, "{names:?}");
    }
    // one touch takes one step
    let twice = "{ sequence = [{ field = 'event', eq = 'a' }, { field = 'event', eq = 'a' }] }";
    assert!(!holds(twice, &story(&[("a", 0)])));
    assert!(holds(twice, &story(&[("a", 0), ("a", 1)])));
}

#[test]
fn what_is_unknown_is_refused_with_its_path() {
    for (text, scope, fault) in [
        ("{ field = 'colour', eq = 'red' }", Scope::Touch, "c.field: found \"colour\", allowed: event, page.path"),
        ("{ field = 'score', gte = 3 }", Scope::Touch, "c.field: found \"score\", allowed: event"),
        ("{ field = 'event', eq = 'x' }", Scope::Moment, "c.field: found \"event\", allowed: score, stage, label"),
        ("{ field = 'event', like = 'x' }", Scope::Touch, "c.like: found like, allowed: eq, ne, in, glob, exists"),
        ("{ field = 'event' }", Scope::Touch, "c: found no operator, allowed: one of eq, ne"),
        ("{ field = 'quantity', gt = 1, lt = 3 }", Scope::Touch, "allowed: one operator only: join two with all"),
        ("{ field = 'quantity', gt = 1.5 }", Scope::Touch, "c.gt: found 1.5, allowed: a whole number"),
        (
            "{ field = 'value', gt = '1.999' }",
            Scope::Touch,
            "c.gt: found \"1.999\", allowed: a decimal number with at most two",
        ),
        (
            "{ field = 'channel', eq = 'organc' }",
            Scope::Touch,
            "c.eq: found \"organc\", allowed: one of: direct, organic",
        ),
        (
            "{ field = 'stage', gte = 'lukewarm' }",
            Scope::Lead,
            "c.gte: found \"lukewarm\", allowed: a stage of the model: cold, warm",
        ),
        ("{ field = 'page.tag', has = 'blog' }", Scope::Touch, "allowed: a tag of page_tags: checkout"),
        ("{ field = 'last_seen', gt = 10 }", Scope::Lead, "c.gt: found 10, allowed: a duration such as"),
        ("{ all = [{ field = 'event', eq = 1 }, 7] }", Scope::Touch, "c.all[0].eq: found 1, allowed: text"),
        ("{ all = [{ field = 'event', eq = 1 }, 7] }", Scope::Touch, "c.all[1]: found 7, allowed: a condition"),
        ("{}", Scope::Touch, "c: found an empty table, allowed: exactly one of all, any, not, field, sequence"),
        ("{ all = [], any = [] }", Scope::Touch, "c: found all, any, allowed: exactly one of"),
        ("{ not = { any = [] }, within = '3m' }", Scope::Touch, "c.within: found within, allowed: nothing beside not"),
        ("{ sequence = [] }", Scope::Lead, "c.sequence: found an empty list, allowed: at least one condition"),
        ("{ sequence = [{ sequence = [] }] }", Scope::Lead, "allowed: no sequence inside a sequence"),
        ("{ sequence = [{ field = 'score', gt = 1 }] }", Scope::Lead, "c.sequence[0].field: found \"score\""),
    ] {
        let faults = parse(text, scope).unwrap_err();
        assert!(faults.iter().any(|found| found.contains(fault)), "{text}\n  gave {faults:#?}\n  not {fault}");
    }
}

#[test]
fn nesting_and_nodes_are_limited() {
    let nested = |levels: usize| format!("{}{{ all = [] }}{}", "{ not = ".repeat(levels - 1), " }".repeat(levels - 1));
    assert!(parse(&nested(8), Scope::Touch).is_ok());
    assert!(parse(&nested(9), Scope::Touch).unwrap_err()[0].contains("at most 8 levels"));
    let wide = |nodes: usize| format!("{{ all = [{}] }}", vec!["{ all = [] }"; nodes - 1].join(", "));
    assert!(parse(&wide(64), Scope::Touch).is_ok());
    assert_eq!(parse(&wide(500), Scope::Touch).unwrap_err().len(), 1);
}

#[test]
fn a_condition_reads_as_people_say_it() {
    let text = "{ all = [{ field = 'label', has = 'brochure' }, { not = { field = 'page.path', glob = ['/a/**', '/b'] } }, \
                { sequence = [{ field = 'event', eq = 'a' }], within = '30m' }] }";
    assert_eq!(
        parse(text, Scope::Moment).unwrap().to_text(),
        "(label = brochure and not page.path like /a/** or /b and event = a within 30m)"
    );
}
