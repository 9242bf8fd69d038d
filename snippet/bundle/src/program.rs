//! Running other programs.

use std::process::{Command, Stdio};

use crate::failure::Failure;

/// Runs to the end and gives what was written to standard output. Everything written is shown only when it failed.
///
/// # Errors
/// When the program could not be started, or ended with an error.
pub fn output(command: &mut Command) -> Result<String, Failure> {
    let name = describe(command);
    let result =
        command.stdin(Stdio::null()).output().map_err(|error| Failure::NotStarted { program: name.clone(), error })?;
    if !result.status.success() {
        let mut output = String::from_utf8_lossy(&result.stderr).into_owned();
        output.push_str(&String::from_utf8_lossy(&result.stdout));
        return Err(Failure::Program { program: name, status: result.status, output });
    }
    Ok(String::from_utf8_lossy(&result.stdout).into_owned())
}

/// Whether a program of this name answers `--version`.
#[must_use]
pub fn exists(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn describe(command: &Command) -> String {
    let mut name = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args().take(3) {
        name.push(' ');
        name.push_str(&argument.to_string_lossy());
    }
    name
}
