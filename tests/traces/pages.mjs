// The pages on which the traces are made, and what takes them down there.

/**
 * Takes down what a page is told, from `began` on. One entry an event: a letter, ms since the page was opened, and what it carries.
 * m moved to x,y · o out of the page at x,y · d pressed · c clicked · k key · f a field has the keyboard (1) or not (0) ·
 * s scrolled to y · t touched · h hidden (1) or seen again (0).
 */
const RECORDER = `
const took = [];
const note = (letter, event, ...more) => event.isTrusted && took.push([letter, Math.round(event.timeStamp), ...more.map(Math.round)]);
const on = (type, run) => addEventListener(type, run, { capture: true, passive: true });
on("mousemove", (event) => note("m", event, event.clientX, event.clientY));
on("mouseout", (event) => event.relatedTarget || note("o", event, event.clientX, event.clientY));
on("mousedown", (event) => note("d", event, event.clientX, event.clientY));
on("click", (event) => note("c", event, event.clientX, event.clientY));
on("keydown", (event) => note("k", event));
on("focusin", (event) => note("f", event, /INPUT/.test(event.target.tagName)));
on("focusout", (event) => note("f", event, 0));
on("scroll", (event) => note("s", event, scrollY));
on("touchstart", (event) => note("t", event));
document.addEventListener("visibilitychange", (event) => note("h", event, document.hidden), true);
const begin = () => { took.length = 0; document.activeElement.blur(); scrollTo({ top: 0, behavior: "instant" }); };
const taken = () => ({ page: [innerWidth, innerHeight, document.documentElement.scrollHeight], end: Math.round(performance.now()), took });
`;
const TEXT = "<p>Wax, wool and rain: how a coat is made, worn, washed and mended, told in some detail.</p>".repeat(90);
const STYLE = "body{margin:0;font:16px/1.6 sans-serif}header{height:60px;display:flex;gap:30px;align-items:center;padding:0 20px}main{padding:0 20px;max-width:700px}";

export const shop = `<!doctype html><meta name="viewport" content="width=device-width"><style>${STYLE}
#up{position:fixed;right:10px;bottom:30px;width:60px;height:60px}input{margin-left:auto;width:280px}</style>
<header><a href="/a">Coats</a><a href="/b">Boots</a><a href="/c">Care</a><input name="q"></header><main><h1>Rain</h1>${TEXT}</main>
<script>document.addEventListener("click", (event) => event.target.closest("a") && event.preventDefault());${RECORDER}</script>`;

// On a phone: a button that goes to the top, at once or smoothly, in place of the search.
export const phoneShop = shop.replace(
  '<input name="q">',
  '<button id="up" onclick="window.scrollTo({top:0,behavior:Math.random()<.5?\'smooth\':\'instant\'})">Top</button>',
);

/** A window: a strip of the browser's own above the page, and a list that it lays over it. */
export const frame = ({ left, top, width, height }) => `<!doctype html><style>body{margin:0;background:#ccc}
iframe{position:absolute;border:0;background:#fff;left:${left}px;top:${top}px;width:${width}px;height:${height}px}
#list{position:absolute;left:${left + 800}px;top:${top + 48}px;width:340px;height:190px;background:#fff;display:none}</style>
<iframe src="/shop"></iframe><div id="list"></div>`;
