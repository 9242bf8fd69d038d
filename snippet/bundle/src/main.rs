//! `cargo run -p bundle`: makes everything that the page loads, in `snippet/dist`.
//!
//! The order follows who names whom. The loader names the glue and its hash, the glue names the module, the renderer,
//! the triggers and the explanations: so these come first and the loader last.
//!
//! ```text
//! src/            ─ cargo, wasm-bindgen, wasm-opt ─► gloed-<hash>.wasm
//! page/renderer.js ─ esbuild ─► gloed-offer-<hash>.js      page/debug.js ─ esbuild ─► gloed-debug-<hash>.js
//! page/triggers.js ─ esbuild ─► gloed-triggers-<hash>.js
//! page/bridge.js  ─ esbuild, with the names above ─► gloed-<hash>.js
//! page/loader.js  ─ esbuild, with the glue's name ─► gloed.js
//! page/stub.js    ─ esbuild ─► in manifest.json and stub.html, with its CSP hash
//! ```
#![expect(clippy::print_stdout, reason = "a command-line tool: the table of sizes is its output")]
#![expect(clippy::print_stderr, reason = "a command-line tool: errors go to standard error")]

mod bindings;
mod product;
mod pruning;
#[expect(unreachable_pub, reason = "the collector's build script includes this file by path, as a module of its own")]
mod source_digest;
mod tools;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bundle::failure::Failure;
use bundle::toolchain::{Module, Toolchain};
use serde::Serialize;
use source_digest::source_digest;

use crate::product::{Product, csp_hash};
use crate::tools::Tools;

/// What the page loads.
const SNIPPET: Module = Module { package: "snippet", writes_debug: false };

/// Largest loader, bytes of brotli: it is fetched before the first page view can be sent.
const LOADER_LIMIT: usize = 2_000;

/// Largest sum of loader, glue, module and renderer, bytes of brotli.
const TOTAL_LIMIT: usize = 16_000;

/// Largest file of triggers, bytes of brotli. It is fetched only where an offer waits for more than time.
const TRIGGERS_LIMIT: usize = 1_200;

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// What `dist/manifest.json` says; the collector's build reads it.
#[derive(Debug, Serialize)]
struct Manifest {
    /// Of the sources that this bundle was made from.
    source_digest: String,
    files: Vec<Product>,
    /// The inline stub, as it must stand between the script tags: its CSP hash covers every byte.
    stub: String,
    stub_csp: String,
    sizes: Sizes,
}

/// Bytes of brotli.
#[derive(Debug, Serialize)]
struct Sizes {
    loader_brotli: usize,
    total_brotli: usize,
    triggers_brotli: usize,
    stub_raw: usize,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("bundle: {failure}");
            ExitCode::from(2)
        }
    }
}

/// False when a size is over its limit.
fn run() -> Result<bool, Failure> {
    let workspace = workspace_root()?;
    let snippet = workspace.join("snippet");
    let dist = snippet.join("dist");
    let digest = source_digest(&workspace).map_err(Failure::file(&workspace))?;
    if let Some(manifest) = up_to_date(&dist, &digest) {
        println!("snippet/dist is up to date (sources {digest})");
        return Ok(print_bars(&manifest["sizes"]));
    }

    let toolchain = Toolchain::find()?;
    println!("building WASM with {}", toolchain.describe());
    let tools = Tools::install(&snippet)?;
    tools.check_types(&snippet)?;
    let work = target_folder(&workspace).join("snippet-wasm");
    let module = toolchain.build(&workspace, &work, SNIPPET)?;
    let manifest = bundle(&snippet, &work, &module, &tools, digest)?;
    replace(&dist, &work.join("dist"))?;
    print_table(&manifest);
    let sizes = serde_json::to_value(&manifest.sizes).map_err(|error| Failure::Source(error.to_string()))?;
    Ok(print_bars(&sizes))
}

