/* global GLUE, GLUE_INTEGRITY -- put in by the bundling step */
// The loader: what the script tag loads. It owns the visitor's identity, consent and the numbering of events, takes
// down what happens on the page, sends the first page view at once, and fetches the rest (`bridge.js` and the core) when
// there is time. Until they are there it sends by itself when the page is left, and so it does when they never come.
//
// Every byte counts here: at most 2,000 after compression. Nothing may throw into the page: all that the page can reach
// goes through `guard`.
(() => {
  const w = window;
  const d = document;
  const before = w.gloed || {};
  const tag = d.currentScript || d.querySelector("script[data-site]");
  // The tag twice is one tracker.
  if (before.loaded || !tag) return;

  const { site, consent, consentVersion: version, endpoint, layer = "dataLayer" } = tag.dataset;
  const origin = endpoint || new URL(tag.src).origin;
  const key = "gloed:" + site;
  const granted = "granted";
  let state = "required";
  let source = "tag";
  // Seed, stream and signed id.
  let device;
  let page = {};
  let path;
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
  const on = (target, types, run) => types.split(" ").map((type) => target.addEventListener(type, guard(run), true));

  // One stored text: the device, or the word that says why there is none. Read without an argument.
  const storage = guard((text) => (text ? localStorage.setItem(key, text) : localStorage.getItem(key)));
  // 128 random bits: 22 characters of base64url.
  const random = () =>
    btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16))))
      .slice(0, 22)
      .replace(/\W/g, "_");
  // Numbers of two tabs never collide: each page load counts on inside a block of 2^11 that it drew from 2^42.
  const next = () => (number % 2048 ? ++number : (number = Math.floor(Math.random() * 2 ** 42) * 2048 + 1));

  const head = () => ({
    v: 1,
    site,
    seed: device[0],
    stream: device[1],
    id: device[2],
    sent: Date.now(),
    consent: { state, version, source },
    reset: link.reset,
  });
  // `done` gets the status (0 for none), the seconds of Retry-After and the body.
  const post = (path, body, done) => {
    const failed = () => done(0, 0, "");
    try {
      fetch(origin + path, { method: "POST", body, keepalive: body.length < 6e4, credentials: "include" }).then(
        (answer) => answer.text().then((text) => done(answer.status, +answer.headers.get("Retry-After"), text)),
        failed,
      );
    } catch {
      navigator.sendBeacon(origin + path, body);
      failed();
    }
  };
  const deliver = (events, decide, resolve) =>
    post(
      events[0] ? "/v1/events" : "/v1/decide",
      JSON.stringify({ ...head(), events, decide }),
      guard((status, _, body) => {
        const answer = status == 200 ? JSON.parse(body) : 0;
        if (answer.id) remember(answer.id);
        if (resolve) resolve(answer);
        else if (answer) link.answered(events, answer);
        else {
          link.unsent.push(...events);
          link.drain();
        }
      }),
    );
  const remember = (id) => {
    device[2] = id;
    storage(device.join(" "));
  };

  // --- What happens ---

  // Kept as text: shops change what they handed over. Lists are cut at what the wire takes.
  const slim = (_, value) => (Array.isArray(value) ? value.slice(0, 20) : value && value.nodeType ? 0 : value);
  const capture = (source, name, params, target) => {
    look();
    if (state == "denied") return link.note(state, name);
    link.held.push({ n: next(), time: Date.now(), source, name, page, params: JSON.stringify(params || {}, slim), target });
    link.held[200] && link.held.shift();
    if (state == granted) link.drain();
  };
  // A page view, if the address is another one; after a return from the back-forward cache, anyway.
  const look = (event = {}) => {
    const now = location.pathname + location.search;
    if (now == path && !event.persisted) return;
    path = now;
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

  const amount = (value) => (value > 0 ? "" + Math.round(value * 100) / 100 : undefined);
  const wire = ({ n, name, time, page, params, source }) => {
    const given = JSON.parse(params);
    const { value, currency, transaction_id, items, item, offer, decision, email, ...rest } = given.ecommerce || given;
    return {
      n,
      name,
      time,
      page,
      value: amount(value),
      currency,
      transaction_id,
      items: (items || (item ? [{ id: item }] : [])).map((one) => ({
        id: "" + (one.item_id || one.id || one.item_name),
        name: one.item_name,
        category: one.item_category,
        price: amount(one.price),
        quantity: +one.quantity || 1,
      })),
      properties: source > 2 ? undefined : rest,
      offer,
      decision,
      email,
    };
  };
  const flush = () => {
    if (state != granted) return;
    link.unsent.push(...link.held.splice(0).map(wire));
    link.unsent[0] && deliver(link.unsent.splice(0, 50));
  };

  // --- Consent ---

  const choose = (choice) => {
    const kept = storage() || "";
    const known = kept.split(" ");
    if (choice != granted || navigator.globalPrivacyControl || kept == "ignored" || (kept == "denied" && source == "tag")) {
      link.note("denied", kept || choice);
      device = device || (known[1] && known);
      state = "denied";
      link.held = [];
      // A refusal erases: on the device here, at the collector by this one event.
      if (choice == state) {
        if (device) deliver([{ n: next(), name: "consent", time: Date.now(), properties: { state } }], undefined, () => 0);
        link.forget();
        for (const name in localStorage) name.indexOf(key) || localStorage.removeItem(name);
        device = before.d = 0;
        // Where the tag itself grants, the refusal must outlive the page.
        consent == granted && storage(state);
      }
    } else if (state != granted) {
      state = granted;
      device = known[1] ? known : before.d || [random(), random()];
      storage(device.join(" "));
      // The first page view waits for nothing.
      deliver([wire(link.held.shift())], { slots: link.slots() });
      link.held[0] && link.drain();
    }
  };

  // --- The rest ---

  const load = () => {
    if (loading || state != granted) return;
    loading = d.createElement("script");
    loading.onerror = link.fail;
    loading.integrity = GLUE_INTEGRITY;
    loading.crossOrigin = "anonymous";
    loading.nonce = tag.nonce;
    loading.src = origin + "/" + GLUE;
    // How the glue finds us, without a global.
    loading.link = link;
    d.head.append(loading);
  };
  const none = (reason) => ({ decision: null, offers: [], reasons: [reason] });
  // Always answered in time, never rejected.
  const ask = (context, patience) =>
    new Promise((resolve) => {
      setTimeout(resolve, patience, none("timeout"));
      if (state == granted) link.ask(context || {}, (answer) => resolve({ ...none(), reasons: [], ...answer }));
      else resolve(none("consent_missing"));
    });

  // What the glue works with, and what it puts in place of our own ways.
  const link = {
    key, layer, tag, origin, guard, on, post, capture, remember, none, ask_: ask, flush, head, random,
    held: [], unsent: [], answers: [], calls: [],
    note: () => 0,
    ask: (context, resolve) => deliver([], context, resolve),
    answered: (...answer) => {
      link.answers.push(answer);
      load();
    },
    call: (...call) => {
      link.calls.push(call);
      load();
    },
    drain: load,
    leave: flush,
    forget: () => 0,
    fail: () => (link.drain = () => setTimeout(guard(flush), 1e3)),
    slots: () => ["popup", "bar"].concat([...d.querySelectorAll("[data-gloed-slot]")].map((slot) => slot.dataset.gloedSlot)),
  };

  w.gloed = guard((command, first, second) =>
    command == "track"
      ? capture(2, first, second)
      : command == "consent"
        ? ((source = "api"), choose(first))
        : command == "decide"
          ? ask(first, 300)
          : link.call(command, first, second),
  );
  w.gloed.loaded = 1;

  const start = guard(() => {
    look();
    consent && choose(consent);
    (before.q || []).map((call) => Promise.resolve(w.gloed(...call)).then(call.r));
    for (const method of ["pushState", "replaceState"]) {
      const original = history[method];
      history[method] = function () {
        lookSoon();
        return original.apply(this, arguments);
      };
    }
    on(w, "popstate", lookSoon);
    on(w, "pageshow", (event) => event.persisted && look(event));
    on(w, "pagehide", () => link.leave());
    on(d, "visibilitychange", () => d.hidden && link.leave());
    // What a click means is worked out later.
    on(d, "click auxclick submit", (event) => {
      const target = event.target.closest("[data-gloed-event],a,form");
      target && capture(0, event.type, { button: event.button }, target);
    });
    const idle = () => (w.requestIdleCallback || setTimeout)(guard(load), { timeout: 2e3 });
    d.readyState == "complete" ? idle() : on(w, "load", idle);
  });
  d.prerendering ? on(d, "prerenderingchange", start) : start();
})();
