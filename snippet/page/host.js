// The core's browser: what `web.rs` imports, and the page's side of it. See `browser.rs` for the contract.

/** Put in by the bridge before the core runs. */
export const host = {};

export const head = () => JSON.stringify(host.link.head()).slice(1, -1);
export const slots = () => host.slots();
export const send = (ticket, ask, events, body) => host.send(ticket, ask, events, body);
export const wake_in = (milliseconds) => host.wake(milliseconds);
export const random = Math.random;
export const note = (code, detail) => host.link.note(code, detail);

// One queue a tab, so that tabs do not overwrite each other; the transactions are the device's.
const tab = Math.random();
const PARTS = [":q:", ":t"];
const storage = (run, otherwise) => {
  try {
    return run(localStorage);
  } catch {
    // Forbidden or full: the page goes on without.
    return otherwise;
  }
};

// A queue that says when its tab wrote it last and whether the tab was leaving. A tab that cannot send writes again at
// each failure, at least every five minutes.
const GONE = 6e5;

export const store = (name, text) =>
  storage((area) => {
    const key = host.key + PARTS[name] + (name ? "" : tab);
    if (!text) area.removeItem(key);
    else area.setItem(key, name ? text : [host.link.head().stream, document.hidden ? 0 : Date.now(), text].join(" "));
  });

// Two tabs that take the same queue over send the same events with the same numbers, which count once.
export const load = (name) =>
  storage((area) => {
    const prefix = host.key + PARTS[name];
    if (name) return area.getItem(prefix) || "";
    const left = [];
    for (const key of Object.keys(area)) {
      if (!key.startsWith(prefix)) continue;
      const [stream, at] = area[key].split(" ", 2);
      if (Date.now() - at < GONE) continue;
      if (stream === host.link.head().stream) left.push(...JSON.parse(area[key].slice(stream.length + at.length + 2)));
      area.removeItem(key);
    }
    return JSON.stringify(left);
  }, "");
