// `?gloed_debug`: what each event, offer and refusal means, in the console. Fetched only then.

const MEANINGS = {
  event: "recorded",
  sent: "sent to the collector",
  again: "the collector could not be reached (status, ms until the next try)",
  refused: "the collector refused this for good; it is not sent again",
  twin: "dropped: the same fact came from another source within a second",
  transaction_known: "dropped: this device has reported this transaction before",
  not_recorded: "not an event we record",
  denied: "nothing is recorded: consent was refused, Global Privacy Control is on, or these are own visits (?gloed_ignore)",
  alone: "the core could not be started (Content-Security-Policy without 'wasm-unsafe-eval'?); the loader goes on alone",
  slot_taken: "offer not shown: its slot has had one on this page",
  unknown_trigger: "offer not shown: a trigger that this version does not know",
  unknown_command: "not a command of gloed(…)",
  script_failed: "offer not shown: this file could not be fetched",
  error: "a fault of ours or of a listener; the page did not notice",
};

const explain = (code, detail) => {
  let shown = detail;
  try {
    shown = JSON.parse(detail + (code === "event" ? "}" : ""));
  } catch {
    // Not JSON: shown as it is.
  }
  console.info("%cgloed", "background:#c2410c;color:#fff;border-radius:3px;padding:0 4px", MEANINGS[code] || code, shown);
};

document.currentScript.ready(explain);
