//! Open connections, and which of them goes when there is no room for another.
//!
//! A connection costs memory whether or not it says anything. Whoever opens many and says little would keep everybody else
//! out, until timeouts come to their end. So at the cap the connection goes that has kept us *waiting* longest: for a
//! request's header, for the rest of a body, or for a further request. One whose answer is being made is never closed for
//! that. Somebody who sends a whole request at once is hardly ever waited for, and gets in whoever else holds on.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::Notify;

/// The connections of one listener.
#[derive(Debug)]
pub(crate) struct Connections {
    most: usize,
    table: Mutex<Table>,
    /// Rings when a connection has ended or begins to be waited for.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Table {
    open: usize,
    /// Turns are given out one after the other: the lowest has been waited for longest.
    next_turn: u64,
    /// Those that we wait for, by their turn, with what closes them.
    waiting: BTreeMap<u64, Arc<Notify>>,
    /// The one that was told to go: no other is until it has gone, or turns out to have said something at last.
    leaving: Option<Arc<Notify>>,
}

/// One open connection; it counts until it is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    connections: Arc<Connections>,
    closing: Arc<Notify>,
    /// The turn while it is waited for.
    turn: Mutex<Option<u64>>,
}

impl Connections {
    /// At most so many at once; 0 counts as 1.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most: most.max(1), table: Mutex::default(), changed: Notify::new() })
    }

    fn table(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for one more: at once, or when the connection that was waited for longest has gone. Where every one of them is
    /// being answered, the new one waits in the kernel's queue.
    pub(crate) async fn room(self: &Arc<Self>) -> Arc<Connection> {
        loop {
            let changed = self.changed.notified();
            {
                let mut table = self.table();
                if table.open < self.most {
                    table.open += 1;
                    break;
                }
                if table.leaving.is_none()
                    && let Some((_, closing)) = table.waiting.pop_first()
                {
                    closing.notify_one();
                    table.leaving = Some(closing);
                }
            }
            changed.await;
        }
        let connection =
            Arc::new(Connection { connections: self.clone(), closing: Arc::default(), turn: Mutex::new(None) });
        connection.wait();
        connection
    }
}

impl Connection {
    /// Resolves when it is to be closed, to make room.
    pub(crate) async fn closed(&self) {
        loop {
            self.closing.notified().await;
            // It may have said the last it had to say just then, and is answered.
            if self.turn.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
                return;
            }
        }
    }

    /// From now on the other side is waited for.
    pub(crate) fn wait(&self) {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if turn.is_some() {
            return;
        }
        let mut table = self.connections.table();
        let next = table.next_turn;
        table.next_turn += 1;
        table.waiting.insert(next, self.closing.clone());
        *turn = Some(next);
        drop(table);
        self.connections.changed.notify_waiters();
    }

    /// From now on it is we who owe something.
    fn work(&self) {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(waited) = turn.take() else { return };
        let mut table = self.connections.table();
        table.waiting.remove(&waited);
        if table.leaving.as_ref().is_some_and(|leaving| Arc::ptr_eq(leaving, &self.closing)) {
            table.leaving = None;
            drop(table);
            self.connections.changed.notify_waiters();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.work();
        self.connections.table().open -= 1;
        self.connections.changed.notify_waiters();
    }
}

/// A request's body, as whose end the waiting ends.
#[derive(Debug)]
pub(crate) struct Awaited {
    body: Incoming,
    connection: Arc<Connection>,
}

impl Awaited {
    /// The body of a request that came on this connection.
    pub(crate) fn new(body: Incoming, connection: Arc<Connection>) -> Self {
        if body.is_end_stream() {
            connection.work();
        }
        Self { body, connection }
    }
}

impl Body for Awaited {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if matches!(frame, Poll::Ready(None)) || (frame.is_ready() && self.body.is_end_stream()) {
            self.connection.work();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Whether a connection is told to go, as far as can be seen now.
    async fn goes(connection: &Connection) -> bool {
        tokio::time::timeout(Duration::ZERO, connection.closed()).await.is_ok()
    }

    #[tokio::test]
    async fn at_the_cap_the_one_that_was_waited_for_longest_goes_and_none_that_is_answered() {
        // given room for three, one of which is being answered, and one that has begun anew
        let connections = Connections::new(3);
        let (answered, quiet, again) = (connections.room().await, connections.room().await, connections.room().await);
        answered.work();
        again.work();
        again.wait();

        // when another comes
        let next = tokio::spawn({
            let connections = connections.clone();
            async move { connections.room().await }
        });
        // then the quiet one is told to go, and when it has gone there is room
        quiet.closed().await;
        drop(quiet);
        let next = next.await.unwrap();
        assert!(!goes(&answered).await && !goes(&again).await && !goes(&next).await);
    }

    #[tokio::test]
    async fn where_all_are_answered_a_new_one_waits_until_one_is_not() {
        let connections = Connections::new(1);
        let only = connections.room().await;
        only.work();
        let mut next = Box::pin(connections.room());
        assert!(tokio::time::timeout(Duration::from_millis(20), &mut next).await.is_err());

        only.wait();
        let (next, ()) = tokio::join!(next, async move {
            only.closed().await;
            drop(only);
        });
        assert!(!goes(&next).await);
    }
}
