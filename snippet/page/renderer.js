// Draws offers: a popup, a bar, a slide-in, or content in a place that the page gives. Fetched only when there is one.
//
// Texts are the offer's and are set as text, never as HTML. Styles are constructable style sheets in a closed shadow
// root: nothing leaks in or out, and no Content-Security-Policy is in the way.

// Consent dialogs stand at 2147483645 and the like, far above: an offer never lies over them.
const STYLE = `
:host{all:initial;--ink:#1c1917;--soft:#57534e;--paper:#fff;--line:#e7e5e4;--glow:#c2410c;--on:#fff;--bad:#b91c1c;
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:var(--ink)}
@media(prefers-color-scheme:dark){:host{--ink:#fafaf9;--soft:#d6d3d1;--paper:#1c1917;--line:#44403c;--glow:#fb923c;--on:#1c1917;--bad:#fca5a5}}
*{box-sizing:border-box;font:inherit;color:inherit;margin:0}
.back{position:fixed;inset:0;z-index:99999;display:grid;place-items:center;padding:16px;background:#1c191780;animation:fade .2s}
.card{position:relative;background:linear-gradient(var(--glow) 5px,var(--paper) 5px);border:1px solid var(--line);border-radius:16px;padding:28px;overflow:auto}
.popup{width:100%;max-width:420px;max-height:90vh;padding:36px 36px 28px;border:0;box-shadow:0 24px 64px #0006;animation:rise .3s cubic-bezier(.2,.8,.2,1)}
h2{font-size:24px;line-height:1.25;font-weight:700;letter-spacing:-.01em;text-wrap:balance}
p{color:var(--soft);margin-top:8px}
form,.row{margin-top:20px;display:flex;flex-wrap:wrap;gap:10px}
.foot{flex:1 0 100%;display:flex;flex-wrap:wrap;gap:10px}
.row:empty{display:none}
label,.no,.note{flex:1 0 100%;font-size:14px}
label{font-weight:600;margin-bottom:-4px}
input,code{flex:1 1 180px;min-width:0;padding:11px 14px;border:1px solid #857d78;border-radius:10px;background:none}
code{font:600 20px ui-monospace,monospace;letter-spacing:.08em;text-align:center;border:2px dashed var(--glow)}
button,a{cursor:pointer;border:0;background:none;text-decoration:none}
.go{flex:1 1 auto;min-width:0;padding:12px 22px;border-radius:10px;background:var(--glow);color:var(--on);font-weight:600;text-align:center}
.go:hover{filter:brightness(1.1)}.go:disabled{opacity:.6}
.no{padding:8px;color:var(--soft);text-decoration:underline}
.x{position:sticky;float:right;top:0;margin:-22px -18px 0 0;width:44px;height:44px;border-radius:50%;color:var(--soft)}
.x:before{content:"✕"}
.x:hover{color:var(--ink)}
button:focus-visible,a:focus-visible,input:focus-visible{outline:3px solid var(--glow);outline-offset:2px}
h2:focus{outline:0}
.note{margin:0}.bad{color:var(--bad)}.note:empty{display:none}
.bar,.slide-in{position:fixed;z-index:9999;inset:auto 0 0;box-shadow:0 -4px 24px #0003;animation:rise .3s}
.bar{display:flex;flex-wrap:wrap;gap:4px 20px;align-items:center;justify-content:center;padding:15px 60px 12px 20px;border:0;border-radius:0}
.bar h2{font-size:16px}.bar .x{position:absolute;top:12px;right:8px;margin:0}.bar p,.bar form,.bar .row{margin:0}.bar label,.bar .no,.bar .note,.bar .foot{flex:0 1 auto;align-self:center}
.bar .row{flex-wrap:nowrap}.bar code{padding:7px 14px}.bar .go{flex:none;padding:9px 22px}
.slide-in{inset:auto 20px 20px auto;width:360px;max-height:60vh;padding:24px}.slide-in h2{font-size:18px}
@keyframes fade{from{opacity:0}}@keyframes rise{from{opacity:0;transform:translateY(24px)}}
@media(max-width:600px){.back{place-items:end stretch;padding:0;background:none;pointer-events:none}
.popup,.slide-in{pointer-events:auto;inset:auto 0 0;width:auto;max-width:none;padding:21px 20px 12px;border-radius:18px 18px 0 0;box-shadow:0 -8px 40px #0005}
.popup,.slide-in,.bar{max-height:33vh}
h2{font-size:20px}p{margin-top:4px;font-size:15px}form,.row{margin-top:10px;gap:8px}input{flex-basis:150px}.popup .go{padding:12px 16px}
.foot{flex-wrap:nowrap}.foot .note{flex:1;font-size:13px}.foot .no{flex:none;margin-left:auto}
.bar{justify-content:start}.bar .row{flex:1 0 100%;margin-top:6px}}
@media(prefers-reduced-motion:reduce){*{animation:none!important}}`;

