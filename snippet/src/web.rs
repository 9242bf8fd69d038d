//! The core in the page: exports for `page/bridge.js`, and the browser as `page/host.js` gives it.
#![expect(unsafe_code, reason = "wasm-bindgen's exports, and the allocator's construction, which is proved below")]

use std::cell::RefCell;

use lol_alloc::{AssumeSingleThreaded, FreeListAllocator};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::browser::{Browser, Stored};
use crate::core::Core;

// SAFETY: `AssumeSingleThreaded` is sound when no two threads allocate. wasm32-unknown-unknown without the `atomics`
// feature has no threads: an instance belongs to one JavaScript agent, and the bridge makes it on the page's main
// thread and shares neither the module's memory nor the instance.
#[global_allocator]
static ALLOCATOR: AssumeSingleThreaded<FreeListAllocator> =
    unsafe { AssumeSingleThreaded::new(FreeListAllocator::new()) };

#[wasm_bindgen(raw_module = "gloed-host")]
extern "C" {
    fn head() -> String;
    fn slots() -> String;
    fn send(ticket: u32, ask: u32, events: u32, body: &str);
    fn store(name: u8, text: &str);
    fn load(name: u8) -> String;
    fn wake_in(milliseconds: f64);
    fn random() -> f64;
    fn note(code: &str, detail: &str);
}

/// The page's browser: functions of `page/host.js`, of the same names.
struct Page;

impl Browser for Page {
    fn head(&mut self) -> String {
        head()
    }

    fn slots(&mut self) -> String {
        slots()
    }

    fn send(&mut self, ticket: u32, ask: u32, events: u32, body: &str) {
        send(ticket, ask, events, body);
    }

    fn store(&mut self, name: Stored, text: &str) {
        store(name as u8, text);
    }

    fn load(&mut self, name: Stored) -> String {
        load(name as u8)
    }

    fn wake_in(&mut self, milliseconds: f64) {
        wake_in(milliseconds);
    }

    fn random(&mut self) -> f64 {
        random()
    }

    fn note(&mut self, code: &str, detail: &str) {
        note(code, detail);
    }
}

thread_local! {
    static CORE: RefCell<Option<Core<Page>>> = const { RefCell::new(None) };
}

/// What the bridge tells the core; the numbers stand in `page/bridge.js`.
///
/// One export for all inputs: each one more would cost every visitor some hundred bytes of conversions. `number` is a
/// ticket, or the source of a capture; `other` a status; `seconds` the seconds of `Retry-After`, or the time of a
/// capture.
#[wasm_bindgen]
pub fn enter(input: u8, number: u32, other: u32, seconds: f64, text: &str, now: f64) {
    CORE.with_borrow_mut(|slot| {
        let core = slot.get_or_insert_with(|| Core::new(Page, now));
        match input {
            0 => core.take(text, number as u8, seconds, now),
            1 => core.adopt(text, now),
            2 => core.ask(number, text, now),
            3 => core.answered(number, other, seconds, text, now),
            4 => core.wake(now),
            5 => core.online(now),
            6 => core.leave(now),
            _ => core.forget(),
        }
    });
}
