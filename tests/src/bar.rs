//! A promised figure, printed by the test that measures it: `bar NAME VALUE UNIT limit LIMIT ok` (or `short`).
//!
//! The line goes to standard output and, when `GLOED_BARS_FILE` names a file, to its end: that is how `make bars`
//! collects them from tests whose output is captured. A figure of a debug build carries `provisional` at the end.

use std::{
    env,
    fmt::{self, Display},
    fs::OpenOptions,
    io::Write,
    path::Path,
};

/// How a figure stands to its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Within its limit.
    Ok,
    /// Beyond its limit.
    Short,
    /// The machine was too unquiet to say; never `ok`.
    Noisy,
}

impl Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Ok => "ok",
            Self::Short => "short",
            Self::Noisy => "noisy",
        })
    }
}

/// One figure with its limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    name: String,
    value: f64,
    unit: String,
    limit: f64,
    verdict: Verdict,
    provisional: bool,
}

impl Bar {
    /// A figure that must be at most `limit`. `name` and `unit` are single words, such as `ingest_p99_ratio` and `x`.
    #[must_use]
    pub fn at_most(name: &str, value: f64, unit: &str, limit: f64) -> Self {
        Self::new(name, value, unit, limit, value <= limit)
    }

    /// A figure that must be at least `limit`.
    #[must_use]
    pub fn at_least(name: &str, value: f64, unit: &str, limit: f64) -> Self {
        Self::new(name, value, unit, limit, value >= limit)
    }

    fn new(name: &str, value: f64, unit: &str, limit: f64, holds: bool) -> Self {
        let word = |text: &str| text.split_whitespace().collect::<Vec<_>>().join("_");
        Self {
            name: word(name),
            value,
            unit: word(unit),
            limit,
            verdict: if holds { Verdict::Ok } else { Verdict::Short },
            provisional: cfg!(debug_assertions) && env::var_os("GLOED_BIN_DIR").is_none(),
        }
    }

    /// The measurement is not to be trusted: never `ok`, whatever it says.
    #[must_use]
    pub fn noisy(mut self, noisy: bool) -> Self {
        if noisy {
            self.verdict = Verdict::Noisy;
        }
        self
    }

    /// The limit is not final: the line says so.
    #[must_use]
    pub fn provisional(mut self, provisional: bool) -> Self {
        self.provisional |= provisional;
        self
    }

    /// Prints the line, collects it, and gives the verdict, for the test to assert on.
    #[expect(clippy::print_stdout, reason = "house rule 13: every promised figure is printed")]
    pub fn print(&self) -> Verdict {
        println!("{self}");
        if let Some(file) = env::var_os("GLOED_BARS_FILE") {
            self.append(Path::new(&file));
        }
        self.verdict
    }

    #[expect(clippy::print_stderr, reason = "a bar that cannot be collected must not fail the test it belongs to")]
    fn append(&self, file: &Path) {
        let written = OpenOptions::new()
            .create(true)
            .append(true)
            .open(file)
            .and_then(|mut file| file.write_all(format!("{self}\n").as_bytes()));
        if let Err(error) = written {
            eprintln!("the bar could not be added to {}: {error}", file.display());
        }
    }
}

impl Display for Bar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, value, unit, limit, verdict, provisional } = self;
        let (value, limit) = (Figure(*value), Figure(*limit));
        write!(formatter, "bar {name} {value} {unit} limit {limit} {verdict}")?;
        if *provisional { formatter.write_str(" provisional") } else { Ok(()) }
    }
}

/// A number with at most three decimals and no trailing zeros.
struct Figure(f64);

impl Display for Figure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.3}", self.0);
        formatter.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(bar: &Bar) -> String {
        bar.to_string().trim_end_matches(" provisional").to_owned()
    }

    #[test]
    fn a_line_has_the_shape_of_house_rule_13() {
        assert_eq!(
            line(&Bar::at_most("loader_brotli", 1_894.0, "bytes", 2_000.0)),
            "bar loader_brotli 1894 bytes limit 2000 ok"
        );
        assert_eq!(line(&Bar::at_most("p99 ratio", 2.71249, "x", 2.5)), "bar p99_ratio 2.712 x limit 2.5 short");
        assert_eq!(line(&Bar::at_least("arrived", 80.0, "%", 80.0)), "bar arrived 80 % limit 80 ok");
    }

    #[test]
    fn a_noisy_measurement_is_never_ok() {
        assert_eq!(line(&Bar::at_most("p99", 1.0, "ms", 2.0).noisy(true)), "bar p99 1 ms limit 2 noisy");
    }

    #[test]
    fn lines_are_collected_in_the_order_in_which_they_were_printed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bars");

        Bar::at_most("one", 1.0, "s", 2.0).append(&file);
        Bar::at_most("two", 2.0, "s", 2.0).append(&file);

        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("bar one 1 s limit 2 ok") && text.contains("\nbar two 2 s limit 2 ok"), "{text}");
    }
}
