//! What can go wrong in the harness itself.

use std::{io, time::Duration};

/// A step of a test that could not be taken. Each message says what was tried and what was found.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The operating system refused something.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A condition was not met in time.
    #[error("{what}: not within {} ms; last seen: {last}", limit.as_millis())]
    Deadline {
        /// What was waited for.
        what: String,
        /// How long it was waited for.
        limit: Duration,
        /// The last state seen.
        last: String,
    },
    /// A process ended before it was ready.
    #[error("{program} ended ({status}) before it was ready; it wrote:\n{output}")]
    Ended {
        /// The name of the program.
        program: String,
        /// Its exit status.
        status: String,
        /// The end of what it wrote.
        output: String,
    },
    /// Something that the tests need is not installed or could not be built.
    #[error("{what} is missing: {remedy}")]
    Missing {
        /// What is missing.
        what: String,
        /// What to do about it.
        remedy: String,
    },
    /// A request got no answer.
    #[error("no answer from {address}: {detail}")]
    NoAnswer {
        /// The address asked.
        address: String,
        /// What happened instead.
        detail: String,
    },
    /// An answer could not be read as what it should be.
    #[error("{what} cannot be read: {detail}; it is: {found}")]
    Unreadable {
        /// What was read.
        what: String,
        /// What is wrong with it.
        detail: String,
        /// Its beginning.
        found: String,
    },
    /// The browser refused a command.
    #[error("the browser refused {command}: {detail}")]
    Browser {
        /// The command.
        command: String,
        /// The error and message of the browser.
        detail: String,
    },
    /// Nothing on the page is what was asked for.
    #[error("{what} is not on the page; there is: {found}")]
    NotOnPage {
        /// What was looked for.
        what: String,
        /// What is there instead.
        found: String,
    },
}

impl Fault {
    /// An [`io::Error`] together with what was tried. For `map_err`.
    pub fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }
}

/// At most `limit` bytes of the end of `text`, cut where a line begins if there is one.
pub(crate) fn tail(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let cut = text.ceil_char_boundary(text.len() - limit);
    let end = text.get(cut..).unwrap_or_default();
    end.split_once('\n').map_or(end, |(_, whole_lines)| whole_lines)
}

/// At most `limit` bytes of the beginning of `text`.
pub(crate) fn head(text: &str, limit: usize) -> String {
    text.get(..text.floor_char_boundary(limit.min(text.len()))).unwrap_or_default().to_owned()
}
