//! What can go wrong with a server of a test.

use std::{io, time::Duration};

/// A step that could not be taken. Each message says what was tried and what was found.
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
    /// A server ended before it was ready.
    #[error("the server ended ({status}) before it was ready; it wrote:\n{output}")]
    Ended {
        /// Its exit status.
        status: String,
        /// The end of what it wrote.
        output: String,
    },
    /// A server answered a command with an error, or with what the command never answers.
    #[error("{command} was answered with {found}")]
    Refused {
        /// The command.
        command: String,
        /// The answer.
        found: String,
    },
}

impl Fault {
    /// An [`io::Error`] together with what was tried. For `map_err`.
    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }
}
