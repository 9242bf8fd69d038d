//! A model as TOML and as JSON: the one made of the other says the same, and means the same.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use collector::models::json::{self, AsJson, JsonError};
use collector::models::toml_text;
use engine::tree::{Node, Tree};
use engine::{Currency, Millis, Model, SiteFacts, preset, presets};
use proptest::prelude::*;

/// The presets, and what the demo shop makes of one.
fn models() -> Vec<(&'static str, String)> {
    let text = |name: &str| preset(name).unwrap().to_owned();
    let demo = format!("{}\n{}", text("b2c"), include_str!("../../web-demo/demo.offers.toml"));
    let presets = presets::NAMES.iter().map(|name| (*name, text(name)));
    presets.chain([("demo", demo)]).collect()
}

fn compiled(tree: &Tree) -> String {
    let facts = SiteFacts { currency: Currency::parse("EUR").unwrap(), offsets: vec![(Millis(0), 3_600)] };
    format!("{:#?}", Model::from_tree(tree, &facts).unwrap())
}

fn json_of(tree: &Tree) -> String {
    serde_json::to_string_pretty(&AsJson(tree)).unwrap()
}

/// The tree without lines.
fn unplaced(tree: &Tree) -> Tree {
    let node = match &tree.node {
        Node::List(items) => Node::List(items.iter().map(unplaced).collect()),
        Node::Table(entries) => {
            Node::Table(entries.iter().map(|(key, _, value)| (key.clone(), None, unplaced(value))).collect())
        }
        scalar => scalar.clone(),
    };
    Tree::unplaced(node)
}

#[test]
fn a_model_that_goes_out_as_json_comes_back_as_the_same_model() {
    for (name, text) in models() {
        // given a model as people write it
        let written = Tree::parse(&text).unwrap();

        // when it goes out as JSON, comes back, and is kept as TOML
        let settled = json::settled(written.clone());
        let back = json::read(&json_of(&settled)).unwrap();
        let kept = Tree::parse(&toml_text::write(&back)).unwrap();

        // then each form says the same, by its digest, and is compiled to the same model
        let digest = json::digest(&settled).unwrap();
        for tree in [settled, back, kept] {
            assert_eq!(json::digest(&tree).unwrap(), digest, "{name}");
            assert!(compiled(&tree) == compiled(&written), "{name} is compiled to another model");
        }
    }
}

#[test]
fn a_digest_is_of_what_is_said_and_not_of_how() {
    let digest = |text: &str| json::digest(&Tree::parse(text).unwrap()).unwrap();
    let one = digest("b = 0.50 # a comment\n[a]\nx = \"é\"\ny = 1_000\n");

    assert_eq!(one, digest("a = { y = 1000, x = 'é' }\nb = +0.50\n"));
    assert_eq!(one.len(), 64);
    for other in ["b = 0.5\n[a]\nx = \"é\"\ny = 1000\n", "b = 0.50\n[a]\nx = \"e\"\ny = 1000\n"] {
        assert_ne!(one, digest(other), "{other}");
    }
}

