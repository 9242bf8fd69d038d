//! The binaries under test, and where they are.
//!
//! With `GLOED_BIN_DIR` they are taken from that folder as they are: `make test` builds release binaries once and
//! names them so. Without it they are built by cargo into the target folder and profile of the running tests; cargo
//! does nothing when they are fresh, so a stale binary is never tested.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

use crate::{Fault, fault, workspace};

/// Built already by this process: binary name to path.
static BUILT: Mutex<BTreeMap<&'static str, PathBuf>> = Mutex::new(BTreeMap::new());

/// The collector.
///
/// # Errors
/// [`Fault::Missing`] when it cannot be found or built.
pub fn gloed() -> Result<PathBuf, Fault> {
    binary("collector", "gloed")
}

/// The demo shop.
///
/// # Errors
/// [`Fault::Missing`] when it cannot be found or built.
pub fn web_demo() -> Result<PathBuf, Fault> {
    binary("web-demo", "web-demo")
}

/// The bare server that latencies are compared with, see [`crate::reference_server`].
///
/// # Errors
/// [`Fault::Missing`] when it cannot be found or built.
pub fn reference_server() -> Result<PathBuf, Fault> {
    binary("tests", "reference-server")
}

fn binary(package: &'static str, name: &'static str) -> Result<PathBuf, Fault> {
    if let Some(folder) = env::var_os("GLOED_BIN_DIR") {
        let path = PathBuf::from(folder).join(name);
        return if path.is_file() {
            Ok(path)
        } else {
            Err(Fault::Missing {
                what: path.display().to_string(),
                remedy: format!("GLOED_BIN_DIR must hold it; `cargo build --release -p {package}` makes it"),
            })
        };
    }
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = built.get(name) {
        return Ok(path.clone());
    }
    let path = build(package, name)?;
    built.insert(name, path.clone());
    Ok(path)
}

fn build(package: &str, name: &str) -> Result<PathBuf, Fault> {
    let missing = |remedy: String| Fault::Missing { what: format!("the binary {name}"), remedy };
    let tests = env::current_exe().map_err(Fault::system("finding the running test binary"))?;
    let (target, profile) = target_and_profile(&tests)
        .ok_or_else(|| missing(format!("{} is in no target folder; set GLOED_BIN_DIR", tests.display())))?;
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--package", package, "--bin", name, "--profile", &profile, "--target-dir"])
        .arg(&target)
        .current_dir(workspace::root())
        .output()
        .map_err(Fault::system(format!("building {name} with cargo")))?;
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(missing(format!("`cargo build -p {package}` failed:\n{}", fault::tail(&errors, 4_000))));
    }
    Ok(target.join(if profile == "dev" { "debug" } else { &profile }).join(name))
}

/// The target folder and the profile that `executable`, in `TARGET/PROFILE/deps/`, was built with.
fn target_and_profile(executable: &Path) -> Option<(PathBuf, String)> {
    let folder = executable.ancestors().find(|path| path.file_name().is_some_and(|name| name == "deps"))?.parent()?;
    let profile = folder.file_name()?.to_str()?;
    let profile = if profile == "debug" { "dev" } else { profile };
    Some((folder.parent()?.to_path_buf(), profile.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_is_read_from_the_place_of_the_test_binary() {
        let read = |path: &str| target_and_profile(Path::new(path));

        assert_eq!(read("/t/debug/deps/system-0a1b"), Some(("/t".into(), "dev".to_owned())));
        assert_eq!(read("/t/release/deps/system-0a1b"), Some(("/t".into(), "release".to_owned())));
        assert_eq!(read("/somewhere/system"), None);
    }
}
