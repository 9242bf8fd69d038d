//! As much of a JSON Schema validator as the model's schema needs. A keyword that it does not know fails the test, so that
//! nothing in the schema goes unjudged.

use serde_json::{Map, Value};

/// What is wrong with a value under a schema; `root` is the document that references point into.
pub(crate) fn faults(root: &Value, schema: &Value, value: &Value, path: &str) -> Vec<String> {
    let Some(keywords) = schema.as_object() else { panic!("{path}: a schema is an object, found {schema}") };
    keywords.iter().flat_map(|(keyword, wanted)| keyword_faults(root, keywords, keyword, wanted, value, path)).collect()
}

fn keyword_faults(
    root: &Value,
    schema: &Map<String, Value>,
    keyword: &str,
    wanted: &Value,
    value: &Value,
    path: &str,
) -> Vec<String> {
    let fits = |schema: &Value| faults(root, schema, value, path).is_empty();
    let count = |list: &Value| list.as_array().unwrap().iter().filter(|schema| fits(schema)).count();
    let number = |value: &Value| value.as_f64();
    let length = || value.as_str().map(|text| text.chars().count() as u64);
    let good = match keyword {
        "$schema" | "$defs" | "title" | "description" | "patternProperties" => true,
        "additionalProperties" | "properties" => return properties(root, schema, keyword, value, path),
        "$ref" => {
            let pointer = wanted.as_str().unwrap().trim_start_matches('#');
            return faults(root, root.pointer(pointer).unwrap(), value, path);
        }
        "items" => {
            let items = value.as_array().into_iter().flatten().enumerate();
            return items.flat_map(|(place, item)| faults(root, wanted, item, &format!("{path}[{place}]"))).collect();
        }
        "type" => match wanted {
            Value::Array(kinds) => kinds.iter().any(|kind| is_of(kind.as_str().unwrap(), value)),
            kind => is_of(kind.as_str().unwrap(), value),
        },
        "enum" => wanted.as_array().unwrap().contains(value),
        "const" => wanted == value,
        "required" => {
            let held = |key: &Value| value.get(key.as_str().unwrap()).is_some();
            !value.is_object() || wanted.as_array().unwrap().iter().all(held)
        }
        "anyOf" => count(wanted) > 0,
        "oneOf" => count(wanted) == 1,
        "not" => !fits(wanted),
        "pattern" => {
            value.as_str().is_none_or(|text| regex_lite::Regex::new(wanted.as_str().unwrap()).unwrap().is_match(text))
        }
        "minimum" => number(value).is_none_or(|found| found >= number(wanted).unwrap()),
        "exclusiveMinimum" => number(value).is_none_or(|found| found > number(wanted).unwrap()),
        "maximum" => number(value).is_none_or(|found| found <= number(wanted).unwrap()),
        "minLength" => length().is_none_or(|found| found >= wanted.as_u64().unwrap()),
        "maxLength" => length().is_none_or(|found| found <= wanted.as_u64().unwrap()),
        "minItems" => value.as_array().is_none_or(|list| list.len() as u64 >= wanted.as_u64().unwrap()),
        "maxItems" => value.as_array().is_none_or(|list| list.len() as u64 <= wanted.as_u64().unwrap()),
        "minProperties" => value.as_object().is_none_or(|held| held.len() as u64 >= wanted.as_u64().unwrap()),
        "maxProperties" => value.as_object().is_none_or(|held| held.len() as u64 <= wanted.as_u64().unwrap()),
        other => panic!("{path}: the keyword {other} is not judged"),
    };
    if good { Vec::new() } else { vec![format!("{path}: {keyword} {wanted}, found {value}")] }
}

/// Judges each property by the schema for its name, once for `properties` and once for those that are left.
fn properties(root: &Value, schema: &Map<String, Value>, keyword: &str, value: &Value, path: &str) -> Vec<String> {
    let own = |key: &str| schema.get("properties").and_then(|named| named.get(key));
    let by_pattern = |key: &str| {
        let patterns = schema.get("patternProperties").and_then(Value::as_object).into_iter().flatten();
        patterns
            .filter(|(pattern, _)| regex_lite::Regex::new(pattern).unwrap().is_match(key))
            .map(|(_, one)| one)
            .next()
    };
    let mut found = Vec::new();
    for (key, inner) in value.as_object().into_iter().flatten() {
        let path = format!("{path}.{key}");
        match (keyword, own(key), by_pattern(key)) {
            ("properties", Some(one), _) | ("additionalProperties", None, Some(one)) => {
                found.extend(faults(root, one, inner, &path));
            }
            ("additionalProperties", None, None) => match &schema[keyword] {
                Value::Bool(false) => found.push(format!("{path}: an unknown key")),
                one => found.extend(faults(root, one, inner, &path)),
            },
            _ => {}
        }
    }
    found
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("the type {other} is not judged"),
    }
}
