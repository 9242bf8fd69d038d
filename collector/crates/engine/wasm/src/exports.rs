//! What Node.js calls.
#![expect(unsafe_code, reason = "wasm-bindgen's exports")]

use wasm_bindgen::prelude::wasm_bindgen;

/// [`crate::computed`].
#[wasm_bindgen]
#[must_use]
pub fn computed(input: &[u8]) -> String {
    crate::computed(input)
}

/// [`engine::decide::bucket`].
#[wasm_bindgen]
#[must_use]
pub fn bucket(offer: &str, seed: &str, stream: &str) -> u16 {
    engine::decide::bucket(offer, seed, stream)
}

/// [`crate::fingerprint`], as 16 hexadecimal digits.
#[wasm_bindgen]
#[must_use]
pub fn fingerprint(input: &[u8]) -> String {
    format!("{:016x}", crate::fingerprint(input))
}
