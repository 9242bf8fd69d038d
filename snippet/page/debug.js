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

// Why an offer is shown, and why another is not: the closed list of reasons, as `reason.rs` of the engine has it.
const REASONS = {
  unconditional: "it asks for nothing",
  sequence_matched: "what comes before it happened",
  stage_allowed: "the stage is right",
  score_matched: "the score is right",
  label_present: "the visitor has the label",
  attribute_matched: "an attribute is as asked",
  page_matched: "it is for this page",
  cart_matched: "the cart is as asked",
  visit_matched: "it is the right visit",
  count_matched: "something happened as often as asked",
  last_seen_matched: "the visitor was away as long as asked",
  date_matched: "it is the right time of the year",
  audience_matched: "country, device, language or channel is as asked",
  context_matched: "the page says what is asked",
  sequence_not_matched: "what comes before it did not happen, or something came between",
  stage_too_low: "the stage is too low",
  stage_not_allowed: "it is for another stage",
  score_not_matched: "the score is outside its range",
  label_missing: "the visitor has not got the label",
  label_excludes: "a label of the visitor rules it out",
  attribute_not_matched: "an attribute is not as asked",
  page_not_matched: "it is for another page",
  cart_not_matched: "the cart is not as asked",
  visit_not_matched: "it is for another visit",
  count_not_matched: "something happened too often or too seldom",
  last_seen_not_matched: "the visitor was away too long, or not long enough",
  date_not_matched: "it is another time of the year",
  audience_not_matched: "country, device, language or channel is another",
  context_not_matched: "the page does not say what is asked",
  condition_not_met: "its condition does not hold",
  slot_not_offered: "this page has no such place free",
  not_yet: "its first day has not come",
  ended: "it is over",
  already_shown: "the visitor has seen it as often as they may",
  reserved: "another page or tab has it at hand",
  goal_reached: "the visitor did what it is for",
  shown_this_session: "the visitor has seen it as often as they may in one visit",
  shown_recently: "the visitor has seen it a while ago",
  dismissed_recently: "the visitor closed it a while ago",
  min_gap: "another offer was shown a while ago",
  session_full: "as many offers were shown in this visit as may be",
  day_full: "as many offers were shown today as may be",
  offers_dismissed: "the visitor closed offers and is left alone for a while",
  budget_spent: "its budget, or that of all offers, is spent",
  pool_empty: "there are no codes left",
  lower_priority: "another offer takes the slot",
  unknown_offer: "there is no such offer",
  no_coupon: "it has no code",
  holdout: "the visitor is of those who are shown nothing, for comparison",
  never_shown: "it was never shown to this visitor",
  goal_not_reached: "what it is for has not happened",
  bot: "this browser says that a program drives it, and to those nothing is offered",
  prerender: "this page was fetched ahead, and to those nothing is offered",
  unavailable: "the collector cannot reach its store",
};

// When an offer is shown, by the kind of its trigger.
const WHEN = {
  now: () => "now",
  delay: ({ seconds }) => `after ${seconds} s on the page`,
  scroll: ({ percent }) => `when ${percent} % was scrolled`,
  inactivity: ({ seconds }) => `after ${seconds} s without input`,
  exit: () => "when the visitor is about to leave",
  click: ({ selector }) => `at a click on ${selector}`,
  event: ({ event }) => `when ${event} is told`,
};

const say = (...words) => console.info("%cgloed", "background:#c2410c;color:#fff;border-radius:3px;padding:0 4px", ...words);
const because = (codes) => codes.map((code) => REASONS[code] || code).join("; ");

const explain = (code, detail) => {
  let shown = detail;
  try {
    shown = JSON.parse(detail + (code === "event" ? "}" : ""));
  } catch {
    // Not JSON: shown as it is.
  }
  say(MEANINGS[code] || code, shown);
};

const decided = ({ offers, considered = [], reasons = [], claimed, lead }) => {
  for (const offer of offers) {
    const { id, slot, trigger = { kind: "now" } } = offer;
    const when = WHEN[trigger.kind]?.(trigger) || trigger.kind;
    const held = offer.content ? "" : ` (nothing is shown: ${REASONS.holdout})`;
    say(`decided: offer "${id}" for "${slot}", ${when}: ${because(offer.reasons)}${held}`, offer);
  }
  if (!offers.length) say(`decided: no offer${reasons.length ? `: ${because(reasons)}` : ""}`);
  for (const { id, reason, detail } of considered) say(`not offered: "${id}": ${because([reason])} (${detail})`);
  if (!considered.length)
    say("why others were not offered is told where the site has page_may_explain = true, and by POST /v1/server/explain");
  if (claimed) say(claimed.code ? `code of "${claimed.id}" given` : `code of "${claimed.id}" refused: ${because([claimed.refused])}`);
  if (lead) say(`score ${lead.score}, stage ${lead.stage}`);
};

// Whoever asks for a decision here also asks why not. The collector tells where the site allows it.
const asking = (text) => {
  const body = JSON.parse(text);
  if (!body.decide) return text;
  body.decide.explain = true;
  return JSON.stringify(body);
};

document.currentScript.ready((link) => {
  const { post } = link;
  link.note = explain;
  link.post = (to, body, done) =>
    post(to, asking(body), (status, after, answer) => {
      const decision = answer?.offers ? answer : answer?.decision;
      if (decision) link.guard(decided)(decision);
      done(status, after, answer);
    });
});
