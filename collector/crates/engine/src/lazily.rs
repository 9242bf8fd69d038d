//! What is worked out when it is asked for, behind a shared reference: a condition asks of facts that it cannot change.

use std::cell::Cell;
use std::fmt;

/// Something that learns what it is asked for.
#[derive(Default)]
pub(crate) struct Lazily<T>(Cell<T>);

impl<T: Default> Lazily<T> {
    /// Asks. What asks must not ask again on the way: it would find nothing learned yet, and what it learns would be lost.
    pub(crate) fn ask<R>(&self, ask: impl FnOnce(&mut T) -> R) -> R {
        let mut known = self.0.take();
        let answer = ask(&mut known);
        self.0.set(known);
        answer
    }
}

impl<T: Default + Clone> Clone for Lazily<T> {
    fn clone(&self) -> Self {
        Self(Cell::new(self.ask(|known| known.clone())))
    }
}

impl<T> fmt::Debug for Lazily<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Lazily")
    }
}
