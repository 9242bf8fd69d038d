/* global WASM, WASM_INTEGRITY, DEBUG, DEBUG_INTEGRITY -- put in by the bundling step */
// The glue: fetches the core, is its browser, and takes the page over from the loader. Where WebAssembly is refused it
// works out clicks and the data layer for the loader, which goes on sending.
//
// The core is not re-entrant, and everything that may come from the page (listeners, a patched `fetch`, a data layer
// that pushes when it is pushed to) could call us in the middle of a call. So the page only ever adds to lists; the core
// is entered from timers, answers and the hiding of the page, through `call`.
import { enter, initSync } from "gloed-core";
import { host } from "gloed-host";
import { simplify } from "./alone.js";
import { meaning } from "./dom.js";
import { watch } from "./layer.js";
import { offers } from "./offers.js";
import { fetchScript } from "./script.js";

// Inputs of the core, as `web.rs` numbers them.
const TAKE = 0;
const ADOPT = 1;
const ASK = 2;
const ANSWERED = 3;
const WAKE = 4;
const ONLINE = 5;
const LEAVE = 6;
const FORGET = 7;

const link = document.currentScript.link;
const { guard } = link;
const listeners = [];
const waiting = {};
let alive;
let inside;
let draining;
let timer;
let asked = 0;
// Whether somebody has used the page and no event has told of it in this visit.
let untold;

const emit = (type, detail) => listeners.map(([wanted, run]) => wanted === type && guard(run)(detail));
const show = offers(link, emit);
const scan = watch(link);

const call = (input, text = "", number = 0, other = 0, seconds = 0) => {
  if (!alive || inside) return;
  inside = 1;
  try {
    enter(input, number, other, seconds, text, Date.now());
  } catch (error) {
    // A trap: the instance cannot be used again. The page goes on with the loader.
    refused(error);
  }
  inside = 0;
};

// Receipts and the decision of an answer, from whoever asked.
const answered = (events, answer, resolve = show) => {
  events.map(({ n, name, time }, at) => emit("receipt", { n, name, time, ...answer.receipts?.[at] }));
  if (answer.id) link.remember(answer.id);
  resolve(answer.offers ? answer : answer.decision);
};

host.link = link;
host.key = "gloed:" + link.tag.dataset.site;
host.slots = () => {
  const free = show.free();
  return free[0] ? JSON.stringify(free) : "";
};
host.wake = (milliseconds) => {
  clearTimeout(timer);
  timer = setTimeout(call, milliseconds, WAKE);
};
host.send = (ticket, ask, events, body) => {
  const { stream } = link.head();
  if (events) untold = 0;
  link.note("sent", body);
  link.post(events ? "/v1/events" : "/v1/decide", body, (status, after, answer = {}) =>
    // Never while the core is still in `send`.
    queueMicrotask(
      guard(() => {
        link.note("answer", status);
        call(ANSWERED, (answer.receipts || []).map(({ retry }) => +!!retry).join(""), ticket, status, after);
        // What was asked for the visitor before a reset says nothing about the one after it.
        if (stream !== link.head().stream) answer.id = 0;
        else if (status === 200) link.reset = undefined;
        if (status === 200 || ask) answered(JSON.parse(body).events, answer, waiting[ask]);
        delete waiting[ask];
      }),
    ),
  );
};

// What was held gets its meaning, and goes to the core, or, without one, out: with a question, if there is one, since in a
// request of its own that could overtake what it is about.
const hand = (context, resolve) => {
  draining = 0;
  scan();
  link.held = link.held.filter(meaning);
  if (!alive) {
    link.held = link.held.filter(simplify);
    return link.flush(context, resolve);
  }
  for (const { params, target, ...capture } of link.held.splice(0))
    call(TAKE, JSON.stringify(capture).slice(0, -1) + ',"params":' + params + "}", capture.source, 0, capture.time);
  for (const event of link.unsent.splice(0)) call(ADOPT, JSON.stringify(event));
};
// A form may be emptied or replaced as soon as its own listeners have run: it is read now.
const drain = () => {
  if (link.held.at(-1)?.target?.tagName === "FORM") hand();
  else draining ||= setTimeout(guard(hand), alive ? 0 : 1e3);
};

const refused = (error) => {
  alive = 0;
  link.note("alone", error);
};

// At logout: what happened so far was the old visitor's, and the collector is told to start anew in spite of its cookie.
const reset = () => {
  link.leave();
  link.forget();
  link.device = link.random() + " " + link.random();
  link.reset = true;
  localStorage.setItem(host.key, link.device);
  // At once, since a logout mostly leaves the page, and the cookie would bring the old visitor back.
  link.post("/v1/events", JSON.stringify({ ...link.head(), events: [] }), (status) => {
    if (status === 200) link.reset = undefined;
  });
};

// Nothing else has told of somebody since: then this event does, once a visit.
const tell = guard(() => {
  if (untold) link.capture(1, "user_engagement");
  untold = 0;
});

// Real input: somebody is here. Every request of this visit says so from now on, on this page and the next ones; and what
// was told before counts from then on, so it is told soon.
const used = guard(({ isTrusted }) => {
  const now = Date.now();
  if (!isTrusted || !link.device || document.hidden || now - link.used < 6e4) return;
  const { person } = link.head();
  link.used = now;
  untold ||= !person;
  setTimeout(tell, 1e3);
  // Last, since it may be forbidden: then it is this page's alone.
  localStorage[host.key + ":p"] = now;
});

const begin = () => {
  link.drain = drain;
  link.leave = () => {
    tell();
    hand();
    call(LEAVE);
  };
  link.forget = () => {
    link.taken = {};
    show.clear();
    call(FORGET);
  };
  link.ask = (context, resolve) => {
    if (!alive) return hand(context, resolve);
    const ask = ++asked;
    waiting[ask] = resolve;
    setTimeout(
      guard(() => {
        hand();
        call(ASK, JSON.stringify(context), ask);
      }),
    );
  };
  link.answered = answered;
  link.call = (command, first, second) => {
    if (command === "answered") answered(first, second);
    else if (command === "set") link.capture(2, "set_attributes", first);
    else if (command === "on") listeners.push([first, second]);
    else if (command === "reset") reset();
    else link.note("unknown_command", command);
  };
  link.kept.map((given) => link.call(...given));
  addEventListener("online", () => call(ONLINE));
  for (const type of ["pointerdown", "keydown", "wheel"]) addEventListener(type, used, { capture: true, passive: true });
  // Before we were there: the click that gave consent, mostly.
  used({ isTrusted: navigator.userActivation?.hasBeenActive });
  hand();
  // The core comes to life with its first call, and looks for what earlier pages have left.
  call(WAKE);
  // The first page view asked for the usual slots only: the page was not read to its end.
  const places = show.free().filter((slot) => !show.usual.includes(slot));
  if (places[0]) link.ask({ slots: places }, show);
};

const connect = async () => {
  try {
    // Before anything is sent, so that the first decision is explained too.
    if (/[?&]gloed_debug/.test(location.search)) await fetchScript(link, DEBUG, DEBUG_INTEGRITY, (explain) => explain(link));
    // Refused by a policy, the compiler throws; a file that is not the one we name never arrives.
    const file = fetch(link.origin + "/" + WASM, { integrity: WASM_INTEGRITY });
    initSync({ module: await WebAssembly.compileStreaming(file) });
    alive = 1;
  } catch (error) {
    refused(error);
  }
  guard(begin)();
};
connect();
