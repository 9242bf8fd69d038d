//! The schema that editors read (`collector/docs/model.schema.json`) says what the parser says.

use std::collections::BTreeSet;

use crate::common::site;
use crate::validator::faults;
use engine::tree::{Node, Tree};
use engine::{Model, ModelError, preset, presets};
use serde_json::Value;

const SCHEMA: &str = include_str!("../../../../docs/model.schema.json");
const DEMO: &str = include_str!("../../../../../web-demo/demo.offers.toml");

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

type Names = BTreeSet<String>;

fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> Names {
    names.into_iter().map(str::to_owned).collect()
}

/// The keys of the object at this place of the schema.
fn keys(pointer: &str) -> Names {
    let schema = schema();
    let found = schema.pointer(pointer).and_then(Value::as_object).unwrap_or_else(|| panic!("{pointer}"));
    names(found.keys().map(String::as_str))
}

/// What the parser allows in the place where the model has the unknown `zzz`.
fn allowed(text: &str) -> String {
    let faults = Model::parse(text, &site()).unwrap_err();
    let about = |fault: &&ModelError| fault.path.ends_with("zzz") || fault.found.contains("zzz");
    let fault = faults.iter().find(about).unwrap_or_else(|| panic!("{text}: {faults:?}"));
    fault.allowed.clone()
}

fn listed(allowed: &str) -> Names {
    names(allowed.split(", "))
}

const RULE: &str = "[[rules]]\nid = \"a\"\nwhen = { field = \"event\", eq = \"a\" }\n";

#[test]
fn every_table_has_the_keys_that_the_parser_knows_and_no_others() {
    let rule = |rest: &str| format!("{RULE}{rest}");
    let offer = |rest: &str| format!("[[offers]]\nid = \"a\"\nslot = \"bar\"\n{rest}");
    let segment = "[[stages]]\nname = \"a\"\n[[stages]]\nname = \"b\"\nenter = \">= 1\"\nsegments = [{ zzz = 1 }]";
    let tables = [
        ("zzz = 1".to_owned(), "/properties"),
        ("browser_cap = { zzz = 1 }".to_owned(), "/properties/browser_cap/properties"),
        ("notices = { zzz = 1 }".to_owned(), "/properties/notices/properties"),
        ("economics = { zzz = 1 }".to_owned(), "/properties/economics/properties"),
        ("offers_policy = { zzz = 1 }".to_owned(), "/properties/offers_policy/properties"),
        ("[[scores]]\nzzz = 1".to_owned(), "/$defs/score/properties"),
        ("[[groups]]\nzzz = 1".to_owned(), "/$defs/group/properties"),
        ("[[stages]]\nzzz = 1".to_owned(), "/$defs/stage/properties"),
        (segment.to_owned(), "/$defs/segment/properties"),
        (rule("zzz = 1"), "/$defs/rule/properties"),
        (rule("points = 1\nper = { zzz = 1 }"), "/$defs/rule/properties/per/properties"),
        (rule("points_per = { zzz = 1 }"), "/$defs/rule/properties/points_per/properties"),
        ("[[labels]]\nzzz = 1".to_owned(), "/$defs/label/properties"),
        ("[[touch_kinds]]\nzzz = 1".to_owned(), "/$defs/touchKind/properties"),
        (offer("zzz = 1"), "/$defs/offer/properties"),
        (offer("trigger = { zzz = 1 }"), "/$defs/offer/properties/trigger/properties"),
        (offer("coupon = { zzz = 1 }"), "/$defs/offer/properties/coupon/properties"),
        (offer("frequency = { zzz = 1 }"), "/$defs/offer/properties/frequency/properties"),
        (offer("budget = { zzz = 1 }"), "/$defs/budget/properties"),
        (offer("variants = [{ zzz = 1 }]"), "/$defs/variant/properties"),
        (offer("content.nl = { zzz = 1 }"), "/$defs/words/properties"),
    ];
    for (text, pointer) in tables {
        assert_eq!(keys(pointer), listed(&allowed(&text)), "{pointer}");
    }
    // a language is no fixed key
    let content = allowed(&offer("content = { zzz = 1 }"));
    let (fixed, _) = content.split_once(", or a language").unwrap();
    assert_eq!(keys("/$defs/offer/properties/content/properties"), listed(fixed));
}

