//! How many bytes bodies may take that are on their way. Somebody who sends almost all of many long bodies and then nothing
//! would otherwise fill the memory until they time out.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of each body that always have room, and most pages need no more; with as many connections as there may be they are
/// bounded too.
const FREE: usize = 4 * 1024;
/// Bytes of all bodies together beyond that.
const ALL: usize = 32 * 1024 * 1024;
/// Bytes that are counted as one.
const UNIT: usize = 1024;

/// Room for bodies. Fixed, shared by all requests of a process.
pub struct BodyRoom(Arc<Semaphore>);

impl Default for BodyRoom {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ALL / UNIT)))
    }
}

impl BodyRoom {
    /// For a body of which nothing has come yet.
    #[must_use]
    pub fn enter(&self) -> Occupied {
        Occupied { room: self.0.clone(), units: 0, held: None }
    }
}

/// The room that one body takes; given back when dropped.
pub struct Occupied {
    room: Arc<Semaphore>,
    units: usize,
    held: Option<OwnedSemaphorePermit>,
}

impl Occupied {
    /// Whether there is room for so many bytes of it, which it then takes.
    pub fn holds(&mut self, bytes: usize) -> bool {
        let units = bytes.saturating_sub(FREE).div_ceil(UNIT);
        let more = u32::try_from(units.saturating_sub(self.units)).unwrap_or(u32::MAX);
        if more == 0 {
            return true;
        }
        let Ok(permit) = self.room.clone().try_acquire_many_owned(more) else { return false };
        self.units = units;
        match &mut self.held {
            Some(held) => held.merge(permit),
            None => self.held = Some(permit),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_bodies_share_what_room_there_is_and_short_ones_always_have_some() {
        // given so many long bodies that the room is full
        let room = BodyRoom::default();
        let long = FREE + 1024 * 1024;
        let mut occupied: Vec<Occupied> = (0..ALL / (1024 * 1024)).map(|_| room.enter()).collect();
        assert!(occupied.iter_mut().all(|one| one.holds(long / 2) && one.holds(long)));
        // then another has none beyond what is free, until one of them has gone
        let mut late = room.enter();
        assert!(late.holds(FREE) && !late.holds(FREE + 1));
        occupied.pop();
        assert!(late.holds(FREE + 1));
    }
}
