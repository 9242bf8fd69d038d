//! Shorter names in what wasm-bindgen wrote.
//!
//! wasm-bindgen names each import `__wbg_send_fde73081b932a77c`, twice: in the module and in its JavaScript. wasm-opt gives
//! them one letter in the module; here the JavaScript follows. That is a quarter of a kilobyte after compression.

use bundle::failure::Failure;
use serde::Deserialize;

/// What wasm-opt's `--minify-imports-and-exports-and-modules` prints.
#[derive(Debug, Deserialize)]
struct Mapping {
    /// Module, old name, new name. All of them move to the module `a`.
    imports: Vec<[String; 3]>,
    /// Old name, new name.
    exports: Vec<[String; 2]>,
}

/// The bindings with the names of `mapping`. Fails when they do not have the form that this version of wasm-bindgen
/// writes, which a new version may change.
pub(crate) fn rename(bindings: &str, mapping: &str) -> Result<String, Failure> {
    let mapping: Mapping = serde_json::from_str(mapping)
        .map_err(|error| Failure::Source(format!("wasm-opt's mapping of names: {error}")))?;
    let start = position(bindings, "    return {\n        __proto__: null,\n")?;
    let end = start + position(&bindings[start..], "    };\n")?;
    // Functions without conversions are imported straight from their module; the others are members of `import0`.
    let mut members = String::new();
    let mut renamed = format!("{}    return {{ a: {{ MEMBERS }} }};\n{}", &bindings[..start], &bindings[end + 7..]);
    for [module, old, new] in &mapping.imports {
        if module.starts_with("./") {
            if !renamed.contains(old.as_str()) {
                return Err(Failure::Source(format!("wasm-bindgen's JavaScript has no import {old}")));
            }
            renamed = renamed.replace(old.as_str(), new);
        } else {
            members.push_str(&format!("{new}: import1.{old}, "));
        }
    }
    members.push_str("...import0");
    for [old, new] in &mapping.exports {
        renamed = renamed.replace(&format!("wasm.{old}"), &format!("wasm.{new}"));
    }
    Ok(renamed.replace("MEMBERS", &members))
}

fn position(text: &str, part: &str) -> Result<usize, Failure> {
    text.find(part).ok_or_else(|| Failure::Source(format!("wasm-bindgen's JavaScript has no {part:?}")))
}

#[cfg(test)]
mod tests {
    use super::rename;

    const BINDINGS: &str = "import * as import1 from \"host\"\nfunction imports() {\n    const import0 = { __wbg_send_1: f };\n    return {\n        __proto__: null,\n        \"./x_bg.js\": import0,\n    };\n}\nwasm.enter(1);\n";

    #[test]
    fn both_sides_get_the_new_names() {
        let mapping =
            r#"{"imports":[["./x_bg.js","__wbg_send_1","a"],["host","random","b"]],"exports":[["enter","c"]]}"#;
        let renamed = rename(BINDINGS, mapping).unwrap();
        assert!(renamed.contains("return { a: { b: import1.random, ...import0 } };"), "{renamed}");
        assert!(renamed.contains("{ a: f }") && renamed.contains("wasm.c(1)"), "{renamed}");
    }

    #[test]
    fn an_unknown_form_is_an_error_that_says_what_is_missing() {
        let unknown = r#"{"imports":[["./x_bg.js","__wbg_gone","a"]],"exports":[]}"#;
        assert!(rename(BINDINGS, unknown).unwrap_err().to_string().contains("__wbg_gone"));
        assert!(rename("", r#"{"imports":[],"exports":[]}"#).is_err());
    }
}
