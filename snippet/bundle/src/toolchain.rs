//! Finding a compiler for WASM, and running it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::program;

const TARGET: &str = "wasm32-unknown-unknown";

/// A package whose library becomes a module.
#[derive(Debug, Clone, Copy)]
pub struct Module {
    /// Name of the package; its library has the same, with `_` for `-`.
    pub package: &'static str,
    /// Whether `{:?}` writes anything, where the standard library is built anew. In what the page loads it does not, since
    /// every byte is downloaded.
    pub writes_debug: bool,
}

/// How WASM is built: with the profile `snippet`, as the page's.
#[derive(Debug)]
pub struct Toolchain {
    rustc: PathBuf,
    sysroot: PathBuf,
    linker: PathBuf,
    /// With the standard library's sources it is built anew, without formatting and unwinding: a third smaller.
    builds_std: bool,
}

impl Toolchain {
    /// The best way to build on this machine: a compiler with the standard library's sources, rustup's before Debian's
    /// `rustc-web`; else one with a ready-made standard library, whose result is larger.
    ///
    /// # Errors
    /// When there is no such compiler, or no linker; the message says what to install.
    pub fn find() -> Result<Self, Failure> {
        let own = Sysroot::of(Path::new("rustc"));
        let system = Sysroot::of(Path::new("/usr/bin/rustc"));
        let found: Vec<Sysroot> = own.into_iter().chain(system).collect();
        let chosen = found
            .iter()
            .find(|sysroot| sysroot.has_sources())
            .or_else(|| found.iter().find(|sysroot| sysroot.has_target()))
            .ok_or_else(|| Failure::NoWasmToolchain {
                looked: found.iter().map(|sysroot| sysroot.path.display().to_string()).collect::<Vec<_>>().join(", "),
            })?;
        let linker = found.iter().find_map(Sysroot::rust_lld).or_else(wasm_ld).ok_or(Failure::NoLinker)?;
        Ok(Self { rustc: chosen.rustc.clone(), sysroot: chosen.path.clone(), linker, builds_std: chosen.has_sources() })
    }

    /// One line about what was chosen.
    #[must_use]
    pub fn describe(&self) -> String {
        let library =
            if self.builds_std { "standard library built from source" } else { "ready-made standard library" };
        format!("{} ({}), {library}, linker {}", self.rustc.display(), self.sysroot.display(), self.linker.display())
    }

    /// Compiles a package of the workspace and gives the path of its module.
    ///
    /// # Errors
    /// When it does not compile; the message holds what the compiler says.
    pub fn build(&self, workspace: &Path, target_folder: &Path, module: Module) -> Result<PathBuf, Failure> {
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(workspace)
            .args(["build", "--package", module.package, "--lib", "--profile", "snippet", "--target", TARGET])
            .env("CARGO_TARGET_DIR", target_folder)
            .env("RUSTC", &self.rustc)
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", &self.linker);
        // Flags and wrappers meant for the machine's own code do not fit here.
        for name in [
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_BUILD_RUSTFLAGS",
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
        ] {
            cargo.env_remove(name);
        }
        if self.builds_std {
            // Building the standard library is an unstable feature, which a stable compiler takes with this variable. A
            // panic is one trap instruction: no message is formatted, and the bridge catches the trap.
            let debug = if module.writes_debug { "full" } else { "none" };
            cargo
                .env("RUSTC_BOOTSTRAP", "1")
                .args(["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"])
                .env(
                    "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS",
                    format!("-Zunstable-options -Cpanic=immediate-abort -Zlocation-detail=none -Zfmt-debug={debug} -Ctarget-feature=-reference-types,-multivalue"),
                );
        }
        program::output(&mut cargo)?;
        let file = format!("{}.wasm", module.package.replace('-', "_"));
        Ok(target_folder.join(TARGET).join("snippet").join(file))
    }
}

/// An installed compiler.
#[derive(Debug)]
struct Sysroot {
    rustc: PathBuf,
    path: PathBuf,
    host: String,
}

impl Sysroot {
    fn of(rustc: &Path) -> Option<Self> {
        let path = program::output(Command::new(rustc).args(["--print", "sysroot"])).ok()?;
        let version = program::output(Command::new(rustc).arg("-vV")).ok()?;
        let host = version.lines().find_map(|line| line.strip_prefix("host: "))?;
        Some(Self { rustc: rustc.to_path_buf(), path: PathBuf::from(path.trim()), host: host.to_owned() })
    }

    fn library(&self) -> PathBuf {
        self.path.join("lib/rustlib")
    }

    fn has_sources(&self) -> bool {
        self.library().join("src/rust/library/std/Cargo.toml").is_file()
    }

    fn has_target(&self) -> bool {
        self.library().join(TARGET).join("lib").is_dir()
    }

    fn rust_lld(&self) -> Option<PathBuf> {
        Some(self.library().join(&self.host).join("bin/rust-lld")).filter(|linker| linker.is_file())
    }
}

/// LLVM's linker, under the names that distributions give it.
fn wasm_ld() -> Option<PathBuf> {
    let versions = (14..=30).rev().map(|version| format!("wasm-ld-{version}"));
    std::iter::once("wasm-ld".to_owned()).chain(versions).find(|name| program::exists(name)).map(PathBuf::from)
}
