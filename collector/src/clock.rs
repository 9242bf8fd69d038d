//! The one place that tells the time. It is handed in, so that tests can set it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use engine::time::{Millis, Span};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Millis;

    /// The same without what a test has moved it ahead: what is compared with the clock of another machine.
    fn of_the_machine(&self) -> Millis {
        self.now()
    }
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug, Clone)]
pub struct SetClock(Arc<AtomicI64>);

impl SetClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn at(now: Millis) -> Self {
        Self(Arc::new(AtomicI64::new(now.0)))
    }

    /// Sets the clock.
    pub fn set(&self, now: Millis) {
        self.0.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

/// The machine's clock, ahead by as much as a test of a running process says. How far is kept in the data folder: what is
/// in the store would otherwise lie in the future after a restart.
#[derive(Debug, Clone)]
pub struct TestClock {
    /// Milliseconds.
    ahead: Arc<AtomicI64>,
    file: PathBuf,
}

impl TestClock {
    /// The test clock of a data folder: as far ahead as it was last.
    ///
    /// # Errors
    /// When the folder's file is there and cannot be read.
    pub fn load(data: &Path) -> std::io::Result<Self> {
        let file = data.join("test-clock");
        let ahead = match std::fs::read_to_string(&file) {
            Ok(text) => text.trim().parse().map_err(std::io::Error::other)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        Ok(Self { ahead: Arc::new(AtomicI64::new(ahead)), file })
    }

    /// How far it is ahead.
    #[must_use]
    pub fn offset(&self) -> Span {
        Span(self.ahead.load(Ordering::SeqCst))
    }

    /// Moves it ahead until it shows `to`; never back.
    ///
    /// # Errors
    /// When the data folder does not take it; the clock is moved all the same.
    pub fn move_to(&self, to: Millis) -> std::io::Result<()> {
        self.ahead.fetch_max(to.since(SystemClock.now()).0, Ordering::SeqCst);
        std::fs::write(&self.file, self.offset().0.to_string())
    }
}

impl Clock for TestClock {
    fn now(&self) -> Millis {
        SystemClock.now().plus(self.offset())
    }

    fn of_the_machine(&self) -> Millis {
        SystemClock.now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_clock_goes_on_from_where_it_was_moved_to_never_back_and_over_a_restart() {
        // given a clock
        let data = tempfile::tempdir().unwrap();
        let clock = TestClock::load(data.path()).unwrap();
        let begin = clock.now();
        assert!(begin.since(SystemClock.now()) <= Span(0));
        // when it is moved ahead, asked to go back, and loaded again
        clock.move_to(begin.plus(Span::minutes(90))).unwrap();
        clock.move_to(begin).unwrap();
        let again = TestClock::load(data.path()).unwrap();
        // then both show the later instant, or what has passed since
        for clock in [clock, again] {
            assert!(clock.now() >= begin.plus(Span::minutes(90)));
            assert!(clock.now() < begin.plus(Span::minutes(91)));
        }
    }
}
