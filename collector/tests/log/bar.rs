//! A promised figure: printed, and collected where `make bars` asks for it.

use std::fs::OpenOptions;
use std::io::Write as _;

/// Prints the line, and says whether the figure is within its limit.
pub(crate) fn at_most(name: &str, value: f64, unit: &str, limit: f64) -> bool {
    let verdict = if value <= limit { "ok" } else { "short" };
    let provisional = if cfg!(debug_assertions) { " provisional" } else { "" };
    let line = format!("bar {name} {value:.2} {unit} limit {limit} {verdict}{provisional}");
    println!("{line}");
    if let Some(file) = std::env::var_os("GLOED_BARS_FILE") {
        let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
        writeln!(file, "{line}").unwrap();
    }
    value <= limit
}
