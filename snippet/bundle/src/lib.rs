//! Building WASM as the page's is built: finding a compiler that can, and running it. The bundling step is one that does
//! (`main.rs`); the test that runs the engine's WASM build is the other.

pub mod failure;
pub mod program;
pub mod toolchain;

use std::path::Path;

use failure::Failure;

/// Makes of a compiled module what Node.js loads with `require`, in `folder`: `<package>.js` and what it names.
///
/// # Errors
/// When wasm-bindgen refuses the module.
pub fn bind_for_node(module: &Path, folder: &Path) -> Result<(), Failure> {
    let mut bindgen = wasm_bindgen_cli_support::Bindgen::new();
    bindgen.input_path(module).typescript(false);
    let generated = bindgen.nodejs(true).and_then(|bindgen| bindgen.generate(folder));
    generated.map_err(|error| Failure::Bindgen(format!("{error:#}")))
}
