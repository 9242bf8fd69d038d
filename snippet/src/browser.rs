//! What the core needs of the browser, and nothing else.
//!
//! In the page it is `page/bridge.js` through `web`; in tests it is [`crate::memory`]. No method may call back into the
//! core before it returns: the core is not re-entrant.

/// The page's browser.
pub trait Browser {
    /// The members of the envelope that say who sends: `"v":1,"site":"…","seed":"…","stream":"…","sent":…,…`, without
    /// the braces. The loader owns the identity, so there is one author of it.
    fn head(&mut self) -> String;

    /// The slots that could take an offer now, as a JSON array; empty text when there are none.
    fn slots(&mut self) -> String;

    /// Sends `body`, which carries `events` events and the question `ask` (0: none). The answer comes to
    /// `Core::answered` with this ticket.
    fn send(&mut self, ticket: u32, ask: u32, events: u32, body: &str);

    /// Stores a text of this device under a name of ours. A full or forbidden storage is no error: the page goes on
    /// without.
    fn store(&mut self, name: Stored, text: &str);

    /// Reads what was stored; empty when there is nothing. Of [`Stored::Queue`] it is what tabs that are gone have left,
    /// of this visitor's stream only, and reading removes it.
    fn load(&mut self, name: Stored) -> String;

    /// Calls `Core::wake` once, in this many milliseconds. A later call replaces an earlier one.
    fn wake_in(&mut self, milliseconds: f64);

    /// A random number in [0, 1).
    fn random(&mut self) -> f64;

    /// Explains something to a developer who asked for it with `?gloed_debug`. Codes are listed in `page/debug.js`.
    fn note(&mut self, code: &str, detail: &str);
}

/// What the core keeps on the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Stored {
    /// Events that are not acknowledged, a JSON array. One a tab; empty text removes it.
    Queue = 0,
    /// Transactions that were reported, with spaces between.
    Transactions = 1,
}
