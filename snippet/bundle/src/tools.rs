//! The tools from npm, in the versions that `package-lock.json` pins.

use std::path::{Path, PathBuf};
use std::process::Command;

use bundle::failure::Failure;
use bundle::program;

/// Sources that import nothing and are one function: wrapping them again would cost bytes and hide nothing more.
const STANDS_ALONE: [&str; 2] = ["loader.js", "stub.js"];

/// Members of our own objects that the loader, the glue and the renderer call each other by, as a regular expression: they
/// get one letter. None of them is a member of anything of the browser's or of a body on the wire.
const OURS: &str = "^(answered|ask|clicked|closed|device|dismissed|drain|flush|forget|guard|held|kept|leave|post|remember\
                    |shown|signUp|tag|taken|unsent|usual|wake)$";

/// Programs of `snippet/node_modules`.
#[derive(Debug)]
pub(crate) struct Tools {
    folder: PathBuf,
}

impl Tools {
    /// Installs what the lock names, unless it is there.
    pub(crate) fn install(snippet: &Path) -> Result<Self, Failure> {
        let tools = Self { folder: snippet.join("node_modules/.bin") };
        // npm writes this file last, so an interrupted installation is done again.
        let installed = snippet.join("node_modules/.package-lock.json");
        let newer = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
        if newer(&installed)
            .is_some_and(|time| newer(&snippet.join("package-lock.json")).is_some_and(|lock| time >= lock))
        {
            return Ok(tools);
        }
        if !program::exists("npm") {
            return Err(Failure::NoNpm { tool: "esbuild" });
        }
        program::output(Command::new("npm").current_dir(snippet).args([
            "ci",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
        ]))?;
        Ok(tools)
    }

    /// Optimises a module for size, in place. Its imports and exports get names of one letter; gives wasm-opt's mapping
    /// of them, as JSON.
    pub(crate) fn optimise(&self, wasm: &Path) -> Result<String, Failure> {
        // What the compiler uses, and every browser has had since 2022; wasm-opt must not bring in anything newer.
        let features = [
            "--mvp-features",
            "--enable-mutable-globals",
            "--enable-sign-ext",
            "--enable-nontrapping-float-to-int",
            "--enable-bulk-memory",
            "--enable-bulk-memory-opt",
        ];
        let mut shrink = self.command("wasm-opt");
        shrink.args(["-Oz", "--converge", "--strip-debug", "--strip-producers"]).args(features);
        program::output(shrink.arg(wasm).arg("-o").arg(wasm))?;
        // Alone, since each round of `--converge` would rename again.
        let mut rename = self.command("wasm-opt");
        rename.args(["--minify-imports-and-exports-and-modules", "--strip-target-features"]).args(features);
        program::output(rename.arg(wasm).arg("-o").arg(wasm))
    }

    /// Bundles and minifies `entry` to `out` as a classic script. `values` replace identifiers, `alias` names modules.
    /// All but [`STANDS_ALONE`] get a function around them, so that no name becomes the page's. What is beside `out` says
    /// which letters the members of [`OURS`] have: the same ones for every script in that folder.
    pub(crate) fn script(
        &self,
        entry: &Path,
        out: &Path,
        values: &[(&str, &str)],
        alias: &[(&str, &Path)],
    ) -> Result<(), Failure> {
        let mut command = self.command("esbuild");
        command.arg(entry).arg(format!("--outfile={}", out.display()));
        let format = if STANDS_ALONE.iter().any(|name| entry.ends_with(name)) { "esm" } else { "iife" };
        command.arg(format!("--format={format}"));
        command.args(["--bundle", "--minify", "--target=es2020", "--legal-comments=none"]);
        command.args(["--log-level=warning", "--charset=utf8", "--define:import.meta.url=undefined"]);
        for (name, value) in values {
            command.arg(format!("--define:{name}=\"{value}\""));
        }
        for (name, path) in alias {
            command.arg(format!("--alias:{name}={}", path.display()));
        }
        let letters = out.with_file_name("letters.json");
        if !letters.exists() {
            std::fs::write(&letters, "{}").map_err(Failure::file(&letters))?;
        }
        command.arg(format!("--mangle-props={OURS}")).arg(format!("--mangle-cache={}", letters.display()));
        program::output(&mut command)?;
        // It sees what is never used, of the module's bindings above all.
        let mut shrink = self.command("terser");
        shrink.arg(out).args(["--ecma", "2020", "--compress", "ecma=2020,passes=3", "--mangle", "--output"]).arg(out);
        program::output(&mut shrink).map(drop)
    }

    /// Checks the type declarations and the programs that use them.
    pub(crate) fn check_types(&self, snippet: &Path) -> Result<(), Failure> {
        let mut command = self.command("tsc");
        command.current_dir(snippet).args(["--noEmit", "--strict", "--target", "es2020", "--lib", "es2020,dom"]);
        command.args(["page/gloed.d.ts", "page/gloed.test-d.ts"]);
        program::output(&mut command).map(drop)
    }

    fn command(&self, tool: &str) -> Command {
        Command::new(self.folder.join(tool))
    }
}
