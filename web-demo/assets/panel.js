/* For the curious: a panel that shows what the tag in the head sends, what comes back, and how long that took. */
(() => {
  'use strict';

  const tag = document.querySelector('script[data-site]');
  if (!tag) return;

  const dutch = document.documentElement.lang === 'nl';
  const say = (nl, en) => (dutch ? nl : en);
  const collector = new URL(tag.src).origin;
  const MOST = 60;
  const STORED = 'miezer-panel';
  const OPEN = 'miezer-panel-open';

  const element = (name, className, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  /* The frame */

  const panel = element('aside', 'panel');
  panel.dataset.test = 'panel';
  panel.setAttribute('aria-label', say('Wat de snippet verstuurt', 'What the snippet sent'));
  const details = element('details');
  const light = element('span', 'panel-light');
  const count = element('span', 'panel-count', '0');
  const summary = element('summary');
  summary.append(light, element('span', '', say('Wat de snippet verstuurt', 'What the snippet sent')), count);
  const state = element('p', 'panel-state');
  const list = element('ol', 'panel-list');
  list.dataset.test = 'panel-list';
  const wipe = element('button', 'link', say('Lijst wissen', 'Clear the list'));
  wipe.type = 'button';
  const body = element('div', 'panel-body');
  body.append(state, list, wipe);
  details.append(summary, body);
  panel.append(details);
  document.body.append(panel);

  /* What is remembered from page to page, only while there is consent */

  const consent = () => document.documentElement.dataset.consent;
  let entries = [];
  const save = () => {
    try {
      if (consent() === 'granted') sessionStorage.setItem(STORED, JSON.stringify(entries.slice(0, MOST)));
      else {
        sessionStorage.removeItem(STORED);
        sessionStorage.removeItem(OPEN);
      }
    } catch { /* forgotten */ }
  };
  const load = () => {
    try {
      entries = JSON.parse(sessionStorage.getItem(STORED)) || [];
      details.open = sessionStorage.getItem(OPEN) === 'yes';
    } catch {
      entries = [];
    }
  };
  details.addEventListener('toggle', () => {
    try {
      if (consent() === 'granted') sessionStorage.setItem(OPEN, details.open ? 'yes' : 'no');
    } catch { /* forgotten */ }
  });

  /* One entry: {kind, name, note, good, time, data} */

  const draw = (entry) => {
    const item = element('li');
    item.dataset.kind = entry.kind;
    const row = element('details');
    const head = element('summary');
    const colour = entry.kind === 'offer' ? 'offer' : entry.good === true ? 'good' : entry.good === false ? 'bad' : '';
    const words = { receipt: say('event', 'event'), offer: say('aanbod', 'offer'), request: say('verzoek', 'request') };
    head.append(
      element('span', `panel-kind ${colour}`, words[entry.kind] || entry.kind),
      element('span', 'panel-name', entry.name),
      element('span', 'panel-note', entry.note),
    );
    row.append(head);
    row.addEventListener('toggle', () => {
      if (row.open && row.childElementCount === 1) row.append(element('pre', '', JSON.stringify(entry.data, null, 2)));
    });
    item.append(row);
    return item;
  };
  const tell = () => {
    count.textContent = String(entries.length);
    wipe.hidden = entries.length === 0;
  };
  const add = (entry) => {
    entry.time = Date.now();
    entries.unshift(entry);
    entries.length = Math.min(entries.length, MOST);
    list.prepend(draw(entry));
    while (list.childElementCount > MOST) list.lastElementChild.remove();
    tell();
    save();
  };
  wipe.addEventListener('click', () => {
    entries = [];
    list.replaceChildren();
    tell();
    save();
  });

  /* What the snippet tells. Its objects are shown whole; only name and status are looked for. */

  /** A copy that JSON can hold: no functions, no elements, no cycles, nothing endless. */
  const plain = (value, depth = 0) => {
    if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) return value;
    if (typeof value !== 'object' || depth > 6) return String(value);
    if (Array.isArray(value)) return value.slice(0, 50).map((part) => plain(part, depth + 1));
    if (value instanceof Node) return `<${value.nodeName.toLowerCase()}>`;
    return Object.fromEntries(Object.entries(value).slice(0, 50).map(([key, part]) => [key, plain(part, depth + 1)]));
  };
  /** The first text under one of `keys`, nearest the surface. */
  const find = (value, keys) => {
    const queue = [value];
    for (let seen = 0; queue.length && seen < 200; seen += 1) {
      const next = queue.shift();
      if (!next || typeof next !== 'object') continue;
      for (const key of keys) if (typeof next[key] === 'string') return next[key];
      queue.push(...Object.values(next));
    }
    return '';
  };
  const heard = (kind, keys) => (...told) => {
    const data = plain(told.length === 1 ? told[0] : told);
    const status = find(data, ['status', 'code']);
    const good = kind === 'receipt' ? (status ? status === 'accepted' : undefined) : undefined;
    const note = kind === 'receipt' ? status : find(data, ['slot']);
    add({ kind, name: find(data, keys) || say('(zonder naam)', '(no name)'), note, good, data });
  };
  const stub = window.gloed;
  if (typeof stub === 'function') {
    stub('on', 'receipt', heard('receipt', ['name', 'event']));
    stub('on', 'offer', heard('offer', ['id', 'title']));
  }

  /* What the browser measured. Sizes are known only when the collector allows it (Timing-Allow-Origin). */

  let loaded = false;
  const measured = (entry) => {
    if (!entry.name.startsWith(`${collector}/`)) return;
    const path = entry.name.slice(collector.length).split('?')[0];
    if (path === new URL(tag.src).pathname && entry.duration > 0) loaded = loaded || entry.responseStatus !== 0;
    const size = entry.transferSize || entry.encodedBodySize;
    const parts = [`${Math.round(entry.duration)} ms`];
    if (size) parts.unshift(size < 1000 ? `${size} B` : `${(size / 1000).toFixed(1)} kB`);
    const good = entry.responseStatus ? entry.responseStatus < 400 : undefined;
    add({
      kind: 'request',
      name: path,
      note: parts.join(' · '),
      good,
      data: {
        url: entry.name,
        started_by: entry.initiatorType,
        status: entry.responseStatus || undefined,
        duration_ms: Math.round(entry.duration),
        transferred_bytes: entry.transferSize || undefined,
        body_bytes: entry.encodedBodySize || undefined,
        protocol: entry.nextHopProtocol || undefined,
      },
    });
  };

  /* The line at the top */

  const look = () => {
    // The stub only queues; whoever replaced it, or emptied its queue for good, is the snippet.
    const running = loaded || (typeof window.gloed === 'function' && (window.gloed !== stub || !window.gloed.q));
    const [colour, text] =
      consent() === 'denied'
        ? ['off', say('Geen toestemming: er wordt niets bewaard en niets verstuurd.', 'No consent: nothing is stored and nothing is sent.')]
        : !running && document.readyState === 'complete'
          ? ['off', say('De snippet is niet geladen: geblokkeerd, of de collector staat uit. De winkel werkt gewoon.', 'The snippet has not loaded: blocked, or the collector is off. The shop works all the same.')]
          : consent() !== 'granted'
            ? ['wait', say('Wacht op je cookiekeuze. Tot dan wordt er niets bewaard en niets verstuurd.', 'Waiting for your cookie choice. Until then nothing is stored and nothing is sent.')]
            : ['on', say('Met jouw toestemming. Nieuwste bovenaan; klik op een regel voor alles wat erin zit.', 'With your consent. Newest first; click a line for all that is in it.')];
    light.className = `panel-light ${colour}`;
    state.textContent = text;
  };

  load();
  list.replaceChildren(...entries.map(draw));
  tell();
  if ('PerformanceObserver' in window) {
    new PerformanceObserver((found) => {
      for (const entry of found.getEntries()) measured(entry);
      look();
    }).observe({ type: 'resource', buffered: true });
  }
  window.addEventListener('miezer:consent', () => {
    save();
    look();
  });
  window.addEventListener('load', () => setTimeout(look, 3000));
  look();
})();
