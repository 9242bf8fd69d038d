//! What no page reaches of what wasm-bindgen wrote: left out, a fifth of a kilobyte after compression.
//!
//! It writes for callers in general: with and without `realloc`, of modules and of bytes, on browsers of 2018, for two gigabytes of
//! text. Ours is one caller, and the browsers that it starts on have had what is asked for since 2021.

use bundle::failure::Failure;

/// From the first text to the last one, both included, and what stands there instead.
const UNREACHED: [(&str, &str, &str); 6] = [
    // Every call hands `realloc` over.
    ("    if (realloc === undefined) {", "        return ptr;\n    }\n", ""),
    // `TextEncoder.encodeInto` came before the streaming compiler that starts the module.
    ("if (!('encodeInto' in cachedTextEncoder)) {", "    };\n}\n", ""),
    // A decoder of Safari's that gives up after two gigabytes: more than a page ever hands over.
    ("cachedTextDecoder.decode();\nconst MAX_SAFARI_DECODE_BYTES", "let numBytesDecoded = 0;\n", ""),
    ("    numBytesDecoded += bytes.length;", "        numBytesDecoded = bytes.length;\n    }\n", ""),
    // Memory that has grown has another buffer, whether or not a browser can say that the old one is detached.
    (
        ".buffer.detached === true || (cachedDataViewMemory0.buffer.detached === undefined && ",
        "cachedDataViewMemory0.buffer !== wasm.memory.buffer)",
        ".buffer !== wasm.memory.buffer",
    ),
    // It is called once, with a compiled module.
    (
        "    if (wasm !== undefined) return wasm;\n\n\n    if (module",
        "pass a single object instead')\n        }\n    }\n",
        "    module = module.module;\n",
    ),
];

/// The bindings without [`UNREACHED`]. Fails when one of them is not there as this version of wasm-bindgen writes it.
pub(crate) fn prune(bindings: &str) -> Result<String, Failure> {
    UNREACHED.iter().try_fold(bindings.to_owned(), |text, (first, last, instead)| {
        let missing = |part: &str| Failure::Source(format!("wasm-bindgen's JavaScript has no {part:?}"));
        let (before, rest) = text.split_once(first).ok_or_else(|| missing(first))?;
        let (_, after) = rest.split_once(last).ok_or_else(|| missing(last))?;
        Ok(format!("{before}{instead}{after}"))
    })
}

#[cfg(test)]
mod tests {
    use super::{UNREACHED, prune};

    #[test]
    fn what_is_named_goes_and_what_is_around_it_stays() {
        let bindings: String = UNREACHED.iter().map(|(first, last, _)| format!("kept();{first} gone {last}")).collect();

        let pruned = prune(&bindings).unwrap();

        assert_eq!((pruned.matches("kept();").count(), pruned.contains("gone")), (UNREACHED.len(), false));
    }

    #[test]
    fn an_unknown_form_is_an_error_that_says_what_is_missing() {
        assert!(prune("function enter() {}").unwrap_err().to_string().contains("realloc === undefined"));
    }
}
