// The inline stub, for shops that want every page view, even of visitors who leave before any script has arrived: it
// keeps calls until the loader is there, and sends the page view itself when the page is left before that. It reads the
// tag that follows it, so it is the same on every page of every shop, and so is its hash.
(() => {
  const g = (window.gloed ||= (...call) => new Promise((resolve) => {
    call.r = resolve;
    g.q.push(call);
    setTimeout(resolve, 300, { offers: [], reasons: ["timeout"] });
  }));
  g.q ||= [];
  const leave = () => {
    try {
      const tag = document.querySelector("script[data-site]");
      const { site, consent: state, endpoint } = tag.dataset;
      if (g.loaded || window.gloed.loaded || g.n || document.prerendering || state != "granted" || navigator.globalPrivacyControl) return;
      const key = "gloed:" + site;
      const random = () => btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16)))).slice(0, 22).replace(/\W/g, "_");
      let device;
      try {
        device = localStorage[key];
      } catch {}
      device = g.d = device || random() + " " + random();
      const [seed, stream, id] = device.split(" ");
      if (!stream) return;
      try {
        localStorage[key] = device;
      } catch {}
      g.n = Math.floor(Math.random() * 4e12) * 2048 + 1;
      const time = Date.now();
      const body = JSON.stringify({
        v: 1, site, seed, stream, id, sent: time, driven: navigator.webdriver,
        consent: { state, source: "tag" },
        page: { url: location.href, referrer: document.referrer, title: document.title, language: document.documentElement.lang, viewport: innerWidth },
        events: [{ n: g.n, name: "page_view", time }],
      });
      navigator.sendBeacon((endpoint || new URL(tag.src).origin) + "/v1/events", body);
    } catch {}
  };
  addEventListener("pagehide", leave);
  document.addEventListener("visibilitychange", () => document.hidden && leave());
})();
