/* global GLUE, GLUE_INTEGRITY -- put in by the bundling step */
// The loader: what the script tag loads. It owns the visitor's identity, consent and the numbering of events, takes
// down what happens on the page, sends the first page view at once, and fetches the rest (`bridge.js` and the core) when
// there is time. Until they are there it sends by itself when the page is left, and so it does when they never come.
//
// Every byte counts here: at most 2,000 after compression. Nothing may throw into the page: all that the page can reach
// goes through `guard`.
(() => {
  const d = document;
  const before = window.gloed || {};
  const tag = d.currentScript || d.querySelector("script[data-site]");
  // The tag twice is one tracker.
  if (before.loaded || !tag) return;

  const { site, consent, endpoint } = tag.dataset;
  const origin = endpoint || new URL(tag.src).origin;
  const key = "gloed:" + site;
  const granted = "granted";
  const asks = (flag) => location.search.includes(flag);
  let state = "required";
  let source = "tag";
  // What events are put down to; nothing before the first page view, and after a refusal.
  let page = 0;
  let seen;
  let loading;
  // If the stub has sent the first page view, the same number again makes it the same event.
  let number = before.n ? before.n - 1 : 0;

  const guard =
    (run) =>
    (...given) => {
      try {
        return run(...given);
      } catch (error) {
        link.note("error", error);
      }
    };
  // On the window, also for what happens to the document: capturing comes by there first.
  const on = (type, run) => addEventListener(type, guard(run), true);

  // One stored text: seed, stream and signed id, or the word that says why there is none. Read without an argument.
  // Beside it, under another name, when somebody has used the page last: only the glue writes that.
  const storage = guard((text, name = key) => (text ? (localStorage[name] = text) : localStorage[name]));
  // 22 characters of base64url from 128 random bits (127 are left, since two of the 64 digits become one).
  const random = () =>
    btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16))))
      .slice(0, 22)
      .replace(/\W/g, "_");
  // Numbers of two tabs never collide: each page load counts on inside a block of 2^11 that it drew from 4 * 10^12.
  const next = () => (number % 2048 ? ++number : (number = Math.floor(Math.random() * 4e12) * 2048 + 1));

  const head = () => {
    const [seed, stream, id] = link.device.split(" ");
    return {
      v: 1,
      site,
      seed,
      stream,
      id,
      sent: Date.now(),
      consent: { state, source },
      reset: link.reset,
      driven: navigator.webdriver || undefined,
      // Half an hour: as long as a visit goes on without anything happening.
      person: Date.now() - Math.max(link.used || 0, storage(0, key + ":p") || 0) < 18e5 || undefined,
    };
  };
  // `done` gets the status (0 for none, and for an answer that is not the collector's), the seconds of Retry-After and
  // what was answered. It must not throw.
  const post = (to, body, done) => {
    const failed = () => done(0, 0);
    try {
      fetch(origin + to, { method: "POST", body, keepalive: body.length < 6e4, credentials: "include" })
        .then((answer) => answer.json().then((said) => done(answer.status, +answer.headers.get("Retry-After"), said)))
        .catch(failed);
    } catch {
      navigator.sendBeacon(origin + to, body);
      failed();
    }
  };
  const deliver = (events, decide, resolve) =>
    post(
      "/v1/events",
      JSON.stringify({ ...head(), events, decide }),
      guard((status, after, said) => {
        if (status == 200) link.answered(events, said, resolve);
        else {
          resolve?.();
          if (state == granted && (!status || status > 428)) {
            link.unsent.push(...events);
            setTimeout(link.drain, after * 1e3 + Math.random() * 2e4);
          }
        }
      }),
    );

  // Until the collector has heard it, for as long as the page is there: nothing may be kept on the device for later.
  const withdraw = (body) =>
    post("/v1/events", body, (status) => (!status || status > 428) && setTimeout(withdraw, 9e3, body));

  // --- What happens ---

  // The parameters are kept as text: shops change what they handed over.
  const capture = (source, name, params = {}, more) => {
    look();
    link.note(state, name);
    if (state == "denied") return;
    link.held.push({ n: next(), time: Date.now(), source, name, page, params: JSON.stringify(params), ...more });
    link.held[200] && link.held.shift();
    state == granted && link.drain();
  };
  // A page view, if the address is another one; after a return from the back-forward cache, anyway.
  const look = (event) => {
    const [now] = location.href.split("#");
    if (now == seen && !event?.persisted) return;
    seen = now;
    page = {
      url: location.href,
      referrer: page.url || d.referrer,
      title: d.title,
      language: d.documentElement.lang || navigator.language,
      viewport: innerWidth,
    };
    link.taken = {};
    capture(1, "page_view");
  };
  // Frameworks change the title after the address, and the address sometimes twice.
  const lookSoon = () => setTimeout(guard(look), 50);

  // --- Sending what is held, without the core ---

  // An event in the wire's form, if its parameters are GA4's: other dialects are the core's. Amounts are text there.
  const amount = (key, value) =>
    key == "value" || key == "price"
      ? "" + (Math.round(value * 100) / 100 || 0)
      : value && value.item_id
        ? { ...value, id: value.item_id }
        : value;
  const wire = ({ n, name, time, page, params }) => {
    const properties = JSON.parse(params, amount);
    return { ...properties, n, name, time, page, properties };
  };
  const flush = (decide, resolve) => {
    if (state != granted) return;
    // What a click without a name means only the glue knows.
    link.unsent.push(...link.held.splice(0).filter(({ name }) => name).map(wire));
    if (link.unsent[0] || resolve) deliver(link.unsent.splice(0, 50), decide, resolve);
  };

  // --- Consent ---

  const choose = (choice) => {
    if (choice == granted && asks("gloed_ignore")) storage("ignored");
    const kept = storage() || "";
    // A seed and a stream are 45 characters (22 each), the words fewer.
    const known = kept[20] && kept;
    if (choice != granted || navigator.globalPrivacyControl || kept == "ignored" || (kept == "denied" && source == "tag")) {
      state = "denied";
      link.held = [];
      // A refusal erases: on the device here, at the collector by this one event.
      if (choice == state) {
        link.device = link.device || known;
        if (link.device)
          withdraw(JSON.stringify({ ...head(), events: [{ n: next(), name: "consent", time: Date.now(), properties: { state } }] }));
        link.forget();
        link.device = before.d = page = 0;
        Object.keys(localStorage).map((name) => name.indexOf(key) || delete localStorage[name]);
        // Where the tag itself grants, the refusal must outlive the page.
        if (consent == granted) storage(state);
      }
    } else if (state != granted) {
      state = granted;
      link.device = known || before.d || random() + " " + random();
      storage(link.device);
      // What a refusal has dropped is told anew.
      link.held[0] || look({ persisted: 1 });
      // The first page view waits for nothing.
      deliver([wire(link.held.shift())], {});
      if (link.held[0]) link.drain();
    }
  };

  // --- The rest ---

  const load = () => {
    if (loading || state != granted) return;
    loading = d.createElement("script");
    loading.onerror = () => (link.drain = () => setTimeout(guard(flush), 1e3))();
    loading.integrity = GLUE_INTEGRITY;
    loading.crossOrigin = "";
    loading.nonce = tag.nonce;
    loading.src = origin + "/" + GLUE;
    // How the glue finds us, without a global.
    loading.link = link;
    d.head.append(loading);
  };
  const none = (reason) => ({ offers: [], reasons: [reason] });

  // What the glue works with, and what it puts in place of our own ways.
  const link = {
    tag,
    origin,
    guard,
    post,
    capture,
    flush,
    head,
    random,
    held: [],
    unsent: [],
    kept: [],
    note: asks("gloed_debug") ? console.info : () => 0,
    remember: (id) => storage((link.device = link.device.slice(0, 45) + " " + id)),
    // Always answered in time, never rejected.
    decide: (context, patience) =>
      new Promise((resolve) => {
        setTimeout(resolve, patience, none("timeout"));
        if (state == granted) link.ask(context || {}, (answer) => resolve({ offers: [], reasons: answer ? [] : ["unavailable"], ...answer }));
        else resolve(none("consent_missing"));
      }),
    ask: flush,
    answered: (events, answer, resolve) => {
      if (answer.id) link.remember(answer.id);
      if (resolve) resolve(answer.decision);
      else link.call("answered", events, answer);
    },
    call: (...call) => {
      link.kept.push(call);
      load();
    },
    drain: load,
    leave: flush,
    forget: () => 0,
  };

  window.gloed = guard((command, first, second) => {
    if (command == "track") capture(2, first, second);
    else if (command == "decide") return link.decide(first, 300);
    else if (command == "consent") {
      source = "api";
      choose(first);
    } else link.call(command, first, second);
  });
  window.gloed.loaded = 1;

  const start = guard(() => {
    look();
    if (consent) choose(consent);
    before.q?.map((call) => (call.r || Object)(window.gloed(...call)));
    ["pushState", "replaceState"].map((method) => {
      const original = history[method];
      history[method] = function () {
        lookSoon();
        return original.apply(this, arguments);
      };
    });
    on("popstate", lookSoon);
    on("pageshow", look);
    on("pagehide", () => link.leave());
    on("visibilitychange", () => d.hidden && link.leave());
    // What a click means is worked out later.
    const used = ({ type, target }) => {
      const found = target.closest("[data-gloed-event]") || target.closest("a,form");
      if (found && (type == "submit") == (found.tagName == "FORM"))
        capture(16, found.dataset.gloedEvent, found.dataset, { target: found });
    };
    on("click", used);
    on("submit", used);
    // Never in the way of the page's own loading.
    const later = () => setTimeout(load, 300);
    if (d.readyState == "complete") later();
    else on("load", later);
  });
  if (d.prerendering) on("prerenderingchange", start);
  else start();
})();