/// Makes all files in a folder beside, so that `dist` is never half of one version.
fn bundle(snippet: &Path, work: &Path, module: &Path, tools: &Tools, digest: String) -> Result<Manifest, Failure> {
    let page = snippet.join("page");
    let new = work.join("dist");
    let scratch = work.join("scratch");
    for folder in [&new, &scratch] {
        if folder.exists() {
            std::fs::remove_dir_all(folder).map_err(Failure::file(folder))?;
        }
        std::fs::create_dir_all(folder).map_err(Failure::file(folder))?;
    }

    let mut bindgen = wasm_bindgen_cli_support::Bindgen::new();
    bindgen.input_path(module).typescript(false).omit_default_module_path(true);
    bindgen.remove_name_section(true).remove_producers_section(true);
    let generated = bindgen.web(true).and_then(|bindgen| bindgen.generate(&scratch));
    generated.map_err(|error| Failure::Bindgen(format!("{error:#}")))?;
    let module = scratch.join("snippet_bg.wasm");
    let names = tools.optimise(&module)?;
    let bindings = scratch.join("snippet.js");
    let text = String::from_utf8_lossy(&read(&bindings)?).into_owned();
    write(&bindings, bindings::rename(&pruning::prune(&text)?, &names)?.as_bytes())?;
    let wasm = Product::write(&new, "gloed", "wasm", "application/wasm", true, &read(&module)?)?;

    let script = |name: &str, values: &[(&str, &str)], alias: &[(&str, &Path)]| {
        let out = scratch.join(name);
        tools.script(&page.join(name), &out, values, alias)?;
        read(&out)
    };
    // Thrown away: members get the letters that make the loader smallest.
    script("loader.js", &[("GLUE", "glue"), ("GLUE_INTEGRITY", "hash")], &[])?;
    let offer = Product::write(&new, "gloed-offer", "js", SCRIPT, true, &script("renderer.js", &[], &[])?)?;
    let triggers = Product::write(&new, "gloed-triggers", "js", SCRIPT, true, &script("triggers.js", &[], &[])?)?;
    let debug = Product::write(&new, "gloed-debug", "js", SCRIPT, true, &script("debug.js", &[], &[])?)?;
    let values = [
        ("WASM", wasm.name.as_str()),
        ("WASM_INTEGRITY", &wasm.integrity()),
        ("OFFER", &offer.name),
        ("OFFER_INTEGRITY", &offer.integrity()),
        ("TRIGGERS", &triggers.name),
        ("TRIGGERS_INTEGRITY", &triggers.integrity()),
        ("DEBUG", &debug.name),
        ("DEBUG_INTEGRITY", &debug.integrity()),
    ];
    let glue = script("bridge.js", &values, &[("gloed-core", &bindings), ("gloed-host", &page.join("host.js"))])?;
    let glue = Product::write(&new, "gloed", "js", SCRIPT, true, &glue)?;
    let loader = script("loader.js", &[("GLUE", &glue.name), ("GLUE_INTEGRITY", &glue.integrity())], &[])?;
    let loader = Product::write(&new, "gloed", "js", SCRIPT, false, &loader)?;

    let stub = String::from_utf8_lossy(&script("stub.js", &[], &[])?).trim_end().to_owned();
    let stub_csp = csp_hash(&stub);
    write(&new.join("stub.html"), stub_page(&stub, &stub_csp).as_bytes())?;

    let sizes = Sizes {
        loader_brotli: loader.brotli,
        total_brotli: loader.brotli + glue.brotli + wasm.brotli + offer.brotli,
        triggers_brotli: triggers.brotli,
        stub_raw: stub.len(),
    };
    let manifest = Manifest {
        source_digest: digest,
        files: vec![loader, glue, wasm, offer, triggers, debug],
        stub,
        stub_csp,
        sizes,
    };
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| Failure::Source(error.to_string()))?;
    write(&new.join("manifest.json"), &text)?;
    Ok(manifest)
}

/// The second form of the tag, ready to be pasted: the script that goes before the tag, and nothing else.
fn stub_page(stub: &str, csp: &str) -> String {
    format!(
        "<!-- Goes above the style sheets and the Gloed tag, which stays as it is. -->\n\
         <!-- With a Content-Security-Policy, script-src needs {csp}. -->\n\
         <script>{stub}</script>\n"
    )
}

fn up_to_date(dist: &Path, digest: &str) -> Option<serde_json::Value> {
    let manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(dist.join("manifest.json")).ok()?).ok()?;
    let same = manifest["source_digest"] == digest;
    let names = manifest["files"].as_array()?.iter().filter_map(|file| file["name"].as_str());
    let complete =
        names.into_iter().all(|name| ["", ".br", ".gz"].iter().all(|end| dist.join(format!("{name}{end}")).is_file()));
    (same && complete).then_some(manifest)
}

/// Puts the new folder in the place of the old one.
fn replace(dist: &Path, new: &Path) -> Result<(), Failure> {
    if dist.exists() {
        std::fs::remove_dir_all(dist).map_err(Failure::file(dist))?;
    }
    std::fs::create_dir_all(dist).map_err(Failure::file(dist))?;
    // Copied, since the target folder may be on another file system; the manifest last, since it vouches for the rest.
    let mut names = Vec::new();
    for entry in std::fs::read_dir(new).map_err(Failure::file(new))? {
        names.push(entry.map_err(Failure::file(new))?.file_name());
    }
    names.sort_by_key(|name| name == "manifest.json");
    for name in names {
        std::fs::copy(new.join(&name), dist.join(&name)).map_err(Failure::file(dist))?;
    }
    Ok(())
}

fn print_table(manifest: &Manifest) {
    println!("{:<32}{:>10}{:>10}{:>10}", "file", "raw", "gzip", "brotli");
    for file in &manifest.files {
        println!("{:<32}{:>10}{:>10}{:>10}", file.name, file.raw, file.gzip, file.brotli);
    }
    println!("inline stub: {} bytes, CSP {}", manifest.stub.len(), manifest.stub_csp);
}

/// Prints the promised figures. False when one is over its limit.
fn print_bars(sizes: &serde_json::Value) -> bool {
    let bars = [("loader", LOADER_LIMIT), ("total", TOTAL_LIMIT), ("triggers", TRIGGERS_LIMIT)];
    bars.into_iter().fold(true, |all, (part, limit)| {
        let value = &sizes[format!("{part}_brotli")];
        let fits = value.as_u64().is_some_and(|value| value <= limit as u64);
        println!("bar snippet_{part}_brotli {value} bytes limit {limit} {}", if fits { "ok" } else { "short" });
        all && fits
    })
}

fn workspace_root() -> Result<PathBuf, Failure> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = package.ancestors().nth(2);
    root.map(Path::to_path_buf)
        .ok_or_else(|| Failure::Source(format!("{} is not inside the workspace", package.display())))
}

fn target_folder(workspace: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), |folder| workspace.join(folder))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(Failure::file(path))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes).map_err(Failure::file(path))
}
