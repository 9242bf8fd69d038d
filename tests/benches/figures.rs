//! What a run showed: the table for people, the lines with a limit for whoever keeps them, and their file.

use std::{fmt::Write as _, fs::OpenOptions, io::Write as _};

use tests::{Fault, bar::Bar, workspace};

use crate::{
    median::milliseconds,
    rounds::{Measured, Run},
};

/// Beside the sources, from the root.
const FOLDER: &str = "tests/benches";
/// Until this is there no limit is final.
const PROFILE: &str = "tests/benches/PROFILE.md";

/// A run, for people.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    tables: String,
    bars: Vec<Bar>,
}

impl Figures {
    /// Adds the table of a run, each row against its first.
    pub(crate) fn table(&mut self, title: &str, run: &Run) {
        let bare = run.measured.first().map_or(1.0, Measured::cost);
        let noisy = if run.noisy { " The reference never stayed still: no result." } else { "" };
        self.line(format_args!("{title}, processor µs of server and store until everything is applied.{noisy}\n"));
        self.line(format_args!(
            "| | µs a request | µs an event | to the bare | requests/s | p50 / p99, 64 at once | answer | MiB |"
        ));
        self.line(format_args!("| --- | --- | --- | --- | --- | --- | --- | --- |"));
        for measured in &run.measured {
            let cost = measured.cost();
            let event = cost / f64::from(measured.events);
            #[expect(clippy::cast_precision_loss, reason = "far fewer bytes than 2^52")]
            let memory = measured.memory as f64 / f64::from(1 << 20);
            self.line(format_args!(
                "| {} | {cost:.1} | {event:.1} | {:.2} | {:.0} | {:.1} / {:.1} ms | {} B | {memory:.0} |",
                measured.name,
                event / bare,
                measured.rate(),
                milliseconds(&measured.latencies, 0.5),
                milliseconds(&measured.latencies, 0.99),
                measured.answer_bytes,
            ));
        }
        self.line(format_args!(""));
    }

    /// Adds a line of text.
    pub(crate) fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // A string takes everything.
        writeln!(self.tables, "{text}").ok();
    }

    /// Adds a figure that must be at most `limit`.
    pub(crate) fn at_most(&mut self, name: &str, value: f64, unit: &str, limit: f64, noisy: bool) {
        let provisional = !workspace::root().join(PROFILE).is_file();
        self.bars.push(Bar::at_most(name, value, unit, limit).noisy(noisy).provisional(provisional));
    }

    /// Prints everything.
    #[expect(clippy::print_stdout, reason = "what a bench is for")]
    pub(crate) fn print(&self) {
        println!("\n{}", self.tables);
        for bar in &self.bars {
            bar.print();
        }
    }

    /// Appends everything to the file of results.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn append(&self, heading: &str) -> Result<(), Fault> {
        let file = workspace::root().join(FOLDER).join("RESULTS.md");
        let mut text = format!("\n## {heading}\n\n{}", self.tables);
        for bar in &self.bars {
            writeln!(text, "    {bar}").ok();
        }
        let written = OpenOptions::new().append(true).create(true).open(&file);
        written
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(Fault::system(format!("writing {}", file.display())))
    }
}
