//! A promised figure, as `make bars` collects it.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::time::Duration;

/// Prints the line, collects it where that is asked for, and says whether the figure is within its limit.
#[expect(clippy::print_stdout, reason = "house rule 13: every promised figure is printed")]
pub(crate) fn at_most(name: &str, took: Duration, limit: Duration) -> bool {
    let verdict = if took <= limit { "ok" } else { "short" };
    let provisional = if cfg!(debug_assertions) { " provisional" } else { "" };
    let line = format!("bar {name} {} ms limit {} {verdict}{provisional}", took.as_millis(), limit.as_millis());
    println!("{line}");
    if let Some(file) = std::env::var_os("GLOED_BARS_FILE") {
        let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
        writeln!(file, "{line}").unwrap();
    }
    // A debug build says nothing about speed, on a machine that does other things less still: there only what hangs fails.
    took <= if cfg!(debug_assertions) { limit * 10 } else { limit }
}
