//! The state of the page: what waits, what is in flight, what was asked.
//!
//! Every input carries `now` (ms since 1970, the device's clock). The methods are the only inputs; the effects go through
//! [`Browser`].

use crate::browser::{Browser, Stored};
use crate::duplicates::{Twins, is_new_transaction};
use crate::json::{Raw, member, put};
use crate::normalise::normalise;
use crate::queue::Queue;
use wire::{limits, names};

/// How long ordinary events wait for company, ms. Page views do not wait: their answer may bring an offer.
const COALESCE: f64 = 200.0;

/// The back-off's first and longest span, ms.
const BACK_OFF_FIRST: f64 = 1_000.0;
const BACK_OFF_LONGEST: f64 = 300_000.0;

/// Most events in one request.
const MOST_IN_REQUEST: u32 = limits::EVENTS as u32;

/// Names after which no offer is asked for: facts about the visitor, and reports on offers.
const NO_BEHAVIOUR: &str = "set_attributes sign_up offer_shown offer_clicked offer_dismissed";

/// A request that has not been answered yet.
#[derive(Debug)]
struct Flight {
    ticket: u32,
    /// The `ask` that it carries; 0 when none.
    ask: u32,
    events: u32,
}

/// The page's core.
#[derive(Debug)]
pub struct Core<B> {
    browser: B,
    queue: Queue,
    twins: Twins,
    transactions: String,
    flights: Vec<Flight>,
    last_ticket: u32,
    /// Something happened on which an offer may depend.
    wants_offers: bool,
    persisted: bool,
    /// The back-off's current span, ms; 0 while the collector answers.
    span: f64,
    not_before: f64,
    /// When waiting events are to go.
    due: f64,
    most_in_request: u32,
}

impl<B: Browser> Core<B> {
    /// A core that knows what the device has stored, and takes over what tabs that are gone have left unsent.
    pub fn new(mut browser: B, now: f64) -> Self {
        let mut queue = Queue::default();
        queue.add_text(&browser.load(Stored::Queue));
        let transactions = browser.load(Stored::Transactions);
        let mut core = Self {
            browser,
            queue,
            twins: Twins::default(),
            transactions,
            flights: Vec::new(),
            last_ticket: 0,
            wants_offers: false,
            persisted: false,
            span: 0.0,
            not_before: 0.0,
            due: now,
            most_in_request: MOST_IN_REQUEST,
        };
        core.plan(now);
        core
    }

    /// The browser, for tests.
    pub fn browser(&mut self) -> &mut B {
        &mut self.browser
    }

    /// How many events were dropped because the queue was full.
    #[must_use]
    pub fn dropped(&self) -> u32 {
        self.queue.dropped()
    }

    /// Something happened at `time`: `capture` is the loader's object, with `n`, `time`, `name`, `page` and `params`.
    pub fn take(&mut self, capture: &str, source: u8, time: f64, now: f64) {
        let capture = Raw::new(capture);
        let Some(event) = normalise(capture, source) else {
            return self.browser.note("not_recorded", capture.text());
        };
        if self.twins.is_twin(event.content, source, time) {
            return self.browser.note("twin", &event.name);
        }
        if !event.transaction.is_empty() {
            if !is_new_transaction(&mut self.transactions, &event.transaction) {
                return self.browser.note("transaction_known", &event.transaction);
            }
            self.browser.store(Stored::Transactions, &self.transactions);
        }
        self.wants_offers |= !crate::json::lists(NO_BEHAVIOUR, &event.name);
        if event.name == names::PAGE_VIEW {
            self.due = now;
        } else if !self.queue.has_waiting() {
            self.due = now + COALESCE;
        }
        self.queue.push(event.json, capture.get("page").text().into());
        self.plan(now);
    }

    /// Takes over an event of the wire that the loader could not deliver.
    pub fn adopt(&mut self, event: &str, now: f64) {
        self.queue.add_text(event);
        self.plan(now);
    }

    /// Asks for a decision, together with the events before it; `decide` is what the wire calls so.
    pub fn ask(&mut self, ask: u32, decide: &str, now: f64) {
        self.request(ask, decide, now);
        self.plan(now);
    }