/// A model with a condition in each kind of place, and the part of the schema for it.
fn in_each_place(condition: &str) -> [(String, &'static str); 4] {
    let step = format!("[[rules]]\nid = \"a\"\npoints = 1\nwhen = {{ sequence = [{condition}] }}");
    [
        (step, "Step"),
        (format!("[[rules]]\nid = \"a\"\npoints = 1\nwhen = {condition}"), "Touch"),
        (format!("[[rules]]\nid = \"a\"\npoints = 1\nwhile = {condition}"), "State"),
        (format!("[[offers]]\nid = \"a\"\nslot = \"bar\"\nwhen = {condition}"), "Moment"),
    ]
}

#[test]
fn conditions_have_the_fields_that_the_parser_knows_where_they_stand() {
    for (text, place) in in_each_place("{ field = \"zzz\", eq = 1 }") {
        let told = listed(&allowed(&text));
        let (families, plain): (Vec<&String>, Vec<&String>) = told.iter().partition(|name| name.contains('<'));
        let schema = schema();
        let field = schema.pointer(&format!("/$defs/field{place}/anyOf")).unwrap();
        let listed = field[0]["enum"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
        assert_eq!(names(listed), names(plain.into_iter().map(String::as_str)), "{place}");
        // each family of names has its pattern, and each pattern its family
        let pattern = field[1]["pattern"].as_str().unwrap();
        assert_eq!(pattern.split('|').count(), families.len(), "{place}: {pattern}");
        let pattern = regex_lite::Regex::new(pattern).unwrap();
        for family in families {
            let sample = family.replace("<duration>", "7d").replace("<name>", "size").replace("<event>", "page_view");
            assert!(pattern.is_match(&sample), "{place}: {sample}");
            assert!(!pattern.is_match(family.split('<').next().unwrap()), "{place}: {family}");
        }
    }
}

#[test]
fn conditions_have_the_forms_and_operators_that_the_parser_knows() {
    let schema = schema();
    for (text, place) in in_each_place("{ zzz = 1 }") {
        let told = allowed(&text);
        let forms = schema.pointer(&format!("/$defs/condition{place}/oneOf")).unwrap().as_array().unwrap();
        let own = names(forms.iter().map(|form| form["required"][0].as_str().unwrap()));
        let mut known = listed(told.trim_start_matches("exactly one of "));
        // A sequence has none inside.
        if place == "Step" {
            known.remove("sequence");
        }
        assert_eq!(own, known, "{place}");
        // every operator of every field is one of the comparison's, and the other way round
        let mut operators = Names::new();
        let fields = schema.pointer(&format!("/$defs/field{place}/anyOf/0/enum")).unwrap().as_array().unwrap();
        let fields = fields.iter().map(|name| name.as_str().unwrap()).chain(["attribute.a", "property.a"]);
        for field in fields {
            let each = in_each_place(&format!("{{ field = \"{field}\", zzz = 1 }}"));
            let here = each.iter().filter(|(_, asked)| *asked == place);
            operators.extend(here.flat_map(|(text, _)| listed(&allowed_or_nothing(text))));
        }
        operators.remove("");
        let pointer = format!("/$defs/condition{place}/oneOf/3/properties");
        let mut compared = keys(&pointer);
        assert!(compared.remove("field"));
        assert_eq!(compared, operators, "{place}");
    }
    let beside =
        "[[rules]]\nid = \"a\"\npoints = 1\nwhen = { sequence = [{ field = \"event\", eq = \"a\" }], zzz = 1 }";
    assert_eq!(keys("/$defs/conditionTouch/oneOf/4/properties"), listed(&allowed(beside)));
}

/// What is allowed in place of the operator `zzz`; nothing where the field itself is unknown.
fn allowed_or_nothing(text: &str) -> String {
    let faults = Model::parse(text, &site()).unwrap_err();
    let operator = faults.into_iter().find(|fault| fault.path.ends_with(".zzz"));
    operator.map(|fault| fault.allowed).unwrap_or_default()
}

/// A model as an editor hands it to a validator.
pub(crate) fn json(tree: &Tree) -> Value {
    match &tree.node {
        Node::Text(text) | Node::Date(text) => Value::from(text.as_str()),
        Node::Integer(number) => Value::from(*number),
        Node::Decimal(text) => Value::from(text.parse::<f64>().unwrap()),
        Node::Boolean(truth) => Value::from(*truth),
        Node::List(list) => list.iter().map(json).collect(),
        Node::Table(entries) => {
            Value::Object(entries.iter().map(|(key, _, value)| (key.clone(), json(value))).collect())
        }
    }
}

fn judged(text: &str) -> Vec<String> {
    let schema = schema();
    faults(&schema, &schema, &json(&Tree::parse(text).unwrap()), "")
}

#[test]
fn presets_shops_and_everything_else_that_parses_is_valid() {
    let right = presets::NAMES.into_iter().map(|name| preset(name).unwrap());
    let doubtful = [
        include_str!("doubtful/01-conditions-that-never-hold.toml"),
        include_str!("doubtful/02-limits-without-effect.toml"),
        include_str!("doubtful/03-nobody-gets-there.toml"),
        include_str!("doubtful/05-names-nearly-known.toml"),
    ];
    for text in right.chain(doubtful).chain([include_str!("shop.toml"), DEMO]) {
        assert_eq!(judged(text), Vec::<String>::new());
    }
}

#[test]
fn broken_models_are_invalid_as_far_as_a_schema_can_see() {
    // What depends on another part of the model, or on the order of days, only the parser sees.
    let parser_only = ["02-empty"];
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine/broken");
    let mut judged_count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let Ok(tree) = Tree::parse(&std::fs::read_to_string(&path).unwrap()) else { continue };
        let schema = schema();
        let found = faults(&schema, &schema, &json(&tree), "");
        assert_eq!(found.is_empty(), parser_only.contains(&name.as_str()), "{name}: {found:?}");
        judged_count += 1;
    }
    assert_eq!(judged_count, 20);
}

#[test]
fn presets_name_their_schema_in_their_first_line() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for (path, name) in presets::NAMES
        .map(|name| (format!("src/presets/{name}.toml"), name))
        .into_iter()
        .chain([("../../../web-demo/demo.offers.toml".to_owned(), "demo")])
    {
        let file = folder.join(&path);
        let text = std::fs::read_to_string(&file).unwrap();
        let line = text.lines().next().unwrap();
        let schema = line.strip_prefix("#:schema ").unwrap_or_else(|| panic!("{name}: {line}"));
        assert!(file.parent().unwrap().join(schema).is_file(), "{name}: {schema}");
    }
}
