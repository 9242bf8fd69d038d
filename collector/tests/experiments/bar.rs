//! A promised figure: printed, and collected where `make bars` asks for it. What is promised here is the same in a debug build.

use std::fs::OpenOptions;
use std::io::Write as _;

/// Prints the line of a figure that must be at most so much, and says whether it is.
pub(crate) fn at_most(name: &str, value: f64, unit: &str, limit: f64) -> bool {
    told(name, value, unit, limit, value <= limit)
}

/// The same of a figure that must be at least so much.
pub(crate) fn at_least(name: &str, value: f64, unit: &str, limit: f64) -> bool {
    told(name, value, unit, limit, value >= limit)
}

fn told(name: &str, value: f64, unit: &str, limit: f64, holds: bool) -> bool {
    let line = format!("bar {name} {value:.2} {unit} limit {limit} {}", if holds { "ok" } else { "short" });
    println!("{line}");
    if let Some(file) = std::env::var_os("GLOED_BARS_FILE") {
        let mut file = OpenOptions::new().create(true).append(true).open(file).unwrap();
        writeln!(file, "{line}").unwrap();
    }
    holds
}