const WORDS = {
  en: ["Close", "Copy", "Copied", "E-mail address", "Please enter a valid e-mail address.", "No connection just now. Please try again."],
  nl: ["Sluiten", "Kopieer", "Gekopieerd", "E-mailadres", "Vul een geldig e-mailadres in.", "Even geen verbinding. Probeer het nog eens."],
};

// A listener that is given as a property must not return `false`: that would cancel the event.
const make = (name, props, ...children) => {
  const element = Object.assign(document.createElement(name), props);
  element.append(...children.filter(Boolean));
  return element;
};

const render = (offer, page) => {
  const { slot = "popup", content } = offer;
  const [close, copy, copied, address, invalid, offline] = WORDS[/^nl/.test(document.documentElement.lang) ? "nl" : "en"];
  const modal = slot === "popup" && innerWidth > 600;
  const over = /^(popup|bar|slide-in)$/.test(slot);
  const place = over ? document.body : document.querySelector(`[data-gloed-slot="${CSS.escape(slot)}"]`);
  if (!place) return page.closed();
  const host = make("div");
  const root = host.attachShadow({ mode: "closed" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];
  const before = document.activeElement;
  let done;

  const leave = (page.leave = (report) => {
    removeEventListener("keydown", key, true);
    host.remove();
    page.closed();
    report && !done && page.dismissed();
    slot === "popup" && before?.focus?.();
  });
  const key = (event) => {
    if (event.key === "Escape") leave(1);
    if (!modal || event.key !== "Tab") return;
    // The focus stays inside.
    const stops = [...root.querySelectorAll("button,a,input")];
    const last = event.shiftKey ? stops[0] : stops.at(-1);
    if (root.activeElement === last || !root.activeElement || (event.shiftKey && root.activeElement === title)) {
      event.preventDefault();
      stops.at(event.shiftKey ? -1 : 0).focus();
    }
  };

  const title = make("h2", { id: "t", tabIndex: -1, textContent: content.title });
  const text = make("p", { id: "d", textContent: content.text || "" });
  const note = make("p", { className: "note", textContent: content.disclosure || "" });
  note.setAttribute("role", "status");
  const voucher = (code) => {
    const button = make("button", {
      type: "button",
      className: "go",
      textContent: copy,
      onclick: () => {
        done ||= !page.clicked();
        navigator.clipboard?.writeText(code).then(() => (button.textContent = copied));
      },
    });
    return make("div", { className: "row" }, make("code", { textContent: code }), button);
  };

  const body = () => {
    if (content.field) {
      const input = make("input", { type: "email", id: "e", required: true, autocomplete: "email", placeholder: content.placeholder || "" });
      const button = make("button", { className: "go", textContent: content.button });
      let sent;
      return make(
        "form",
        {
          noValidate: true,
          onsubmit: async (event) => {
            event.preventDefault();
            const valid = input.checkValidity();
            input.setAttribute("aria-invalid", !valid);
            input.setAttribute("aria-describedby", "n");
            note.id = "n";
            note.className = valid ? "note" : "note bad";
            note.textContent = valid ? content.disclosure || "" : invalid;
            if (!valid) return input.focus();
            button.disabled = done = true;
            // The address is told once, however often the code has to be asked for.
            const code = await (sent ? page.claim() : page.signUp(input.value));
            sent = 1;
            button.disabled = false;
            if (code === false) {
              note.className = "note bad";
              note.textContent = offline;
              return;
            }
            title.textContent = content.success_title || content.title;
            text.textContent = content.success_text || "";
            card.replaceChildren(...[cross, title, text, code && voucher(code)].filter(Boolean));
            title.focus();
          },
        },
        make("label", { htmlFor: "e", textContent: content.label || address }),
        input,
        button,
        foot(),
      );
    }
    const row = make("div", { className: "row" });
    if (content.link && /^(https?:|\/|#|\?)/.test(content.link))
      row.append(make("a", { className: "go", href: content.link, textContent: content.button, onclick: () => void ((done = 1), page.clicked()) }));
    else if (content.button && !offer.code) row.append(make("button", { className: "go", textContent: content.button, onclick: () => void ((done = 1), page.clicked(), leave()) }));
    row.append(foot());
    return row;
  };
  // The small print, and the way out beside it.
  const foot = () => make("div", { className: "foot" }, note, decline());
  const decline = () => content.decline && make("button", { type: "button", className: "no", textContent: content.decline, onclick: () => leave(1) });

  const cross = make("button", { type: "button", className: "x", title: close, onclick: () => leave(1) });
  cross.setAttribute("aria-label", close);
  const card = make("section", { className: "card " + (over ? slot : "") }, cross, title, text, offer.code && voucher(offer.code), body());
  card.setAttribute("role", slot === "popup" ? "dialog" : "region");
  card.setAttribute("aria-labelledby", "t");
  card.setAttribute("aria-describedby", "d");
  if (modal) card.setAttribute("aria-modal", "true");
  root.append(slot === "popup" ? make("div", { className: "back", onclick: ({ target }) => void (target.className === "back" && leave(1)) }, card) : card);
  place.append(host);
  if (slot === "popup") addEventListener("keydown", key, true);
  if (modal) title.focus();
  page.shown();
};

document.currentScript.ready(render);
