//! How many requests are worked on at once. More are refused, never queued: a queue only makes everybody late.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::Problem;

/// A number of requests that may be worked on.
#[derive(Clone)]
pub struct InFlight(Arc<Semaphore>);

impl InFlight {
    /// So many.
    #[must_use]
    pub fn new(number: usize) -> Self {
        Self(Arc::new(Semaphore::new(number.min(Semaphore::MAX_PERMITS))))
    }

    /// Room for one request, held until dropped.
    ///
    /// # Errors
    /// [`Problem::Overloaded`] at once when there is none.
    pub fn enter(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.0.clone().try_acquire_owned().map_err(|_| Problem::Overloaded)
    }
}
