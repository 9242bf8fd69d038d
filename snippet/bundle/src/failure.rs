//! Why something could not be built. Each message says what to do.

use std::path::PathBuf;

/// A failed step of a build.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A file of ours could not be read or written.
    #[error("{path}: {error}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// No toolchain here builds WASM.
    #[error(
        "nothing here can build WASM. Looked for: the wasm32-unknown-unknown target or rust-src in the toolchains {looked}.\n\
         Do one of these:\n  \
         rustup target add wasm32-unknown-unknown && rustup component add rust-src\n  \
         apt-get install rustc-web rust-web-src        (Debian and its derivatives)"
    )]
    NoWasmToolchain {
        /// The compilers that were asked.
        looked: String,
    },
    /// A toolchain was found, but nothing that links WASM.
    #[error("no WASM linker: neither rust-lld in the Rust toolchain nor wasm-ld on the PATH. Do: apt-get install lld")]
    NoLinker,
    /// A tool that comes from npm is missing, and so is npm.
    #[error(
        "{tool} is missing and npm is not there to install it. Install Node.js 18 or later with npm, then run this again"
    )]
    NoNpm {
        /// The tool.
        tool: &'static str,
    },
    /// A program could not be started.
    #[error("cannot start {program}: {error}")]
    NotStarted {
        /// The program.
        program: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// A program ended with an error.
    #[error("{program} failed ({status})\n{output}")]
    Program {
        /// The program and its first arguments.
        program: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// What it wrote.
        output: String,
    },
    /// wasm-bindgen refused the module.
    #[error("wasm-bindgen: {0}")]
    Bindgen(String),
    /// Something of the sources does not have the expected form.
    #[error("{0}")]
    Source(String),
}

impl Failure {
    /// A closure that names `path` in an I/O error.
    pub fn file(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |error| Self::File { path, error }
    }
}
