/* The shop's own script: reports what happens to the data layer, makes forms pleasant, keeps the cookie choice. */
(() => {
  'use strict';

  const dutch = document.documentElement.lang === 'nl';
  const say = (nl, en) => (dutch ? nl : en);
  const one = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  // Storage can be switched off; the shop then forgets, and works.
  const keep = (storage, name, value) => {
    try {
      if (value === null) window[storage].removeItem(name);
      else window[storage].setItem(name, value);
    } catch { /* forgotten */ }
  };
  const kept = (storage, name) => {
    try {
      return window[storage].getItem(name);
    } catch {
      return null;
    }
  };

  /* The data layer, as Google's documentation has it, and the queue of the tag. */

  window.dataLayer = window.dataLayer || [];
  function gtag() {
    window.dataLayer.push(arguments);
  }
  window.gloed = window.gloed || function () {
    (window.gloed.q = window.gloed.q || []).push(arguments);
  };

  const report = (event, ecommerce) => {
    window.dataLayer.push({ ecommerce: null });
    window.dataLayer.push({ event, ecommerce });
  };
  const line = (item, quantity) => {
    const items = [{ ...item, quantity }];
    return { currency: 'EUR', value: Math.round(item.price * quantity * 100) / 100, items };
  };

  const facts = JSON.parse(one('#page-facts').textContent);
  for (const fact of facts.events) {
    if (fact.gtag) {
      gtag(...fact.gtag);
      continue;
    }
    if (fact.event === 'purchase') {
      const order = fact.ecommerce.transaction_id;
      if (kept('sessionStorage', 'miezer-reported') === order) continue;
      keep('sessionStorage', 'miezer-reported', order);
    }
    report(fact.event, fact.ecommerce);
  }

  /* Consent: the banner asks once, the choice is kept, the footer asks again. */

  const banner = one('[data-consent-banner]');
  const tag = one('script[data-site]');
  const choices = ['granted', 'denied'];
  const show = (state) => {
    document.documentElement.dataset.consent = state;
    window.dispatchEvent(new CustomEvent('miezer:consent', { detail: state }));
  };
  const choose = (state) => {
    keep('localStorage', 'miezer-consent', state);
    banner.hidden = true;
    window.gloed('consent', state);
    show(state);
  };
  one('[data-test="consent-accept"]').addEventListener('click', () => choose('granted'));
  one('[data-test="consent-refuse"]').addEventListener('click', () => choose('denied'));
  for (const button of all('[data-consent-open]')) {
    button.addEventListener('click', () => {
      banner.hidden = false;
      one('button', banner).focus();
    });
  }
  const asked = new URLSearchParams(location.search).get('consent');
  const chosen = choices.includes(asked) ? asked : kept('localStorage', 'miezer-consent');
  if (choices.includes(chosen)) choose(chosen);
  else if (tag && tag.dataset.consent) show(tag.dataset.consent);
  // The browser has said no for its user already: asking again would be pressing.
  else if (navigator.globalPrivacyControl) show('denied');
  else {
    banner.hidden = false;
    show('unknown');
  }

  /* Forms */

  const toast = (text, link) => {
    const box = document.createElement('div');
    box.className = 'toast';
    box.textContent = text;
    if (link) {
      const anchor = document.createElement('a');
      anchor.href = link.href;
      anchor.textContent = link.text;
      box.append(' ', anchor);
    }
    one('[data-toasts]').append(box);
    setTimeout(() => box.remove(), 6000);
  };

  /** Sends a form in the background; resolves to the answer, or to null when that failed. */
  const send = async (form, body = new FormData(form)) => {
    try {
      const answer = await fetch(form.action, {
        method: 'POST',
        headers: { accept: 'application/json' },
        body: new URLSearchParams(body),
      });
      return answer.ok ? await answer.json() : null;
    } catch {
      return null;
    }
  };
  const failed = () => toast(say('Dat lukte niet. Probeer het nog eens.', 'That did not work. Please try again.'));

  for (const form of all('[data-add]')) {
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const fields = new FormData(form);
      const item = JSON.parse(form.dataset.item);
      if (fields.get('size')) item.item_variant = fields.get('size');
      const answer = await send(form, fields);
      if (!answer) return failed();
      report('add_to_cart', line(item, Number(fields.get('quantity'))));
      const badge = one('[data-cart-count]');
      badge.textContent = answer.count;
      badge.hidden = false;
      toast(`${answer.name}: ${say('in je winkelwagen.', 'in your cart.')}`, {
        href: one('[data-test="cart-link"]').href,
        text: say('Bekijk', 'View'),
      });
    });
  }

  for (const form of all('[data-change]')) {
    form.addEventListener('submit', () => {
      const item = JSON.parse(form.dataset.item);
      const change = Number(new FormData(form).get('quantity')) - item.quantity;
      if (change) report(change < 0 ? 'remove_from_cart' : 'add_to_cart', line(item, Math.abs(change)));
    });
  }

  const subscribed = () => {
    keep('localStorage', 'miezer-newsletter', 'yes');
    for (const form of all('[data-newsletter]')) form.hidden = true;
    for (const thanks of all('[data-newsletter-thanks]')) thanks.hidden = false;
  };
  if (kept('localStorage', 'miezer-newsletter') === 'yes') subscribed();
  for (const form of all('[data-newsletter]')) {
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      if (!(await send(form))) return failed();
      window.dataLayer.push({ event: 'sign_up', method: 'newsletter' });
      window.gloed('set', { newsletter: true });
      subscribed();
    });
  }
  // An address that was left elsewhere on the page: the shop subscribes it the way it subscribes any other.
  window.addEventListener('gloed:signup', async (event) => {
    const email = event.detail && event.detail.email;
    const form = one('[data-newsletter]');
    if (typeof email !== 'string' || !form) return;
    if (!(await send(form, { email }))) return failed();
    subscribed();
    toast(say('Welkom op de lijst. Tot de volgende bui.', 'Welcome to the list. See you at the next shower.'));
  });

  for (const form of all('[data-question]')) {
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      if (!(await send(form))) return failed();
      window.dataLayer.push({ event: 'generate_lead', lead_source: 'question', currency: 'EUR', value: 0 });
      form.hidden = true;
      one('[data-question-thanks]').hidden = false;
    });
  }

  for (const form of all('[data-login]')) {
    form.addEventListener('submit', () => window.dataLayer.push({ event: 'login', method: 'email' }));
  }
  for (const form of all('[data-logout]')) form.addEventListener('submit', () => window.gloed('reset'));

  /* Checkout: one form, three steps, each with an address of its own. */

  const checkout = one('[data-checkout]');
  if (checkout) {
    const steps = all('[data-step]', checkout);
    const marks = all('.progress li', checkout);
    const euros = new Intl.NumberFormat(dutch ? 'nl-NL' : 'en-IE', { style: 'currency', currency: 'EUR' });
    const complete = (step) => all('input', step).every((input) => input.checkValidity());
    const named = (name) => Math.max(0, steps.findIndex((step) => step.dataset.step === name));
    const open = (index) => {
      const at = complete(steps[0]) ? index : 0;
      steps.forEach((step, place) => step.classList.toggle('current', place === at));
      marks.forEach((mark, place) => mark.classList.toggle('current', place <= at));
    };
    const go = (index) => {
      const path = index ? `?stap=${steps[index].dataset.step}` : location.pathname;
      history.pushState(null, '', path);
      open(index);
      scrollTo({ top: 0 });
      one('input', steps[index]).focus({ preventScroll: true });
    };
    const current = () => steps.findIndex((step) => step.classList.contains('current'));
    const delivery = () => one('[name="delivery"]:checked', checkout);

    checkout.noValidate = true;
    open(named(new URLSearchParams(location.search).get('stap')));
    window.addEventListener('popstate', () => open(named(new URLSearchParams(location.search).get('stap'))));
    for (const button of all('[data-next]', checkout)) {
      button.addEventListener('click', () => {
        const at = current();
        const wrong = all('input', steps[at]).find((input) => !input.checkValidity());
        if (wrong) return void wrong.reportValidity();
        if (steps[at].dataset.step === 'bezorging') {
          report('add_shipping_info', { ...facts.checkout, shipping_tier: delivery().value });
        }
        go(at + 1);
      });
    }
    for (const button of all('[data-back]', checkout)) button.addEventListener('click', () => history.back());
    checkout.addEventListener('change', (event) => {
      if (event.target.name !== 'delivery') return;
      const price = Number(delivery().dataset.price);
      const net = Number(one('[data-net]').dataset.net);
      one('[data-delivery]').textContent = price ? euros.format(price / 100) : say('gratis', 'free');
      one('[data-total]').textContent = euros.format((net + price) / 100);
    });
    checkout.addEventListener('submit', (event) => {
      if (!complete(steps[0])) {
        event.preventDefault();
        go(0);
        return;
      }
      // Enter in an earlier step means "next", as it does in any other shop.
      const at = current();
      if (at < steps.length - 1) {
        event.preventDefault();
        one('[data-next]', steps[at]).click();
        return;
      }
      report('add_payment_info', { ...facts.checkout, payment_type: one('[name="payment"]:checked', checkout).value });
    });
  }
})();
