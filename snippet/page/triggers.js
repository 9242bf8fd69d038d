// The moments at which an offer that waits is shown. Fetched only when there is one that waits for more than time.
//
// Listeners are passive and capturing, look at what they are told and change nothing, and go with the moment, or as soon as the
// decision no longer holds. No history entry is made to catch the back button, and nothing asks the visitor to stay.
import { leaving } from "./leaving.js";

/** For how long a decision's reservation stands, ms: an offer that was not shown by then is somebody else's again. */
const RESERVED = 18e5;

/** How often a page that is being scrolled is measured at most, ms: measuring may cost a layout. */
const GLANCE = 200;

/** Calls `fire` once, at the moment that `trigger` names; never, when `stands()` is false by then. */
const watch = (link, trigger, stands, fire) => {
  const { guard } = link;
  const { kind, seconds, percent, selector, event } = trigger;
  const begun = Date.now();
  const listening = new AbortController();
  let timer;

  const holds = () => {
    const still = !listening.signal.aborted && stands() && Date.now() - begun < RESERVED;
    if (!still) stop();
    return still;
  };
  const stop = () => {
    clearTimeout(timer);
    listening.abort();
  };
  const on = (types, run) => {
    for (const type of types.split(" "))
      addEventListener(type, guard((event) => holds() && run(event)), { capture: true, passive: true, signal: listening.signal });
  };
  const wait = (milliseconds, run) => {
    clearTimeout(timer);
    timer = setTimeout(guard(() => holds() && run()), milliseconds);
  };
  // After the page's own listeners, which may take what was clicked away.
  const now = () => {
    stop();
    setTimeout(fire);
  };

  const kinds = {
    exit: () => leaving(on, wait, () => clearTimeout(timer), now),
    // From the top, 0, to the end, 100. What scrolls inside the page does not count, nor does a page that fits.
    scroll: () => {
      let measured;
      on("scroll", ({ target }) => {
        if (target !== document || measured) return;
        measured = 1;
        wait(GLANCE, () => {
          measured = 0;
          const length = document.documentElement.scrollHeight - innerHeight;
          // The last pixel is not reached where pixels are broken.
          if (scrollY && (scrollY + 1) * 100 >= percent * length) now();
        });
      });
    },
    inactivity: () => {
      const again = () => wait(seconds * 1e3, () => (document.hidden ? again() : now()));
      on("pointermove pointerdown keydown wheel scroll visibilitychange", again);
      again();
    },
    click: () => {
      // Throws here, once, when it is no selector.
      document.head.matches(selector);
      on("click", ({ target }) => target.closest?.(selector) && now());
    },
    // As the collector was told it, whichever dialect the shop speaks; what was queued on an earlier page is not this page's.
    event: () => link.call("on", "receipt", ({ name, time }) => name === event && time >= begun && holds() && now()),
  };
  if (kinds[kind]) kinds[kind]();
  else link.note("unknown_trigger", kind);
};

document.currentScript.ready(watch);