    /// The time that `wake_in` asked for has come.
    pub fn wake(&mut self, now: f64) {
        if now >= self.due {
            self.send(now, false);
        }
        self.plan(now);
    }

    /// The connection is back: what waits may be tried at once.
    pub fn online(&mut self, now: f64) {
        if self.span > 0.0 {
            self.not_before = now;
            self.wake(now);
        }
    }

    /// The page is hidden and may never be seen again: everything goes now, and what is not acknowledged is stored for
    /// the next page.
    pub fn leave(&mut self, now: f64) {
        self.send(now, true);
        self.persist();
    }

    /// The visitor withdrew consent or became somebody else: nothing of before is sent or kept.
    pub fn forget(&mut self) {
        self.queue.clear();
        self.flights.clear();
        self.transactions.clear();
        self.wants_offers = false;
        self.persisted = false;
    }

    /// The answer to the request `ticket`: its status (0 when there was none), the seconds of `Retry-After` (0 when
    /// absent), and for each of its events a `1` if its receipt says that it may be sent again.
    pub fn answered(&mut self, ticket: u32, status: u32, retry_after: f64, again: &str, now: f64) {
        // A request of before a `forget` is nobody's.
        let Some(place) = self.flights.iter().position(|flight| flight.ticket == ticket) else { return };
        let flight = self.flights.remove(place);
        match status {
            200..=299 => {
                self.span = 0.0;
                self.not_before = 0.0;
                self.most_in_request = MOST_IN_REQUEST;
                self.queue.settle(ticket, again.as_bytes(), now);
                if again.as_bytes().contains(&b'1') {
                    self.back_off(BACK_OFF_FIRST, now);
                }
            }
            0 | 408 | 429 | 500..=599 => {
                self.queue.release(ticket);
                self.back_off(retry_after * 1_000.0, now);
            }
            // Too large: in two halves, at once.
            413 if flight.events > 1 => {
                self.most_in_request = flight.events / 2;
                self.queue.release(ticket);
            }
            _ => self.queue.settle(ticket, &[], 0.0),
        }
        if self.persisted || self.span > 0.0 {
            self.persist();
        }
        self.plan(now);
    }

    /// Back-off with full jitter: tabs and devices that failed together must not come back together. Never before
    /// `least`, ms.
    fn back_off(&mut self, least: f64, now: f64) {
        self.span = (self.span * 2.0).clamp(BACK_OFF_FIRST, BACK_OFF_LONGEST);
        self.not_before = now + (self.browser.random() * self.span).max(least);
    }

    /// Sends what waits: one request of events at a time, so that they arrive in order and come in batches where the
    /// network is slow.
    fn send(&mut self, now: f64, leaving: bool) {
        if self.queue.has_waiting() && (leaving || !self.is_busy()) && now >= self.not_before {
            let mut decide = String::new();
            if self.wants_offers && !leaving {
                let slots = self.browser.slots();
                if !slots.is_empty() {
                    put(&mut decide, "{");
                    member(&mut decide, "slots", &slots);
                    put(&mut decide, "}");
                }
                self.wants_offers = false;
            }
            self.request(0, &decide, now);
        }
    }

    fn request(&mut self, ask: u32, decide: &str, now: f64) {
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        let mut body = String::from("{");
        put(&mut body, &self.browser.head());
        if !decide.is_empty() {
            member(&mut body, "decide", decide);
            self.queue.repeat(&mut body, now);
        }
        let events = self.queue.load(&mut body, ticket, self.most_in_request);
        put(&mut body, "}");
        self.flights.push(Flight { ticket, ask, events });
        self.browser.send(ticket, ask, events, &body);
    }

    fn is_busy(&self) -> bool {
        self.flights.iter().any(|flight| flight.ask == 0)
    }

    /// Asks to be woken when something is to be done.
    fn plan(&mut self, now: f64) {
        if self.queue.has_waiting() && !self.is_busy() {
            self.browser.wake_in(self.due.max(self.not_before) - now);
        }
    }

    fn persist(&mut self) {
        let text = self.queue.to_text();
        if self.persisted || !text.is_empty() {
            self.browser.store(Stored::Queue, &text);
        }
        self.persisted = !text.is_empty();
    }
}
