//! Events that the collector has not acknowledged yet.

use crate::json::{Raw, member, put, separate};

/// Most events kept while the collector cannot be reached.
pub const MOST_EVENTS: usize = 200;

/// Most bytes kept. The shop's own use of the storage (5 MB for all) must never notice us.
pub const MOST_BYTES: usize = 64 * 1024;

/// Largest body a page makes, in bytes. Browsers allow 64 KiB of `keepalive` bodies in flight, so there must be room
/// for a small request beside it.
pub const PAGE_BODY_BYTES: usize = 60_000;

/// A queued event.
#[derive(Debug)]
struct Queued {
    /// Its JSON without the closing brace and without a page of its own.
    json: String,
    /// JSON of its page; empty when it is inside `json` or unknown.
    page: String,
    /// The request that carries it; 0 when it waits.
    flight: u32,
}

impl Queued {
    fn bytes(&self) -> usize {
        self.json.len() + self.page.len()
    }

    fn write(&self, out: &mut String, envelope_page: &str) {
        separate(out);
        put(out, &self.json);
        if !self.page.is_empty() && self.page != envelope_page {
            member(out, "page", &self.page);
        }
        put(out, "}");
    }
}

/// For how long after the last acknowledgement events are repeated, ms: by then every collector knows of them.
const REPEATED_FOR: f64 = 5_000.0;

/// Bytes of repeated events after which it begins anew.
const REPEATED_BYTES: usize = 8 * 1024;

/// The queue, in order of happening.
#[derive(Debug, Default)]
pub struct Queue {
    events: Vec<Queued>,
    /// What was acknowledged a moment ago, as it is repeated, and until when.
    acknowledged: String,
    repeated_until: f64,
    bytes: usize,
    dropped: u32,
}

impl Queue {
    /// Adds an event; `json` lacks its closing brace. The oldest that waits goes when the queue is full: what happens now
    /// decides what is offered now.
    pub fn push(&mut self, json: String, page: String) {
        let event = Queued { json, page, flight: 0 };
        self.bytes += event.bytes();
        self.events.push(event);
        while self.events.len() > MOST_EVENTS || self.bytes > MOST_BYTES {
            let Some(place) = self.events.iter().position(|event| event.flight == 0) else { break };
            self.remove(place);
            self.dropped += 1;
        }
    }

    fn remove(&mut self, place: usize) {
        self.bytes -= self.events.remove(place).bytes();
    }

    /// How many events were dropped because the queue was full.
    #[must_use]
    pub fn dropped(&self) -> u32 {
        self.dropped
    }

    /// Whether there is nothing to send or to wait for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Whether an event waits to be sent.
    #[must_use]
    pub fn has_waiting(&self) -> bool {
        self.events.iter().any(|event| event.flight == 0)
    }

    /// Puts waiting events on the request `flight` and appends `"page":…,"events":[…]` to `body`; at most `most`
    /// events, and no more than fit a page's body. The page of the last one is the envelope's. How many were taken.
    pub fn load(&mut self, body: &mut String, flight: u32, most: u32) -> u32 {
        let mut size = body.len();
        let mut count = 0;
        let mut paged = 0;
        for (place, event) in self.events.iter_mut().enumerate() {
            if event.flight != 0 || count == most {
                continue;
            }
            // 32 bytes: `,"page":` and what closes the event and the body.
            size += event.bytes() + 32;
            if size > PAGE_BODY_BYTES && count > 0 {
                break;
            }
            event.flight = flight;
            count += 1;
            if !event.page.is_empty() {
                paged = place;
            }
        }
        let page = self.events.get(paged).map_or("", |event| &event.page);
        if !page.is_empty() {
            member(body, "page", page);
        }
        member(body, "events", "[");
        for event in &self.events {
            if event.flight == flight {
                event.write(body, page);
            }
        }
        put(body, "]");
        count
    }

    /// Ends the request `flight`: the events at the places where `again` has a `1` wait again, the others are done with;
    /// `acknowledged_at` is when, or 0 when they were refused.
    pub fn settle(&mut self, flight: u32, again: &[u8], acknowledged_at: f64) {
        if acknowledged_at > self.repeated_until || self.acknowledged.len() > REPEATED_BYTES {
            self.acknowledged.clear();
        }
        let mut number = 0;
        let mut place = 0;
        while let Some(event) = self.events.get_mut(place) {
            if event.flight == flight {
                event.flight = 0;
                number += 1;
                if again.get(number - 1) != Some(&b'1') {
                    if acknowledged_at > 0.0 {
                        event.write(&mut self.acknowledged, "");
                        self.repeated_until = acknowledged_at + REPEATED_FOR;
                    }
                    self.remove(place);
                    continue;
                }
            }
            place += 1;
        }
    }

    /// Appends `"acknowledged":[…]` to `body`: the last events that another collector than the one that is asked now may
    /// have acknowledged, and this one not know of.
    pub fn repeat(&self, body: &mut String, now: f64) {
        if now < self.repeated_until && !self.acknowledged.is_empty() {
            member(body, "acknowledged", "[");
            put(body, &self.acknowledged);
            put(body, "]");
        }
    }

    /// Ends the request `flight`: its events wait again.
    pub fn release(&mut self, flight: u32) {
        for event in &mut self.events {
            if event.flight == flight {
                event.flight = 0;
            }
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.events.clear();
        self.acknowledged.clear();
        self.bytes = 0;
    }

    /// All events as a JSON array, each with its page, for the storage; empty text for none.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        if !self.is_empty() {
            put(&mut text, "[");
            for event in &self.events {
                event.write(&mut text, "");
            }
            put(&mut text, "]");
        }
        text
    }

    /// Adds the events of an earlier `to_text`, or one event.
    pub fn add_text(&mut self, text: &str) {
        let value = Raw::new(text);
        let mut elements = value.elements();
        let mut event = if value.kind() == b'[' { elements.next_element() } else { Some(value) };
        while let Some(found) = event {
            if let Some(open) = found.text().strip_suffix('}') {
                self.push(open.into(), String::new());
            }
            event = elements.next_element();
        }
    }
}