#[test]
fn the_language_that_stands_first_is_named_before_its_place_is_lost() {
    let settled = |text: &str| serde_json::to_string(&AsJson(&json::settled(json::read(text).unwrap()))).unwrap();
    let content = |inner: &str| format!(r#"{{"offers":[{{"content":{{{inner}}}}}]}}"#);

    assert_eq!(
        settled(&content(r#""nl":{},"field":"email","en":{}"#)),
        content(r#""en":{},"fallback":"nl","field":"email","nl":{}"#)
    );
    for said in [r#""en":{},"fallback":"en","nl":{}"#, r#""field":"email""#] {
        assert_eq!(settled(&content(said)), content(said), "nothing to add");
    }
}

#[test]
fn numbers_travel_as_they_are_written() {
    let text = "a = 0.10\nb = -1.000000\nc = 9007199254740993\nd = +2.5\ne = 1979-05-27\n";
    let json = serde_json::to_string(&AsJson(&Tree::parse(text).unwrap())).unwrap();
    assert_eq!(json, r#"{"a":0.10,"b":-1.000000,"c":9007199254740993,"d":2.5,"e":"1979-05-27"}"#);

    let tree = json::read(r#"{"a":0.10,"b":123456789012345678901,"c":-7}"#).unwrap();
    let decimal = |text: &str| Node::Decimal(text.to_owned());
    let Node::Table(entries) = tree.node else { panic!("{tree:?}") };
    let nodes: Vec<Node> = entries.into_iter().map(|(_, _, value)| value.node).collect();
    assert_eq!(nodes, [decimal("0.10"), decimal("123456789012345678901"), Node::Integer(-7)]);
}

#[test]
fn json_knows_its_lines() {
    let text = "{\n  \"version\": 1,\n  \"rules\": [\n    { \"id\": \"a\" },\n    { \"id\":\n      7 }\n  ]\n}";
    let Node::Table(entries) = json::read(text).unwrap().node else { panic!() };
    assert_eq!(
        entries.iter().map(|(key, line, _)| (key.as_str(), *line)).collect::<Vec<_>>(),
        [("version", Some(2)), ("rules", Some(3))]
    );
    let rules = entries[1].2.list().unwrap();
    let Node::Table(second) = &rules[1].node else { panic!("{rules:?}") };
    assert_eq!((rules[0].line, rules[1].line, second[0].2.line), (Some(4), Some(5), Some(6)));
}

#[test]
fn what_toml_cannot_say_is_refused_with_its_place() {
    let text = "{\n \"name\": null,\n \"stages\": [{ \"name\": \"a\",\n \"name\": \"b\" }, null]\n}";
    let Err(JsonError::Faults(faults)) = json::read(text) else { panic!() };
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "name (line 2): found null, allowed: a value; what is not there is left out with its key",
            "stages[0].name (line 4): found the key a second time, allowed: each key once",
            "stages[1] (line 4): found null, allowed: a value; what is not there is left out with its key",
        ]
    );
}

#[test]
fn what_is_no_json_or_too_deep_is_malformed() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    for text in ["", "{", "{} {}", "NaN", "{'a': 1}", "{\"a\": 01}", &deep(65), &deep(50_000), &"[".repeat(50_000)] {
        let head = &text[..text.len().min(20)];
        assert!(matches!(json::read(text), Err(JsonError::Malformed(_))), "{head}: {:?}", json::read(text).is_ok());
    }
    assert!(json::read(&deep(64)).is_ok());
}

/// Any value that both notations have.
fn value() -> impl Strategy<Value = Tree> {
    let scalar = prop_oneof![
        any::<String>().prop_map(Node::Text),
        any::<i64>().prop_map(Node::Integer),
        "-?(0|[1-9][0-9]{0,8})\\.[0-9]{1,6}".prop_map(Node::Decimal),
        any::<bool>().prop_map(Node::Boolean),
    ]
    .prop_map(Tree::unplaced);
    scalar.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(|items| Tree::unplaced(Node::List(items))),
            table(inner),
        ]
    })
}

fn table(value: impl Strategy<Value = Tree>) -> impl Strategy<Value = Tree> {
    let key = prop_oneof!["[a-zA-Z0-9_-]{1,8}", any::<String>()];
    proptest::collection::btree_map(key, value, 0..6).prop_map(|entries| {
        let entries = entries.into_iter().map(|(key, value)| (key, None, value));
        Tree::unplaced(Node::Table(entries.collect()))
    })
}

proptest! {
    #[test]
    fn any_tree_comes_back_from_both_notations(tree in table(value())) {
        let text = toml_text::write(&tree);
        let from_toml = Tree::parse(&text).map_err(|faults| TestCaseError::fail(format!("{faults:?} of\n{text}")))?;
        prop_assert_eq!(&unplaced(&from_toml), &tree, "{}", text);
        let from_json = json::read(&json_of(&tree)).unwrap();
        prop_assert_eq!(&unplaced(&from_json), &tree);
    }
}
