//! Embeds what the page loads, and refuses to embed a bundle that is missing or older than its sources.

#[path = "../snippet/bundle/src/source_digest.rs"]
#[expect(unreachable_pub, reason = "the bundling step shares this file and lints it as its own")]
mod source_digest;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const COMMAND: &str = "run `cargo run -p bundle` (`make demo` and `make test` do)";

#[derive(serde::Deserialize)]
struct Manifest {
    source_digest: String,
    files: Vec<File>,
}

#[derive(serde::Deserialize)]
struct File {
    name: String,
    content_type: String,
    immutable: bool,
}

fn main() {
    if let Err(message) = embed() {
        // Cargo shows what a build script says on its way out; there is no other way to fail a build with words.
        println!("cargo::error={message}");
    }
}

fn embed() -> Result<(), String> {
    let root = PathBuf::from(env("CARGO_MANIFEST_DIR")?).join("..");
    let dist = root.join("snippet/dist");
    let manifest = dist.join("manifest.json");
    for watched in
        ["snippet/src", "snippet/page", "snippet/bundle/src", "snippet/Cargo.toml", "collector/crates/wire/src"]
    {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    println!("cargo::rerun-if-changed={}", manifest.display());

    let text = std::fs::read_to_string(&manifest).map_err(|_| format!("the snippet is not built: {COMMAND}"))?;
    let manifest: Manifest =
        serde_json::from_str(&text).map_err(|error| format!("snippet/dist/manifest.json: {error}"))?;
    let sources = source_digest::source_digest(&root).map_err(|error| format!("the snippet's sources: {error}"))?;
    if sources != manifest.source_digest {
        return Err(format!("the snippet's bundle is older than its sources: {COMMAND}"));
    }
    let mut code = String::from("&[\n");
    for file in &manifest.files {
        entry(&mut code, &dist, file)?;
    }
    code.push_str("]\n");
    let out = Path::new(&env("OUT_DIR")?).join("snippet_files.rs");
    std::fs::write(&out, code).map_err(|error| format!("{}: {error}", out.display()))
}

fn entry(code: &mut String, dist: &Path, file: &File) -> Result<(), String> {
    let path = |ending: &str| {
        let path = dist.join(format!("{}{ending}", file.name));
        if path.is_file() { Ok(path) } else { Err(format!("{} is missing: {COMMAND}", path.display())) }
    };
    writeln!(
        code,
        "    SnippetFile {{ name: {:?}, content_type: {:?}, immutable: {}, raw: include_bytes!({:?}), \
         brotli: include_bytes!({:?}), gzip: include_bytes!({:?}) }},",
        file.name,
        file.content_type,
        file.immutable,
        path("")?,
        path(".br")?,
        path(".gz")?,
    )
    .map_err(|error| error.to_string())
}

fn env(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("{name} is not set: build with cargo"))
}
