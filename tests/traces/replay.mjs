// Plays traces to a file of triggers, and says of each whether and when it would have shown an offer that waits for exit intent:
// `node tests/traces/replay.mjs DETECTOR TRACES.jsonl.gz`. One line of JSON a trace: id, class, exit, fired (ms, or null).
//
// The file runs as it is shipped, in a page that has nothing but what the trace says: its size, its clock, its events.
import { readFileSync } from "node:fs";
import vm from "node:vm";
import { gunzipSync } from "node:zlib";

const [, , detector, file] = process.argv;
const script = new vm.Script(readFileSync(detector, "utf8"), { filename: detector });

const NAMES = { m: "mousemove", o: "mouseout", d: "mousedown", c: "click", k: "keydown", s: "scroll", t: "touchstart", h: "visibilitychange" };

/** The events of a trace, in full: see `record.mjs` for how they are written. */
const read = (events) => {
  const last = {};
  return events.split(" ").map((text) => {
    const letter = text[0];
    const [time, ...more] = text.slice(1).split(",").map((number, place) => {
      const kind = place ? letter.replace(/[odc]/, "m") + place : "time";
      const value = place && /[fh]/.test(letter) ? Number(number) : (last[kind] || 0) + Number(number);
      last[kind] = value;
      return value;
    });
    return { letter, time, more };
  });
};

/** When a detector fires on a trace, ms since the page was opened; null when it does not. */
const play = ({ page: [innerWidth, innerHeight, scrollHeight], end, events }) => {
  let now = 0;
  let listeners = [];
  let timers = [];
  let watch;
  let fired = null;
  const document = { hidden: false, activeElement: { tagName: "BODY" }, documentElement: { scrollHeight }, currentScript: { ready: (given) => (watch = given) } };
  const window = {
    document, innerWidth, innerHeight, scrollY: 0, AbortController,
    performance: { now: () => now },
    Date: { now: () => now },
    addEventListener: (type, run, { signal } = {}) => listeners.push({ type, run, signal }),
    setTimeout: (run, after = 0) => timers.push({ at: now + after, run }) && timers.at(-1),
    clearTimeout: (timer) => (timers = timers.filter((one) => one !== timer)),
  };
  const until = (time) => {
    for (;;) {
      const [next] = timers.filter(({ at }) => at <= time).sort((one, other) => one.at - other.at);
      if (!next) break;
      now = Math.max(now, next.at);
      window.clearTimeout(next);
      next.run();
    }
    now = Math.max(now, time);
  };
  vm.createContext(window);
  script.runInContext(window);
  // What the glue hands over guards what runs; here faults are to be seen.
  const link = new Proxy({}, { get: () => (run) => run });
  watch(link, { kind: "exit" }, () => true, () => (fired ??= now));
  for (const { letter, time, more } of read(events)) {
    until(time);
    if (letter === "f") document.activeElement = { tagName: more[0] ? "INPUT" : "BODY" };
    if (letter === "h") document.hidden = more[0] === 1;
    if (letter === "s") window.scrollY = more[0];
    const pointer = /[modc]/.test(letter) ? { clientX: more[0], clientY: more[1] } : {};
    const event = { type: NAMES[letter], timeStamp: time, isTrusted: true, target: document, relatedTarget: letter === "o" ? null : {}, ...pointer };
    for (const { type, run, signal } of [...listeners]) if (type === event.type && !signal?.aborted) run(event);
  }
  // The visitor is gone after that, or has stayed.
  until(end);
  return fired;
};

const lines = gunzipSync(readFileSync(file)).toString().trim().split("\n").slice(1).map((line) => JSON.parse(line));
for (const trace of lines) console.log(JSON.stringify({ id: trace.id, class: trace.class, exit: trace.exit, fired: play(trace) }));
