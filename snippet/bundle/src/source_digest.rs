// A digest of everything that the bundle is made from. The bundling step writes it into the manifest; the collector's
// build script includes this file by path, computes it again and refuses a bundle of other sources. So it uses the
// standard library only, and ordinary comments, since an included file can have no inner documentation.

use std::path::{Path, PathBuf};

/// What goes into the bundle, relative to the workspace's root. Of the crate `wire` only what the page compiles.
const SOURCES: [&str; 10] = [
    "collector/crates/wire/src/lib.rs",
    "collector/crates/wire/src/limits.rs",
    "collector/crates/wire/src/names.rs",
    "snippet/Cargo.toml",
    "snippet/bundle/Cargo.toml",
    "snippet/bundle/src",
    "snippet/package-lock.json",
    "snippet/package.json",
    "snippet/page",
    "snippet/src",
];

/// Packages of `Cargo.lock` whose versions change the bundle. Everything else in the lock may move freely.
const LOCKED: [&str; 6] =
    ["brotli", "flate2", "lol_alloc", "wasm-bindgen", "wasm-bindgen-cli-support", "wasm-bindgen-shared"];

/// The digest of the snippet's sources under `workspace_root`, as 32 hexadecimal digits. FNV-1a of 128 bits: it tells
/// versions apart, it is no protection against anybody.
///
/// # Errors
/// When a source cannot be read; the message names it.
pub fn source_digest(workspace_root: &Path) -> std::io::Result<String> {
    let mut files = Vec::new();
    for source in SOURCES {
        collect(&workspace_root.join(source), &mut files)?;
    }
    let mut digest = Fnv1a::new();
    for file in &files {
        let name = file.strip_prefix(workspace_root).unwrap_or(file).to_string_lossy().replace('\\', "/");
        digest.part(name.as_bytes());
        digest.part(&read(file)?);
    }
    digest.part(snippet_profile(&text(&workspace_root.join("Cargo.toml"))?).as_bytes());
    digest.part(locked_versions(&text(&workspace_root.join("Cargo.lock"))?).as_bytes());
    Ok(format!("{:032x}", digest.0))
}

/// The files that `source` stands for, in an order that does not depend on the file system.
fn collect(source: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !source.is_dir() {
        files.push(source.to_path_buf());
        return Ok(());
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(source).map_err(|error| named(source, &error))? {
        entries.push(entry.map_err(|error| named(source, &error))?.path());
    }
    entries.sort();
    entries.iter().try_for_each(|entry| collect(entry, files))
}

fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    std::fs::read(file).map_err(|error| named(file, &error))
}

fn text(file: &Path) -> std::io::Result<String> {
    Ok(String::from_utf8_lossy(&read(file)?).into_owned())
}

fn named(file: &Path, error: &std::io::Error) -> std::io::Error {
    std::io::Error::new(error.kind(), format!("{}: {error}", file.display()))
}

/// The lines of `[profile.snippet]` in the workspace's manifest.
fn snippet_profile(manifest: &str) -> String {
    let lines = manifest.lines().skip_while(|line| line.trim() != "[profile.snippet]");
    let mut profile = String::new();
    for (place, line) in lines.enumerate() {
        if place > 0 && line.starts_with('[') {
            break;
        }
        profile.push_str(line);
        profile.push('\n');
    }
    profile
}

/// Name and version of the packages that matter, in the lock's order.
fn locked_versions(lock: &str) -> String {
    let mut versions = String::new();
    for package in lock.split("[[package]]") {
        let value = |key: &str| package.lines().find_map(|line| line.strip_prefix(key)).unwrap_or("").trim_matches('"');
        let name = value("name = ");
        if LOCKED.contains(&name) {
            versions.push_str(name);
            versions.push(' ');
            versions.push_str(value("version = "));
            versions.push('\n');
        }
    }
    versions
}

/// Fowler, Noll, Vo: FNV-1a, 128 bits; offset basis and prime as published.
struct Fnv1a(u128);

impl Fnv1a {
    fn new() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    /// Adds `bytes` and their length, so that no two lists of parts run together.
    fn part(&mut self, bytes: &[u8]) {
        self.bytes(bytes);
        self.bytes(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }
}
